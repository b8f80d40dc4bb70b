/*
 * restore.c
 *		What a dump does not keep of a TVIEW, and what a restore may do.
 *
 * A whole dump needs nothing of this: tables, views, triggers, and the rows of
 * pg_tview_meta come back one after the other, and belong together when all
 * are there.  Dumps in parts need help:
 *
 * - Without data, or of one schema, there is no row in pg_tview_meta.  It is
 *   made anew when the trigger comes that guards the table.  Should it come
 *   from the dump after all, it takes the place of that one.
 *
 * - Data alone goes into TVIEWs that are live.  What is loaded into them
 *   replaces what they have, and is compared with the view afterwards.
 *
 * Triggers that somebody had disabled have missed changes, be it in a restore
 * or otherwise.  So enabling them refreshes, and enables them for replicas
 * too, as ours all are: ENABLE TRIGGER ALL knows nothing of that.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

static List *own_triggers(Relation rel, const char *name);
static bool has_guard(Oid relid, bool enabled_only);
static List *key_of(Oid tview, Oid view);
static void touch_self(Oid tview);
static void touch_readers(Oid relid);
static void announce_view(Oid view);

PG_FUNCTION_INFO_V1(pg_tviews_meta_insert);

/*
 * Whether a dump is being restored, as far as its settings tell: function
 * bodies are not checked, and nothing is on the search_path.
 */
bool
tview_restore_is_active(void)
{
	return IsBinaryUpgrade ||
		   (!check_function_bodies && namespace_search_path[0] == '\0');
}

/*
 * Registers a table that has got its guard from a dump, but no row in
 * pg_tview_meta: the dump has none, or it comes later.
 */
void
tview_restore_register(Oid tview)
{
	char	   *entity = tview_names_entity(get_rel_name(tview));
	TviewMeta	meta = {0};

	if (IsBinaryUpgrade || !has_guard(tview, false))
		return;
	/* somebody may be loading the row just now */
	LockRelationOid(tview_catalog_relid(), ShareRowExclusiveLock);
	if (tview_catalog_read(tview) != NULL)
		return;
	meta.tview = tview;
	meta.entity = entity;
	if (entity != NULL)
		meta.view = get_relname_relid(psprintf("%s%s", TVIEW_VIEW_PREFIX,
											   entity),
									  get_rel_namespace(tview));
	if (OidIsValid(meta.view) && get_rel_relkind(meta.view) == RELKIND_VIEW)
		meta.key_columns = key_of(tview, meta.view);
	if (meta.key_columns == NIL)
	{
		ereport(WARNING,
				(errmsg("table \"%s\" was a TVIEW and is not maintained yet",
						get_rel_name(tview)),
				 errdetail("The dump does not tell which view it follows."),
				 errhint("Restore the data of pg_tview_meta too, or use pg_tviews_convert_existing_table().")));
		return;
	}
	meta.options = tview_options_default();
	tview_catalog_insert(&meta);
	announce_view(meta.view);
}

/*
 * Lets a restore load rows into a TVIEW: in place of those that it has, and
 * to be compared with the view when all are there.  Nobody else writes to it
 * until the transaction ends.
 */
void
tview_restore_begin_rows(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def == NULL)
		return;
	(void) tview_locks_begin(def, NIL, true);
	tview_plan_command(psprintf("DELETE FROM ONLY %s",
								tview_names_qualified(tview)));
	touch_self(tview);
	touch_readers(tview);
}

/*
 * Follows ALTER TABLE ... ENABLE or DISABLE TRIGGER: name is the trigger's, or
 * NULL for all.
 */
void
tview_restore_enabled(Oid relid, const char *name)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *triggers = own_triggers(rel, name);
	ListCell   *lc;

	table_close(rel, NoLock);
	if (triggers == NIL)
		return;
	foreach(lc, triggers)
		tview_plan_command(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
									tview_names_qualified(relid),
									quote_identifier(lfirst(lc))));
	/* a restore enables single triggers as it creates them */
	if (name != NULL && tview_restore_is_active())
		return;
	touch_self(relid);
	touch_readers(relid);
}

/*
 * The same for DISABLE TRIGGER.
 */
