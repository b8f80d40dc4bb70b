/*
 * ddl.c
 *		Event triggers: what was typed, and who has to know.
 *
 * CREATE TABLE tv_x AS SELECT goes to table_as.c, at its start and at its end.
 * After other commands we look at the relations that they touched and hand
 * them to alter.c.  Which they are, PostgreSQL tells.
 *
 * While a dump is being restored none of this happens: the parts of a TVIEW
 * arrive one by one, and all of them will.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

/* What an ALTER TABLE may have changed. */
#define CHANGED_ROWS		1 /* which there are, or their values */
#define CHANGED_CHILDREN	2 /* which tables are its children */
#define CHANGED_COLUMNS		4 /* which there are, or their types */
#define CHANGED_CONSTRAINTS 8
#define CHANGED_OWNER		16
#define CHANGED_PERSISTENCE 32
#define CHANGED_OPTIONS		64 /* as whom a view reads, say */

/* Local data: commands that pg_tviews_ddl_end was called for */
static uint64 ended = 0;

static Node *get_parsetree(FunctionCallInfo fcinfo);
static void start_alter_table(AlterTableStmt *stmt);
static void start_detach_concurrently(RangeVar *table);
static void take_xid(void *arg);
static void check_type(RangeVar *table, const char *column);
static void start_drop_triggers(DropStmt *stmt);
static void start_drop_tables(DropStmt *stmt);
static List *touched_objects(Oid class);
static void follow_switched_triggers(AlterTableStmt *stmt);
static void follow_restored(Node *parsetree);
static void follow(Node *parsetree);
static void follow_new_tables(void);
static void follow_subscriptions(void);
static void follow_alter_table(AlterTableStmt *stmt);
static void follow_altered_table(Oid relid, int changes);
static int	alter_table_changes(AlterTableStmt *stmt);
static void follow_dropped_parents(AlterTableStmt *stmt);
static void follow_views(List *relids);
static void follow_rule(RuleStmt *stmt);
static void forget_texts(void);
static void follow_rename(RenameStmt *stmt);
static void follow_column(Oid relid, RenameStmt *stmt);
static void follow_schema(void);
static void follow_objects(Oid class);
static void follow_dropped_policies(void);
static void follow_dropped_columns(void);
static void refuse_statement_trigger(CreateTrigStmt *stmt);
static void follow_rows(RangeVar *relation);
static List *dropped_relations(void);
static DropBehavior drop_behavior(Node *parsetree);
static bool has_dropped_captured(void);

PG_FUNCTION_INFO_V1(pg_tviews_ddl_start);
PG_FUNCTION_INFO_V1(pg_tviews_ddl_end);
PG_FUNCTION_INFO_V1(pg_tviews_sql_drop);

/*
 * Event trigger at the start of commands: keeps CREATE TABLE tv_x AS from
 * filling the table, and makes sure that what belongs together is dropped
 * together.
 */
Datum
pg_tviews_ddl_start(PG_FUNCTION_ARGS)
{
	Node	   *parsetree = get_parsetree(fcinfo);

	if (IsA(parsetree, CreateTableAsStmt))
		tview_table_as_start((CreateTableAsStmt *) parsetree);
	else if (IsA(parsetree, AlterTableStmt))
		start_alter_table((AlterTableStmt *) parsetree);
	else if (IsA(parsetree, DropStmt) &&
			 ((DropStmt *) parsetree)->removeType == OBJECT_TRIGGER)
		start_drop_triggers((DropStmt *) parsetree);
	else if (!tview_restore_is_active())
	{
		if (IsA(parsetree, DropStmt) &&
			((DropStmt *) parsetree)->removeType == OBJECT_TABLE)
			start_drop_tables((DropStmt *) parsetree);
		tview_drop_link_all();
	}
	PG_RETURN_NULL();
}

/*
 * Event trigger at the end of commands: makes TVIEWs, and follows what else
 * concerns them.
 */
