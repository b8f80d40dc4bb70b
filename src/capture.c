/*
 * capture.c
 *		From changed rows to touches.
 *
 * One trigger function serves all triggers on base tables.  It runs no SQL: it
 * walks the statement's transition tables, and for each source that the table
 * is of, remembers the columns that the source's routes start from, of the old
 * row and of the new.  An updated row in which no column that the source uses
 * has changed is passed over.
 *
 * Old and new rows come in step.  Where they do not (a trigger may suppress
 * one half of a move between partitions), comparing those that happen to meet
 * is still right: a pair passed over is the same in all that the source uses,
 * so to the source one has left and an equal one has come.
 *
 * Generated columns that transition tables may lack are computed here, see
 * generated.c.  For what has changed, the columns that they are made of stand
 * for them.
 *
 * Which sources a table is of is cached per table and rebuilt when definitions
 * change.  A partition's columns are found by name, for they may stand in
 * another order than its parent's.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/pquery.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

/* After how many rows the queue's memory is looked at. */
#define ROWS_PER_CHECK 4096

/* A source as seen from a table: its columns there. */
typedef struct CaptureSource
{
	TviewDef   *def;
	TviewSource *source;
	AttrNumber *columns;		/* what a touch remembers */
	ExprState **generated;		/* those to compute: how; or NULL */
	ExprContext *context;		/* for that; NULL if none is */
	Oid			relid;			/* of the table */
	bool		asks_children;	/* whether they generate columns alike */
	bool		is_mixed;		/* they do not */
	int			nused;
	AttrNumber *used;			/* what the query reads */
	TviewParts *used_parts;		/* and which parts of rows depend on it */
	TviewParts	row_parts;		/* and on there being a row */
	TviewPending *pending;		/* during a statement */
} CaptureSource;

/* The sources that a table is of. */
typedef struct CaptureEntry
{
	Oid			relid;			/* hash key */
	uint64		generation;		/* of definitions; 0: rebuild */
	List	   *sources;		/* of CaptureSource */
	bool		asks_children;	/* some source does */
	MemoryContext context;
} CaptureEntry;

/* Local data: one cache per backend, below CacheMemoryContext */
static HTAB *captures = NULL;

/* A generated column's value is being computed */
static bool is_computing = false;

/* Tables that MERGE has updated, in TopTransactionContext */
static List *merged = NIL;

/* False in the transaction that has loaded the library */
static bool has_seen_start = false;

static void check_trigger(FunctionCallInfo fcinfo);
static List *sources_of(Relation relation);
static void create_cache(void);
static List *build_sources(Relation relation);
static CaptureSource *build_source(Relation relation, TviewDef *def,
								   TviewSource *source);
static void prepare_generated(Relation relation, CaptureSource *source,
							  int column);
static void ask_children(Relation relation, CaptureSource *source,
						 AttrNumber column);
static void find_used(Relation relation, CaptureSource *result);
static void use_column(Relation relation, CaptureSource *source,
					   TviewParts *parts, AttrNumber column,
					   TviewParts column_parts);
static bool is_of(Oid relid, Oid source_relid);
static void capture_statement(TriggerData *trigdata, List *sources);
static void note_merge(PlannedStmt *plan, Plan *node);
static bool may_lack_rows(Relation relation);
static Oid	updated_table(PlannedStmt *plan);
static void capture_one_table(Tuplestorestate *rows, bool is_insert,
							  TupleDesc desc, List *sources);
static void capture_two_tables(Tuplestorestate *old_rows,
							   Tuplestorestate *new_rows, TupleDesc desc,
							   List *sources);
static void start_reading(Tuplestorestate *rows);
static void capture_change(List *sources, TupleTableSlot *before,
						   TupleTableSlot *after);
static void get_pending(CaptureSource *source);
static TviewParts changed_parts(CaptureSource *source, TupleTableSlot *a,
								TupleTableSlot *b);
static bool is_linked_alike(CaptureSource *source, TupleTableSlot *a,
							TupleTableSlot *b);
static bool is_same_in(TupleTableSlot *a, TupleTableSlot *b, int nattnums,
					   const AttrNumber *attnums);
static void touch(CaptureSource *source, TupleTableSlot *slot, bool is_new,
				  TviewParts parts);
static Datum compute(CaptureSource *source, int column, TupleTableSlot *slot,
					 bool *isnull);
static void touch_all(List *sources);
static void begin_sources(List *sources);
static void flush_if_full(List *sources);
static void invalidate_capture(Datum arg, Oid relid);

