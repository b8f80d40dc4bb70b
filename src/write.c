/*
 * write.c
 *		Rows into the table of a TVIEW.
 *
 * Rows are compared with what is stored and written only if they differ, by
 * the executor's functions for replicated changes rather than by SQL: these
 * serve row triggers, generated columns, constraints and indexes, without a
 * plan.  Statement triggers do not fire, which is how the one that refuses
 * direct writes lets us pass.
 *
 * The stored row is found by the unique index on the key, with the active
 * snapshot.  Whoever calls us holds the lock on the key, so nobody else writes
 * it meanwhile.
 *
 * Columns that the user has added keep their values, and get their defaults in
 * new rows.
 *
 * State: a TviewWriter lives from begin to end, in the memory context current
 * at begin; what is needed for one row only lives until the next.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pg_tviews.h"

struct TviewWriter
{
	TviewDef   *def;
	TviewParts	parts;			/* what rows come with */
	bool		force;			/* write even what has not changed */
	Relation	relation;
	Relation	index;
	IndexScanDesc scan;
	ScanKey		keys;
	EState	   *estate;
	ResultRelInfo *target;
	EPQState	epqstate;
	TupleTableSlot *stored;		/* the row found */
	TupleTableSlot *fresh;		/* the row to write */
	ExprState **defaults;		/* by column; NULL where there is none */
	Datum	   *row_key;
	TviewCounts counts;
};

static void open_target(TviewWriter *writer);
static void open_index(TviewWriter *writer);
static void prepare_key(TviewWriter *writer, int column);
static void prepare_defaults(TviewWriter *writer);
static bool is_view_column(const TviewDef *def, AttrNumber attnum);
static bool find_stored(TviewWriter *writer, const Datum *key);
static bool complete_row(TviewWriter *writer, TupleTableSlot *row);
static bool is_equal(TviewWriter *writer, TupleTableSlot *stored,
					 TupleTableSlot *row);
static void check_written(TviewWriter *writer, TupleTableSlot *row);
static void check_deleted(TviewWriter *writer);
static void refuse_trigger(TviewWriter *writer);
static void insert_row(TviewWriter *writer, TupleTableSlot *row);
static void update_row(TviewWriter *writer, TupleTableSlot *row);
static void tell(TviewWriter *writer, TupleTableSlot *before,
				 TupleTableSlot *after);
static void fill_view_columns(TviewWriter *writer, TupleTableSlot *row);
static void fill_default(TviewWriter *writer, int column);

/*
 * Begins to write rows to a TVIEW of which some parts have been read.  One
 * that is being made has no index on the key, nor rows.
 */
TviewWriter *
tview_write_begin(TviewDef *def, TviewParts parts, bool force)
{
	TviewWriter *writer = palloc0(sizeof(TviewWriter));

	writer->def = def;
	writer->parts = parts;
	writer->force = force;
	writer->row_key = palloc0(sizeof(Datum) * def->nkeys);
	open_target(writer);
	if (OidIsValid(def->key_index))
		open_index(writer);
	prepare_defaults(writer);
	AfterTriggerBeginQuery();
	return writer;
}

/*
 * Opens the table for writing.
 */
static void
open_target(TviewWriter *writer)
{
	TviewDef   *def = writer->def;
	Bitmapset  *updated = NULL;
	EState	   *estate = CreateExecutorState();
	TupleDesc	desc;

	writer->relation = table_open(def->tview, RowExclusiveLock);
	desc = RelationGetDescr(writer->relation);
	for (int i = 0; i < desc->natts; i++)
	{
		if (is_view_column(def, i + 1))
			updated =
				bms_add_member(updated,
							   i + 1 - FirstLowInvalidHeapAttributeNumber);
	}
	compat_init_range_table(estate, writer->relation, updated);
	estate->es_output_cid = GetCurrentCommandId(true);
	writer->estate = estate;
	writer->target = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->target, writer->relation, 1, NULL, 0);
	ExecOpenIndices(writer->target, false);
	compat_eval_plan_qual_init(&writer->epqstate, estate);
	writer->stored = table_slot_create(writer->relation,
									   &estate->es_tupleTable);
	writer->fresh = ExecInitExtraTupleSlot(estate, desc, &TTSOpsVirtual);
}

/*
 * Opens the index on the key.
 */
static void
open_index(TviewWriter *writer)
{
	TviewDef   *def = writer->def;

	writer->index = index_open(def->key_index, RowExclusiveLock);
	writer->keys = palloc0(sizeof(ScanKeyData) * def->nkeys);
	for (int i = 0; i < def->nkeys; i++)
		prepare_key(writer, i);
	writer->scan = compat_index_beginscan(writer->relation, writer->index,
										  GetActiveSnapshot(), def->nkeys);
}

/*
 * Prepares the scan key of one column of the index.
 */