Datum
pg_tviews_ddl_end(PG_FUNCTION_ARGS)
{
	Node	   *parsetree = get_parsetree(fcinfo);

	ended++;
	if (IsA(parsetree, CreateTableAsStmt))
	{
		CreateTableAsStmt *stmt = (CreateTableAsStmt *) parsetree;

		if (tview_table_as_is_ours(stmt))
			tview_table_as_end(stmt, touched_objects(RelationRelationId));
	}
	else
	{
		if (IsA(parsetree, AlterTableStmt))
			follow_switched_triggers((AlterTableStmt *) parsetree);
		if (tview_restore_is_active())
			follow_restored(parsetree);
		else if (tview_catalog_list() != NIL)
			follow(parsetree);
	}
	PG_RETURN_NULL();
}

/*
 * The number of commands that the event trigger has followed in this session:
 * whoever counts on it can tell whether it is disabled, and by whatever means.
 */
uint64
tview_ddl_ended(void)
{
	return ended;
}

/*
 * Event trigger after something was dropped.
 */
Datum
pg_tviews_sql_drop(PG_FUNCTION_ARGS)
{
	Node	   *parsetree = get_parsetree(fcinfo);
	bool		lost_children;

	if (tview_catalog_list() == NIL)
		PG_RETURN_NULL();
	lost_children = has_dropped_captured();
	tview_drop_clean(dropped_relations(), drop_behavior(parsetree),
					 tview_restore_is_active());
	if (lost_children)
		tview_alter_refresh_parents();
	if (!tview_restore_is_active())
	{
		follow_dropped_policies();
		if (!IsA(parsetree, AlterTableStmt))
			follow_dropped_columns();
	}
	PG_RETURN_NULL();
}

/*
 * The command that an event trigger was called for.
 */
static Node *
get_parsetree(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function was not called by event trigger manager")));
	return ((EventTriggerData *) fcinfo->context)->parsetree;
}

/*
 * Refuses what would change the type of a column that TVIEWs use.
 *
 * Lets the workers of a parallel restore that enable or disable the triggers
 * of tables do so one after the other: what follows from it takes locks
 * besides that of the table.
 */
static void
start_alter_table(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		AlterTableType subtype = cmd->subtype;

		if (subtype == AT_AlterColumnType)
			check_type(stmt->relation, cmd->name);

		if (subtype == AT_DetachPartition && !tview_restore_is_active() &&
			castNode(PartitionCmd, cmd->def)->concurrent)
			start_detach_concurrently(stmt->relation);

		if ((subtype == AT_EnableTrigAll || subtype == AT_DisableTrigAll) &&
			tview_restore_is_active())
			LockRelationOid(tview_catalog_relid(), ShareUpdateExclusiveLock);
	}
}

/*
 * Has TVIEWs refreshed that read a partitioned table, from which a partition
 * is going to be detached concurrently.  This is done in two transactions, and
 * after the first the view is without the partition's rows: for as long as
 * others keep the second waiting, or for ever, should it be cancelled.  So the
 * TVIEW must follow in the first.
 *
 * There the partition counts as detached for snapshots to which the
 * transaction's own XID is not in progress.  PostgreSQL asks only whether the
 * XID is below the snapshot's xmax, which is one more than the last XID that
 * has ended: that of a subtransaction will do.
 */
static void
start_detach_concurrently(RangeVar *table)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (!OidIsValid(relid))
		return;
	tview_alter_refresh_later(relid);
	if (tview_queue_is_empty())
		return;
	(void) GetCurrentTransactionId();
	(void) tview_attempt_trial(take_xid, NULL);
}

/*
 * Work of an attempt: makes the subtransaction have an XID.
 */
static void
take_xid(void *arg)
{
	(void) GetCurrentTransactionId();
}

/*
 * Refuses to change the type of a column that TVIEWs use.
 */
static void
check_type(RangeVar *table, const char *column)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (OidIsValid(relid))
		tview_alter_check_type(relid, column);
}

/*
 * Refuses to drop triggers that TVIEWs need, unless a restore does so, to make
 * them anew.  Each is named by its table's name and its own.
 */
static void
start_drop_triggers(DropStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		List	   *table = list_copy(lfirst_node(List, lc));
		char	   *name = strVal(llast(table));
		Oid			relid;

		table = list_truncate(table, list_length(table) - 1);
		if (table == NIL)
			continue;
		relid = RangeVarGetRelid(makeRangeVarFromNameList(table), NoLock,
								 true);
		if (OidIsValid(relid) && tview_restore_is_active())
			tview_restore_lose_trigger(relid, name);
		else if (OidIsValid(relid))
			tview_triggers_check_drop(relid, name);
	}
}