void
tview_restore_disabled(Oid relid, const char *name)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *triggers = own_triggers(rel, name);
	bool		is_tview = tview_catalog_read(relid) != NULL;

	table_close(rel, NoLock);
	if (triggers == NIL)
		return;
	if (relid == tview_catalog_relid())
		tview_restore_enabled(relid, name);
	else if (tview_restore_is_active())
	{
		/* rows are about to be loaded */
		if (is_tview && name == NULL)
			tview_plan_command(psprintf("DELETE FROM ONLY %s",
										tview_names_qualified(relid)));
	}
	else if (is_tview)
		ereport(WARNING,
				(errmsg("TVIEW \"%s\" is no longer protected against direct changes",
						get_rel_name(relid)),
				 errhint("ALTER TABLE ... ENABLE TRIGGER makes it equal its view again.")));
	else if (tview_catalog_dependents(relid) != NIL)
		ereport(WARNING,
				(errmsg("TVIEWs no longer follow changes of table \"%s\"",
						get_rel_name(relid)),
				 errhint("ALTER TABLE ... ENABLE TRIGGER brings them up to date again.")));
}

/*
 * Trigger on pg_tview_meta: a row that a dump brings takes the place of one
 * for the same TVIEW, and everybody gets to know.
 */
Datum
pg_tviews_meta_insert(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Oid			tview;
	Oid			view;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a row trigger",
						"pg_tviews_meta_insert")));
	tview_catalog_row_oids(trigdata->tg_relation, trigdata->tg_trigtuple,
						   &tview, &view);
	if (OidIsValid(tview_catalog_of_view(view)))
		tview_catalog_delete(tview_catalog_of_view(view));
	tview_catalog_delete(tview);
	if (get_rel_relkind(view) == RELKIND_VIEW)
		announce_view(view);
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/*
 * The names of a table's triggers that call our functions and are not enabled
 * for replicas; of one only, if name is given.
 */
static List *
own_triggers(Relation rel, const char *name)
{
	List	   *result = NIL;
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (tview_triggers_is_own(trigger->tgfoid) &&
			(name == NULL || strcmp(name, trigger->tgname) == 0) &&
			trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
			result = lappend(result, pstrdup(trigger->tgname));
	}
	return result;
}

/*
 * Whether a table has the trigger that guards a TVIEW.
 */
static bool
has_guard(Oid relid, bool enabled_only)
{
	Oid			guard = tview_catalog_function("pg_tviews_guard", 0, NULL);
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *desc = rel->trigdesc;
	bool		found = false;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (desc->triggers[i].tgfoid == guard &&
			(!enabled_only ||
			 desc->triggers[i].tgenabled != TRIGGER_DISABLED))
			found = true;
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * The key columns of a table that was a TVIEW: pk_x if that is unique, as it
 * is by convention, or else the primary key.  NIL if the view lacks them.
 */
static List *
key_of(Oid tview, Oid view)
{
	char	   *entity = tview_names_entity(get_rel_name(tview));
	List	   *key = list_make1(makeString(psprintf("%s%s", TVIEW_KEY_PREFIX,
													 entity)));
	ListCell   *lc;

	if (!tview_create_has_key(tview, key))
		key = tview_create_primary_key(tview);
	foreach(lc, key)
	{
		if (get_attnum(view, strVal(lfirst(lc))) <= 0)
			return NIL;
	}
	return key;
}

/*
 * Has all rows of a TVIEW recomputed at the next flush; does nothing for
 * other tables.
 */
static void
touch_self(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def == NULL)
		return;
	if (def->nsources > 0)
		tview_queue_touch_all(tview_queue_get(def, &def->sources[0]));
	else
		(void) tview_refresh_all(def, false);
}

/*
 * Has the TVIEWs that read a table recomputed at the next flush.  A restore
 * leaves out those into which rows are being loaded: they are still to come.
 */
static void
touch_readers(Oid relid)
{
	List	   *relids = lcons_oid(relid, tview_catalog_ancestors(relid));
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		if (tview_restore_is_active())
		{
			/* until we are done, nobody begins to load */
			LockRelationOid(lfirst_oid(lc), RowExclusiveLock);
			if (!has_guard(lfirst_oid(lc), true))
				continue;
		}
		for (int i = 0; def != NULL && i < def->nsources; i++)
		{
			if (list_member_oid(relids, def->sources[i].relid))
				tview_queue_touch_all(tview_queue_get(def, &def->sources[i]));
		}
	}
}

/*
 * Makes all backends find out anew which TVIEWs the relations that a view
 * reads are sources of.
 */
static void
announce_view(Oid view)
{
	ListCell   *lc;

	foreach(lc, tview_analyze_relations(tview_create_view_query(view)))
	{
		ListCell   *child;

		foreach(child, find_all_inheritors(lfirst_oid(lc), NoLock, NULL))
			CacheInvalidateRelcacheByRelid(lfirst_oid(child));
	}
}
