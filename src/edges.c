/*
 * edges.c
 *		The steps of routes as edges of a graph, for locks.
 *
 * Two transactions that change different rows of one chain must find out about
 * each other (see locks.c).  They meet at the values by which the rows are
 * linked.  An edge is one step of some route: it leaves the rows of a source,
 * "from", and leads to those of another, "to", which are nearer to the key.
 * The values that it links them by are expressions over either side, hashed
 * alike, or that such an expression is NULL; an edge without any is locked as
 * a whole.
 *
 * Edges need columns of both sources in their touches; those are added before
 * the touches are laid out (tview_edges_require), and the expressions put in
 * terms of touches after (tview_edges_finish).
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "pg_tviews.h"

/* What shift_mutator carries along. */
typedef struct ShiftContext
{
	const TviewSource *source;
	bool		failed;
} ShiftContext;

static TviewStep *find_edge(TviewAnalysis *analysis, TviewStep *step);
static void require_columns(TviewDef *def, TviewStep *step);
static bool require_walker(Node *node, TviewStep *step);
static void finish_edge(TviewAnalysis *analysis, TviewDef *def,
						TviewEdge *edge, TviewStep *step, int depth);
static void add_value(TviewDef *def, TviewEdge *edge, TviewStep *step,
					  Node *cond);
static void add_null(TviewDef *def, TviewEdge *edge, BoolExpr *cond);
static bool is_side(TviewStep *step, Node *expr, bool is_to);
static Node *over_touches(const TviewSource *source, Node *expr);
static Node *shift_mutator(Node *node, ShiftContext *context);
static void append_side(StringInfo words, const TviewDef *def, int source,
						List *exprs);
static Node *over_columns(Node *node, const TviewSource *source);
static int	compare_edges(const void *a, const void *b);

/*
 * Notes the steps of a route, of which the last is nearest to the key.
 */
void
tview_edges_add(TviewAnalysis *analysis, List *steps)
{
	int			depth = list_length(steps);
	ListCell   *lc;

	foreach(lc, steps)
	{
		TviewStep  *step = lfirst(lc);
		TviewStep  *edge = find_edge(analysis, step);

		depth--;
		if (!step->from->is_source || !step->to->is_source)
			analysis->has_blind_edges = true;
		else if (edge == NULL)
		{
			step->depth = depth;
			step->variant = analysis->variant;
			analysis->edges = lappend(analysis->edges, step);
		}
		else
			edge->depth = Min(edge->depth, depth);
	}
}

/*
 * Returns the edge that does the same as a step, or NULL.
 */
static TviewStep *
find_edge(TviewAnalysis *analysis, TviewStep *step)
{
	ListCell   *lc;

	foreach(lc, analysis->edges)
	{
		TviewStep  *edge = lfirst(lc);

		if (edge->from == step->from && edge->to == step->to &&
			edge->is_hop == step->is_hop && equal(edge->conds, step->conds))
			return edge;
	}
	return NULL;
}

/*
 * Adds to each source's touches the columns that its edges need.
 */
void
tview_edges_require(TviewAnalysis *analysis, TviewDef *def)
{
	ListCell   *lc;

	foreach(lc, analysis->edges)
		require_columns(def, lfirst(lc));
}

/*
 * Adds the columns that one edge needs.
 */
static void
require_columns(TviewDef *def, TviewStep *step)
{
	step->def = def;
	(void) require_walker((Node *) step->conds, step);
}

/*
 * Walker of require_columns.
 */
static bool
require_walker(Node *node, TviewStep *step)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		for (int side = 0; side < 2; side++)
		{
			TviewVertex *vertex = side == 0 ? step->from : step->to;
			TviewSource *source = &step->def->sources[vertex->source];

			if (var->varno == vertex->number + 1)
				source->linking = bms_add_member(source->linking,
												 var->varattno);
		}
		return false;
	}
	return expression_tree_walker(node, require_walker, step);
}

