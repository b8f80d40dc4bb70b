/*
 * routes.c
 *		From each source of a query to the key of its TVIEW.
 *
 * The links that can be followed make a directed graph over the vertices.  The
 * shortest way from a source to a vertex that provides the key (an anchor) is
 * its route.  All routes together form a tree towards the anchor: the rest of
 * a route, from any vertex on it, is that vertex's own route.  That matters:
 * routes are evaluated when the transaction's changes are all there, so a
 * chain of rows that existed before may be broken by another change; then the
 * changed row nearest to the key still has an unchanged chain before it, and
 * its own route follows just that.
 *
 * A level whose rows affect each other (DISTINCT ON, a window) adds routes: to
 * the rows of the same partition first, by a hop from a vertex to another row
 * of the same vertex, and then along that row's route.  A hop may be followed
 * by another, where a level above has partitions too, or this one a DISTINCT
 * ON beside a window: what a row does to its partition, others do to theirs.
 *
 * A set operation makes variants, the query with one of its branches each; a
 * source needs the routes of every variant it is part of.  No hop leads from
 * one branch to another, so partitions of what a set operation returns have no
 * routes unless the partition tells the key.
 *
 * Runs when a definition is built.  All that is not part of the definition is
 * left to the caller's memory context.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "compat.h"
#include "pg_tviews.h"

/* More routes than these are not worth it: refresh in full. */
#define MAX_ROUTES 64

/* The cost of a step by the best condition that it has. */
#define COST_EQUALITY 10
#define COST_OTHER	  50
#define COST_UNSURE	  200

/* The way from a vertex towards a target. */
typedef struct Way
{
	int			cost;			/* INT_MAX: there is none */
	bool		is_done;
	TviewVertex *next;			/* NULL at the target */
	List	   *links;			/* of TviewLink: to the next vertex */
} Way;

/* The state of the search in one variant. */
typedef struct Search
{
	TviewAnalysis *analysis;
	TviewDef   *def;
	List	   *providers;		/* of TviewProvider */
	List	   *crossings;		/* of TviewCrossing, by the scope columns */
	List	   *inexact;		/* of TviewLevel: merge rows that differ in
								 * scope columns */
	List	   *anchors;		/* of TviewVertex: provide the whole scope */
	Way		   *ways;			/* by vertex: towards an anchor */
	int			nroutes;		/* found for the source at hand */
	List	   *routes;			/* of TviewRoute, for the source at hand */
	TviewVertex *source;		/* the source at hand */
} Search;

static void distrust_routes(TviewDef *def);
static void find_variant_routes(TviewAnalysis *analysis, TviewDef *def);
static void find_source_routes(Search *search, TviewVertex *vertex);
static void find_key_crossings(Search *search);
static Way *find_ways(TviewAnalysis *analysis, List *targets,
					  TviewLevel *within);
static void relax(TviewAnalysis *analysis, Way *ways, TviewVertex *to,
				  TviewLevel *within);
static int	step_cost(List *links);
static List *usable_links(TviewAnalysis *analysis, TviewVertex *from,
						  TviewVertex *to);
static bool enumerate(Search *search, TviewVertex *vertex, List *prefix,
					  TviewLevel *above);
static List *steps_along(Way *ways, TviewVertex *vertex);
static TviewVertex *last_vertex(TviewVertex *vertex, List *steps);
static bool is_blocked(List *crossings, TviewVertex *vertex);
static bool is_inexact(Search *search, TviewVertex *vertex);
static bool is_covered(Search *search, List *steps, TviewLevel *level,
					   List *partition);
static bool is_partitioned_above(TviewLevel *level);
static bool covers(List *crossings, TviewLevel *level, List *partition);
static bool hop(Search *search, TviewVertex *vertex, List *prefix,
				TviewLevel *level, List *partition);
static Node *partition_expr(TviewLevel *level, SortGroupClause *clause,
							List **crossings);
static bool passes_branch(List *steps, TviewVertex *vertex,
						  TviewLevel *level);
static bool is_in_branch(TviewVertex *vertex, TviewLevel *level);
static TviewVertex *partition_vertex(Search *search, TviewVertex *vertex,
									 TviewLevel *level, Node *expr);