/*
 * Locks what will have to be locked when TVIEWs are dropped by their names, in
 * the order of writers.
 *
 * XXX TVIEWs that CASCADE or another command takes along have theirs locked
 * after them, and a writer that comes in between is a deadlock's victim.
 */
static void
start_drop_tables(DropStmt *stmt)
{
	List	   *tviews = NIL;
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		List	   *name = lfirst_node(List, lc);
		Oid			relid = RangeVarGetRelid(makeRangeVarFromNameList(name),
											 NoLock, true);

		if (OidIsValid(relid) && tview_catalog_read(relid) != NULL &&
			compat_owns_relation(relid, GetUserId()))
			tviews = lappend_oid(tviews, relid);
	}
	if (tviews != NIL)
		tview_triggers_lock_dropped(tviews);
}

/*
 * The objects of a class that the command has created or altered.
 */
static List *
touched_objects(Oid class)
{
	List	   *objects;
	List	   *result = NIL;
	ListCell   *lc;

	objects = tview_plan_strings(psprintf("SELECT objid"
										  " FROM pg_catalog.pg_event_trigger_ddl_commands()"
										  " WHERE classid OPERATOR(pg_catalog.=) %u",
										  class));
	foreach(lc, objects)
		result = list_append_unique_oid(result, atooid(lfirst(lc)));
	return result;
}

/*
 * Triggers that ALTER TABLE has enabled or disabled.
 */
static void
follow_switched_triggers(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		ListCell   *rel;

		switch (cmd->subtype)
		{
			case AT_EnableTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
			case AT_EnableAlwaysTrig:
				foreach(rel, touched_objects(RelationRelationId))
					tview_restore_enabled(lfirst_oid(rel), cmd->name);
				break;
			case AT_DisableTrig:
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
			case AT_EnableReplicaTrig:
				foreach(rel, touched_objects(RelationRelationId))
					tview_restore_disabled(lfirst_oid(rel), cmd->name);
				break;
			default:
				break;
		}
	}
}

/*
 * What a restore has created.
 */
static void
follow_restored(Node *parsetree)
{
	ListCell   *lc;

	switch (nodeTag(parsetree))
	{
		case T_CreateTrigStmt:
			foreach(lc, touched_objects(TriggerRelationId))
				tview_restore_trigger(lfirst_oid(lc));
			break;
		case T_ViewStmt:
			foreach(lc, touched_objects(RelationRelationId))
				tview_restore_view(lfirst_oid(lc));
			break;
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			foreach(lc, touched_objects(RelationRelationId))
				tview_restore_lack_triggers(lfirst_oid(lc));
			break;
		case T_AlterTableStmt:
			if (!(alter_table_changes((AlterTableStmt *) parsetree) &
				  CHANGED_CHILDREN))
				break;
			foreach(lc, touched_objects(RelationRelationId))
				tview_restore_lack_triggers(lfirst_oid(lc));
			break;
		case T_RenameStmt:
		case T_AlterObjectSchemaStmt:
			/* no dump has these, but whoever goes on in such a session */
			follow(parsetree);
			break;
		default:
			break;
	}
}

/*
 * Hands what a command touched to those who have to know.
 */
static void
follow(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_CreateSchemaStmt:
			follow_new_tables();
			break;
		case T_AlterTableStmt:
			follow_alter_table((AlterTableStmt *) parsetree);
			break;
		case T_ViewStmt:
			follow_views(touched_objects(RelationRelationId));
			break;
		case T_RuleStmt:
			follow_rule((RuleStmt *) parsetree);
			break;
		case T_RenameStmt:
			forget_texts();
			follow_rename((RenameStmt *) parsetree);
			break;
		case T_AlterObjectSchemaStmt:
			forget_texts();
			follow_schema();
			break;
		case T_CreateFunctionStmt:
		case T_AlterFunctionStmt:
		case T_DefineStmt:
			follow_objects(ProcedureRelationId);
			break;
		case T_AlterEnumStmt:
			if (((AlterEnumStmt *) parsetree)->oldVal != NULL)
				follow_objects(TypeRelationId);
			break;
		case T_CreatePolicyStmt:
			follow_rows(((CreatePolicyStmt *) parsetree)->table);
			break;
		case T_AlterPolicyStmt:
			follow_rows(((AlterPolicyStmt *) parsetree)->table);
			break;
		case T_CreateTrigStmt:
			refuse_statement_trigger((CreateTrigStmt *) parsetree);
			break;
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
			follow_subscriptions();
			break;
		case T_AlterTSConfigurationStmt:
			follow_objects(TSConfigRelationId);
			break;
		case T_AlterTSDictionaryStmt:
			follow_objects(TSDictionaryRelationId);
			break;
		case T_DropOwnedStmt:
			/* roles of policies: PostgreSQL does not say which */
			tview_alter_policies(tview_catalog_list());
			break;
		default:
			break;
	}
}

