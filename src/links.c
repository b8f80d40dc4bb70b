/*
 * links.c
 *		The conditions of a query, and which way a change travels along them.
 *
 * A link is a condition that mentions two vertices.  It can be followed from
 * one to the other when every row that a change can affect is certain to
 * satisfy it, for only then the rows found by it include those affected.  Why
 * that is more than "the condition stands in the query":
 *
 * Think of a changed row r of x, and of a combination t of FROM items that r's
 * change adds or removes.  If r is part of t, every condition between r and
 * other rows of t holds, except where t is null-extended: the ON condition of
 * LEFT JOIN says nothing about a left row that found no match.  So an ON
 * condition is followed only from the side that would be null-extended, and a
 * condition must be strict in each vertex, or the vertex never null-extended.
 * If r is not part of t, t lost or regained its null-extension because of r;
 * there is a t' that has r and is the same as t outside the nullable side, and
 * the first condition followed from there is that side's own ON.
 *
 * What an expression above a level sees of it, its output columns, names the
 * affected rows only if the level does not mix rows: LIMIT and unpartitioned
 * windows let a row affect rows that share nothing with it.  Correlation, a
 * condition inside the level on an outer row, holds whatever the level does.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "pg_tviews.h"

/* What resolve_test_mutator carries along. */
typedef struct TestContext
{
	TviewLevel *level;			/* the sublink's */
	List	   *crossings;
	bool		failed;
} TestContext;

/* What collect_vars_walker carries along. */
typedef struct CollectContext
{
	Relids		vertices;
} CollectContext;

static void find_bases(TviewAnalysis *analysis);
static void find_level_links(TviewAnalysis *analysis, TviewLevel *level);
static void find_jointree_links(TviewAnalysis *analysis, TviewLevel *level,
								Node *jtnode);
static void add_conditions(TviewAnalysis *analysis, TviewLevel *level,
						   JoinExpr *join, Node *quals);
static void add_sublink_test(TviewAnalysis *analysis, TviewLevel *level);
static Node *resolve_test(TviewLevel *level, Node *test, List **crossings);
static Node *resolve_test_mutator(Node *node, TestContext *context);
static bool is_never_null(TviewAnalysis *analysis, TviewLevel *level,
						  Node *test);
static TviewLink *add_link(TviewAnalysis *analysis, TviewLevel *level,
						   JoinExpr *join, Node *cond, List *crossings);
static void fold_functions(TviewAnalysis *analysis, TviewLink *link);
static bool collect_vars_walker(Node *node, CollectContext *context);
static bool is_equality(Node *cond);
static bool is_under(TviewVertex *vertex, TviewLevel *level, JoinExpr *join);
static bool is_present(TviewLink *link, TviewVertex *from);
static bool has_row_of_nothing(TviewLevel *level);
static bool holds_when_present(TviewLink *link, TviewVertex *from);
static bool is_real(TviewAnalysis *analysis, TviewLink *link,
					TviewVertex *vertex);
static TviewLevel *common_level(TviewLevel *a, TviewLevel *b);
static bool exits_freely(TviewLink *link, TviewVertex *from, TviewVertex *to);
static bool merges_alike(TviewLink *link, TviewCrossing *crossing);
static bool has_unsteady_part_walker(Node *node, List *merged);
static bool enters_sublink(TviewVertex *from, TviewVertex *to);
static bool has_join(List *places, JoinExpr *join);


/*
 * Finds the links of the variant of the query that is being looked at.
 */
void
tview_links_find(TviewAnalysis *analysis)
{
	ListCell   *lc;

	analysis->links = NIL;
	find_bases(analysis);
	foreach(lc, analysis->levels)
	{
		TviewLevel *level = lfirst(lc);

		if (tview_analyze_is_active(level))
			find_level_links(analysis, level);
	}
}

/*
 * Returns the vertex of a number.
 */
TviewVertex *
tview_links_vertex(TviewAnalysis *analysis, int number)
{
	return list_nth(analysis->vertices, number);
}

/*
 * Finds for each function in FROM the vertex that its arguments come from:
 * its rows belong to that vertex's row.
 */
