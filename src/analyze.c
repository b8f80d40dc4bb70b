/*
 * analyze.c
 *		From the query of a backing view to a tree of levels and sources.
 *
 * A level is one SELECT: the query itself, a subquery or view in FROM, a
 * reference to a CTE (each its own copy), a branch of a set operation, or a
 * sublink in an expression.  Within a level, FROM items are vertices (a base
 * relation, which is a source, or a function), child levels, or neither
 * (VALUES, a recursive CTE: what links.c cannot see through).
 *
 * Expressions are brought into one form by tview_analyze_resolve: a Var of the
 * result has the number of its vertex (plus one) as varno, wherever in the
 * tree the expression stood.  What lies between, a subquery's output column
 * for example, is replaced by the expression behind it, and each level whose
 * output was used that way is noted as a crossing, for links.c to judge.
 *
 * Everything is built in the current memory context and thrown away with it
 * when the routes have been found.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

/* What resolve_mutator carries along. */
typedef struct ResolveContext
{
	TviewLevel *level;			/* where the expression stands */
	List	   *crossings;		/* of TviewCrossing */
	bool		in_from;		/* functions may return sets */
	bool		failed;			/* it cannot be expressed over vertices */
} ResolveContext;

/* What find_sublinks_walker carries along. */
typedef struct SublinkContext
{
	TviewAnalysis *analysis;
	TviewLevel *level;
	JoinExpr   *join;			/* whose condition is searched, or NULL */
	bool		is_filter;		/* NULL and false mean the same here */
	bool		is_conjunct;	/* what stands here must be true */
} SublinkContext;

static TviewLevel *build_level(TviewAnalysis *analysis, Query *query,
							   TviewLevel *outer, TviewLevel *up,
							   Index container);
static void flatten_level(TviewLevel *level);
static void build_jointree(TviewAnalysis *analysis, TviewLevel *level,
						   Node *jtnode, List *joins);
static void build_item(TviewAnalysis *analysis, TviewLevel *level,
					   Index rti, List *joins);
static void build_relation(TviewAnalysis *analysis, TviewLevel *level,
						   Index rti);
static void build_cte(TviewAnalysis *analysis, TviewLevel *level, Index rti);
static void build_setop(TviewAnalysis *analysis, TviewLevel *level,
						Node *setop);
static TviewVertex *add_vertex(TviewAnalysis *analysis, TviewLevel *level,
							   Index rti);
static void build_sublinks(TviewAnalysis *analysis, TviewLevel *level);
static void build_join_sublinks(TviewAnalysis *analysis, TviewLevel *level,
								Node *jtnode);
static void find_sublinks(TviewAnalysis *analysis, TviewLevel *level,
						  JoinExpr *join, Node *node, bool is_filter);
static bool find_sublinks_walker(Node *node, SublinkContext *context);
static Relids nonnull_by_key(Query *query, List *key_resnos);
static void reduce_joins(Node *jtnode, Relids nonnull);
static Relids items_below(Node *jtnode);
static void classify_level(TviewLevel *level);
static bool limits(Node *limit, bool is_offset);
static bool is_partitioned_by_nothing(TviewLevel *level);
static Node *resolve_mutator(Node *node, ResolveContext *context);
static Node *resolve_var(Var *var, ResolveContext *context);
static Node *resolve_output(TviewLevel *level, AttrNumber resno,
							ResolveContext *context);
static Node *as_column(Node *expr, Node *column);
static bool is_null_extended(TviewItem *item);
static Relids vertices_below(TviewLevel *level);
static bool is_opaque(Node *node);
static bool returns_set(Node *node);

/*
 * Reads a query: its levels, vertices and sublinks.  The query is copied.
 */
TviewAnalysis *
tview_analyze_query(Query *query)
{
	TviewAnalysis *analysis = palloc0(sizeof(TviewAnalysis));

	analysis->top = build_level(analysis, copyObject(query), NULL, NULL, 0);
	return analysis;
}

