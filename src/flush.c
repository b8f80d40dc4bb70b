/*
 * flush.c
 *		When pending changes become refreshed rows, and in which order.
 *
 * When: before the transaction commits or is prepared; before a query that can
 * see a TVIEW, which then gets a snapshot that sees the refreshed rows; before
 * utility commands; at the end of each statement if pg_tviews.refresh_at says
 * so, or foreign tables are read (foreign.c); and when the queue has outgrown
 * its memory (capture.c).
 *
 * In which order: TVIEWs before those that are built on them.  Rows that a
 * flush writes are touches of the latter, so it goes on until nothing is
 * pending.
 *
 * For one TVIEW: the touches of its sources lead to scope values, by direct
 * extraction or by a route's query, and the rows with those are refreshed.
 *
 * Locks, see locks.c: the TVIEW's own first, those on links before the routes
 * are asked, those on keys before the view is read.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "pg_tviews.h"

/*
 * The command ids of a flush, never none: a snapshot with one of them sees the
 * changes that were flushed, but not all the rows written.
 */
typedef struct FlushRange
{
	CommandId	start;
	CommandId	end;
} FlushRange;

/* What a flush looks for. */
typedef struct FlushSearch
{
	TviewDef   *def;
	List	   *pending;
	TviewKeys  *scope;			/* found: the values to refresh */
} FlushSearch;

/* A TVIEW to flush, and what it and those before it took. */
typedef struct FlushTask
{
	TviewDef   *def;
	int64		elapsed;		/* microseconds */
	StringInfoData lines;		/* for the log, one for each TVIEW */
} FlushTask;

/* Local data */
static bool is_active = false;	/* a flush is going on */
static bool is_ending = false;	/* the transaction is, and reads no more */
static List *ranges = NIL;		/* of FlushRange, in TopTransactionContext */

/* Saved hooks */
static ExecutorStart_hook_type next_executor_start = NULL;
static ExecutorRun_hook_type next_executor_run = NULL;
static ProcessUtility_hook_type next_process_utility = NULL;

static void flush_at_commit(XactEvent event, void *arg);
static void flush_before_query(QueryDesc *query, int eflags);
static void run_query(COMPAT_RUN_PARAMS);
static bool activate_snapshot(QueryDesc *query);
static bool may_read_tviews(PlannedStmt *plan);
static bool is_queue_function(const PlanInvalItem *item);
static void advance_snapshot(QueryDesc *query);
static CommandId flushed_since(CommandId curcid);
static void add_range(CommandId start, CommandId end);
static void flush_before_utility(PlannedStmt *pstmt, const char *query_string,
								 bool read_only_tree,
								 ProcessUtilityContext context,
								 ParamListInfo params,
								 QueryEnvironment *query_env,
								 DestReceiver *dest, QueryCompletion *qc);
static bool runs_query(Node *command);
static bool needs_flush(Node *command);
static bool may_go_stale(const TviewDef *def);
static void flush_or_mark(FlushTask *task);
static void flush_attempted(void *arg);
static void flush_measured(FlushTask *task);
static void note_duration(FlushTask *task, int64 elapsed,
						  const TviewCounts *counts);
static void report_duration(const FlushTask *task);
static TviewCounts flush_tview(TviewDef *def);
static bool touches_all(TviewDef *def, List *pending);
static bool lock_and_find(FlushSearch *search);
static void lock_and_find_attempted(void *arg);
static bool is_own_fault(int sqlerrcode);
static TviewKeys *find_scope(TviewDef *def, List *pending);
static TviewParts touched_parts(TviewDef *def, List *pending);
static void follow_routes(TviewDef *def, TviewPending *pending,
						  TviewKeys *scope);
static void follow_direct(TviewDef *def, TviewRoute *route,
						  TviewPending *pending, TviewKeys *scope);
static void follow_query(TviewDef *def, TviewRoute *route,
						 TviewPending *pending, TviewKeys *scope);
static TupleDesc scope_desc(TviewDef *def);

/*
 * Installs the hooks; they are set when the library is loaded, and nothing can
 * be pending before.
 */
void
tview_flush_install_hooks(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = flush_before_query;
	next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = flush_before_utility;
	RegisterXactCallback(flush_at_commit, NULL);
}

/*
 * True while a flush is going on.
 */
bool
tview_flush_is_active(void)
{
	return is_active;
}

/*
 * Refreshes all that is pending.  Does nothing when called from inside a
 * flush, which will come to it.
 */
