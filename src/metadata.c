/*
 * metadata.c
 *		What the views for people show and SQL alone cannot find out.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

static Oid	origin(Oid view, const char *column);
static void put_pending(ReturnSetInfo *result, const TviewPending *pending);
static int	compare_pending(const ListCell *a, const ListCell *b);

PG_FUNCTION_INFO_V1(pg_tviews_backing_table);
PG_FUNCTION_INFO_V1(pg_tviews_get_queue);

/*
 * SQL: returns the table whose rows a TVIEW has one each for: the one that its
 * key comes from, or else the first that its query reads.
 */
Datum
pg_tviews_backing_table(PG_FUNCTION_ARGS)
{
	Oid			tview = PG_GETARG_OID(0);
	TviewMeta  *meta = tview_catalog_read(tview);
	Oid			relid = InvalidOid;

	if (meta == NULL || get_rel_name(meta->view) == NULL)
		PG_RETURN_NULL();
	relid = origin(meta->view, strVal(linitial(meta->key_columns)));
	if (!OidIsValid(relid))
		relid = tview;
	PG_RETURN_TEXT_P(cstring_to_text(tview_names_qualified(relid)));
}

/*
 * The table that a view's column comes from, through other views; for an
 * expression the first that the view reads, InvalidOid if it reads none.
 */
static Oid
origin(Oid view, const char *column)
{
	Query	   *query = tview_create_view_query(view);
	List	   *relids;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Oid			relid = entry->resorigtbl;

		if (entry->resjunk || !OidIsValid(relid) ||
			entry->resno != get_attnum(view, column))
			continue;
		if (get_rel_relkind(relid) == RELKIND_VIEW)
			return origin(relid, get_attname(relid, entry->resorigcol, false));
		return relid;
	}
	relids = tview_analyze_relations(query);
	return relids == NIL ? InvalidOid : linitial_oid(relids);
}

/*
 * SQL: returns a row for each source of a TVIEW that this transaction has
 * changed and not yet flushed.
 */
Datum
pg_tviews_get_queue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *pending = tview_queue_list();
	ListCell   *lc;

	tview_catalog_begin_rows(fcinfo, 0, 4);
	list_sort(pending, compare_pending);
	foreach(lc, pending)
		put_pending(result, lfirst(lc));
	return (Datum) 0;
}

/*
 * Puts the row of one source.
 */
static void
put_pending(ReturnSetInfo *result, const TviewPending *pending)
{
	Datum		values[4] = {0};
	bool		nulls[4] = {false};

	if (get_rel_name(pending->tview) == NULL ||
		get_rel_name(pending->relid) == NULL)
		return;					/* dropped meanwhile */
	values[0] = CStringGetTextDatum(tview_names_shown(pending->tview));
	values[1] = CStringGetTextDatum(tview_names_shown(pending->relid));
	if (pending->is_whole)
		nulls[2] = true;
	else
		values[2] = Int64GetDatum(tview_touches_count(pending->touches));
	values[3] = BoolGetDatum(pending->is_whole);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Sorts by TVIEW and source.
 */
static int
compare_pending(const ListCell *a, const ListCell *b)
{
	const TviewPending *left = lfirst(a);
	const TviewPending *right = lfirst(b);

	if (left->tview != right->tview)
		return left->tview < right->tview ? -1 : 1;
	return left->source - right->source;
}
