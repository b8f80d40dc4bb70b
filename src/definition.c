/*
 * definition.c
 *		What is known of each TVIEW, cached.
 *
 * A definition is derived from the TVIEW's row in pg_tview_meta, its backing
 * view, its table and all that the view reads; nothing of it is stored, so
 * renames, restores and upgrades cannot make it stale.  It is built when first
 * needed and rebuilt after an invalidation of any relation it follows from.
 *
 * State: one cache per backend, under CacheMemoryContext, a memory context for
 * each definition.  Somebody up the stack may still use a definition when it
 * is invalidated, so it is only marked then; marked ones are freed when the
 * transaction ends.
 *
 * The relations that commands of the session read are cached too, as being
 * TVIEWs or not: the executor hook asks for each of them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "pg_tviews.h"

/* A cached definition. */
typedef struct DefinitionEntry
{
	Oid			tview;			/* hash key */
	TviewDef   *def;			/* NULL when there is none any more */
	MemoryContext context;		/* the definition's */
	bool		is_valid;
} DefinitionEntry;

/* Whether a relation is a TVIEW. */
typedef struct RelationEntry
{
	Oid			relid;			/* hash key */
	bool		is_tview;
} RelationEntry;

/* Local data */
static HTAB *definitions = NULL;
static HTAB *relations = NULL;
static uint64 generation = 1;
static uint64 freed_generation = 1; /* when invalid ones were last freed */
static bool has_changed_catalog = false;	/* in this transaction */
static List *doomed = NIL;		/* contexts to free, in TopMemoryContext */
static List *building = NIL;	/* OIDs of TVIEWs being built */

static TviewMeta *read_locked(Oid tview);
static void create_caches(void);
static TviewDef *build_entry(TviewMeta *meta);
static void doom(DefinitionEntry *entry);
static void free_doomed(XactEvent event, void *arg);
static void forget_aborted(SubXactEvent event, SubTransactionId my_subid,
						   SubTransactionId parent_subid, void *arg);
static void fill_columns(TviewDef *def, Relation view, Relation tview);
static void fill_key(TviewDef *def, const TviewMeta *meta);
static void check_key_type(TviewDef *def, AttrNumber attnum);
static void check_key_collation(TviewDef *def, AttrNumber attnum);
static void fill_key_index(TviewDef *def, Relation tview);
static bool index_fits(TviewDef *def, Relation index);
static bool compares_alike(Relation index, int column);
static void fill_dependencies(TviewDef *def);
static void forbid_cycle(Oid tview);
static TviewDef *copy_definition(const TviewDef *def);
static void copy_source(TviewSource *to, const TviewSource *from, int nscope);
static TviewRoute *copy_route(const TviewRoute *from, int nscope);
static void copy_edge(TviewEdge *to, const TviewEdge *from);
static void free_plans(TviewDef *def);
static void free_view_plans(TviewViewPlans *plans);
static void *copy_array(const void *from, Size size);
static void invalidate_relation(Datum arg, Oid relid);
static void invalidate_all(Datum arg, int cacheid, uint32 hashvalue);

/*
 * Returns the definition of a TVIEW, or NULL if the relation is none.  It
 * stays alive until the transaction ends.
 */
TviewDef *
tview_definition_get(Oid tview)
{
	DefinitionEntry *entry;
	TviewMeta  *meta;
	TviewDef *volatile def;

	create_caches();
	entry = hash_search(definitions, &tview, HASH_FIND, NULL);
	if (entry && entry->is_valid)
		return entry->def;

	meta = read_locked(tview);
	if (meta == NULL)
		return NULL;
	forbid_cycle(tview);
	building = list_append_unique_oid(building, tview);
	PG_TRY();
	{
		def = build_entry(meta);
	}
	PG_FINALLY();
	{
		building = list_delete_oid(building, tview);
	}
	PG_END_TRY();
	return def;
}

/*
 * Returns the definition of a TVIEW; raises an error if it has just been
 * dropped.
 */
TviewDef *
tview_definition_require(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def == NULL)
		tview_catalog_report_dropped(tview);
	return def;
}

/*
 * Returns the definition of a TVIEW as it is once the TVIEW and all that it
 * follows from are locked; raises an error if it has been dropped meanwhile.
 */
