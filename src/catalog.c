/*
 * catalog.c
 *		The rows of pg_tview_meta, and which TVIEWs read a relation.
 *
 * pg_tview_meta is an ordinary table in the extension's schema, so that
 * pg_dump saves its rows.  It is small and read only when a definition is
 * built, so there is no cache here: definition.c has one of what follows from
 * the rows.  An administrator may add columns of his own; we address ours by
 * position and leave others as they are.
 *
 * Which TVIEWs read a relation is not stored: it follows from pg_depend.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_subscription_rel.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pg_tviews.h"

#define META_TABLE "pg_tview_meta"

/* Columns of pg_tview_meta; those of an administrator come after. */
#define Anum_tview_entity		   1
#define Anum_tview_tview		   2
#define Anum_tview_view			   3
#define Anum_tview_key_columns	   4
#define Anum_tview_options		   5
#define Anum_tview_created_at	   6
#define Anum_tview_version_created 7
#define Natts_tview				   7 /* those that a new row has */
#define Anum_tview_stale_since	   8
#define Anum_tview_stale_code	   9
#define Anum_tview_stats_computed  10
#define Anum_tview_stats_rows	   11
#define Anum_tview_stats_row_bytes 12
#define Anum_tview_query_plan	   13

/*
 * The same as the table must have them.  They are those of all versions whose
 * objects this library serves: 0.1.0, 0.1.1 and 0.2.0.
 */
static const struct
{
	const char *name;
	Oid			type;
} meta_columns[] = {
	{"entity", TEXTOID},
	{"tview", REGCLASSOID},
	{"view", REGCLASSOID},
	{"key_columns", TEXTARRAYOID},
	{"options", JSONBOID},
	{"created_at", TIMESTAMPTZOID},
	{"version_created", TEXTOID},
	{"stale_since", TIMESTAMPTZOID},
	{"stale_code", TEXTOID},
	{"stats_computed", TIMESTAMPTZOID},
	{"stats_rows", INT8OID},
	{"stats_row_bytes", FLOAT8OID},
	{"query_plan", TEXTOID},
};

static Relation open_meta(LOCKMODE lockmode);
static SysScanDesc begin_scan(Relation meta, AttrNumber attnum, Oid value);
static HeapTuple find_row(Relation meta, Oid tview, SysScanDesc *scan);
static HeapTuple find_row_to_change(Relation meta, Oid tview,
									SysScanDesc *scan);
static void set_columns(Oid tview, const AttrNumber *attnums,
						const Datum *columns, const bool *are_null,
						int ncolumns);
static void fill_values(const TviewMeta *meta, Datum *values);
static TviewMeta *read_row(Relation relation, HeapTuple tuple);
static Datum key_columns_array(List *key_columns);
static List *key_columns_list(Datum array);
static char *installed_version(void);
static void collect_dependents(Oid relid, List **seen, List **tviews);
static void collect_ancestors(Oid relid, List **relids);
static List *views_reading(Oid relid);

/*
 * Returns the schema of the extension.
 */
Oid
tview_catalog_schema(void)
{
	Oid			extension = get_extension_oid("pg_tviews", false);
	Oid			schema = InvalidOid;
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(relation, ExtensionOidIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return schema;
}

/*
 * Returns the OID of pg_tview_meta.
 */
Oid
tview_catalog_relid(void)
{
	Oid			relid = get_relname_relid(META_TABLE, tview_catalog_schema());

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" of extension \"pg_tviews\" does not exist",
						META_TABLE),
				 errhint("Update the extension with ALTER EXTENSION pg_tviews UPDATE.")));
	return relid;
}

/*
 * Opens pg_tview_meta; an error if it is that of a version that this library
 * does not know, whose columns stand elsewhere.
 */
static Relation
open_meta(LOCKMODE lockmode)
{
	Relation	relation = table_open(tview_catalog_relid(), lockmode);
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < lengthof(meta_columns); i++)
	{
		Form_pg_attribute column;

		column = i < desc->natts ? TupleDescAttr(desc, i) : NULL;
		if (column == NULL || column->attisdropped ||
			column->atttypid != meta_columns[i].type ||
			strcmp(NameStr(column->attname), meta_columns[i].name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s\" is not that of a version of pg_tviews which the installed library knows",
							META_TABLE),
					 errdetail("Its column %d is not \"%s\" of type %s.",
							   i + 1, meta_columns[i].name,
							   format_type_be(meta_columns[i].type)),
					 errhint("Update the extension with ALTER EXTENSION pg_tviews UPDATE, or install the library of the extension's version, %s.",
							 installed_version())));
	}
	return relation;
}

