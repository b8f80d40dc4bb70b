/*
 * locks.c
 *		Locks of a flush: right results without serializing writers.
 *
 * Three kinds, all held until the transaction ends.
 *
 * Key locks.  Whoever refreshes a key locks it exclusively, then reads the
 * view with a snapshot taken after that; so the later of two refreshes sees
 * what the earlier one has committed.  The lock exists whether or not the row
 * does.
 *
 * Link locks.  Key locks are not enough: one transaction inserts post 7 of
 * user 1, another renames user 1, neither sees the other, and the second does
 * not even know of key 7.  They meet at the value that links the rows, here
 * user 1 on the edge from users to posts.  For each edge:
 *		writer: the values of touched rows of "from", old and new;
 *		reader: the values of rows of "to" that are new or linked anew, and then,
 *		level by level, of the rows behind those, read with a snapshot taken
 *		after the lock.
 * Readers and writers exclude each other, neither excludes its like.  Why it
 * suffices: for a chain of rows that exists once both have committed, take one
 * transaction's changed row nearest to the key, and the other's topmost
 * changed row below it.  The walk from the former reaches the parent of the
 * latter and locks just the value that the other locks as a writer.  Whoever
 * comes second waits, and then sees the first.
 *
 * A route that takes the key from its last row but one does not read the last
 * row, so that step is no edge: both transactions find the key.
 *
 * The TVIEW's lock.  Every flush of a TVIEW takes it first, in a mode that
 * flushes share.  One that must refresh all rows takes it exclusively, and
 * then needs none of the others.  So does one that would need more than
 * pg_tviews.lock_escalation locks, or finds the server's table of locks full.
 * If it finds out only when it has some, it gives back what this flush has
 * taken before it waits, or two that do so would wait for each other; nothing
 * has been read by then that it would not read again.
 *
 * Order: TVIEWs as they are flushed; for each its own lock, then edges from
 * the key outwards and values in order, then keys in order.
 *
 * Tags are of PostgreSQL's type for such use, LOCKTAG_USERLOCK: database,
 * TVIEW, hash of the value, and a number that says what is locked (below).
 * Two values with one hash wait for each other needlessly, and that is all.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "pg_tviews.h"

/*
 * What a tag's last field says: 0 is the TVIEW itself, 1 its keys; an edge has
 * its number twice, even for all of it, odd for one value.
 */
#define LOCK_TVIEW		   0
#define LOCK_KEY		   1
#define LOCK_EDGE(number)  ((number) *2)
#define LOCK_VALUE(number) ((number) *2 + 1)

/* Rows of one source to walk back from, with how far each edge has come. */
typedef struct Walk
{
	TviewTouches *rows;
	bool		has_more;		/* since the last round */
} Walk;

/* A value to lock. */
typedef struct LockValue
{
	uint32		hash;
	bool		is_reader;
} LockValue;

/* The values of one edge. */
typedef struct LockValues
{
	int			count;
	int			size;
	LockValue  *values;
} LockValues;

/* The link locks of one flush. */
typedef struct Locking
{
	TviewDef   *def;
	Walk	   *walks;			/* by source */
	bool		is_escalated;
} Locking;

/* A lock that the flush which is going on has taken. */
typedef struct TakenLock
{
	LOCKTAG		tag;
	LOCKMODE	mode;
	bool		is_counted;
} TakenLock;

/* Local data: how many locks on values and keys this transaction has taken */
static int	nlocks = 0;

/* Local data: how many it had as each open subtransaction began */
static List *nlocks_before = NIL;	/* of int, in TopTransactionContext */

/* Local data: the locks of the flush, in its memory context */
static List *taken = NIL;		/* of TakenLock */

static void follow_subtransaction(SubXactEvent event,
								  SubTransactionId my_subid,
								  SubTransactionId parent_subid, void *arg);
static bool take(Oid tview, uint16 what, uint32 hash, LOCKMODE mode);
static void note_taken(const LOCKTAG *tag, LOCKMODE mode, bool is_counted);
static void escalate(TviewDef *def);
static void take_all(TviewDef *def);
static void set_tag(LOCKTAG *tag, Oid tview, uint16 what, uint32 hash);
static bool is_fault(const char *fault);
static void start_walks(Locking *locking, List *pending);
static void lock_edge(Locking *locking, TviewEdge *edge, List *pending);
static void collect_writers(Locking *locking, TviewEdge *edge, List *pending,
							LockValues *values);
