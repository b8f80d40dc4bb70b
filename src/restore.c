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
 * - Rows of TVIEWs may have been left out while those of base tables came.
 *   Whichever of their triggers comes last finds that out, and marks the TVIEW
 *   as stale.
 *
 * - Data alone goes into TVIEWs that are live.  What is loaded into them
 *   replaces what they have, and is compared with the view afterwards.
 *
 * Triggers that somebody had disabled have missed changes, be it in a restore
 * or otherwise.  So enabling them refreshes, and enables them for replicas
 * too, as ours all are: ENABLE TRIGGER ALL knows nothing of that.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
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

/* Why TVIEWs are stale: as SQLSTATEs, of ERRCODE_NO_DATA and
 * ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE. */
#define LACKS_ROWS	   "02000"
#define LACKS_TRIGGERS "55000"

/* A TVIEW, and whether rows of it should have come with a dump. */
typedef struct RowsCheck
{
	Oid			tview;
	bool		lacks_rows;
} RowsCheck;

static void register_table(Oid tview);
static bool completes_table(Oid relid, Oid trigger);
static void check_rows(Oid relid);
static bool lock_views(Oid tview);
static bool is_stale_for(Oid relid, const char *reason);
static void look_for_rows(void *arg);
static void catch_up(Oid tview);
static void refresh_whole(void *arg);
static bool has_rows(const char *name);
static void begin_rows(Oid tview);
static List *own_triggers(Relation rel, const char *name);
static List *key_of(Oid tview, Oid view);
static void touch_self(Oid tview);
static void refresh_constants(Oid tview);
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
 * True for a restore while rows are being loaded into a TVIEW, which the
 * caller has locked, so that nobody begins to: they are still to come, and it
 * is compared with its view when they are there.
 */
bool
tview_restore_is_loading(Oid tview)
{
	return tview_restore_is_active() &&
		   !tview_triggers_has_guard(tview, true);
}

/*
 * Follows the creation of a trigger.  The rows of its table have come before
 * it.  Workers of a parallel restore do this one after the other, or none of
 * two would see what the other has done.
 */
void
tview_restore_trigger(Oid trigger)
{
	Oid			relid = tview_triggers_table(trigger);
	List	   *tviews;
	ListCell   *lc;

	if (IsBinaryUpgrade || !completes_table(relid, trigger))
		return;
	LockRelationOid(tview_catalog_relid(), ShareRowExclusiveLock);
	register_table(relid);
	tviews = list_append_unique_oid(tview_catalog_dependents(relid), relid);
	foreach(lc, tviews)
	{
		check_rows(lfirst_oid(lc));
		catch_up(lfirst_oid(lc));
	}
}

/*
 * Follows the creation of a view.  One that needs a primary key is replaced
 * when that is there, and has a row of NULLs before: what that has told of
 * TVIEWs, also of those further up, is to be judged anew.
 */
void
tview_restore_view(Oid view)
{
	ListCell   *lc;

	if (IsBinaryUpgrade || tview_catalog_list() == NIL ||
		(!OidIsValid(tview_catalog_of_view(view)) &&
		 tview_catalog_dependents(view) == NIL))
		return;
	LockRelationOid(tview_catalog_relid(), ShareRowExclusiveLock);
	foreach(lc, tview_catalog_list())
		check_rows(lfirst_oid(lc));
}

/*
 * Is called before a trigger is dropped.
 */
void
tview_restore_lose_trigger(Oid relid, const char *name)
{
	if (tview_triggers_has_own(relid, name))
		tview_restore_lack_triggers(relid);
}

/*
 * Marks the TVIEWs that read a table as stale until it has all of its
 * triggers: it is restored into a database in which they are in use.  Those
 * that are being taken apart do not mind.
 */
void
tview_restore_lack_triggers(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(relid))
	{
		LockRelationOid(tview_catalog_relid(), ShareRowExclusiveLock);
		if (tview_catalog_read(lfirst_oid(lc)) != NULL &&
			tview_triggers_has_guard(lfirst_oid(lc), false) &&
			!tview_catalog_is_stale(lfirst_oid(lc)))
			tview_catalog_set_stale(lfirst_oid(lc), LACKS_TRIGGERS);
	}
}

