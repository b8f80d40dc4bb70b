/*
 * preview.c
 *		What a query would be as a TVIEW.
 *
 * The TVIEW is made as far as its analysis needs it, in the session's schema
 * for temporary objects and in a subtransaction that is rolled back.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

/* What is found out. */
typedef struct Preview
{
	const char *sql;
	StringInfo	json;			/* members of the object */
} Preview;

static void preview(void *arg);
static void preview_sources(StringInfo json, const char *key, Query *query);
static void put_columns(StringInfo json, Query *query);
static const char *find_key(Query *query);
static bool is_foreign_key(const char *name, Oid type, bool is_uuid);
static bool is_special(const char *name, Oid type);
static void put_sources(StringInfo json, const TviewDef *def);
static void put_source(StringInfo json, const TviewDef *def,
					   const TviewSource *source);
static void put_strings(StringInfo json, const char *name, List *strings);
static void put_string(StringInfo json, const char *name, const char *value);

PG_FUNCTION_INFO_V1(pg_tviews_analyze_select);

/*
 * SQL: returns what a query would be as a TVIEW.  What is wrong with it is
 * told under "error", not raised.
 */
Datum
pg_tviews_analyze_select(PG_FUNCTION_ARGS)
{
	Preview		arg;
	StringInfoData json;
	ErrorData  *failure;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	initStringInfo(&json);
	arg.sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	arg.json = &json;
	failure = tview_attempt_trial(preview, &arg);
	if (failure)
	{
		put_string(&json, "error", failure->message);
		if (failure->detail)
			put_string(&json, "detail", failure->detail);
		if (failure->hint)
			put_string(&json, "hint", failure->hint);
	}
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in,
										CStringGetDatum(psprintf("{%s}", json.data))));
}

/*
 * Work of a trial: finds out all there is.
 */
static void
preview(void *arg)
{
	Preview    *to = arg;
	Query	   *query = tview_create_parse(to->sql);
	const char *key = find_key(query);

	put_columns(to->json, query);
	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column \"%s...\" to identify its rows by",
						TVIEW_KEY_PREFIX),
				 errhint("Add one, or name the key with pg_tviews_create(..., key_columns => ARRAY['...']).")));
	preview_sources(to->json, key, query);
}

/*
 * Tells how changes would reach the TVIEW.
 */
static void
preview_sources(StringInfo json, const char *key, Query *query)
{
	const char *entity = key + strlen(TVIEW_KEY_PREFIX);
	RangeVar   *table = makeRangeVar("pg_temp",
									 psprintf("%s%s", TVIEW_TABLE_PREFIX, entity),
									 -1);
	char	   *schema;
	TviewMeta	meta = {0};
	TviewDef   *def;

	schema = get_namespace_name(RangeVarGetCreationNamespace(table));
	meta.view = tview_create_view(schema, entity, query, NIL);
	tview_plan_command(psprintf("CREATE TABLE %s (LIKE %s)",
								quote_qualified_identifier(schema,
														   table->relname),
								tview_names_qualified(meta.view)));
	table->schemaname = schema;
	meta.tview = RangeVarGetRelid(table, NoLock, false);
	meta.entity = pstrdup(entity);
	meta.key_columns = list_make1(makeString(pstrdup(key)));
	def = tview_definition_build(&meta, false);
	put_sources(json, def);
	put_strings(json, "indexes", tview_advice_indexes(def));
	put_strings(json, "changing_functions", tview_sources_warnings(query));
	for (int i = 0; i < def->nsources; i++)
		tview_triggers_check_right(def->sources[i].relid);
}

/*
 * Tells what the columns are, by their names.
 */
