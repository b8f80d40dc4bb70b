/*
 * alter.c
 *		Keeping TVIEWs in step with changes of what they consist of and stand
 *		on.
 *
 * Definitions are derived (definition.c), so most changes need nothing here:
 * another backend sees the invalidation and derives anew.  What is left is
 * what a TVIEW's parts share, names, columns, schema, owner, and whatever
 * changes the rows of its view without a trigger to tell.
 *
 * Each function looks at how things are and does what is missing.  So it does
 * no harm to call one twice, or where nothing has changed, and the commands
 * that they run may trigger them again.  A TVIEW that somebody else has
 * dropped since it was found needs nothing any more.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "pg_tviews.h"

static List *readers_of(Oid relid);
static void reject_circle(Oid tview, Oid from, const char *path);
static TviewDef *build_anew(TviewMeta *meta);
static void name_tview(void *arg);
static void add_columns(const TviewMeta *meta);
static void change_typmods(void *arg);
static char *typmods_sql(const TviewMeta *meta);
static Oid	relation_owner(Oid relid);
static void check_access(TviewMeta *meta);
static void read_nothing(void *arg);
static bool uses_whole_rows(const TviewDef *def);
static bool reads_children(const TviewDef *def);
static bool reads_policies(const TviewDef *def);
static void refresh(Oid tview);

/*
 * Follows a change of the TVIEW's query: new columns, other sources, other
 * rows.
 */
void
tview_alter_query(Oid tview)
{
	TviewMeta  *meta;
	TviewIdentity saved;
	TviewDef   *def;
	ListCell   *lc;

	LockRelationOid(tview, AccessShareLock);
	meta = tview_catalog_read(tview);
	if (meta == NULL)
		return;
	reject_circle(tview, tview, get_rel_name(tview));
	tview_plan_become_owner(&saved, relation_owner(tview),
							SECURITY_LOCAL_USERID_CHANGE, NIL);
	add_columns(meta);
	def = build_anew(meta);
	tview_alter_check_persistence(def);
	tview_create_add_triggers(def);
	tview_plan_leave_owner(&saved);
	tview_triggers_remove_unneeded();
	tview_advice_report(def);
	refresh(tview);
	tview_alter_typmods(meta);

	/* those built on it must still find what they need */
	foreach(lc, tview_catalog_dependents(tview))
		(void) tview_definition_get(lfirst_oid(lc));
}

/*
 * Follows a new name of the TVIEW's table: the entity, and the view's name
 * where it is free.
 */
void
tview_alter_name(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	char	   *relname = get_rel_name(tview);
	char	   *entity = tview_names_entity(relname);
	char	   *view_name;

	if (entity != NULL)
	{
		view_name = psprintf("%s%s", TVIEW_VIEW_PREFIX, entity);
		if (!OidIsValid(get_relname_relid(view_name,
										  get_rel_namespace(meta->view))))
			tview_plan_command(psprintf("ALTER VIEW %s RENAME TO %s",
										tview_names_qualified(meta->view),
										quote_identifier(view_name)));
	}
	meta->entity = entity != NULL ? entity : relname;
	tview_catalog_update(meta);
}

/*
 * Moves the view to the schema of the TVIEW's table.
 */
void
tview_alter_schema(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	Oid			schema = get_rel_namespace(tview);
	char	   *name = get_namespace_name(schema);

	if (get_rel_namespace(meta->view) != schema)
		tview_plan_command(psprintf("ALTER VIEW %s SET SCHEMA %s",
									tview_names_qualified(meta->view),
									quote_identifier(name)));
}

/*
 * Gives the view to the owner of the TVIEW's table, in whose name it is read;
 * an error if that owner may not read it.
 */
void
tview_alter_owner(Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	Oid			owner = relation_owner(tview);
	char	   *name = GetUserNameFromId(owner, false);

	if (relation_owner(meta->view) != owner)
		tview_plan_command(psprintf("ALTER VIEW %s OWNER TO %s",
									tview_names_qualified(meta->view),
									quote_identifier(name)));
	check_access(meta);
}

/*
 * Follows a new name of a column of a TVIEW's table or view in the other of
 * them, and in the key.
 */
