/*
 * create.c
 *		Making TVIEWs.
 *
 * There are two ways to a new TVIEW.  CREATE TABLE tv_x AS makes the table,
 * empty, and hands us the query, of which we make the view.  From
 * pg_tviews_create we make the view first and the table like it.  Both meet in
 * tview_create_join, as does the conversion of existing tables (convert.c):
 * it makes a TVIEW of a table and a view that fit.
 *
 * Its order matters: lock the base tables against writers, then add the
 * triggers, then fill.  What was committed before the lock is read by the
 * fill, whose snapshot is taken after it; what comes later meets the triggers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "pg_tviews.h"

static List *default_key(const char *relname);
static void check_is_new(RangeVar *table);
static void show_query_position(void *arg);
static List *text_array_strings(ArrayType *array);
static void reject_parameters(Query *query, const char *entity);
static bool has_parameter(Node *node, void *context);
static List *column_names(Oid relid);
static char *column_list(List *names);
static void check_key_columns(Oid tview, Oid view, List *key_columns);
static void add_updated_at(Oid tview);
static void leave_room(Oid tview);
static void add_key(Oid tview, List *key_columns);
static List *index_columns(Relation index);
static void check_keys(Oid tview, List *key_columns);
static void check_no_null_key(Oid tview, List *key_columns);
static char *key_text_sql(List *key_columns);
static char *null_test_sql(List *key_columns);
static void add_indexes(Oid tview, Oid view);
static bool wants_index(Form_pg_attribute column);
static void add_index(Oid tview, const char *column);

PG_FUNCTION_INFO_V1(pg_tviews_create);

/*
 * SQL: makes a TVIEW of a query.
 */
Datum
pg_tviews_create(PG_FUNCTION_ARGS)
{
	RangeVar   *table;
	List	   *key_columns;

	PreventCommandIfReadOnly("pg_tviews_create()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name and query of a TVIEW must not be null")));
	table = tview_names_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (PG_ARGISNULL(2))
		key_columns = default_key(table->relname);
	else
		key_columns = text_array_strings(PG_GETARG_ARRAYTYPE_P(2));
	tview_create_from_text(table, text_to_cstring(PG_GETARG_TEXT_PP(1)),
						   key_columns,
						   PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("TVIEW '%s' created successfully",
											  table->relname)));
}

/*
 * Makes a TVIEW, with its table, of a query's text.
 */
void
tview_create_from_text(RangeVar *table, const char *sql, List *key_columns,
					   Datum options)
{
	Query	   *query = tview_create_parse(sql);
	char	   *entity = tview_names_entity(table->relname);
	Oid			view;
	Oid			tview;

	check_is_new(table);
	view = tview_create_view(table->schemaname, entity, query, NIL);
	tview_plan_command(psprintf("CREATE TABLE %s (LIKE %s)",
								quote_qualified_identifier(table->schemaname,
														   table->relname),
								tview_names_qualified(view)));
	tview = RangeVarGetRelid(table, NoLock, false);
	tview_create_join(tview, view, key_columns, options, false);
}

/*
 * An error if there is a TVIEW of that name.
 */
static void
check_is_new(RangeVar *table)
{
	Oid relid =
		get_relname_relid(table->relname,
						  get_namespace_oid(table->schemaname, false));

	if (OidIsValid(relid) && tview_catalog_read(relid) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("TVIEW \"%s\" already exists", table->relname),
				 errhint("To give it another query, use pg_tviews_alter().")));
}

/*
 * Makes a TVIEW of a table that CREATE TABLE tv_x AS has just made, without
 * rows, of the analyzed query.
 */
void
tview_create_from_query(Oid tview, Query *query)
{
	char	   *relname = get_rel_name(tview);
	Oid			view;

	view = tview_create_view(get_namespace_name(get_rel_namespace(tview)),
							 tview_names_entity(relname), query,
							 column_names(tview));
	tview_create_join(tview, view, default_key(relname), (Datum) 0, false);
}

/*
 * Makes a TVIEW of a table and a view.  The table has the view's columns and
 * is empty, unless is_filled: then it holds rows that get merged with the
 * view's.  options is a jsonb object, or 0.
 */
