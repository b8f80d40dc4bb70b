/*
 * triggers.c
 *		The triggers that tell us of changes, and the one that guards a TVIEW.
 *
 * A base table has one set of capture triggers, however many TVIEWs read it,
 * and so does each of its partitions and children, which can be written
 * directly.  They are ordinary named triggers: dumped, listed, disabled by
 * whoever may.  That they are ours is told by the function they call, never
 * by their name.  All fire ALWAYS: rows that replication brings count too.
 *
 * Usually they are statement triggers with transition tables.  A table gets
 * row triggers instead where these cannot see all changes:
 *
 * - foreign tables cannot have transition tables, and neither may a parent
 *   of foreign tables have them, or writing through it fails;
 * - a source that is itself a partition or child changes also through its
 *   parents, of whose statements only row triggers hear, and so does a child
 *   through a parent that is no part of the source;
 * - what a subscription brings is applied row by row, without statements.
 *
 * Row triggers always hear of everything, so a table that has them keeps
 * them.  A partitioned table has no rows of its own and needs none then.
 *
 * Locks: where rows are to be read afterwards, tview_triggers_lock has kept
 * writers away first.  By themselves, these functions lock only the tables
 * whose triggers they change.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

/* An event, and how its trigger is called. */
typedef struct CaptureEvent
{
	int16		event;
	const char *name;
	bool		has_new;		/* transition tables it can have */
	bool		has_old;
} CaptureEvent;

static const CaptureEvent capture_events[] = {
	{TRIGGER_TYPE_INSERT, TVIEW_TRIGGER_PREFIX "insert", true, false},
	{TRIGGER_TYPE_UPDATE, TVIEW_TRIGGER_PREFIX "update", true, true},
	{TRIGGER_TYPE_DELETE, TVIEW_TRIGGER_PREFIX "delete", false, true},
	{TRIGGER_TYPE_TRUNCATE, TVIEW_TRIGGER_PREFIX "truncate", false, false},
};

/* A capture trigger, and its table. */
typedef struct CaptureTrigger
{
	Oid			oid;
	Oid			relid;
} CaptureTrigger;

static List *capture_triggers(void);
static List *list_trees(List *relids);
static bool needs_triggers(Oid relid);
static bool needs_row_triggers(Oid relid, List *tree);
static bool has_outer_parent(List *tree);
static char *find_problem(Relation rel, const CaptureEvent *event,
						  bool by_row);
static bool can_hear_truncate(Relation rel);
static bool leaves_capture_rows(Oid relid, int16 event);
static void add_to_table(Oid relid, bool by_row);
static void add_for_event(Relation rel, const CaptureEvent *event,
						  bool by_row);
static Trigger *find_capture(Relation rel, int16 event);
static void create_capture(Relation rel, const CaptureEvent *event,
						   bool by_row);
static List *transition_tables(const CaptureEvent *event);
static void drop_trigger(Oid trigger);

PG_FUNCTION_INFO_V1(pg_tviews_guard);

/*
 * Keeps others from writing to these tables and their children until the
 * transaction ends, in the order of their OIDs.
 */
void
tview_triggers_lock(List *relids)
{
	List	   *locked = NIL;

	for (;;)
	{
		List	   *missing = list_difference_oid(list_trees(relids), locked);
		ListCell   *lc;

		if (missing == NIL)
			return;
		foreach(lc, missing)
			LockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
		/* and again, for children that came before their parent was locked */
		locked = list_concat(locked, missing);
	}
}

/*
 * An error unless the current user may have triggers made on a source.
 */
void
tview_triggers_check_right(Oid relid)
{
	AclResult	result;

	if (!needs_triggers(relid))
		return;
	result = pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
}

/*
 * Adds what is missing of the capture triggers on a source and its children.
 * As with row triggers on a partitioned table, the right to have them on the
 * source is enough.
 */
void
tview_triggers_add(Oid relid)
{
	List	   *tree;
	ListCell   *lc;
	bool		by_row;

	if (!needs_triggers(relid))
		return;
	tree = find_all_inheritors(relid, AccessShareLock, NULL);
	by_row = needs_row_triggers(relid, tree);
	foreach(lc, tree)
		add_to_table(lfirst_oid(lc), by_row);
}

/*
 * Adds the trigger that refuses direct changes of a TVIEW.
 */