/*
 * Reduces outer joins by knowing that output columns (an int list) are not
 * NULL in any row that matters.  To a window all rows do, also those that
 * DISTINCT ON, or a function that returns no row, then hides.
 */
void
tview_analyze_reduce(TviewAnalysis *analysis, List *key_resnos)
{
	Query	   *query = analysis->top->query;

	if (query->setOperations == NULL && !query->hasWindowFuncs)
		reduce_joins((Node *) query->jointree,
					 nonnull_by_key(query, key_resnos));
}

/*
 * True when all branches of set operations that a level is part of are those
 * that are being looked at.
 */
bool
tview_analyze_is_active(TviewLevel *level)
{
	for (; level->up; level = level->up)
	{
		TviewLevel *up = level->up;

		if (up->branches && level->container != 0 &&
			list_member_ptr(up->branches, level) &&
			list_nth(up->branches, up->branch) != level)
			return false;
	}
	return true;
}

/*
 * True when a level is another one or part of it.
 */
bool
tview_analyze_is_inside(TviewLevel *level, TviewLevel *ancestor)
{
	while (level && level != ancestor)
		level = level->up;
	return level != NULL;
}

/*
 * Turns to the next combination of branches of set operations; false, and back
 * at the first one, when all have been looked at.
 */
bool
tview_analyze_next_variant(TviewAnalysis *analysis)
{
	if (tview_analyze_turn_to(analysis, analysis->variant + 1))
		return true;
	analysis->variant = 0;
	return false;
}

/*
 * Turns to a combination of branches by its number, the first being 0; false
 * if there are not that many.
 */
bool
tview_analyze_turn_to(TviewAnalysis *analysis, int variant)
{
	ListCell   *lc;

	analysis->variant = variant;
	foreach(lc, analysis->levels)
	{
		TviewLevel *level = lfirst(lc);
		int			nbranches = list_length(level->branches);

		if (nbranches == 0)
			continue;
		level->branch = variant % nbranches;
		variant /= nbranches;
	}
	return variant == 0;
}

/*
 * Builds one level and all below it.  "outer" is the level that Vars with
 * varlevelsup 1 refer to; "up" the one whose rows depend on this level's, and
 * "container" this level's place in the range table of "up", or 0.  The two
 * levels differ for a CTE only.
 */
static TviewLevel *
build_level(TviewAnalysis *analysis, Query *query, TviewLevel *outer,
			TviewLevel *up, Index container)
{
	TviewLevel *level = palloc0(sizeof(TviewLevel));

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	level->query = query;
	level->outer = outer;
	level->up = up;
	level->container = container;
	level->nitems = list_length(query->rtable);
	level->items = palloc0(sizeof(TviewItem) * (level->nitems + 1));
	analysis->levels = lappend(analysis->levels, level);

	flatten_level(level);
	if (query->setOperations)
		build_setop(analysis, level, query->setOperations);
	else
	{
		reduce_joins((Node *) query->jointree, NULL);
		build_jointree(analysis, level, (Node *) query->jointree, NIL);
	}
	classify_level(level);
	build_sublinks(analysis, level);
	return level;
}

/*
 * Replaces references to join columns and to grouping columns by what stands
 * behind them, here and in the subqueries that refer to this level.
 */
static void
flatten_level(TviewLevel *level)
{
	Query	   *query = level->query;
	ListCell   *lc;

	query->targetList = (List *)
		compat_flatten_group_exprs(query, (Node *) query->targetList);
	query->havingQual = compat_flatten_group_exprs(query, query->havingQual);
	query->targetList = (List *)
		compat_flatten_join_alias_vars(query, (Node *) query->targetList);
	query->havingQual =
		compat_flatten_join_alias_vars(query, query->havingQual);
	query->jointree = (FromExpr *)
		compat_flatten_join_alias_vars(query, (Node *) query->jointree);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY)
			rte->subquery = (Query *)
				compat_flatten_join_alias_vars(query, (Node *) rte->subquery);
		else if (rte->rtekind == RTE_FUNCTION)
			rte->functions = (List *)
				compat_flatten_join_alias_vars(query, (Node *) rte->functions);
		else if (rte->rtekind == RTE_VALUES)
			rte->values_lists = (List *)
				compat_flatten_join_alias_vars(query,
											   (Node *) rte->values_lists);
		else if (rte->rtekind == RTE_TABLEFUNC)
			rte->tablefunc = (TableFunc *)
				compat_flatten_join_alias_vars(query,
											   (Node *) rte->tablefunc);
	}
}

