/*
 * scope.c
 *		Which columns of the key routes deliver, and where they come from.
 *
 * A column of the key is provided by the vertex that its expression is over:
 * a changed row there tells its value.  Routes lead to one vertex, so they
 * deliver the columns that this vertex provides, the scope: best the whole
 * key, and where no vertex provides that, as many of its columns as one does.
 * The TVIEW is then refreshed by these: all rows with their values.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

static bool may_be_null(TviewAnalysis *analysis, AttrNumber resno);
static bool is_kept_by_where(TviewLevel *level, AttrNumber resno);
static bool is_always_there(TviewAnalysis *analysis, List *exprs);
static bool is_nulled(TviewAnalysis *analysis, List *exprs,
					  TviewVertex *vertex);
static bool is_on_other_side(TviewAnalysis *analysis, List *exprs,
							 TviewJoinSide *place);
static void add_providers(TviewAnalysis *analysis, List **providers,
						  int position, Node *expr);
static bool is_merged_key(TviewAnalysis *analysis, List *args);
static bool are_equated(TviewAnalysis *analysis, Node *a, Node *b);
static int	side_of(TviewAnalysis *analysis, Node *expr, TviewLink *link);
static bool has_provider_of(List *providers, Bitmapset *scope);

/*
 * True when the query as it stands may return a row whose key is NULL; such
 * rows belong to no key that a route could find, and must be looked for.
 */
bool
tview_scope_may_be_null(TviewAnalysis *analysis, TviewDef *def)
{
	bool		result = false;

	do
	{
		for (int i = 0; i < def->nkeys; i++)
			result = result || may_be_null(analysis, def->key_attnums[i]);
	} while (tview_analyze_next_variant(analysis));
	return result;
}

/*
 * True when an output column may be NULL, in the variant looked at.
 */
static bool
may_be_null(TviewAnalysis *analysis, AttrNumber resno)
{
	Node	   *expr = tview_analyze_resolve_output(analysis->top, resno,
													NULL);

	if (is_kept_by_where(analysis->top, resno))
		return false;
	if (expr == NULL)
		return true;
	if (IsA(expr, CoalesceExpr))
		return !is_always_there(analysis, ((CoalesceExpr *) expr)->args);
	return !is_always_there(analysis, list_make1(expr));
}

/*
 * True when WHERE lets no row pass in which an output column, or that of the
 * branch looked at, is NULL.
 */
static bool
is_kept_by_where(TviewLevel *level, AttrNumber resno)
{
	Query	   *query = level->query;
	TargetEntry *column;
	ListCell   *lc;

	if (level->branches)
		return is_kept_by_where(list_nth(level->branches, level->branch),
								resno);
	column = get_tle_by_resno(query->targetList, resno);
	if (query->groupingSets)
		return false;
	foreach(lc, make_ands_implicit((Expr *) query->jointree->quals))
	{
		NullTest   *test = lfirst(lc);

		if (IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
			!test->argisrow && equal(test->arg, column->expr))
			return true;
	}
	return false;
}

/*
 * True when in every row at least one of some expressions is a column that is
 * NOT NULL of a row that is there, or a constant.
 */
static bool
is_always_there(TviewAnalysis *analysis, List *exprs)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Node	   *expr = lfirst(lc);
		TviewVertex *vertex;

		if (IsA(expr, Const) && !((Const *) expr)->constisnull)
			return true;
		if (!IsA(expr, Var))
			continue;
		vertex = tview_links_vertex(analysis, ((Var *) expr)->varno - 1);
		if (tview_sources_is_not_null(vertex, expr) &&
			!is_nulled(analysis, exprs, vertex))
			return true;
	}
	return false;
}

/*
 * True when a vertex may be null-extended while none of the others that some
 * expressions are columns of takes its place, as in FULL JOIN.
 */
static bool
is_nulled(TviewAnalysis *analysis, List *exprs, TviewVertex *vertex)
{
	TviewLevel *level = vertex->level;
	Index		rti = vertex->rti;

	for (; level; rti = level->container, level = level->up)
	{
		ListCell   *lc;

		if (rti == 0)
			return true;
		foreach(lc, level->items[rti].joins)
		{
			TviewJoinSide *place = lfirst(lc);

			if (tview_links_nulls_side(place) &&
				!(place->join->jointype == JOIN_FULL &&
				  is_on_other_side(analysis, exprs, place)))
				return true;
		}
		if (level->up == NULL)
			break;
	}
	return false;
}