void
tview_triggers_add_guard(Oid tview)
{
	Oid			guard = tview_catalog_function("pg_tviews_guard", 0, NULL);
	Relation	rel = table_open(tview, ShareRowExclusiveLock);
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);

	stmt->replace = true;
	stmt->trigname = TVIEW_TRIGGER_PREFIX "guard";
	stmt->funcname = list_make1(makeString("pg_tviews_guard"));
	stmt->timing = TRIGGER_TYPE_BEFORE;
	stmt->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
				   TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE;
	CreateTrigger(stmt, NULL, tview, InvalidOid, InvalidOid, InvalidOid,
				  guard, InvalidOid, NULL, false, false);
	CommandCounterIncrement();
	table_close(rel, NoLock);
}

/*
 * Drops the capture triggers of tables that no TVIEW reads any more.
 */
void
tview_triggers_remove_unneeded(void)
{
	ListCell   *lc;

	foreach(lc, capture_triggers())
	{
		CaptureTrigger *trigger = lfirst(lc);

		if (tview_catalog_dependents(trigger->relid) == NIL)
			drop_trigger(trigger->oid);
	}
}

/*
 * Locks the tables that TVIEWs read which are about to be dropped, so that
 * they are locked before those: that is the order of writers, who come to the
 * TVIEWs at commit.  Those that no other TVIEW reads will lose their triggers,
 * which takes the strongest lock.
 */
void
tview_triggers_lock_dropped(List *tviews)
{
	Oid			last = InvalidOid;
	ListCell   *lc;

	foreach(lc, capture_triggers())
	{
		Oid			relid = ((CaptureTrigger *) lfirst(lc))->relid;
		List	   *dependents = tview_catalog_dependents(relid);
		List	   *others = list_difference_oid(dependents, tviews);

		if (relid == last || list_length(others) == list_length(dependents))
			continue;
		LockRelationOid(relid, others == NIL ? AccessExclusiveLock :
											   ShareRowExclusiveLock);
		last = relid;
	}
}

/*
 * Returns all capture triggers: a List of CaptureTrigger, by table.
 */
static List *
capture_triggers(void)
{
	Oid			capture = tview_catalog_function("pg_tviews_capture", 0, NULL);
	List	   *triggers;
	List	   *result = NIL;
	ListCell   *lc;

	triggers = tview_plan_strings(psprintf("SELECT oid || ' ' || tgrelid"
										   " FROM pg_catalog.pg_trigger"
										   " WHERE tgfoid OPERATOR(pg_catalog.=) %u"
										   " ORDER BY tgrelid, oid",
										   capture));
	foreach(lc, triggers)
	{
		CaptureTrigger *trigger = palloc(sizeof(CaptureTrigger));

		if (sscanf(lfirst(lc), "%u %u", &trigger->oid, &trigger->relid) != 2)
			tview_internal_error("unexpected trigger \"%s\"",
								 (char *) lfirst(lc));
		result = lappend(result, trigger);
	}
	return result;
}

/*
 * The functions that our triggers call: a List of OIDs.  Who looks for them in
 * a table's triggers gets it first: any lookup may find that the relation is
 * to be read anew, and frees the triggers that were read before.
 */
List *
tview_triggers_functions(void)
{
	static const char *const names[] = {
		"pg_tviews_capture",
		"pg_tviews_guard",
		"pg_tviews_meta_insert",
	};
	List	   *result = NIL;

	for (int i = 0; i < lengthof(names); i++)
		result = lappend_oid(result,
							 tview_catalog_function(names[i], 0, NULL));
	return result;
}

/*
 * An error if a TVIEW needs the trigger of that name.
 */
void
tview_triggers_check_drop(Oid relid, const char *name)
{
	Oid			tview = InvalidOid;

	if (!tview_triggers_has_own(relid, name))
		return;
	if (tview_catalog_read(relid) != NULL)
		tview = relid;
	else if (tview_catalog_dependents(relid) != NIL)
		tview = linitial_oid(tview_catalog_dependents(relid));
	if (OidIsValid(tview))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop trigger %s on table %s because TVIEW \"%s\" needs it",
						quote_identifier(name),
						quote_identifier(get_rel_name(relid)),
						get_rel_name(tview)),
				 errhint("Drop the TVIEW, or use ALTER TABLE ... DISABLE TRIGGER for a while.")));
}

/*
 * Whether a table has a trigger of that name, and it is one of ours.
 */
