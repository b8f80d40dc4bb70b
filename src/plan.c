/*
 * plan.c
 *		Running SQL: the only file that uses SPI.
 *
 * Two kinds of SQL are run here.  Commands (tview_plan_command) are DDL and
 * the like: prepared, run once, forgotten.  Plans (TviewPlan) are the queries
 * of maintenance: prepared once per backend and kept with the definition that
 * they belong to, so that nothing is parsed or planned on the hot path.
 *
 * A plan for one value is made with other costs: as if all pages were in
 * memory and each row looked at were dear.  It will be run often, each time
 * for a handful of rows, and by PostgreSQL's own costs a small table is one
 * page to read, so that it looks at all of a hundred rows rather than descend
 * an index.  Nor does the plan get slow when tables that were empty grow.
 *
 * A plan may read row sets that we supply (TviewRows): SPI calls them
 * ephemeral named relations.  Its rows go straight into a tuplestore of the
 * caller, rather than through SPI's own result, which would copy them once
 * more.
 *
 * Maintenance reads with the latest snapshot at every isolation level, as the
 * triggers of foreign keys do: a refresh must see what was committed by those
 * that it waited for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pg_tviews.h"

/* A prepared query of maintenance. */
struct TviewPlan
{
	SPIPlanPtr	plan;
	TviewPlanUse use;
};

/* What planning for one value assumes. */
static const char *const costs_of_one[][2] = {
	{"seq_page_cost", "0.01"},
	{"random_page_cost", "0.01"},
	{"cpu_tuple_cost", "0.05"},
};

/* Local data: see tview_plan_read_past */
static bool reads_past = false;

/* Local data: a planted defect's; dangling when there is none */
static Snapshot frozen_snapshot = NULL;

static SPIPlanPtr prepare_command(const char *sql);
static bool is_planned(TviewPlan *plan);
static void set(const char *name, const char *value);
static void assume_costs(void);
static Plan estimated(TviewPlan *plan);
static void connect_spi(void);
static void finish_spi(void);
static void register_rows(const TviewRows *rows);

/*
 * Acts as owner from here on, with the settings given and a search_path that
 * nobody else can put objects into, until tview_plan_leave_owner.  Row-level
 * security is the owner's, too: a session that has it off, as those that
 * restore dumps have, would get an error for it, and the check of a foreign
 * key would see more.
 */
void
tview_plan_become_owner(TviewIdentity *saved, Oid owner, int sec_flags,
						List *settings)
{
	ListCell   *lc;

	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	SetUserIdAndSecContext(owner,
						   (saved->sec_context & ~SECURITY_NOFORCE_RLS) |
							   sec_flags);
	saved->guc_level = NewGUCNestLevel();
	compat_restrict_search_path();
	if (!row_security)
		set("row_security", "on");
	/* as tview_plan_begin_text has it */
	if (!standard_conforming_strings)
		set("standard_conforming_strings", "on");
	foreach(lc, settings)
	{
		DefElem    *setting = lfirst_node(DefElem, lc);
		const char *wanted = strVal(setting->arg);
		const char *current = GetConfigOption(setting->defname, true, false);

		if (current != NULL && strcmp(current, wanted) != 0)
			set(setting->defname, wanted);
	}
}

/*
 * Sets a setting until the current nest level ends.
 */
static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * From here on, SQL text that is made of a query means the same to everybody
 * who reads it where search_path has no other schemas either: names are
 * qualified, and constants are written in ways that do not depend on settings
 * (as pg_dump does it).  Ends with AtEOXact_GUC(false, the result).
 */
int
tview_plan_begin_text(void)
{
	int			guc_level = NewGUCNestLevel();

	compat_restrict_search_path();
	set("DateStyle", "ISO");
	set("IntervalStyle", "postgres");
	set("extra_float_digits", "3");
	set("standard_conforming_strings", "on");
	return guc_level;
}

/*
 * Goes on as owner, but no longer in a security-restricted operation, in which
 * deferred constraints could not be queued.
 */
void
tview_plan_lift_restriction(const TviewIdentity *saved)
{
	SetUserIdAndSecContext(GetUserId(), saved->sec_context |
											SECURITY_LOCAL_USERID_CHANGE);
}

