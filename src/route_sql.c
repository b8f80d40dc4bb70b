/*
 * route_sql.c
 *		A route as a query.
 *
 * The query reads "touched", the row set of a source's touches, joins the
 * table of each step, and returns the scope columns of the key:
 *
 *		SELECT s2.pk_post FROM touched s0, tb_b s1, tb_post s2
 *		WHERE s0.fk_b = s1.pk_b AND s1.pk_b = s2.fk_b
 *
 * It is built as a Query and deparsed by PostgreSQL, so that every name in it
 * is qualified and quoted.  "touched" stands in it as a CTE, which deparses to
 * its bare name; when the query runs, a row set of that name is supplied.
 *
 * A row of the vertex in an expression is found by its varno: "from" of a step
 * is the instance that the step leaves, "to" the one it reaches, and in a hop,
 * where both are the same vertex, varlevelsup tells them apart.
 */
#include "postgres.h"

#include "access/relation.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "pg_tviews.h"

/* A row in the query: one occurrence of a vertex. */
typedef struct Instance
{
	TviewVertex *vertex;
	Index		rti;			/* its place in the query being built */
	List	   *functions;		/* of Instance: functions of this row in use */
} Instance;

/* The query while it is being built. */
typedef struct Builder
{
	TviewAnalysis *analysis;
	Query	   *query;
	List	   *conds;
	List	   *words;			/* of String: the tables on the way */
	List	   *hops;			/* of TviewHop */
	Bitmapset  *touched;		/* columns used of the touched row */
} Builder;

/* What place_mutator carries along. */
typedef struct PlaceContext
{
	Builder    *builder;
	Instance   *from;
	Instance   *to;				/* or NULL */
} PlaceContext;

static bool may_fail(Node *expr);
static bool may_fail_walker(Node *node, void *context);
static bool may_operator_fail(OpExpr *op);
static List *drop_last_steps(List *steps, List **exprs);
static List *equal_exprs(TviewStep *step, List *exprs);
static Node *equal_expr(TviewStep *step, Node *expr);
static bool belongs_to(Node *expr, TviewVertex *vertex);
static int *direct_columns(TviewVertex *source, List *exprs);
static void build_query(Builder *builder, TviewVertex *source, List *steps,
						List *exprs);
static void begin_query(Builder *builder);
static void end_query(Builder *builder);
static Instance *add_touched(Builder *builder, TviewVertex *source);
static Instance *add_instance(Builder *builder, TviewVertex *vertex);
static RangeTblEntry *relation_rte(TviewVertex *vertex);
static Instance *function_instance(Builder *builder, Instance *base,
								   TviewVertex *function);
static List *column_names(Oid relid);
static void add_output(Builder *builder, Node *expr);
static void add_hop(Builder *builder, TviewStep *step);
static AttrNumber searched_column(TviewStep *step, Node *cond);
static Node *place(Builder *builder, Instance *from, Instance *to, Node *expr);
static Node *place_mutator(Node *node, PlaceContext *context);
static char *route_words(Builder *builder);
static bool same_route(TviewRoute *a, TviewRoute *b, int nscope);
static void finish_source(TviewDef *def, TviewSource *source);
static void finish_columns(TviewSource *source);

/*
 * Builds the route from a touched row along some steps.  "exprs" are the scope
 * columns, over the last vertex.
 */
TviewRoute *
tview_route_build(TviewAnalysis *analysis, TviewVertex *source, List *steps,
				  List *exprs)
{
	TviewRoute *route = palloc0(sizeof(TviewRoute));
	Builder		builder = {0};

	steps = drop_last_steps(steps, &exprs);
	tview_edges_add(analysis, steps);
	builder.analysis = analysis;
	build_query(&builder, source, steps, exprs);
	if (may_fail((Node *) builder.conds) || may_fail((Node *) exprs))
		analysis->computes_links = true;
	route->touched = builder.touched;
	route->hops = builder.hops;
	route->words = route_words(&builder);
	if (steps == NIL)
		route->direct = direct_columns(source, exprs);
	if (route->direct)
		route->strategy = TVIEW_DIRECT;
	else
	{
		route->strategy = TVIEW_ROUTE;
		route->sql = pg_get_querydef(builder.query, false);
	}
	return route;
}