static void
prepare_key(TviewWriter *writer, int column)
{
	Relation	index = writer->index;
	Oid			type = index->rd_opcintype[column];
	Oid			equal_op = get_opfamily_member(index->rd_opfamily[column],
											   type, type,
											   BTEqualStrategyNumber);

	if (!OidIsValid(equal_op))
		tview_internal_error("no equality operator for column %d of index %u",
							 column + 1, RelationGetRelid(index));
	ScanKeyInit(&writer->keys[column], column + 1, BTEqualStrategyNumber,
				get_opcode(equal_op), (Datum) 0);
	writer->keys[column].sk_collation = index->rd_indcollation[column];
}

/*
 * Prepares the defaults of columns that are not the view's.
 */
static void
prepare_defaults(TviewWriter *writer)
{
	TupleDesc	desc = RelationGetDescr(writer->relation);

	writer->defaults = palloc0(sizeof(ExprState *) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Node	   *expr;

		if (att->attisdropped || att->attgenerated != '\0' ||
			is_view_column(writer->def, i + 1))
			continue;
		expr = build_column_default(writer->relation, i + 1);
		if (expr)
			writer->defaults[i] = ExecPrepareExpr((Expr *) expr,
												  writer->estate);
	}
}

/*
 * True for a column of the table that the view has too, or that we set.
 */
static bool
is_view_column(const TviewDef *def, AttrNumber attnum)
{
	if (attnum == def->updated_at)
		return true;
	for (int i = 0; i < def->view_desc->natts; i++)
	{
		if (def->tview_attnums[i] == attnum)
			return true;
	}
	return false;
}

/*
 * Makes the stored row of a key what the view has returned.  False when no row
 * is stored that would complete it.
 */
bool
tview_write_row(TviewWriter *writer, TupleTableSlot *row)
{
	TviewDef   *def = writer->def;

	ResetPerTupleExprContext(writer->estate);
	slot_getallattrs(row);
	for (int i = 0; i < def->nkeys; i++)
		writer->row_key[i] = row->tts_values[def->key_attnums[i] - 1];
	if (writer->index == NULL || !find_stored(writer, writer->row_key))
	{
		if (writer->parts != TVIEW_ALL_PARTS)
			return false;
		insert_row(writer, row);
		return true;
	}
	if (writer->parts != TVIEW_ALL_PARTS && !complete_row(writer, row))
		return false;
	if (writer->force || !is_equal(writer, writer->stored, row))
		update_row(writer, row);
	else
		writer->counts.unchanged++;
	return true;
}

/*
 * Completes a row by what is stored; false if that is not as it should be.
 */
static bool
complete_row(TviewWriter *writer, TupleTableSlot *row)
{
	ExprContext *context = GetPerTupleExprContext(writer->estate);
	MemoryContext old =
		MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
	bool		is_complete;

	slot_getallattrs(writer->stored);
	is_complete = tview_parts_complete(writer->def, writer->parts, row,
									   writer->stored);
	MemoryContextSwitchTo(old);
	return is_complete;
}

/*
 * Deletes the stored row of a key, if there.
 */
void
tview_write_delete(TviewWriter *writer, const Datum *key)
{
	ResetPerTupleExprContext(writer->estate);
	if (!find_stored(writer, key))
		return;
	ExecSimpleRelationDelete(writer->target, writer->estate,
							 &writer->epqstate, writer->stored);
	check_deleted(writer);
	tell(writer, writer->stored, NULL);
	writer->counts.deleted++;
}

/*
 * Ends the writing: fires AFTER triggers, closes the table, and adds what has
 * been done to counts.
 */
void
tview_write_end(TviewWriter *writer, TviewCounts *counts)
{
	AfterTriggerEndQuery(writer->estate);
	if (writer->index)
	{
		index_endscan(writer->scan);
		index_close(writer->index, NoLock);
	}
	EvalPlanQualEnd(&writer->epqstate);
	ExecCloseIndices(writer->target);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	ExecCloseResultRelations(writer->estate);
	ExecCloseRangeTableRelations(writer->estate);
	FreeExecutorState(writer->estate);
	table_close(writer->relation, NoLock);
	counts->inserted += writer->counts.inserted;
	counts->updated += writer->counts.updated;
	counts->deleted += writer->counts.deleted;
	counts->unchanged += writer->counts.unchanged;
}

/*
 * Finds the stored row of a key.
 */
static bool
find_stored(TviewWriter *writer, const Datum *key)
{
	int			nkeys = writer->def->nkeys;

	for (int i = 0; i < nkeys; i++)
		writer->keys[i].sk_argument = key[writer->def->index_keys[i]];
	index_rescan(writer->scan, writer->keys, nkeys, NULL, 0);
	return index_getnext_slot(writer->scan, ForwardScanDirection,
							  writer->stored);
}

/*
 * True when a row of the table is what the view has returned, bit by bit.
 */