static void
find_bases(TviewAnalysis *analysis)
{
	ListCell   *lc;

	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);
		CollectContext context = {0};
		List	   *functions;

		vertex->base = vertex->number;
		vertex->is_blocked = false;
		if (vertex->is_source || !tview_analyze_is_active(vertex->level))
			continue;
		functions = tview_analyze_resolve_functions(vertex, NULL);
		(void) collect_vars_walker((Node *) functions, &context);
		if (functions == NIL || bms_num_members(context.vertices) > 1)
			vertex->is_blocked = true;
		else if (context.vertices)
			vertex->base = bms_singleton_member(context.vertices);
		if (!tview_links_vertex(analysis, vertex->base)->is_source &&
			vertex->base != vertex->number)
			vertex->is_blocked = true;
	}
}

/*
 * Finds the links that stand in one level.
 */
static void
find_level_links(TviewAnalysis *analysis, TviewLevel *level)
{
	if (level->query->setOperations == NULL)
		find_jointree_links(analysis, level, (Node *) level->query->jointree);
	if (level->query->groupingSets == NIL)
		add_conditions(analysis, level, NULL, level->query->havingQual);
	if (level->sublink && level->sublink->testexpr)
		add_sublink_test(analysis, level);
}

/*
 * Finds the links below a node of a join tree.
 */
static void
find_jointree_links(TviewAnalysis *analysis, TviewLevel *level, Node *jtnode)
{
	if (IsA(jtnode, FromExpr))
	{
		FromExpr   *from = (FromExpr *) jtnode;
		ListCell   *lc;

		foreach(lc, from->fromlist)
			find_jointree_links(analysis, level, lfirst(lc));
		add_conditions(analysis, level, NULL, from->quals);
	}
	else if (IsA(jtnode, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) jtnode;

		find_jointree_links(analysis, level, join->larg);
		find_jointree_links(analysis, level, join->rarg);
		add_conditions(analysis, level, join, join->quals);
	}
}

/*
 * Adds each conjunct of a condition that can be expressed over vertices.
 */
static void
add_conditions(TviewAnalysis *analysis, TviewLevel *level, JoinExpr *join,
			   Node *quals)
{
	if (quals == NULL)
		return;
	if (is_andclause(quals))
	{
		ListCell   *lc;

		foreach(lc, ((BoolExpr *) quals)->args)
			add_conditions(analysis, level, join, lfirst(lc));
	}
	else
	{
		List	   *crossings = NIL;
		Node	   *cond = tview_analyze_resolve(level, quals, &crossings);

		if (cond)
			add_link(analysis, level, join, cond, crossings);
	}
}

/*
 * Adds the test of IN, ANY or ALL as links from the sublink's level outwards.
 *
 * A row of the sublink matters to an outer row when the test between them is
 * true (ANY) or not true (ALL).  Where NULL and false are not the same, it
 * matters as well when the test is NULL.
 */
static void
add_sublink_test(TviewAnalysis *analysis, TviewLevel *level)
{
	SubLink    *sublink = level->sublink;
	List	   *crossings = NIL;
	Node	   *test = resolve_test(level, sublink->testexpr, &crossings);
	List	   *conds;
	ListCell   *lc;

	if (test == NULL)
		return;
	if (sublink->subLinkType == ANY_SUBLINK &&
		(level->sublink_is_filter || is_never_null(analysis, level, test)))
	{
		if (is_andclause(test))
			conds = ((BoolExpr *) test)->args;
		else
			conds = list_make1(test);
	}
	else
	{
		BooleanTest *unsure = makeNode(BooleanTest);

		unsure->arg = (Expr *) test;
		unsure->booltesttype =
			sublink->subLinkType == ANY_SUBLINK ? IS_NOT_FALSE : IS_NOT_TRUE;
		unsure->location = -1;
		conds = list_make1(unsure);
	}
	foreach(lc, conds)
	{
		TviewLink  *link = add_link(analysis, level->up, level->sublink_join,
									lfirst(lc), crossings);

		if (link)
			link->sublink = level;
	}
}

