/*
 * export.c
 *		A script that makes all TVIEWs again.
 *
 * For a database that has the base tables, but not the TVIEWs: a copy made of
 * the tables alone, or one whose extension had to be dropped.  A dump needs
 * none of it.
 */
#include "postgres.h"

#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

static int	compare_levels(const ListCell *a, const ListCell *b);
static void export_tview(StringInfo script, const TviewMeta *meta);
static void export_creation(StringInfo script, const TviewMeta *meta);
static void export_extras(StringInfo script, const TviewMeta *meta);

PG_FUNCTION_INFO_V1(pg_tviews_export);

/*
 * SQL: returns the script.
 */
Datum
pg_tviews_export(PG_FUNCTION_ARGS)
{
	StringInfoData script;
	const char *schema = get_namespace_name(tview_catalog_schema());
	List	   *defs = NIL;
	ListCell   *lc;
	int			guc_level;

	initStringInfo(&script);
	appendStringInfo(&script, "CREATE EXTENSION IF NOT EXISTS pg_tviews SCHEMA %s;\n",
					 quote_identifier(schema));
	foreach(lc, tview_catalog_list())
	{
		TviewDef   *def;

		LockRelationOid(lfirst_oid(lc), AccessShareLock);
		def = tview_definition_get(lfirst_oid(lc));
		if (def != NULL)
			defs = lappend(defs, def);
	}
	list_sort(defs, compare_levels);

	guc_level = tview_plan_begin_text();
	foreach(lc, defs)
		export_tview(&script,
					 tview_catalog_require(((TviewDef *) lfirst(lc))->tview));
	AtEOXact_GUC(false, guc_level);
	PG_RETURN_TEXT_P(cstring_to_text(script.data));
}

/*
 * Sorts TVIEWs: those that others are built on first.
 */
static int
compare_levels(const ListCell *a, const ListCell *b)
{
	const TviewDef *left = lfirst(a);
	const TviewDef *right = lfirst(b);

	if (left->level != right->level)
		return left->level - right->level;
	return strcmp(left->name, right->name);
}

/*
 * Adds what makes one TVIEW.
 */
static void
export_tview(StringInfo script, const TviewMeta *meta)
{
	char	   *entity = pstrdup(meta->entity);

	/* a line break would end the comment */
	for (char *c = entity; *c; c++)
		if ((unsigned char) *c < ' ')
			*c = ' ';
	appendStringInfo(script, "\n-- %s\n", entity);
	export_creation(script, meta);
	export_extras(script, meta);
}

/*
 * Adds the call that makes a TVIEW, which then has the name and key that it
 * has here.
 */
static void
export_creation(StringInfo script, const TviewMeta *meta)
{
	Datum		view = ObjectIdGetDatum(meta->view);
	char	   *query = TextDatumGetCString(DirectFunctionCall1(pg_get_viewdef,
																view));
	Jsonb	   *options = DatumGetJsonbP(meta->options);
	char	   *text = JsonbToCString(NULL, &options->root, -1);
	char	   *schema = get_namespace_name(tview_catalog_schema());
	ListCell   *lc;

	if (query[strlen(query) - 1] == ';')
		query[strlen(query) - 1] = '\0';
	appendStringInfo(script, "SELECT %s.pg_tviews_create(%s,\n%s,\nARRAY[",
					 quote_identifier(schema),
					 quote_literal_cstr(tview_names_qualified(meta->tview)),
					 quote_literal_cstr(query));
	foreach(lc, meta->key_columns)
		appendStringInfo(script, "%s%s",
						 lc == list_head(meta->key_columns) ? "" : ", ",
						 quote_literal_cstr(strVal(lfirst(lc))));
	appendStringInfo(script, "],\n%s);\n",
					 quote_literal_cstr(text));
}

/*
 * Adds what somebody has added to the table: columns, indexes, constraints but
 * for the key, triggers, comments, grants, policies, and its owner.
 */
