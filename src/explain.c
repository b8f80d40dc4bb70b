/*
 * explain.c
 *		How changes reach a TVIEW, for people.
 *
 * Twice: as a table, a row for each route, to query; and as text in the manner
 * of EXPLAIN, to read.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "pg_tviews.h"

/* Columns of pg_tviews_explain. */
#define EXPLAIN_COLUMNS 6

static TviewDef *begin(FunctionCallInfo fcinfo, bits32 flags, int ncolumns);
static void put_source(ReturnSetInfo *result, const TviewDef *def,
					   const TviewSource *source);
static char *hops_text(const TviewRoute *route);
static char *column_names(Oid relid, List *attnums);
static void put_row(ReturnSetInfo *result, const char *const *columns);
static void put_line(ReturnSetInfo *result, int indent, const char *text);
static void put_source_lines(ReturnSetInfo *result, const TviewDef *def,
							 const TviewSource *source);
static void put_hop_line(ReturnSetInfo *result, const TviewHop *hop);
static void put_query_lines(ReturnSetInfo *result, const char *sql);
static char *hop_rows_text(const TviewHop *hop);
static double rows_per_value(Oid relid, AttrNumber attnum, double rows);
static char *rows_text(Oid relid);
static double table_rows(Oid relid);

PG_FUNCTION_INFO_V1(pg_tviews_explain);
PG_FUNCTION_INFO_V1(pg_tviews_explain_text);

/*
 * SQL: returns a row for each route of each source of a TVIEW.
 */
Datum
pg_tviews_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TviewDef   *def = begin(fcinfo, 0, EXPLAIN_COLUMNS);

	for (int i = 0; i < def->nsources; i++)
		put_source(result, def, &def->sources[i]);
	return (Datum) 0;
}

/*
 * SQL: returns the same as lines to read.
 */
Datum
pg_tviews_explain_text(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TviewDef   *def = begin(fcinfo, MAT_SRF_USE_EXPECTED_DESC, 1);
	StringInfoData keys;

	initStringInfo(&keys);
	for (int i = 0; i < def->nkeys; i++)
		appendStringInfo(&keys, "%s%s", i > 0 ? ", " : "",
						 NameStr(TupleDescAttr(def->view_desc,
											   def->key_attnums[i] - 1)
									 ->attname));
	put_line(result, 0, psprintf("TVIEW %s  %s", tview_names_shown(def->tview), rows_text(def->tview)));
	put_line(result, 2, psprintf("View: %s", tview_names_shown(def->view)));
	put_line(result, 2, psprintf("Key: %s", keys.data));
	for (int i = 0; i < def->nsources; i++)
		put_source_lines(result, def, &def->sources[i]);
	return (Datum) 0;
}

/*
 * Prepares for rows; returns the definition of the TVIEW that the first
 * argument names.
 */
static TviewDef *
begin(FunctionCallInfo fcinfo, bits32 flags, int ncolumns)
{
	Oid			tview = tview_names_resolve(tview_names_argument(fcinfo),
											false);

	tview_catalog_begin_rows(fcinfo, flags, ncolumns);
	return tview_definition_require(tview);
}

/*
 * What a strategy is called.
 */
const char *
tview_explain_strategy(TviewStrategy strategy)
{
	static const char *const names[] = {"direct", "route", "full"};

	return names[strategy];
}

/*
 * A source as the query calls it.
 */
char *
tview_explain_source(const TviewSource *source)
{
	char	   *name = get_rel_name(source->relid);

	if (strcmp(name, source->alias) != 0)
		name = psprintf("%s %s", name, source->alias);
	return name;
}

/*
 * A route as SQL, or if it is direct the columns of a changed row that are the
 * key.
 */
char *
tview_explain_route(const TviewDef *def, const TviewSource *source,
					const TviewRoute *route)
{
	List	   *attnums = NIL;

	if (route->strategy != TVIEW_DIRECT)
		return route->sql;
	for (int i = 0; i < def->nscope; i++)
		attnums = lappend_int(attnums, source->columns[route->direct[i]]);
	return column_names(source->relid, attnums);
}

/*
 * Puts the rows of one source.
 */
static void
put_source(ReturnSetInfo *result, const TviewDef *def,
		   const TviewSource *source)
{
	const char *columns[EXPLAIN_COLUMNS] = {0};
	ListCell   *lc;

	columns[0] = tview_explain_source(source);
	if (source->strategy == TVIEW_FULL)
	{
		columns[1] = tview_explain_strategy(TVIEW_FULL);
		columns[2] = source->full_reason;
		columns[5] = source->full_hint;
		put_row(result, columns);
		return;
	}
	foreach(lc, source->routes)
	{
		TviewRoute *route = lfirst(lc);
		bool		is_direct = route->strategy == TVIEW_DIRECT;

		columns[1] = tview_explain_strategy(route->strategy);
		columns[2] = tview_explain_route(def, source, route);
		columns[3] = is_direct ? "direct" : route->words;
		columns[4] = hops_text(route);
		put_row(result, columns);
	}
}

/*
 * The index of each step of a route, or the command that makes it; NULL if
 * there is no step that needs one.
 */