static void collect_values(TviewDef *def, TviewEdge *edge, bool is_reader,
						   const TviewTouches *touches, LockValues *values);
static void compute_values(TviewEdge *edge, bool is_reader,
						   const TviewTouches *touches, LockValues *values);
static bool hash_value(TviewEdge *edge, List *states, const Oid *hashes,
					   ExprContext *context, uint32 *result);
static void add_value(LockValues *values, uint32 hash, bool is_reader);
static int	compare_values(const void *a, const void *b);
static void take_values(Locking *locking, TviewEdge *edge,
						LockValues *values);
static LOCKMODE lock_mode(bool is_reader, bool is_writer);
static void walk_edge(Locking *locking, TviewEdge *edge);
static bool leads_further(TviewDef *def, int source);
static int	compare_hashes(const void *a, const void *b);
static char *link_words(Oid tview, int what);

PG_FUNCTION_INFO_V1(pg_tviews_lock_words);

/*
 * SQL: returns in words what a lock with these fields of its tag, a TVIEW and
 * a number, is on.  For monitoring, so it waits for nobody.
 */
Datum
pg_tviews_lock_words(PG_FUNCTION_ARGS)
{
	Oid			tview = PG_GETARG_OID(0);
	int			what = PG_GETARG_INT16(1);
	char	   *words;

	if (get_rel_name(tview) == NULL)
		PG_RETURN_NULL();
	if (what == LOCK_TVIEW)
		words = psprintf("TVIEW %s", tview_names_shown(tview));
	else if (what == LOCK_KEY)
		words = psprintf("key of %s", tview_names_shown(tview));
	else
		words = link_words(tview, what);
	PG_RETURN_TEXT_P(cstring_to_text(words));
}

/*
 * Takes the lock of a TVIEW at the beginning of a flush; true if it is
 * exclusive and no other lock is needed.
 */
bool
tview_locks_begin(TviewDef *def, List *pending, bool refreshes_all)
{
	uint64		ntouches = 0;
	ListCell   *lc;

	foreach(lc, pending)
	{
		TviewPending *one = lfirst(lc);

		if (one->touches)
			ntouches += tview_touches_count(one->touches);
	}
	taken = NIL;
	if (refreshes_all || def->has_blind_edges ||
		nlocks + ntouches > (uint64) tview_lock_escalation)
	{
		if (!refreshes_all && !def->has_blind_edges)
			tview_stats_escalated();
		take_all(def);
		return true;
	}
	if (take(def->tview, LOCK_TVIEW, 0, RowExclusiveLock))
		return false;
	escalate(def);
	return true;
}

/*
 * Takes the link locks of a flush.  True if that ended in the TVIEW's
 * exclusive lock.
 */
bool
tview_locks_links(TviewDef *def, List *pending)
{
	Locking		locking = {0};
	bool		has_more = true;
	bool		is_first = true;

	if (def->nedges == 0)
		return false;
	locking.def = def;
	start_walks(&locking, pending);
	while (has_more && !locking.is_escalated)
	{
		for (int i = 0; i < def->nedges && !locking.is_escalated; i++)
			lock_edge(&locking, &def->edges[i], is_first ? pending : NIL);
		is_first = false;
		has_more = false;
		for (int i = 0; i < def->nsources; i++)
		{
			has_more = has_more || locking.walks[i].has_more;
			locking.walks[i].has_more = false;
		}
	}
	return locking.is_escalated;
}

/*
 * Locks the keys, or other scope values, that a flush is going to refresh.
 * True if that ended in the TVIEW's exclusive lock; the keys must be looked
 * for again, for links were free for a moment.
 */
bool
tview_locks_keys(TviewDef *def, TviewKeys *scope)
{
	uint64		count = tview_keys_count(scope);
	uint32	   *hashes;
	uint64		position = 0;
	TviewKey   *key;

	if (is_fault("no_key_lock"))
		return false;
	if (nlocks + count > (uint64) tview_lock_escalation)
	{
		escalate(def);
		return true;
	}
	hashes = palloc(sizeof(uint32) * (count + 1));
	for (int i = 0; (key = tview_keys_each(scope, &position)) != NULL; i++)
		hashes[i] = key->hash;
	qsort(hashes, count, sizeof(uint32), compare_hashes);
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!take(def->tview, LOCK_KEY, hashes[i], ExclusiveLock))
		{
			escalate(def);
			return true;
		}
	}
	return false;
}