/*
 * Follows a statement on a TVIEW's table: what it does to rows is compared
 * with the view.
 */
void
tview_restore_statement(Oid tview, bool is_insert)
{
	if (is_insert)
		begin_rows(tview);
	else
		touch_self(tview);
}

/*
 * Registers a table that has got its guard from a dump, but no row in
 * pg_tview_meta: the dump has none, or it comes later.
 */
static void
register_table(Oid tview)
{
	char	   *entity = tview_names_entity(get_rel_name(tview));
	TviewMeta	meta = {0};

	if (!tview_triggers_has_guard(tview, false) ||
		tview_catalog_read(tview) != NULL)
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
static void
begin_rows(Oid tview)
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
 * Marks a TVIEW, if the table is one, as stale if it has no rows and should
 * have some, and takes the mark away if it should not.
 */
static void
check_rows(Oid relid)
{
	RowsCheck	check = {.tview = relid};
	bool		is_marked = is_stale_for(relid, LACKS_ROWS);

	if (tview_catalog_read(relid) == NULL ||
		!tview_triggers_has_guard(relid, false) ||
		(tview_catalog_is_stale(relid) && !is_marked) ||
		has_rows(tview_names_qualified(relid)))
		return;
	/* if one is being replaced, that will have us called again */
	if (!lock_views(relid))
		return;
	if (tview_attempt(look_for_rows, &check) != NULL)
		check.lacks_rows = true;
	if (check.lacks_rows == is_marked)
		return;
	tview_catalog_set_stale(relid, check.lacks_rows ? LACKS_ROWS : NULL);
	if (check.lacks_rows)
		ereport(WARNING,
				(errcode(ERRCODE_NO_DATA),
				 errmsg("TVIEW \"%s\" is stale: the dump has no rows for it",
						get_rel_name(relid)),
				 errhint("Call pg_tviews_refresh() when all is restored.")));
}

/*
 * Locks the views that a TVIEW's definition is read from; false if one cannot
 * be had at once.  Who has it waits for us, and must not be waited for.
 */
static bool
lock_views(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	List	   *views = list_make1_oid(meta->view);
	ListCell   *lc;

	foreach(lc, views)
	{
		Oid			view = lfirst_oid(lc);
		List	   *relids;
		ListCell   *relid;

		if (!ConditionalLockRelationOid(view, AccessShareLock))
			return false;
		relids = tview_plan_strings(psprintf("SELECT DISTINCT d.refobjid"
											 " FROM pg_catalog.pg_depend d"
											 " JOIN pg_catalog.pg_rewrite r"
											 " ON r.oid OPERATOR(pg_catalog.=) d.objid"
											 " WHERE d.classid OPERATOR(pg_catalog.=) %u"
											 " AND d.refclassid OPERATOR(pg_catalog.=) %u"
											 " AND r.ev_class OPERATOR(pg_catalog.=) %u",
											 RewriteRelationId,
											 RelationRelationId, view));
		foreach(relid, relids)
		{
			Oid			read = atooid(lfirst(relid));

			meta = tview_catalog_read(read);
			if (meta != NULL)
				views = list_append_unique_oid(views, meta->view);
			else if (get_rel_relkind(read) == RELKIND_VIEW)
				views = list_append_unique_oid(views, read);
		}
	}
	return true;
}

/*
 * Whether that is why a table, if it is a TVIEW, is stale.
 */
static bool
is_stale_for(Oid relid, const char *reason)
{
	const char *code = tview_catalog_stale_code(relid);

	return code != NULL && strcmp(code, reason) == 0;
}

/*
 * Work of an attempt: asks a TVIEW's view for rows.  It has no definition yet
 * where a parallel restore makes its key, or that of another TVIEW, later.
 */
static void
look_for_rows(void *arg)
{
	RowsCheck  *check = arg;
	TviewMeta  *meta = tview_catalog_read(check->tview);
	Relation	view = relation_open(meta->view, AccessShareLock);
	TviewIdentity identity;

	tview_plan_become_owner(&identity, view->rd_rel->relowner,
							SECURITY_RESTRICTED_OPERATION,
							tview_options_settings(meta->options));
	check->lacks_rows = has_rows(tview_names_qualified(meta->view));
	tview_plan_leave_owner(&identity);
	relation_close(view, NoLock);
}

/*
 * Refreshes a TVIEW that was stale for want of triggers, if all are there.
 */
static void
catch_up(Oid tview)
{
	ErrorData  *failure;

	if (!is_stale_for(tview, LACKS_TRIGGERS) ||
		!tview_triggers_has_guard(tview, false))
		return;
	failure = tview_attempt(refresh_whole, &tview);
	if (failure)
		ereport(WARNING,
				(errcode(failure->sqlerrcode),
				 errmsg("TVIEW \"%s\" is stale: %s", get_rel_name(tview),
						failure->message),
				 errhint("Remove the cause, then call pg_tviews_refresh().")));
}

/*
 * Work of an attempt: refreshes a TVIEW unless there are triggers missing.
 */
static void
refresh_whole(void *arg)
{
	TviewDef   *def = tview_definition_get(*(Oid *) arg);

	for (int i = 0; i < def->nsources; i++)
	{
		if (tview_triggers_problems(def->sources[i].relid) != NIL)
			return;
	}
	(void) tview_refresh_all(def, false);
}

/*
 * Whether a table or view has rows.
 */
static bool
has_rows(const char *name)
{
	return tview_plan_strings(psprintf("SELECT NULL::pg_catalog.text FROM %s LIMIT 1",
									   name)) != NIL;
}

/*
 * Whether this is the last of our triggers on a table, in the order of their
 * names, or the one that guards a TVIEW.  One check for a table is enough.
 */
static bool
completes_table(Oid relid, Oid trigger)
{
	List	   *own = tview_triggers_functions();
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *desc = rel->trigdesc;
	bool		found = false;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (desc->triggers[i].tgoid == trigger &&
			list_member_oid(own, desc->triggers[i].tgfoid) &&
			TRIGGER_FOR_UPDATE(desc->triggers[i].tgtype))
			found = true;
	}
	table_close(rel, NoLock);
	return found;
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
	refresh_constants(relid);
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
	HeapTuple	tuple;
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
	tuple = tview_catalog_row_successor(trigdata->tg_relation,
										trigdata->tg_trigtuple);
	if (OidIsValid(tview_catalog_of_view(view)))
		tview_catalog_delete(tview_catalog_of_view(view));
	tview_catalog_delete(tview);
	if (get_rel_relkind(view) == RELKIND_VIEW)
		announce_view(view);
	return PointerGetDatum(tuple);
}

/*
 * The names of a table's triggers that call our functions and are not enabled
 * for replicas; of one only, if name is given.
 */
static List *
own_triggers(Relation rel, const char *name)
{
	List	   *result = NIL;
	List	   *own = tview_triggers_functions();
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (list_member_oid(own, trigger->tgfoid) &&
			(name == NULL || strcmp(name, trigger->tgname) == 0) &&
			trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
			result = lappend(result, pstrdup(trigger->tgname));
	}
	return result;
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
 * other tables, and for a TVIEW of constants, which has no flushes.
 */
static void
touch_self(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def != NULL && def->nsources > 0)
		tview_queue_touch_all(tview_queue_get(def, &def->sources[0]));
}

/*
 * Refreshes a TVIEW of constants at once; does nothing for other tables.
 */
static void
refresh_constants(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def != NULL && def->nsources == 0)
		(void) tview_refresh_all(def, false);
}

/*
 * Has the TVIEWs that read a table recomputed at the next flush.
 */
static void
touch_readers(Oid relid)
{
	List	   *relids = lcons_oid(relid, tview_catalog_ancestors(relid));
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

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