TviewDef *
tview_definition_lock(Oid tview, LOCKMODE mode)
{
	char	   *name = get_rel_name(tview);
	TviewDef   *def;
	uint64		before;

	do
	{
		def = tview_definition_get(tview);
		if (def == NULL || name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_TVIEW_NOT_FOUND),
					 errmsg("TVIEW \"%s\" was concurrently dropped",
							name ? name : "")));
		before = generation;
		tview_definition_hold(def, mode);
	} while (before != generation && !DISCARDS_CACHES);
	return def;
}

/*
 * Locks a TVIEW, and what it follows from as those do who read the view.  Who
 * waits for DDL on a table does so here, before it holds locks on rows for
 * which the DDL may wait in turn.  If a definition has changed meanwhile, so
 * has the generation.
 */
void
tview_definition_hold(const TviewDef *def, LOCKMODE mode)
{
	ListCell   *lc;

	LockRelationOid(def->tview, mode);
	foreach(lc, def->watched)
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/*
 * Reads the catalog row of a TVIEW, with table and view locked against those
 * who drop or replace them; NULL if there is none (any more).
 */
static TviewMeta *
read_locked(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	Oid			view = InvalidOid;

	while (meta != NULL && meta->view != view)
	{
		view = meta->view;
		LockRelationOid(tview, AccessShareLock);
		LockRelationOid(view, AccessShareLock);
		meta = tview_catalog_read(tview);
	}
	return meta;
}

/*
 * Returns a number that changes when any definition may have changed.
 */
uint64
tview_definition_generation(void)
{
	return generation;
}

/*
 * True when a relation is a TVIEW.
 */
bool
tview_definition_is_tview(Oid relid)
{
	RelationEntry *entry;
	bool		is_tview;

	create_caches();
	entry = hash_search(relations, &relid, HASH_FIND, NULL);
	if (entry)
		return entry->is_tview;
	is_tview = OidIsValid(get_extension_oid("pg_tviews", true)) &&
			   tview_catalog_read(relid) != NULL;
	entry = hash_search(relations, &relid, HASH_ENTER, NULL);
	entry->is_tview = is_tview;
	return is_tview;
}

/*
 * Makes all backends forget what they know of a TVIEW, once this transaction
 * has committed, and this one at once.
 */
void
tview_definition_forget(Oid tview)
{
	has_changed_catalog = true;
	if (get_rel_relkind(tview) != '\0')
		CacheInvalidateRelcacheByRelid(tview);
	CommandCounterIncrement();
}

/*
 * Makes all backends find out anew which TVIEWs the relations that a
 * definition reads are sources of.  Triggers that are there already say
 * nothing of a new TVIEW.
 */
void
tview_definition_announce(const TviewDef *def)
{
	for (int i = 0; i < def->nsources; i++)
	{
		ListCell   *lc;

		foreach(lc, find_all_inheritors(def->sources[i].relid, NoLock, NULL))
			CacheInvalidateRelcacheByRelid(lfirst_oid(lc));
	}
	CommandCounterIncrement();
}

/*
 * Creates the caches and the callbacks that invalidate them, once.
 */
static void
create_caches(void)
{
	HASHCTL		ctl = {0};

	if (definitions)
		return;
	ctl.keysize = sizeof(Oid);
	ctl.hcxt = CacheMemoryContext;
	ctl.entrysize = sizeof(RelationEntry);
	relations = hash_create("pg_tviews relations", 64, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, invalidate_all, (Datum) 0);
	RegisterXactCallback(free_doomed, NULL);
	RegisterSubXactCallback(forget_aborted, NULL);
	ctl.entrysize = sizeof(DefinitionEntry);
	definitions = hash_create("pg_tviews definitions", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Subtransaction callback: what was cached while TVIEWs were made or dropped
 * is wrong again once that is rolled back.
 */
static void
forget_aborted(SubXactEvent event, SubTransactionId my_subid,
			   SubTransactionId parent_subid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && has_changed_catalog)
		invalidate_relation((Datum) 0, InvalidOid);
}

/*
 * Builds the definition of a TVIEW and puts it into the cache.
 */
static TviewDef *
build_entry(TviewMeta *meta)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "pg_tviews analysis",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext context;
	MemoryContext caller = MemoryContextSwitchTo(work);
	uint64		before;
	TviewDef   *def;
	DefinitionEntry *entry;
	bool		found;

	/* what is invalidated while we look at it is built again */
	do
	{
		before = generation;
		def = tview_definition_build(meta, true);
	} while (before != generation && !DISCARDS_CACHES);

	context = AllocSetContextCreate(CurrentMemoryContext,
									"pg_tviews definition",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	def = copy_definition(def);
	MemoryContextSwitchTo(caller);

	/* entered last: building may have invalidated or entered others */
	entry = hash_search(definitions, &meta->tview, HASH_ENTER, &found);
	if (found)
		doom(entry);
	entry->def = def;
	entry->context = context;
	entry->is_valid = true;
	MemoryContextSetParent(context, CacheMemoryContext);
	MemoryContextDelete(work);
	return def;
}

/*
 * Has the definition of an entry freed when the transaction ends.
 */
static void
doom(DefinitionEntry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (entry->def)
		doomed = lappend(doomed, entry->def);
	if (entry->context)
		doomed = lappend(doomed, entry->context);
	MemoryContextSwitchTo(old);
	entry->def = NULL;
	entry->context = NULL;
	entry->is_valid = false;
}

/*
 * At the end of the transaction, frees definitions that nobody uses any more.
 */
static void
free_doomed(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	DefinitionEntry *entry;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	/* what is prepared may still be rolled back, and is not seen until then */
	if (event != XACT_EVENT_COMMIT && has_changed_catalog)
		invalidate_relation((Datum) 0, InvalidOid);
	has_changed_catalog = false;
	if (freed_generation == generation && doomed == NIL)
		return;
	freed_generation = generation;
	hash_seq_init(&status, definitions);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (!entry->is_valid && entry->def)
			doom(entry);
	}
	/* each definition is followed by its context */
	for (int n = 0; n < list_length(doomed); n += 2)
	{
		TviewDef   *def = list_nth(doomed, n);

		free_plans(def);
		MemoryContextDelete(list_nth(doomed, n + 1));
	}
	list_free(doomed);
	doomed = NIL;
}

/*
 * Frees the plans of a definition.
 */
static void
free_plans(TviewDef *def)
{
	ListCell   *lc;

	for (int i = 0; i < def->nsources; i++)
	{
		foreach(lc, def->sources[i].routes)
		{
			for (int j = 0; j < TVIEW_SIZES; j++)
				tview_plan_free(((TviewRoute *) lfirst(lc))->plans[j]);
		}
	}
	for (int i = 0; i < def->nedges; i++)
	{
		for (int j = 0; j < TVIEW_SIZES; j++)
			tview_plan_free(def->edges[i].plans[j]);
	}
	free_view_plans(&def->plans);
	for (int i = 0; i <= TVIEW_SIZES; i++)
		tview_plan_free(def->version_plans[i]);
	for (int i = 0; i < TVIEW_SIZES; i++)
		tview_plan_free(def->stored_plans[i]);
	foreach(lc, def->part_queries)
		free_view_plans(&((TviewPartQuery *) lfirst(lc))->plans);
	tview_plan_free(def->null_plan);
}

/*
 * Frees the plans that read a view.
 */
static void
free_view_plans(TviewViewPlans *plans)
{
	for (int i = 0; i < lengthof(plans->by_size); i++)
		tview_plan_free(plans->by_size[i]);
	tview_plan_free(plans->each);
}

/*
 * Builds a definition in the current memory context, with much else that can
 * be thrown away.  Raises an error if the query cannot be maintained, or its
 * table does not fit it.  Without "has_index", the table's key index is not
 * there yet.
 */
TviewDef *
tview_definition_build(const TviewMeta *meta, bool has_index)
{
	static uint64 last_serial = 0;
	TviewDef   *def = palloc0(sizeof(TviewDef));
	Relation	tview = table_open(meta->tview, AccessShareLock);
	Relation	view = relation_open(meta->view, AccessShareLock);
	int			guc_level;

	def->serial = ++last_serial;
	def->tview = meta->tview;
	def->view = meta->view;
	def->owner = tview->rd_rel->relowner;
	def->name = tview_names_qualified(meta->tview);
	def->view_name = tview_names_qualified(meta->view);
	def->watched = list_make2_oid(meta->tview, meta->view);
	def->settings = tview_options_settings(meta->options);
	def->on_error = tview_options_on_error(meta->options);
	def->channel = tview_options_channel(meta->options, meta->tview);
	fill_columns(def, view, tview);
	fill_key(def, meta);
	if (has_index)
		fill_key_index(def, tview);

	guc_level = tview_plan_begin_text();
	tview_routes_find(def, get_view_query(view));
	AtEOXact_GUC(false, guc_level);
	/* parts are read without the view, as whose owner it reads tables */
	if (view->rd_rel->relowner != def->owner)
		def->nparts = 0;
	fill_dependencies(def);
	relation_close(view, NoLock);
	table_close(tview, NoLock);
	return def;
}

/*
 * Finds the column of the table for each column of the view.
 */
static void
fill_columns(TviewDef *def, Relation view, Relation tview)
{
	TupleDesc	from = RelationGetDescr(view);
	AttrNumber	updated_at = get_attnum(def->tview, TVIEW_UPDATED_AT);

	def->view_desc = CreateTupleDescCopy(from);
	def->tview_attnums = palloc0(sizeof(AttrNumber) * (from->natts + 1));
	for (int i = 0; i < from->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(from, i);
		AttrNumber	attnum = get_attnum(def->tview, NameStr(column->attname));
		Form_pg_attribute stored;

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("TVIEW %s has no column \"%s\"", def->name,
							NameStr(column->attname)),
					 errdetail("View %s has it.", def->view_name),
					 errhint("Change the view, and the table will follow.")));
		stored = TupleDescAttr(RelationGetDescr(tview), attnum - 1);
		if (stored->atttypid != column->atttypid ||
			stored->attgenerated != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of TVIEW %s is not like that of view %s",
							NameStr(column->attname), def->name,
							def->view_name),
					 errdetail("The view has type %s.",
							   format_type_be(column->atttypid)),
					 errhint("Change the view, and the table will follow.")));
		def->tview_attnums[i] = attnum;
		if (attnum == updated_at)
			updated_at = InvalidAttrNumber;
	}
	if (updated_at > 0 &&
		TupleDescAttr(RelationGetDescr(tview), updated_at - 1)->atttypid ==
			TIMESTAMPTZOID)
		def->updated_at = updated_at;
}