/*
 * Follows subtransactions: a rollback gives back the locks that were taken
 * since the subtransaction began.
 */
void
tview_locks_install_callback(void)
{
	RegisterSubXactCallback(follow_subtransaction, NULL);
}

/*
 * Forgets how many locks the transaction has, at its end.
 */
void
tview_locks_reset(void)
{
	nlocks = 0;
	nlocks_before = NIL;		/* its memory goes with the transaction */
}

/*
 * Subtransaction callback: notes at its beginning how many locks there are,
 * and when it is rolled back has as many again.
 */
static void
follow_subtransaction(SubXactEvent event, SubTransactionId my_subid,
					  SubTransactionId parent_subid, void *arg)
{
	int			nouter = GetCurrentTransactionNestLevel() - 2;
	MemoryContext old;

	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB &&
		list_length(nlocks_before) > nouter)
		nlocks = list_nth_int(nlocks_before, nouter);
	while (list_length(nlocks_before) > nouter)
		nlocks_before = list_delete_last(nlocks_before);
	if (event != SUBXACT_EVENT_START_SUB)
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	/* of those that began before the library was loaded, there are none */
	while (list_length(nlocks_before) <= nouter)
		nlocks_before = lappend_int(nlocks_before, nlocks);
	MemoryContextSwitchTo(old);
}

/*
 * Takes one lock, and waits for it if need be.  False if the server's table of
 * locks is full.
 */
static bool
take(Oid tview, uint16 what, uint32 hash, LOCKMODE mode)
{
	LOCKTAG		tag;
	LockAcquireResult result;

	set_tag(&tag, tview, what, hash);
	result = compat_lock_acquire(&tag, mode, true);
	if (result == LOCKACQUIRE_NOT_AVAIL)
	{
		result = compat_lock_acquire(&tag, mode, false);
		if (result != LOCKACQUIRE_NOT_AVAIL)
			tview_stats_waited();
	}
	if (result == LOCKACQUIRE_NOT_AVAIL)
		return false;
	note_taken(&tag, mode, result == LOCKACQUIRE_OK && what % 2 == 1);
	return true;
}

/*
 * Remembers a lock of this flush.
 */
static void
note_taken(const LOCKTAG *tag, LOCKMODE mode, bool is_counted)
{
	TakenLock  *lock = palloc(sizeof(TakenLock));

	lock->tag = *tag;
	lock->mode = mode;
	lock->is_counted = is_counted;
	if (is_counted)
		nlocks++;
	taken = lappend(taken, lock);
}

/*
 * Takes the TVIEW's lock exclusively instead of many on values and keys.
 */
static void
escalate(TviewDef *def)
{
	ListCell   *lc;

	tview_stats_escalated();
	foreach(lc, taken)
	{
		TakenLock  *lock = lfirst(lc);

		(void) LockRelease(&lock->tag, lock->mode, false);
		if (lock->is_counted)
			nlocks--;
	}
	taken = NIL;
	take_all(def);
}

/*
 * Takes a TVIEW's lock exclusively.  If there is no room even for that, it is
 * an error that asks for more room.
 */