/*
 * New tables: partitions and children of sources need triggers.  Foreign ones
 * may have rows already.
 */
static void
follow_new_tables(void)
{
	ListCell   *lc;

	foreach(lc, touched_objects(RelationRelationId))
	{
		Oid			relid = lfirst_oid(lc);

		tview_alter_check_family(relid);
		tview_alter_child(relid);
		if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
			tview_alter_refresh(relid, false);
	}
}

/*
 * Subscriptions: the tables that they fill need row triggers.
 */
static void
follow_subscriptions(void)
{
	List	   *relids;
	ListCell   *lc;

	relids = tview_plan_strings("SELECT DISTINCT srrelid"
								" FROM pg_catalog.pg_subscription_rel"
								" ORDER BY srrelid");
	foreach(lc, relids)
		tview_alter_child(atooid(lfirst(lc)));
}

/*
 * Altered tables and composite types, and views where they are like them.
 */
static void
follow_alter_table(AlterTableStmt *stmt)
{
	int			changes = alter_table_changes(stmt);
	ListCell   *lc;

	if (changes == 0)
		return;
	foreach(lc, touched_objects(RelationRelationId))
		follow_altered_table(lfirst_oid(lc), changes);
	follow_dropped_parents(stmt);
}

/*
 * One altered table.
 */
static void
follow_altered_table(Oid relid, int changes)
{
	bool		is_tview = tview_catalog_read(relid) != NULL;
	Oid			tview = is_tview ? relid : tview_catalog_of_view(relid);

	if (is_tview && (changes & (CHANGED_COLUMNS | CHANGED_CONSTRAINTS)))
		tview_alter_check(relid);
	if (OidIsValid(tview) && (changes & CHANGED_OWNER))
	{
		tview_alter_owner(tview);
		tview_alter_policies(list_make1_oid(tview));
	}
	else if (changes & CHANGED_OWNER)
		tview_alter_policies(tview_catalog_dependents(relid));
	if ((changes & CHANGED_OPTIONS) && get_rel_relkind(relid) == RELKIND_VIEW)
		follow_views(list_make1_oid(relid));
	if (changes & CHANGED_PERSISTENCE)
		tview_alter_persistence(relid);
	if (changes & CHANGED_CHILDREN)
	{
		tview_alter_check_family(relid);
		tview_alter_child(relid);
		tview_triggers_remove_unneeded();
	}
	if (changes & CHANGED_ROWS)
		tview_alter_refresh(relid, false);
	else if (changes & CHANGED_COLUMNS)
		tview_alter_refresh(relid, true);
	if (changes & CHANGED_COLUMNS)
		tview_alter_object(TypeRelationId, get_rel_type_id(relid));
}

/*
 * What an ALTER TABLE may have changed: CHANGED_... flags.
 */
