/*
 * redefine.c
 *		Giving a TVIEW another query, or other options.
 *
 * Where PostgreSQL can replace the view in place, it does, and the rest
 * follows as after anybody's CREATE OR REPLACE VIEW (alter.c).  Else a new
 * view takes the old one's place, with its name, owner, options, grants and
 * comments; and what the columns of the table have to become is done in one
 * ALTER TABLE, for our event triggers look at the result.
 *
 * Columns that only the table has are the user's, and stay.  Readers of the
 * table wait only where its columns change.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

static void change_options(Oid tview, Datum given);
static void change_query(Oid tview, const char *sql);
static void lock_tables(Oid tview);
static void check_keys(const TviewMeta *meta, Query *query);
static bool can_replace(Oid view, Query *query);
static bool same_column(Form_pg_attribute column, TargetEntry *entry);
static List *output_columns(Query *query);
static void replace_view(TviewMeta *meta, Query *query);
static void exchange_view(TviewMeta *meta, Query *query);
static void copy_properties(Oid from, Oid to);
static void run_all(const char *sql);
static char *grants_sql(Oid relid);
static char *exploded_sql(const char *acl);
static char *common_columns_sql(Oid from, Oid other);
static char *options_sql(Oid view);
static void report_losses(Oid view);
static void change_columns(const TviewMeta *meta, Oid old_view);
static char *change_sql(const TviewMeta *meta, Relation tview, Oid old_view,
						Form_pg_attribute column);
static bool keeps_collation(Oid old_view, Form_pg_attribute column);
static bool keeps_values(const TviewMeta *meta, Form_pg_attribute stored,
						 Form_pg_attribute column);
static bool is_relabelled(Form_pg_attribute from, Form_pg_attribute to);
static List *required_columns(Oid tview);
static void require_columns(Oid tview, List *names);

PG_FUNCTION_INFO_V1(pg_tviews_alter);

/*
 * SQL: gives a TVIEW another query, or other options, or both.
 */
Datum
pg_tviews_alter(PG_FUNCTION_ARGS)
{
	char	   *name = tview_names_argument(fcinfo);
	Oid			tview;

	PreventCommandIfReadOnly("pg_tviews_alter()");
	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query and options of a TVIEW must not both be null")));
	tview = tview_names_resolve(name, false);
	tview_names_check_owner(tview);
	if (!PG_ARGISNULL(2))
		change_options(tview, PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(1))
		change_query(tview, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("TVIEW '%s' altered successfully",
											  get_rel_name(tview))));
}

/*
 * Changes some options of a TVIEW; its rows follow where they depend on them.
 * Whoever changes a TVIEW's row in the catalog has its lock.
 */
static void
change_options(Oid tview, Datum given)
{
	TviewDef   *def = tview_definition_lock(tview, ShareUpdateExclusiveLock);
	List	   *settings = def->settings;
	TviewMeta  *meta;

	tview_flush_all();
	(void) tview_locks_begin(def, NIL, true);
	meta = tview_catalog_require(tview);
	meta->options = tview_options_change(meta->options, given);
	tview_catalog_update(meta);
	def = tview_definition_require(tview);
	if (!equal(def->settings, settings))
		(void) tview_flush_refresh(def, NULL, false);
}

/*
 * Gives a TVIEW another query.
 */
static void
change_query(Oid tview, const char *sql)
{
	TviewMeta  *meta;
	Query	   *query = tview_create_parse(sql);
	uint64		ended = tview_ddl_ended();
	int			guc_level;

	lock_tables(tview);
	(void) tview_definition_lock(tview, ShareUpdateExclusiveLock);
	meta = tview_catalog_read(tview);
	check_keys(meta, query);
	tview_create_check(query, meta->entity);

	guc_level = tview_plan_begin_text();
	if (can_replace(meta->view, query))
		replace_view(meta, query);
	else
		exchange_view(meta, query);
	AtEOXact_GUC(false, guc_level);
	if (tview_ddl_ended() == ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot alter TVIEW \"%s\" while event trigger \"pg_tviews_ddl_end\" is disabled",
						get_rel_name(tview)),
				 errdetail("It makes tables follow their views; from PostgreSQL 17 on, event_triggers must be on for it."),
				 errhint("ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE ALWAYS")));
}

/*
 * Locks the tables that a TVIEW reads before the TVIEW itself, in the order of
 * writers.
 */
static void
lock_tables(Oid tview)
{
	TviewDef   *def = tview_definition_lock(tview, AccessShareLock);
	List	   *relids = NIL;

	for (int i = 0; i < def->nsources; i++)
		relids = list_append_unique_oid(relids, def->sources[i].relid);
	tview_triggers_lock(relids);
}