/*
 * True for an expression that may raise an error, which routes and locks then
 * do also for rows that the query's other conditions keep from it.
 */
static bool
may_fail(Node *expr)
{
	return may_fail_walker(expr, NULL);
}

/*
 * Walker of may_fail.
 */
static bool
may_fail_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_List:
		case T_Var:
		case T_Const:
		case T_RelabelType:
		case T_CollateExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
			break;
		case T_OpExpr:
		case T_DistinctExpr:
			if (may_operator_fail((OpExpr *) node))
				return true;
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, may_fail_walker, context);
}

/*
 * True unless an operator compares by equality, or by a function of which
 * PostgreSQL knows that it never fails.
 */
static bool
may_operator_fail(OpExpr *op)
{
	Oid			type = exprType(linitial(op->args));

	return !op_hashjoinable(op->opno, type) &&
		   !op_mergejoinable(op->opno, type) &&
		   !get_func_leakproof(get_opcode(op->opno));
}

/*
 * Drops steps from the end that are not needed: where the key equals an
 * expression over the row before, that row tells it.
 */
static List *
drop_last_steps(List *steps, List **exprs)
{
	while (steps != NIL)
	{
		TviewStep  *last = llast(steps);
		List	   *before = last->is_hop ? NIL : equal_exprs(last, *exprs);

		if (before == NIL)
			break;
		*exprs = before;
		steps = list_truncate(list_copy(steps), list_length(steps) - 1);
	}
	return steps;
}

/*
 * Returns expressions over the row before a step that equal these over the
 * row it leads to; NIL unless all have one.
 */
static List *
equal_exprs(TviewStep *step, List *exprs)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Node	   *before = equal_expr(step, lfirst(lc));

		if (before == NULL)
			return NIL;
		result = lappend(result, before);
	}
	return result;
}

/*
 * Does that for one expression.
 */
static Node *
equal_expr(TviewStep *step, Node *expr)
{
	ListCell   *lc;

	foreach(lc, step->links)
	{
		TviewLink  *link = lfirst(lc);
		OpExpr	   *op = (OpExpr *) link->cond;

		if (!link->is_equality)
			continue;
		for (int side = 0; side < 2; side++)
		{
			Node	   *reached = list_nth(op->args, side);
			Node	   *before = list_nth(op->args, 1 - side);

			if (equal(reached, expr) && tview_links_agrees(op, expr) &&
				exprType(before) == exprType(expr) &&
				belongs_to(before, step->from))
				return before;
		}
	}
	return NULL;
}

/*
 * True for an expression over a vertex's own columns.
 */
static bool
belongs_to(Node *expr, TviewVertex *vertex)
{
	return bms_equal(tview_links_vertices(expr),
					 bms_make_singleton(vertex->number));
}

/*
 * Returns the columns of the touched row that the scope consists of, or NULL
 * if it is more than columns.
 */
static int *
direct_columns(TviewVertex *source, List *exprs)
{
	int		   *columns = palloc0(sizeof(int) * list_length(exprs));
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Var		   *var = lfirst(lc);

		if (!IsA(var, Var) || var->varno != source->number + 1)
			return NULL;
		columns[foreach_current_index(lc)] = var->varattno;
	}
	return columns;
}

/*
 * Builds the query of a route.
 */
