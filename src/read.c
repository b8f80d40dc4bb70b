/*
 * read.c
 *		Asking the view of a TVIEW for rows, and its table for keys.
 *
 * How the view is asked depends on how many scope values there are, so that no
 * plan is made for the wrong number: one (WHERE key = $1), few (= ANY, one
 * plan for all), many (= ANY, planned each time, which so many rows are
 * worth), or all.  Plans are kept with the definition.
 *
 * = reaches a grouped subquery that is joined by the key, = ANY does not:
 * PostgreSQL would group all of a table for a few rows.  As long as that costs
 * more, several are asked for one after the other, in one query by LATERAL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "pg_tviews.h"

/* Up to as many keys share the plan for few. */
#define FEW_KEYS 1000

/* So many values the planner takes an array to have that it does not know. */
#define PLANNER_KEYS 10

/* Where asking for two at once costs so many times what asking for one does,
 * it means more than to ask for these two. */
#define WHOLE 3

/* The planner reckons as if all that a loop looks up were on disk, but what
 * leads to rows that have just changed mostly is in memory.  Then it overrates
 * looking up against reading all so many times (bench/totals.sql).  Where it
 * is right we lose less, for the rows are written one by one as well. */
#define OVERRATED 14

/* Plans by the number of scope values. */
enum
{
	SIZE_ONE,
	SIZE_FEW,
	SIZE_MANY,
	SIZE_ALL,
	SIZE_TWO,					/* to see what that costs */
};

static Tuplestorestate *read_rows(TviewPlan **plans, const char *columns,
								  const char *from, TviewDef *def,
								  TviewKeys *scope, TviewProgress *progress);
static Tuplestorestate *read_stored(TviewPlan **plans, const char *columns,
									TviewDef *def, TviewKeys *scope);
static bool pays_each(TviewViewPlans *plans, const char *from, TviewDef *def,
					  TviewKeys *scope);
static void compare_costs(TviewViewPlans *plans, const char *from,
						  TviewDef *def, TviewKeys *scope);
static Tuplestorestate *read_each(TviewPlan *each, TviewKeys *scope,
								  TviewProgress *progress);
static char *each_sql(const char *from, const TviewDef *def);
static int	size_of(TviewKeys *scope);
static bool has_arrays(TviewKeys *scope);
static void run_one_by_one(TviewPlan **plans, char *sql, TviewKeys *scope,
						   DestReceiver *receiver);
static TviewPlan *prepare(TviewPlan **plan, const char *sql, int size,
						  TviewKeys *scope);
static char *read_sql(const char *columns, const char *from,
					  const TviewDef *def, int size);
static void append_scope(StringInfo sql, const TviewDef *def, int size);
static char *values_sql(int column, int size);
static void append_scope_rows(StringInfo sql, const TviewDef *def, int size);
static void append_scope_equal(StringInfo sql, const TviewDef *def);
static ParamListInfo one_params(TviewKeys *scope, TviewKey *key);
static ParamListInfo array_params(TviewKeys *scope);

/*
 * Reads the view's rows for these scope values, or all; with "query", only
 * some parts of them.
 */
Tuplestorestate *
tview_read_view(TviewDef *def, TviewKeys *scope, TviewPartQuery *query,
				TviewProgress *progress)
{
	TviewViewPlans *plans = query ? &query->plans : &def->plans;
	const char *from = query ? query->sql : def->view_name;

	if (pays_each(plans, from, def, scope))
		return read_each(plans->each, scope, progress);
	return read_rows(plans->by_size, "*", from, def, scope, progress);
}

/*
 * True when asking the view for the scope values one after the other costs
 * less than for all at once.
 */
static bool
pays_each(TviewViewPlans *plans, const char *from, TviewDef *def,
		  TviewKeys *scope)
{
	int			size = size_of(scope);

	if (size == SIZE_ONE || size == SIZE_ALL || !has_arrays(scope))
		return false;
	if (plans->each_pays == 0)
		compare_costs(plans, from, def, scope);
	return plans->each != NULL &&
		   tview_keys_count(scope) <= plans->each_pays;
}