/*
 * Expresses the test of a sublink over vertices: the subquery's columns stand
 * in it as parameters.
 */
static Node *
resolve_test(TviewLevel *level, Node *test, List **crossings)
{
	TestContext context = {0};
	Node	   *result;

	context.level = level;
	if (level->sublink->subLinkType != ANY_SUBLINK &&
		level->sublink->subLinkType != ALL_SUBLINK)
		return NULL;
	result = resolve_test_mutator(test, &context);
	*crossings = context.crossings;
	return context.failed ? NULL : result;
}

/*
 * Mutator of resolve_test: outer expressions belong to the level above,
 * parameters are the sublink's output columns.
 */
static Node *
resolve_test_mutator(Node *node, TestContext *context)
{
	Node	   *result;

	if (node == NULL || context->failed)
		return NULL;
	if (IsA(node, Var) || IsA(node, SubLink))
		result = tview_analyze_resolve(context->level->up, node,
									   &context->crossings);
	else if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		result = tview_analyze_resolve_output(context->level,
											  ((Param *) node)->paramid,
											  &context->crossings);
	else
		return expression_tree_mutator(node, resolve_test_mutator, context);
	if (result == NULL)
		context->failed = true;
	return result;
}

/*
 * True when the test of a sublink cannot be NULL: it compares columns that are
 * NOT NULL, of rows that are always there.
 */
static bool
is_never_null(TviewAnalysis *analysis, TviewLevel *level, Node *test)
{
	List	   *parts = is_andclause(test) ? ((BoolExpr *) test)->args :
									   list_make1(test);
	ListCell   *lc;

	foreach(lc, parts)
	{
		OpExpr	   *op = lfirst(lc);
		ListCell   *lc2;

		if (!IsA(op, OpExpr) || !op_hashjoinable(op->opno,
												 exprType(linitial(op->args))))
			return false;
		foreach(lc2, op->args)
		{
			Var		   *var = lfirst(lc2);
			TviewVertex *vertex;

			if (!IsA(var, Var))
				return false;
			vertex = tview_links_vertex(analysis, var->varno - 1);
			if (!tview_sources_is_not_null(vertex, (Node *) var) ||
				tview_links_is_nullable(vertex,
										common_level(vertex->level, level),
										NULL))
				return false;
		}
	}
	return true;
}

/*
 * Adds a condition over vertices as a link; NULL if it mentions fewer than
 * two.
 */
static TviewLink *
add_link(TviewAnalysis *analysis, TviewLevel *level, JoinExpr *join,
		 Node *cond, List *crossings)
{
	CollectContext context = {0};
	TviewLink  *link;

	(void) collect_vars_walker(cond, &context);
	if (bms_num_members(context.vertices) < 2)
		return NULL;
	link = palloc0(sizeof(TviewLink));
	link->cond = cond;
	link->vertices = context.vertices;
	link->level = level;
	link->join = join;
	link->crossings = crossings;
	link->strict = find_nonnullable_rels(cond);
	link->is_equality = is_equality(cond);
	fold_functions(analysis, link);
	if (bms_num_members(link->vertices) < 2)
		return NULL;
	analysis->links = lappend(analysis->links, link);
	return link;
}

/*
 * Replaces functions among a link's vertices by the vertices they hang on.
 */
static void
fold_functions(TviewAnalysis *analysis, TviewLink *link)
{
	Relids		folded = NULL;
	int			number = -1;

	while ((number = bms_next_member(link->vertices, number)) >= 0)
	{
		TviewVertex *vertex = tview_links_vertex(analysis, number);

		if (!vertex->is_source)
			link->functions = lappend_int(link->functions, number);
		folded = bms_add_member(folded, vertex->base);
	}
	link->vertices = folded;
}

/*
 * Collects the vertices of an expression, as numbers from 0.
 */
static bool
collect_vars_walker(Node *node, CollectContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		context->vertices = bms_add_member(context->vertices,
										   ((Var *) node)->varno - 1);
		return false;
	}
	return expression_tree_walker(node, collect_vars_walker, context);
}

/*
 * Returns the vertices of an expression over vertices.
 */
