/*
 * health.c
 *		Is all well?  One row for each thing that can be otherwise.
 *
 * The rows come in a fixed order and say nothing that varies from call to call
 * without anything being wrong, so that two reports can be compared.  None
 * looks at rows of tables; that is what pg_tviews_validate() is for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

/* What the TVIEWs of the database have to tell, as lists of sentences. */
typedef struct Findings
{
	int			ntviews;
	List	   *broken;
	List	   *triggers;
	List	   *stale;
	List	   *full;
	List	   *indexes;
} Findings;

static void collect(Findings *findings);
static void collect_one(Findings *findings, Oid tview);
static void add_once(List **sentences, char *sentence);
static void check_version(ReturnSetInfo *result);
static void check_event_triggers(ReturnSetInfo *result);
static void check_statistics(ReturnSetInfo *result);
static void check_failures(ReturnSetInfo *result);
static void check_prepared(ReturnSetInfo *result);
static void put_list(ReturnSetInfo *result, const char *name,
					 const char *status, List *sentences, const char *well);
static void put_check(ReturnSetInfo *result, const char *name,
					  const char *status, const char *details);

PG_FUNCTION_INFO_V1(pg_tviews_health_check);

/*
 * SQL: returns a row for each check.
 */
Datum
pg_tviews_health_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Findings	findings = {0};

	tview_catalog_begin_rows(fcinfo, 0, 3);
	collect(&findings);
	check_version(result);
	check_event_triggers(result);
	put_list(result, "tviews", "ERROR", findings.broken,
			 psprintf("%d TVIEWs", findings.ntviews));
	put_list(result, "triggers", "ERROR", findings.triggers,
			 "all there and enabled");
	put_list(result, "stale", "ERROR", findings.stale, "none");
	check_failures(result);
	check_prepared(result);
	put_list(result, "full_refreshes", "WARNING", findings.full,
			 "no source needs them");
	put_list(result, "indexes", "WARNING", findings.indexes,
			 "all routes have theirs");
	check_statistics(result);
	return (Datum) 0;
}

/*
 * Asks each TVIEW.
 */
static void
collect(Findings *findings)
{
	ListCell   *lc;

	foreach(lc, tview_catalog_list())
		collect_one(findings, lfirst_oid(lc));
}

/*
 * Asks one TVIEW, unless it has been dropped meanwhile.
 */
static void
collect_one(Findings *findings, Oid tview)
{
	TviewMeta  *meta = tview_catalog_read(tview);
	const char *name;
	char	   *reason;
	TviewDef   *def;
	ListCell   *lc;

	if (meta == NULL)
		return;
	findings->ntviews++;
	name = get_rel_name(tview) ? tview_names_shown(tview) : meta->entity;
	if (get_rel_name(tview) == NULL || get_rel_name(meta->view) == NULL)
	{
		findings->broken = lappend(findings->broken,
								   psprintf("%s lacks its table or view.", name));
		return;
	}
	if (tview_catalog_is_stale(tview))
		findings->stale = lappend(findings->stale, psprintf("%s.", name));
	def = tview_validate_definition(tview, &reason);
	if (def == NULL)
	{
		if (reason)
			findings->broken = lappend(findings->broken,
									   psprintf("%s: %s.", name, reason));
		return;
	}
	for (int i = 0; i < def->nsources; i++)
	{
		TviewSource *source = &def->sources[i];

		foreach(lc, tview_triggers_problems(source->relid))
			add_once(&findings->triggers, lfirst(lc));
		if (source->strategy == TVIEW_FULL)
			findings->full =
				lappend(findings->full,
						psprintf("%s for %s.", name,
								 tview_names_shown(source->relid)));
	}
	foreach(lc, tview_advice_indexes(def))
		add_once(&findings->indexes, lfirst(lc));
}

/*
 * Adds a sentence that is not there yet.
 */
static void
add_once(List **sentences, char *sentence)
{
	ListCell   *lc;

	foreach(lc, *sentences)
	{
		if (strcmp(lfirst(lc), sentence) == 0)
			return;
	}
	*sentences = lappend(*sentences, sentence);
}

/*
 * Whether the installed version is the one that the library is of.
 */