static int
alter_table_changes(AlterTableStmt *stmt)
{
	int			changes = 0;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableType subtype = lfirst_node(AlterTableCmd, lc)->subtype;

		switch (subtype)
		{
			case AT_AttachPartition:
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_AddInherit:
			case AT_DropInherit:
				changes |= CHANGED_CHILDREN | CHANGED_ROWS;
				break;
			case AT_EnableRowSecurity:
			case AT_DisableRowSecurity:
			case AT_ForceRowSecurity:
			case AT_NoForceRowSecurity:
			case AT_GenericOptions:
			case AT_AlterColumnGenericOptions:
				changes |= CHANGED_ROWS;
				break;
			case AT_AddColumn:
			case AT_DropColumn:
			case AT_AlterColumnType:
				changes |= CHANGED_COLUMNS;
				break;
			case AT_DropConstraint:
				changes |= CHANGED_CONSTRAINTS;
				break;
			case AT_ChangeOwner:
				changes |= CHANGED_OWNER;
				break;
			case AT_SetRelOptions:
			case AT_ResetRelOptions:
			case AT_ReplaceRelOptions:
				changes |= CHANGED_OPTIONS;
				break;
			case AT_SetLogged:
			case AT_SetUnLogged:
				changes |= CHANGED_PERSISTENCE;
				break;
			default:
				if (compat_sets_expression(subtype))
					changes |= CHANGED_ROWS;
				break;
		}
	}
	return changes;
}

/*
 * Tables that lost the altered one as a child: PostgreSQL reports the child
 * only.
 */
static void
follow_dropped_parents(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropInherit)
			follow_rows(castNode(RangeVar, cmd->def));
	}
}

/*
 * Replaced views: those of TVIEWs, and those that TVIEWs read.
 */
static void
follow_views(List *relids)
{
	List	   *tviews = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		Oid			tview = tview_catalog_of_view(lfirst_oid(lc));
		List	   *readers = tview_catalog_dependents(lfirst_oid(lc));

		if (OidIsValid(tview))
			tviews = list_append_unique_oid(tviews, tview);
		tviews = list_concat_unique_oid(tviews, readers);
	}
	foreach(lc, tviews)
		tview_alter_query(lfirst_oid(lc));
}

/*
 * A rule: that of a view is its query.
 */
static void
follow_rule(RuleStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);

	if (stmt->event == CMD_SELECT && OidIsValid(relid))
		follow_views(list_make1_oid(relid));
}

/*
 * Has all backends build their definitions anew: the text of a route may name
 * whatever has another name now, a type or a collation for example, which no
 * invalidation that they watch tells them of.
 */
static void
forget_texts(void)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_list())
		tview_definition_forget(lfirst_oid(lc));
}

/*
 * New names of tables, columns, and attributes of composite types.
 */
static void
follow_rename(RenameStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, touched_objects(RelationRelationId))
	{
		Oid			relid = lfirst_oid(lc);

		if (stmt->renameType == OBJECT_COLUMN ||
			stmt->renameType == OBJECT_ATTRIBUTE)
			follow_column(relid, stmt);
		else if (tview_catalog_read(relid) != NULL)
			tview_alter_name(relid);
	}
}

/*
 * A new name of a column or attribute.  It shows in documents made of whole
 * rows; those of a view look like columns to analysis.
 */
static void
follow_column(Oid relid, RenameStmt *stmt)
{
	Oid			tview = tview_catalog_of_view(relid);

	if (!OidIsValid(tview) && tview_catalog_read(relid) != NULL)
		tview = relid;
	if (OidIsValid(tview))
		tview_alter_column(tview, stmt->subname, stmt->newname);
	tview_alter_refresh(relid, get_rel_relkind(relid) != RELKIND_VIEW);
	tview_alter_object(TypeRelationId, get_rel_type_id(relid));
}

/*
 * New schemas of tables.
 */
static void
follow_schema(void)
{
	ListCell   *lc;

	foreach(lc, touched_objects(RelationRelationId))
	{
		if (tview_catalog_read(lfirst_oid(lc)) != NULL)
			tview_alter_schema(lfirst_oid(lc));
	}
}

/*
 * Changed functions or types.
 */
static void
follow_objects(Oid class)
{
	ListCell   *lc;

	foreach(lc, touched_objects(class))
		tview_alter_object(class, lfirst_oid(lc));
}

/*
 * Dropped policies, be it by CASCADE.
 */
static void
follow_dropped_policies(void)
{
	List	   *relids;
	ListCell   *lc;

	relids = tview_plan_strings("SELECT DISTINCT c.oid"
								" FROM pg_catalog.pg_event_trigger_dropped_objects() d"
								" JOIN pg_catalog.pg_namespace n"
								" ON n.nspname OPERATOR(pg_catalog.=) d.address_names[1]"
								" JOIN pg_catalog.pg_class c"
								" ON c.relnamespace OPERATOR(pg_catalog.=) n.oid"
								" AND c.relname OPERATOR(pg_catalog.=) d.address_names[2]"
								" WHERE d.object_type OPERATOR(pg_catalog.=) 'policy'"
								" ORDER BY c.oid");
	foreach(lc, relids)
		tview_alter_refresh(atooid(lfirst(lc)), false);
}