static void
build_query(Builder *builder, TviewVertex *source, List *steps, List *exprs)
{
	Instance   *from;
	ListCell   *lc;

	begin_query(builder);
	from = add_touched(builder, source);
	foreach(lc, steps)
	{
		TviewStep  *step = lfirst(lc);
		Instance   *to = add_instance(builder, step->to);
		ListCell   *lc2;

		foreach(lc2, step->conds)
			builder->conds = lappend(builder->conds,
									 place(builder, from, to, lfirst(lc2)));
		add_hop(builder, step);
		from = to;
	}
	foreach(lc, exprs)
		add_output(builder, place(builder, from, NULL, lfirst(lc)));
	end_query(builder);
}

/*
 * Makes an empty query.
 */
static void
begin_query(Builder *builder)
{
	builder->query = makeNode(Query);
	builder->query->commandType = CMD_SELECT;
	builder->query->canSetTag = true;
	builder->query->jointree = makeFromExpr(NIL, NULL);
}

/*
 * Puts the conditions into the query.
 */
static void
end_query(Builder *builder)
{
	if (builder->conds)
		builder->query->jointree->quals =
			(Node *) make_ands_explicit(builder->conds);
}

/*
 * Adds the row set of touches.  It has the names of all columns of the source,
 * so that attribute numbers can stay as they are.
 */
static Instance *
add_touched(Builder *builder, TviewVertex *source)
{
	Instance   *instance = palloc0(sizeof(Instance));
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);

	rte->rtekind = RTE_CTE;
	rte->ctename = pstrdup(TVIEW_TOUCHED);
	rte->alias = makeAlias("s0", NIL);
	rte->eref = makeAlias("s0", column_names(source->rte->relid));
	rte->inFromCl = true;
	builder->query->rtable = lappend(builder->query->rtable, rte);
	ref->rtindex = 1;
	builder->query->jointree->fromlist = list_make1(ref);
	instance->vertex = source;
	instance->rti = 1;
	return instance;
}

/*
 * Adds one more row: a table, or a function that hangs on no row.
 */
static Instance *
add_instance(Builder *builder, TviewVertex *vertex)
{
	Instance   *instance = palloc0(sizeof(Instance));
	RangeTblEntry *rte;
	RangeTblRef *ref = makeNode(RangeTblRef);

	if (vertex->is_source)
		rte = relation_rte(vertex);
	else
		rte = copyObject(vertex->rte);
	rte->alias = makeAlias(psprintf("s%d",
									list_length(builder->query->rtable)),
						   NIL);
	if (!vertex->is_source)
		rte->alias->colnames = copyObject(rte->eref->colnames);
	builder->query->rtable = lappend(builder->query->rtable, rte);
	ref->rtindex = list_length(builder->query->rtable);
	builder->query->jointree->fromlist =
		lappend(builder->query->jointree->fromlist, ref);
	instance->vertex = vertex;
	instance->rti = ref->rtindex;
	return instance;
}

/*
 * Returns a range table entry for the table of a vertex.
 */
static RangeTblEntry *
relation_rte(TviewVertex *vertex)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = vertex->rte->relid;
	rte->relkind = vertex->rte->relkind;
	rte->rellockmode = AccessShareLock;
	rte->inh = vertex->rte->inh;
	rte->inFromCl = true;
	rte->eref = makeAlias(get_rel_name(rte->relid), column_names(rte->relid));
	return rte;
}

/*
 * Returns the instance of a function that belongs to a row, adding it to the
 * query when it is used for the first time.
 */
static Instance *
function_instance(Builder *builder, Instance *base, TviewVertex *function)
{
	Instance   *instance;
	RangeTblEntry *rte;
	Node	   *functions;
	ListCell   *lc;

	foreach(lc, base->functions)
	{
		if (((Instance *) lfirst(lc))->vertex == function)
			return lfirst(lc);
	}
	builder->analysis->computes_links = true;
	instance = add_instance(builder, function);
	base->functions = lappend(base->functions, instance);
	functions = (Node *) tview_analyze_resolve_functions(function, NULL);
	rte = list_nth(builder->query->rtable, instance->rti - 1);
	rte->functions = (List *) place(builder, base, NULL, functions);
	rte->lateral = true;
	return instance;
}