void
tview_flush_all(void)
{
	FlushTask	task = {0};
	CommandId	start;

	if (is_active || tview_capture_is_computing() || tview_queue_is_empty())
		return;
	start = GetCurrentCommandId(false);
	is_active = true;
	PG_TRY();
	{
		while ((task.def = tview_queue_next()) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			if (is_ending)
				tview_foreign_check_end(task.def);
			if (tview_restore_is_loading(task.def->tview))
				tview_queue_release(tview_queue_take(task.def->tview));
			else if (may_go_stale(task.def))
				flush_or_mark(&task);
			else
				flush_measured(&task);
		}
	}
	PG_FINALLY();
	{
		is_active = false;
	}
	PG_END_TRY();
	/* a flush that had nothing to write may have waited, too */
	(void) GetCurrentCommandId(true);
	CommandCounterIncrement();
	add_range(start, GetCurrentCommandId(false));
	report_duration(&task);
	if (tview_queue_is_full())
		tview_queue_shrink();
}

/*
 * Refreshes rows of a TVIEW, or without scope all, outside of a flush: for
 * DDL, and for those who ask for it.  What is pending is flushed before, for
 * the refresh must not meet it halfway, and what it leads to after.
 */
TviewCounts
tview_flush_refresh(TviewDef *def, TviewKeys *scope, bool force)
{
	bool		was_active;
	TviewMeasure measure;
	TviewCounts counts;

	tview_flush_all();
	was_active = is_active;
	is_active = true;
	tview_stats_begin(&measure, def->tview);
	PG_TRY();
	{
		tview_snapshots_begin(def, true);
		if (!tview_locks_begin(def, NIL, scope == NULL))
			(void) tview_locks_keys(def, scope);
		tview_snapshots_check(def, scope);
		counts = scope ? tview_refresh_keys(def, scope, TVIEW_ALL_PARTS) :
						 tview_refresh_all(def, force);
	}
	PG_CATCH();
	{
		is_active = was_active;
		tview_stats_fail(&measure);
		PG_RE_THROW();
	}
	PG_END_TRY();
	is_active = was_active;
	tview_stats_end(&measure, &counts);
	tview_flush_all();
	return counts;
}

/*
 * Transaction callback: flushes before COMMIT and PREPARE TRANSACTION.
 *
 * Deferred triggers have fired by then, and cursors are closed or held.  What
 * a flush queues and opens of them must be fired and closed here, or would be
 * lost; and that may change base tables again.
 */
static void
flush_at_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
	{
		ranges = NIL;			/* their memory goes with the transaction */
		tview_locks_reset();
		tview_capture_reset();
	}
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
		return;
	while (!tview_queue_is_empty())
	{
		is_ending = true;
		PG_TRY();
		{
			tview_flush_all();
		}
		PG_FINALLY();
		{
			is_ending = false;
		}
		PG_END_TRY();
		do
			AfterTriggerFireDeferred();
		while (PreCommit_Portals(event == XACT_EVENT_PRE_PREPARE));
	}
	tview_notify_send(event == XACT_EVENT_PRE_PREPARE);
}

/*
 * ExecutorStart hook: flushes before a query that can see a TVIEW.
 */
static void
flush_before_query(QueryDesc *query, int eflags)
{
	bool		pushed;

	if (query->operation == CMD_MERGE || query->plannedstmt->hasModifyingCTE)
		tview_capture_start(query->plannedstmt);
	if ((!tview_queue_is_empty() || ranges != NIL) && !is_active &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		may_read_tviews(query->plannedstmt))
	{
		tview_flush_all();
		advance_snapshot(query);
	}
	pushed = activate_snapshot(query);
	if (next_executor_start)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (pushed)
		PopActiveSnapshot();
}

/*
 * ExecutorRun hook: lets a query whose snapshot has been replaced run with it.
 */
static void
run_query(COMPAT_RUN_PARAMS)
{
	bool		pushed = activate_snapshot(query);

	if (next_executor_run)
		next_executor_run(COMPAT_RUN_ARGS);
	else
		standard_ExecutorRun(COMPAT_RUN_ARGS);
	if (pushed)
		PopActiveSnapshot();
}

/*
 * Makes a query's snapshot the active one, for the functions that it calls and
 * for its parallel workers; true if it was not, as after advance_snapshot.
 */
static bool
activate_snapshot(QueryDesc *query)
{
	if (ranges == NIL || query->snapshot == InvalidSnapshot ||
		!ActiveSnapshotSet() || GetActiveSnapshot() == query->snapshot)
		return false;
	PushActiveSnapshot(query->snapshot);
	return true;
}

/*
 * True when a plan reads a TVIEW, or calls functions that may do so.
 * PostgreSQL records those functions in a plan that are not its own.
 */