/*
 * Builds the FROM items below a node of the join tree.  "joins" are the joins
 * above it, innermost first.
 */
static void
build_jointree(TviewAnalysis *analysis, TviewLevel *level, Node *jtnode,
			   List *joins)
{
	check_stack_depth();
	if (jtnode == NULL)
		return;
	if (IsA(jtnode, RangeTblRef))
		build_item(analysis, level, ((RangeTblRef *) jtnode)->rtindex, joins);
	else if (IsA(jtnode, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			build_jointree(analysis, level, lfirst(lc), joins);
	}
	else
	{
		JoinExpr   *join = castNode(JoinExpr, jtnode);

		for (int side = 0; side < 2; side++)
		{
			TviewJoinSide *place = palloc0(sizeof(TviewJoinSide));

			place->join = join;
			place->is_right = (side == 1);
			build_jointree(analysis, level,
						   side == 0 ? join->larg : join->rarg,
						   lcons(place, list_copy(joins)));
		}
	}
}

/*
 * Builds one FROM item.
 */
static void
build_item(TviewAnalysis *analysis, TviewLevel *level, Index rti, List *joins)
{
	RangeTblEntry *rte = rt_fetch(rti, level->query->rtable);
	TviewItem  *item = &level->items[rti];

	item->joins = joins;
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			build_relation(analysis, level, rti);
			break;
		case RTE_SUBQUERY:
			item->child = build_level(analysis, rte->subquery, level, level,
									  rti);
			break;
		case RTE_CTE:
			build_cte(analysis, level, rti);
			break;
		case RTE_FUNCTION:
			item->vertex = add_vertex(analysis, level, rti);
			break;
		default:
			break;				/* links cannot see through it */
	}
}

/*
 * Builds a relation in FROM: a view is the level of its query.
 */
static void
build_relation(TviewAnalysis *analysis, TviewLevel *level, Index rti)
{
	RangeTblEntry *rte = rt_fetch(rti, level->query->rtable);
	TviewItem  *item = &level->items[rti];

	if (rte->relkind == RELKIND_VIEW)
	{
		Relation	view = relation_open(rte->relid, AccessShareLock);
		Query	   *query = copyObject(get_view_query(view));

		relation_close(view, NoLock);
		analysis->views = lappend_oid(analysis->views, rte->relid);
		item->child = build_level(analysis, query, NULL, level, rti);
		item->child->view = rte->relid;
	}
	else
	{
		item->vertex = add_vertex(analysis, level, rti);
		item->vertex->is_source = true;
	}
}

/*
 * Builds a reference to a CTE as if its query stood here.  A recursive one is
 * built too, so that its sources are known, but links do not reach into it.
 */
static void
build_cte(TviewAnalysis *analysis, TviewLevel *level, Index rti)
{
	RangeTblEntry *rte = rt_fetch(rti, level->query->rtable);
	TviewLevel *definer = level;
	ListCell   *lc;

	for (Index up = 0; up < rte->ctelevelsup; up++)
		definer = definer->outer;
	foreach(lc, definer->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		TviewLevel *child;

		if (strcmp(cte->ctename, rte->ctename) != 0)
			continue;
		if (cte->cterecursive && rte->self_reference)
			return;
		child = build_level(analysis,
							copyObject(castNode(Query, cte->ctequery)),
							definer, level, rti);
		child->is_recursive = cte->cterecursive;
		level->items[rti].child = child;
		return;
	}
	tview_internal_error("could not find CTE \"%s\"", rte->ctename);
}