Relids
tview_links_vertices(Node *expr)
{
	CollectContext context = {0};

	(void) collect_vars_walker(expr, &context);
	return context.vertices;
}

/*
 * True for "expression of one vertex = expression of another" by an operator
 * that an index or a hash table can answer.
 */
static bool
is_equality(Node *cond)
{
	OpExpr	   *op = (OpExpr *) cond;
	Node	   *left;
	Node	   *right;

	if (!IsA(cond, OpExpr) || list_length(op->args) != 2)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	return (op_hashjoinable(op->opno, exprType(left)) ||
			op_mergejoinable(op->opno, exprType(left))) &&
		   bms_num_members(tview_links_vertices(left)) == 1 &&
		   bms_num_members(tview_links_vertices(right)) == 1;
}

/*
 * True when a change of a row of "from" affects only rows whose row of "to"
 * satisfies the link with it.
 */
bool
tview_links_usable(TviewAnalysis *analysis, TviewLink *link,
				   TviewVertex *from, TviewVertex *to)
{
	ListCell   *lc;

	if (bms_num_members(link->vertices) != 2)
		return false;
	foreach(lc, link->functions)
	{
		if (tview_links_vertex(analysis, lfirst_int(lc))->is_blocked)
			return false;
	}
	if (enters_sublink(from, to))
		return false;
	if (link->sublink)
	{
		if (!tview_analyze_is_inside(from->level, link->sublink) ||
			tview_analyze_is_inside(to->level, link->sublink))
			return false;
	}
	else if (!is_present(link, from))
		return false;
	return is_real(analysis, link, from) && is_real(analysis, link, to) &&
		   exits_freely(link, from, to);
}

/*
 * True when the place where a link stands is not null-extended in a row that
 * has a row of "from", and its condition holds there.  Between the two there
 * must be no sublink, which says nothing of the rows outside unless WHERE
 * demands it, and no level that has a row even where none satisfies its
 * conditions.
 */
static bool
is_present(TviewLink *link, TviewVertex *from)
{
	TviewLevel *common = common_level(from->level, link->level);
	TviewLevel *level = link->level;
	List	   *places = NIL;
	ListCell   *lc;

	if (!holds_when_present(link, from))
		return false;
	if (is_under(from, link->level, link->join))
		return true;

	/* the joins around the link, up to the one that joins it with "from" */
	if (link->join)
	{
		bool		above = false;

		for (int i = 1; i <= level->nitems && !above; i++)
		{
			if (!has_join(level->items[i].joins, link->join))
				continue;
			foreach(lc, level->items[i].joins)
			{
				TviewJoinSide *place = lfirst(lc);

				if (above)
					places = lappend(places, place);
				above = above || place->join == link->join;
			}
		}
	}
	for (;;)
	{
		Index		here = 0;

		if (level == common)
			here = tview_links_item(from->level, from->rti, common);
		foreach(lc, places)
		{
			TviewJoinSide *place = lfirst(lc);

			if (tview_links_nulls_side(place))
				return false;
			if (here && has_join(level->items[here].joins, place->join))
				return true;
		}
		if (level == common)
			return true;
		if (has_row_of_nothing(level) ||
			(level->container == 0 && !level->sublink_must_hold))
			return false;
		places = level->container ?
					 level->up->items[level->container].joins :
					 NIL;
		level = level->up;
	}
}

/*
 * True for a level that has a row even where its FROM clause has none: it
 * aggregates without GROUP BY, or by an empty grouping set.
 */
static bool
has_row_of_nothing(TviewLevel *level)
{
	Query	   *query = level->query;

	return query->groupingSets != NIL ||
		   (query->groupClause == NIL &&
			(query->hasAggs || query->havingQual != NULL));
}

/*
 * True when the condition of a link holds wherever it is evaluated for a row
 * of "from": ON of an outer join does so from the side that is null-extended
 * without a match.
 */