/*
 * An error unless the query has the TVIEW's key columns.
 */
static void
check_keys(const TviewMeta *meta, Query *query)
{
	ListCell   *key;
	ListCell   *lc;

	foreach(key, meta->key_columns)
	{
		bool		found = false;

		foreach(lc, output_columns(query))
			found |= strcmp(((TargetEntry *) lfirst(lc))->resname,
							strVal(lfirst(key))) == 0;
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("query of TVIEW \"%s\" has no column \"%s\" to identify its rows by",
							get_rel_name(meta->tview), strVal(lfirst(key))),
					 errhint("To give a TVIEW another key, drop it and make it anew.")));
	}
}

/*
 * Whether PostgreSQL can replace the view's query by this one: it has the same
 * columns, and possibly more.
 */
static bool
can_replace(Oid view, Query *query)
{
	Relation	rel = table_open(view, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *columns = output_columns(query);
	bool		result = list_length(columns) >= desc->natts;

	for (int i = 0; i < desc->natts && result; i++)
		result = same_column(TupleDescAttr(desc, i), list_nth(columns, i));
	table_close(rel, NoLock);
	return result;
}

/*
 * Whether a view's column is like a query's.
 */
static bool
same_column(Form_pg_attribute column, TargetEntry *entry)
{
	Node	   *expr = (Node *) entry->expr;

	return strcmp(NameStr(column->attname), entry->resname) == 0 &&
		   column->atttypid == exprType(expr) &&
		   column->atttypmod == exprTypmod(expr) &&
		   column->attcollation == exprCollation(expr);
}

/*
 * The query's output columns: a List of TargetEntry.
 */
static List *
output_columns(Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/*
 * Replaces the query of the view.  The event trigger does the rest.
 */
static void
replace_view(TviewMeta *meta, Query *query)
{
	tview_plan_command(psprintf("CREATE OR REPLACE VIEW %s%s AS %s",
								tview_names_qualified(meta->view),
								options_sql(meta->view),
								tview_create_text(query)));
}

/*
 * Puts a new view in the place of the old one.
 */
static void
exchange_view(TviewMeta *meta, Query *query)
{
	char	   *schema = get_namespace_name(get_rel_namespace(meta->view));
	char	   *name = get_rel_name(meta->view);
	Oid			old_view = meta->view;
	List	   *required = required_columns(meta->tview);
	char	   *new_name = ChooseRelationName(name, NULL, "new",
											  get_rel_namespace(old_view),
											  false);

	tview_plan_command(psprintf("CREATE VIEW %s%s AS %s",
								quote_qualified_identifier(schema, new_name),
								options_sql(old_view),
								tview_create_text(query)));
	meta->view = get_relname_relid(new_name, get_rel_namespace(old_view));
	copy_properties(old_view, meta->view);
	tview_catalog_update(meta);
	change_columns(meta, old_view);
	report_losses(old_view);
	tview_plan_command(psprintf("DROP VIEW %s",
								tview_names_qualified(old_view)));
	tview_plan_command(psprintf("ALTER VIEW %s RENAME TO %s",
								tview_names_qualified(meta->view),
								quote_identifier(name)));
	tview_drop_link(meta->tview, meta->view);
	tview_alter_query(meta->tview);
	require_columns(meta->tview, required);
}

/*
 * Gives a view the owner, the grants and the comments of another.  The user's
 * default privileges may have given it others.
 */
static void
copy_properties(Oid from, Oid to)
{
	char	   *name = quote_literal_cstr(tview_names_qualified(to));

	run_all(psprintf("SELECT pg_catalog.format('ALTER VIEW %%s OWNER TO %%I', %s, pg_catalog.pg_get_userbyid(c.relowner))"
					 " FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) %u",
					 name, from));
	run_all(psprintf("SELECT pg_catalog.format('REVOKE %%s ON %%s FROM %%s', g.privilege_type, %s, g.grantee)"
					 " FROM (%s EXCEPT %s) g",
					 name, grants_sql(to), grants_sql(from)));
	run_all(psprintf("SELECT pg_catalog.format('GRANT %%s ON %%s TO %%s%%s', g.privilege_type, %s, g.grantee, g.option)"
					 " FROM (%s EXCEPT %s) g",
					 name, grants_sql(from), grants_sql(to)));
	run_all(psprintf("SELECT pg_catalog.format('GRANT %%s (%%I) ON %%s TO %%s%%s', g.privilege_type, a.attname, %s, g.grantee, g.option)"
					 " FROM (%s) a, LATERAL (%s) g",
					 name, common_columns_sql(from, to), exploded_sql("a.attacl")));
	run_all(psprintf("SELECT pg_catalog.format('COMMENT ON VIEW %%s IS %%L', %s, pg_catalog.obj_description(%u, 'pg_class'))"
					 " WHERE pg_catalog.obj_description(%u, 'pg_class') IS NOT NULL"
					 " UNION ALL SELECT pg_catalog.format('COMMENT ON COLUMN %%s.%%I IS %%L', %s, a.attname, pg_catalog.col_description(%u, a.attnum))"
					 " FROM (%s) a WHERE pg_catalog.col_description(%u, a.attnum) IS NOT NULL",
					 name, from, from, name, from,
					 common_columns_sql(from, to), from));
}

/*
 * Runs the commands that a query returns.
 */
static void
run_all(const char *sql)
{
	ListCell   *lc;

	foreach(lc, tview_plan_strings(sql))
		tview_plan_command(lfirst(lc));
}

/*
 * The query for the privileges on a relation, in the words of GRANT.
 */
static char *
grants_sql(Oid relid)
{
	return psprintf("SELECT g.* FROM pg_catalog.pg_class c, LATERAL (%s) g"
					" WHERE c.oid OPERATOR(pg_catalog.=) %u",
					exploded_sql("COALESCE(c.relacl, pg_catalog.acldefault('r', c.relowner))"),
					relid);
}

/*
 * The query for what an access control list holds.
 */
static char *
exploded_sql(const char *acl)
{
	return psprintf("SELECT e.privilege_type,"
					" CASE WHEN e.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'"
					" ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) END AS grantee,"
					" CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option"
					" FROM pg_catalog.aclexplode(%s) e",
					acl);
}

/*
 * The query for the columns of a relation that another has, too.
 */
static char *
common_columns_sql(Oid from, Oid other)
{
	return psprintf("SELECT c.* FROM pg_catalog.pg_attribute c, pg_catalog.pg_attribute o"
					" WHERE c.attrelid OPERATOR(pg_catalog.=) %u"
					" AND o.attrelid OPERATOR(pg_catalog.=) %u"
					" AND o.attname OPERATOR(pg_catalog.=) c.attname"
					" AND c.attnum OPERATOR(pg_catalog.>) 0",
					from, other);
}

/*
 * A view's options as CREATE VIEW takes them; "" for none.
 */
static char *
options_sql(Oid view)
{
	char	   *options;

	options = linitial(tview_plan_strings(psprintf("SELECT pg_catalog.string_agg(pg_catalog.format('%%I = %%L', o.option_name, o.option_value), ', ')"
												   " FROM pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o"
												   " WHERE c.oid OPERATOR(pg_catalog.=) %u",
												   view)));
	return options ? psprintf(" WITH (%s)", options) : "";
}

/*
 * Tells what goes with a view that is about to be dropped: its rules, triggers
 * and defaults, which may be about columns that are no more.
 */
static void
report_losses(Oid view)
{
	List	   *objects;
	ListCell   *lc;

	objects = tview_plan_strings(psprintf("SELECT pg_catalog.pg_describe_object(classid, objid, objsubid)"
										  " FROM pg_catalog.pg_depend"
										  " WHERE refclassid OPERATOR(pg_catalog.=) %u"
										  " AND refobjid OPERATOR(pg_catalog.=) %u"
										  " AND deptype OPERATOR(pg_catalog.=) 'a'"
										  " GROUP BY 1 ORDER BY 1",
										  RelationRelationId, view));
	foreach(lc, objects)
		ereport(WARNING,
				(errmsg("dropped %s", (char *) lfirst(lc)),
				 errdetail("The view had to be made anew."),
				 errhint("Create it again where it is needed.")));
}

/*
 * Gives the table the columns of its new view: those that only the old one
 * had go, new ones come, and others change their type.
 */
static void
change_columns(const TviewMeta *meta, Oid old_view)
{
	Relation	old = table_open(old_view, AccessShareLock);
	Relation	view = table_open(meta->view, AccessShareLock);
	Relation	tview = table_open(meta->tview, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(view);
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < RelationGetDescr(old)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(old), i);
		const char *name = NameStr(column->attname);

		if (get_attnum(meta->view, name) <= 0 &&
			get_attnum(meta->tview, name) > 0)
			appendStringInfo(&sql, ", DROP COLUMN %s", quote_identifier(name));
	}
	for (int i = 0; i < desc->natts; i++)
		appendStringInfoString(&sql, change_sql(meta, tview, old_view,
												TupleDescAttr(desc, i)));
	table_close(old, NoLock);
	table_close(view, NoLock);
	table_close(tview, NoLock);
	if (sql.len > 0)
		tview_alter_as_owner(meta->tview,
							 psprintf("ALTER TABLE %s %s",
									  tview_names_qualified(meta->tview),
									  sql.data + strlen(", ")));
}

/*
 * What ALTER TABLE has to do for the table to have a column as the new view
 * has it; "" for nothing.  Values are computed anew afterwards, so they may be
 * NULL until then, but for those that rows are found by.
 */
static char *
change_sql(const TviewMeta *meta, Relation tview, Oid old_view,
		   Form_pg_attribute column)
{
	AttrNumber	attnum = get_attnum(meta->tview, NameStr(column->attname));
	const char *name = quote_identifier(NameStr(column->attname));
	Form_pg_attribute stored;
	char	   *change;
	char	   *type;

	if (attnum <= 0)
		return psprintf(", ADD COLUMN %s", tview_alter_column_sql(column));
	stored = TupleDescAttr(RelationGetDescr(tview), attnum - 1);
	change = psprintf(", ALTER COLUMN %s TYPE %s", name,
					  tview_alter_type_sql(column));
	if (stored->atttypid == column->atttypid &&
		stored->atttypmod == column->atttypmod)
		return stored->attcollation == column->attcollation ||
					   keeps_collation(old_view, column) ?
				   "" :
				   change;
	type = format_type_extended(column->atttypid, column->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN |
									FORMAT_TYPE_FORCE_QUALIFY);
	if (keeps_values(meta, stored, column))
		return psprintf("%s USING %s::%s", change, name, type);
	return psprintf("%s USING NULL::%s%s", change, type,
					stored->attnotnull ?
						psprintf(", ALTER COLUMN %s DROP NOT NULL", name) :
						"");
}

/*
 * Whether a column of the new view has the same collation in the old one: then
 * one that the user has given the table's column stays.
 */
static bool
keeps_collation(Oid old_view, Form_pg_attribute column)
{
	AttrNumber	attnum = get_attnum(old_view, NameStr(column->attname));
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (attnum <= 0)
		return false;
	get_atttypetypmodcoll(old_view, attnum, &type, &typmod, &collation);
	return collation == column->attcollation;
}

/*
 * Whether to keep the values of a column that changes its type: those of
 * keys, so that rows keep what the user has added to them, and those that need
 * not be written for it.
 */
static bool
keeps_values(const TviewMeta *meta, Form_pg_attribute stored,
			 Form_pg_attribute column)
{
	List	   *primary_key = tview_create_primary_key(meta->tview);
	char	   *name = NameStr(column->attname);

	if (!list_member(meta->key_columns, makeString(name)) &&
		!list_member(primary_key, makeString(name)))
		return is_relabelled(stored, column);
	if (!can_coerce_type(1, &stored->atttypid, &column->atttypid,
						 COERCION_EXPLICIT))
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_COERCE),
				 errmsg("key column \"%s\" of TVIEW \"%s\" cannot be cast from type %s to %s",
						name, get_rel_name(meta->tview),
						format_type_be(stored->atttypid),
						format_type_be(column->atttypid)),
				 errhint("To give a TVIEW another key, drop it and make it anew.")));
	return true;
}