static bool
may_read_tviews(PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		if (item->cacheId == PROCOID && !is_queue_function(item))
			return true;
	}
	foreach(lc, plan->relationOids)
	{
		if (tview_definition_is_tview(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/*
 * True for the functions that tell what is pending, which a flush would keep
 * them from doing; those of 0.1, and what they call, too.  A plan knows
 * functions by the hash of their OIDs; as every query asks, theirs are looked
 * up again only when something may have changed.
 */
static bool
is_queue_function(const PlanInvalItem *item)
{
	static const char *const names[] = {
		"pg_tviews_get_queue",
		"pg_tviews_debug_queue",
		"pg_tviews_queue_stats",
		"pg_tviews_refresh_stats",
	};
	static uint32 hashes[lengthof(names)];
	static int	nhashes = 0;
	static uint64 generation = 0;	/* that they are of */

	if (generation != tview_definition_generation())
	{
		generation = tview_definition_generation();
		nhashes = 0;
		for (int i = 0; i < lengthof(names); i++)
		{
			Oid			function;

			function = tview_catalog_find_function(names[i], 0, NULL);
			if (OidIsValid(function))
				hashes[nhashes++] =
					GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(function));
		}
	}
	for (int i = 0; i < nhashes; i++)
	{
		if (item->hashValue == hashes[i])
			return true;
	}
	return false;
}

/*
 * Makes the snapshot of a query that is about to start see the rows that a
 * flush has written, if it sees the changes that these follow from: its own
 * flush, or that of the command which this query is part of.
 *
 * The flush may have waited for others, and written over rows of theirs that
 * the query's snapshot does not see: with that, the query would find a row
 * twice, as it was before them and as it is now.  In READ COMMITTED it gets
 * the latest snapshot, as if it had begun after the flush.  For the other
 * levels see snapshots.c.
 *
 * The snapshot may be shared with a query further up that is running, so it is
 * replaced, not changed; see activate_snapshot.
 */
static void
advance_snapshot(QueryDesc *query)
{
	Snapshot	old = query->snapshot;
	CommandId	seen = old ? flushed_since(old->curcid) : InvalidCommandId;

	if (seen == InvalidCommandId)
		return;
	PushCopiedSnapshot(IsolationUsesXactSnapshot() ? old :
													 GetLatestSnapshot());
	GetActiveSnapshot()->curcid = seen;
	query->snapshot = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	UnregisterSnapshot(old);
}

/*
 * Returns the command id after the flush that had a command id among its own,
 * or InvalidCommandId if there was none.
 */
static CommandId
flushed_since(CommandId curcid)
{
	int			low = 0;
	int			high = list_length(ranges);
	FlushRange *range;

	/* they come in order: find the first that ends later */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		range = list_nth(ranges, middle);
		if (range->end <= curcid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == list_length(ranges))
		return InvalidCommandId;
	range = list_nth(ranges, low);
	return range->start <= curcid ? range->end : InvalidCommandId;
}

/*
 * Remembers the command ids of a flush.
 */
static void
add_range(CommandId start, CommandId end)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	FlushRange *range = palloc(sizeof(FlushRange));

	range->start = start;
	range->end = end;
	ranges = lappend(ranges, range);
	MemoryContextSwitchTo(old);
}

/*
 * ProcessUtility hook: flushes before commands other than queries.
 */
static void
flush_before_utility(PlannedStmt *pstmt, const char *query_string,
					 bool read_only_tree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *query_env,
					 DestReceiver *dest, QueryCompletion *qc)
{
	bool		pushed = false;

	if (!tview_queue_is_empty() && !is_active &&
		needs_flush(pstmt->utilityStmt))
	{
		tview_flush_all();
		if (ActiveSnapshotSet())
			GetActiveSnapshot()->curcid = GetCurrentCommandId(false);
		if (!IsolationUsesXactSnapshot() && runs_query(pstmt->utilityStmt))
		{
			PushActiveSnapshot(GetLatestSnapshot());
			pushed = true;
		}
	}
	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, qc);
	if (pushed)
		PopActiveSnapshot();
}

/*
 * True for a command that runs one query, with the snapshot that is active; it
 * needs a later one for the same reason as a query does.
 */
static bool
runs_query(Node *command)
{
	switch (nodeTag(command))
	{
		case T_CopyStmt:
		case T_CreateTableAsStmt:
		case T_DeclareCursorStmt:
		case T_RefreshMatViewStmt:
			return true;
		default:
			return false;
	}
}

