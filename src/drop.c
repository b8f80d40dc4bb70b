/*
 * drop.c
 *		Unmaking TVIEWs.
 *
 * A TVIEW goes with DROP TABLE, in whatever form and for whatever reason, and
 * PostgreSQL decides whether it may.  To help it, the view depends on its
 * table, so that both go together, and the table on the extension; dumps do
 * not keep that, so it is made good before drops.  What PostgreSQL does not
 * know of goes afterwards: the catalog row, triggers on the base tables, and
 * the table when it was the view that was dropped.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "pg_tviews.h"

static void drop_with_dependents(Oid tview);
static void drop_tview(Oid tview);
static List *broken_before(List *dropped);
static bool clean_one(Oid tview, List *dropped, DropBehavior behavior,
					  bool keep_tables);
static bool relation_exists(Oid relid);
static void drop_relation(Oid relid, DropBehavior behavior);
static void record_dependency(Oid relid, Oid class, Oid object,
							  DependencyType type);

PG_FUNCTION_INFO_V1(pg_tviews_drop);

/*
 * SQL: drops a TVIEW.
 *
 * With if_exists also the TVIEWs that are built on it, so that all can be
 * dropped by one query over the catalog, in whatever order it finds them.
 */
Datum
pg_tviews_drop(PG_FUNCTION_ARGS)
{
	char	   *name = tview_names_argument(fcinfo);
	bool		if_exists = PG_ARGISNULL(1) ? false : PG_GETARG_BOOL(1);
	Oid			tview;

	PreventCommandIfReadOnly("pg_tviews_drop()");
	tview = tview_names_resolve(name, if_exists);
	if (!OidIsValid(tview))
		ereport(NOTICE,
				(errmsg("TVIEW \"%s\" does not exist, skipping", name)));
	else if (if_exists)
		drop_with_dependents(tview);
	else
		drop_tview(tview);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("TVIEW '%s' dropped successfully",
											  name)));
}

/*
 * Records that the view goes with the table, and the table with the
 * extension.  Dumps do not keep this, so it is made good before drops.
 */
void
tview_drop_link(Oid tview, Oid view)
{
	record_dependency(view, RelationRelationId, tview, DEPENDENCY_AUTO);
	record_dependency(tview, ExtensionRelationId,
					  get_extension_oid("pg_tviews", false),
					  DEPENDENCY_NORMAL);
	CommandCounterIncrement();
}

/*
 * Sees to it that the parts of each TVIEW are dropped together, and with the
 * extension.
 */
void
tview_drop_link_all(void)
{
	StringInfoData sql;
	List	   *tviews = tview_catalog_list();
	ListCell   *lc;

	if (tviews == NIL)
		return;
	initStringInfo(&sql);
	foreach(lc, tviews)
	{
		TviewMeta  *meta = tview_catalog_read(lfirst_oid(lc));

		if (meta != NULL)
			appendStringInfo(&sql, "%s(%u, %u)", sql.len > 0 ? ", " : "",
							 meta->tview, meta->view);
	}
	if (sql.len == 0)
		return;					/* all dropped meanwhile */
	tviews = tview_plan_strings(psprintf("SELECT t.tview FROM (VALUES %s) AS t(tview, view)"
										 " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
										 " WHERE d.classid OPERATOR(pg_catalog.=) %u"
										 " AND d.objid OPERATOR(pg_catalog.=) t.view::pg_catalog.oid"
										 " AND d.refclassid OPERATOR(pg_catalog.=) %u"
										 " AND d.refobjid OPERATOR(pg_catalog.=) t.tview::pg_catalog.oid"
										 " AND d.deptype OPERATOR(pg_catalog.=) 'a')",
										 sql.data, RelationRelationId,
										 RelationRelationId));
	foreach(lc, tviews)
	{
		TviewMeta  *meta = tview_catalog_read(atooid(lfirst(lc)));

		if (meta != NULL && relation_exists(meta->tview) &&
			relation_exists(meta->view))
			tview_drop_link(meta->tview, meta->view);
	}
}

