/*
 * validate.c
 *		What is wrong with TVIEWs.
 *
 * Looks at one TVIEW at a time: is all there that it consists of, can its
 * query still be maintained, do its triggers fire, and has it the rows of its
 * view.  What fails while looking is itself a finding.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"
#include "pg_tviews.h"

/* How many keys a finding names. */
#define SHOWN_KEYS "5"

/* A definition that is being looked for. */
typedef struct Search
{
	Oid			tview;
	TviewDef   *def;
} Search;

/* One TVIEW that is looked at. */
typedef struct Validation
{
	ReturnSetInfo *result;
	TviewMeta  *meta;
	TviewDef   *def;
	List	   *differences;	/* of C strings: kind, count, keys */
} Validation;

static void validate(ReturnSetInfo *result, Oid tview);
static bool has_parts(Validation *validation);
static void find_definition(void *arg);
static void check_triggers(Validation *validation);
static void check_rows(Validation *validation);
static void compare_rows(void *arg);
static char *comparison(const TviewDef *def);
static char *key_text(const TviewDef *def, const char *alias);
static char *key_condition(const TviewDef *def);
static char *column_list(const TviewDef *def, const char *alias);
static void report_difference(Validation *validation, const char *difference);
static void put_issue(Validation *validation, const char *issue, char *detail,
					  const char *hint);

PG_FUNCTION_INFO_V1(pg_tviews_validate);

/*
 * SQL: returns a row for each thing that is wrong with a TVIEW, or all.
 */
Datum
pg_tviews_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name;
	ListCell   *lc;

	tview_catalog_begin_rows(fcinfo, 0, 4);
	if (!PG_ARGISNULL(0))
	{
		name = text_to_cstring(PG_GETARG_TEXT_PP(0));
		validate(result, tview_names_resolve(name, false));
		return (Datum) 0;
	}
	foreach(lc, tview_catalog_list())
		validate(result, lfirst_oid(lc));
	return (Datum) 0;
}

/*
 * The definition of a TVIEW, which will not be dropped before the transaction
 * ends; or NULL and why there is none.  Without a reason, it has been dropped
 * by now.
 */
TviewDef *
tview_validate_definition(Oid tview, char **reason)
{
	Search		search = {tview, NULL};
	ErrorData  *failure = tview_attempt(find_definition, &search);

	*reason = failure ? failure->message : NULL;
	return failure ? NULL : search.def;
}

/*
 * Puts rows for what is wrong with one TVIEW.
 */
static void
validate(ReturnSetInfo *result, Oid tview)
{
	Validation	validation = {0};
	char	   *reason;

	validation.result = result;
	validation.meta = tview_catalog_read(tview);
	if (validation.meta == NULL || !has_parts(&validation))
		return;
	if (tview_catalog_is_stale(tview))
		put_issue(&validation, "stale",
				  "It was left behind its view, by an error or a restore.",
				  "Remove the cause, then call pg_tviews_refresh().");
	validation.def = tview_validate_definition(tview, &reason);
	if (validation.def == NULL)
	{
		if (reason)
			put_issue(&validation, "cannot be maintained", reason, NULL);
		return;
	}
	check_triggers(&validation);
	check_rows(&validation);
}

/*
 * Whether table and view are there.
 */
static bool
has_parts(Validation *validation)
{
	TviewMeta  *meta = validation->meta;
	bool		has_table = get_rel_name(meta->tview) != NULL;
	bool		has_view = get_rel_name(meta->view) != NULL;

	if (!has_table)
		put_issue(validation, "table missing",
				  psprintf("There is no table with OID %u.", meta->tview),
				  "Delete the row from pg_tview_meta.");
	if (!has_view)
		put_issue(validation, "view missing",
				  psprintf("There is no view with OID %u.", meta->view),
				  "Create the view again and call pg_tviews_convert_existing_table().");
	return has_table && has_view;
}

/*
 * Work of an attempt: finds the definition.
 */
static void
find_definition(void *arg)
{
	Search	   *search = arg;

	LockRelationOid(search->tview, AccessShareLock);
	search->def = tview_definition_get(search->tview);
}

/*
 * Looks at the triggers on the sources, and at the one on the table.
 */
static void
check_triggers(Validation *validation)
{
	TviewDef   *def = validation->def;
	List	   *seen = NIL;
	ListCell   *lc;

	for (int i = 0; i < def->nsources; i++)
	{
		Oid			relid = def->sources[i].relid;

		if (list_member_oid(seen, relid))
			continue;
		seen = lappend_oid(seen, relid);
		foreach(lc, tview_triggers_problems(relid))
			put_issue(validation, "trigger", lfirst(lc),
					  "Enable it with ALTER TABLE ... ENABLE ALWAYS TRIGGER, or have it made by pg_tviews_convert_existing_table(); then call pg_tviews_refresh().");
	}
	if (!tview_triggers_has_guard(def->tview, true))
		put_issue(validation, "trigger",
				  psprintf("%s has no enabled trigger that refuses direct changes.",
						   def->name),
				  "Call pg_tviews_convert_existing_table().");
}

/*
 * Looks at the rows, unless the owner, as whom they would be read, is not
 * shown all that are stored.
 */