/*
 * Columns that were dropped along with their type: they show in documents made
 * of whole rows.
 */
static void
follow_dropped_columns(void)
{
	List	   *relids;
	ListCell   *lc;

	relids = tview_plan_strings("SELECT DISTINCT c.oid"
								" FROM pg_catalog.pg_event_trigger_dropped_objects() d"
								" JOIN pg_catalog.pg_class c"
								" ON c.oid OPERATOR(pg_catalog.=) d.objid"
								" WHERE d.classid OPERATOR(pg_catalog.=)"
								" 'pg_catalog.pg_class'::pg_catalog.regclass"
								" AND d.objsubid OPERATOR(pg_catalog.<>) 0"
								" ORDER BY c.oid");
	foreach(lc, relids)
	{
		Oid			relid = atooid(lfirst(lc));

		tview_alter_refresh(relid, true);
		tview_alter_object(TypeRelationId, get_rel_type_id(relid));
	}
}

/*
 * Refuses a statement trigger on a TVIEW, except our own: rows are written
 * there without a statement, and it would never fire.
 */
static void
refuse_statement_trigger(CreateTrigStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);

	if (stmt->row || !OidIsValid(relid) ||
		!tview_definition_is_tview(relid) ||
		strncmp(stmt->trigname, TVIEW_TRIGGER_PREFIX,
				strlen(TVIEW_TRIGGER_PREFIX)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("statement trigger \"%s\" on TVIEW \"%s\" would never fire",
					stmt->trigname, get_rel_name(relid)),
			 errdetail("Rows of a TVIEW are written without a statement."),
			 errhint("Use a trigger FOR EACH ROW, or one on the base tables.")));
}

/*
 * A table of which now other rows can be seen.
 */
static void
follow_rows(RangeVar *relation)
{
	Oid			relid = RangeVarGetRelid(relation, NoLock, true);

	if (OidIsValid(relid))
		tview_alter_refresh(relid, false);
}

/*
 * The tables and views that were dropped.
 */
static List *
dropped_relations(void)
{
	List	   *relids;
	List	   *result = NIL;
	ListCell   *lc;

	relids = tview_plan_strings("SELECT objid"
								" FROM pg_catalog.pg_event_trigger_dropped_objects()"
								" WHERE classid OPERATOR(pg_catalog.=)"
								" 'pg_catalog.pg_class'::pg_catalog.regclass"
								" AND objsubid OPERATOR(pg_catalog.=) 0");
	foreach(lc, relids)
		result = lappend_oid(result, atooid(lfirst(lc)));
	return result;
}

/*
 * Whether a command was allowed to drop what depends on its objects.
 */
static DropBehavior
drop_behavior(Node *parsetree)
{
	ListCell   *lc;

	if (IsA(parsetree, DropStmt))
		return ((DropStmt *) parsetree)->behavior;
	if (IsA(parsetree, DropOwnedStmt))
		return ((DropOwnedStmt *) parsetree)->behavior;
	if (!IsA(parsetree, AlterTableStmt))
		return DROP_CASCADE;
	foreach(lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		if (lfirst_node(AlterTableCmd, lc)->behavior == DROP_CASCADE)
			return DROP_CASCADE;
	}
	return DROP_RESTRICT;
}

/*
 * Whether a table with capture triggers was dropped; it may have been a
 * partition or child of one that stays.
 */
static bool
has_dropped_captured(void)
{
	return tview_plan_strings("SELECT object_identity"
							  " FROM pg_catalog.pg_event_trigger_dropped_objects()"
							  " WHERE object_type OPERATOR(pg_catalog.=) 'trigger'"
							  " AND pg_catalog.starts_with(object_identity, '" TVIEW_TRIGGER_PREFIX "')"
							  " AND NOT pg_catalog.starts_with(object_identity, '" TVIEW_TRIGGER_PREFIX "guard')") != NIL;
}