/*
 * Builds the branches of a set operation.
 */
static void
build_setop(TviewAnalysis *analysis, TviewLevel *level, Node *setop)
{
	check_stack_depth();
	if (IsA(setop, RangeTblRef))
	{
		Index		rti = ((RangeTblRef *) setop)->rtindex;
		RangeTblEntry *rte = rt_fetch(rti, level->query->rtable);
		TviewLevel *branch = build_level(analysis, rte->subquery, level,
										 level, rti);

		level->items[rti].child = branch;
		level->branches = lappend(level->branches, branch);
	}
	else
	{
		SetOperationStmt *op = castNode(SetOperationStmt, setop);

		build_setop(analysis, level, op->larg);
		build_setop(analysis, level, op->rarg);
	}
}

/*
 * Adds a vertex for a FROM item.
 */
static TviewVertex *
add_vertex(TviewAnalysis *analysis, TviewLevel *level, Index rti)
{
	TviewVertex *vertex = palloc0(sizeof(TviewVertex));

	vertex->number = list_length(analysis->vertices);
	vertex->level = level;
	vertex->rti = rti;
	vertex->rte = rt_fetch(rti, level->query->rtable);
	analysis->vertices = lappend(analysis->vertices, vertex);
	return vertex;
}

/*
 * Builds the sublinks in all expressions of a level.
 */
static void
build_sublinks(TviewAnalysis *analysis, TviewLevel *level)
{
	Query	   *query = level->query;
	ListCell   *lc;

	build_join_sublinks(analysis, level, (Node *) query->jointree);
	find_sublinks(analysis, level, NULL, query->havingQual, true);
	find_sublinks(analysis, level, NULL, (Node *) query->targetList, false);
	find_sublinks(analysis, level, NULL, query->limitCount, false);
	find_sublinks(analysis, level, NULL, query->limitOffset, false);
	find_sublinks(analysis, level, NULL, (Node *) query->windowClause, false);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		find_sublinks(analysis, level, NULL, (Node *) rte->functions, false);
		find_sublinks(analysis, level, NULL, (Node *) rte->values_lists,
					  false);
		find_sublinks(analysis, level, NULL, (Node *) rte->tablefunc, false);
	}
}

/*
 * Builds the sublinks in the conditions below a node of the join tree.
 */
static void
build_join_sublinks(TviewAnalysis *analysis, TviewLevel *level, Node *jtnode)
{
	if (jtnode == NULL || IsA(jtnode, RangeTblRef))
		return;
	if (IsA(jtnode, FromExpr))
	{
		FromExpr   *from = (FromExpr *) jtnode;
		ListCell   *lc;

		foreach(lc, from->fromlist)
			build_join_sublinks(analysis, level, lfirst(lc));
		find_sublinks(analysis, level, NULL, from->quals, true);
	}
	else
	{
		JoinExpr   *join = castNode(JoinExpr, jtnode);

		build_join_sublinks(analysis, level, join->larg);
		build_join_sublinks(analysis, level, join->rarg);
		find_sublinks(analysis, level, join, join->quals, true);
	}
}

/*
 * Builds the sublinks in one expression.
 */
static void
find_sublinks(TviewAnalysis *analysis, TviewLevel *level, JoinExpr *join,
			  Node *node, bool is_filter)
{
	SublinkContext context = {0};

	context.analysis = analysis;
	context.level = level;
	context.join = join;
	context.is_filter = is_filter;
	context.is_conjunct = (node != NULL &&
						   node == level->query->jointree->quals);
	(void) find_sublinks_walker(node, &context);
}

/*
 * Walker of find_sublinks.  Below AND and OR, NULL and false of a filter
 * still mean the same; below anything else they may not.
 */
