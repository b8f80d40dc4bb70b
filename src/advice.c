/*
 * advice.c
 *		What the creator of a TVIEW is told: how changes will reach it, and
 *		what may be better.
 *
 * One NOTICE with the key and the way from each source to it.  One WARNING for
 * each thing that will be slow or may surprise.  Nothing is changed here.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

static void report_sources(const TviewDef *def);
static char *way_words(const TviewSource *source);
static char *key_names(const TviewDef *def);
static void warn_of_full(const TviewDef *def, const TviewSource *source);
static void warn_of_relation(const TviewDef *def, Oid relid);
static void warn_of_functions(const TviewDef *def);
static void warn_of_indexes(const TviewDef *def);
static List *missing_hops(const TviewDef *def);
static bool same_hop(const TviewHop *a, const TviewHop *b);

/*
 * Tells the creator of a TVIEW what there is to tell.  An error if a source
 * would mean full refreshes and the settings forbid that.
 */
void
tview_advice_report(const TviewDef *def)
{
	List	   *seen = NIL;

	report_sources(def);
	for (int i = 0; i < def->nsources; i++)
	{
		const TviewSource *source = &def->sources[i];

		if (source->strategy == TVIEW_FULL)
			warn_of_full(def, source);
		if (!list_member_oid(seen, source->relid))
			warn_of_relation(def, source->relid);
		seen = lappend_oid(seen, source->relid);
	}
	warn_of_functions(def);
	warn_of_indexes(def);
}

/*
 * Whether some index of the relation leads with one of these columns.
 */
bool
tview_advice_has_index(Oid relid, List *attnums)
{
	return OidIsValid(tview_advice_index(relid, attnums));
}

/*
 * That index, or InvalidOid.
 */
Oid
tview_advice_index(Oid relid, List *attnums)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisvalid &&
			RelationGetIndexPredicate(index) == NIL &&
			list_member_int(attnums, index->rd_index->indkey.values[0]) &&
			!OidIsValid(found))
			found = lfirst_oid(lc);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * Tells the key, and how changes of each source reach it.
 */
static void
report_sources(const TviewDef *def)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "Its rows are identified by %s.",
					 key_names(def));
	for (int i = 0; i < def->nsources; i++)
	{
		const TviewSource *source = &def->sources[i];
		const char *table = tview_names_shown(source->relid);

		appendStringInfo(&detail, "\nChanges of %s", table);
		if (strcmp(source->alias, get_rel_name(source->relid)) != 0)
			appendStringInfo(&detail, " %s", quote_identifier(source->alias));
		appendStringInfo(&detail, " reach them %s.", way_words(source));
	}
	ereport(NOTICE,
			(errmsg("TVIEW \"%s\" follows view \"%s\"",
					get_rel_name(def->tview), get_rel_name(def->view)),
			 errdetail_internal("%s", detail.data)));
}

/*
 * How changes of a source reach rows, for a sentence.
 */
static char *
way_words(const TviewSource *source)
{
	char	   *way;

	if (source->strategy == TVIEW_FULL)
		return "by a refresh of all";
	if (source->strategy == TVIEW_DIRECT)
		return "directly";
	way = tview_advice_way(source);
	/* a key that is computed from the row takes no steps either */
	return *way ? psprintf("through %s", way) : "directly";
}

/*
 * The key's columns as a list.
 */
static char *
key_names(const TviewDef *def)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < def->nkeys; i++)
	{
		Form_pg_attribute column = TupleDescAttr(def->view_desc,
												 def->key_attnums[i] - 1);

		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 NameStr(column->attname));
	}
	return names.data;
}

/*
 * How changes of a source reach the key, in words.
 */
char *
tview_advice_way(const TviewSource *source)
{
	StringInfoData words;
	ListCell   *lc;

	if (source->strategy == TVIEW_FULL)
		return "full refresh";
	if (source->strategy == TVIEW_DIRECT)
		return "direct";
	initStringInfo(&words);
	foreach(lc, source->routes)
	{
		TviewRoute *route = lfirst(lc);

		appendStringInfo(&words, "%s%s", words.len > 0 ? "; " : "",
						 route->strategy == TVIEW_DIRECT ? "direct" :
														   route->words);
	}
	return words.data;
}

/*
 * Says that changes of a source mean recomputing everything, as loudly as
 * pg_tviews.on_full_refresh wants it.
 */
