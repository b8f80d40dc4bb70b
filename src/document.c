/*
 * document.c
 *		Putting new values into a stored document.
 *
 * jsonb_concat() takes both documents apart, down to the last value in them,
 * and puts the result together again.  Here only the outermost object is: its
 * keys are merged, and the values copied as they are.  The result is the same,
 * bit by bit; refreshes rely on that when they compare rows.
 *
 * As utils/jsonb.h has it, an object is an array of entries, first those of
 * the keys in their order, then those of the values, followed by what they
 * stand for.  An entry tells the length of that, or every so often its end;
 * numbers and containers are aligned, and their length includes the padding.
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "compat.h"
#include "pg_tviews.h"

/* A key with its value, in one of the documents. */
typedef struct Member
{
	JsonbContainer *object;
	int			index;			/* of the key */
} Member;

static int	compare_keys(const Member *a, const Member *b);
static char *key_of(const Member *member, int *length);
static Jsonb *build_object(const Member *members, int nmembers, Size size);
static uint32 append_entry(JsonbContainer *object, int nmembers, int number,
						   uint32 end, JsonbContainer *from, int index);
static char *data_of(JsonbContainer *object, int nmembers);

/*
 * Returns a stored document with the values of another, for keys of both and
 * those that are new.  Both are objects.
 */
Jsonb *
tview_document_merge(Jsonb *stored, Jsonb *fresh)
{
	int			nstored = JB_ROOT_COUNT(stored);
	int			nfresh = JB_ROOT_COUNT(fresh);
	Member	   *members = palloc(sizeof(Member) * (nstored + nfresh + 1));
	Member		left = {&stored->root, 0};
	Member		right = {&fresh->root, 0};
	int			nmembers = 0;

	while (left.index < nstored || right.index < nfresh)
	{
		int			order = left.index == nstored ? 1 :
					right.index == nfresh ? -1 :
											compare_keys(&left, &right);

		members[nmembers++] = order < 0 ? left : right;
		if (order <= 0)
			left.index++;
		if (order >= 0)
			right.index++;
	}
	return build_object(members, nmembers, VARSIZE(stored) + VARSIZE(fresh));
}

/*
 * Compares keys as objects sort them: by length first.
 */
static int
compare_keys(const Member *a, const Member *b)
{
	int			a_length;
	int			b_length;
	char	   *a_key = key_of(a, &a_length);
	char	   *b_key = key_of(b, &b_length);

	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a_key, b_key, a_length);
}

/*
 * Returns a key, which is not terminated.
 */
static char *
key_of(const Member *member, int *length)
{
	*length = getJsonbLength(member->object, member->index);
	return data_of(member->object, JsonContainerSize(member->object)) +
		   getJsonbOffset(member->object, member->index);
}

/*
 * Makes a document of members whose documents have this size.
 */
static Jsonb *
build_object(const Member *members, int nmembers, Size size)
{
	/* where a value stands now it may need padding that it did not before */
	Jsonb	   *result = palloc0(size + (Size) nmembers * ALIGNOF_INT);
	uint32		end = 0;

	result->root.header = nmembers | JB_FOBJECT;
	for (int i = 0; i < nmembers; i++)
		end = append_entry(&result->root, nmembers, i, end,
						   members[i].object, members[i].index);
	for (int i = 0; i < nmembers; i++)
		end = append_entry(&result->root, nmembers, nmembers + i, end,
						   members[i].object,
						   members[i].index +
							   JsonContainerSize(members[i].object));
	SET_VARSIZE(result, data_of(&result->root, nmembers) + end -
							(char *) result);
	return result;
}

/*
 * Copies a key or value to the end of an object, as its entry of this number;
 * returns where the object ends now.
 */
static uint32
append_entry(JsonbContainer *object, int nmembers, int number, uint32 end,
			 JsonbContainer *from, int index)
{
	JEntry		entry = from->children[index];
	uint32		offset = getJsonbOffset(from, index);
	uint32		length = getJsonbLength(from, index);
	uint32		start = end;

	if (JBE_ISNUMERIC(entry) || JBE_ISCONTAINER(entry))
	{
		length -= INTALIGN(offset) - offset;
		offset = INTALIGN(offset);
		start = INTALIGN(end);
	}
	if (start + length > JENTRY_OFFLENMASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("document exceeds the maximum of %u bytes",
						JENTRY_OFFLENMASK)));
	memcpy(data_of(object, nmembers) + start,
		   data_of(from, JsonContainerSize(from)) + offset, length);
	if (number % JB_OFFSET_STRIDE == 0)
		entry = JENTRY_HAS_OFF | (entry & JENTRY_TYPEMASK) | (start + length);
	else
		entry = (entry & JENTRY_TYPEMASK) | (start + length - end);
	object->children[number] = entry;
	return start + length;
}

/*
 * Returns where the keys and values of an object begin.
 */
static char *
data_of(JsonbContainer *object, int nmembers)
{
	return (char *) &object->children[nmembers * 2];
}