PG_FUNCTION_INFO_V1(pg_tviews_capture);

/*
 * Trigger function of all triggers on base tables.
 */
Datum
pg_tviews_capture(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	List	   *sources;

	check_trigger(fcinfo);
	if (is_computing)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function of a generated column must not change table \"%s\"",
						RelationGetRelationName(trigdata->tg_relation))));
	sources = sources_of(trigdata->tg_relation);
	if (sources != NIL)
	{
		begin_sources(sources);
		if (TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		{
			TriggerEvent event = trigdata->tg_event;
			bool		is_update = TRIGGER_FIRED_BY_UPDATE(event);
			bool		is_insert = TRIGGER_FIRED_BY_INSERT(event);

			capture_change(sources,
						   is_insert ? NULL : trigdata->tg_trigslot,
						   is_insert ? trigdata->tg_trigslot :
						   is_update ? trigdata->tg_newslot :
									   NULL);
		}
		else if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
			touch_all(sources);
		else
			capture_statement(trigdata, sources);
		if (tview_refresh_at == TVIEW_AT_STATEMENT || tview_queue_is_full())
			tview_flush_all();
		tview_foreign_captured();
	}
	return PointerGetDatum(NULL);
}

/*
 * Raises an error unless called as one of our triggers.
 */
static void
check_trigger(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(((TriggerData *) fcinfo->context)->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as an AFTER trigger",
						"pg_tviews_capture")));
}

/*
 * Captures a change of one row of a relation that has no triggers of ours: our
 * own writes to a TVIEW, which others may be built on.  Either slot may be
 * NULL.
 */
void
tview_capture_row(Relation relation, TupleTableSlot *before,
				  TupleTableSlot *after)
{
	List	   *sources = sources_of(relation);

	if (sources == NIL)
		return;
	begin_sources(sources);
	capture_change(sources, before, after);
}

/*
 * Returns the sources that a table is of: a List of CaptureSource.
 */
static List *
sources_of(Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	CaptureEntry *entry;
	MemoryContext context;
	MemoryContext old;
	List	   *sources;
	ListCell   *lc;
	uint64		generation;
	bool		found;

	create_cache();
	entry = hash_search(captures, &relid, HASH_FIND, NULL);
	if (entry && entry->generation == tview_definition_generation())
		return entry->sources;

	context = AllocSetContextCreate(CurrentMemoryContext, "pg_tviews capture",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	do
	{
		generation = tview_definition_generation();
		sources = build_sources(relation);
	} while (generation != tview_definition_generation() && !DISCARDS_CACHES);
	MemoryContextSwitchTo(old);
	entry = hash_search(captures, &relid, HASH_ENTER, &found);
	if (found && entry->context)
	{
		/* somebody up the stack may still walk it */
		MemoryContextSetParent(entry->context, TopTransactionContext);
	}
	entry->context = context;
	entry->sources = sources;
	entry->asks_children = false;
	foreach(lc, sources)
		entry->asks_children |= ((CaptureSource *) lfirst(lc))->asks_children;
	entry->generation = generation;
	MemoryContextSetParent(context, CacheMemoryContext);
	return sources;
}

/*
 * Creates the cache, once.
 */
static void
create_cache(void)
{
	HASHCTL		ctl = {0};

	if (captures)
		return;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CaptureEntry);
	ctl.hcxt = CacheMemoryContext;
	captures = hash_create("pg_tviews captures", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_capture, (Datum) 0);
}

/*
 * Finds the sources that a table is of.
 */
static List *
build_sources(Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	List	   *sources = NIL;
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		for (int i = 0; def && i < def->nsources; i++)
		{
			if (is_of(relid, def->sources[i].relid))
				sources = lappend(sources,
								  build_source(relation, def,
											   &def->sources[i]));
		}
	}
	return sources;
}

/*
 * True when a table is a source's, or a partition or child of it.
 */
static bool
is_of(Oid relid, Oid source_relid)
{
	return relid == source_relid ||
		   list_member_oid(tview_catalog_ancestors(relid), source_relid);
}

/*
 * Finds a source's columns in a table.
 */
static CaptureSource *
build_source(Relation relation, TviewDef *def, TviewSource *source)
{
	Oid			relid = RelationGetRelid(relation);
	CaptureSource *result = palloc0(sizeof(CaptureSource));

	result->def = def;
	result->source = source;
	result->relid = relid;
	result->columns = palloc(sizeof(AttrNumber) * (source->ncolumns + 1));
	result->generated = palloc0(sizeof(ExprState *) * (source->ncolumns + 1));
	for (int i = 0; i < source->ncolumns; i++)
	{
		result->columns[i] = tview_generated_column(relid, source->relid,
													source->columns[i]);
		prepare_generated(relation, result, i);
	}
	result->row_parts = tview_parts_of_rows(def, source);
	find_used(relation, result);
	return result;
}