/*
 * Finds the key's columns in the view.
 */
static void
fill_key(TviewDef *def, const TviewMeta *meta)
{
	ListCell   *lc;

	def->nkeys = 0;
	def->key_attnums = palloc0(sizeof(AttrNumber) *
							   (list_length(meta->key_columns) + 1));
	foreach(lc, meta->key_columns)
	{
		AttrNumber	attnum = get_attnum(def->view, strVal(lfirst(lc)));

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" of TVIEW %s does not exist",
							strVal(lfirst(lc)), def->name)));
		check_key_type(def, attnum);
		check_key_collation(def, attnum);
		def->key_attnums[def->nkeys++] = attnum;
	}
}

/*
 * Raises an error if values of a key column cannot be hashed and compared.
 */
static void
check_key_type(TviewDef *def, AttrNumber attnum)
{
	Form_pg_attribute column = TupleDescAttr(def->view_desc, attnum - 1);
	TypeCacheEntry *type = lookup_type_cache(column->atttypid,
											 TYPECACHE_EQ_OPR |
												 TYPECACHE_BTREE_OPFAMILY |
												 TYPECACHE_HASH_PROC);

	/* PostgreSQL does not find the = of enums for a domain over one */
	if (!OidIsValid(type->eq_opr) || !OidIsValid(type->hash_proc) ||
		!OidIsValid(type->btree_opf) ||
		(type->typtype == TYPTYPE_DOMAIN &&
		 type_is_enum(getBaseType(column->atttypid))))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" cannot be the key of a TVIEW",
						NameStr(column->attname)),
				 errdetail("Values of type %s cannot be hashed and sorted.",
						   format_type_be(column->atttypid)),
				 type->typtype == TYPTYPE_DOMAIN ?
					 errhint("Cast it to the type that the domain is over.") :
					 0));
}