static char *
hops_text(const TviewRoute *route)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, route->hops)
	{
		TviewHop   *hop = lfirst(lc);
		Oid			index = tview_advice_index(hop->relid, hop->attnums);

		if (hop->attnums == NIL)
			continue;
		appendStringInfo(&text, "%s%s", text.len > 0 ? "\n" : "",
						 OidIsValid(index) ? tview_names_shown(index) :
											 tview_advice_command(hop));
	}
	return text.len > 0 ? text.data : NULL;
}

/*
 * Names of columns as a list.
 */
static char *
column_names(Oid relid, List *attnums)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, attnums)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 get_attname(relid, lfirst_int(lc), false));
	return names.data;
}

/*
 * Puts one row; NULL where there is nothing to say.
 */
static void
put_row(ReturnSetInfo *result, const char *const *columns)
{
	Datum		values[EXPLAIN_COLUMNS] = {0};
	bool		nulls[EXPLAIN_COLUMNS];

	for (int i = 0; i < EXPLAIN_COLUMNS; i++)
	{
		nulls[i] = columns[i] == NULL;
		if (!nulls[i])
			values[i] = CStringGetTextDatum(columns[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Puts one line.
 */
static void
put_line(ReturnSetInfo *result, int indent, const char *text)
{
	Datum		value = CStringGetTextDatum(psprintf("%*s%s", indent, "",
													 text));
	bool		isnull = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
}

/*
 * Puts the lines of one source.
 */
static void
put_source_lines(ReturnSetInfo *result, const TviewDef *def,
				 const TviewSource *source)
{
	static const char *const titles[] = {"Direct", "Route", "Full Refresh"};
	ListCell   *lc;
	ListCell   *hop;

	put_line(result, 2, psprintf("->  %s: %s  %s", tview_explain_source(source), titles[source->strategy], rows_text(source->relid)));
	if (source->strategy == TVIEW_FULL)
	{
		put_line(result, 8, psprintf("Reason: %s", source->full_reason));
		if (source->full_hint)
			put_line(result, 8, psprintf("Instead: %s", source->full_hint));
	}
	foreach(lc, source->routes)
	{
		TviewRoute *route = lfirst(lc);

		if (route->strategy == TVIEW_DIRECT)
		{
			put_line(result, 8, psprintf("Key: %s", tview_explain_route(def, source, route)));
			continue;
		}
		put_line(result, 8, psprintf("Path: %s", route->words));
		foreach(hop, route->hops)
			put_hop_line(result, lfirst(hop));
		put_query_lines(result, route->sql);
	}
}

/*
 * Puts the line of one step.
 */
static void
put_hop_line(ReturnSetInfo *result, const TviewHop *hop)
{
	Oid			index = tview_advice_index(hop->relid, hop->attnums);
	const char *name = tview_names_shown(hop->relid);
	char	   *columns = column_names(hop->relid, hop->attnums);

	if (hop->attnums == NIL)
		put_line(result, 8,
				 psprintf("Scan: %s  %s", name, rows_text(hop->relid)));
	else if (OidIsValid(index))
		put_line(result, 8,
				 psprintf("Search: %s by %s using %s  %s", name, columns,
						  tview_names_shown(index), hop_rows_text(hop)));
	else
	{
		put_line(result, 8, psprintf("Scan: %s by %s  %s", name, columns, hop_rows_text(hop)));
		put_line(result, 10, psprintf("Faster with: %s", tview_advice_command(hop)));
	}
}

/*
 * Puts the lines of a query.
 */
static void
put_query_lines(ReturnSetInfo *result, const char *sql)
{
	const char *label = "Query:";
	const char *end;

	for (; sql != NULL; sql = end ? end + 1 : NULL)
	{
		end = strchr(sql, '\n');
		put_line(result, 8, psprintf("%-6s%s", label, end ? pnstrdup(sql, end - sql) : sql));
		label = "";
	}
}

/*
 * About how many rows a step finds, of how many.
 */
static char *
hop_rows_text(const TviewHop *hop)
{
	double		rows = table_rows(hop->relid);
	double		found = -1;

	if (list_length(hop->attnums) == 1 && rows >= 0)
		found = rows_per_value(hop->relid, linitial_int(hop->attnums), rows);
	if (found < 0)
		return rows_text(hop->relid);
	return psprintf("(rows=%.0f of %.0f)", found, rows);
}

/*
 * About how many rows of a table have the same value in a column; -1 if there
 * are no statistics, or none for the current user.
 */
static double
rows_per_value(Oid relid, AttrNumber attnum, double rows)
{
	HeapTuple	tuple;
	float4		distinct;

	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return -1;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
							Int16GetDatum(attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return -1;
	distinct = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;
	ReleaseSysCache(tuple);
	if (distinct == 0)
		return -1;
	return Max(1, distinct < 0 ? -1 / distinct : rows / distinct);
}

/*
 * About how many rows a table has, as far as statistics tell.
 */
static char *
rows_text(Oid relid)
{
	double		rows = table_rows(relid);

	return rows < 0 ? "(rows unknown)" : psprintf("(rows=%.0f)", rows);
}

/*
 * The same as a number; -1 if not known.
 */
static double
table_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double		rows = -1;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}