/*
 * Takes away what is left of TVIEWs whose table or view is among the dropped
 * relations: the other of them, the catalog row, triggers that nothing needs
 * any more.  If behavior is DROP_RESTRICT, a view cannot take its TVIEW along.
 * With keep_tables only the row goes.
 */
void
tview_drop_clean(List *dropped, DropBehavior behavior, bool keep_tables)
{
	List	   *others = broken_before(dropped);
	bool		found_any = false;
	bool		found;

	do
	{
		ListCell   *lc;

		/* what goes may have been what another TVIEW is built on */
		found = false;
		foreach(lc, list_difference_oid(tview_catalog_list(), others))
			found |= clean_one(lfirst_oid(lc), dropped, behavior, keep_tables);
		found_any |= found;
	} while (found);

	if (found_any && !keep_tables)
		tview_triggers_remove_unneeded();
}

/*
 * The TVIEWs that have lost their view, but not among these dropped relations:
 * while event triggers were disabled.  Their tables are none of the business
 * of who drops something else.
 */
static List *
broken_before(List *dropped)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tview_catalog_list())
	{
		TviewMeta  *meta = tview_catalog_read(lfirst_oid(lc));

		if (meta != NULL && !list_member_oid(dropped, meta->tview) &&
			!list_member_oid(dropped, meta->view) &&
			relation_exists(meta->tview) && !relation_exists(meta->view))
			result = lappend_oid(result, meta->tview);
	}
	return result;
}

/*
 * Drops a TVIEW after those that are built on it.
 */
static void
drop_with_dependents(Oid tview)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_dependents(tview))
	{
		if (tview_catalog_read(lfirst_oid(lc)) == NULL)
			continue;
		ereport(NOTICE,
				(errmsg("drop cascades to TVIEW %s",
						tview_names_shown(lfirst_oid(lc)))));
		drop_with_dependents(lfirst_oid(lc));
	}
	drop_tview(tview);
}

/*
 * Drops a TVIEW, as DROP TABLE does it.
 */
static void
drop_tview(Oid tview)
{
	tview_plan_command(psprintf("DROP TABLE %s",
								tview_names_qualified(tview)));
	/* where event triggers are disabled */
	tview_drop_clean(list_make1_oid(tview), DROP_RESTRICT, false);
}

/*
 * Takes away what is left of one TVIEW; false if it is whole.
 */
static bool
clean_one(Oid tview, List *dropped, DropBehavior behavior, bool keep_tables)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	bool		has_table = relation_exists(tview);
	bool		has_view = meta != NULL && relation_exists(meta->view);

	if (meta == NULL || (has_table && has_view))
		return false;
	if (has_table && behavior == DROP_RESTRICT && !keep_tables)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop the view of TVIEW \"%s\" because the TVIEW follows it",
						get_rel_name(tview)),
				 errhint("Drop the TVIEW instead, with DROP TABLE %s, or use DROP VIEW ... CASCADE.",
						 tview_names_shown(tview))));
	tview_catalog_delete(tview);
	if (keep_tables)
		return true;
	if (has_view && list_member_oid(dropped, tview))
		drop_relation(meta->view, behavior);
	if (has_table)
	{
		ereport(NOTICE,
				(errmsg("drop cascades to TVIEW %s",
						tview_names_shown(tview))));
		drop_relation(tview, DROP_CASCADE);
	}
	return true;
}

/*
 * Whether the relation is there, as far as this transaction is concerned.
 */
static bool
relation_exists(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/*
 * Drops a relation, whosever it is: the user could drop what it follows from.
 */
static void
drop_relation(Oid relid, DropBehavior behavior)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, relid);
	performDeletion(&address, behavior, 0);
	CommandCounterIncrement();
}

/*
 * Records one dependency of a relation, unless it is there.
 */
static void
record_dependency(Oid relid, Oid class, Oid object, DependencyType type)
{
	ObjectAddress depender;
	ObjectAddress referenced;

	deleteDependencyRecordsForSpecific(RelationRelationId, relid, type,
									   class, object);
	ObjectAddressSet(depender, RelationRelationId, relid);
	ObjectAddressSet(referenced, class, object);
	recordDependencyOn(&depender, &referenced, type);
}