/*
 * True for a command that may read a TVIEW, or change what TVIEWs are made of.
 * Those that only control the session need no flush, and those that run
 * queries get it when these start.
 */
static bool
needs_flush(Node *command)
{
	switch (nodeTag(command))
	{
		case T_TransactionStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_PrepareStmt:
		case T_ExecuteStmt:
		case T_DeallocateStmt:
		case T_ExplainStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_NotifyStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_LockStmt:
			return false;
		default:
			return true;
	}
}

/*
 * Whether an error in a TVIEW's query shall leave the transaction alone.
 */
static bool
may_go_stale(const TviewDef *def)
{
	int			on_error = def->on_error;

	if (on_error == TVIEW_ERROR_DEFAULT)
		on_error = tview_on_error;
	return on_error == TVIEW_ERROR_STALE;
}

/*
 * Flushes what is pending for one TVIEW; if that fails, marks it as stale and
 * drops what was pending.  Those who mark it exclude each other by the
 * TVIEW's lock, lest they update the same row of the catalog.
 */
static void
flush_or_mark(FlushTask *task)
{
	TviewDef   *def = task->def;
	ErrorData  *failure = tview_attempt(flush_attempted, task);

	if (failure == NULL)
		return;
	tview_queue_release(tview_queue_take(def->tview));
	(void) tview_locks_begin(def, NIL, true);
	if (!tview_catalog_is_stale(def->tview))
		tview_catalog_set_stale(def->tview,
								unpack_sql_state(failure->sqlerrcode));
	ereport(WARNING,
			(errcode(failure->sqlerrcode),
			 errmsg("TVIEW \"%s\" is stale: %s", get_rel_name(def->tview),
					failure->message),
			 failure->context ? errdetail_internal("%s", failure->context) : 0,
			 errhint("Remove the cause, then call pg_tviews_refresh().")));
}

/*
 * Work of an attempt: flushes one TVIEW.
 */
static void
flush_attempted(void *arg)
{
	flush_measured(arg);
}

/*
 * Flushes what is pending for one TVIEW, and counts that.
 */
static void
flush_measured(FlushTask *task)
{
	TviewDef   *def = task->def;
	TviewMeasure measure;
	TviewCounts counts;

	tview_stats_begin(&measure, def->tview);
	PG_TRY();
	{
		counts = flush_tview(def);
	}
	PG_CATCH();
	{
		tview_stats_fail(&measure);
		PG_RE_THROW();
	}
	PG_END_TRY();
	tview_stats_end(&measure, &counts);
	if (tview_log_min_duration >= 0)
		note_duration(task, measure.elapsed, &counts);
}

/*
 * Notes what the flush of one TVIEW took and did.
 */
static void
note_duration(FlushTask *task, int64 elapsed, const TviewCounts *counts)
{
	if (task->lines.data == NULL)
		initStringInfo(&task->lines);
	task->elapsed += elapsed;
	appendStringInfo(&task->lines,
					 "%s%s: %.3f ms; inserted " INT64_FORMAT
					 ", updated " INT64_FORMAT ", deleted " INT64_FORMAT
					 ", found unchanged " INT64_FORMAT " rows",
					 task->lines.len > 0 ? "\n" : "", task->def->name,
					 elapsed / 1000.0, counts->inserted, counts->updated,
					 counts->deleted, counts->unchanged);
}

/*
 * Logs a flush that took long.
 */
static void
report_duration(const FlushTask *task)
{
	if (task->lines.data == NULL ||
		task->elapsed / 1000 < tview_log_min_duration)
		return;
	ereport(LOG,
			(errmsg("duration: %.3f ms  refresh of TVIEWs",
					task->elapsed / 1000.0),
			 errdetail_internal("%s", task->lines.data)));
}

/*
 * Flushes what is pending for one TVIEW.
 */
static TviewCounts
flush_tview(TviewDef *def)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "pg_tviews flush",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(work);
	List	   *pending = tview_queue_take(def->tview);
	FlushSearch search = {def, pending, NULL};
	TviewCounts counts;
	TviewParts	parts;

	parts = touched_parts(def, pending);
	tview_snapshots_begin(def, !is_ending);
	if (touches_all(def, pending) || !lock_and_find(&search))
		(void) tview_locks_begin(def, NIL, true);
	tview_snapshots_check(def, search.scope);
	counts = search.scope ? tview_refresh_keys(def, search.scope, parts) :
							tview_refresh_all(def, false);
	tview_queue_release(pending);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	return counts;
}

/*
 * True when pending changes mean that all rows must be refreshed.
 */