void
tview_alter_column(Oid tview, const char *from, const char *to)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	Oid			relids[2] = {meta->tview, meta->view};
	ListCell   *lc;

	for (int i = 0; i < 2; i++)
	{
		if (get_attnum(relids[i], from) > 0 &&
			get_attnum(relids[1 - i], to) > 0 &&
			get_attnum(relids[1 - i], from) == InvalidAttrNumber)
			tview_plan_command(psprintf("ALTER TABLE %s RENAME COLUMN %s TO %s",
										tview_names_qualified(relids[i]),
										quote_identifier(from),
										quote_identifier(to)));
	}
	foreach(lc, meta->key_columns)
	{
		if (strcmp(strVal(lfirst(lc)), from) == 0 &&
			get_attnum(tview, to) > 0)
			lfirst(lc) = makeString(pstrdup(to));
	}
	tview_catalog_update(meta);
}

/*
 * An error if a TVIEW's query uses this column, whose type is about to change:
 * PostgreSQL refuses that too, but does not say what to do.
 */
void
tview_alter_check_type(Oid relid, const char *column)
{
	List	   *rules;
	ListCell   *lc;

	rules = tview_plan_strings(psprintf("SELECT DISTINCT objid"
										" FROM pg_catalog.pg_depend"
										" WHERE classid OPERATOR(pg_catalog.=) %u"
										" AND refclassid OPERATOR(pg_catalog.=) %u"
										" AND refobjid OPERATOR(pg_catalog.=) %u"
										" AND refobjsubid OPERATOR(pg_catalog.=) %d"
										" ORDER BY objid",
										RewriteRelationId, RelationRelationId,
										relid, get_attnum(relid, column)));
	foreach(lc, rules)
	{
		Oid			view = tview_catalog_rule_view(atooid(lfirst(lc)));
		List	   *tviews = tview_catalog_dependents(view);
		Oid			tview = tview_catalog_of_view(view);

		if (!OidIsValid(tview) && tviews != NIL)
			tview = linitial_oid(tviews);
		if (OidIsValid(tview))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot alter type of column \"%s\" of table \"%s\" because TVIEW \"%s\" uses it",
							column, get_rel_name(relid),
							get_rel_name(tview)),
					 errhint("Keep what pg_tviews_export() returns, drop the TVIEW, alter the table, and create the TVIEW again.")));
	}
}

/*
 * An error if the TVIEW's table no longer fits its view.
 */
void
tview_alter_check(Oid tview)
{
	TviewMeta  *meta;

	LockRelationOid(tview, AccessShareLock);
	meta = tview_catalog_read(tview);
	if (meta != NULL)
		(void) build_anew(meta);
}

/*
 * Follows a table that has become logged or unlogged: an error if a TVIEW
 * forbids it.
 */
void
tview_alter_persistence(Oid relid)
{
	ListCell   *lc;

	foreach(lc, lcons_oid(relid, tview_catalog_dependents(relid)))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		if (def != NULL)
			tview_alter_check_persistence(def);
	}
}

/*
 * An error if a crash, after which PostgreSQL empties unlogged tables, would
 * empty only some of a TVIEW and the tables that it reads, or a TVIEW whose
 * view has rows even then.
 */
void
tview_alter_check_persistence(const TviewDef *def)
{
	char		persistence = get_rel_persistence(def->tview);
	Oid			other = InvalidOid;

	for (int i = 0; i < def->nsources; i++)
	{
		ListCell   *lc;

		foreach(lc, find_all_inheritors(def->sources[i].relid, NoLock, NULL))
		{
			if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE &&
				get_rel_persistence(lfirst_oid(lc)) != persistence)
				other = lfirst_oid(lc);
		}
	}
	if (OidIsValid(other) && persistence == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("TVIEW \"%s\" cannot be unlogged while table \"%s\", which it reads, is logged",
						get_rel_name(def->tview), get_rel_name(other)),
				 errdetail("After a crash only the TVIEW would be empty."),
				 errhint("Make the TVIEW a logged table.")));
	if (OidIsValid(other))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" cannot be unlogged while TVIEW \"%s\", which reads it, is logged",
						get_rel_name(other), get_rel_name(def->tview)),
				 errdetail("After a crash only the table would be empty."),
				 errhint("Make the table a logged one, or create the TVIEW anew with CREATE UNLOGGED TABLE.")));
	if (persistence == RELPERSISTENCE_UNLOGGED &&
		tview_sources_has_constant_rows(tview_create_view_query(def->view)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("TVIEW \"%s\" cannot be unlogged: its query has rows that do not come from a table",
						get_rel_name(def->tview)),
				 errdetail("After a crash the TVIEW would be empty, and the view not."),
				 errhint("Use logged tables.")));
}

/*
 * Sees to the triggers of a table that has become, or may have become, a
 * partition or child of a source.
 */