static void
check_rows(Validation *validation)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *failure;
	ListCell   *lc;

	if (check_enable_rls(validation->def->tview, validation->def->owner,
						 true) == RLS_ENABLED)
	{
		put_issue(validation, "rows hidden",
				  "Policies of the TVIEW apply to its owner, so its rows cannot be compared.",
				  "Use ALTER TABLE ... NO FORCE ROW LEVEL SECURITY for a while, and validate again.");
		return;
	}
	failure = tview_attempt(compare_rows, validation);
	MemoryContextSwitchTo(caller);
	if (failure)
	{
		put_issue(validation, "view fails", failure->message,
				  "The rows cannot be compared before the view can be read.");
		return;
	}
	foreach(lc, validation->differences)
		report_difference(validation, lfirst(lc));
}

/*
 * Work of an attempt: compares table and view, as the owner would.
 */
static void
compare_rows(void *arg)
{
	Validation *validation = arg;
	TviewDef   *def = validation->def;
	TviewIdentity identity;

	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION, def->settings);
	validation->differences = tview_plan_strings(comparison(def));
	tview_plan_leave_owner(&identity);
}

/*
 * The query that compares: kind, count and some keys of what differs.  It is
 * one query, and so one snapshot.
 */
static char *
comparison(const TviewDef *def)
{
	const char *on = key_condition(def);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "WITH v AS MATERIALIZED (SELECT %s, ROW(%s) AS \"the row\" FROM %s v),"
						   " t AS MATERIALIZED (SELECT %s, ROW(%s) AS \"the row\" FROM %s t)"
						   " SELECT pg_catalog.concat(kind, '|', pg_catalog.count(*), '|',"
						   " pg_catalog.array_to_string((pg_catalog.array_agg(key ORDER BY key COLLATE \"C\"))[1:" SHOWN_KEYS "], '; '))"
						   " FROM (",
					 tview_read_key_list(def, "v."), column_list(def, "v."),
					 def->view_name,
					 tview_read_key_list(def, "t."), column_list(def, "t."),
					 def->name);
	appendStringInfo(&sql, "SELECT 'missing' AS kind, %s AS key FROM v"
						   " WHERE NOT EXISTS (SELECT FROM t WHERE %s)",
					 key_text(def, "v"), on);
	appendStringInfo(&sql, " UNION ALL SELECT 'surplus', %s FROM t"
						   " WHERE NOT EXISTS (SELECT FROM v WHERE %s)",
					 key_text(def, "t"), on);
	appendStringInfo(&sql, " UNION ALL SELECT 'different', %s FROM v JOIN t ON %s"
						   " WHERE NOT v.\"the row\" OPERATOR(pg_catalog.*=) t.\"the row\"",
					 key_text(def, "v"), on);
	appendStringInfo(&sql, " UNION ALL SELECT 'ambiguous', %s FROM v GROUP BY %s"
						   " HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1",
					 key_text(def, "v"), tview_read_key_list(def, "v."));
	appendStringInfoString(&sql, ") AS d GROUP BY kind ORDER BY kind");
	return sql.data;
}

/*
 * SQL that shows the key of a row.
 */
static char *
key_text(const TviewDef *def, const char *alias)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "pg_catalog.concat_ws(', '");
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute column = TupleDescAttr(def->view_desc,
												 def->key_attnums[i] - 1);

		appendStringInfo(&sql, ", %s.%s::pg_catalog.text", alias,
						 quote_identifier(NameStr(column->attname)));
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * SQL that is true for rows of view and table with the same key.
 */
static char *
key_condition(const TviewDef *def)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute column = TupleDescAttr(def->view_desc,
												 def->key_attnums[i] - 1);
		const char *name = quote_identifier(NameStr(column->attname));

		appendStringInfo(&sql, "%sv.%s ", i == 0 ? "" : " AND ", name);
		tview_read_equal(&sql, column->atttypid);
		appendStringInfo(&sql, " t.%s", name);
	}
	return sql.data;
}

/*
 * The view's columns as a list.
 */
static char *
column_list(const TviewDef *def, const char *alias)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < def->view_desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(def->view_desc, i);

		if (column->attisdropped)
			continue;
		appendStringInfo(&sql, "%s%s%s", sql.len > 0 ? ", " : "", alias,
						 quote_identifier(NameStr(column->attname)));
	}
	return sql.data;
}

/*
 * Puts a row for one kind of difference.  Keys are for those who may read the
 * table.
 */
static void
report_difference(Validation *validation, const char *difference)
{
	char		kind[16];
	long		count;
	int			keys = 0;
	Oid			tview = validation->def->tview;
	bool		may_read = pg_class_aclcheck(tview, GetUserId(),
											 ACL_SELECT) == ACLCHECK_OK;

	if (sscanf(difference, "%15[^|]|%ld|%n", kind, &count, &keys) != 2)
		tview_internal_error("unexpected difference \"%s\"", difference);
	put_issue(validation, psprintf("rows %s", kind),
			  may_read ? psprintf("%ld, with key %s%s", count,
								  difference + keys,
								  count > atoi(SHOWN_KEYS) ? "; ..." : "") :
						 psprintf("%ld", count),
			  strcmp(kind, "ambiguous") == 0 ?
				  "Make the query return one row for each key." :
				  "Call pg_tviews_refresh().");
}

/*
 * Puts a row.
 */
static void
put_issue(Validation *validation, const char *issue, char *detail,
		  const char *hint)
{
	Oid			tview = validation->meta->tview;
	Datum		values[4] = {0};
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(get_rel_name(tview) ?
										tview_names_shown(tview) :
										validation->meta->entity);
	values[1] = CStringGetTextDatum(issue);
	values[2] = CStringGetTextDatum(detail);
	if (hint)
		values[3] = CStringGetTextDatum(hint);
	else
		nulls[3] = true;
	tuplestore_putvalues(validation->result->setResult,
						 validation->result->setDesc, values, nulls);
}