/*
 * Finds out for how many scope values it pays to ask for one after the other:
 * as many as cost less than what asking for two at once costs, if that is more
 * than asking for these.  Then there is a plan for it.
 */
static void
compare_costs(TviewViewPlans *plans, const char *from, TviewDef *def,
			  TviewKeys *scope)
{
	TviewPlan  *two = NULL;
	double		cost_ratio;

	plans->each_pays = 1;		/* should the planner fail */
	(void) prepare(&plans->each, each_sql(from, def), SIZE_FEW, scope);
	(void) prepare(&two, read_sql("*", from, def, SIZE_TWO), SIZE_TWO, scope);
	cost_ratio = tview_plan_cost(two) /
				 (tview_plan_cost(plans->each) / PLANNER_KEYS);
	tview_plan_free(two);
	if (cost_ratio > WHOLE)
		plans->each_pays = cost_ratio * OVERRATED;
	else
	{
		tview_plan_free(plans->each);
		plans->each = NULL;
	}
}

/*
 * Reads the view's rows for these scope values, of which there are several,
 * one after the other.
 */
static Tuplestorestate *
read_each(TviewPlan *each, TviewKeys *scope, TviewProgress *progress)
{
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *receiver =
		tview_progress_receiver(progress, tview_plan_receiver(rows));

	tview_plan_run_into(each, array_params(scope), NULL, receiver);
	receiver->rDestroy(receiver);
	return rows;
}

/*
 * Reads the keys stored for these scope values.
 */
Tuplestorestate *
tview_read_stored(TviewDef *def, TviewKeys *scope)
{
	return read_stored(def->stored_plans, tview_read_key_list(def, "v."), def,
					   scope);
}

/*
 * Reads which versions of rows are stored for these scope values, or all.
 */
Tuplestorestate *
tview_read_versions(TviewDef *def, TviewKeys *scope)
{
	return read_stored(def->version_plans, "v.ctid", def, scope);
}

/*
 * Reads columns of the table, of all rows whatever its policies say.
 */
static Tuplestorestate *
read_stored(TviewPlan **plans, const char *columns, TviewDef *def,
			TviewKeys *scope)
{
	int			sec_context = tview_plan_see_all();
	Tuplestorestate *rows = read_rows(plans, columns, def->name, def, scope,
									  NULL);

	tview_plan_see_allowed(sec_context);
	return rows;
}

/*
 * Reads columns of the view or the table for these scope values, or all.
 */
static Tuplestorestate *
read_rows(TviewPlan **plans, const char *columns, const char *from,
		  TviewDef *def, TviewKeys *scope, TviewProgress *progress)
{
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *receiver =
		tview_progress_receiver(progress, tview_plan_receiver(rows));
	int			size = size_of(scope);
	ParamListInfo params = NULL;
	uint64		position = 0;

	if (size != SIZE_ALL && size != SIZE_ONE && !has_arrays(scope))
	{
		run_one_by_one(plans, read_sql(columns, from, def, SIZE_ONE), scope,
					   receiver);
		receiver->rDestroy(receiver);
		return rows;
	}
	if (plans[size] == NULL)
		(void) prepare(&plans[size], read_sql(columns, from, def, size), size,
					   scope);
	if (size == SIZE_ONE)
		params = one_params(scope, tview_keys_each(scope, &position));
	else if (size != SIZE_ALL)
		params = array_params(scope);
	else if (progress && progress->is_reported)
		tview_progress_phase(progress, TVIEW_PHASE_COMPUTING,
							 tview_plan_estimate(plans[size]));
	tview_plan_run_into(plans[size], params, NULL, receiver);
	receiver->rDestroy(receiver);
	return rows;
}

/*
 * Returns the query that asks the view for scope values one after the other.
 */
static char *
each_sql(const char *from, const TviewDef *def)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT v.* FROM ");
	append_scope_rows(&sql, def, SIZE_FEW);
	/* OFFSET keeps the planner from joining what must be asked for each */
	appendStringInfo(&sql, " CROSS JOIN LATERAL (SELECT * FROM %s v WHERE ",
					 from);
	append_scope_equal(&sql, def);
	appendStringInfoString(&sql, " OFFSET 0) v");
	return sql.data;
}