void
tview_alter_child(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		for (int i = 0; def != NULL && i < def->nsources; i++)
		{
			Oid			source = def->sources[i].relid;

			if (list_member_oid(find_all_inheritors(source, NoLock, NULL),
								relid))
				tview_triggers_add(source);
		}
	}
}

/*
 * An error if a TVIEW is a child or partition of this table, or the other way
 * round: its rows would be changed through its parents, where no trigger of
 * ours can refuse that, and its children's rows would seem to be its own.
 */
void
tview_alter_check_family(Oid relid)
{
	List	   *family = list_concat(tview_catalog_ancestors(relid),
									 find_all_inheritors(relid, NoLock, NULL));
	ListCell   *lc;

	if (list_length(family) == 1)
		return;
	foreach(lc, family)
	{
		if (tview_catalog_read(lfirst_oid(lc)) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("TVIEW \"%s\" cannot have children, nor be a child or partition",
							get_rel_name(lfirst_oid(lc))),
					 errdetail("A TVIEW has the rows of its view, and no others."),
					 errhint("Read several TVIEWs through a view, with UNION ALL.")));
	}
}

/*
 * Refreshes the TVIEWs that read a relation or one of its children, after its
 * rows have changed in a way that no trigger tells of.  With whole_rows_only,
 * those that use whole rows of some table: the rows have gained, lost, or
 * renamed columns.
 */
void
tview_alter_refresh(Oid relid, bool whole_rows_only)
{
	ListCell   *lc;

	foreach(lc, readers_of(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		if (def != NULL && (!whole_rows_only || uses_whole_rows(def)))
			refresh(lfirst_oid(lc));
	}
}

/*
 * Refreshes those of these TVIEWs that read tables with row-level security,
 * after the owner of something, whom policies let pass, or the roles that
 * policies name have changed.
 */
void
tview_alter_policies(List *tviews)
{
	ListCell   *lc;

	foreach(lc, tviews)
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		if (def != NULL && reads_policies(def))
			refresh(lfirst_oid(lc));
	}
}

/*
 * Has the TVIEWs that read a relation or one of its children refreshed when
 * the transaction commits.
 */
void
tview_alter_refresh_later(Oid relid)
{
	ListCell   *lc;

	foreach(lc, readers_of(relid))
	{
		TviewDef   *def = tview_definition_get(lfirst_oid(lc));

		/* one source that is wholly changed means all rows */
		if (def != NULL)
			tview_queue_touch_all(tview_queue_get(def, &def->sources[0]));
	}
}

/*
 * Returns the TVIEWs that read a relation or one of its children.
 */
static List *
readers_of(Oid relid)
{
	List	   *tviews = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		List	   *readers = tview_catalog_dependents(lfirst_oid(lc));

		tviews = list_concat_unique_oid(tviews, readers);
	}
	return tviews;
}

/*
 * Refreshes the TVIEWs whose sources may have lost a partition or child: when
 * it is dropped, there is no telling whose it was.
 */
void
tview_alter_refresh_parents(void)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_list())
	{
		TviewMeta  *meta;
		TviewDef   *def;

		/* a restore may be taking the TVIEW itself apart */
		if (tview_restore_is_active() &&
			!tview_triggers_has_guard(lfirst_oid(lc), true))
			continue;
		/* event triggers may have been off when its view was dropped */
		meta = tview_catalog_read(lfirst_oid(lc));
		if (meta == NULL || get_rel_relkind(meta->view) == '\0')
			continue;
		def = tview_definition_get(lfirst_oid(lc));
		if (def != NULL && reads_children(def))
			refresh(lfirst_oid(lc));
	}
}

/*
 * Follows a change of a function or type: refreshes the TVIEWs whose queries
 * use it, be it by way of operators, casts, or the columns or policies of what
 * they read; an error if one can be maintained no longer.
 */