/*
 * Prepares for the rows of a set-returning function; an error if its SQL
 * declaration is that of a version with other columns.
 */
void
tview_catalog_begin_rows(FunctionCallInfo fcinfo, bits32 flags, int ncolumns)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, flags);
	if (result->setDesc->natts != ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("function \"%s\" is not that of a version of pg_tviews which the installed library knows",
						get_func_name(fcinfo->flinfo->fn_oid)),
				 errdetail("It returns %d columns, not %d.",
						   result->setDesc->natts, ncolumns),
				 errhint("Update the extension with ALTER EXTENSION pg_tviews UPDATE, or install the library of the extension's version, %s.",
						 installed_version())));
}

/*
 * Returns the OID of a function of the extension, also to those who may not
 * look into its schema; InvalidOid if the installed version has none.
 */
Oid
tview_catalog_find_function(const char *name, int nargs, const Oid *argtypes)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(argtypes, nargs)),
						   ObjectIdGetDatum(tview_catalog_schema()));
}

/*
 * The same for one that every version has.
 */
Oid
tview_catalog_function(const char *name, int nargs, const Oid *argtypes)
{
	Oid			result = tview_catalog_find_function(name, nargs, argtypes);

	if (!OidIsValid(result))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function \"%s\" of extension \"pg_tviews\" does not exist",
						name),
				 errhint("Update the extension with ALTER EXTENSION pg_tviews UPDATE.")));
	return result;
}

/*
 * Adds a row, with the time and the extension's version.
 */
void
tview_catalog_insert(const TviewMeta *meta)
{
	Relation	relation = open_meta(RowExclusiveLock);
	int			natts = RelationGetDescr(relation)->natts;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	char	   *version = installed_version();

	memset(nulls, true, sizeof(bool) * natts);
	memset(nulls, false, sizeof(bool) * Natts_tview);
	fill_values(meta, values);
	values[Anum_tview_created_at - 1] =
		TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[Anum_tview_version_created - 1] = CStringGetTextDatum(version);
	CatalogTupleInsert(relation,
					   heap_form_tuple(RelationGetDescr(relation), values,
									   nulls));
	table_close(relation, NoLock);
	tview_definition_forget(meta->tview);
}

/*
 * Changes a row's view, entity, key and options.
 */
void
tview_catalog_update(const TviewMeta *meta)
{
	AttrNumber	attnums[Anum_tview_options];
	Datum		values[Anum_tview_options];
	bool		nulls[Anum_tview_options] = {false};

	for (int i = 0; i < lengthof(attnums); i++)
		attnums[i] = i + 1;
	fill_values(meta, values);
	set_columns(meta->tview, attnums, values, nulls, lengthof(attnums));
	tview_definition_forget(meta->tview);
}

/*
 * Notes the results of a forced refresh in a TVIEW's row.
 */
void
tview_catalog_set_stats(Oid tview, int64 rows, double row_bytes,
						const char *plan)
{
	AttrNumber	attnums[] = {Anum_tview_stats_computed, Anum_tview_stats_rows,
							 Anum_tview_stats_row_bytes,
							 Anum_tview_query_plan};
	Datum		values[] = {TimestampTzGetDatum(GetCurrentTimestamp()),
							Int64GetDatum(rows),
							Float8GetDatum(row_bytes),
							CStringGetTextDatum(plan)};
	bool		nulls[] = {false, false, row_bytes == 0, false};

	set_columns(tview, attnums, values, nulls, lengthof(attnums));
}

/*
 * Whether an error or a restore has left a TVIEW behind its view.
 */
bool
tview_catalog_is_stale(Oid tview)
{
	return tview_catalog_stale_code(tview) != NULL;
}

/*
 * Why a TVIEW is behind its view, as an SQLSTATE; NULL if it is not.
 */