static bool
touches_all(TviewDef *def, List *pending)
{
	ListCell   *lc;

	foreach(lc, pending)
	{
		TviewPending *one = lfirst(lc);

		if (one->is_whole || !tview_queue_fits(one, def))
			return true;
	}
	return false;
}

/*
 * Takes the locks of a flush on links and keys, and finds what to refresh.
 * False, without either, when what a link computes fails.  It may do so
 * without any fault of the query, for a row that another condition keeps from
 * it: then nobody can tell which rows are affected.
 */
static bool
lock_and_find(FlushSearch *search)
{
	ErrorData  *failure;

	if (!search->def->computes_links)
	{
		lock_and_find_attempted(search);
		return true;
	}
	failure = tview_attempt(lock_and_find_attempted, search);
	if (failure == NULL)
		return true;
	if (is_own_fault(failure->sqlerrcode))
		ReThrowError(failure);
	tview_snapshots_begin(search->def, !is_ending);
	search->scope = NULL;
	return false;
}

/*
 * Work of an attempt: see above.
 */
static void
lock_and_find_attempted(void *arg)
{
	FlushSearch *search = arg;
	TviewDef   *def = search->def;
	List	   *pending = search->pending;
	bool		is_exclusive = tview_locks_begin(def, pending, false) ||
						tview_locks_links(def, pending);

	search->scope = find_scope(def, pending);
	if (!is_exclusive && tview_locks_keys(def, search->scope))
		search->scope = find_scope(def, pending);
}

/*
 * True for errors that are ours or PostgreSQL's, not those of an expression.
 */
static bool
is_own_fault(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_INTERNAL_ERROR) ||
		   category == ERRCODE_TO_CATEGORY(ERRCODE_TVIEW_INTERNAL);
}

/*
 * Returns the scope values that pending changes lead to: as the database is
 * now, and as it is for the transaction, if that keeps its snapshot.
 */
static TviewKeys *
find_scope(TviewDef *def, List *pending)
{
	TviewKeys  *scope = tview_keys_create(def, true);

	do
	{
		ListCell   *lc;

		foreach(lc, pending)
			follow_routes(def, lfirst(lc), scope);
	} while (tview_snapshots_turn());
	return scope;
}

/*
 * Returns the parts of rows that pending changes affect.
 */
static TviewParts
touched_parts(TviewDef *def, List *pending)
{
	TviewParts	parts = 0;
	ListCell   *lc;

	foreach(lc, pending)
	{
		TviewPending *one = lfirst(lc);

		parts |= one->serial == def->serial ? one->parts : TVIEW_ALL_PARTS;
	}
	return parts;
}

/*
 * Follows the routes of one source from its touches.
 */
static void
follow_routes(TviewDef *def, TviewPending *pending, TviewKeys *scope)
{
	ListCell   *lc;

	foreach(lc, def->sources[pending->source].routes)
	{
		TviewRoute *route = lfirst(lc);

		if (route->strategy == TVIEW_DIRECT)
			follow_direct(def, route, pending, scope);
		else
			follow_query(def, route, pending, scope);
	}
}

/*
 * Takes scope values out of the touches themselves.
 */
static void
follow_direct(TviewDef *def, TviewRoute *route, TviewPending *pending,
			  TviewKeys *scope)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(pending->desc,
													&TTSOpsMinimalTuple);
	Datum	   *values = palloc(sizeof(Datum) * def->nscope);
	bool	   *isnull = palloc(sizeof(bool) * def->nscope);
	uint64		position = 0;

	while (tview_touches_each(pending->touches, &position, slot, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < def->nscope; i++)
			values[i] = slot_getattr(slot, route->direct[i] + 1, &isnull[i]);
		(void) tview_keys_add(scope, values, isnull);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Asks a route's query for the scope values.
 */
static void
follow_query(TviewDef *def, TviewRoute *route, TviewPending *pending,
			 TviewKeys *scope)
{
	Tuplestorestate *found = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(scope_desc(def),
													&TTSOpsMinimalTuple);

	tview_touches_query(def, route->sql, route->plans, pending->touches,
						found);
	while (tuplestore_gettupleslot(found, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		(void) tview_keys_add(scope, slot->tts_values, slot->tts_isnull);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(found);
}

/*
 * Returns the row type of scope values.
 */
static TupleDesc
scope_desc(TviewDef *def)
{
	TupleDesc	desc = CreateTemplateTupleDesc(def->nscope);

	for (int i = 0; i < def->nscope; i++)
		TupleDescCopyEntry(desc, i + 1, def->view_desc,
						   def->key_attnums[def->scope[i]]);
	return desc;
}
