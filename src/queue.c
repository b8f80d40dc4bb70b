/*
 * queue.c
 *		What this transaction has changed and not yet flushed.
 *
 * For each source of a TVIEW there is a set of touches: the distinct values of
 * the columns that its routes start from, of all rows changed, old and new.  A
 * set may be replaced by "all of it", after TRUNCATE for example.
 *
 * Lifetime: the transaction.  A savepoint's rollback leaves touches in the
 * queue; refreshing too much is harmless.  It does undo what was flushed since
 * the savepoint, so what a flush takes inside a subtransaction is put aside
 * with the nest level: RELEASE hands it to the parent, ROLLBACK TO puts it
 * back into the queue.  What the top level flushes is final.
 *
 * Memory: each set has contexts below TopTransactionContext.  When all of
 * them together pass pg_tviews.pending_mem, capture.c flushes; what is put
 * aside for savepoints is replaced by "all of it" then.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "pg_tviews.h"

/* What the hash of pending sources finds. */
typedef struct PendingEntry
{
	Oid			tview;			/* hash key */
	int			source;			/* hash key */
	TviewPending *pending;
} PendingEntry;

/* What was flushed inside a subtransaction. */
typedef struct Flushed
{
	int			nest_level;		/* whose rollback undoes the flush */
	TviewPending *pending;
} Flushed;

/* Local data: all of it below TopTransactionContext, forgotten at its end */
static MemoryContext queue_context = NULL;
static HTAB *queue = NULL;
static List *flushed = NIL;		/* of Flushed */

static TviewDef *find_next(void);
static void create_queue(void);
static TviewPending *create_pending(const TviewDef *def,
									const TviewSource *source);
static void put_back(TviewPending *pending);
static void absorb(TviewPending *into, TviewPending *from);
static void put_aside(TviewPending *pending);
static void merge_flushed(int nest_level);
static void queue_xact_callback(XactEvent event, void *arg);
static void queue_subxact_callback(SubXactEvent event,
								   SubTransactionId my_subid,
								   SubTransactionId parent_subid, void *arg);
static void release_flushed(int nest_level);
static void undo_flushed(int nest_level);

/*
 * True when nothing is pending.
 */
bool
tview_queue_is_empty(void)
{
	return queue == NULL || hash_get_num_entries(queue) == 0;
}

/*
 * Returns what is pending for a source, if need be nothing as yet.
 */
TviewPending *
tview_queue_get(const TviewDef *def, const TviewSource *source)
{
	PendingEntry key = {0};
	PendingEntry *entry;

	create_queue();
	key.tview = def->tview;
	key.source = source->number;
	entry = hash_search(queue, &key, HASH_FIND, NULL);
	if (entry == NULL)
	{
		TviewPending *pending = create_pending(def, source);

		entry = hash_search(queue, &key, HASH_ENTER, NULL);
		entry->pending = pending;
	}
	else if (!tview_queue_fits(entry->pending, def))
		tview_queue_touch_all(entry->pending);
	else if (entry->pending->serial != def->serial)
		entry->pending->parts = TVIEW_ALL_PARTS;
	return entry->pending;
}

/*
 * Creates the queue of the transaction, and once the callbacks.
 */