/*
 * True when one of some expressions is a NOT NULL column of a table directly
 * on the other side of a join.
 */
static bool
is_on_other_side(TviewAnalysis *analysis, List *exprs, TviewJoinSide *place)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Var		   *var = lfirst(lc);
		TviewVertex *vertex;
		ListCell   *lc2;

		if (!IsA(var, Var))
			continue;
		vertex = tview_links_vertex(analysis, var->varno - 1);
		if (!tview_sources_is_not_null(vertex, (Node *) var))
			continue;
		foreach(lc2, vertex->level->items[vertex->rti].joins)
		{
			TviewJoinSide *other = lfirst(lc2);

			if (other->join == place->join)
				return other->is_right != place->is_right;
			if (tview_links_nulls_side(other))
				break;
		}
	}
	return false;
}

/*
 * Chooses the columns of the key that routes deliver: all of them if one
 * vertex provides them in every variant, else as many as possible.
 */
bool
tview_scope_choose(TviewAnalysis *analysis, TviewDef *def)
{
	List	   *candidates = NIL;	/* of Bitmapset */
	List	   *variants = NIL; /* of List of TviewProvider */
	Bitmapset  *best = NULL;
	ListCell   *lc;
	int			position = -1;

	do
	{
		tview_links_find(analysis);
		variants = lappend(variants, tview_scope_providers(analysis, def));
	} while (tview_analyze_next_variant(analysis) &&
			 list_length(variants) <= TVIEW_MAX_VARIANTS);
	while (tview_analyze_next_variant(analysis))
		continue;

	foreach(lc, analysis->vertices)
		candidates = lappend(candidates,
							 tview_scope_provided(linitial(variants),
												  lfirst(lc)));
	for (int i = 0; i < def->nkeys; i++)
		candidates = lappend(candidates, bms_make_singleton(i));
	foreach(lc, candidates)
	{
		Bitmapset  *candidate = lfirst(lc);
		bool		in_all = true;
		ListCell   *lc2;

		foreach(lc2, variants)
			in_all = in_all && has_provider_of(lfirst(lc2), candidate);
		if (in_all && bms_num_members(candidate) > bms_num_members(best))
			best = candidate;
	}

	def->nscope = bms_num_members(best);
	def->scope_is_key = (def->nscope == def->nkeys);
	def->scope = palloc0(sizeof(int) * (def->nscope + 1));
	for (int i = 0; (position = bms_next_member(best, position)) >= 0; i++)
		def->scope[i] = position;
	return def->nscope > 0;
}

/*
 * Finds which vertices provide columns of the key in this variant.
 */
List *
tview_scope_providers(TviewAnalysis *analysis, TviewDef *def)
{
	List	   *providers = NIL;

	for (int i = 0; i < def->nkeys; i++)
	{
		Node	   *expr = tview_analyze_resolve_output(analysis->top,
														def->key_attnums[i],
														NULL);

		if (expr)
			add_providers(analysis, &providers, i, expr);
	}
	return providers;
}

/*
 * Adds the vertices that provide one column of the key.  A column merged by
 * FULL JOIN … USING is provided by each of the columns it is merged from.
 */
static void
add_providers(TviewAnalysis *analysis, List **providers, int position,
			  Node *expr)
{
	Relids		vertices = NULL;
	Relids		all = tview_links_vertices(expr);
	Relids		nonnull;
	TviewVertex *vertex;
	TviewProvider *provider;
	int			number = -1;

	if (IsA(expr, CoalesceExpr) &&
		is_merged_key(analysis, ((CoalesceExpr *) expr)->args))
	{
		ListCell   *lc;

		foreach(lc, ((CoalesceExpr *) expr)->args)
			add_providers(analysis, providers, position, lfirst(lc));
		return;
	}

	/* it must come from one vertex, and from a row of it */
	nonnull = tview_analyze_needed_by(expr);
	while ((number = bms_next_member(all, number)) >= 0)
	{
		vertex = tview_links_vertex(analysis, number);
		if (vertex->is_blocked ||
			(!bms_is_member(number + 1, nonnull) &&
			 tview_links_is_nullable(vertex, analysis->top, NULL)))
			return;
		/* a function may make a row of NULLs, too */
		if (vertex->base != number &&
			tview_links_is_nullable(tview_links_vertex(analysis, vertex->base),
									analysis->top, NULL))
			return;
		vertices = bms_add_member(vertices, vertex->base);
	}
	if (bms_num_members(vertices) != 1)
		return;
	provider = palloc0(sizeof(TviewProvider));
	provider->vertex = tview_links_vertex(analysis,
										  bms_singleton_member(vertices));
	provider->position = position;
	provider->expr = expr;
	*providers = lappend(*providers, provider);
}