static bool
find_sublinks_walker(Node *node, SublinkContext *context)
{
	SublinkContext below = *context;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		TviewLevel *level;

		level = build_level(context->analysis,
							castNode(Query, sublink->subselect),
							context->level, context->level, 0);
		level->sublink = sublink;
		level->sublink_join = context->join;
		level->sublink_is_filter = context->is_filter;
		level->sublink_must_hold = context->is_conjunct &&
								   (sublink->subLinkType == EXISTS_SUBLINK ||
									sublink->subLinkType == ANY_SUBLINK);
		below.is_filter = false;
		below.is_conjunct = false;
		return find_sublinks_walker(sublink->testexpr, &below);
	}
	if (IsA(node, Query))
		return false;
	if (!(IsA(node, List) ||
		  (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop != NOT_EXPR)))
		below.is_filter = false;
	if (!IsA(node, List) && !is_andclause(node))
		below.is_conjunct = false;
	return expression_tree_walker(node, find_sublinks_walker, &below);
}

/*
 * Returns the FROM items of the top level that a key which is not NULL must
 * come from.
 */
static Relids
nonnull_by_key(Query *query, List *key_resnos)
{
	Relids		result = NULL;
	ListCell   *lc;

	foreach(lc, key_resnos)
	{
		TargetEntry *column = get_tle_by_resno(query->targetList,
											   lfirst_int(lc));

		result = bms_join(result,
						  tview_analyze_needed_by((Node *) column->expr));
	}
	return result;
}

/*
 * Returns the range table entries that must have a row where an expression is
 * not NULL.
 */
Bitmapset *
tview_analyze_needed_by(Node *expr)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) expr;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return find_nonnullable_rels((Node *) test);
}

/*
 * Turns outer joins into the inner or one-sided ones that they amount to, as
 * the planner does: "nonnull" are FROM items that are not null-extended in any
 * row that matters.
 */
static void
reduce_joins(Node *jtnode, Relids nonnull)
{
	if (IsA(jtnode, FromExpr))
	{
		FromExpr   *from = (FromExpr *) jtnode;
		ListCell   *lc;

		nonnull = bms_union(nonnull, find_nonnullable_rels(from->quals));
		foreach(lc, from->fromlist)
			reduce_joins(lfirst(lc), nonnull);
	}
	else if (IsA(jtnode, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) jtnode;
		Relids		matched = find_nonnullable_rels(join->quals);
		bool		keeps_left;
		bool		keeps_right;

		if (bms_overlap(nonnull, items_below(join->rarg)) &&
			(join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL))
			join->jointype =
				join->jointype == JOIN_LEFT ? JOIN_INNER : JOIN_RIGHT;
		if (bms_overlap(nonnull, items_below(join->larg)) &&
			(join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL))
			join->jointype =
				join->jointype == JOIN_RIGHT ? JOIN_INNER : JOIN_LEFT;

		/* each side: what holds in the rows of it that matter */
		keeps_left = (join->jointype == JOIN_LEFT ||
					  join->jointype == JOIN_FULL);
		keeps_right = (join->jointype == JOIN_RIGHT ||
					   join->jointype == JOIN_FULL);
		reduce_joins(join->larg,
					 keeps_left ? (keeps_right ? NULL : nonnull) :
								  bms_union(nonnull, matched));
		reduce_joins(join->rarg,
					 keeps_right ? (keeps_left ? NULL : nonnull) :
								   bms_union(nonnull, matched));
	}
}

/*
 * Returns the range table indexes of the FROM items below a node of the join
 * tree.
 */
static Relids
items_below(Node *jtnode)
{
	Relids		result = NULL;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) jtnode)->rtindex);
	if (IsA(jtnode, JoinExpr))
		return bms_join(items_below(((JoinExpr *) jtnode)->larg),
						items_below(((JoinExpr *) jtnode)->rarg));
	foreach(lc, castNode(FromExpr, jtnode)->fromlist)
		result = bms_join(result, items_below(lfirst(lc)));
	return result;
}

/*
 * Notes what a level does to its rows: which of its columns name the group of
 * rows that one changed row can affect.
 */