static void
create_queue(void)
{
	static bool has_callbacks = false;
	HASHCTL		ctl = {0};

	if (queue)
		return;
	if (!has_callbacks)
	{
		RegisterXactCallback(queue_xact_callback, NULL);
		RegisterSubXactCallback(queue_subxact_callback, NULL);
		has_callbacks = true;
	}
	queue_context = AllocSetContextCreate(TopTransactionContext,
										  "pg_tviews queue",
										  ALLOCSET_SMALL_SIZES);
	ctl.keysize = sizeof(Oid) + sizeof(int);
	ctl.entrysize = sizeof(PendingEntry);
	ctl.hcxt = queue_context;
	queue = hash_create("pg_tviews queue", 16, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Creates an empty set of touches.
 */
static TviewPending *
create_pending(const TviewDef *def, const TviewSource *source)
{
	MemoryContext context = AllocSetContextCreate(queue_context,
												  "pg_tviews touches",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TviewPending *pending = palloc0(sizeof(TviewPending));

	pending->context = context;
	pending->tview = def->tview;
	pending->source = source->number;
	pending->relid = source->relid;
	pending->serial = def->serial;
	if (source->strategy == TVIEW_FULL)
		pending->is_whole = true;
	else
	{
		pending->ncolumns = source->ncolumns;
		pending->columns = palloc(sizeof(AttrNumber) * (source->ncolumns + 1));
		memcpy(pending->columns, source->columns,
			   sizeof(AttrNumber) * source->ncolumns);
		pending->desc = CreateTupleDescCopy(source->touch_desc);
		pending->rows_context = AllocSetContextCreate(context,
													  "pg_tviews rows",
													  ALLOCSET_SMALL_SIZES);
		MemoryContextSwitchTo(pending->rows_context);
		pending->touches = tview_touches_create(pending->desc);
	}
	MemoryContextSwitchTo(old);
	return pending;
}

/*
 * True when the touches are what a definition, which may be a newer one,
 * expects of its source.
 */
bool
tview_queue_fits(const TviewPending *pending, const TviewDef *def)
{
	const TviewSource *source;

	if (pending->source >= def->nsources)
		return false;
	source = &def->sources[pending->source];
	if (source->relid != pending->relid)
		return false;
	if (pending->is_whole || source->strategy == TVIEW_FULL)
		return pending->is_whole;
	return source->ncolumns == pending->ncolumns &&
		   memcmp(source->columns, pending->columns,
				  sizeof(AttrNumber) * source->ncolumns) == 0;
}

/*
 * Adds a touch that affects some parts of rows; see tview_touches_add.
 */
void
tview_queue_touch(TviewPending *pending, const Datum *values,
				  const bool *isnull, bool is_new, TviewParts parts)
{
	if (pending->is_whole)
		return;
	pending->parts |= parts;
	(void) tview_touches_add(pending->touches, values, isnull, is_new);
}

/*
 * Marks the whole source as changed, and frees its touches.
 */
void
tview_queue_touch_all(TviewPending *pending)
{
	if (pending->is_whole)
		return;
	pending->is_whole = true;
	pending->touches = NULL;
	MemoryContextDelete(pending->rows_context);
	pending->rows_context = NULL;
}

/*
 * True when the queue has outgrown its memory.
 */
bool
tview_queue_is_full(void)
{
	return queue_context &&
		   MemoryContextMemAllocated(queue_context, true) / 1024 >
			   (Size) tview_pending_mem_kb;
}

/*
 * Returns the pending TVIEW to flush next, locked so that nobody drops or
 * changes it meanwhile, or what it follows from; NULL if nothing is pending.
 */
TviewDef *
tview_queue_next(void)
{
	TviewDef   *next;
	uint64		generation;

	do
	{
		next = find_next();
		generation = tview_definition_generation();
		if (next)
			tview_definition_hold(next, RowExclusiveLock);
	} while (generation != tview_definition_generation() && !DISCARDS_CACHES);
	return next;
}

/*
 * Finds the pending TVIEW to flush next: one that is not built on another
 * pending one; NULL if nothing is pending.  Forgets TVIEWs that are gone.
 */
static TviewDef *
find_next(void)
{
	HASH_SEQ_STATUS status;
	PendingEntry *entry;
	List	   *tviews = NIL;
	TviewDef   *next = NULL;
	ListCell   *lc;

	if (tview_queue_is_empty())
		return NULL;
	hash_seq_init(&status, queue);
	while ((entry = hash_seq_search(&status)) != NULL)
		tviews = list_append_unique_oid(tviews, entry->tview);
	foreach(lc, tviews)
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		if (def == NULL)
			(void) tview_queue_take(lfirst_oid(lc));
		else if (next == NULL || def->level < next->level ||
				 (def->level == next->level && def->tview < next->tview))
			next = def;
	}
	list_free(tviews);
	return next;
}

/*
 * Returns all that is pending, as a List of TviewPending that stay in the
 * queue.
 */
List *
tview_queue_list(void)
{
	HASH_SEQ_STATUS status;
	PendingEntry *entry;
	List	   *result = NIL;

	if (tview_queue_is_empty())
		return NIL;
	hash_seq_init(&status, queue);
	while ((entry = hash_seq_search(&status)) != NULL)
		result = lappend(result, entry->pending);
	return result;
}

/*
 * Takes what is pending for a TVIEW out of the queue: a List of TviewPending,
 * alive until the transaction ends or tview_queue_release.
 */
List *
tview_queue_take(Oid tview)
{
	HASH_SEQ_STATUS status;
	PendingEntry *entry;
	List	   *taken = NIL;

	hash_seq_init(&status, queue);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->tview != tview)
			continue;
		taken = lappend(taken, entry->pending);
		if (GetCurrentTransactionNestLevel() > 1)
			put_aside(entry->pending);
		(void) hash_search(queue, entry, HASH_REMOVE, NULL);
	}
	return taken;
}

/*
 * Frees what tview_queue_take returned, once flushed, unless a savepoint's
 * rollback may need it.
 */