static bool
holds_when_present(TviewLink *link, TviewVertex *from)
{
	ListCell   *lc;
	Index		rti;

	if (link->join == NULL || link->join->jointype == JOIN_INNER)
		return true;
	if (!is_under(from, link->level, link->join))
		return false;
	rti = tview_links_item(from->level, from->rti, link->level);
	foreach(lc, link->level->items[rti].joins)
	{
		TviewJoinSide *place = lfirst(lc);

		if (place->join == link->join)
			return (place->is_right ? JOIN_LEFT : JOIN_RIGHT) ==
				   link->join->jointype;
	}
	return false;
}

/*
 * True when a vertex stands below a join, or, without one, in a level.
 */
static bool
is_under(TviewVertex *vertex, TviewLevel *level, JoinExpr *join)
{
	Index		rti = tview_links_item(vertex->level, vertex->rti, level);

	if (rti == 0)
		return false;
	return join == NULL || has_join(level->items[rti].joins, join);
}

/*
 * True when a row in which a link's condition is true has a row of a vertex.
 */
static bool
is_real(TviewAnalysis *analysis, TviewLink *link, TviewVertex *vertex)
{
	TviewLevel *common;
	ListCell   *lc;

	common = common_level(vertex->level, link->level);
	if (!bms_is_member(vertex->number + 1, link->strict) &&
		tview_links_is_nullable(vertex, common,
								common == link->level ? link->join : NULL))
		return false;

	/* what is read of it through functions must be real as well */
	foreach(lc, link->functions)
	{
		TviewVertex *function = tview_links_vertex(analysis, lfirst_int(lc));

		if (function->base == vertex->number &&
			!bms_is_member(function->number + 1, link->strict))
			return false;
	}
	return true;
}

/*
 * True when a vertex may be null-extended where a join of a level, or without
 * one the whole level, sees it.
 */
bool
tview_links_is_nullable(TviewVertex *vertex, TviewLevel *level, JoinExpr *join)
{
	TviewLevel *at = vertex->level;
	Index		rti = vertex->rti;

	for (;;)
	{
		ListCell   *lc;

		foreach(lc, at->items[rti].joins)
		{
			TviewJoinSide *place = lfirst(lc);

			if (at == level && place->join == join)
				return false;
			if (tview_links_nulls_side(place))
				return true;
		}
		if (at == level || at->container == 0)
			return false;
		rti = at->container;
		at = at->up;
	}
}

/*
 * True for the side of a join that gets NULLs when nothing matches.
 */
bool
tview_links_nulls_side(TviewJoinSide *place)
{
	switch (place->join->jointype)
	{
		case JOIN_FULL:
			return true;
		case JOIN_LEFT:
			return place->is_right;
		case JOIN_RIGHT:
			return !place->is_right;
		default:
			return false;
	}
}

/*
 * True when a list of places names a join.
 */
static bool
has_join(List *places, JoinExpr *join)
{
	ListCell   *lc;

	foreach(lc, places)
	{
		if (((TviewJoinSide *) lfirst(lc))->join == join)
			return true;
	}
	return false;
}

/*
 * Returns the innermost level that both are part of.
 */
static TviewLevel *
common_level(TviewLevel *a, TviewLevel *b)
{
	while (!tview_analyze_is_inside(b, a))
		a = a->up;
	return a;
}

/*
 * Returns the FROM item of "ancestor" that an item of a level is part of, or 0
 * if it is not part of its FROM clause.
 */
Index
tview_links_item(TviewLevel *level, Index rti, TviewLevel *ancestor)
{
	while (level && level != ancestor)
	{
		rti = level->container;
		if (rti == 0)
			return 0;
		level = level->up;
	}
	return level ? rti : 0;
}

/*
 * True unless a link leads out of a level by its output although the level
 * lets rows affect others that share nothing with them, or merges rows whose
 * values the link may tell apart.
 */
static bool
exits_freely(TviewLink *link, TviewVertex *from, TviewVertex *to)
{
	ListCell   *lc;

	foreach(lc, link->crossings)
	{
		TviewCrossing *crossing = lfirst(lc);

		if (!tview_analyze_is_inside(from->level, crossing->level))
			continue;
		if (crossing->level->is_limited ||
			tview_analyze_is_inside(to->level, crossing->level) ||
			!merges_alike(link, crossing))
			return false;
	}
	return true;
}

