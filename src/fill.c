/*
 * fill.c
 *		The first rows of a new TVIEW.
 *
 * They go from the view's query straight into the table, which has no index
 * yet: that is made afterwards, all at once.  The caller has locked the base
 * tables against writers and the table against everybody.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pg_tviews.h"

/* A receiver that writes rows to a TVIEW. */
typedef struct FillReceiver
{
	DestReceiver pub;
	TviewWriter *writer;
} FillReceiver;

static void run_query(const TviewDef *def, DestReceiver *receiver);
static void start_rows(DestReceiver *self, int operation, TupleDesc desc);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static void stop_rows(DestReceiver *self);

/*
 * Fills the empty table of a TVIEW from its view: as its owner, with the
 * settings and restrictions that every later refresh will have.
 */
void
tview_fill(TviewDef *def)
{
	FillReceiver receiver = {
		.pub.receiveSlot = receive_row,
		.pub.rStartup = start_rows,
		.pub.rShutdown = stop_rows,
		.pub.rDestroy = stop_rows,
		.pub.mydest = DestNone,
	};
	TviewCounts counts = {0};
	TviewIdentity identity;

	tview_plan_push_snapshot();
	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION, def->settings);
	receiver.writer = tview_write_begin(def, TVIEW_ALL_PARTS, false);
	run_query(def, &receiver.pub);
	tview_write_end(receiver.writer, &counts);
	tview_plan_leave_owner(&identity);
	PopActiveSnapshot();
}

/*
 * Runs the view's query and reports its progress.
 */
static void
run_query(const TviewDef *def, DestReceiver *receiver)
{
	TviewPlan  *plan = tview_plan_prepare(psprintf("SELECT * FROM %s",
												   def->view_name),
										  0, NULL, NULL, TVIEW_PLAN_FEW);
	TviewProgress progress;

	tview_progress_begin(&progress, def->tview, true);
	tview_progress_phase(&progress, TVIEW_PHASE_FILLING,
						 tview_plan_estimate(plan));
	tview_plan_run_into(plan, NULL, NULL,
						tview_progress_receiver(&progress, receiver));
	tview_progress_end(&progress);
	tview_plan_free(plan);
}

/*
 * Receiver callback: the query starts.
 */
static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
}

/*
 * Receiver callback: a row.
 */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	(void) tview_write_row(((FillReceiver *) self)->writer, slot);
	return true;
}

/*
 * Receiver callback: the query has ended.
 */
static void
stop_rows(DestReceiver *self)
{
}