void
tview_create_join(Oid tview, Oid view, List *key_columns, Datum options,
				  bool is_filled)
{
	TviewMeta	meta = {0};
	TviewDef   *def;

	if (get_rel_persistence(tview) == RELPERSISTENCE_TEMP ||
		get_rel_persistence(view) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a TVIEW cannot be temporary"),
				 errhint("Make it in another schema.")));
	meta.tview = tview;
	meta.view = view;
	meta.entity = tview_names_entity(get_rel_name(tview));
	if (meta.entity == NULL)
		meta.entity = get_rel_name(tview);
	meta.key_columns = key_columns;
	meta.options = tview_options_change(tview_options_default(), options);

	check_key_columns(tview, view, key_columns);
	add_updated_at(tview);
	def = tview_definition_build(&meta, false);
	tview_alter_check_persistence(def);
	tview_create_add_triggers(def);
	tview_advice_report(def);
	if (!is_filled)
	{
		leave_room(tview);
		tview_fill(def);
	}
	add_key(tview, key_columns);
	add_indexes(tview, view);
	tview_triggers_add_guard(tview);
	tview_catalog_insert(&meta);
	tview_alter_check_family(tview);
	tview_definition_announce(def);
	tview_drop_link(tview, view);
	if (is_filled)
	{
		check_no_null_key(tview, key_columns);
		(void) tview_flush_refresh(tview_definition_get(tview), NULL, false);
	}
}

/*
 * The view's query, to scribble on.
 */
Query *
tview_create_view_query(Oid view)
{
	Relation	rel = table_open(view, AccessShareLock);
	Query	   *query = copyObject(get_view_query(rel));

	table_close(rel, NoLock);
	return query;
}

/*
 * The key columns of a TVIEW by convention: pk_x.
 */
static List *
default_key(const char *relname)
{
	return list_make1(makeString(psprintf("%s%s", TVIEW_KEY_PREFIX,
										  tview_names_entity(relname))));
}

/*
 * The query that a text consists of; an error, which shows where in the text,
 * if it is not just one SELECT.
 */
Query *
tview_create_parse(const char *sql)
{
	ErrorContextCallback callback;
	List	   *statements;
	RawStmt    *statement;
	Query	   *query;

	callback.callback = show_query_position;
	callback.arg = unconstify(char *, sql);
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	statements = pg_parse_query(sql);
	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the query of a TVIEW must be one SELECT, not %d statements",
						list_length(statements))));
	statement = linitial_node(RawStmt, statements);
	if (!IsA(statement->stmt, SelectStmt) ||
		((SelectStmt *) statement->stmt)->intoClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the query of a TVIEW must be a SELECT"),
				 errhint("Give the SELECT alone; the TVIEW and its view are made of it.")));
	query = parse_analyze_fixedparams(statement, sql, NULL, 0, NULL);

	error_context_stack = callback.previous;
	return query;
}

/*
 * Error context callback: the position of an error is one in the text that we
 * were given, not in the statement that gave it.
 */
static void
show_query_position(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

/*
 * The elements of a text[] as a List of String.
 */
static List *
text_array_strings(ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	List	   *result = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key columns must not be null")));
		result = lappend(result, makeString(TextDatumGetCString(values[i])));
	}
	if (result == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a TVIEW needs at least one key column")));
	return result;
}

/*
 * Makes the view that keeps an analyzed query.  columns names its columns; NIL
 * leaves them to the query.
 */
Oid
tview_create_view(const char *schema, const char *entity, Query *query,
				  List *columns)
{
	char	   *name = psprintf("%s%s", TVIEW_VIEW_PREFIX, entity);
	Oid			namespace = get_namespace_oid(schema, false);
	char	   *definition;
	int			guc_level;

	tview_create_check(query, entity);
	if (OidIsValid(get_relname_relid(name, namespace)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", name),
				 errdetail("TVIEW \"%s%s\" keeps its query in a view of that name.",
						   TVIEW_TABLE_PREFIX, entity),
				 errhint("Drop or rename it.  To make a TVIEW of a table and a view that both exist, use pg_tviews_convert_existing_table().")));

	guc_level = tview_plan_begin_text();
	definition = tview_create_text(query);
	tview_plan_command(psprintf("CREATE VIEW %s%s AS %s",
								quote_qualified_identifier(schema, name),
								columns == NIL ? "" :
												 psprintf(" (%s)", column_list(columns)),
								definition));
	AtEOXact_GUC(false, guc_level);
	return get_relname_relid(name, namespace);
}

/*
 * An error if no TVIEW can be kept of an analyzed query.
 */
void
tview_create_check(Query *query, const char *entity)
{
	reject_parameters(query, entity);
	tview_sources_check(tview_analyze_query(copyObject(query)));
}

/*
 * The text of an analyzed query.
 *
 * With one range table entry PostgreSQL leaves out the table's name before
 * columns, and ORDER BY c or DISTINCT ON (c) then means an output column c
 * where there is one.  A second entry, which nothing refers to, has them all
 * written with their table.
 */
char *
tview_create_text(Query *query)
{
	RangeTblEntry *unused = makeNode(RangeTblEntry);

	query = copyObject(query);
	unused->rtekind = RTE_RESULT;
	unused->eref = makeAlias("unused", NIL);
	query->rtable = lappend(query->rtable, unused);
	return pg_get_querydef(query, false);
}

/*
 * An error if the query has parameters, such as variables of a function.
 */
static void
reject_parameters(Query *query, const char *entity)
{
	if (query_tree_walker(query, has_parameter, NULL, 0))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query of TVIEW \"%s%s\" must not have parameters",
						TVIEW_TABLE_PREFIX, entity),
				 errdetail("The query is kept, but the values of parameters and variables are not."),
				 errhint("Write their values into the query, in a function with EXECUTE format(...).")));
}