/*
 * Prepares to compute a touch's column if the rows do not hold it.
 */
static void
prepare_generated(Relation relation, CaptureSource *source, int column)
{
	AttrNumber	attnum = source->columns[column];
	Node	   *expr = tview_generated_expr(relation, source->source->relid,
											attnum);

	ask_children(relation, source, attnum);
	if (expr == NULL)
		return;
	source->generated[column] =
		ExecInitExpr(expression_planner((Expr *) expr), NULL);
	if (source->context == NULL)
		source->context = CreateStandaloneExprContext();
}

/*
 * Notes whether a table's rows tell what a column of them is.
 */
static void
ask_children(Relation relation, CaptureSource *source, AttrNumber column)
{
	if (relation->rd_rel->relhassubclass)
		source->asks_children = true;
	if (tview_generated_is_mixed(relation, column))
		source->is_mixed = true;
}

/*
 * Finds the columns of a table that a source's query reads, and which parts
 * of rows depend on each.
 */
static void
find_used(Relation relation, CaptureSource *result)
{
	TviewSource *source = result->source;
	int			natts = RelationGetDescr(relation)->natts;
	TviewParts *parts = palloc0(sizeof(TviewParts) * (natts + 1));
	int			attnum = -1;

	for (int i = 1; i <= natts && source->uses_all; i++)
		use_column(relation, result, parts, i,
				   tview_parts_of_column(result->def, source, 0));
	while ((attnum = bms_next_member(source->used, attnum)) >= 0)
		use_column(relation, result, parts,
				   tview_generated_column(RelationGetRelid(relation),
										  source->relid, attnum),
				   tview_parts_of_column(result->def, source, attnum));
	result->used = palloc(sizeof(AttrNumber) * (natts + 1));
	result->used_parts = palloc(sizeof(TviewParts) * (natts + 1));
	for (int i = 1; i <= natts; i++)
	{
		if (parts[i] == 0)
			continue;
		result->used[result->nused] = i;
		result->used_parts[result->nused++] = parts[i];
	}
}

/*
 * Notes that parts of rows depend on a column: on itself, or if the rows do
 * not hold it, on those that it is made of.
 */
static void
use_column(Relation relation, CaptureSource *source, TviewParts *parts,
		   AttrNumber column, TviewParts column_parts)
{
	Bitmapset  *bases = NULL;
	int			base = -1;
	Node	   *expr;

	if (TupleDescAttr(RelationGetDescr(relation), column - 1)->attisdropped)
		return;
	expr = tview_generated_expr(relation, source->source->relid, column);
	if (expr == NULL)
	{
		parts[column] |= column_parts;
		return;
	}
	ask_children(relation, source, column);
	pull_varattnos(expr, 1, &bases);
	while ((base = bms_next_member(bases, base)) >= 0)
	{
		if (base + FirstLowInvalidHeapAttributeNumber > 0)
			parts[base + FirstLowInvalidHeapAttributeNumber] |= column_parts;
	}
}

/*
 * Finds the set of touches of each source, for one statement.
 */
static void
begin_sources(List *sources)
{
	ListCell   *lc;

	foreach(lc, sources)
	{
		CaptureSource *source = lfirst(lc);

		source->pending = NULL;
	}
}

/*
 * Captures a statement from its transition tables.
 */
static void
capture_statement(TriggerData *trigdata, List *sources)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);

	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) &&
		may_lack_rows(trigdata->tg_relation))
		touch_all(sources);
	else if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		capture_two_tables(trigdata->tg_oldtable, trigdata->tg_newtable,
						   desc, sources);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		capture_one_table(trigdata->tg_newtable, true, desc, sources);
	else
		capture_one_table(trigdata->tg_oldtable, false, desc, sources);
}

/*
 * Notes each MERGE in a query that is about to start which may move rows
 * between partitions: PostgreSQL puts such rows into no transition table.
 */
void
tview_capture_start(PlannedStmt *plan)
{
	ListCell   *lc;

	note_merge(plan, plan->planTree);
	foreach(lc, plan->subplans)
		note_merge(plan, lfirst(lc));
}

/*
 * Notes the table of a MERGE, if it is partitioned.
 */