/*
 * Makes the edges of a definition; the layout of touches is known by now.
 */
void
tview_edges_finish(TviewAnalysis *analysis, TviewDef *def)
{
	int			variant = -1;
	ListCell   *lc;

	def->has_blind_edges = analysis->has_blind_edges;
	def->computes_links = analysis->computes_links;
	def->nedges = list_length(analysis->edges);
	def->edges = palloc0(sizeof(TviewEdge) * (def->nedges + 1));
	foreach(lc, analysis->edges)
	{
		TviewStep  *step = lfirst(lc);

		/* what a function hangs on depends on the variant */
		if (step->variant != variant)
		{
			variant = step->variant;
			(void) tview_analyze_turn_to(analysis, variant);
			tview_links_find(analysis);
		}
		finish_edge(analysis, def, &def->edges[foreach_current_index(lc)],
					step, step->depth);
	}
	qsort(def->edges, def->nedges, sizeof(TviewEdge), compare_edges);
}

/*
 * Makes one edge.
 */
static void
finish_edge(TviewAnalysis *analysis, TviewDef *def, TviewEdge *edge,
			TviewStep *step, int depth)
{
	int			nconds = list_length(step->conds);
	ListCell   *lc;

	edge->number = list_length(analysis->edges_done) + 1;
	analysis->edges_done = lappend(analysis->edges_done, step);
	edge->from = step->from->source;
	edge->to = step->to->source;
	edge->is_hop = step->is_hop;
	edge->depth = depth;
	edge->from_hashes = palloc0(sizeof(Oid) * (nconds + 1));
	edge->to_hashes = palloc0(sizeof(Oid) * (nconds + 1));
	edge->collations = palloc0(sizeof(Oid) * (nconds + 1));
	foreach(lc, step->conds)
		add_value(def, edge, step, lfirst(lc));
	edge->sql = tview_route_walk(analysis, step,
								 &def->sources[edge->from]);
}

/*
 * Adds the value that a condition links the two sides by, if it is an equality
 * that can be hashed.
 */
static void
add_value(TviewDef *def, TviewEdge *edge, TviewStep *step, Node *cond)
{
	OpExpr	   *op = (OpExpr *) cond;
	RegProcedure left_hash;
	RegProcedure right_hash;
	bool		swapped;
	Node	   *from;
	Node	   *to;

	if (step->is_hop && is_andclause(cond))
		add_null(def, edge, (BoolExpr *) cond);
	if (!IsA(cond, OpExpr) || list_length(op->args) != 2 ||
		!op_hashjoinable(op->opno, exprType(linitial(op->args))) ||
		!get_op_hash_functions(op->opno, &left_hash, &right_hash))
		return;
	swapped = !is_side(step, linitial(op->args), false);
	from = list_nth(op->args, swapped ? 1 : 0);
	to = list_nth(op->args, swapped ? 0 : 1);
	if (!is_side(step, from, false) || !is_side(step, to, true))
		return;
	from = over_touches(&def->sources[edge->from], from);
	to = over_touches(&def->sources[edge->to], to);
	if (from == NULL || to == NULL)
		return;
	edge->from_exprs = lappend(edge->from_exprs, from);
	edge->to_exprs = lappend(edge->to_exprs, to);
	edge->from_hashes[edge->nvalues] = swapped ? right_hash : left_hash;
	edge->to_hashes[edge->nvalues] = swapped ? left_hash : right_hash;
	edge->collations[edge->nvalues] = op->inputcollid;
	edge->nvalues++;
}

/*
 * Notes that an edge links rows by NULL: the hop in the partition of NULL, see
 * tview_hops_both_null.
 */