/*
 * Walker: whether there is a parameter from outside of the query.
 */
static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_parameter, context, 0);
	return expression_tree_walker(node, has_parameter, context);
}

/*
 * The names of a relation's columns as a List of String.
 */
static List *
column_names(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *result = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped)
			result = lappend(result,
							 makeString(pstrdup(NameStr(column->attname))));
	}
	table_close(rel, NoLock);
	return result;
}

/*
 * Column names as SQL writes a list of them.
 */
static char *
column_list(List *names)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, names)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? ", " : "",
						 quote_identifier(strVal(lfirst(lc))));
	return sql.data;
}

/*
 * An error unless the view has all the key columns.
 */
static void
check_key_columns(Oid tview, Oid view, List *key_columns)
{
	ListCell   *lc;

	foreach(lc, key_columns)
	{
		if (get_attnum(view, strVal(lfirst(lc))) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("query of TVIEW \"%s\" has no column \"%s\" to identify its rows by",
							get_rel_name(tview), strVal(lfirst(lc))),
					 errdetail("Its columns are: %s.",
							   column_list(column_names(view))),
					 errhint("Name the columns that identify a row with pg_tviews_create(..., key_columns => ARRAY['...']).")));
	}
}

/*
 * Locks the base tables against writers and sees to their triggers.  An error
 * if the user may not have triggers on them.
 */
void
tview_create_add_triggers(const TviewDef *def)
{
	List	   *relids = NIL;
	ListCell   *lc;

	for (int i = 0; i < def->nsources; i++)
		relids = list_append_unique_oid(relids, def->sources[i].relid);
	foreach(lc, relids)
		tview_triggers_check_right(lfirst_oid(lc));
	tview_triggers_lock(relids);
	foreach(lc, relids)
		tview_triggers_add(lfirst_oid(lc));
	tview_definition_announce(def);
}

/*
 * Adds the column that says when a row was last changed, unless there is one
 * of that name.
 */
static void
add_updated_at(Oid tview)
{
	if (get_attnum(tview, TVIEW_UPDATED_AT) > 0)
		return;
	tview_plan_command(psprintf("ALTER TABLE %s ADD COLUMN %s"
								" timestamp with time zone NOT NULL"
								" DEFAULT pg_catalog.now()",
								tview_names_qualified(tview),
								quote_identifier(TVIEW_UPDATED_AT)));
}

/*
 * Has pages filled to nine tenths, unless the user has set options.  Updates
 * move rows out of full pages until each has room for a new version; then the
 * table is larger than one that had the room from the start, and each move has
 * written to all indexes.
 */
static void
leave_room(Oid tview)
{
	Relation	relation = table_open(tview, AccessShareLock);
	bool		has_options = relation->rd_options != NULL;

	table_close(relation, NoLock);
	if (!has_options)
		tview_plan_command(psprintf("ALTER TABLE %s SET (fillfactor = 90)",
									tview_names_qualified(tview)));
}

/*
 * Makes the key columns the table's primary key, unless it has a unique index
 * on them.
 */
static void
add_key(Oid tview, List *key_columns)
{
	char	   *name;

	if (tview_create_has_key(tview, key_columns))
		return;
	check_keys(tview, key_columns);
	name = ChooseRelationName(psprintf("idx_%s", get_rel_name(tview)), NULL,
							  "pk", get_rel_namespace(tview), true);
	tview_plan_command(psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s (%s)",
								tview_names_qualified(tview),
								quote_identifier(name),
								tview_create_primary_key(tview) == NIL ?
									"PRIMARY KEY" :
									"UNIQUE",
								column_list(key_columns)));
}

/*
 * The columns of a table's primary key as a List of String; NIL if it has
 * none.
 */
List *
tview_create_primary_key(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisprimary)
			result = index_columns(index);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return result;
}

/*
 * Whether the table has a unique index, one that can be relied on, on just
 * these columns.
 */