/*
 * Raises an error if the table takes other values of a key column for equal
 * than the view: rows would get lost or stay.  To collations that are
 * deterministic only the same is equal.  Where one is the default, PostgreSQL
 * compares by the other; of two others it does not know which to take.
 */
static void
check_key_collation(TviewDef *def, AttrNumber attnum)
{
	Form_pg_attribute column = TupleDescAttr(def->view_desc, attnum - 1);
	Oid			wanted = column->attcollation;
	Oid			stored;
	Oid			type;
	int32		typmod;

	get_atttypetypmodcoll(def->tview, def->tview_attnums[attnum - 1], &type,
						  &typmod, &stored);
	if (stored != wanted && OidIsValid(wanted) && OidIsValid(stored) &&
		!((wanted == DEFAULT_COLLATION_OID ||
		   stored == DEFAULT_COLLATION_OID) &&
		  get_collation_isdeterministic(wanted) &&
		  get_collation_isdeterministic(stored)))
		ereport(ERROR,
				(errcode(ERRCODE_COLLATION_MISMATCH),
				 errmsg("column \"%s\" of TVIEW %s is not like that of view %s",
						NameStr(column->attname), def->name, def->view_name),
				 errdetail("The view has collation \"%s\".",
						   get_collation_name(wanted)),
				 errhint("Change the view, and the table will follow.")));
}