static bool hop_from(Search *search, TviewVertex *vertex, List *prefix,
					 TviewLevel *level, List *partition,
					 SortGroupClause *first, Node *expr,
					 TviewVertex *provider);
static bool hop_distinct(Search *search, TviewVertex *vertex, List *prefix,
						 TviewLevel *level, List *partition);
static void emit(Search *search, List *steps, TviewVertex *anchor);
static List *scope_exprs(Search *search, TviewVertex *anchor);
static void mark_full(TviewSource *source, const char *reason,
					  const char *hint);
static void explain_full(Search *search, TviewSource *source,
						 TviewVertex *vertex);

/*
 * Finds the sources of a definition and their routes.  Sets its scope,
 * sources and nsources; the caller has filled in the key.
 */
void
tview_routes_find(TviewDef *def, Query *query)
{
	List	   *key_resnos = NIL;
	TviewAnalysis *analysis;
	int			nvariants = 0;

	for (int i = 0; i < def->nkeys; i++)
		key_resnos = lappend_int(key_resnos, def->key_attnums[i]);
	analysis = tview_analyze_query(query);
	def->may_have_null_key = tview_scope_may_be_null(analysis, def);
	tview_analyze_reduce(analysis, key_resnos);
	tview_sources_check(analysis);
	tview_policies_add(analysis, def);
	tview_outputs_prune(analysis);
	tview_sources_fill(analysis, def);
	tview_parts_find(analysis, def);

	if (!tview_scope_choose(analysis, def))
	{
		for (int i = 0; i < def->nsources; i++)
			mark_full(&def->sources[i],
					  "No column of the key comes from a single row of a table.",
					  "Choose a key that is a column of one of the tables.");
		return;
	}
	do
	{
		if (++nvariants > TVIEW_MAX_VARIANTS)
		{
			for (int i = 0; i < def->nsources; i++)
				mark_full(&def->sources[i],
						  "The query combines too many set operations.",
						  "Make a TVIEW of each part, and combine those.");
			break;
		}
		find_variant_routes(analysis, def);
	} while (tview_analyze_next_variant(analysis));
	if (tview_policies_hide_rows(analysis, def))
		distrust_routes(def);
	tview_route_finish(analysis, def);
}

/*
 * Refreshes in full where routes would read tables, for they would not see all
 * rows there that the view does.
 */
static void
distrust_routes(TviewDef *def)
{
	for (int i = 0; i < def->nsources; i++)
	{
		ListCell   *lc;

		foreach(lc, def->sources[i].routes)
		{
			if (((TviewRoute *) lfirst(lc))->strategy == TVIEW_DIRECT)
				continue;
			mark_full(&def->sources[i],
					  "Policies hide rows from the TVIEW's owner that a view shows.",
					  "Make the TVIEW as the owner of that view.");
			break;
		}
	}
}

/*
 * Adds the routes of one variant to the sources that are part of it.
 */
static void
find_variant_routes(TviewAnalysis *analysis, TviewDef *def)
{
	Search		search = {0};
	Bitmapset  *scope = NULL;
	ListCell   *lc;

	tview_links_find(analysis);
	search.analysis = analysis;
	search.def = def;
	search.providers = tview_scope_providers(analysis, def);
	find_key_crossings(&search);
	for (int i = 0; i < def->nscope; i++)
		scope = bms_add_member(scope, def->scope[i]);
	foreach(lc, analysis->vertices)
	{
		Bitmapset  *provided = tview_scope_provided(search.providers,
													lfirst(lc));

		if (bms_is_subset(scope, provided))
			search.anchors = lappend(search.anchors, lfirst(lc));
	}
	search.ways = find_ways(analysis, search.anchors, analysis->top);
	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);

		if (vertex->is_source && tview_analyze_is_active(vertex->level))
			find_source_routes(&search, vertex);
	}
}

/*
 * Adds the routes that one source has in the variant at hand.
 */