static void
put_columns(StringInfo json, Query *query)
{
	static const char *const special[] = {"id", "identifier", "data"};
	const char *key = find_key(query);
	List	   *lists[3] = {NIL, NIL, NIL};
	StringInfoData types;
	ListCell   *lc;

	initStringInfo(&types);
	if (key)
	{
		put_string(json, "entity_name", key + strlen(TVIEW_KEY_PREFIX));
		put_string(json, "pk_column", key);
	}
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		char	   *name = entry->resname;
		Oid			type = exprType((Node *) entry->expr);
		int			list = is_foreign_key(name, type, false) ? 0 :
				   is_foreign_key(name, type, true)	 ? 1 :
													   2;

		if (entry->resjunk || (key && strcmp(name, key) == 0))
			continue;
		for (int i = 0; i < lengthof(special); i++)
		{
			if (strcmp(name, special[i]) == 0)
				put_string(json, psprintf("%s_column", name), name);
		}
		if (is_special(name, type))
			continue;
		lists[list] = lappend(lists[list], name);
		if (list != 2)
			continue;
		appendStringInfo(&types, "%s[", types.len > 0 ? ", " : "");
		escape_json(&types, name);
		appendStringInfoString(&types, ", ");
		escape_json(&types, format_type_be(type));
		appendStringInfoChar(&types, ']');
	}
	put_strings(json, "fk_columns", lists[0]);
	put_strings(json, "uuid_fk_columns", lists[1]);
	put_strings(json, "additional_columns", lists[2]);
	appendStringInfo(json, ", \"additional_columns_with_types\": [%s]",
					 types.data);
}

/*
 * The first column that is a key by its name, or NULL.
 */
static const char *
find_key(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk &&
			strncmp(entry->resname, TVIEW_KEY_PREFIX,
					strlen(TVIEW_KEY_PREFIX)) == 0 &&
			entry->resname[strlen(TVIEW_KEY_PREFIX)] != '\0')
			return entry->resname;
	}
	return NULL;
}

/*
 * Whether a column refers to another entity: fk_x, or as a UUID x_id.
 */
static bool
is_foreign_key(const char *name, Oid type, bool is_uuid)
{
	size_t		length = strlen(name);

	if (!is_uuid)
		return strncmp(name, "fk_", 3) == 0;
	return type == UUIDOID && length > 3 &&
		   strcmp(name + length - 3, "_id") == 0;
}

/*
 * Whether a column is told of by a name of its own.
 */
static bool
is_special(const char *name, Oid type)
{
	return strcmp(name, "id") == 0 || strcmp(name, "identifier") == 0 ||
		   (strcmp(name, "data") == 0 && type == JSONBOID);
}

/*
 * Tells the sources.
 */
static void
put_sources(StringInfo json, const TviewDef *def)
{
	bool		is_incremental = true;

	appendStringInfoString(json, ", \"sources\": [");
	for (int i = 0; i < def->nsources; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		appendStringInfoChar(json, '{');
		put_source(json, def, &def->sources[i]);
		appendStringInfoChar(json, '}');
		is_incremental &= def->sources[i].strategy != TVIEW_FULL;
	}
	appendStringInfo(json, "], \"is_incremental\": %s",
					 is_incremental ? "true" : "false");
}

/*
 * Tells one source.
 */
static void
put_source(StringInfo json, const TviewDef *def, const TviewSource *source)
{
	StringInfoData members;
	List	   *routes = NIL;
	ListCell   *lc;

	initStringInfo(&members);
	put_string(&members, "source", tview_explain_source(source));
	put_string(&members, "strategy",
			   tview_explain_strategy(source->strategy));
	put_string(&members, "path", tview_advice_way(source));
	foreach(lc, source->routes)
		routes = lappend(routes, tview_explain_route(def, source, lfirst(lc)));
	put_strings(&members, "routes", routes);
	if (source->full_reason)
		put_string(&members, "reason", source->full_reason);
	if (source->full_hint)
		put_string(&members, "hint", source->full_hint);
	appendStringInfoString(json, members.data);
}

/*
 * Adds a member that is an array of strings.
 */
static void
put_strings(StringInfo json, const char *name, List *strings)
{
	ListCell   *lc;

	appendStringInfo(json, "%s\"%s\": [", json->len > 0 ? ", " : "", name);
	foreach(lc, strings)
	{
		if (lc != list_head(strings))
			appendStringInfoString(json, ", ");
		escape_json(json, lfirst(lc));
	}
	appendStringInfoChar(json, ']');
}

/*
 * Adds a member that is a string.
 */
static void
put_string(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 0 ? ", " : "", name);
	escape_json(json, value);
}
