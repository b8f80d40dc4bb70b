/*
 * hops.c
 *		Conditions between a row and another one of the same vertex.
 *
 * A hop of a route leads from a row to others of its partition (routes.c), so
 * its conditions speak of two rows of one vertex.  The Vars of the other row
 * have varlevelsup 1, which no Var of a vertex has otherwise: the query that
 * follows the hop and the lock on the partition's values tell the rows apart
 * by it (route_sql.c, edges.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

static Node *comparable(Node *expr);
static Node *to_other_row(Node *expr);
static Node *to_other_row_mutator(Node *node, void *context);
static bool is_other_row_walker(Node *node, void *context);

/*
 * Returns a condition that a row and another of the same vertex have the same
 * value of an expression.
 */
Node *
tview_hops_same_value(SortGroupClause *clause, Node *expr, bool or_null)
{
	Expr	   *equal_op;
	List	   *tests;

	expr = comparable(expr);
	equal_op = make_opclause(clause->eqop, BOOLOID, false, (Expr *) expr,
							 (Expr *) to_other_row(expr), InvalidOid,
							 exprCollation(expr));
	set_opfuncid((OpExpr *) equal_op);
	if (!or_null)
		return (Node *) equal_op;
	/* IS NOT DISTINCT FROM could not name the operator's schema */
	tests = list_make2(equal_op, tview_hops_both_null(expr));
	return (Node *) makeBoolExpr(OR_EXPR, tests, -1);
}

/*
 * Returns an expression as something that an operator's name can be found for:
 * for domains over enums and ranges PostgreSQL finds none.
 */
static Node *
comparable(Node *expr)
{
	Oid			type = exprType(expr);
	Oid			base = getBaseType(type);

	if (base == type || !(type_is_enum(base) || type_is_range(base) ||
						  type_is_multirange(base)))
		return expr;
	return (Node *) makeRelabelType((Expr *) expr, base, -1, InvalidOid,
									COERCE_EXPLICIT_CAST);
}

/*
 * Returns a condition that an expression is NULL in both rows of a hop.
 */
Node *
tview_hops_both_null(Node *expr)
{
	List	   *tests = NIL;

	for (int i = 0; i < 2; i++)
	{
		NullTest   *test = makeNode(NullTest);

		test->arg = (Expr *) (i == 0 ? expr : to_other_row(expr));
		test->nulltesttype = IS_NULL;
		test->location = -1;
		tests = lappend(tests, test);
	}
	return (Node *) makeBoolExpr(AND_EXPR, tests, -1);
}

/*
 * Returns an expression over a vertex's other row: in the conditions of a hop,
 * that has varlevelsup 1.
 */
static Node *
to_other_row(Node *expr)
{
	return to_other_row_mutator(expr, NULL);
}

/*
 * Mutator of to_other_row.
 */
static Node *
to_other_row_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		var->varlevelsup = 1;
		return (Node *) var;
	}
	return expression_tree_mutator(node, to_other_row_mutator, context);
}

/*
 * True for an expression over the other row of a hop.
 */
bool
tview_hops_is_other_row(Node *expr)
{
	return is_other_row_walker(expr, NULL);
}

/*
 * Walker of tview_hops_is_other_row.
 */
static bool
is_other_row_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == 1;
	return expression_tree_walker(node, is_other_row_walker, context);
}