bool
tview_triggers_has_own(Oid relid, const char *name)
{
	List	   *own = tview_triggers_functions();
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *desc = rel->trigdesc;
	bool		found = false;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (strcmp(desc->triggers[i].tgname, name) == 0 &&
			list_member_oid(own, desc->triggers[i].tgfoid))
			found = true;
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * The table of a trigger.
 */
Oid
tview_triggers_table(Oid trigger)
{
	List	   *tables;

	tables = tview_plan_strings(psprintf("SELECT tgrelid"
										 " FROM pg_catalog.pg_trigger"
										 " WHERE oid OPERATOR(pg_catalog.=) %u",
										 trigger));
	return tables == NIL ? InvalidOid : atooid(linitial(tables));
}

/*
 * What is wrong with the capture triggers of a source and its children: a List
 * of sentences.
 */
List *
tview_triggers_problems(Oid relid)
{
	List	   *problems = NIL;
	List	   *tree;
	ListCell   *lc;
	bool		by_row;

	if (!needs_triggers(relid))
		return NIL;
	tree = find_all_inheritors(relid, AccessShareLock, NULL);
	by_row = needs_row_triggers(relid, tree);
	foreach(lc, tree)
	{
		Relation	rel = table_open(lfirst_oid(lc), AccessShareLock);

		for (int i = 0; i < lengthof(capture_events); i++)
		{
			const CaptureEvent *event = &capture_events[i];
			char	   *problem = find_problem(rel, event, by_row);

			if (problem)
				problems = lappend(problems, problem);
		}
		table_close(rel, NoLock);
	}
	return problems;
}

/*
 * Whether a table has the trigger that refuses direct changes of a TVIEW, and
 * with enabled_only has it enabled.
 */
bool
tview_triggers_has_guard(Oid tview, bool enabled_only)
{
	Oid			guard = tview_catalog_function("pg_tviews_guard", 0, NULL);
	Relation	rel = table_open(tview, AccessShareLock);
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
 * Trigger on a TVIEW's table: refuses the statement, unless a dump is being
 * restored.
 *
 * Our own writes do not come by here, they fire row triggers only.  Foreign
 * keys on a TVIEW act through statements of their own: they may, for what they
 * change follows from another change.  That a foreign key acts is told by a
 * security context that PostgreSQL uses for nothing else.
 *
 * XXX Triggers that fire because of such an action get by as well.
 */
Datum
pg_tviews_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"pg_tviews_guard")));
	if (tview_restore_is_active())
		tview_restore_statement(RelationGetRelid(trigdata->tg_relation),
								TRIGGER_FIRED_BY_INSERT(trigdata->tg_event));
	else if (!InNoForceRLSOperation())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot change TVIEW \"%s\" directly",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("Change the tables that its view reads; the TVIEW follows.")));
	return PointerGetDatum(NULL);
}

/*
 * The relations that have triggers of ours, with all their children, sorted.
 * TVIEWs and their like are among them, for they must be locked as well.
 */
static List *
list_trees(List *relids)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (!IsCatalogRelationOid(lfirst_oid(lc)))
			result = list_concat_unique_oid(result,
											find_all_inheritors(lfirst_oid(lc),
																NoLock, NULL));
	}
	list_sort(result, list_oid_cmp);
	return result;
}

/*
 * Whether changes of a relation are captured by triggers: not those of system
 * catalogs, which cannot have any, nor those of a TVIEW, which we write.
 */
static bool
needs_triggers(Oid relid)
{
	return !IsCatalogRelationOid(relid) && tview_catalog_read(relid) == NULL;
}

/*
 * Whether statement triggers would miss changes of this source, or break
 * them; see the top of this file.
 */
static bool
needs_row_triggers(Oid relid, List *tree)
{
	ListCell   *lc;

	foreach(lc, tree)
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return has_superclass(relid) ||
		   (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE &&
			has_outer_parent(tree)) ||
		   tview_catalog_is_subscribed(tree);
}

/*
 * Whether a table's child has another parent, which is no child of it.
 */
static bool
has_outer_parent(List *tree)
{
	ListCell   *lc;

	foreach(lc, tree)
	{
		if (list_difference_oid(tview_catalog_ancestors(lfirst_oid(lc)),
								tree) != NIL)
			return true;
	}
	return false;
}

/*
 * What is wrong with the capture trigger of one table and event, or NULL.
 */
static char *
find_problem(Relation rel, const CaptureEvent *event, bool by_row)
{
	const char *name = tview_names_shown(RelationGetRelid(rel));
	char		relkind = rel->rd_rel->relkind;
	Trigger    *trigger = find_capture(rel, event->event);

	if (event->event == TRIGGER_TYPE_TRUNCATE ?
			!can_hear_truncate(rel) :
			by_row && relkind == RELKIND_PARTITIONED_TABLE)
		return NULL;			/* needs none */
	if (trigger == NULL && relkind == RELKIND_PARTITIONED_TABLE &&
		leaves_capture_rows(RelationGetRelid(rel), event->event))
		return NULL;			/* another TVIEW reads this partition */
	if (trigger == NULL)
		return psprintf("%s has no trigger for %s.", name,
						event->name + strlen(TVIEW_TRIGGER_PREFIX));
	if (trigger->tgenabled == TRIGGER_DISABLED ||
		trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA)
		return psprintf("Trigger %s on %s is disabled.", trigger->tgname,
						name);
	return NULL;
}