char *
tview_catalog_stale_code(Oid tview)
{
	Relation	relation = open_meta(AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(relation, tview, &scan);
	bool		is_null = true;
	Datum		code = 0;
	char	   *result;

	if (HeapTupleIsValid(tuple))
		code = heap_getattr(tuple, Anum_tview_stale_code,
							RelationGetDescr(relation), &is_null);
	result = is_null ? NULL : TextDatumGetCString(code);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return result;
}

/*
 * Marks a TVIEW as behind its view since now, by an error with that SQLSTATE;
 * NULL: not any more.
 */
void
tview_catalog_set_stale(Oid tview, const char *code)
{
	AttrNumber	attnums[] = {Anum_tview_stale_since, Anum_tview_stale_code};
	Datum		values[] = {TimestampTzGetDatum(GetCurrentTimestamp()),
							code ? CStringGetTextDatum(code) : (Datum) 0};
	bool		nulls[] = {code == NULL, code == NULL};

	set_columns(tview, attnums, values, nulls, lengthof(attnums));
}

/*
 * Changes some columns of a TVIEW's row.
 */
static void
set_columns(Oid tview, const AttrNumber *attnums, const Datum *columns,
			const bool *are_null, int ncolumns)
{
	Relation	relation = open_meta(RowExclusiveLock);
	int			natts = RelationGetDescr(relation)->natts;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc0(sizeof(bool) * natts);
	bool	   *replaces = palloc0(sizeof(bool) * natts);
	SysScanDesc scan;
	HeapTuple	tuple = find_row_to_change(relation, tview, &scan);

	if (!HeapTupleIsValid(tuple))
		tview_internal_error("no row in %s for relation %u", META_TABLE, tview);
	for (int i = 0; i < ncolumns; i++)
	{
		values[attnums[i] - 1] = columns[i];
		nulls[attnums[i] - 1] = are_null[i];
		replaces[attnums[i] - 1] = true;
	}
	tuple = heap_modify_tuple(tuple, RelationGetDescr(relation), values, nulls,
							  replaces);
	CatalogTupleUpdate(relation, &tuple->t_self, tuple);
	systable_endscan(scan);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

/*
 * Deletes a row, if there.
 */
void
tview_catalog_delete(Oid tview)
{
	Relation	relation = open_meta(RowExclusiveLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row_to_change(relation, tview, &scan);

	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(relation, &tuple->t_self);
	systable_endscan(scan);
	table_close(relation, NoLock);
	tview_definition_forget(tview);
}

/*
 * Returns the row of a TVIEW, or NULL if there is none.
 */
TviewMeta *
tview_catalog_read(Oid tview)
{
	Relation	relation = open_meta(AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(relation, tview, &scan);
	TviewMeta  *meta = NULL;

	if (HeapTupleIsValid(tuple))
		meta = read_row(relation, tuple);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return meta;
}

/*
 * Returns the row of a TVIEW; an error if it has just been dropped.
 */
TviewMeta *
tview_catalog_require(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);

	if (meta == NULL)
		tview_catalog_report_dropped(tview);
	return meta;
}

/*
 * Raises the error for a TVIEW that has been dropped since somebody looked
 * which there are.
 */
void
tview_catalog_report_dropped(Oid tview)
{
	ereport(ERROR,
			(errcode(ERRCODE_TVIEW_NOT_FOUND),
			 errmsg("TVIEW with OID %u was concurrently dropped", tview)));
}

/*
 * Returns the TVIEW that a view is the backing view of, or InvalidOid.
 */
Oid
tview_catalog_of_view(Oid view)
{
	Relation	relation = open_meta(AccessShareLock);
	SysScanDesc scan = begin_scan(relation, Anum_tview_view, view);
	HeapTuple	tuple = systable_getnext(scan);
	Oid			tview = InvalidOid;

	if (HeapTupleIsValid(tuple))
		tview = read_row(relation, tuple)->tview;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return tview;
}

/*
 * Returns the OIDs of all TVIEWs.
 */
List *
tview_catalog_list(void)
{
	Relation	relation = open_meta(AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result, read_row(relation, tuple)->tview);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	list_sort(result, list_oid_cmp);
	return result;
}

/*
 * Reads the TVIEW and the view out of a row of pg_tview_meta.
 */
void
tview_catalog_row_oids(Relation meta, HeapTuple tuple, Oid *tview, Oid *view)
{
	TupleDesc	desc = RelationGetDescr(meta);
	bool		isnull;

	*tview = DatumGetObjectId(heap_getattr(tuple, Anum_tview_tview, desc,
										   &isnull));
	*view = DatumGetObjectId(heap_getattr(tuple, Anum_tview_view, desc,
										  &isnull));
}

/*
 * A row that takes the place of another, if there is one, for the same TVIEW:
 * who was stale stays so.
 */
HeapTuple
tview_catalog_row_successor(Relation meta, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(meta);
	int			columns[] = {Anum_tview_stale_since, Anum_tview_stale_code};
	Datum		values[lengthof(columns)];
	bool		nulls[lengthof(columns)];
	Oid			tview;
	Oid			view;
	SysScanDesc scan;
	HeapTuple	former;

	tview_catalog_row_oids(meta, tuple, &tview, &view);
	former = find_row_to_change(meta, tview, &scan);
	if (HeapTupleIsValid(former))
	{
		for (int i = 0; i < lengthof(columns); i++)
			values[i] = heap_getattr(former, columns[i], desc, &nulls[i]);
		if (!nulls[0])
			tuple = heap_modify_tuple_by_cols(tuple, desc, lengthof(columns),
											  columns, values, nulls);
	}
	systable_endscan(scan);
	return tuple;
}

/*
 * Begins a scan for the rows with an OID in a column.
 */
static SysScanDesc
begin_scan(Relation meta, AttrNumber attnum, Oid value)
{
	ScanKeyData key;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	return systable_beginscan(meta, InvalidOid, false, NULL, 1, &key);
}

/*
 * Finds the row of a TVIEW; valid until the scan, returned too, is ended.
 */
static HeapTuple
find_row(Relation meta, Oid tview, SysScanDesc *scan)
{
	*scan = begin_scan(meta, Anum_tview_tview, tview);
	return systable_getnext(*scan);
}

/*
 * The same for who changes it, or puts another in its place.  It waits for
 * others who do, and finds what they have left: a refresh takes a mark away
 * while a restore loads the table.  Rows that are not there need no lock: a
 * restore of thousands of TVIEWs would have too many.
 */
static HeapTuple
find_row_to_change(Relation meta, Oid tview, SysScanDesc *scan)
{
	HeapTuple	tuple = find_row(meta, tview, scan);

	if (!HeapTupleIsValid(tuple))
		return NULL;
	systable_endscan(*scan);
	LockDatabaseObject(RelationGetRelid(meta), tview, 0, ExclusiveLock);
	return find_row(meta, tview, scan);
}

/*
 * Puts what a row is about into its columns.
 */
static void
fill_values(const TviewMeta *meta, Datum *values)
{
	values[Anum_tview_entity - 1] = CStringGetTextDatum(meta->entity);
	values[Anum_tview_tview - 1] = ObjectIdGetDatum(meta->tview);
	values[Anum_tview_view - 1] = ObjectIdGetDatum(meta->view);
	values[Anum_tview_key_columns - 1] = key_columns_array(meta->key_columns);
	values[Anum_tview_options - 1] = meta->options ? meta->options :
													 DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
}

/*
 * Reads a row into the current memory context.
 */
static TviewMeta *
read_row(Relation relation, HeapTuple tuple)
{
	TviewMeta  *meta = palloc0(sizeof(TviewMeta));
	Datum	   *values = palloc(sizeof(Datum) *
								RelationGetDescr(relation)->natts);
	bool	   *nulls = palloc(sizeof(bool) *
							   RelationGetDescr(relation)->natts);

	heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
	meta->entity = TextDatumGetCString(values[Anum_tview_entity - 1]);
	meta->tview = DatumGetObjectId(values[Anum_tview_tview - 1]);
	meta->view = DatumGetObjectId(values[Anum_tview_view - 1]);
	meta->key_columns = key_columns_list(values[Anum_tview_key_columns - 1]);
	meta->options =
		JsonbPGetDatum(DatumGetJsonbPCopy(values[Anum_tview_options - 1]));
	return meta;
}

/*
 * Returns the names of key columns as a text array.
 */
static Datum
key_columns_array(List *key_columns)
{
	Datum	   *names = palloc(sizeof(Datum) * list_length(key_columns));
	ListCell   *lc;

	foreach(lc, key_columns)
		names[foreach_current_index(lc)] =
			CStringGetTextDatum(strVal(lfirst(lc)));
	return PointerGetDatum(construct_array(names, list_length(key_columns),
										   TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Returns the names in a text array as a List of String.
 */
static List *
key_columns_list(Datum array)
{
	Datum	   *names;
	int			nnames;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, NULL, &nnames);
	for (int i = 0; i < nnames; i++)
		result = lappend(result, makeString(TextDatumGetCString(names[i])));
	return result;
}

/*
 * Returns the version of the extension that is installed in this database.
 */
static char *
installed_version(void)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("pg_tviews"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(relation), &isnull);

		version = TextDatumGetCString(datum);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version ? version : pstrdup("");
}

/*
 * Returns the OIDs of the TVIEWs that read a relation, directly, through
 * views, or through a table that it is a partition or child of.
 */
List *
tview_catalog_dependents(Oid relid)
{
	List	   *relids = lcons_oid(relid, tview_catalog_ancestors(relid));
	List	   *seen = NIL;
	List	   *tviews = NIL;
	ListCell   *lc;

	foreach(lc, relids)
		collect_dependents(lfirst_oid(lc), &seen, &tviews);
	list_sort(tviews, list_oid_cmp);
	return tviews;
}

/*
 * Returns the OIDs of the tables that a table is a partition or child of.
 */
List *
tview_catalog_ancestors(Oid relid)
{
	List	   *relids = NIL;

	collect_ancestors(relid, &relids);
	return relids;
}

/*
 * Whether one of these tables gets rows from a subscription.
 */
bool
tview_catalog_is_subscribed(List *relids)
{
	Relation	rel = table_open(SubscriptionRelRelationId, AccessShareLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, relids)
	{
		ScanKeyData key;
		SysScanDesc scan;

		ScanKeyInit(&key, Anum_pg_subscription_rel_srrelid,
					BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(rel, SubscriptionRelSrrelidSrsubidIndexId,
								  true, NULL, 1, &key);
		if (HeapTupleIsValid(systable_getnext(scan)))
			found = true;
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * Adds the tables that a table is a partition or child of, however far up.
 */
static void
collect_ancestors(Oid relid, List **relids)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	check_stack_depth();
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			parent = ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent;

		if (list_member_oid(*relids, parent))
			continue;
		*relids = lappend_oid(*relids, parent);
		collect_ancestors(parent, relids);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
}

/*
 * Adds the TVIEWs whose backing view reads a relation, directly or through
 * other views.
 */
static void
collect_dependents(Oid relid, List **seen, List **tviews)
{
	List	   *views = views_reading(relid);
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, views)
	{
		Oid			view = lfirst_oid(lc);
		Oid			tview;

		if (list_member_oid(*seen, view))
			continue;
		*seen = lappend_oid(*seen, view);
		tview = tview_catalog_of_view(view);
		if (OidIsValid(tview))
			*tviews = list_append_unique_oid(*tviews, tview);
		collect_dependents(view, seen, tviews);
	}
}

/*
 * Returns the OIDs of the views whose rule mentions a relation.
 */
static List *
views_reading(Oid relid)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *views = NIL;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tuple);
		Oid			view;

		if (dep->classid != RewriteRelationId)
			continue;
		view = tview_catalog_rule_view(dep->objid);
		if (OidIsValid(view) && view != relid)
			views = list_append_unique_oid(views, view);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return views;
}

/*
 * Returns the view that a rewrite rule belongs to, or InvalidOid when it is
 * not a view's.
 */
Oid
tview_catalog_rule_view(Oid rule)
{
	Relation	rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			view = InvalidOid;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rule));
	scan = systable_beginscan(rewrite, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		view = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
	return get_rel_relkind(view) == RELKIND_VIEW ? view : InvalidOid;
}