static void
classify_level(TviewLevel *level)
{
	Query	   *query = level->query;

	level->is_limited = (limits(query->limitCount, false) ||
						 limits(query->limitOffset, true) ||
						 query->groupingSets != NIL);
	if (is_partitioned_by_nothing(level))
		level->is_limited = true;
	if (query->hasWindowFuncs)
	{
		ListCell   *lc;

		foreach(lc, query->windowClause)
			level->partitions =
				lappend(level->partitions,
						lfirst_node(WindowClause, lc)->partitionClause);
	}
	if (query->hasDistinctOn)
		level->partitions = lappend(level->partitions, query->distinctClause);
}

/*
 * True unless a LIMIT or OFFSET lets all rows pass: it is not there, or NULL,
 * or an offset of 0, which some write as a fence for the optimizer.
 */
static bool
limits(Node *limit, bool is_offset)
{
	Const	   *value;

	if (limit == NULL)
		return false;
	/* a number is a cast to bigint, which this does */
	value = (Const *) eval_const_expressions(NULL, limit);
	return !IsA(value, Const) ||
		   (!value->constisnull &&
			!(is_offset && DatumGetInt64(value->constvalue) == 0));
}

/*
 * True for a level where a changed row can affect every row: a window without
 * PARTITION BY.
 */
static bool
is_partitioned_by_nothing(TviewLevel *level)
{
	ListCell   *lc;

	if (!level->query->hasWindowFuncs)
		return false;
	foreach(lc, level->query->windowClause)
	{
		if (lfirst_node(WindowClause, lc)->partitionClause == NIL)
			return true;
	}
	return false;
}

/*
 * Expresses an expression of a level over vertices, with the levels whose
 * output it uses in *crossings.  NULL when that cannot be done: the
 * expression holds an aggregate, say, or a sublink.
 */
Node *
tview_analyze_resolve(TviewLevel *level, Node *expr, List **crossings)
{
	ResolveContext context = {0};
	Node	   *result;

	context.level = level;
	result = resolve_mutator(expr, &context);
	if (context.failed)
		return NULL;
	if (crossings)
		*crossings = list_concat(*crossings, context.crossings);
	return result;
}

/*
 * Expresses the calls of a function in FROM over vertices, with the levels
 * whose output they use in *crossings; NULL when that cannot be done.
 */
List *
tview_analyze_resolve_functions(TviewVertex *function, List **crossings)
{
	ResolveContext context = {0};
	Node	   *result;

	context.level = function->level;
	context.in_from = true;
	result = resolve_mutator((Node *) function->rte->functions, &context);
	if (crossings)
		*crossings = list_concat(*crossings, context.crossings);
	return context.failed ? NULL : (List *) result;
}

/*
 * Expresses the output column of a level over vertices; see
 * tview_analyze_resolve.
 */
Node *
tview_analyze_resolve_output(TviewLevel *level, AttrNumber resno,
							 List **crossings)
{
	ResolveContext context = {0};
	Node	   *result;

	context.level = level;
	result = resolve_output(level, resno, &context);
	if (context.failed)
		return NULL;
	if (crossings)
		*crossings = list_concat(*crossings, context.crossings);
	return result;
}

/*
 * Mutator of tview_analyze_resolve.
 */
static Node *
resolve_mutator(Node *node, ResolveContext *context)
{
	if (node == NULL || context->failed)
		return NULL;
	if (IsA(node, Var))
		return resolve_var((Var *) node, context);
	if (is_opaque(node) || (!context->in_from && returns_set(node)))
	{
		context->failed = true;
		return NULL;
	}
	return expression_tree_mutator(node, resolve_mutator, context);
}

/*
 * Expresses one Var over vertices.
 */