bool
tview_create_has_key(Oid tview, List *key_columns)
{
	Relation	rel = table_open(tview, AccessShareLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indisvalid && form->indimmediate &&
			form->indnkeyatts == list_length(key_columns) &&
			RelationGetIndexPredicate(index) == NIL &&
			RelationGetIndexExpressions(index) == NIL &&
			list_difference(index_columns(index), key_columns) == NIL)
			found = true;
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * The columns that an index, which has no expressions, identifies rows by.
 */
static List *
index_columns(Relation index)
{
	Form_pg_index form = index->rd_index;
	List	   *result = NIL;

	for (int i = 0; i < form->indnkeyatts; i++)
		result = lappend(result,
						 makeString(get_attname(form->indrelid,
												form->indkey.values[i],
												false)));
	return result;
}

/*
 * An error that shows the key if a row has none or two rows have the same.
 */
static void
check_keys(Oid tview, List *key_columns)
{
	char	   *names = column_list(key_columns);
	char	   *select = psprintf("SELECT %s FROM %s", key_text_sql(key_columns),
								  tview_names_qualified(tview));
	List	   *bad;

	bad = tview_plan_strings(psprintf("%s WHERE %s LIMIT 1", select,
									  null_test_sql(key_columns)));
	if (bad != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("query of TVIEW \"%s\" returns a row whose key is null",
						get_rel_name(tview)),
				 errdetail("Key (%s)=(%s).", names, (char *) linitial(bad)),
				 errhint("Leave such rows out with WHERE, or choose other key columns.")));

	bad = tview_plan_strings(psprintf("%s GROUP BY %s"
									  " HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1"
									  " LIMIT 1",
									  select, names));
	if (bad != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("query of TVIEW \"%s\" returns more than one row for a key",
						get_rel_name(tview)),
				 errdetail("Key (%s)=(%s).", names, (char *) linitial(bad)),
				 errhint("Aggregate or restrict the joined rows, or choose other key columns.")));
}

/*
 * An error if a table has a row without a key: no refresh would find it.
 */
static void
check_no_null_key(Oid tview, List *key_columns)
{
	int			saved = tview_plan_see_all();

	if (tview_plan_strings(psprintf("SELECT NULL::pg_catalog.text FROM %s WHERE %s LIMIT 1",
									tview_names_qualified(tview),
									null_test_sql(key_columns))) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("table \"%s\" has a row whose key is null",
						get_rel_name(tview)),
				 errdetail("The key is (%s).", column_list(key_columns)),
				 errhint("Delete such rows; those of the view will come.")));
	tview_plan_see_allowed(saved);
}

/*
 * SQL expression that shows a row's key.
 */
static char *
key_text_sql(List *key_columns)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "pg_catalog.concat_ws(', '");
	foreach(lc, key_columns)
		appendStringInfo(&sql, ", COALESCE(%s::pg_catalog.text, 'null')",
						 quote_identifier(strVal(lfirst(lc))));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * SQL condition that a row's key is null.
 */
static char *
null_test_sql(List *key_columns)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, key_columns)
		appendStringInfo(&sql, "%s%s IS NULL", sql.len > 0 ? " OR " : "",
						 quote_identifier(strVal(lfirst(lc))));
	return sql.data;
}

/*
 * Adds the indexes that readers can be expected to want, and that are not
 * there: on id and on each UUID called something_id.
 */
static void
add_indexes(Oid tview, Oid view)
{
	Relation	rel = table_open(view, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (wants_index(column))
			add_index(tview, NameStr(column->attname));
	}
	table_close(rel, NoLock);
}

/*
 * Whether readers can be expected to search by that column.
 */
static bool
wants_index(Form_pg_attribute column)
{
	const char *name = NameStr(column->attname);
	size_t		length = strlen(name);

	if (!OidIsValid(GetDefaultOpClass(column->atttypid, BTREE_AM_OID)))
		return false;
	if (strcmp(name, "id") == 0)
		return true;
	return column->atttypid == UUIDOID && length > 3 &&
		   strcmp(name + length - 3, "_id") == 0;
}

/*
 * Adds an index on a column whose name is or ends in "id", unless it leads one.
 */
static void
add_index(Oid tview, const char *column)
{
	List	   *attnums = list_make1_int(get_attnum(tview, column));
	char	   *stem = NULL;
	char	   *name;

	if (tview_advice_has_index(tview, attnums))
		return;
	if (strlen(column) > 3)
		stem = pnstrdup(column, strlen(column) - 3);
	name = ChooseRelationName(psprintf("idx_%s", get_rel_name(tview)), stem,
							  "id", get_rel_namespace(tview), false);
	tview_plan_command(psprintf("CREATE INDEX %s ON %s (%s)",
								quote_identifier(name),
								tview_names_qualified(tview),
								quote_identifier(column)));
}