static void
export_extras(StringInfo script, const TviewMeta *meta)
{
	static const char *const queries[] = {
		"SELECT format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS %I %s%s%s;', n, a.attname, format_type(a.atttypid, a.atttypmod),"
		" CASE WHEN a.attgenerated <> '' THEN concat(' GENERATED ALWAYS AS (', pg_get_expr(d.adbin, d.adrelid), ') STORED')"
		" WHEN d.adbin IS NOT NULL THEN concat(' DEFAULT ', pg_get_expr(d.adbin, d.adrelid)) END,"
		" CASE WHEN a.attnotnull THEN ' NOT NULL' END)"
		" FROM t, pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
		" WHERE a.attrelid = t.tview AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'updated_at'"
		" AND NOT EXISTS (SELECT FROM pg_attribute v WHERE v.attrelid = t.view AND v.attname = a.attname AND NOT v.attisdropped)"
		" ORDER BY a.attnum",
		"SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX ', 'CREATE \\1INDEX IF NOT EXISTS ') || ';'"
		" FROM t, pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
		" WHERE i.indrelid = t.tview AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
		" ORDER BY c.relname",
		"SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s;', n, k.conname, pg_get_constraintdef(k.oid))"
		" FROM t, pg_constraint k, pg_class c"
		" WHERE k.conrelid = t.tview AND c.oid = t.tview AND k.contype IN ('c', 'f', 'u', 'x')"
		" AND k.conname <> concat('idx_', c.relname, '_pk') ORDER BY k.contype = 'f', k.conname",
		"SELECT concat(pg_get_triggerdef(g.oid), ';', CASE WHEN g.tgenabled <> 'O' THEN format(' ALTER TABLE %s %s TRIGGER %I;', n,"
		" CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname) END)"
		" FROM t, pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid"
		" WHERE g.tgrelid = t.tview AND NOT g.tgisinternal AND p.proname NOT IN ('pg_tviews_guard', 'pg_tviews_capture')"
		" ORDER BY g.tgname",
		"SELECT CASE WHEN s.objsubid = 0 THEN format('COMMENT ON TABLE %s IS %L;', n, s.description)"
		" ELSE format('COMMENT ON COLUMN %s.%I IS %L;', n, a.attname, s.description) END"
		" FROM t, pg_description s LEFT JOIN pg_attribute a ON a.attrelid = s.objoid AND a.attnum = s.objsubid"
		" WHERE s.classoid = 'pg_class'::regclass AND s.objoid = t.tview ORDER BY s.objsubid",
		"SELECT format('GRANT %s%s ON %s TO %s%s;', g.privilege_type, ' (' || quote_ident(g.attname) || ')', g.relation,"
		" CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,"
		" CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)"
		" FROM (SELECT c.oid::regclass AS relation, NULL AS attname, c.relowner, (aclexplode(c.relacl)).*"
		" FROM t, pg_class c WHERE c.oid IN (t.tview, t.view)"
		" UNION ALL SELECT c.oid::regclass, a.attname, c.relowner, (aclexplode(a.attacl)).*"
		" FROM t, pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid IN (t.tview, t.view)) g"
		" WHERE g.grantee <> g.relowner"
		" ORDER BY g.relation::text, g.attname, pg_get_userbyid(g.grantee), g.privilege_type",
		"SELECT format('ALTER TABLE %s %s ROW LEVEL SECURITY;', n, o) FROM t, pg_class c,"
		" LATERAL (VALUES ('ENABLE', c.relrowsecurity), ('FORCE', c.relforcerowsecurity)) AS v(o, is_on)"
		" WHERE c.oid = t.tview AND v.is_on",
		"SELECT concat(format('CREATE POLICY %I ON %s', p.polname, n), CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,"
		" ' FOR ', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,"
		" ' TO ', (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(p.polroles) AS r),"
		" ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ';')"
		" FROM t, pg_policy p WHERE p.polrelid = t.tview ORDER BY p.polname",
		"SELECT format('ALTER TABLE %s OWNER TO %I;', n, pg_get_userbyid(c.relowner))"
		" FROM t, pg_class c WHERE c.oid = t.tview",
	};
	char	   *name = tview_names_qualified(meta->tview);

	for (int i = 0; i < lengthof(queries); i++)
	{
		List	   *commands;
		ListCell   *lc;

		/* the search_path is restricted, see pg_tviews_export */
		commands = tview_plan_strings(psprintf("WITH t AS (SELECT %u::oid AS tview, %u::oid AS view, %s::text AS n) %s",
											   meta->tview, meta->view,
											   quote_literal_cstr(name),
											   queries[i]));
		foreach(lc, commands)
			appendStringInfo(script, "%s\n", (char *) lfirst(lc));
	}
}