/*
 * Whether a value of one column is one of the other as it stands.
 */
static bool
is_relabelled(Form_pg_attribute from, Form_pg_attribute to)
{
	Node	   *value = (Node *) makeVar(1, from->attnum, from->atttypid,
										 from->atttypmod, from->attcollation,
										 0);

	value = coerce_to_target_type(NULL, value, from->atttypid, to->atttypid,
								  to->atttypmod, COERCION_EXPLICIT,
								  COERCE_EXPLICIT_CAST, -1);
	if (value == NULL)
		return false;
	value = eval_const_expressions(NULL, value);
	while (IsA(value, RelabelType))
		value = (Node *) ((RelabelType *) value)->arg;
	return IsA(value, Var);
}

/*
 * The columns that are NOT NULL, as a List of String.
 */
static List *
required_columns(Oid tview)
{
	Relation	rel = table_open(tview, AccessShareLock);
	List	   *result = NIL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (column->attnotnull && !column->attisdropped)
			result = lappend(result,
							 makeString(pstrdup(NameStr(column->attname))));
	}
	table_close(rel, NoLock);
	return result;
}

/*
 * Makes columns NOT NULL again that no longer are.
 */
static void
require_columns(Oid tview, List *names)
{
	ListCell   *lc;

	foreach(lc, list_difference(names, required_columns(tview)))
	{
		if (get_attnum(tview, strVal(lfirst(lc))) > 0)
			tview_plan_command(psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL",
										tview_names_qualified(tview),
										quote_identifier(strVal(lfirst(lc)))));
	}
}
