/*
 * progress.c
 *		How far the filling or refreshing of a large TVIEW is, for other
 *		sessions to see.
 *
 * PostgreSQL has counters for that in each backend's entry of the activity
 * table: anybody can read them while the transaction goes on, and the end of
 * an error clears them.  We use those, with a kind of command that PostgreSQL
 * has not: its own views do not show it, and ours shows nothing else.  They
 * need no preloading, only track_activities.
 *
 * There is one set of counters per backend.  Who finds it taken, by COPY or by
 * the refresh that has led to this one, reports nothing.
 *
 * State: a TviewProgress lives on the stack of who does the work.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/progress.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"

#include "compat.h"
#include "pg_tviews.h"

/* A number that PostgreSQL gives to no command of its own: "TV". */
#define PROGRESS_COMMAND_TVIEW ((ProgressCommandType) 0x5456)

/* Which counter is what. */
enum
{
	PARAM_PHASE,
	PARAM_DONE,
	PARAM_TOTAL,
	NPARAMS,
};

/* A receiver that counts rows and hands them on. */
typedef struct CountingReceiver
{
	DestReceiver pub;
	DestReceiver *inner;
	TviewProgress *progress;
} CountingReceiver;

static const char *const phase_names[] = {
	[TVIEW_PHASE_FILLING] = "filling",
	[TVIEW_PHASE_COMPUTING] = "computing rows",
	[TVIEW_PHASE_DELETING] = "deleting rows",
	[TVIEW_PHASE_WRITING] = "writing rows",
};

static ProgressCommandType reported_command(void);
static void report_all(const TviewProgress *progress);
static void start_counting(DestReceiver *self, int operation,
						   TupleDesc desc);
static bool count_row(TupleTableSlot *slot, DestReceiver *self);
static void stop_counting(DestReceiver *self);
static void destroy_receiver(DestReceiver *self);
static void put_row(ReturnSetInfo *result, const PgBackendStatus *backend);

PG_FUNCTION_INFO_V1(pg_tviews_get_progress);

/*
 * Begins to report work on a TVIEW, if it is worth that and the counters are
 * free.
 */
void
tview_progress_begin(TviewProgress *progress, Oid tview, bool is_large)
{
	memset(progress, 0, sizeof(TviewProgress));
	progress->tview = tview;
	progress->is_reported = is_large &&
							reported_command() == PROGRESS_COMMAND_INVALID;
}

/*
 * Tells what is done now, and with about how many rows, or 0.
 */
void
tview_progress_phase(TviewProgress *progress, TviewPhase phase, double total)
{
	if (!progress->is_reported)
		return;
	progress->phase = phase;
	progress->done = 0;
	progress->total = (int64) total;
	report_all(progress);
}

/*
 * Tells that one more row is done.
 */
void
tview_progress_row(TviewProgress *progress)
{
	if (!progress->is_reported)
		return;
	progress->done++;

	/* the end of a subtransaction that failed clears the counters */
	if (reported_command() == PROGRESS_COMMAND_INVALID)
		report_all(progress);
	else
		pgstat_progress_update_param(PARAM_DONE, progress->done);
}

/*
 * Ends reporting.
 */
void
tview_progress_end(TviewProgress *progress)
{
	if (progress->is_reported)
		pgstat_progress_end_command();
	progress->is_reported = false;
}

/*
 * The command that this backend reports progress of.
 */
static ProgressCommandType
reported_command(void)
{
	return MyBEEntry ? MyBEEntry->st_progress_command :
					   PROGRESS_COMMAND_INVALID;
}

/*
 * Sets all counters.
 */
static void
report_all(const TviewProgress *progress)
{
	const int	params[] = {PARAM_PHASE, PARAM_DONE, PARAM_TOTAL};
	const int64 values[] = {progress->phase, progress->done, progress->total};

	pgstat_progress_start_command(PROGRESS_COMMAND_TVIEW, progress->tview);
	pgstat_progress_update_multi_param(NPARAMS, params, values);
}

/*
 * Returns a receiver that counts the rows that it hands on to another one.
 */
DestReceiver *
tview_progress_receiver(TviewProgress *progress, DestReceiver *inner)
{
	CountingReceiver *self;

	if (progress == NULL || !progress->is_reported)
		return inner;
	self = palloc0(sizeof(CountingReceiver));
	self->pub.receiveSlot = count_row;
	self->pub.rStartup = start_counting;
	self->pub.rShutdown = stop_counting;
	self->pub.rDestroy = destroy_receiver;
	self->pub.mydest = inner->mydest;
	self->inner = inner;
	self->progress = progress;
	return &self->pub;
}

/*
 * Receiver callback: a query starts.
 */
static void
start_counting(DestReceiver *self, int operation, TupleDesc desc)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rStartup(inner, operation, desc);
}

/*
 * Receiver callback: a row.
 */
static bool
count_row(TupleTableSlot *slot, DestReceiver *self)
{
	CountingReceiver *receiver = (CountingReceiver *) self;

	tview_progress_row(receiver->progress);
	return receiver->inner->receiveSlot(slot, receiver->inner);
}

/*
 * Receiver callback: the query has ended.
 */
static void
stop_counting(DestReceiver *self)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rShutdown(inner);
}

/*
 * Receiver callback: nobody needs it any more.
 */
static void
destroy_receiver(DestReceiver *self)
{
	DestReceiver *inner = ((CountingReceiver *) self)->inner;

	inner->rDestroy(inner);
	pfree(self);
}

/* Columns of pg_tviews_get_progress. */
#define PROGRESS_COLUMNS 5

/*
 * SQL: returns a row for each backend that fills or refreshes a TVIEW of this
 * database.
 */
Datum
pg_tviews_get_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			nbackends = pgstat_fetch_stat_numbackends();

	tview_catalog_begin_rows(fcinfo, 0, PROGRESS_COLUMNS);
	for (int i = 1; i <= nbackends; i++)
	{
		PgBackendStatus *backend =
			&compat_local_backend(i)->backendStatus;

		if (backend->st_progress_command == PROGRESS_COMMAND_TVIEW &&
			backend->st_databaseid == MyDatabaseId)
			put_row(result, backend);
	}
	return (Datum) 0;
}

/*
 * Puts the row of one backend; of those of others only that there is one, as
 * PostgreSQL does.
 */
static void
put_row(ReturnSetInfo *result, const PgBackendStatus *backend)
{
	const int64 *params = backend->st_progress_param;
	Datum		values[PROGRESS_COLUMNS];
	bool		nulls[PROGRESS_COLUMNS] = {false, true, true, true, true};

	values[0] = Int32GetDatum(backend->st_procpid);
	if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), backend->st_userid))
	{
		values[1] = ObjectIdGetDatum(backend->st_progress_command_target);
		nulls[1] = false;
		if (params[PARAM_PHASE] >= 0 &&
			params[PARAM_PHASE] < lengthof(phase_names))
		{
			values[2] = CStringGetTextDatum(phase_names[params[PARAM_PHASE]]);
			nulls[2] = false;
		}
		values[3] = Int64GetDatum(params[PARAM_DONE]);
		nulls[3] = false;
		values[4] = Int64GetDatum(params[PARAM_TOTAL]);
		nulls[4] = params[PARAM_TOTAL] <= 0;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
