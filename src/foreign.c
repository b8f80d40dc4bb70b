/*
 * foreign.c
 *		Refreshes that read foreign tables, before the transaction ends.
 *
 * Wrappers like postgres_fdw end their remote transactions in a callback of
 * their own, called before ours if registered later.  A flush at commit that
 * talks to the remote server after that leaves it a transaction that nobody
 * ends, and the server panics.  So while TVIEWs that read foreign tables, or
 * lead to such, are pending, everything is flushed when a statement ends.
 * What is still pending at commit, by way of a savepoint's rollback in a
 * procedure that commits, fails.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_foreign_table.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "pg_tviews.h"

static ExecutorFinish_hook_type next_executor_finish = NULL;
static ProcessUtility_hook_type next_process_utility = NULL;

/* The TVIEWs that read foreign tables, and those below them. */
static List *readers = NIL;
static List *leading = NIL;
static uint64 found_after = 0;	/* as many invalidations */
static uint64 invalidations = 1;

static int	depth = 0;			/* of our hooks that will flush */

static void finish_query(QueryDesc *query);
static void finish_utility(PlannedStmt *pstmt, const char *query_string,
						   bool read_only_tree, ProcessUtilityContext context,
						   ParamListInfo params, QueryEnvironment *query_env,
						   DestReceiver *dest, QueryCompletion *qc);
static bool is_end(Node *command);
static void flush_if_leading(void);
static void find_readers(void);
static void forget_readers(Datum arg, Oid relid);
static List *read_foreign_tables(void);
static void add_leading(Oid tview, List **tviews);

/*
 * Installs the hooks.
 */
void
tview_foreign_install_hooks(void)
{
	next_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish_query;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = finish_utility;
}

/*
 * Raises an error if a TVIEW cannot be refreshed while the transaction ends.
 */
void
tview_foreign_check_end(const TviewDef *def)
{
	find_readers();
	if (list_member_oid(readers, def->tview))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("TVIEW %s cannot be refreshed at commit, because it reads a foreign table",
						def->name),
				 errhint("Read the TVIEW before the transaction commits.")));
}

/*
 * Called for captured changes.  Those that a subscription applies are part of
 * no query that ends, and the query that has the library loaded has called the
 * hooks before they were there: nothing else will flush these in time.
 */
void
tview_foreign_captured(void)
{
	if (depth == 0)
		flush_if_leading();
}

/*
 * ExecutorFinish hook.
 */
static void
finish_query(QueryDesc *query)
{
	depth++;
	PG_TRY();
	{
		if (next_executor_finish)
			next_executor_finish(query);
		else
			standard_ExecutorFinish(query);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	flush_if_leading();
}

/*
 * ProcessUtility hook: COMMIT itself must find nothing, and other commands may
 * have changed something.
 */
static void
finish_utility(PlannedStmt *pstmt, const char *query_string,
			   bool read_only_tree, ProcessUtilityContext context,
			   ParamListInfo params, QueryEnvironment *query_env,
			   DestReceiver *dest, QueryCompletion *qc)
{
	bool		is_transaction = IsA(pstmt->utilityStmt, TransactionStmt);

	if (is_transaction && is_end(pstmt->utilityStmt))
		flush_if_leading();
	depth++;
	PG_TRY();
	{
		if (next_process_utility)
			next_process_utility(pstmt, query_string, read_only_tree, context,
								 params, query_env, dest, qc);
		else
			standard_ProcessUtility(pstmt, query_string, read_only_tree,
									context, params, query_env, dest, qc);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	if (!is_transaction)
		flush_if_leading();
}

/*
 * True for COMMIT and PREPARE TRANSACTION.
 */
static bool
is_end(Node *command)
{
	TransactionStmtKind kind = castNode(TransactionStmt, command)->kind;

	return kind == TRANS_STMT_COMMIT || kind == TRANS_STMT_PREPARE;
}

/*
 * Flushes if what is pending leads to foreign tables.
 */
static void
flush_if_leading(void)
{
	ListCell   *lc;
	bool		is_due = false;
	List	   *pending;

	if (tview_queue_is_empty() || tview_flush_is_active() ||
		!IsTransactionState())
		return;
	find_readers();
	if (leading == NIL)
		return;
	pending = tview_queue_list();
	foreach(lc, pending)
		is_due |= list_member_oid(leading,
								  ((TviewPending *) lfirst(lc))->tview);
	list_free(pending);
	if (is_due)
		tview_flush_all();
}

/*
 * Finds the TVIEWs that read foreign tables, and all that these are built on.
 */
static void
find_readers(void)
{
	static bool is_registered = false;
	uint64		before;
	List	   *found;
	List	   *below;
	ListCell   *lc;
	MemoryContext old;

	if (!is_registered)
		CacheRegisterRelcacheCallback(forget_readers, (Datum) 0);
	is_registered = true;
	if (found_after == invalidations)
		return;
	do
	{
		before = invalidations;
		found = read_foreign_tables();
		below = NIL;
		foreach(lc, found)
			add_leading(lfirst_oid(lc), &below);
	} while (before != invalidations && !DISCARDS_CACHES);
	list_free(readers);
	list_free(leading);
	old = MemoryContextSwitchTo(TopMemoryContext);
	readers = list_copy(found);
	leading = list_copy(below);
	MemoryContextSwitchTo(old);
	found_after = before;
}

/*
 * Relcache callback: any table may be, or have become, one that matters.
 */
static void
forget_readers(Datum arg, Oid relid)
{
	invalidations++;
}

/*
 * Returns the OIDs of the TVIEWs that read any foreign table.
 */
static List *
read_foreign_tables(void)
{
	Relation	rel = table_open(ForeignTableRelationId, AccessShareLock);
	SysScanDesc scan;
	List	   *tviews = NIL;
	HeapTuple	tuple;

	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_table form = (Form_pg_foreign_table) GETSTRUCT(tuple);

		tviews = list_concat_unique_oid(
			tviews, tview_catalog_dependents(form->ftrelid));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tviews;
}

/*
 * Adds a TVIEW, and those that it is built on.
 */
static void
add_leading(Oid tview, List **tviews)
{
	TviewDef   *def;
	ListCell   *lc;

	check_stack_depth();
	if (list_member_oid(*tviews, tview))
		return;
	*tviews = lappend_oid(*tviews, tview);
	def = tview_definition_get(tview);
	foreach(lc, def ? list_copy(def->dependencies) : NIL)
		add_leading(lfirst_oid(lc), tviews);
}