static void
note_merge(PlannedStmt *plan, Plan *node)
{
	ModifyTable *modify = (ModifyTable *) node;
	Oid			relid;
	MemoryContext old;

	if (modify == NULL || !IsA(modify, ModifyTable) ||
		modify->operation != CMD_MERGE)
		return;
	relid = rt_fetch(modify->nominalRelation, plan->rtable)->relid;
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	merged = list_append_unique_oid(merged, relid);
	MemoryContextSwitchTo(old);
}

/*
 * Forgets what was noted of a transaction, at its end.
 */
void
tview_capture_reset(void)
{
	merged = NIL;
	has_seen_start = true;
}

/*
 * True when the transition tables of an UPDATE may lack rows, because it is
 * one that MERGE does to a partitioned table.  Of a query that started before
 * the library was loaded we only know this if it is the one the client sent.
 */
static bool
may_lack_rows(Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	PlannedStmt *plan;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	if (list_member_oid(merged, relid))
		return true;
	if (has_seen_start)
		return false;
	if (ActivePortal == NULL || list_length(ActivePortal->stmts) != 1)
		return true;
	plan = linitial_node(PlannedStmt, ActivePortal->stmts);
	return plan->commandType != CMD_UPDATE || plan->hasModifyingCTE ||
		   updated_table(plan) != relid;
}

/*
 * Returns the table that a command updates, or InvalidOid.
 */
static Oid
updated_table(PlannedStmt *plan)
{
	ModifyTable *modify = (ModifyTable *) plan->planTree;

	if (plan->commandType == CMD_UTILITY || !IsA(modify, ModifyTable))
		return InvalidOid;
	return rt_fetch(modify->nominalRelation, plan->rtable)->relid;
}

/*
 * Captures the rows of one transition table, inserted or deleted.
 */
