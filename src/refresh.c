/*
 * refresh.c
 *		Making rows of a TVIEW what its view says.
 *
 * A refresh reads the view for a set of scope values, or all of it, into a row
 * set, then writes what differs from the table and deletes what the view no
 * longer has.  Reading and writing are apart because they run under different
 * rules: the query is a security-restricted operation, the writes are not, as
 * deferred constraints could not be queued there.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pg_tviews.h"

/* The name of the row set with all rows of the view. */
#define FRESH_ROWS "fresh"

/* How many keys an error's context names. */
#define CONTEXT_KEYS 5

/* With more keys the progress of a refresh is reported. */
#define LARGE_SCOPE 1000

/* What the error context shows. */
typedef struct RefreshContext
{
	TviewDef   *def;
	TviewKeys  *scope;			/* NULL: all */
	const Datum *key;			/* the one being written, or NULL */
	TviewProgress progress;
} RefreshContext;

static TviewDef *named_tview(FunctionCallInfo fcinfo);
static ArrayType *keys_in_type(TviewDef *def, ArrayType *array);
static void compute_stats(TviewDef *def, const TviewCounts *counts);
static double sampled_row_bytes(TviewDef *def, int64 rows);
static bool refresh(TviewDef *def, TviewKeys *scope, TviewParts parts,
					bool force, TviewCounts *counts);
static void begin_progress(RefreshContext *context);
static void begin_context(ErrorContextCallback *callback,
						  RefreshContext *context);
static void report_context(void *arg);
static void see_rows(const TviewDef *def, Tuplestorestate *rows,
					 TviewKeys *seen);
static bool write_rows(TviewWriter *writer, RefreshContext *context,
					   Tuplestorestate *rows);
static void see_key(const TviewDef *def, TupleTableSlot *row, Datum *key,
					TviewKeys *seen);
static void delete_unseen(TviewWriter *writer, RefreshContext *context,
						  TviewKeys *seen, Tuplestorestate *stored);
static void delete_gone(TviewWriter *writer, RefreshContext *context,
						Tuplestorestate *fresh);
static void check_unique(TviewDef *def, const TviewRows *rows);
static void delete_keys(TviewWriter *writer, Tuplestorestate *keys,
						RefreshContext *context, TviewKeys *seen);

PG_FUNCTION_INFO_V1(pg_tviews_refresh);
PG_FUNCTION_INFO_V1(pg_tviews_refresh_keys);

/*
 * SQL: refreshes a TVIEW, returns the number of rows changed.
 */
Datum
pg_tviews_refresh(PG_FUNCTION_ARGS)
{
	TviewDef   *def = named_tview(fcinfo);
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	TviewCounts counts;

	counts = tview_flush_refresh(def, NULL, force);
	if (force && tview_enable_stats)
		compute_stats(def, &counts);
	PG_RETURN_INT64(counts.inserted + counts.updated + counts.deleted);
}

/*
 * SQL: refreshes the rows of a TVIEW with these keys.
 */
Datum
pg_tviews_refresh_keys(PG_FUNCTION_ARGS)
{
	TviewDef   *def = named_tview(fcinfo);
	TviewKeys  *scope = tview_keys_create(def, true);
	ArrayType  *array;
	TviewCounts counts;
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("primary_keys must not be null"),
				 errhint("Leave it out to refresh all rows.")));
	array = PG_GETARG_ARRAYTYPE_P(1);
	array = keys_in_type(def, array);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &values, &nulls, &nvalues);
	for (int i = 0; i < nvalues; i++)
		(void) tview_keys_add(scope, &values[i], &nulls[i]);

	counts = tview_flush_refresh(def, scope, false);
	PG_RETURN_INT64(counts.inserted + counts.updated + counts.deleted);
}

/*
 * Returns the TVIEW that the first argument names, which the caller must own;
 * locked, for the refresh may have to wait.
 */