void
tview_alter_object(Oid class, Oid object)
{
	List	   *users;
	List	   *tviews = NIL;
	ListCell   *lc;

	users = tview_plan_strings(psprintf("WITH RECURSIVE users(classid, objid) AS ("
										" SELECT %u::pg_catalog.oid, %u::pg_catalog.oid"
										" UNION"
										" SELECT d.classid, d.objid"
										" FROM users u JOIN pg_catalog.pg_depend d"
										" ON d.refclassid OPERATOR(pg_catalog.=) u.classid"
										" AND d.refobjid OPERATOR(pg_catalog.=) u.objid)"
										" SELECT classid || ' ' || objid FROM users"
										" WHERE classid IN (%u, %u)"
										" UNION SELECT %u || ' ' || p.polrelid"
										" FROM users u JOIN pg_catalog.pg_policy p"
										" ON u.classid OPERATOR(pg_catalog.=) %u"
										" AND u.objid OPERATOR(pg_catalog.=) p.oid",
										class, object, RewriteRelationId,
										RelationRelationId, RelationRelationId,
										PolicyRelationId));
	foreach(lc, users)
	{
		Oid			relid;

		if (sscanf(lfirst(lc), "%u %u", &class, &relid) != 2)
			tview_internal_error("unexpected object \"%s\"", (char *) lfirst(lc));
		if (class == RewriteRelationId)
			relid = tview_catalog_rule_view(relid);
		if (OidIsValid(tview_catalog_of_view(relid)))
			tviews = list_append_unique_oid(tviews,
											tview_catalog_of_view(relid));
		tviews = list_concat_unique_oid(tviews,
										tview_catalog_dependents(relid));
	}
	foreach(lc, tviews)
	{
		/* a plan may hold what was computed when it was made */
		tview_definition_forget(lfirst_oid(lc));
		tview_alter_check(lfirst_oid(lc));
		refresh(lfirst_oid(lc));
	}
}

/*
 * Builds the definition of a TVIEW; an error, which names it, if what it reads
 * has changed so that this cannot be done.
 */
static TviewDef *
build_anew(TviewMeta *meta)
{
	ErrorContextCallback callback;
	TviewDef   *def;

	callback.callback = name_tview;
	callback.arg = get_rel_name(meta->tview);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	def = tview_definition_build(meta, true);
	error_context_stack = callback.previous;
	return def;
}

/*
 * Adds to the context of an error which TVIEW it is about.
 */
static void
name_tview(void *arg)
{
	errcontext("query of TVIEW \"%s\"", (char *) arg);
}

/*
 * An error if the TVIEW can be reached from the sources of another, which path
 * leads to.  Definitions notice circles too, but only those of TVIEWs that are
 * built anew, and those further up need not be.
 */
static void
reject_circle(Oid tview, Oid from, const char *path)
{
	TviewMeta  *meta = tview_catalog_read(from);
	ListCell   *lc;

	check_stack_depth();
	if (meta == NULL)
		return;
	foreach(lc, tview_analyze_relations(tview_create_view_query(meta->view)))
	{
		Oid			relid = lfirst_oid(lc);
		char	   *longer = psprintf("%s -> %s", path, get_rel_name(relid));

		if (relid == tview)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("TVIEWs cannot be built on each other in a circle"),
					 errdetail("The circular dependency is %s.", longer),
					 errhint("Let one of them read base tables instead.")));
		reject_circle(tview, relid, longer);
	}
}

/*
 * Adds to the table the columns that only its view has.
 */
static void
add_columns(const TviewMeta *meta)
{
	Relation	view = table_open(meta->view, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(view);
	StringInfoData sql;

	/* by one command, for our event trigger checks the result */
	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (get_attnum(meta->tview, NameStr(column->attname)) <= 0)
			appendStringInfo(&sql, "%s ADD COLUMN %s", sql.len > 0 ? "," : "",
							 tview_alter_column_sql(column));
	}
	table_close(view, NoLock);
	if (sql.len > 0)
		tview_plan_command(psprintf("ALTER TABLE %s%s",
									tview_names_qualified(meta->tview),
									sql.data));
}

/*
 * Gives the table's columns the lengths and precisions of the view's, so that
 * its rows, which the view's are by now, fit into the table that a dump makes.
 * Where they cannot have them, for a view of the user's for example, this is
 * said and no more: until a restore nothing is wrong.
 */
void
tview_alter_typmods(const TviewMeta *meta)
{
	TviewMeta	of = *meta;
	ErrorData  *failure = tview_attempt(change_typmods, &of);

	if (failure)
		ereport(WARNING,
				(errmsg("columns of TVIEW \"%s\" could not get the types that view \"%s\" has: %s",
						get_rel_name(meta->tview), get_rel_name(meta->view),
						failure->message),
				 errdetail("Rows may not fit into the table when a dump is restored.")));
}

/*
 * Work of an attempt: changes columns, as the table's owner, for whose
 * constraints functions may be called.
 */
static void
change_typmods(void *arg)
{
	const TviewMeta *meta = arg;
	char	   *sql = typmods_sql(meta);

	if (sql)
		tview_alter_as_owner(meta->tview, sql);
}

/*
 * Runs a command on a TVIEW's table as its owner.
 */