static void
find_source_routes(Search *search, TviewVertex *vertex)
{
	TviewSource *source = &search->def->sources[vertex->source];

	if (source->full_reason)
		return;
	search->source = vertex;
	search->routes = NIL;
	search->nroutes = 0;
	if (enumerate(search, vertex, NIL, NULL))
		source->routes = list_concat(source->routes, search->routes);
	else
		explain_full(search, source, vertex);
}

/*
 * Notes which levels' outputs the scope columns come through, and whether
 * these are the same in all rows that a level merges.
 */
static void
find_key_crossings(Search *search)
{
	TviewDef   *def = search->def;

	for (int i = 0; i < def->nscope; i++)
	{
		List	   *crossings = NIL;
		Node	   *expr;
		ListCell   *lc;

		expr = tview_analyze_resolve_output(search->analysis->top,
											def->key_attnums[def->scope[i]],
											&crossings);
		foreach(lc, crossings)
		{
			TviewCrossing *crossing = lfirst(lc);

			if (!tview_links_is_exact(crossing, expr))
				search->inexact = lappend(search->inexact, crossing->level);
		}
		search->crossings = list_concat(search->crossings, crossings);
	}
}

/*
 * Finds the cheapest way from every vertex of a level to one of the targets.
 */
static Way *
find_ways(TviewAnalysis *analysis, List *targets, TviewLevel *within)
{
	int			nvertices = list_length(analysis->vertices);
	Way		   *ways = palloc0(sizeof(Way) * (nvertices + 1));

	for (int i = 0; i < nvertices; i++)
		ways[i].cost =
			list_member_ptr(targets, tview_links_vertex(analysis, i)) ?
				0 :
				INT_MAX;
	for (;;)
	{
		int			nearest = -1;

		for (int i = 0; i < nvertices; i++)
		{
			if (!ways[i].is_done && ways[i].cost < INT_MAX &&
				(nearest < 0 || ways[i].cost < ways[nearest].cost))
				nearest = i;
		}
		if (nearest < 0)
			return ways;
		ways[nearest].is_done = true;
		relax(analysis, ways, tview_links_vertex(analysis, nearest), within);
	}
}

/*
 * Offers the way through "to" to the vertices that have a link to it.
 */
static void
relax(TviewAnalysis *analysis, Way *ways, TviewVertex *to, TviewLevel *within)
{
	ListCell   *lc;

	foreach(lc, analysis->vertices)
	{
		TviewVertex *from = lfirst(lc);
		Way		   *way = &ways[from->number];
		List	   *links;
		int			cost;

		if (way->is_done || from->base != from->number ||
			!tview_analyze_is_active(from->level) ||
			!tview_analyze_is_inside(from->level, within))
			continue;
		links = usable_links(analysis, from, to);
		if (links == NIL)
			continue;
		cost = ways[to->number].cost + step_cost(links);
		if (cost < way->cost)
		{
			way->cost = cost;
			way->next = to;
			way->links = links;
		}
	}
}

/*
 * Returns the cost of a step by these links.
 */
static int
step_cost(List *links)
{
	int			cost = COST_UNSURE;
	ListCell   *lc;

	foreach(lc, links)
	{
		TviewLink  *link = lfirst(lc);

		if (link->is_equality)
			return COST_EQUALITY;
		if (!IsA(link->cond, BooleanTest))
			cost = COST_OTHER;
	}
	return cost;
}

/*
 * Returns the links that can be followed from one vertex to another.
 */
static List *
usable_links(TviewAnalysis *analysis, TviewVertex *from, TviewVertex *to)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, analysis->links)
	{
		TviewLink  *link = lfirst(lc);

		if (bms_is_member(from->number, link->vertices) &&
			bms_is_member(to->number, link->vertices) &&
			tview_links_usable(analysis, link, from, to))
			result = lappend(result, link);
	}
	return result;
}

/*
 * Finds all routes from a row of a vertex, which "prefix" (steps) has led to,
 * caring for levels above "above" only.  False if some cannot be had.
 */