static TviewDef *
named_tview(FunctionCallInfo fcinfo)
{
	Oid			tview;

	PreventCommandIfReadOnly("pg_tviews_refresh()");
	tview = tview_names_resolve(tview_names_argument(fcinfo), false);
	tview_names_check_owner(tview);
	return tview_definition_lock(tview, RowExclusiveLock);
}

/*
 * Returns an array of keys in the key's own type.
 */
static ArrayType *
keys_in_type(TviewDef *def, ArrayType *array)
{
	Form_pg_attribute att = TupleDescAttr(def->view_desc,
										  def->key_attnums[0] - 1);
	Oid			from = ARR_ELEMTYPE(array);
	Oid			output;
	Oid			input;
	Oid			ioparam;
	bool		is_varlena;
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	if (def->nkeys != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("keys of TVIEW %s have several columns", def->name),
				 errhint("Refresh all of it, by leaving out primary_keys.")));
	if (from == att->atttypid)
		return array;
	if (!can_coerce_type(1, &from, &att->atttypid, COERCION_ASSIGNMENT))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("keys of TVIEW %s have type %s, not %s", def->name,
						format_type_be(att->atttypid), format_type_be(from)),
				 errhint("Write primary_keys => ARRAY[...]::%s[].",
						 format_type_be(att->atttypid))));
	getTypeOutputInfo(from, &output, &is_varlena);
	getTypeInputInfo(att->atttypid, &input, &ioparam);
	get_typlenbyvalalign(from, &typlen, &typbyval, &typalign);
	deconstruct_array(array, from, typlen, typbyval, typalign, &values,
					  &nulls, &nvalues);
	for (int i = 0; i < nvalues; i++)
	{
		if (!nulls[i])
			values[i] = OidInputFunctionCall(input,
											 OidOutputFunctionCall(output,
																   values[i]),
											 ioparam, att->atttypmod);
	}
	get_typlenbyvalalign(att->atttypid, &typlen, &typbyval, &typalign);
	return construct_md_array(values, nulls, 1, &nvalues, &(int){1},
							  att->atttypid, typlen, typbyval, typalign);
}

/*
 * Notes in the catalog how many rows a TVIEW has, how large those are, and how
 * PostgreSQL would compute them.
 */
static void
compute_stats(TviewDef *def, const TviewCounts *counts)
{
	int64		rows = counts->inserted + counts->updated + counts->unchanged;
	double		row_bytes = 0;
	StringInfoData plan;
	TviewIdentity identity;
	List	   *lines;
	ListCell   *lc;

	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION, def->settings);
	lines = tview_plan_strings(psprintf("EXPLAIN SELECT * FROM %s",
										def->view_name));
	if (rows > 0 && tview_stats_sample_size > 0)
		row_bytes = sampled_row_bytes(def, rows);
	tview_plan_leave_owner(&identity);

	initStringInfo(&plan);
	foreach(lc, lines)
		appendStringInfo(&plan, "%s%s", plan.len > 0 ? "\n" : "",
						 (char *) lfirst(lc));
	tview_catalog_set_stats(def->tview, rows, row_bytes, plan.data);
}

/*
 * Returns the average size of the rows of a TVIEW, of which it looks at about
 * pg_tviews.stats_sample_size.
 */
static double
sampled_row_bytes(TviewDef *def, int64 rows)
{
	double		percent = Min(100, 100.0 * tview_stats_sample_size / rows);
	List	   *average;

	average = tview_plan_strings(psprintf("SELECT pg_catalog.avg(pg_catalog.pg_column_size(t.*))"
										  " FROM %s t TABLESAMPLE BERNOULLI (%.6f)",
										  def->name, percent));
	return linitial(average) ? atof(linitial(average)) : 0;
}

/*
 * Refreshes the rows with these scope values, of which only some parts may
 * have changed.
 */