/*
 * Returns the names of a relation's columns, by attribute number.
 */
static List *
column_names(Oid relid)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(relation);
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(desc, i)->attname);

		names = lappend(names, makeString(pstrdup(name)));
	}
	relation_close(relation, NoLock);
	return names;
}

/*
 * Adds an output column.
 */
static void
add_output(Builder *builder, Node *expr)
{
	int			resno = list_length(builder->query->targetList) + 1;

	builder->query->targetList =
		lappend(builder->query->targetList,
				makeTargetEntry((Expr *) expr, resno,
								psprintf("key%d", resno), false));
}

/*
 * Notes for people which table a step reads, and by which columns.
 */
static void
add_hop(Builder *builder, TviewStep *step)
{
	TviewHop   *hop = palloc0(sizeof(TviewHop));
	ListCell   *lc;

	if (!step->to->is_source)
		return;
	hop->relid = step->to->rte->relid;
	foreach(lc, step->conds)
	{
		AttrNumber	attnum = searched_column(step, lfirst(lc));

		if (attnum != InvalidAttrNumber &&
			!list_member_int(hop->attnums, attnum))
			hop->attnums = lappend_int(hop->attnums, attnum);
	}
	builder->hops = lappend(builder->hops, hop);
	builder->words = lappend(builder->words,
							 makeString(get_rel_name(hop->relid)));
}

/*
 * Returns the column of the table reached that a condition compares with
 * something by equality, or InvalidAttrNumber.
 */
static AttrNumber
searched_column(TviewStep *step, Node *cond)
{
	OpExpr	   *op = (OpExpr *) cond;

	if (!IsA(cond, OpExpr) || list_length(op->args) != 2 ||
		!op_mergejoinable(op->opno, exprType(linitial(op->args))))
		return InvalidAttrNumber;
	for (int side = 0; side < 2; side++)
	{
		Var		   *var = list_nth(op->args, side);

		if (IsA(var, RelabelType))
			var = (Var *) ((RelabelType *) var)->arg;
		if (IsA(var, Var) && var->varno == step->to->number + 1 &&
			(!step->is_hop || var->varlevelsup == 1))
			return var->varattno;
	}
	return InvalidAttrNumber;
}

/*
 * Puts an expression over vertices into the query: "from" and "to" are the
 * rows that its Vars mean.
 */
static Node *
place(Builder *builder, Instance *from, Instance *to, Node *expr)
{
	PlaceContext context;

	context.builder = builder;
	context.from = from;
	context.to = to;
	return place_mutator(expr, &context);
}

/*
 * Mutator of place.
 */
static Node *
place_mutator(Node *node, PlaceContext *context)
{
	Builder    *builder = context->builder;
	TviewVertex *vertex;
	Instance   *instance;
	Var		   *var;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Var))
		return expression_tree_mutator(node, place_mutator, context);
	var = copyObject((Var *) node);
	vertex = tview_links_vertex(builder->analysis, var->varno - 1);
	if (context->to && (var->varlevelsup == 1 ||
						(vertex->base == context->to->vertex->number &&
						 context->to->vertex != context->from->vertex)))
		instance = context->to;
	else
		instance = context->from;
	Assert(vertex->base == instance->vertex->number);
	if (vertex != instance->vertex)
		instance = function_instance(builder, instance, vertex);
	else if (instance->rti == 1)
		builder->touched = bms_add_member(builder->touched, var->varattno);
	var->varno = instance->rti;
	var->varnosyn = instance->rti;
	var->varattnosyn = var->varattno;
	var->varlevelsup = 0;
	return (Node *) var;
}

/*
 * Returns the tables that a route passes, for people.
 */
static char *
route_words(Builder *builder)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, builder->words)
	{
		if (buf.len > 0)
			appendStringInfoString(&buf, " -> ");
		appendStringInfoString(&buf, strVal(lfirst(lc)));
	}
	return buf.data;
}

/*
 * Finishes the sources of a definition when all their routes are known.
 */