/*
 * As owner, sees all rows of the owner's tables from here on, even where FORCE
 * ROW LEVEL SECURITY would hide some, as the triggers of foreign keys do.
 * Returns what tview_plan_see_allowed needs.
 */
int
tview_plan_see_all(void)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(userid, sec_context | SECURITY_NOFORCE_RLS);
	return sec_context;
}

/*
 * Ends what tview_plan_see_all began.
 */
void
tview_plan_see_allowed(int sec_context)
{
	SetUserIdAndSecContext(GetUserId(), sec_context);
}

/*
 * Ends what tview_plan_become_owner began.
 */
void
tview_plan_leave_owner(const TviewIdentity *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/*
 * Makes the latest snapshot the active one, or the transaction's; it sees all
 * that this transaction has done so far.
 */
void
tview_plan_push_snapshot(void)
{
	CommandCounterIncrement();
	/* an error may have ended a flush that read the past */
	if (!tview_flush_is_active())
		reads_past = false;
	PushCopiedSnapshot(reads_past	   ? GetTransactionSnapshot() :
					   frozen_snapshot ? frozen_snapshot :
										 GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();
}

/*
 * From here on reads with the transaction's snapshot, if "past", or else with
 * the latest again.
 */
void
tview_plan_read_past(bool past)
{
	reads_past = past;
}

/*
 * Begins anew to read with the latest snapshot, whatever an error may have
 * left behind.  For the tests of the tests: with the planted defect
 * "early_snapshot", with one that is taken now.
 */
void
tview_plan_reset_snapshot(void)
{
	reads_past = false;
	frozen_snapshot = NULL;
	if (strcmp(tview_test_fault, "early_snapshot") != 0)
		return;
	frozen_snapshot = RegisterSnapshotOnOwner(GetLatestSnapshot(),
											  TopTransactionResourceOwner);
}

/*
 * Runs SQL commands as the current user, reading what is committed now.
 * Returns the number of rows that the last one processed.
 */
uint64
tview_plan_command(const char *sql)
{
	int			result;
	uint64		processed;

	connect_spi();
	CommandCounterIncrement();
	result = SPI_execute_snapshot(prepare_command(sql), NULL, NULL,
								  GetLatestSnapshot(), InvalidSnapshot,
								  false, true, 0);
	if (result < 0)
		tview_internal_error("SPI_execute_snapshot failed: %s",
							 SPI_result_code_string(result));
	processed = SPI_processed;
	finish_spi();
	return processed;
}

/*
 * Runs a query as the current user and returns the first column of its rows
 * as a List of C strings (NULL for NULL).
 */
List *
tview_plan_strings(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *strings = NIL;
	int			result;

	connect_spi();
	CommandCounterIncrement();
	result = SPI_execute_snapshot(prepare_command(sql), NULL, NULL,
								  GetLatestSnapshot(), InvalidSnapshot,
								  false, true, 0);
	if (result < 0 || SPI_tuptable == NULL)
		tview_internal_error("query returned no rows: %s", sql);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(caller);

		strings = lappend(strings, value ? pstrdup(value) : NULL);
		MemoryContextSwitchTo(old);
	}
	finish_spi();
	return strings;
}

/*
 * Prepares SQL that is run only once.
 */
static SPIPlanPtr
prepare_command(const char *sql)
{
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL)
		tview_internal_error("SPI_prepare failed: %s",
							 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Prepares a query for good.  "rows" (may be NULL) is a row set that the query
 * calls by its name and that each run supplies anew; the plan is made for
 * about as many rows as it has.
 */
TviewPlan *
tview_plan_prepare(const char *sql, int nargs, Oid *argtypes,
				   const TviewRows *rows, TviewPlanUse use)
{
	TviewPlan  *result;
	SPIPlanPtr	plan;

	connect_spi();
	if (rows)
		register_rows(rows);
	plan = SPI_prepare_cursor(sql, nargs, argtypes,
							  use == TVIEW_PLAN_MANY ?
								  CURSOR_OPT_CUSTOM_PLAN :
								  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		tview_internal_error("SPI_prepare_cursor failed: %s",
							 SPI_result_code_string(SPI_result));
	result = MemoryContextAlloc(CacheMemoryContext, sizeof(TviewPlan));
	result->plan = plan;
	result->use = use;
	SPI_keepplan(plan);
	finish_spi();
	return result;
}

/*
 * Runs a plan with the active snapshot and puts its rows into a tuplestore.
 */
void
tview_plan_run(TviewPlan *plan, ParamListInfo params, const TviewRows *rows,
			   Tuplestorestate *result)
{
	DestReceiver *receiver = tview_plan_receiver(result);

	tview_plan_run_into(plan, params, rows, receiver);
	receiver->rDestroy(receiver);
}

/*
 * Returns a receiver that puts rows into a tuplestore.
 */
DestReceiver *
tview_plan_receiver(Tuplestorestate *result)
{
	DestReceiver *receiver = CreateDestReceiver(DestTuplestore);

	SetTuplestoreDestReceiverParams(receiver, result, CurrentMemoryContext,
									false, NULL, NULL);
	return receiver;
}

/*
 * The same for any receiver.
 */
void
tview_plan_run_into(TviewPlan *plan, ParamListInfo params,
					const TviewRows *rows, DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	bool		has_costs = plan->use == TVIEW_PLAN_ONE && !is_planned(plan);
	int			guc_level = has_costs ? NewGUCNestLevel() : 0;
	int			code;

	if (has_costs)
		assume_costs();
	options.params = params;
	options.read_only = true;
	options.dest = receiver;
	connect_spi();
	if (rows)
		register_rows(rows);
	code = SPI_execute_plan_extended(plan->plan, &options);
	if (code < 0)
		tview_internal_error("SPI_execute_plan_extended failed: %s",
							 SPI_result_code_string(code));
	finish_spi();
	if (has_costs)
		AtEOXact_GUC(false, guc_level);
}

/*
 * True when a plan need not be made before it is run; hardly ever wrong, and
 * all that depends on it is the costs it is made with.
 */
static bool
is_planned(TviewPlan *plan)
{
	CachedPlanSource *source =
		linitial(SPI_plan_get_plan_sources(plan->plan));

	return source->is_valid && source->gplan && source->gplan->is_valid;
}

/*
 * Sets the costs of planning for one value, until the GUC nest level ends.
 */
static void
assume_costs(void)
{
	for (int i = 0; i < lengthof(costs_of_one); i++)
		(void) set_config_option(costs_of_one[i][0], costs_of_one[i][1],
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Returns about how many rows a plan without parameters returns.
 */
double
tview_plan_estimate(TviewPlan *plan)
{
	return estimated(plan).plan_rows;
}

/*
 * Returns what the planner thinks that a plan costs, whatever its parameters.
 */
double
tview_plan_cost(TviewPlan *plan)
{
	return estimated(plan).total_cost;
}

/*
 * Returns the topmost node of a plan, for what the planner says of it.
 */
static Plan
estimated(TviewPlan *plan)
{
	CachedPlan *cached;
	Plan		result;

	connect_spi();
	cached = SPI_plan_get_cached_plan(plan->plan);
	if (cached == NULL)
		tview_internal_error("plan of a query is not one plan");
	result = *linitial_node(PlannedStmt, cached->stmt_list)->planTree;
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	finish_spi();
	return result;
}

/*
 * Forgets a plan; NULL is fine.
 */
void
tview_plan_free(TviewPlan *plan)
{
	if (plan == NULL)
		return;
	SPI_freeplan(plan->plan);
	pfree(plan);
}

/*
 * Connects to SPI.
 */
static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		tview_internal_error("SPI_connect failed");
}

/*
 * Disconnects from SPI.
 */
static void
finish_spi(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		tview_internal_error("SPI_finish failed");
}

/*
 * Lets queries of this connection call a row set by its name.
 */
static void
register_rows(const TviewRows *rows)
{
	EphemeralNamedRelation relation;
	int			result;

	relation = palloc0(sizeof(EphemeralNamedRelationData));
	relation->md.name = pstrdup(rows->name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = rows->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = rows->count;
	relation->reldata = rows->store;
	result = SPI_register_relation(relation);
	if (result != SPI_OK_REL_REGISTER)
		tview_internal_error("SPI_register_relation failed: %s",
							 SPI_result_code_string(result));
}