TviewCounts
tview_refresh_keys(TviewDef *def, TviewKeys *scope, TviewParts parts)
{
	TviewCounts counts = {0};
	uint64		position = 0;
	TviewKey   *key;

	if (tview_keys_count(scope) == 0 && !def->may_have_null_key)
		return counts;
	tview_stats_keys(tview_keys_count(scope));
	if (!refresh(def, scope, parts, false, &counts))
	{
		while ((key = tview_keys_each(scope, &position)) != NULL)
			key->is_seen = false;
		(void) refresh(def, scope, TVIEW_ALL_PARTS, false, &counts);
	}
	return counts;
}

/*
 * Refreshes all rows; with force, writes those too that have not changed.
 * What an error has left behind is made good by that.
 */
TviewCounts
tview_refresh_all(TviewDef *def, bool force)
{
	TviewCounts counts = {0};

	tview_stats_full();
	(void) tview_locks_begin(def, NIL, true);
	(void) refresh(def, NULL, TVIEW_ALL_PARTS, force, &counts);
	if (tview_catalog_is_stale(def->tview))
		tview_catalog_set_stale(def->tview, NULL);
	return counts;
}

/*
 * Refreshes some parts of the rows with these scope values, or, without, all
 * rows, and adds to counts.  False if a row was not stored that should be, and
 * whole rows must be refreshed to get it.
 */
static bool
refresh(TviewDef *def, TviewKeys *scope, TviewParts parts, bool force,
		TviewCounts *counts)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "pg_tviews refresh",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(work);
	ErrorContextCallback callback;
	RefreshContext context = {0};
	TviewIdentity identity;
	Tuplestorestate *rows;
	Tuplestorestate *stored = NULL;
	TviewPartQuery *query = NULL;
	TviewWriter *writer;
	bool		is_complete;

	context.def = def;
	context.scope = scope;
	begin_context(&callback, &context);
	begin_progress(&context);
	tview_plan_push_snapshot();

	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION |
								SECURITY_LOCAL_USERID_CHANGE,
							def->settings);
	if (parts != TVIEW_ALL_PARTS)
		query = tview_parts_query(def, parts);
	rows = tview_read_view(def, scope, query, &context.progress);
	if (scope && !def->scope_is_key)
		stored = tview_read_stored(def, scope);
	if (scope && def->may_have_null_key && tview_read_null_key(def))
		ereport(ERROR,
				(errcode(ERRCODE_TVIEW_REFRESH),
				 errmsg("view %s returns a NULL key", def->view_name)));
	tview_plan_lift_restriction(&identity);
	writer = tview_write_begin(def, query ? parts : TVIEW_ALL_PARTS, force);
	if (scope)
	{
		TviewKeys  *seen = def->scope_is_key ? scope :
											  tview_keys_create(def, false);

		/* what goes goes first, and may leave a unique value to another row */
		see_rows(def, rows, seen);
		delete_unseen(writer, &context, seen, stored);
		is_complete = write_rows(writer, &context, rows);
	}
	else
	{
		delete_gone(writer, &context, rows);
		is_complete = write_rows(writer, &context, rows);
	}
	tview_write_end(writer, counts);
	tview_plan_leave_owner(&identity);
	tview_progress_end(&context.progress);

	/* they may have files, which no memory context closes */
	tuplestore_end(rows);
	if (stored)
		tuplestore_end(stored);

	PopActiveSnapshot();
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return is_complete;
}

/*
 * Begins to report how far a refresh of all or of many rows is.
 */
static void
begin_progress(RefreshContext *context)
{
	TviewKeys  *scope = context->scope;

	tview_progress_begin(&context->progress, context->def->tview,
						 scope == NULL ||
							 tview_keys_count(scope) > LARGE_SCOPE);
	tview_progress_phase(&context->progress, TVIEW_PHASE_COMPUTING,
						 scope ? tview_keys_count(scope) : 0);
}

/*
 * Lets errors say which TVIEW and which key they are about.
 */