void
tview_route_finish(TviewAnalysis *analysis, TviewDef *def)
{
	tview_edges_require(analysis, def);
	for (int i = 0; i < def->nsources; i++)
		finish_source(def, &def->sources[i]);
	tview_edges_finish(analysis, def);
}

/*
 * Returns the query that walks a step backwards: from touches of the rows that
 * it leads to, to touches of the rows that it leaves.
 */
char *
tview_route_walk(TviewAnalysis *analysis, TviewStep *step,
				 const TviewSource *from)
{
	Builder		builder = {0};
	Instance   *reached;
	Instance   *left;
	ListCell   *lc;

	builder.analysis = analysis;
	begin_query(&builder);
	reached = add_touched(&builder, step->to);
	left = add_instance(&builder, step->from);
	foreach(lc, step->conds)
		builder.conds = lappend(builder.conds,
								place(&builder, left, reached, lfirst(lc)));
	for (int i = 0; i < from->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(from->touch_desc, i);

		add_output(&builder, (Node *) makeVar(left->rti, from->columns[i],
											  att->atttypid, att->atttypmod,
											  att->attcollation, 0));
	}
	end_query(&builder);
	return pg_get_querydef(builder.query, false);
}

/*
 * Drops a source's routes that it has twice, and lays out its touches.
 */
static void
finish_source(TviewDef *def, TviewSource *source)
{
	List	   *kept = NIL;
	ListCell   *lc;

	if (source->full_reason)
	{
		finish_columns(source); /* others may be locked through it */
		return;
	}
	source->strategy = TVIEW_DIRECT;
	foreach(lc, source->routes)
	{
		TviewRoute *route = lfirst(lc);
		ListCell   *lc2;
		bool		found = false;

		foreach(lc2, kept)
			found = found || same_route(lfirst(lc2), route, def->nscope);
		if (found)
			continue;
		kept = lappend(kept, route);
		if (route->strategy == TVIEW_ROUTE)
			source->strategy = TVIEW_ROUTE;
	}
	source->routes = kept;
	finish_columns(source);
	foreach(lc, source->routes)
	{
		TviewRoute *route = lfirst(lc);

		for (int i = 0; route->direct && i < def->nscope; i++)
		{
			for (int j = 0; j < source->ncolumns; j++)
			{
				if (source->columns[j] == route->direct[i])
				{
					route->direct[i] = j;
					break;
				}
			}
		}
	}
}

/*
 * True when two routes of a source do the same.
 */
static bool
same_route(TviewRoute *a, TviewRoute *b, int nscope)
{
	if (a->strategy != b->strategy)
		return false;
	if (a->strategy == TVIEW_DIRECT)
		return memcmp(a->direct, b->direct, sizeof(int) * nscope) == 0;
	return strcmp(a->sql, b->sql) == 0;
}

/*
 * Lays out a source's touches: the columns that some route of it uses.
 */
static void
finish_columns(TviewSource *source)
{
	Bitmapset  *touched = bms_copy(source->linking);
	Relation	relation = relation_open(source->relid, AccessShareLock);
	ListCell   *lc;
	int			attnum = -1;

	foreach(lc, source->routes)
		touched = bms_add_members(touched,
								  ((TviewRoute *) lfirst(lc))->touched);
	source->ncolumns = bms_num_members(touched);
	source->columns = palloc(sizeof(AttrNumber) * (source->ncolumns + 1));
	source->touch_desc = CreateTemplateTupleDesc(source->ncolumns);
	for (int i = 0; (attnum = bms_next_member(touched, attnum)) >= 0; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation),
											  attnum - 1);

		source->columns[i] = attnum;
		TupleDescInitEntry(source->touch_desc, i + 1, NameStr(att->attname),
						   att->atttypid, att->atttypmod, 0);
		TupleDescInitEntryCollation(source->touch_desc, i + 1,
									att->attcollation);
	}
	relation_close(relation, NoLock);
}
