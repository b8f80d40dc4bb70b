/*
 * attempt.c
 *		Doing what may fail, in a subtransaction that then never was.
 *
 * For reports about things that are broken, and for TVIEWs whose errors shall
 * not keep others from writing.  It costs a subtransaction, so nothing does
 * this on the way of an ordinary change.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"

#include "compat.h"
#include "pg_tviews.h"

static ErrorData *attempt(void (*work)(void *arg), void *arg, bool is_trial);

/*
 * Does some work.  Returns NULL when that succeeded, else the error, after
 * all that it did was undone.  Errors that are not about the work itself, see
 * below, are raised all the same.
 */
ErrorData *
tview_attempt(void (*work)(void *arg), void *arg)
{
	return attempt(work, arg, false);
}

/*
 * The same, but undoes the work also when it succeeded: only what it has
 * learned stays.
 */
ErrorData *
tview_attempt_trial(void (*work)(void *arg), void *arg)
{
	return attempt(work, arg, true);
}

/*
 * Does some work, see above.
 */
static ErrorData *
attempt(void (*work)(void *arg), void *arg, bool is_trial)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile failure = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(arg);
		if (is_trial)
			RollbackAndReleaseCurrentSubTransaction();
		else
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		failure = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (failure && tview_attempt_is_passing(failure->sqlerrcode))
		ReThrowError(failure);
	return failure;
}

/*
 * True for errors that come from the circumstances and would not come again:
 * somebody cancelled, another transaction was in the way, or memory or disk
 * was short.
 */
bool
tview_attempt_is_passing(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* rollback */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* resources */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* intervention */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system */
			return true;
		default:
			return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	}
}