/*
 * Finds the unique index of the table on the key.  It is not kept locked: who
 * holds a lock on it and then wants one on the TVIEW, to write, would be in
 * the way of REINDEX, which takes them in the other order.
 */
static void
fill_key_index(TviewDef *def, Relation tview)
{
	List	   *indexes = RelationGetIndexList(tview);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index_fits(def, index))
			def->key_index = RelationGetRelid(index);
		index_close(index, AccessShareLock);
		if (OidIsValid(def->key_index))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("TVIEW %s has no unique index on its key", def->name),
			 errhint("The primary key that comes with a TVIEW must stay.")));
}

/*
 * True for a unique index on just the key's columns; notes their order.
 */
static bool
index_fits(TviewDef *def, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		form->indnkeyatts != def->nkeys ||
		index->rd_rel->relam != BTREE_AM_OID ||
		RelationGetIndexExpressions(index) != NIL ||
		RelationGetIndexPredicate(index) != NIL)
		return false;
	def->index_keys = palloc0(sizeof(int) * (def->nkeys + 1));
	for (int i = 0; i < def->nkeys; i++)
	{
		int			position = -1;

		for (int j = 0; j < def->nkeys; j++)
		{
			if (def->tview_attnums[def->key_attnums[j] - 1] ==
				form->indkey.values[i])
				position = j;
		}
		if (position < 0 || !compares_alike(index, i))
			return false;
		def->index_keys[i] = position;
	}
	return true;
}

/*
 * True when a column's values are equal to an index as they are by their type
 * and collation: keys are compared by these.
 */
static bool
compares_alike(Relation index, int column)
{
	AttrNumber	attnum = index->rd_index->indkey.values[column];
	Oid			type = index->rd_opcintype[column];
	Oid			relid = index->rd_index->indrelid;
	Oid			collation = InvalidOid;
	Oid			atttype;
	int32		typmod;

	get_atttypetypmodcoll(relid, attnum, &atttype, &typmod, &collation);
	return index->rd_indcollation[column] == collation &&
		   get_opfamily_member(index->rd_opfamily[column], type, type,
							   BTEqualStrategyNumber) ==
			   lookup_type_cache(atttype, TYPECACHE_EQ_OPR)->eq_opr;
}

/*
 * Finds the TVIEWs that this one is built on.
 */
static void
fill_dependencies(TviewDef *def)
{
	for (int i = 0; i < def->nsources; i++)
	{
		Oid			relid = def->sources[i].relid;
		TviewDef   *below;

		if (list_member_oid(def->dependencies, relid) ||
			!tview_definition_is_tview(relid))
			continue;
		forbid_cycle(relid);
		below = tview_definition_get(relid);
		if (below == NULL)
			continue;			/* a table again */
		def->dependencies = lappend_oid(def->dependencies, relid);
		def->level = Max(def->level, below->level + 1);
	}
}

/*
 * Raises an error when a TVIEW is needed to build its own definition.
 */
static void
forbid_cycle(Oid tview)
{
	StringInfoData path;
	ListCell   *lc;

	if (!list_member_oid(building, tview))
		return;
	initStringInfo(&path);
	foreach(lc, building)
		appendStringInfo(&path, "%s -> ", get_rel_name(lfirst_oid(lc)));
	appendStringInfoString(&path, get_rel_name(tview));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("TVIEWs cannot be built on each other in a circle"),
			 errdetail("The circular dependency is %s.", path.data)));
}

/*
 * Copies a definition into the current memory context.
 */
static TviewDef *
copy_definition(const TviewDef *def)
{
	TviewDef   *copy = copy_array(def, sizeof(TviewDef));

	copy->name = pstrdup(def->name);
	copy->view_name = pstrdup(def->view_name);
	copy->channel = def->channel ? pstrdup(def->channel) : NULL;
	copy->view_desc = CreateTupleDescCopy(def->view_desc);
	copy->tview_attnums = copy_array(def->tview_attnums,
									 sizeof(AttrNumber) *
										 (def->view_desc->natts + 1));
	copy->key_attnums = copy_array(def->key_attnums,
								   sizeof(AttrNumber) * (def->nkeys + 1));
	copy->index_keys = copy_array(def->index_keys,
								  sizeof(int) * (def->nkeys + 1));
	copy->scope = copy_array(def->scope, sizeof(int) * (def->nscope + 1));
	copy->sources = palloc0(sizeof(TviewSource) * (def->nsources + 1));
	for (int i = 0; i < def->nsources; i++)
		copy_source(&copy->sources[i], &def->sources[i], def->nscope);
	copy->edges = palloc0(sizeof(TviewEdge) * (def->nedges + 1));
	for (int i = 0; i < def->nedges; i++)
		copy_edge(&copy->edges[i], &def->edges[i]);
	copy->parts = copy_array(def->parts, sizeof(TviewPart) * def->nparts);
	copy->settings = copyObject(def->settings);
	copy->watched = list_copy(def->watched);
	copy->dependencies = list_copy(def->dependencies);
	return copy;
}

