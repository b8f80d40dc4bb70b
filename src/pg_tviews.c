/*
 * pg_tviews.c
 *		Set-up: module magic, settings, hooks.
 *
 * Runs when a backend first loads the library: with the first call of one of
 * our functions (a trigger on a base table, say), or earlier when it is
 * preloaded.  Nothing needs preloading to be right: there is nothing to flush
 * before the first of our triggers has fired.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "compat.h"
#include "pg_tviews.h"

PG_MODULE_MAGIC;

/* GUC: pg_tviews.enable_stats */
bool		tview_enable_stats = true;
/* GUC: pg_tviews.lock_escalation */
int			tview_lock_escalation = 250;
/* GUC: pg_tviews.log_min_duration */
int			tview_log_min_duration = -1;
/* GUC: pg_tviews.on_error */
int			tview_on_error = TVIEW_ERROR_ABORT;
/* GUC: pg_tviews.on_full_refresh */
int			tview_on_full_refresh = TVIEW_FULL_WARN;
/* GUC: pg_tviews.pending_mem */
int			tview_pending_mem_kb = 65536;
/* GUC: pg_tviews.refresh_at */
int			tview_refresh_at = TVIEW_AT_COMMIT;
/* GUC: pg_tviews.stats_sample_size */
int			tview_stats_sample_size = 10000;
/* GUC: pg_tviews.test_fault */
char	   *tview_test_fault = "";

static const struct config_enum_entry on_error_options[] = {
	{"abort", TVIEW_ERROR_ABORT, false},
	{"stale", TVIEW_ERROR_STALE, false},
	{NULL, 0, false},
};

static const struct config_enum_entry on_full_refresh_options[] = {
	{"allow", TVIEW_FULL_ALLOW, false},
	{"warn", TVIEW_FULL_WARN, false},
	{"error", TVIEW_FULL_ERROR, false},
	{NULL, 0, false},
};

static const struct config_enum_entry refresh_at_options[] = {
	{"commit", TVIEW_AT_COMMIT, false},
	{"statement", TVIEW_AT_STATEMENT, false},
	{NULL, 0, false},
};

void		_PG_init(void);
static void define_settings(void);

/*
 * Called by PostgreSQL when the library is loaded.
 */
void
_PG_init(void)
{
	define_settings();
	tview_flush_install_hooks();
	tview_foreign_install_hooks();
	tview_locks_install_callback();
	tview_stats_install();
}

/*
 * Defines our settings, in alphabetical order, and reserves their prefix.
 */
static void
define_settings(void)
{
	DefineCustomBoolVariable("pg_tviews.enable_stats",
							 "Counts what maintenance does, for pg_tviews_stats().",
							 NULL,
							 &tview_enable_stats,
							 true,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("pg_tviews.lock_escalation",
							"How many locks on keys and links a transaction takes before it locks TVIEWs as a whole.",
							NULL,
							&tview_lock_escalation,
							250,
							0,
							INT_MAX,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("pg_tviews.log_min_duration",
							"Logs refreshes of a TVIEW that take at least this long.",
							"-1 logs none, 0 all.",
							&tview_log_min_duration,
							-1,
							-1,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("pg_tviews.on_error",
							 "What happens to a transaction whose changes make the query of a TVIEW fail.",
							 "It is aborted, or the TVIEW is marked as stale.",
							 &tview_on_error,
							 TVIEW_ERROR_ABORT,
							 on_error_options,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomEnumVariable("pg_tviews.on_full_refresh",
							 "What creating a TVIEW does when changes of a source mean recomputing all of it.",
							 NULL,
							 &tview_on_full_refresh,
							 TVIEW_FULL_WARN,
							 on_full_refresh_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("pg_tviews.pending_mem",
							"Memory for changes that wait to be flushed.",
							"When a transaction's pending changes need more, they are flushed at once.",
							&tview_pending_mem_kb,
							65536,
							64,
							MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("pg_tviews.refresh_at",
							 "When changes reach the TVIEWs.",
							 "Before commit and before any query that reads a TVIEW, or at the end of each statement.",
							 &tview_refresh_at,
							 TVIEW_AT_COMMIT,
							 refresh_at_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("pg_tviews.stats_sample_size",
							"Rows that a forced refresh looks at to tell the size of a TVIEW's rows.",
							"0 looks at none.",
							&tview_stats_sample_size,
							10000,
							0,
							INT_MAX,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("pg_tviews.test_fault",
							   "Plants a defect, for the tests of the tests.",
							   NULL,
							   &tview_test_fault,
							   "",
							   PGC_SUSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("pg_tviews");
}