/*
 * True when the arguments of a COALESCE are equal by join conditions, so that
 * each of them, where not NULL, is its value.
 */
static bool
is_merged_key(TviewAnalysis *analysis, List *args)
{
	for (int i = 1; i < list_length(args); i++)
	{
		bool		found = false;

		for (int j = 0; j < i && !found; j++)
			found = are_equated(analysis, list_nth(args, j),
								list_nth(args, i));
		if (!found && IsA(linitial(args), CoalesceExpr) && i == 1)
		{
			/* COALESCE(COALESCE(a, b), c), as nested USING makes it */
			if (!is_merged_key(analysis,
							   ((CoalesceExpr *) linitial(args))->args))
				return false;
			found = are_equated(analysis, linitial(args), list_nth(args, i));
		}
		if (!found)
			return false;
	}
	return true;
}

/*
 * True when a condition of the join that brings two expressions together says
 * that they are equal, so that they are whenever both have a row.
 */
static bool
are_equated(TviewAnalysis *analysis, Node *a, Node *b)
{
	ListCell   *lc;

	foreach(lc, analysis->links)
	{
		TviewLink  *link = lfirst(lc);
		OpExpr	   *op = (OpExpr *) link->cond;

		if (link->join == NULL || !IsA(op, OpExpr) ||
			list_length(op->args) != 2 ||
			!op_hashjoinable(op->opno, exprType(linitial(op->args))) ||
			!tview_links_agrees(op, a) ||
			(side_of(analysis, a, link) | side_of(analysis, b, link)) != 3)
			continue;
		if ((equal(linitial(op->args), a) && equal(lsecond(op->args), b)) ||
			(equal(linitial(op->args), b) && equal(lsecond(op->args), a)))
			return true;
	}
	return false;
}

/*
 * Returns on which side of a link's join an expression's rows are: 1 or 2, or
 * 0 when they are on neither or both.
 */
static int
side_of(TviewAnalysis *analysis, Node *expr, TviewLink *link)
{
	Relids		vertices = tview_links_vertices(expr);
	int			number = -1;
	int			sides = 0;

	while ((number = bms_next_member(vertices, number)) >= 0)
	{
		TviewVertex *vertex = tview_links_vertex(analysis, number);
		Index		rti = tview_links_item(vertex->level,
										   vertex->rti, link->level);
		int			side = 0;
		ListCell   *lc;

		foreach(lc, rti ? link->level->items[rti].joins : NIL)
		{
			TviewJoinSide *place = lfirst(lc);

			if (place->join == link->join)
				side = place->is_right ? 2 : 1;
		}
		if (side == 0 || (sides | side) == 3)
			return 0;
		sides = side;
	}
	return sides;
}

/*
 * Returns the positions of the key columns that a vertex provides.
 */
Bitmapset *
tview_scope_provided(List *providers, TviewVertex *vertex)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	foreach(lc, providers)
	{
		TviewProvider *provider = lfirst(lc);

		if (provider->vertex == vertex)
			result = bms_add_member(result, provider->position);
	}
	return result;
}

/*
 * True when one vertex provides all columns of a scope.
 */
static bool
has_provider_of(List *providers, Bitmapset *scope)
{
	ListCell   *lc;

	if (scope == NULL)
		return false;
	foreach(lc, providers)
	{
		TviewProvider *provider = lfirst(lc);

		if (bms_is_subset(scope, tview_scope_provided(providers,
													  provider->vertex)))
			return true;
	}
	return false;
}