static void
begin_context(ErrorContextCallback *callback, RefreshContext *context)
{
	callback->callback = report_context;
	callback->arg = context;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/*
 * Adds TVIEW and key to an error.
 */
static void
report_context(void *arg)
{
	RefreshContext *context = arg;
	TviewDef   *def = context->def;
	StringInfoData keys;
	uint64		position = 0;
	TviewKey   *key;
	int			nkeys = 0;

	if (context->key)
	{
		errcontext("refreshing TVIEW %s, key %s", def->name,
				   tview_keys_text(def, false, context->key));
		return;
	}
	if (context->scope == NULL)
	{
		errcontext("refreshing all of TVIEW %s", def->name);
		return;
	}
	initStringInfo(&keys);
	while ((key = tview_keys_each(context->scope, &position)) != NULL)
	{
		if (nkeys++ == CONTEXT_KEYS)
			break;
		appendStringInfo(&keys, "%s%s", nkeys == 1 ? "" : ", ",
						 tview_keys_text(def, true, key->values));
	}
	if (nkeys > CONTEXT_KEYS)
		appendStringInfo(&keys, " and " UINT64_FORMAT " more",
						 tview_keys_count(context->scope) - CONTEXT_KEYS);
	errcontext("refreshing TVIEW %s, key %s", def->name, keys.data);
}

/*
 * Marks the keys of the rows that the view has returned as seen.
 */
static void
see_rows(const TviewDef *def, Tuplestorestate *rows, TviewKeys *seen)
{
	TupleTableSlot *row = MakeSingleTupleTableSlot(def->view_desc,
												   &TTSOpsMinimalTuple);
	Datum	   *key = palloc(sizeof(Datum) * def->nkeys);

	while (tuplestore_gettupleslot(rows, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		see_key(def, row, key, seen);
	}
	ExecDropSingleTupleTableSlot(row);
}

/*
 * Writes the rows that the view has returned; false when one of them could not
 * be completed.
 */
static bool
write_rows(TviewWriter *writer, RefreshContext *context,
		   Tuplestorestate *rows)
{
	TviewDef   *def = context->def;
	TupleTableSlot *row = MakeSingleTupleTableSlot(def->view_desc,
												   &TTSOpsMinimalTuple);
	Datum	   *key = palloc(sizeof(Datum) * def->nkeys);
	bool		is_complete = true;

	tview_progress_phase(&context->progress, TVIEW_PHASE_WRITING,
						 tuplestore_tuple_count(rows));
	/* a query may have read it meanwhile, by a read pointer of its own */
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		see_key(def, row, key, NULL);
		context->key = key;
		is_complete = tview_write_row(writer, row) && is_complete;
		context->key = NULL;
		tview_progress_row(&context->progress);
	}
	ExecDropSingleTupleTableSlot(row);
	return is_complete;
}

/*
 * Takes the key out of a row, and marks it as seen.  Raises an error if it is
 * NULL, or has been seen before.
 */
static void
see_key(const TviewDef *def, TupleTableSlot *row, Datum *key, TviewKeys *seen)
{
	TviewKey   *entry;

	for (int i = 0; i < def->nkeys; i++)
	{
		bool		isnull;

		key[i] = slot_getattr(row, def->key_attnums[i], &isnull);
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_TVIEW_REFRESH),
					 errmsg("view %s returns a NULL key", def->view_name),
					 errdetail("Column \"%s\" of the key is NULL.",
							   NameStr(TupleDescAttr(def->view_desc,
													 def->key_attnums[i] - 1)
										   ->attname))));
	}
	if (seen == NULL)
		return;
	entry = tview_keys_add(seen, key, NULL);
	if (entry->is_seen)
		ereport(ERROR,
				(errcode(ERRCODE_TVIEW_REFRESH),
				 errmsg("view %s returns two rows with the same key",
						def->view_name),
				 errdetail("Key %s is not unique.",
						   tview_keys_text(def, false, key))));
	entry->is_seen = true;
}

/*
 * Deletes stored rows whose key the view has not returned.
 */