void
tview_queue_release(List *taken)
{
	ListCell   *lc;

	if (GetCurrentTransactionNestLevel() > 1)
		merge_flushed(GetCurrentTransactionNestLevel());
	else
	{
		foreach(lc, taken)
			MemoryContextDelete(((TviewPending *) lfirst(lc))->context);
	}
	list_free(taken);
}

/*
 * Keeps what a flush takes inside a subtransaction.
 */
static void
put_aside(TviewPending *pending)
{
	MemoryContext old = MemoryContextSwitchTo(queue_context);
	Flushed    *entry = palloc(sizeof(Flushed));

	entry->nest_level = GetCurrentTransactionNestLevel();
	entry->pending = pending;
	flushed = lappend(flushed, entry);
	MemoryContextSwitchTo(old);
}

/*
 * Replaces by "all of it" what has been put aside, to make room.
 */
void
tview_queue_shrink(void)
{
	ListCell   *lc;

	foreach(lc, flushed)
		tview_queue_touch_all(((Flushed *) lfirst(lc))->pending);
}

/*
 * Puts touches back into the queue, into the set that may be there by now.
 */
static void
put_back(TviewPending *pending)
{
	PendingEntry key = {0};
	PendingEntry *entry;
	bool		found;

	key.tview = pending->tview;
	key.source = pending->source;
	entry = hash_search(queue, &key, HASH_ENTER, &found);
	if (!found)
		entry->pending = pending;
	else
		absorb(entry->pending, pending);
}

/*
 * Adds touches of a source to others of it, and frees them.
 */
static void
absorb(TviewPending *into, TviewPending *from)
{
	if (from->is_whole || into->is_whole || from->relid != into->relid ||
		from->ncolumns != into->ncolumns ||
		memcmp(from->columns, into->columns,
			   sizeof(AttrNumber) * from->ncolumns) != 0)
		tview_queue_touch_all(into);
	else
	{
		into->parts |= from->serial == into->serial ? from->parts :
													  TVIEW_ALL_PARTS;
		tview_touches_merge(into->touches, from->touches);
	}
	MemoryContextDelete(from->context);
}

/*
 * Merges what has been put aside for the same source at a nest level, the
 * innermost that there is, lest a loop inside a savepoint pile it up.  The
 * list is in the order of levels.
 */
static void
merge_flushed(int nest_level)
{
	int			first = list_length(flushed);

	for (; first > 0; first--)
	{
		Flushed    *entry = list_nth(flushed, first - 1);

		if (entry->nest_level != nest_level)
			break;
	}
	for (int i = list_length(flushed) - 1; i > first; i--)
	{
		Flushed    *entry = list_nth(flushed, i);

		for (int j = first; j < i; j++)
		{
			Flushed    *other = list_nth(flushed, j);

			if (other->pending->tview != entry->pending->tview ||
				other->pending->source != entry->pending->source)
				continue;
			absorb(other->pending, entry->pending);
			pfree(entry);
			flushed = list_delete_nth_cell(flushed, i);
			break;
		}
	}
}

/*
 * Forgets the queue when the transaction ends.
 */
static void
queue_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			queue = NULL;
			queue_context = NULL;
			flushed = NIL;
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

/*
 * Follows savepoints.
 */
static void
queue_subxact_callback(SubXactEvent event, SubTransactionId my_subid,
					   SubTransactionId parent_subid, void *arg)
{
	switch (event)
	{
		case SUBXACT_EVENT_COMMIT_SUB:
			release_flushed(GetCurrentTransactionNestLevel());
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			undo_flushed(GetCurrentTransactionNestLevel());
			break;
		case SUBXACT_EVENT_START_SUB:
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			break;
	}
}

/*
 * Hands what a subtransaction has flushed to its parent; what the top level
 * gets is final.
 */
static void
release_flushed(int nest_level)
{
	ListCell   *lc;

	foreach(lc, flushed)
	{
		Flushed    *entry = lfirst(lc);

		if (entry->nest_level < nest_level)
			continue;
		entry->nest_level = nest_level - 1;
		if (entry->nest_level > 1)
			continue;
		MemoryContextDelete(entry->pending->context);
		flushed = foreach_delete_current(flushed, lc);
	}
	/* a flush that is going on still reads what it has taken */
	if (!tview_flush_is_active())
		merge_flushed(nest_level - 1);
}

/*
 * Puts back what a subtransaction has flushed, which its rollback undoes.
 */
static void
undo_flushed(int nest_level)
{
	ListCell   *lc;

	foreach(lc, flushed)
	{
		Flushed    *entry = lfirst(lc);

		if (entry->nest_level < nest_level)
			continue;
		put_back(entry->pending);
		flushed = foreach_delete_current(flushed, lc);
	}
}