void
tview_alter_as_owner(Oid tview, const char *sql)
{
	TviewIdentity saved;

	tview_plan_become_owner(&saved, relation_owner(tview),
							SECURITY_LOCAL_USERID_CHANGE, NIL);
	tview_plan_command(sql);
	tview_plan_leave_owner(&saved);
}

/*
 * The ALTER TABLE for columns that have the view's types, but of another
 * length or precision; NULL if there are none.
 */
static char *
typmods_sql(const TviewMeta *meta)
{
	Relation	view = table_open(meta->view, AccessShareLock);
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < RelationGetDescr(view)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(view), i);
		const char *name = NameStr(column->attname);
		AttrNumber	attnum = get_attnum(meta->tview, name);
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (attnum <= 0)
			continue;
		get_atttypetypmodcoll(meta->tview, attnum, &type, &typmod,
							  &collation);
		if (type == column->atttypid && typmod != column->atttypmod)
			appendStringInfo(&sql, "%s ALTER COLUMN %s TYPE %s",
							 sql.len > 0 ? "," : "", quote_identifier(name),
							 tview_alter_type_sql(column));
	}
	table_close(view, NoLock);
	if (sql.len == 0)
		return NULL;
	return psprintf("ALTER TABLE %s%s", tview_names_qualified(meta->tview),
					sql.data);
}

/*
 * A column's name, type and collation, in SQL.
 */
char *
tview_alter_column_sql(Form_pg_attribute column)
{
	return psprintf("%s %s", quote_identifier(NameStr(column->attname)),
					tview_alter_type_sql(column));
}

/*
 * A column's type and collation, in SQL.
 */
char *
tview_alter_type_sql(Form_pg_attribute column)
{
	Oid			collation = column->attcollation;
	char	   *type = format_type_extended(column->atttypid,
											column->atttypmod,
											FORMAT_TYPE_TYPEMOD_GIVEN |
												FORMAT_TYPE_FORCE_QUALIFY);

	if (OidIsValid(collation) &&
		collation != get_typcollation(column->atttypid))
		type = psprintf("%s COLLATE %s", type,
						generate_collation_name(collation));
	return type;
}

/*
 * The owner of a relation.
 */
static Oid
relation_owner(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;

	table_close(rel, NoLock);
	return owner;
}

/*
 * An error if the owner of a TVIEW may not read its view.
 */
static void
check_access(TviewMeta *meta)
{
	ErrorData  *failure = tview_attempt(read_nothing, meta);

	if (failure)
		ereport(ERROR,
				(errcode(failure->sqlerrcode),
				 errmsg("role \"%s\" cannot own TVIEW \"%s\": %s",
						GetUserNameFromId(relation_owner(meta->tview), false),
						get_rel_name(meta->tview), failure->message),
				 errhint("Grant the role SELECT on what the view reads.")));
}

/*
 * Work of an attempt: reads a TVIEW's view as its owner.
 */
static void
read_nothing(void *arg)
{
	TviewMeta  *meta = arg;
	TviewIdentity saved;

	tview_plan_become_owner(&saved, relation_owner(meta->tview),
							SECURITY_RESTRICTED_OPERATION, NIL);
	(void) tview_plan_strings(psprintf("SELECT NULL::pg_catalog.text FROM %s LIMIT 0",
									   tview_names_qualified(meta->view)));
	tview_plan_leave_owner(&saved);
}

/*
 * Whether the TVIEW's query uses whole rows of a source, so that it sees
 * columns that it does not name.
 */
static bool
uses_whole_rows(const TviewDef *def)
{
	for (int i = 0; i < def->nsources; i++)
	{
		if (def->sources[i].uses_all)
			return true;
	}
	return false;
}

/*
 * Whether a source of the TVIEW has, or has had, partitions or children.
 */
static bool
reads_children(const TviewDef *def)
{
	for (int i = 0; i < def->nsources; i++)
	{
		if (has_subclass(def->sources[i].relid))
			return true;
	}
	return false;
}

/*
 * Whether a TVIEW reads tables with row-level security.
 */
static bool
reads_policies(const TviewDef *def)
{
	bool		result = false;

	for (int i = 0; i < def->nsources && !result; i++)
	{
		Relation	rel = table_open(def->sources[i].relid, AccessShareLock);

		result = rel->rd_rel->relrowsecurity;
		table_close(rel, NoLock);
	}
	return result;
}

/*
 * Recomputes all rows of a TVIEW.
 */
static void
refresh(Oid tview)
{
	TviewDef   *def = tview_definition_get(tview);

	if (def != NULL)
		(void) tview_flush_refresh(def, NULL, false);
}