static bool
enumerate(Search *search, TviewVertex *vertex, List *prefix,
		  TviewLevel *above)
{
	List	   *steps;
	TviewLevel *level = vertex->level;

	check_stack_depth();
	if (search->ways[vertex->number].cost == INT_MAX ||
		is_blocked(search->crossings, vertex) ||
		is_inexact(search, vertex) || ++search->nroutes > MAX_ROUTES)
		return false;
	steps = steps_along(search->ways, vertex);
	emit(search, list_concat_copy(prefix, steps), last_vertex(vertex, steps));

	if (above)
	{
		while (level != above)
			level = level->up;
		level = level->up;
	}
	for (; level; level = level->up)
	{
		ListCell   *lc;

		foreach(lc, level->partitions)
		{
			if (!is_covered(search, steps, level, lfirst(lc)) &&
				!hop(search, vertex, prefix, level, lfirst(lc)))
				return false;
		}
	}
	return true;
}

/*
 * Returns the steps from a vertex to the target of the ways.
 */
static List *
steps_along(Way *ways, TviewVertex *vertex)
{
	List	   *steps = NIL;

	while (ways[vertex->number].next)
	{
		Way		   *way = &ways[vertex->number];
		TviewStep  *step = palloc0(sizeof(TviewStep));
		ListCell   *lc;

		step->from = vertex;
		step->to = way->next;
		step->links = way->links;
		foreach(lc, way->links)
			step->conds = lappend(step->conds,
								  ((TviewLink *) lfirst(lc))->cond);
		steps = lappend(steps, step);
		vertex = way->next;
	}
	return steps;
}

/*
 * Returns where steps from a vertex end.
 */
static TviewVertex *
last_vertex(TviewVertex *vertex, List *steps)
{
	return steps ? ((TviewStep *) llast(steps))->to : vertex;
}

/*
 * True when a change in a vertex may affect rows beyond a crossed level that
 * share nothing with it.
 */
static bool
is_blocked(List *crossings, TviewVertex *vertex)
{
	ListCell   *lc;

	foreach(lc, crossings)
	{
		TviewCrossing *crossing = lfirst(lc);

		if (crossing->level->is_limited &&
			tview_analyze_is_inside(vertex->level, crossing->level))
			return true;
	}
	return false;
}

/*
 * True when a change in a vertex may affect rows whose scope columns differ
 * from those found, though their types take them for equal.
 */
