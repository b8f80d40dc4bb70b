/*
 * convert.c
 *		Making TVIEWs of tables that exist.
 *
 * A table tv_x beside a view v_x becomes their TVIEW: they may have been made
 * by hand, or have lost their row in pg_tview_meta.  Any other table is taken
 * as a base table, of which a TVIEW with its rows as documents is made; the
 * table itself stays as it is.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "pg_tviews.h"

#define BASE_TABLE_PREFIX "tb_"

static Oid	find_table(const char *name);
static void repair_tview(Oid tview);
static void adopt_table(Oid relid);
static List *choose_key(Oid tview, Oid view, const char *entity);
static void create_for_table(Oid relid);
static char *trivial_query(Oid relid, List *key_columns, const char *key);

PG_FUNCTION_INFO_V1(pg_tviews_convert_existing_table);

/*
 * SQL: makes a TVIEW of an existing table.
 */
Datum
pg_tviews_convert_existing_table(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			relid;

	PreventCommandIfReadOnly("pg_tviews_convert_existing_table()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of a table must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	relid = find_table(name);
	if (OidIsValid(relid) && tview_catalog_read(relid) != NULL)
		repair_tview(relid);
	else if (!OidIsValid(relid) &&
			 OidIsValid(tview_names_resolve(name, true)))
		ereport(NOTICE,
				(errmsg("\"%s\" is a TVIEW already", name)));
	else if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" does not exist", name)));
	else if (tview_names_entity(get_rel_name(relid)) != NULL)
		adopt_table(relid);
	else
		create_for_table(relid);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("Table '%s' converted to TVIEW successfully",
											  name)));
}

/*
 * Gives a TVIEW the triggers that it lacks, and the rows that it has missed
 * meanwhile.  Triggers that somebody has disabled stay so.
 */
static void
repair_tview(Oid tview)
{
	TviewDef   *def = tview_definition_require(tview);
	List	   *problems = NIL;

	for (int i = 0; i < def->nsources; i++)
		problems = list_concat(problems,
							   tview_triggers_problems(def->sources[i].relid));
	if (problems == NIL && tview_triggers_has_guard(tview, true))
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" is a TVIEW already",
						get_rel_name(tview))));
		return;
	}
	tview_names_check_owner(tview);
	tview_create_add_triggers(def);
	tview_triggers_add_guard(tview);
	(void) tview_flush_refresh(def, NULL, false);
}

/*
 * The table of that name, or the one that would hold the TVIEW of that name;
 * InvalidOid if there is neither.
 */
static Oid
find_table(const char *name)
{
	List	   *parts;
	RangeVar   *range;
	Oid			relid;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) ||
		parts == NIL || list_length(parts) > 2)
		return RelnameGetRelid(name);
	range = makeRangeVar(list_length(parts) == 2 ? linitial(parts) : NULL,
						 llast(parts), -1);
	relid = RangeVarGetRelid(range, NoLock, true);
	if (!OidIsValid(relid))
	{
		range->relname = psprintf("%s%s", TVIEW_TABLE_PREFIX, range->relname);
		relid = RangeVarGetRelid(range, NoLock, true);
	}
	return relid;
}

/*
 * Makes a table tv_x and the view v_x beside it a TVIEW.  Its rows become
 * those of the view; columns that only it has stay.
 */
static void
adopt_table(Oid relid)
{
	char	   *entity = tview_names_entity(get_rel_name(relid));
	char	   *view_name = psprintf("%s%s", TVIEW_VIEW_PREFIX, entity);
	Oid			view = get_relname_relid(view_name, get_rel_namespace(relid));

	tview_names_check_owner(relid);
	if (get_rel_relkind(relid) != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ordinary table",
						get_rel_name(relid))));
	if (!OidIsValid(view) || get_rel_relkind(view) != RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" cannot become a TVIEW without a view \"%s\"",
						get_rel_name(relid), view_name),
				 errhint("Create the view, with the columns of the table; or drop the table and create the TVIEW with CREATE TABLE %s AS SELECT.",
						 tview_names_shown(relid))));
	tview_names_check_owner(view);
	tview_create_join(relid, view, choose_key(relid, view, entity), (Datum) 0,
					  true);
	tview_alter_typmods(tview_catalog_require(relid));
}

/*
 * The columns by which to identify the rows of an adopted table: pk_x, or else
 * its primary key.
 */
static List *
choose_key(Oid tview, Oid view, const char *entity)
{
	char	   *name = psprintf("%s%s", TVIEW_KEY_PREFIX, entity);
	List	   *key_columns = tview_create_primary_key(tview);

	if (get_attnum(view, name) > 0 || key_columns == NIL)
		return list_make1(makeString(name));
	return key_columns;
}

/*
 * Makes a TVIEW of a base table: its key, and its rows as documents.
 */
static void
create_for_table(Oid relid)
{
	char	   *entity = get_rel_name(relid);
	List	   *key_columns = tview_create_primary_key(relid);
	char	   *key = NULL;
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *relname;
	Oid			existing;
	char	   *query;
	RangeVar   *table;

	if (get_rel_relkind(relid) != RELKIND_RELATION &&
		get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ordinary table",
						get_rel_name(relid))));
	if (key_columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key",
						get_rel_name(relid)),
				 errhint("Add one, or use pg_tviews_create(..., key_columns => ARRAY['...']).")));
	if (strncmp(entity, BASE_TABLE_PREFIX, strlen(BASE_TABLE_PREFIX)) == 0)
		entity += strlen(BASE_TABLE_PREFIX);
	relname = psprintf("%s%s", TVIEW_TABLE_PREFIX, entity);
	existing = get_relname_relid(relname, get_rel_namespace(relid));
	if (OidIsValid(existing) && tview_catalog_read(existing) != NULL)
	{
		ereport(NOTICE,
				(errmsg("TVIEW \"%s\" exists already", relname)));
		return;
	}
	if (list_length(key_columns) == 1)
		key = psprintf("%s%s", TVIEW_KEY_PREFIX, entity);
	query = trivial_query(relid, key_columns, key);
	if (key != NULL)
		key_columns = list_make1(makeString(key));
	table = tview_names_parse(quote_qualified_identifier(schema, relname));
	tview_create_from_text(table, query, key_columns, (Datum) 0);
}

/*
 * The query that gives a table's rows as documents.  The only key column is
 * called key; several keep their names.
 */
static char *
trivial_query(Oid relid, List *key_columns, const char *key)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, key_columns)
	{
		const char *column = strVal(lfirst(lc));

		appendStringInfo(&sql, "t.%s AS %s, ", quote_identifier(column),
						 quote_identifier(key != NULL ? key : column));
	}
	appendStringInfo(&sql, "pg_catalog.to_jsonb(t.*) AS data FROM %s AS t",
					 tview_names_qualified(relid));
	return sql.data;
}