static void
add_null(TviewDef *def, TviewEdge *edge, BoolExpr *cond)
{
	TviewSource *source = &def->sources[edge->from];
	NullTest   *from = linitial_node(NullTest, cond->args);
	NullTest   *to = lsecond_node(NullTest, cond->args);
	Node	   *expr = over_touches(source, (Node *) from->arg);

	if (expr == NULL)
		return;
	edge->is_null = true;
	edge->nvalues = 1;
	edge->from_exprs = list_make1(expr);
	edge->to_exprs = list_make1(over_touches(source, (Node *) to->arg));
}

/*
 * Returns an edge in words: the values that it links rows by, or the tables.
 */
char *
tview_edges_words(const TviewDef *def, const TviewEdge *edge)
{
	StringInfoData words;

	initStringInfo(&words);
	append_side(&words, def, edge->from, edge->from_exprs);
	if (edge->is_hop)
		return psprintf("partition of %s%s", words.data,
						edge->is_null ? " NULL" : "");
	appendStringInfoString(&words, " -> ");
	append_side(&words, def, edge->to, edge->to_exprs);
	return psprintf("%s of %s", edge->nvalues > 0 ? "value" : "all rows",
					words.data);
}

/*
 * Appends one side of an edge.
 */
static void
append_side(StringInfo words, const TviewDef *def, int source, List *exprs)
{
	const TviewSource *rows = &def->sources[source];
	const char *name = get_rel_name(rows->relid);
	List	   *context;
	ListCell   *lc;

	for (int i = 0; i < def->nsources; i++)
	{
		if (i != source && def->sources[i].relid == rows->relid)
			name = rows->alias; /* the table's would not tell which */
	}
	context = deparse_context_for(name, rows->relid);
	if (exprs == NIL)
		appendStringInfoString(words, quote_identifier(name));
	foreach(lc, exprs)
	{
		Node	   *expr = over_columns(lfirst(lc), rows);

		appendStringInfo(words, "%s%s",
						 foreach_current_index(lc) > 0 ? ", " : "",
						 deparse_expression(expr, context, true, false));
	}
}

/*
 * Mutator that undoes over_touches.
 */
static Node *
over_columns(Node *node, const TviewSource *source)
{
	if (node != NULL && IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		return (Node *) makeVar(1, source->columns[var->varattno - 1],
								var->vartype, var->vartypmod, var->varcollid,
								0);
	}
	return expression_tree_mutator(node, over_columns, (void *) source);
}

/*
 * True for an expression over the columns of one side of a step only.
 */
static bool
is_side(TviewStep *step, Node *expr, bool is_to)
{
	TviewVertex *vertex = is_to ? step->to : step->from;
	Bitmapset  *vertices = tview_links_vertices(expr);

	if (!bms_equal(vertices, bms_make_singleton(vertex->number)))
		return false;
	return !step->is_hop || tview_hops_is_other_row(expr) == is_to;
}

/*
 * Returns an expression over a source's columns as one over its touches, with
 * varno 1; NULL if a column is not among them.
 */
static Node *
over_touches(const TviewSource *source, Node *expr)
{
	ShiftContext context = {0};
	Node	   *result;

	context.source = source;
	result = shift_mutator(expr, &context);
	return context.failed ? NULL : result;
}

/*
 * Mutator of over_touches.
 */
static Node *
shift_mutator(Node *node, ShiftContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		for (int i = 0; i < context->source->ncolumns; i++)
		{
			if (context->source->columns[i] == var->varattno)
				return (Node *) makeVar(1, i + 1, var->vartype,
										var->vartypmod, var->varcollid, 0);
		}
		context->failed = true;
		return NULL;
	}
	return expression_tree_mutator(node, shift_mutator, context);
}

/*
 * Sorts edges as they are locked: from the key outwards, and at each source
 * its own partition first.
 */
static int
compare_edges(const void *a, const void *b)
{
	const TviewEdge *left = a;
	const TviewEdge *right = b;

	if (left->depth != right->depth)
		return left->depth - right->depth;
	if (left->is_hop != right->is_hop)
		return left->is_hop ? -1 : 1;
	return left->number - right->number;
}