/*
 * True when the view returns a row whose key is NULL.
 */
bool
tview_read_null_key(TviewDef *def)
{
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	StringInfoData sql;
	bool		result;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT FROM %s v WHERE", def->view_name);
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(def->view_desc,
											  def->key_attnums[i] - 1);

		appendStringInfo(&sql, "%s v.%s IS NULL", i == 0 ? "" : " OR",
						 quote_identifier(NameStr(att->attname)));
	}
	appendStringInfoString(&sql, " LIMIT 1");
	if (def->null_plan == NULL)
		def->null_plan = tview_plan_prepare(sql.data, 0, NULL, NULL,
											TVIEW_PLAN_FEW);
	tview_plan_run(def->null_plan, NULL, NULL, rows);
	result = tuplestore_tuple_count(rows) > 0;
	tuplestore_end(rows);
	return result;
}

/*
 * Returns the kind of plan for so many scope values.
 */
static int
size_of(TviewKeys *scope)
{
	if (scope == NULL)
		return SIZE_ALL;
	if (tview_keys_count(scope) == 1)
		return SIZE_ONE;
	return tview_keys_count(scope) <= FEW_KEYS ? SIZE_FEW : SIZE_MANY;
}

/*
 * True when values of the scope's types can be put into arrays, and these
 * taken apart again: unnest makes several columns of composite values.
 */
static bool
has_arrays(TviewKeys *scope)
{
	for (int i = 0; i < tview_keys_width(scope); i++)
	{
		Oid			type = tview_keys_type(scope, i);

		if (!OidIsValid(get_array_type(type)) || type_is_rowtype(type))
			return false;
	}
	return true;
}

/*
 * Runs the plan for one scope value for each of them.
 */
static void
run_one_by_one(TviewPlan **plans, char *sql, TviewKeys *scope,
			   DestReceiver *receiver)
{
	TviewPlan  *plan = prepare(&plans[SIZE_ONE], sql, SIZE_ONE, scope);
	uint64		position = 0;
	TviewKey   *key;

	while ((key = tview_keys_each(scope, &position)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		tview_plan_run_into(plan, one_params(scope, key), NULL, receiver);
	}
}

/*
 * Prepares a plan unless that has been done.
 */
static TviewPlan *
prepare(TviewPlan **plan, const char *sql, int size, TviewKeys *scope)
{
	int			nargs = scope ? tview_keys_width(scope) : 0;
	Oid		   *types = palloc(sizeof(Oid) * (nargs + 1));

	for (int i = 0; i < nargs; i++)
	{
		types[i] = tview_keys_type(scope, i);
		if (size != SIZE_ONE && size != SIZE_TWO)
			types[i] = get_array_type(types[i]);
	}
	if (*plan == NULL)
		*plan = tview_plan_prepare(sql, nargs, types, NULL,
								   size == SIZE_ONE	 ? TVIEW_PLAN_ONE :
								   size == SIZE_MANY ? TVIEW_PLAN_MANY :
													   TVIEW_PLAN_FEW);
	return *plan;
}

/*
 * Returns the query that reads columns of the view or the table.
 */
static char *
read_sql(const char *columns, const char *from, const TviewDef *def, int size)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s FROM %s v", columns, from);
	append_scope(&sql, def, size);
	return sql.data;
}

/*
 * Appends the restriction to scope values.
 */
static void
append_scope(StringInfo sql, const TviewDef *def, int size)
{
	if (size == SIZE_ALL)
		return;
	for (int i = 0; i < def->nscope; i++)
	{
		AttrNumber	attnum = def->key_attnums[def->scope[i]];
		Form_pg_attribute att = TupleDescAttr(def->view_desc, attnum - 1);

		appendStringInfo(sql, " %s v.%s ", i == 0 ? "WHERE" : "AND",
						 quote_identifier(NameStr(att->attname)));
		tview_read_equal(sql, att->atttypid);
		if (size == SIZE_ONE)
			appendStringInfo(sql, " $%d", i + 1);
		else
			appendStringInfo(sql, " ANY (%s)", values_sql(i, size));
	}
	if (size == SIZE_ONE || def->nscope == 1)
		return;

	/* the values of several columns belong together */
	appendStringInfoString(sql, " AND EXISTS (SELECT FROM ");
	append_scope_rows(sql, def, size);
	appendStringInfoString(sql, " WHERE ");
	append_scope_equal(sql, def);
	appendStringInfoChar(sql, ')');
}

