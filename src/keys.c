/*
 * keys.c
 *		Sets of keys.
 *
 * A set holds each key of a TVIEW, or each value of its scope, once.  Two are
 * the same when their types say so: as the unique index of the TVIEW's table
 * and the = of a query do.  Keys are copied into the set and live as long as
 * the memory context that it was created in.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "pg_tviews.h"

/* How to treat the values of one column. */
typedef struct KeyColumn
{
	Form_pg_attribute attribute;
	TypeCacheEntry *type;
} KeyColumn;

struct TviewKeys
{
	const TviewDef *def;
	int			ncolumns;
	KeyColumn  *columns;
	struct keyset_hash *hash;
	MemoryContext context;
};

static uint32 hash_key(TviewKeys *keys, const Datum *values);
static bool equal_keys(TviewKeys *keys, const Datum *a, const Datum *b);
static AttrNumber column_attnum(const TviewDef *def, bool is_scope,
								int column);

#define SH_PREFIX			 keyset
#define SH_ELEMENT_TYPE		 TviewKey
#define SH_KEY_TYPE			 Datum *
#define SH_KEY				 values
#define SH_HASH_KEY(tb, key) hash_key((TviewKeys *) (tb)->private_data, key)
#define SH_EQUAL(tb, a, b) \
	equal_keys((TviewKeys *) (tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE		   static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/*
 * Creates an empty set, of keys or of scope values, in the current context.
 */
TviewKeys *
tview_keys_create(const TviewDef *def, bool is_scope)
{
	TviewKeys  *keys = palloc0(sizeof(TviewKeys));

	keys->def = def;
	keys->ncolumns = is_scope ? def->nscope : def->nkeys;
	keys->columns = palloc0(sizeof(KeyColumn) * keys->ncolumns);
	for (int i = 0; i < keys->ncolumns; i++)
	{
		KeyColumn  *column = &keys->columns[i];

		column->attribute = TupleDescAttr(def->view_desc,
										  column_attnum(def, is_scope, i) - 1);
		column->type = lookup_type_cache(column->attribute->atttypid,
										 TYPECACHE_EQ_OPR_FINFO |
											 TYPECACHE_HASH_PROC_FINFO);
	}
	keys->context = CurrentMemoryContext;
	keys->hash = keyset_create(CurrentMemoryContext, 16, keys);
	return keys;
}

/*
 * Adds a copy of a key unless it is there; returns it, or NULL when a column
 * is NULL, for no key has one.
 */
TviewKey *
tview_keys_add(TviewKeys *keys, const Datum *values, const bool *isnull)
{
	TviewKey   *key;
	bool		found;

	for (int i = 0; isnull && i < keys->ncolumns; i++)
	{
		if (isnull[i])
			return NULL;
	}
	key = keyset_insert(keys->hash, (Datum *) values, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(keys->context);

		key->values = palloc(sizeof(Datum) * keys->ncolumns);
		for (int i = 0; i < keys->ncolumns; i++)
		{
			Form_pg_attribute att = keys->columns[i].attribute;

			if (att->attlen == -1)
				key->values[i] =
					PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i]));
			else
				key->values[i] = datumCopy(values[i], att->attbyval,
										   att->attlen);
		}
		key->is_seen = false;
		MemoryContextSwitchTo(old);
	}
	return key;
}

/*
 * Finds a key; NULL if it is not in the set.
 */
TviewKey *
tview_keys_find(TviewKeys *keys, const Datum *values)
{
	return keyset_lookup(keys->hash, (Datum *) values);
}

/*
 * Returns the number of keys.
 */
uint64
tview_keys_count(const TviewKeys *keys)
{
	return keys->hash->members;
}

/*
 * Walks the set: *position starts at 0; NULL after the last key.
 */
TviewKey *
tview_keys_each(TviewKeys *keys, uint64 *position)
{
	while (*position < keys->hash->size)
	{
		TviewKey   *key = &keys->hash->data[(*position)++];

		if (key->status == keyset_SH_IN_USE)
			return key;
	}
	return NULL;
}

/*
 * Returns the number of columns of each key.
 */
int
tview_keys_width(const TviewKeys *keys)
{
	return keys->ncolumns;
}

/*
 * Returns the type of a column.
 */
Oid
tview_keys_type(const TviewKeys *keys, int column)
{
	return keys->columns[column].attribute->atttypid;
}

/*
 * Returns a key as people read it: (pk_post)=(7).
 */
char *
tview_keys_text(const TviewDef *def, bool is_scope, const Datum *values)
{
	StringInfoData names;
	int			ncolumns = is_scope ? def->nscope : def->nkeys;

	initStringInfo(&names);
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = column_attnum(def, is_scope, i);

		appendStringInfo(&names, "%s%s", i == 0 ? "(" : ", ",
						 NameStr(TupleDescAttr(def->view_desc,
											   attnum - 1)
									 ->attname));
	}
	appendStringInfoString(&names, ")=(");
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = column_attnum(def, is_scope, i);
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(TupleDescAttr(def->view_desc, attnum - 1)->atttypid,
						  &output, &is_varlena);
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ",
						 OidOutputFunctionCall(output, values[i]));
	}
	appendStringInfoChar(&names, ')');
	return names.data;
}

/*
 * Hashes a key as its types do.
 */
static uint32
hash_key(TviewKeys *keys, const Datum *values)
{
	uint32		hash = 0;

	for (int i = 0; i < keys->ncolumns; i++)
	{
		KeyColumn  *column = &keys->columns[i];
		uint32		one;

		one = DatumGetUInt32(FunctionCall1Coll(&column->type->hash_proc_finfo,
											   column->attribute->attcollation,
											   values[i]));
		hash = hash_combine(hash, one);
	}
	return murmurhash32(hash);
}

/*
 * Compares two keys as their types do.
 */
static bool
equal_keys(TviewKeys *keys, const Datum *a, const Datum *b)
{
	for (int i = 0; i < keys->ncolumns; i++)
	{
		KeyColumn  *column = &keys->columns[i];

		if (!DatumGetBool(FunctionCall2Coll(&column->type->eq_opr_finfo,
											column->attribute->attcollation,
											a[i], b[i])))
			return false;
	}
	return true;
}

/*
 * Returns a key or scope column as a column of the view.
 */
static AttrNumber
column_attnum(const TviewDef *def, bool is_scope, int column)
{
	return def->key_attnums[is_scope ? def->scope[column] : column];
}