static bool
is_equal(TviewWriter *writer, TupleTableSlot *stored, TupleTableSlot *row)
{
	TviewDef   *def = writer->def;

	slot_getallattrs(stored);
	for (int i = 0; i < def->view_desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(def->view_desc, i);
		int			column = def->tview_attnums[i] - 1;

		if (row->tts_isnull[i] != stored->tts_isnull[column])
			return false;
		if (!row->tts_isnull[i] &&
			row->tts_values[i] != stored->tts_values[column] &&
			!datum_image_eq(row->tts_values[i], stored->tts_values[column],
							att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/*
 * Raises an error unless the row has been written as the view has returned it:
 * a BEFORE trigger may have changed or suppressed it.
 */
static void
check_written(TviewWriter *writer, TupleTableSlot *row)
{
	TriggerDesc *triggers = writer->relation->trigdesc;

	if (triggers &&
		(triggers->trig_insert_before_row ||
		 triggers->trig_update_before_row) &&
		(!ItemPointerIsValid(&writer->fresh->tts_tid) ||
		 !is_equal(writer, writer->fresh, row)))
		refuse_trigger(writer);
}

/*
 * Raises an error unless the row found last has been deleted.
 */
static void
check_deleted(TviewWriter *writer)
{
	TriggerDesc *triggers = writer->relation->trigdesc;
	TupleTableSlot *slot;

	if (triggers == NULL || !triggers->trig_delete_before_row)
		return;
	slot = table_slot_create(writer->relation, NULL);
	if (table_tuple_fetch_row_version(writer->relation,
									  &writer->stored->tts_tid, SnapshotSelf,
									  slot))
		refuse_trigger(writer);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Raises the error of both.
 */
static void
refuse_trigger(TviewWriter *writer)
{
	ereport(ERROR,
			(errcode(ERRCODE_TVIEW_REFRESH),
			 errmsg("a BEFORE trigger on TVIEW %s changes what is written",
					writer->def->name),
			 errdetail("A TVIEW has the rows of its view, and no others."),
			 errhint("Let the trigger set columns of its own, or change the view.")));
}

/*
 * Inserts a row.
 */
static void
insert_row(TviewWriter *writer, TupleTableSlot *row)
{
	TupleTableSlot *fresh = writer->fresh;

	ExecClearTuple(fresh);
	memset(fresh->tts_isnull, true,
		   sizeof(bool) * fresh->tts_tupleDescriptor->natts);
	for (int i = 0; i < fresh->tts_tupleDescriptor->natts; i++)
	{
		if (writer->defaults[i])
			fill_default(writer, i);
	}
	fill_view_columns(writer, row);
	ExecStoreVirtualTuple(fresh);
	ExecSimpleRelationInsert(writer->target, writer->estate, fresh);
	check_written(writer, row);
	tell(writer, NULL, fresh);
	writer->counts.inserted++;
}

/*
 * Updates the stored row just found.
 */
static void
update_row(TviewWriter *writer, TupleTableSlot *row)
{
	TupleTableSlot *fresh = writer->fresh;
	TupleTableSlot *stored = writer->stored;
	TupleDesc	desc = fresh->tts_tupleDescriptor;

	ExecClearTuple(fresh);
	slot_getallattrs(stored);
	for (int i = 0; i < desc->natts; i++)
	{
		fresh->tts_values[i] = stored->tts_values[i];
		fresh->tts_isnull[i] = stored->tts_isnull[i] ||
							   TupleDescAttr(desc, i)->attisdropped;
	}
	fill_view_columns(writer, row);
	ExecStoreVirtualTuple(fresh);
	ExecSimpleRelationUpdate(writer->target, writer->estate,
							 &writer->epqstate, stored, fresh);
	check_written(writer, row);
	tell(writer, stored, fresh);
	writer->counts.updated++;
}

/*
 * Tells those who want to know of a row that has been written: nobody knows a
 * TVIEW that is being made.
 */
static void
tell(TviewWriter *writer, TupleTableSlot *before, TupleTableSlot *after)
{
	MemoryContext old;

	if (writer->index == NULL)
		return;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	tview_capture_row(writer->relation, before, after);
	if (writer->def->channel)
		tview_notify_row(writer->def, before, after);
	MemoryContextSwitchTo(old);
}

/*
 * Puts the view's columns into the row to write, and the time.
 */
static void
fill_view_columns(TviewWriter *writer, TupleTableSlot *row)
{
	TviewDef   *def = writer->def;
	TupleTableSlot *fresh = writer->fresh;

	for (int i = 0; i < def->view_desc->natts; i++)
	{
		int			column = def->tview_attnums[i] - 1;

		fresh->tts_values[column] = row->tts_values[i];
		fresh->tts_isnull[column] = row->tts_isnull[i];
	}
	if (def->updated_at)
	{
		fresh->tts_values[def->updated_at - 1] =
			TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		fresh->tts_isnull[def->updated_at - 1] = false;
	}
}

/*
 * Puts the default of a column into the row to write.
 */
static void
fill_default(TviewWriter *writer, int column)
{
	ExprContext *context = GetPerTupleExprContext(writer->estate);

	writer->fresh->tts_values[column] =
		ExecEvalExprSwitchContext(writer->defaults[column], context,
								  &writer->fresh->tts_isnull[column]);
}