/*
 * Whether a table can have a trigger for TRUNCATE.
 */
static bool
can_hear_truncate(Relation rel)
{
	return COMPAT_FOREIGN_TRUNCATE_TRIGGERS ||
		   rel->rd_rel->relkind != RELKIND_FOREIGN_TABLE;
}

/*
 * Whether all partitions below a table capture an event by row.
 */
static bool
leaves_capture_rows(Oid relid, int16 event)
{
	bool		result = event != TRIGGER_TYPE_TRUNCATE;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel = table_open(lfirst_oid(lc), NoLock);
		Trigger    *trigger = find_capture(rel, event);

		if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
			(trigger == NULL || !TRIGGER_FOR_ROW(trigger->tgtype)))
			result = false;
		table_close(rel, NoLock);
	}
	return result;
}

/*
 * Brings the capture triggers of one table up to what is needed.
 */
static void
add_to_table(Oid relid, bool by_row)
{
	Relation	rel = table_open(relid, AccessShareLock);

	for (int i = 0; i < lengthof(capture_events); i++)
		add_for_event(rel, &capture_events[i], by_row);
	table_close(rel, NoLock);
}

/*
 * Brings the capture trigger of one table and event up to what is needed.
 */
static void
add_for_event(Relation rel, const CaptureEvent *event, bool by_row)
{
	Trigger    *existing = find_capture(rel, event->event);

	if (event->event == TRIGGER_TYPE_TRUNCATE)
	{
		if (!can_hear_truncate(rel))
			return;
		by_row = false;
	}
	if (by_row && rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		if (existing != NULL)
			drop_trigger(existing->tgoid);
		return;
	}
	if (existing != NULL && (TRIGGER_FOR_ROW(existing->tgtype) || !by_row))
		return;
	create_capture(rel, event, by_row);
}

/*
 * The capture trigger that a table has for an event, or NULL.  Like all that
 * a Relation holds of triggers, it is valid until the next lookup.
 */
static Trigger *
find_capture(Relation rel, int16 event)
{
	Oid			capture = tview_catalog_function("pg_tviews_capture", 0, NULL);
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (desc->triggers[i].tgfoid == capture &&
			(desc->triggers[i].tgtype & event) != 0)
			return &desc->triggers[i];
	}
	return NULL;
}

/*
 * Creates a capture trigger, in place of one that captures by statement.
 *
 * By the function rather than the commands, since those that know only the
 * name of our function may not see its schema.
 */
static void
create_capture(Relation rel, const CaptureEvent *event, bool by_row)
{
	Oid			capture = tview_catalog_function("pg_tviews_capture", 0, NULL);
	Trigger    *existing = find_capture(rel, event->event);
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	Oid			userid;
	int			sec_context;

	stmt->replace = existing != NULL;
	stmt->trigname = pstrdup(existing ? existing->tgname : event->name);
	stmt->funcname = list_make1(makeString("pg_tviews_capture"));
	stmt->row = by_row;
	stmt->timing = TRIGGER_TYPE_AFTER;
	stmt->events = event->event;
	stmt->transitionRels = by_row ? NIL : transition_tables(event);
	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE);
	CreateTriggerFiringOn(stmt, NULL, RelationGetRelid(rel), InvalidOid,
						  InvalidOid, InvalidOid, capture, InvalidOid, NULL,
						  false, false, TRIGGER_FIRES_ALWAYS);
	SetUserIdAndSecContext(userid, sec_context);
	CommandCounterIncrement();
}

/*
 * The REFERENCING clause of a statement trigger.
 */
static List *
transition_tables(const CaptureEvent *event)
{
	List	   *result = NIL;
	TriggerTransition *table;

	if (event->has_new)
	{
		table = makeNode(TriggerTransition);
		table->name = TVIEW_TRIGGER_PREFIX "new";
		table->isNew = true;
		table->isTable = true;
		result = lappend(result, table);
	}
	if (event->has_old)
	{
		table = makeNode(TriggerTransition);
		table->name = TVIEW_TRIGGER_PREFIX "old";
		table->isTable = true;
		result = lappend(result, table);
	}
	return result;
}

/*
 * Drops a trigger, whosever the table is.
 */
static void
drop_trigger(Oid trigger)
{
	ObjectAddress address;

	ObjectAddressSet(address, TriggerRelationId, trigger);
	performDeletion(&address, DROP_RESTRICT, 0);
	CommandCounterIncrement();
}