static Node *
resolve_var(Var *var, ResolveContext *context)
{
	TviewLevel *level = context->level;
	TviewItem  *item;

	for (Index up = 0; up < var->varlevelsup; up++)
		level = level->outer;
	item = &level->items[var->varno];
	if (var->varattno > 0 && item->vertex && !item->vertex->is_source)
	{
		/* its rows follow from what its arguments are */
		(void) tview_analyze_resolve_functions(item->vertex,
											   &context->crossings);
	}
	if (var->varattno > 0 && item->vertex)
		return (Node *) makeVar(item->vertex->number + 1, var->varattno,
								var->vartype, var->vartypmod,
								var->varcollid, 0);
	if (var->varattno > 0 && item->child && !item->child->is_recursive)
	{
		TviewLevel *child = item->child;
		Node	   *result = resolve_output(child, var->varattno, context);

		/* a constant, say, is not NULL where the join finds no match */
		if (result && (!is_null_extended(item) ||
					   bms_overlap(tview_analyze_needed_by(result),
								   vertices_below(child))))
			return result;
	}
	context->failed = true;
	return NULL;
}

/*
 * True for a FROM item whose columns are NULL where a join finds no match.
 */
static bool
is_null_extended(TviewItem *item)
{
	ListCell   *lc;

	foreach(lc, item->joins)
	{
		if (tview_links_nulls_side(lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * Returns the vertices of a level and of those in its FROM, as numbers of
 * range table entries of resolved expressions.
 */
static Relids
vertices_below(TviewLevel *level)
{
	Relids		result = NULL;
	ListCell   *lc;

	for (int i = 1; i <= level->nitems; i++)
	{
		TviewItem  *item = &level->items[i];

		if (item->vertex)
			result = bms_add_member(result, item->vertex->number + 1);
		if (item->child)
			result = bms_join(result, vertices_below(item->child));
	}
	foreach(lc, level->branches)
		result = bms_join(result, vertices_below(lfirst(lc)));
	return result;
}

/*
 * Expresses an output column of a level over vertices.  Of a set operation it
 * is the column of the branch that is being looked at.
 */
static Node *
resolve_output(TviewLevel *level, AttrNumber resno, ResolveContext *context)
{
	TviewLevel *caller = context->level;
	bool		in_from = context->in_from;
	TviewCrossing *crossing = palloc0(sizeof(TviewCrossing));
	TargetEntry *column = get_tle_by_resno(level->query->targetList, resno);
	Node	   *result;

	if (level->query->groupingSets)
	{
		/* NULL in the rows of some sets, whatever the expression's value */
		context->failed = true;
		return NULL;
	}
	crossing->level = level;
	crossing->resno = resno;
	context->crossings = lappend(context->crossings, crossing);
	if (level->branches)
	{
		result = resolve_output(list_nth(level->branches, level->branch),
								resno, context);
		if (result)
			result = as_column(result, (Node *) column->expr);
		if (result == NULL)
			context->failed = true;
		return result;
	}
	context->level = level;
	context->in_from = false;
	result = resolve_mutator((Node *) column->expr, context);
	context->level = caller;
	context->in_from = in_from;
	return result;
}

/*
 * Gives the column of a branch the type and collation that the set operation
 * has for it; NULL if that cannot be done.
 */
static Node *
as_column(Node *expr, Node *column)
{
	Oid			type = exprType(column);
	Oid			collation = exprCollation(column);

	if (exprType(expr) != type)
		expr = coerce_to_target_type(NULL, expr, exprType(expr), type, -1,
									 COERCION_EXPLICIT, COERCE_EXPLICIT_CAST,
									 -1);
	if (expr && OidIsValid(collation) && exprCollation(expr) != collation)
	{
		CollateExpr *collated = makeNode(CollateExpr);

		collated->arg = (Expr *) expr;
		collated->collOid = collation;
		collated->location = -1;
		expr = (Node *) collated;
	}
	return expr;
}

/*
 * True for a node whose value is not an expression over one row of each
 * vertex.
 */
static bool
is_opaque(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
		case T_SubLink:
		case T_Param:
		case T_CurrentOfExpr:
			return true;
		default:
			return false;
	}
}

/*
 * True for a call of a function that returns a set.
 */
static bool
returns_set(Node *node)
{
	return (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
		   (IsA(node, OpExpr) && ((OpExpr *) node)->opretset);
}