/*
 * Copies a source.
 */
static void
copy_source(TviewSource *to, const TviewSource *from, int nscope)
{
	ListCell   *lc;

	*to = *from;
	to->alias = pstrdup(from->alias);
	to->used = bms_copy(from->used);
	to->linking = bms_copy(from->linking);
	to->column_parts = copy_array(from->column_parts,
								  sizeof(TviewParts) *
									  (from->last_used + 1));
	to->routes = NIL;
	if (from->full_reason)
		to->full_reason = pstrdup(from->full_reason);
	if (from->full_hint)
		to->full_hint = pstrdup(from->full_hint);
	to->columns = copy_array(from->columns,
							 sizeof(AttrNumber) * (from->ncolumns + 1));
	to->touch_desc = from->touch_desc ?
						 CreateTupleDescCopy(from->touch_desc) :
						 NULL;
	foreach(lc, from->routes)
		to->routes = lappend(to->routes, copy_route(lfirst(lc), nscope));
}

/*
 * Copies a route.
 */
static TviewRoute *
copy_route(const TviewRoute *from, int nscope)
{
	TviewRoute *to = copy_array(from, sizeof(TviewRoute));
	ListCell   *lc;

	to->direct = copy_array(from->direct, sizeof(int) * nscope);
	to->sql = from->sql ? pstrdup(from->sql) : NULL;
	to->words = pstrdup(from->words);
	to->touched = bms_copy(from->touched);
	to->hops = NIL;
	foreach(lc, from->hops)
	{
		TviewHop   *hop = copy_array(lfirst(lc), sizeof(TviewHop));

		hop->attnums = list_copy(hop->attnums);
		to->hops = lappend(to->hops, hop);
	}
	return to;
}

/*
 * Copies an edge.
 */
static void
copy_edge(TviewEdge *to, const TviewEdge *from)
{
	*to = *from;
	to->from_exprs = copyObject(from->from_exprs);
	to->to_exprs = copyObject(from->to_exprs);
	to->from_hashes = copy_array(from->from_hashes,
								 sizeof(Oid) * (from->nvalues + 1));
	to->to_hashes = copy_array(from->to_hashes,
							   sizeof(Oid) * (from->nvalues + 1));
	to->collations = copy_array(from->collations,
								sizeof(Oid) * (from->nvalues + 1));
	to->sql = pstrdup(from->sql);
}

/*
 * Copies some memory; NULL stays NULL.
 */
static void *
copy_array(const void *from, Size size)
{
	void	   *to;

	if (from == NULL)
		return NULL;
	to = palloc(size);
	memcpy(to, from, size);
	return to;
}

/*
 * Relcache callback: forgets what follows from a relation, or, for InvalidOid,
 * everything.
 */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	DefinitionEntry *entry;

	if (!OidIsValid(relid))
	{
		RelationEntry *relation;

		hash_seq_init(&status, relations);
		while ((relation = hash_seq_search(&status)) != NULL)
			hash_search(relations, &relation->relid, HASH_REMOVE, NULL);
	}
	else
		hash_search(relations, &relid, HASH_REMOVE, NULL);

	if (definitions == NULL)
		return;
	if (!OidIsValid(relid) || building != NIL)
		generation++;
	hash_seq_init(&status, definitions);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->is_valid &&
			(!OidIsValid(relid) ||
			 list_member_oid(entry->def->watched, relid)))
		{
			entry->is_valid = false;
			generation++;
		}
	}
}

/*
 * Syscache callback: a schema or a function has changed, perhaps its name,
 * which the text of a route may hold; or a role, to which other policies may
 * now apply.
 */
static void
invalidate_all(Datum arg, int cacheid, uint32 hashvalue)
{
	invalidate_relation(arg, InvalidOid);
}