/*
 * True when a link that uses an output column of a level says the same of all
 * rows that the level merges into one.
 */
static bool
merges_alike(TviewLink *link, TviewCrossing *crossing)
{
	OpExpr	   *op = (OpExpr *) link->cond;
	ListCell   *lc;

	if (tview_links_is_exact(crossing, NULL))
		return true;
	foreach(lc, IsA(op, OpExpr) ? op->args : NIL)
	{
		if (tview_links_agrees(op, lfirst(lc)) &&
			tview_links_is_exact(crossing, lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * True when an operator compares as the type and collation of an expression
 * do: what it takes for equal, they do, and it tells nothing apart that they
 * take for equal.
 */
bool
tview_links_agrees(OpExpr *op, Node *expr)
{
	TypeCacheEntry *type = lookup_type_cache(exprType(expr),
											 TYPECACHE_BTREE_OPFAMILY);

	return OidIsValid(type->btree_opf) &&
		   op_in_opfamily(op->opno, type->btree_opf) &&
		   op->inputcollid == exprCollation(expr);
}

/*
 * True when an output column of a level has the same value, bit by bit, in all
 * rows that the level merges into one by GROUP BY, DISTINCT, or a set
 * operation.  Of 1.0 and 1.00, one group, any may come out: that is exact
 * enough where the column itself is "compared" as its type does.
 */
bool
tview_links_is_exact(TviewCrossing *crossing, Node *compared)
{
	Query	   *query = crossing->level->query;
	TargetEntry *column = get_tle_by_resno(query->targetList,
										   crossing->resno);
	List	   *clauses = query->groupClause;
	List	   *merged = NIL;
	ListCell   *lc;

	if (query->setOperations)
		merged = list_make1(column->expr);
	if (query->distinctClause && !query->hasDistinctOn)
		clauses = list_concat_copy(clauses, query->distinctClause);
	foreach(lc, clauses)
		merged = lappend(merged,
						 get_sortgroupclause_expr(lfirst(lc),
												  query->targetList));
	if (compared && list_member(merged, column->expr) &&
		equal(compared, tview_analyze_resolve_output(crossing->level,
													 crossing->resno, NULL)))
		return true;
	return !has_unsteady_part_walker((Node *) column->expr, merged);
}

/*
 * Walker: true for an expression with a part that is among those merged by,
 * and may differ between equal values.
 */
static bool
has_unsteady_part_walker(Node *node, List *merged)
{
	if (node == NULL)
		return false;
	if (list_member(merged, node))
		return !tview_links_is_bitwise(node);
	return expression_tree_walker(node, has_unsteady_part_walker, merged);
}

/*
 * True when equal values of an expression are the same bit by bit.  The btree
 * operator class of its type says so, except of char, whose values may or may
 * not be padded.
 */
bool
tview_links_is_bitwise(Node *expr)
{
	Oid			collation = exprCollation(expr);
	TypeCacheEntry *type = lookup_type_cache(exprType(expr),
											 TYPECACHE_BTREE_OPFAMILY);
	Datum		input;
	Oid			proc;

	if (!OidIsValid(type->btree_opf) ||
		getBaseType(type->type_id) == BPCHAROID ||
		(!OidIsValid(collation) && type_is_collatable(type->type_id)))
		return false;
	input = ObjectIdGetDatum(type->btree_opintype);
	proc = get_opfamily_proc(type->btree_opf, type->btree_opintype,
							 type->btree_opintype, BTEQUALIMAGE_PROC);
	return OidIsValid(proc) &&
		   DatumGetBool(OidFunctionCall1Coll(proc, collation, input));
}

/*
 * True when "to" is part of a sublink that "from" is not part of: no key is
 * found in there.
 */
static bool
enters_sublink(TviewVertex *from, TviewVertex *to)
{
	for (TviewLevel *level = to->level; level; level = level->up)
	{
		if (tview_analyze_is_inside(from->level, level))
			return false;
		if (level->container == 0)
			return true;
	}
	return false;
}