static bool
is_inexact(Search *search, TviewVertex *vertex)
{
	ListCell   *lc;

	foreach(lc, search->inexact)
	{
		if (tview_analyze_is_inside(vertex->level, lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * True when the other rows of a row's partition need no route of their own:
 * the steps leave the level by correlation, or by columns in which all rows of
 * the partition agree.  They do need one where a level above has partitions,
 * for in those these rows may be anywhere.
 */
static bool
is_covered(Search *search, List *steps, TviewLevel *level, List *partition)
{
	ListCell   *lc;

	if (is_partitioned_above(level))
		return false;
	/* a window's value may decide which rows DISTINCT ON chooses elsewhere */
	if (level->query->hasDistinctOn && partition != llast(level->partitions) &&
		!is_covered(search, steps, level, llast(level->partitions)))
		return false;
	foreach(lc, steps)
	{
		TviewStep  *step = lfirst(lc);
		ListCell   *lc2;

		if (tview_analyze_is_inside(step->to->level, level))
			continue;
		foreach(lc2, step->links)
		{
			if (!covers(((TviewLink *) lfirst(lc2))->crossings, level,
						partition))
				return false;
		}
		return true;
	}
	return covers(search->crossings, level, partition);
}

/*
 * True when a level that another one is part of has partitions.
 */
static bool
is_partitioned_above(TviewLevel *level)
{
	while ((level = level->up) != NULL)
	{
		if (level->partitions != NIL)
			return true;
	}
	return false;
}

/*
 * True when all output columns of a level that are crossed belong to a
 * partition.
 */
static bool
covers(List *crossings, TviewLevel *level, List *partition)
{
	ListCell   *lc;

	foreach(lc, crossings)
	{
		TviewCrossing *crossing = lfirst(lc);
		TargetEntry *column;
		ListCell   *lc2;
		bool		found = false;

		if (crossing->level != level)
			continue;
		column = get_tle_by_resno(level->query->targetList, crossing->resno);
		foreach(lc2, partition)
			found = found ||
					(column->ressortgroupref != 0 &&
					 tview_links_is_bitwise((Node *) column->expr) &&
					 lfirst_node(SortGroupClause, lc2)->tleSortGroupRef ==
						 column->ressortgroupref);
		if (!found)
			return false;
	}
	return true;
}

/*
 * Finds the routes that lead over the other rows of the same partition of a
 * level.  False if there is no way to those.
 */
static bool
hop(Search *search, TviewVertex *vertex, List *prefix, TviewLevel *level,
	List *partition)
{
	ListCell   *lc;

	foreach(lc, partition)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		List	   *crossings = NIL;
		Node	   *expr = partition_expr(level, clause, &crossings);
		TviewVertex *provider;

		if (expr == NULL || is_blocked(crossings, vertex))
			continue;
		provider = partition_vertex(search, vertex, level, expr);
		if (provider)
			return hop_from(search, vertex, prefix, level, partition, clause,
							expr, provider);
	}
	return false;
}

/*
 * Returns a column of a partition as an expression over vertices; NULL if it
 * is none, or may differ among rows that a level merges into one: then the
 * value of a changed row is not that of the partition which it is in.
 */
static Node *
partition_expr(TviewLevel *level, SortGroupClause *clause, List **crossings)
{
	TargetEntry *column =
		get_sortgroupclause_tle(clause, level->query->targetList);
	List	   *crossed = NIL;
	Node	   *expr = tview_analyze_resolve_output(level, column->resno,
													&crossed);
	ListCell   *lc;

	foreach(lc, expr ? crossed : NIL)
	{
		if (!tview_links_is_exact(lfirst(lc), expr))
			return NULL;
	}
	if (crossings)
		*crossings = crossed;
	return expr;
}

/*
 * True when a way within a level passes a branch of a set operation there.
 * The rows of its partitions may come from other branches as well, which no
 * route of this variant leads to.
 */
static bool
passes_branch(List *steps, TviewVertex *vertex, TviewLevel *level)
{
	ListCell   *lc;

	if (is_in_branch(vertex, level))
		return true;
	foreach(lc, steps)
	{
		if (is_in_branch(((TviewStep *) lfirst(lc))->to, level))
			return true;
	}
	return false;
}

/*
 * True for a vertex in a branch of a set operation below a level.  Branches in
 * sublinks matter only if links in them hold for the rows outside.
 */
static bool
is_in_branch(TviewVertex *vertex, TviewLevel *level)
{
	bool		result = false;

	for (TviewLevel *at = vertex->level; at != level; at = at->up)
	{
		if (at->container == 0 && !at->sublink_must_hold)
			result = false;
		else if (at->container != 0 && list_length(at->up->branches) > 1)
			result = true;
	}
	return result;
}

/*
 * Returns the vertex that provides a partition's expression, or NULL if it
 * does not come from one that is always there and can be reached.
 */
static TviewVertex *
partition_vertex(Search *search, TviewVertex *vertex, TviewLevel *level,
				 Node *expr)
{
	Relids		vertices = tview_links_vertices(expr);
	TviewVertex *provider;
	Way		   *ways;

	if (bms_num_members(vertices) != 1)
		return NULL;
	provider = tview_links_vertex(search->analysis,
								  bms_singleton_member(vertices));
	if (!provider->is_source ||
		!tview_analyze_is_inside(provider->level, level) ||
		tview_links_is_nullable(provider, level, NULL))
		return NULL;
	ways = find_ways(search->analysis, list_make1(provider), level);
	if (ways[vertex->number].cost == INT_MAX ||
		passes_branch(steps_along(ways, vertex), vertex, level))
		return NULL;
	return provider;
}

/*
 * Finds the routes that hop from the row of "provider" to another one with
 * the same value of a partition's expression.  Partitions take NULL as a
 * value: where it may occur, a second hop leads from NULL to NULL.
 */
static bool
hop_from(Search *search, TviewVertex *vertex, List *prefix,
		 TviewLevel *level, List *partition, SortGroupClause *first,
		 Node *expr, TviewVertex *provider)
{
	Way		   *ways = find_ways(search->analysis, list_make1(provider),
								 level);
	List	   *steps = list_concat_copy(prefix, steps_along(ways, vertex));
	List	   *filters = NIL;
	ListCell   *lc;

	foreach(lc, partition)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *other = partition_expr(level, clause, NULL);

		if (clause != first && other &&
			bms_equal(tview_links_vertices(other), tview_links_vertices(expr)))
			filters = lappend(filters,
							  tview_hops_same_value(clause, other, true));
	}
	for (int nulls = 0; nulls < 2; nulls++)
	{
		TviewStep  *step = palloc0(sizeof(TviewStep));

		if (nulls && tview_sources_is_not_null(provider, expr))
			break;
		step->from = provider;
		step->to = provider;
		step->is_hop = true;
		step->conds = lcons(nulls ? tview_hops_both_null(expr) :
									tview_hops_same_value(first, expr, false),
							list_copy(filters));
		if (!enumerate(search, provider, lappend(list_copy(steps), step),
					   level) ||
			!hop_distinct(search, provider, lappend(list_copy(steps), step),
						  level, partition))
			return false;
	}
	return true;
}

/*
 * Finds the routes that go on from a hop in a window's partition: what the
 * window computes for the other row may decide which row DISTINCT ON of the
 * same level chooses.  False if there is no way.
 */
static bool
hop_distinct(Search *search, TviewVertex *vertex, List *prefix,
			 TviewLevel *level, List *partition)
{
	List	   *distinct;

	if (!level->query->hasDistinctOn)
		return true;
	distinct = llast(level->partitions);
	return distinct == partition ||
		   is_covered(search, steps_along(search->ways, vertex),
					  level, distinct) ||
		   hop(search, vertex, prefix, level, distinct);
}

/*
 * Adds a route of the source at hand.
 */
static void
emit(Search *search, List *steps, TviewVertex *anchor)
{
	TviewRoute *route;

	/* a planted defect: routes of more than one hop are forgotten */
	if (strcmp(tview_test_fault, "skip_hop") == 0 && list_length(steps) > 1)
		return;
	route = tview_route_build(search->analysis, search->source, steps,
							  scope_exprs(search, anchor));
	search->routes = lappend(search->routes, route);
}

/*
 * Returns the scope columns as expressions over an anchor.
 */
static List *
scope_exprs(Search *search, TviewVertex *anchor)
{
	List	   *exprs = NIL;

	for (int i = 0; i < search->def->nscope; i++)
	{
		ListCell   *lc;

		foreach(lc, search->providers)
		{
			TviewProvider *provider = lfirst(lc);

			if (provider->vertex == anchor &&
				provider->position == search->def->scope[i])
			{
				exprs = lappend(exprs, provider->expr);
				break;
			}
		}
	}
	return exprs;
}

/*
 * Gives a source the strategy "full".
 */
static void
mark_full(TviewSource *source, const char *reason, const char *hint)
{
	source->strategy = TVIEW_FULL;
	source->routes = NIL;
	source->full_reason = pstrdup(reason);
	source->full_hint = hint ? pstrdup(hint) : NULL;
}

/*
 * Gives a source the strategy "full" and finds words for why.
 */
static void
explain_full(Search *search, TviewSource *source, TviewVertex *vertex)
{
	const char *reason = "No condition links it to the key.";
	const char *hint =
		"Add a join or correlation condition that leads to the table of the key.";

	for (TviewLevel *level = vertex->level; level; level = level->up)
	{
		if (level->is_recursive)
		{
			reason = "It is part of a recursive query.";
			hint = "Keep the closure in a table of its own, and join that.";
			break;
		}
		if (level->partitions != NIL && is_in_branch(vertex, level))
		{
			reason = "Its rows share partitions with those of other branches of a set operation.";
			hint = "Make a TVIEW of the set operation, and read that.";
			break;
		}
		if (level->is_limited)
		{
			reason = level->query->hasWindowFuncs ?
						 "It is part of a window over all rows." :
						 "It is part of a query whose LIMIT or grouping sets mix all rows.";
			hint = level->query->hasWindowFuncs ?
					   "Add PARTITION BY to the window." :
					   "Limit rows where the TVIEW is read, or per row by LATERAL.";
			break;
		}
	}
	mark_full(source, reason, hint);
}