static void
check_version(ReturnSetInfo *result)
{
	List	   *versions;
	char	   *installed;
	char	   *available;

	versions = tview_plan_strings("SELECT extversion FROM pg_catalog.pg_extension"
								  " WHERE extname OPERATOR(pg_catalog.=) 'pg_tviews'"
								  " UNION ALL SELECT default_version"
								  " FROM pg_catalog.pg_available_extensions"
								  " WHERE name OPERATOR(pg_catalog.=) 'pg_tviews'");
	installed = linitial(versions);
	available = list_length(versions) > 1 ? lsecond(versions) : installed;
	if (strcmp(installed, available) == 0)
		put_check(result, "version", "OK", installed);
	else
		put_check(result, "version", "WARNING",
				  psprintf("%s is installed, %s available: ALTER EXTENSION pg_tviews UPDATE;",
						   installed, available));
}

/*
 * Whether DDL is followed.
 */
static void
check_event_triggers(ReturnSetInfo *result)
{
	List	   *missing;

	missing = tview_plan_strings("SELECT pg_catalog.format('%I is missing or disabled.', n)"
								 " FROM pg_catalog.unnest('{pg_tviews_ddl_end,pg_tviews_ddl_start,pg_tviews_sql_drop}'::pg_catalog.text[]) AS n"
								 " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger e"
								 " WHERE e.evtname OPERATOR(pg_catalog.=) n::pg_catalog.name"
								 " AND e.evtenabled IN ('O', 'A'))"
								 " UNION ALL SELECT 'The setting event_triggers is off.'"
								 " WHERE pg_catalog.current_setting('event_triggers', true) OPERATOR(pg_catalog.=) 'off'");
	put_list(result, "event_triggers", "ERROR", missing, "enabled");
}

/*
 * Whether statistics are collected.
 */
static void
check_statistics(ReturnSetInfo *result)
{
	if (!tview_stats_is_available())
		put_check(result, "statistics", "WARNING",
				  "off: add pg_tviews to shared_preload_libraries");
	else if (!tview_enable_stats)
		put_check(result, "statistics", "WARNING",
				  "off: pg_tviews.enable_stats");
	else
		put_check(result, "statistics", "OK", "on");
}

/*
 * TVIEWs whose last refresh has failed, and kept its transaction from
 * committing.
 */
static void
check_failures(ReturnSetInfo *result)
{
	List	   *failures;
	char	   *schema = get_namespace_name(tview_catalog_schema());

	failures = tview_plan_strings(psprintf("SELECT pg_catalog.concat(entity_name, '.')"
										   " FROM %s.pg_tviews_metadata"
										   " WHERE last_error IS NOT NULL AND stale_since IS NULL"
										   " ORDER BY entity_name COLLATE \"C\"",
										   quote_identifier(schema)));
	put_list(result, "last_refreshes", "WARNING", failures, "none failed");
}

/*
 * Prepared transactions, which keep locks and stand in the way of an upgrade.
 */
static void
check_prepared(ReturnSetInfo *result)
{
	List	   *count;

	count = tview_plan_strings("SELECT pg_catalog.count(*)::pg_catalog.text"
							   " FROM pg_catalog.pg_prepared_xacts"
							   " WHERE database OPERATOR(pg_catalog.=) pg_catalog.current_database()");
	if (strcmp(linitial(count), "0") == 0)
		put_check(result, "prepared_transactions", "OK", "none");
	else
		put_check(result, "prepared_transactions", "WARNING",
				  psprintf("%s wait for COMMIT PREPARED or ROLLBACK PREPARED",
						   (char *) linitial(count)));
}

/*
 * Puts a check of which a list has the findings; without any it is OK.
 */
static void
put_list(ReturnSetInfo *result, const char *name, const char *status,
		 List *sentences, const char *well)
{
	StringInfoData details;
	ListCell   *lc;

	if (sentences == NIL)
	{
		put_check(result, name, "OK", well);
		return;
	}
	initStringInfo(&details);
	foreach(lc, sentences)
		appendStringInfo(&details, "%s%s", details.len > 0 ? " " : "",
						 (char *) lfirst(lc));
	put_check(result, name, status, details.data);
}

/*
 * Puts a row.
 */
static void
put_check(ReturnSetInfo *result, const char *name, const char *status,
		  const char *details)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(status);
	values[2] = CStringGetTextDatum(details);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