static void
take_all(TviewDef *def)
{
	LOCKTAG		tag;

	set_tag(&tag, def->tview, LOCK_TVIEW, 0);
	if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
		return;
	tview_stats_waited();
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * Fills in a lock tag.
 */
static void
set_tag(LOCKTAG *tag, Oid tview, uint16 what, uint32 hash)
{
	tag->locktag_field1 = MyDatabaseId;
	tag->locktag_field2 = tview;
	tag->locktag_field3 = hash;
	tag->locktag_field4 = what;
	tag->locktag_type = LOCKTAG_USERLOCK;
	tag->locktag_lockmethodid = DEFAULT_LOCKMETHOD;
}

/*
 * True when a test has planted a defect.
 */
static bool
is_fault(const char *fault)
{
	return strcmp(tview_test_fault, fault) == 0;
}

/*
 * Begins the walks at the touched rows that are new or linked anew.
 */
static void
start_walks(Locking *locking, List *pending)
{
	TviewDef   *def = locking->def;
	ListCell   *lc;

	locking->walks = palloc0(sizeof(Walk) * def->nsources);
	for (int i = 0; i < def->nsources; i++)
	{
		if (def->sources[i].touch_desc)
			locking->walks[i].rows =
				tview_touches_create(def->sources[i].touch_desc);
	}
	foreach(lc, pending)
	{
		TviewPending *one = lfirst(lc);
		TviewTouches *rows = locking->walks[one->source].rows;
		TupleTableSlot *slot = MakeSingleTupleTableSlot(one->desc,
														&TTSOpsMinimalTuple);
		uint64		position = 0;
		bool		is_new;

		while (tview_touches_each(one->touches, &position, slot, &is_new))
		{
			CHECK_FOR_INTERRUPTS();
			slot_getallattrs(slot);
			if (is_new && !is_fault("no_reader"))
				(void) tview_touches_add(rows, slot->tts_values,
										 slot->tts_isnull, true);
		}
		ExecDropSingleTupleTableSlot(slot);
	}
}

/*
 * Takes the locks of one edge, and goes one step further back from its
 * readers.  "pending" has the writers, the first time.
 */
static void
lock_edge(Locking *locking, TviewEdge *edge, List *pending)
{
	LockValues	values = {0};
	TviewTouches *rows = locking->walks[edge->to].rows;

	collect_writers(locking, edge, pending, &values);
	if (tview_touches_count(rows) > 0)
		collect_values(locking->def, edge, true, rows, &values);
	if (values.count > 0)
		take_values(locking, edge, &values);
	if (!locking->is_escalated && tview_touches_count(rows) > 0 &&
		leads_further(locking->def, edge->from) && !is_fault("no_walk"))
		walk_edge(locking, edge);
}

/*
 * Collects the values of touched rows that an edge leaves.
 */
static void
collect_writers(Locking *locking, TviewEdge *edge, List *pending,
				LockValues *values)
{
	ListCell   *lc;

	foreach(lc, pending)
	{
		TviewPending *one = lfirst(lc);

		if (one->source == edge->from && !is_fault("no_writer"))
			collect_values(locking->def, edge, false, one->touches, values);
	}
}

/*
 * Collects values of an edge, seen from either side.  What computes them is
 * part of the TVIEW's query, so it runs as its owner and with its settings,
 * which make the values of all sessions the same.
 */
static void
collect_values(TviewDef *def, TviewEdge *edge, bool is_reader,
			   const TviewTouches *touches, LockValues *values)
{
	TviewIdentity identity;

	if (edge->nvalues == 0)
	{
		if (tview_touches_count(touches) > 0)
			add_value(values, 0, is_reader);
	}
	else if (def->computes_links)
	{
		tview_plan_become_owner(&identity, def->owner,
								SECURITY_RESTRICTED_OPERATION |
									SECURITY_LOCAL_USERID_CHANGE,
								def->settings);
		compute_values(edge, is_reader, touches, values);
		tview_plan_leave_owner(&identity);
	}
	else
		compute_values(edge, is_reader, touches, values);
}

/*
 * Computes the values of an edge and adds them.
 */
static void
compute_values(TviewEdge *edge, bool is_reader, const TviewTouches *touches,
			   LockValues *values)
{
	EState	   *estate = CreateExecutorState();
	ExprContext *context = GetPerTupleExprContext(estate);
	List	   *states;
	uint64		position = 0;

	context->ecxt_scantuple =
		MakeSingleTupleTableSlot(tview_touches_desc(touches),
								 &TTSOpsMinimalTuple);
	states = ExecPrepareExprList(is_reader ? edge->to_exprs :
											 edge->from_exprs,
								 estate);
	while (tview_touches_each(touches, &position, context->ecxt_scantuple,
							  NULL))
	{
		uint32		hash;

		CHECK_FOR_INTERRUPTS();
		ResetExprContext(context);
		if (hash_value(edge, states,
					   is_reader ? edge->to_hashes : edge->from_hashes,
					   context, &hash))
			add_value(values, hash, is_reader);
	}
	ExecDropSingleTupleTableSlot(context->ecxt_scantuple);
	FreeExecutorState(estate);
}

/*
 * Hashes the value that a row is linked by; false if it links to nothing:
 * being NULL, or not being NULL where the edge is that of NULL.
 */
static bool
hash_value(TviewEdge *edge, List *states, const Oid *hashes,
		   ExprContext *context, uint32 *result)
{
	uint32		hash = 0;
	ListCell   *lc;

	foreach(lc, states)
	{
		int			i = foreach_current_index(lc);
		bool		isnull;
		Datum		value = ExecEvalExprSwitchContext(lfirst(lc), context,
													  &isnull);

		if (isnull != edge->is_null)
			return false;
		if (isnull)
			continue;
		value = OidFunctionCall1Coll(hashes[i], edge->collations[i], value);
		hash = hash_combine(hash, DatumGetUInt32(value));
	}
	*result = murmurhash32(hash);
	return true;
}

/*
 * Adds a value to lock.
 */
static void
add_value(LockValues *values, uint32 hash, bool is_reader)
{
	if (values->count == values->size)
	{
		values->size = Max(16, values->size * 2);
		if (values->values)
			values->values = repalloc(values->values,
									  sizeof(LockValue) * values->size);
		else
			values->values = palloc(sizeof(LockValue) * values->size);
	}
	values->values[values->count].hash = hash;
	values->values[values->count].is_reader = is_reader;
	values->count++;
}

/*
 * Sorts values as they are locked.
 */
static int
compare_values(const void *a, const void *b)
{
	return compare_hashes(&((const LockValue *) a)->hash,
						  &((const LockValue *) b)->hash);
}

/*
 * Takes the locks on values of an edge, in order.
 */
static void
take_values(Locking *locking, TviewEdge *edge, LockValues *values)
{
	Oid			tview = locking->def->tview;
	uint16		what = edge->nvalues > 0 ? LOCK_VALUE(edge->number) :
									  LOCK_EDGE(edge->number);

	if (edge->nvalues > 0 &&
		nlocks + values->count > tview_lock_escalation)
	{
		locking->is_escalated = true;
		escalate(locking->def);
		return;
	}
	qsort(values->values, values->count, sizeof(LockValue), compare_values);
	for (int i = 0; i < values->count;)
	{
		uint32		hash = values->values[i].hash;
		bool		is_reader = false;
		bool		is_writer = false;

		for (; i < values->count && values->values[i].hash == hash; i++)
		{
			is_reader = is_reader || values->values[i].is_reader;
			is_writer = is_writer || !values->values[i].is_reader;
		}
		if (!take(tview, what, hash, lock_mode(is_reader, is_writer)))
		{
			locking->is_escalated = true;
			escalate(locking->def);
			return;
		}
	}
}

/*
 * Returns the mode of a lock on a value.  Who is both takes one that excludes
 * either at once: one after the other would be a deadlock of two of them.
 */
static LOCKMODE
lock_mode(bool is_reader, bool is_writer)
{
	if (is_reader && is_writer)
		return ShareRowExclusiveLock;
	return is_reader ? ShareLock : RowExclusiveLock;
}

/*
 * Adds the rows behind an edge's readers to those to walk back from.
 */
static void
walk_edge(Locking *locking, TviewEdge *edge)
{
	TviewDef   *def = locking->def;
	Walk	   *walk = &locking->walks[edge->from];
	Tuplestorestate *found = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(def->sources[edge->from].touch_desc,
								 &TTSOpsMinimalTuple);

	tview_touches_query(def, edge->sql, edge->plans,
						locking->walks[edge->to].rows, found);
	while (tuplestore_gettupleslot(found, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (tview_touches_add_row(walk->rows, slot, true))
			walk->has_more = true;
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(found);
	if (tview_touches_count(walk->rows) > (uint64) tview_lock_escalation)
	{
		locking->is_escalated = true;
		escalate(def);
	}
}

/*
 * True when some edge leads to a source, so that rows of it are worth walking
 * back from.
 */
static bool
leads_further(TviewDef *def, int source)
{
	for (int i = 0; i < def->nedges; i++)
	{
		if (def->edges[i].to == source)
			return true;
	}
	return false;
}

/*
 * Sorts hashes.
 */
static int
compare_hashes(const void *a, const void *b)
{
	uint32		left = *(const uint32 *) a;
	uint32		right = *(const uint32 *) b;

	return left < right ? -1 : left > right ? 1 :
											  0;
}

/*
 * Returns what a lock on an edge or one of its values is on; less of it while
 * the TVIEW is being changed, and then the numbers may mean something else.
 */
static char *
link_words(Oid tview, int what)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	TviewDef   *def;

	if (meta != NULL &&
		ConditionalLockRelationOid(tview, AccessShareLock) &&
		ConditionalLockRelationOid(meta->view, AccessShareLock))
	{
		def = tview_definition_get(tview);
		for (int i = 0; def != NULL && i < def->nedges; i++)
		{
			if (def->edges[i].number == what / 2)
				return tview_edges_words(def, &def->edges[i]);
		}
	}
	return psprintf("link of %s", tview_names_shown(tview));
}