static void
capture_one_table(Tuplestorestate *rows, bool is_insert, TupleDesc desc,
				  List *sources)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	int64		nrows = 0;

	start_reading(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		capture_change(sources, is_insert ? NULL : slot,
					   is_insert ? slot : NULL);
		if (++nrows % ROWS_PER_CHECK == 0)
			flush_if_full(sources);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Captures updated rows, old and new in step.
 */
static void
capture_two_tables(Tuplestorestate *old_rows, Tuplestorestate *new_rows,
				   TupleDesc desc, List *sources)
{
	TupleTableSlot *before = MakeSingleTupleTableSlot(desc,
													  &TTSOpsMinimalTuple);
	TupleTableSlot *after = MakeSingleTupleTableSlot(desc,
													 &TTSOpsMinimalTuple);
	int64		nrows = 0;

	start_reading(old_rows);
	start_reading(new_rows);
	for (;;)
	{
		bool		has_before = tuplestore_gettupleslot(old_rows, true, false,
														 before);
		bool		has_after = tuplestore_gettupleslot(new_rows, true, false,
														after);

		if (!has_before && !has_after)
			break;
		capture_change(sources, has_before ? before : NULL,
					   has_after ? after : NULL);
		if (++nrows % ROWS_PER_CHECK == 0)
			flush_if_full(sources);
	}
	ExecDropSingleTupleTableSlot(before);
	ExecDropSingleTupleTableSlot(after);
}

/*
 * Reads a transition table from its start, by a read pointer of our own: other
 * triggers read it too.
 */
static void
start_reading(Tuplestorestate *rows)
{
	int			pointer = tuplestore_alloc_read_pointer(rows,
														EXEC_FLAG_REWIND);

	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
}

/*
 * Flushes in the middle of a statement when the queue has outgrown its memory:
 * all of the statement's rows are in place already.
 */
static void
flush_if_full(List *sources)
{
	CHECK_FOR_INTERRUPTS();
	if (!tview_queue_is_full() || tview_flush_is_active())
		return;
	tview_flush_all();
	begin_sources(sources);
}

/*
 * Captures one changed row for all sources.
 */
static void
capture_change(List *sources, TupleTableSlot *before, TupleTableSlot *after)
{
	ListCell   *lc;

	foreach(lc, sources)
	{
		CaptureSource *source = lfirst(lc);
		TviewParts	parts = source->row_parts;

		if (source->is_mixed)
		{
			get_pending(source);
			tview_queue_touch_all(source->pending);
			continue;
		}
		if (before && after)
		{
			TviewParts	changed = changed_parts(source, before, after);

			if (changed == 0)
				continue;
			if (is_linked_alike(source, before, after))
			{
				get_pending(source);
				touch(source, after, false, changed);
				continue;
			}
			parts |= changed;
		}
		get_pending(source);
		/* a planted defect: where a row was is forgotten */
		if (before && !(after && strcmp(tview_test_fault, "skip_old") == 0))
			touch(source, before, false, parts);
		if (after)
			touch(source, after, true, parts);
	}
}

/*
 * Finds what is pending for a source, once for a statement.
 */
static void
get_pending(CaptureSource *source)
{
	if (source->pending == NULL)
		source->pending = tview_queue_get(source->def, source->source);
}

/*
 * Returns the parts of rows that depend on what differs between two versions
 * of a row; none if all that the source uses is the same, bit by bit.
 */
static TviewParts
changed_parts(CaptureSource *source, TupleTableSlot *a, TupleTableSlot *b)
{
	TviewParts	parts = 0;

	for (int i = 0; i < source->nused && parts != TVIEW_ALL_PARTS; i++)
	{
		if ((source->used_parts[i] & ~parts) != 0 &&
			!is_same_in(a, b, 1, &source->used[i]))
			parts |= source->used_parts[i];
	}
	/* a planted defect: of several parts only one is refreshed */
	if (strcmp(tview_test_fault, "skip_part") == 0)
		parts &= ~parts + 1;
	return parts;
}

/*
 * True when two versions of a row have the same values in all columns that
 * link it to other rows.
 */
static bool
is_linked_alike(CaptureSource *source, TupleTableSlot *a, TupleTableSlot *b)
{
	/* a computed column may differ if anything does that it is made of */
	if (source->context)
		return false;
	return is_same_in(a, b, source->source->ncolumns, source->columns);
}

/*
 * True when two rows have the same values in some columns, bit by bit.
 */
static bool
is_same_in(TupleTableSlot *a, TupleTableSlot *b, int nattnums,
		   const AttrNumber *attnums)
{
	for (int i = 0; i < nattnums; i++)
	{
		AttrNumber	attnum = attnums[i];
		Form_pg_attribute att = TupleDescAttr(a->tts_tupleDescriptor,
											  attnum - 1);
		bool		a_isnull;
		bool		b_isnull;
		Datum		a_value = slot_getattr(a, attnum, &a_isnull);
		Datum		b_value = slot_getattr(b, attnum, &b_isnull);

		if (a_isnull != b_isnull)
			return false;
		if (!a_isnull && a_value != b_value &&
			!datum_image_eq(a_value, b_value, att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/*
 * Adds a touch of a source that affects some parts of rows.
 */
static void
touch(CaptureSource *source, TupleTableSlot *slot, bool is_new,
	  TviewParts parts)
{
	int			ncolumns = source->source->ncolumns;
	Datum		values[MaxHeapAttributeNumber];
	bool		isnull[MaxHeapAttributeNumber];

	if (source->pending->is_whole)
		return;
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = source->columns[i];
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor,
											  attnum - 1);

		if (source->generated[i])
			values[i] = compute(source, i, slot, &isnull[i]);
		else
			values[i] = slot_getattr(slot, attnum, &isnull[i]);
		if (!isnull[i])
			values[i] = tview_touches_inline(values[i], att->attlen);
	}
	tview_queue_touch(source->pending, values, isnull, is_new, parts);
	if (source->context)
		ResetExprContext(source->context);
}

/*
 * Computes the value of a column that the row does not hold.
 */
static Datum
compute(CaptureSource *source, int column, TupleTableSlot *slot, bool *isnull)
{
	Datum		result;

	source->context->ecxt_scantuple = slot;
	slot->tts_tableOid = source->relid;
	is_computing = true;
	PG_TRY();
	{
		result = ExecEvalExprSwitchContext(source->generated[column],
										   source->context, isnull);
	}
	PG_FINALLY();
	{
		is_computing = false;
	}
	PG_END_TRY();
	return result;
}

/*
 * True while a value is computed for the queue.  The function that does it may
 * run queries, but a flush would take away what the value is for.
 */
bool
tview_capture_is_computing(void)
{
	return is_computing;
}

/*
 * Marks the sources as wholly changed, for TRUNCATE.
 */
static void
touch_all(List *sources)
{
	ListCell   *lc;

	foreach(lc, sources)
	{
		CaptureSource *source = lfirst(lc);

		tview_queue_touch_all(tview_queue_get(source->def, source->source));
	}
}

/*
 * Relcache callback: has the sources of a table found anew.
 */
static void
invalidate_capture(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CaptureEntry *entry;

	hash_seq_init(&status, captures);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		/* any table may be a child */
		if (!OidIsValid(relid) || entry->relid == relid ||
			entry->asks_children)
			entry->generation = 0;
	}
}