static void
warn_of_full(const TviewDef *def, const TviewSource *source)
{
	if (tview_on_full_refresh == TVIEW_FULL_ALLOW)
		return;
	ereport(tview_on_full_refresh == TVIEW_FULL_ERROR ? ERROR : WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("every change of \"%s\" refreshes all rows of TVIEW \"%s\"",
					get_rel_name(source->relid), get_rel_name(def->tview)),
			 errdetail_internal("%s", source->full_reason),
			 source->full_hint ? errhint("%s", source->full_hint) : 0));
}

/*
 * Warns of base relations whose changes cannot all be seen, or whose rows
 * depend on who looks.
 */
static void
warn_of_relation(const TviewDef *def, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);

	if (IsCatalogRelationOid(relid))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("TVIEW \"%s\" does not follow changes of system catalog \"%s\"",
						get_rel_name(def->tview), get_rel_name(relid)),
				 errhint("Call pg_tviews_refresh() after such changes.")));
	else if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("TVIEW \"%s\" follows only those changes of foreign table \"%s\" that are made through it",
						get_rel_name(def->tview), get_rel_name(relid)),
				 COMPAT_FOREIGN_TRUNCATE_TRIGGERS ?
					 0 :
					 errdetail("Nor does it follow TRUNCATE."),
				 errhint("Call pg_tviews_refresh() after other changes.")));
	if (rel->rd_rel->relrowsecurity)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("table \"%s\" has row-level security",
						get_rel_name(relid)),
				 errdetail("TVIEW \"%s\" holds the rows that its owner may see, for all who may read it.",
						   get_rel_name(def->tview)),
				 errhint("Policies on the TVIEW itself restrict its readers.")));
	table_close(rel, NoLock);
}

/*
 * Warns of functions whose results change without a change of any row.
 */
static void
warn_of_functions(const TviewDef *def)
{
	Query	   *query = tview_create_view_query(def->view);
	ListCell   *lc;

	foreach(lc, tview_sources_warnings(query))
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("TVIEW \"%s\" does not follow changes of what %s returns",
						get_rel_name(def->tview), (char *) lfirst(lc)),
				 errdetail("Its result can change without a change of the rows that the query reads.")));
	}
}

/*
 * Warns of each index that a route lacks, once.
 */
static void
warn_of_indexes(const TviewDef *def)
{
	ListCell   *lc;

	foreach(lc, missing_hops(def))
	{
		TviewHop   *hop = lfirst(lc);

		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("TVIEW \"%s\" would be refreshed faster with an index on \"%s\"",
						get_rel_name(def->tview), get_rel_name(hop->relid)),
				 errhint("%s", tview_advice_command(hop))));
	}
}

/*
 * The commands that make the indexes which routes lack.
 */
List *
tview_advice_indexes(const TviewDef *def)
{
	List	   *commands = NIL;
	ListCell   *lc;

	foreach(lc, missing_hops(def))
		commands = lappend(commands, tview_advice_command(lfirst(lc)));
	return commands;
}

/*
 * The steps of routes that lack an index, each index once.
 */
static List *
missing_hops(const TviewDef *def)
{
	List	   *missing = NIL;

	for (int i = 0; i < def->nsources; i++)
	{
		ListCell   *route;

		foreach(route, def->sources[i].routes)
		{
			ListCell   *lc;

			foreach(lc, ((TviewRoute *) lfirst(route))->hops)
			{
				TviewHop   *hop = lfirst(lc);
				bool		is_new = true;
				ListCell   *other;

				foreach(other, missing)
					is_new &= !same_hop(hop, lfirst(other));
				if (is_new && hop->attnums != NIL &&
					!tview_advice_has_index(hop->relid, hop->attnums))
					missing = lappend(missing, hop);
			}
		}
	}
	return missing;
}

/*
 * The command that makes the index for a step of a route.
 */
char *
tview_advice_command(const TviewHop *hop)
{
	StringInfoData columns;
	ListCell   *lc;

	initStringInfo(&columns);
	foreach(lc, hop->attnums)
	{
		char	   *column = get_attname(hop->relid, lfirst_int(lc), false);

		appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "",
						 quote_identifier(column));
	}
	return psprintf("CREATE INDEX ON %s (%s);",
					tview_names_qualified(hop->relid), columns.data);
}

/*
 * Whether the same index serves both steps.
 */
static bool
same_hop(const TviewHop *a, const TviewHop *b)
{
	return a->relid == b->relid &&
		   list_difference_int(a->attnums, b->attnums) == NIL &&
		   list_difference_int(b->attnums, a->attnums) == NIL;
}
