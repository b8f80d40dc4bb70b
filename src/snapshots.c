/*
 * snapshots.c
 *		What a transaction that keeps its snapshot may read of a TVIEW.
 *
 * A refresh computes rows from what is committed now, whatever the isolation
 * level: that is what the TVIEW must hold once the transaction has committed.
 * A transaction at REPEATABLE READ or SERIALIZABLE that refreshes rows before
 * its end goes on to read them with its own, older snapshot.  It would see in
 * them what others have committed since, although it does not see that in the
 * base tables; and where another has written over or deleted a stored row, it
 * would see that one and ours, or not what it changed itself.
 *
 * So such a refresh looks twice.  With the transaction's snapshot it must find
 * the same scope values, the same rows of the view and the same versions of
 * stored rows as with the latest one; then what the transaction reads equals
 * the view as it reads that.  If it does not, that is a serialization failure,
 * as it is in PostgreSQL when a transaction writes to a row that another has
 * changed since its snapshot.
 *
 * At the end of the transaction nobody reads with its snapshot any more, but
 * for functions of row triggers that users have made on a TVIEW: the last
 * flush looks twice at those TVIEWs, too.
 *
 * XXX Such a function may read other TVIEWs, of which the last flush has
 * refreshed rows.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pg_tviews.h"

/* Local data: of the refresh that is going on */
static bool must_agree = false;
static bool is_second_turn = false;

static bool has_row_triggers(TviewDef *def);
static bool is_outdated(void);
static bool is_same(Tuplestorestate *left, Tuplestorestate *right,
					TupleDesc desc);
static TviewTouches *as_set(Tuplestorestate *rows, TupleDesc desc);
static TupleDesc version_desc(void);

/*
 * Begins a refresh of one TVIEW; "goes_on" if the transaction does so, and may
 * read the TVIEW afterwards.
 */
void
tview_snapshots_begin(TviewDef *def, bool goes_on)
{
	must_agree = IsolationUsesXactSnapshot() &&
				 (goes_on || has_row_triggers(def));
	is_second_turn = false;
	tview_plan_reset_snapshot();
}

/*
 * True if what was done with the latest snapshot is to be done once more with
 * the transaction's, which is used from here on until the next call.
 */
bool
tview_snapshots_turn(void)
{
	is_second_turn = !is_second_turn && must_agree && is_outdated();
	tview_plan_read_past(is_second_turn);
	return is_second_turn;
}

/*
 * Raises a serialization failure unless the rows with these scope values, or
 * all, are the same with both snapshots.  All locks have been taken.
 */
void
tview_snapshots_check(TviewDef *def, TviewKeys *scope)
{
	Tuplestorestate *rows[2];
	Tuplestorestate *versions[2];
	TviewIdentity identity;
	bool		agrees;

	if (!must_agree || (scope && tview_keys_count(scope) == 0) ||
		!is_outdated())
		return;
	for (int i = 0; i < 2; i++)
	{
		tview_plan_read_past(i == 1);
		tview_plan_push_snapshot();
		tview_plan_become_owner(&identity, def->owner,
								SECURITY_RESTRICTED_OPERATION |
									SECURITY_LOCAL_USERID_CHANGE,
								def->settings);
		rows[i] = tview_read_view(def, scope, NULL, NULL);
		versions[i] = tview_read_versions(def, scope);
		tview_plan_leave_owner(&identity);
		PopActiveSnapshot();
	}
	tview_plan_read_past(false);
	agrees = is_same(rows[0], rows[1], def->view_desc) &&
			 is_same(versions[0], versions[1], version_desc());
	for (int i = 0; i < 2; i++)
	{
		tuplestore_end(rows[i]);
		tuplestore_end(versions[i]);
	}
	if (!agrees)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("Rows of TVIEW \"%s\" follow from what this transaction and others have changed.",
						   get_rel_name(def->tview)),
				 errhint("The transaction might succeed if retried.")));
}

/*
 * True when writing a TVIEW's rows calls functions of users.
 */
static bool
has_row_triggers(TviewDef *def)
{
	Relation	tview = table_open(def->tview, AccessShareLock);
	TriggerDesc *desc = tview->trigdesc;
	bool		found = false;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		found = found || (TRIGGER_FOR_ROW(desc->triggers[i].tgtype) &&
						  !desc->triggers[i].tgisinternal);
	table_close(tview, NoLock);
	return found;
}

/*
 * True when something has been committed since the transaction's snapshot.
 * Both leave out this transaction, and what has ended never comes back, so
 * there is nothing new if as many others as before are under way.
 */
static bool
is_outdated(void)
{
	Snapshot	past = GetTransactionSnapshot();
	TransactionId xmax = past->xmax;
	uint32		xcnt = past->xcnt;
	Snapshot	now = GetLatestSnapshot();

	return now->xmax != xmax || now->xcnt != xcnt;
}

/*
 * True when two row sets hold the same rows.  They have duplicates only if
 * the key is ambiguous, which is an error later.
 */
static bool
is_same(Tuplestorestate *left, Tuplestorestate *right, TupleDesc desc)
{
	TviewTouches *set = as_set(left, desc);
	TviewTouches *other = as_set(right, desc);
	uint64		count = tview_touches_count(set);

	if (count != tview_touches_count(other) ||
		tuplestore_tuple_count(left) != tuplestore_tuple_count(right))
		return false;
	tview_touches_merge(set, other);
	return count == tview_touches_count(set);
}

/*
 * Returns the rows as a set.
 */
static TviewTouches *
as_set(Tuplestorestate *rows, TupleDesc desc)
{
	TviewTouches *set = tview_touches_create(desc);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		(void) tview_touches_add_row(set, slot, false);
	}
	ExecDropSingleTupleTableSlot(slot);
	return set;
}

/*
 * Returns the row type of versions of stored rows.
 */
static TupleDesc
version_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "version", TIDOID, -1, 0);
	return desc;
}
