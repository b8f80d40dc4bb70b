/*
 * touches.c
 *		Sets of touches: rows of a source, reduced to the columns that matter
 *		to routes and locks.
 *
 * A set holds each distinct row once, equal meaning bit by bit: two values
 * that a type takes for equal may still be told apart by the condition of a
 * link.  A touch may be marked as new: its row is new, or is linked to others
 * than before.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pg_tviews.h"

/* Up to so many touches share a plan: one, few, more. */
#define FEW_TOUCHES 1000

/* A touch. */
typedef struct Touch
{
	MinimalTuple tuple;
	uint32		hash;
	bool		is_new;
	char		status;
} Touch;

static uint32 hash_tuple(MinimalTuple tuple);
static bool equal_tuples(MinimalTuple a, MinimalTuple b);
static Tuplestorestate *store_rows(const TviewTouches *touches);
static bool add_tuple(TviewTouches *touches, MinimalTuple tuple, bool is_new);

#define SH_PREFIX			 touchset
#define SH_ELEMENT_TYPE		 Touch
#define SH_KEY_TYPE			 MinimalTuple
#define SH_KEY				 tuple
#define SH_HASH_KEY(tb, key) hash_tuple(key)
#define SH_EQUAL(tb, a, b)	 equal_tuples(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE		   static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct TviewTouches
{
	TupleDesc	desc;
	touchset_hash *hash;
	MemoryContext context;
};

/*
 * Creates an empty set of rows of a type, in the current memory context.
 */
TviewTouches *
tview_touches_create(TupleDesc desc)
{
	TviewTouches *touches = palloc0(sizeof(TviewTouches));

	touches->desc = CreateTupleDescCopy(desc);
	touches->context = CurrentMemoryContext;
	touches->hash = touchset_create(CurrentMemoryContext, 8, NULL);
	return touches;
}

/*
 * Adds a row; false if it was there.  Values must not be stored out of line.
 */
bool
tview_touches_add(TviewTouches *touches, const Datum *values,
				  const bool *isnull, bool is_new)
{
	MemoryContext old = MemoryContextSwitchTo(touches->context);
	MinimalTuple tuple = compat_form_minimal_tuple(touches->desc, values,
												   isnull);
	bool		added = add_tuple(touches, tuple, is_new);

	if (!added)
		pfree(tuple);
	MemoryContextSwitchTo(old);
	return added;
}

/*
 * Adds the row in a slot; false if it was there.
 */
bool
tview_touches_add_row(TviewTouches *touches, TupleTableSlot *slot, bool is_new)
{
	slot_getallattrs(slot);
	for (int i = 0; i < touches->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(touches->desc, i);

		if (!slot->tts_isnull[i])
			slot->tts_values[i] = tview_touches_inline(slot->tts_values[i],
													   att->attlen);
	}
	return tview_touches_add(touches, slot->tts_values, slot->tts_isnull,
							 is_new);
}

/*
 * Returns a value that is not stored out of line: what is may be gone before
 * it is needed.
 */
Datum
tview_touches_inline(Datum value, int attlen)
{
	if (attlen != -1 || !VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		return value;
	return PointerGetDatum(detoast_external_attr((struct varlena *)
													 DatumGetPointer(value)));
}

/*
 * Adds the rows of another set.
 */
void
tview_touches_merge(TviewTouches *touches, const TviewTouches *from)
{
	MemoryContext old = MemoryContextSwitchTo(touches->context);

	for (uint64 i = 0; i < from->hash->size; i++)
	{
		Touch	   *touch = &from->hash->data[i];
		MinimalTuple copy;

		if (touch->status != touchset_SH_IN_USE)
			continue;
		copy = compat_copy_minimal_tuple(touch->tuple);
		if (!add_tuple(touches, copy, touch->is_new))
			pfree(copy);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Adds a row that belongs to the set's memory context.
 */
static bool
add_tuple(TviewTouches *touches, MinimalTuple tuple, bool is_new)
{
	bool		found;
	Touch	   *touch = touchset_insert(touches->hash, tuple, &found);

	touch->is_new = is_new || (found && touch->is_new);
	return !found;
}

/*
 * Returns the number of rows.
 */
uint64
tview_touches_count(const TviewTouches *touches)
{
	return touches->hash->members;
}

/*
 * Walks the set: puts the next row into a slot for minimal tuples.  *position
 * starts at 0; false after the last row.
 */
bool
tview_touches_each(const TviewTouches *touches, uint64 *position,
				   TupleTableSlot *slot, bool *is_new)
{
	while (*position < touches->hash->size)
	{
		Touch	   *touch = &touches->hash->data[(*position)++];

		if (touch->status != touchset_SH_IN_USE)
			continue;
		ExecStoreMinimalTuple(touch->tuple, slot, false);
		if (is_new)
			*is_new = touch->is_new;
		return true;
	}
	return false;
}

/*
 * Returns the type of the rows.
 */
TupleDesc
tview_touches_desc(const TviewTouches *touches)
{
	return touches->desc;
}

/*
 * Runs a query over the rows of a set, as the owner of a TVIEW, reading what
 * is committed now.  The plans are kept by the number of rows.
 */
void
tview_touches_query(TviewDef *def, const char *sql, TviewPlan **plans,
					const TviewTouches *touches, Tuplestorestate *result)
{
	uint64		count = tview_touches_count(touches);
	int			size = count <= 1 ? 0 : count <= FEW_TOUCHES ? 1 :
													   2;
	TviewIdentity identity;
	TviewRows	rows;

	rows.name = TVIEW_TOUCHED;
	rows.desc = touches->desc;
	rows.store = store_rows(touches);
	rows.count = count;
	tview_plan_push_snapshot();
	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION |
								SECURITY_LOCAL_USERID_CHANGE,
							def->settings);
	if (plans[size] == NULL)
		plans[size] = tview_plan_prepare(sql, 0, NULL, &rows,
										 size == 0 ? TVIEW_PLAN_ONE :
													 TVIEW_PLAN_FEW);
	tview_plan_run(plans[size], NULL, &rows, result);
	tview_plan_leave_owner(&identity);
	PopActiveSnapshot();
	tuplestore_end(rows.store);
}

/*
 * Returns the rows as a row set.
 */
static Tuplestorestate *
store_rows(const TviewTouches *touches)
{
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(touches->desc,
													&TTSOpsMinimalTuple);
	uint64		position = 0;

	while (tview_touches_each(touches, &position, slot, NULL))
		tuplestore_puttupleslot(store, slot);
	ExecDropSingleTupleTableSlot(slot);
	return store;
}

/*
 * Hashes a row.
 */
static uint32
hash_tuple(MinimalTuple tuple)
{
	return hash_bytes((const unsigned char *) tuple, tuple->t_len);
}

/*
 * True when two rows are the same, bit by bit.
 */
static bool
equal_tuples(MinimalTuple a, MinimalTuple b)
{
	return a->t_len == b->t_len && memcmp(a, b, a->t_len) == 0;
}