/*
 * The array of the values of one column of the scope.
 */
static char *
values_sql(int column, int size)
{
	return psprintf(size == SIZE_TWO ? "ARRAY[$%1$d, $%1$d]" : "$%1$d",
					column + 1);
}

/*
 * Appends the scope values as rows.
 */
static void
append_scope_rows(StringInfo sql, const TviewDef *def, int size)
{
	appendStringInfoString(sql, "ROWS FROM (");
	for (int i = 0; i < def->nscope; i++)
		appendStringInfo(sql, "%spg_catalog.unnest(%s)", i == 0 ? "" : ", ",
						 values_sql(i, size));
	appendStringInfoString(sql, ") k (");
	for (int i = 0; i < def->nscope; i++)
		appendStringInfo(sql, "%sk%d", i == 0 ? "" : ", ", i + 1);
	appendStringInfoChar(sql, ')');
}

/*
 * Appends that a row is of such a row of scope values.
 */
static void
append_scope_equal(StringInfo sql, const TviewDef *def)
{
	for (int i = 0; i < def->nscope; i++)
	{
		AttrNumber	attnum = def->key_attnums[def->scope[i]];
		Form_pg_attribute att = TupleDescAttr(def->view_desc, attnum - 1);

		appendStringInfo(sql, "%sv.%s ", i == 0 ? "" : " AND ",
						 quote_identifier(NameStr(att->attname)));
		tview_read_equal(sql, att->atttypid);
		appendStringInfo(sql, " k.k%d", i + 1);
	}
}

/*
 * Appends the equality operator of a type.
 */
void
tview_read_equal(StringInfo sql, Oid type)
{
	Oid operator= lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		tview_internal_error("cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfo(sql, "OPERATOR(%s.%s)",
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname));
	ReleaseSysCache(tuple);
}

/*
 * Returns one scope value as parameters.
 */
static ParamListInfo
one_params(TviewKeys *scope, TviewKey *key)
{
	int			width = tview_keys_width(scope);
	ParamListInfo params = makeParamList(width);

	for (int i = 0; i < width; i++)
	{
		params->params[i].value = key->values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = tview_keys_type(scope, i);
	}
	return params;
}

/*
 * Returns all scope values as parameters, an array for each column.
 */
static ParamListInfo
array_params(TviewKeys *scope)
{
	int			width = tview_keys_width(scope);
	uint64		count = tview_keys_count(scope);
	ParamListInfo params = makeParamList(width);
	Datum	   *values = palloc_extended(sizeof(Datum) * count,
										 MCXT_ALLOC_HUGE);

	for (int i = 0; i < width; i++)
	{
		Oid			type = tview_keys_type(scope, i);
		uint64		position = 0;
		int			nvalues = 0;
		TviewKey   *key;
		int16		typlen;
		bool		typbyval;
		char		typalign;

		while ((key = tview_keys_each(scope, &position)) != NULL)
			values[nvalues++] = key->values[i];
		get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
		params->params[i].value =
			PointerGetDatum(construct_array(values, nvalues, type, typlen,
											typbyval, typalign));
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = get_array_type(type);
	}
	return params;
}

/*
 * Returns the key's columns as a list for SQL.
 */
char *
tview_read_key_list(const TviewDef *def, const char *prefix)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(def->view_desc,
											  def->key_attnums[i] - 1);

		appendStringInfo(&list, "%s%s%s", i == 0 ? "" : ", ", prefix,
						 quote_identifier(NameStr(att->attname)));
	}
	return list.data;
}

/*
 * Returns the row type of keys.
 */
TupleDesc
tview_read_key_desc(const TviewDef *def)
{
	TupleDesc	desc = CreateTemplateTupleDesc(def->nkeys);

	for (int i = 0; i < def->nkeys; i++)
		TupleDescCopyEntry(desc, i + 1, def->view_desc, def->key_attnums[i]);
	return desc;
}