static void
delete_unseen(TviewWriter *writer, RefreshContext *context, TviewKeys *seen,
			  Tuplestorestate *stored)
{
	uint64		position = 0;
	TviewKey   *key;

	tview_progress_phase(&context->progress, TVIEW_PHASE_DELETING, 0);
	if (stored)
	{
		delete_keys(writer, stored, context, seen);
		return;
	}
	while ((key = tview_keys_each(seen, &position)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (key->is_seen)
			continue;
		context->key = key->values;
		tview_write_delete(writer, key->values);
		context->key = NULL;
		tview_progress_row(&context->progress);
	}
}

/*
 * Deletes all stored rows whose key is not among all rows of the view.
 */
static void
delete_gone(TviewWriter *writer, RefreshContext *context,
			Tuplestorestate *fresh)
{
	TviewDef   *def = context->def;
	Tuplestorestate *gone = tuplestore_begin_heap(false, false, work_mem);
	TviewRows	rows;
	TviewPlan  *plan;
	StringInfoData sql;
	int			sec_context;

	tview_progress_phase(&context->progress, TVIEW_PHASE_DELETING, 0);
	rows.name = FRESH_ROWS;
	rows.desc = def->view_desc;
	rows.store = fresh;
	rows.count = tuplestore_tuple_count(fresh);
	check_unique(def, &rows);

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s FROM %s t WHERE NOT EXISTS (SELECT FROM " FRESH_ROWS " f WHERE ", tview_read_key_list(def, "t."), def->name);
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(def->view_desc,
											  def->key_attnums[i] - 1);
		const char *name = quote_identifier(NameStr(att->attname));

		appendStringInfo(&sql, "%sf.%s ", i == 0 ? "" : " AND ", name);
		tview_read_equal(&sql, att->atttypid);
		appendStringInfo(&sql, " t.%s", name);
	}
	appendStringInfoChar(&sql, ')');
	sec_context = tview_plan_see_all();
	plan = tview_plan_prepare(sql.data, 0, NULL, &rows, TVIEW_PLAN_FEW);
	tview_plan_run(plan, NULL, &rows, gone);
	tview_plan_free(plan);
	tview_plan_see_allowed(sec_context);
	delete_keys(writer, gone, context, NULL);
	tuplestore_end(gone);
}

/*
 * Raises an error if a row set has a key twice.
 */
static void
check_unique(TviewDef *def, const TviewRows *rows)
{
	Tuplestorestate *twice = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(tview_read_key_desc(def),
													&TTSOpsMinimalTuple);
	TviewPlan  *plan;

	plan = tview_plan_prepare(psprintf("SELECT %s FROM " FRESH_ROWS
									   " f GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1",
									   tview_read_key_list(def, "f."),
									   tview_read_key_list(def, "f.")),
							  0, NULL, rows, TVIEW_PLAN_FEW);
	tview_plan_run(plan, NULL, rows, twice);
	tview_plan_free(plan);
	if (tuplestore_gettupleslot(twice, true, false, slot))
	{
		slot_getallattrs(slot);
		for (int i = 0; i < def->nkeys; i++)
		{
			if (slot->tts_isnull[i])
				return;			/* reported when the row is written */
		}
		ereport(ERROR,
				(errcode(ERRCODE_TVIEW_REFRESH),
				 errmsg("view %s returns two rows with the same key",
						def->view_name),
				 errdetail("Key %s is not unique.",
						   tview_keys_text(def, false, slot->tts_values))));
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(twice);
}

/*
 * Deletes the rows with these keys, except those that have been seen.
 */
static void
delete_keys(TviewWriter *writer, Tuplestorestate *keys,
			RefreshContext *context, TviewKeys *seen)
{
	TupleDesc	desc = tview_read_key_desc(context->def);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc,
													&TTSOpsMinimalTuple);

	tuplestore_rescan(keys);
	while (tuplestore_gettupleslot(keys, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (seen && tview_keys_find(seen, slot->tts_values))
			continue;
		context->key = slot->tts_values;
		tview_write_delete(writer, slot->tts_values);
		context->key = NULL;
		tview_progress_row(&context->progress);
	}
	ExecDropSingleTupleTableSlot(slot);
}
