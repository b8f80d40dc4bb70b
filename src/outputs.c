/*
 * outputs.c
 *		Output columns of subqueries that nobody reads.
 *
 * A subquery or view in FROM often has more columns than are wanted of it,
 * SELECT * most of all.  PostgreSQL does not compute them, and what only they
 * read affects nothing; so they are taken out of the analyzed query, and what
 * follows sees neither them nor the columns of tables behind them.
 *
 * Kept are columns that rows are grouped, sorted or told apart by, all of set
 * operations, and all that return sets.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "compat.h"
#include "pg_tviews.h"

/* What the walker carries along. */
typedef struct OutputContext
{
	TviewLevel *level;			/* where the expression stands */
	bool		has_more;		/* a column was not known to be read */
	bool		failed;			/* what is read cannot be told */
} OutputContext;

/* The number that stands for all columns of a level. */
#define ALL_OUTPUTS 0

static bool is_wanted(const TviewLevel *level, const TargetEntry *column);
static bool is_read(TviewLevel *level, TargetEntry *column);
static void read_level(OutputContext *context);
static bool read_walker(Node *node, OutputContext *context);
static void read_column(OutputContext *context, Var *var);
static void drop_unread(TviewLevel *level);

/*
 * Replaces the output columns that nobody reads by NULL.
 */
void
tview_outputs_prune(TviewAnalysis *analysis)
{
	OutputContext context = {0};
	ListCell   *lc;

	/* levels refer to each other's columns in any order */
	do
	{
		context.has_more = false;
		foreach(lc, analysis->levels)
		{
			context.level = lfirst(lc);
			read_level(&context);
		}
	} while (context.has_more);
	if (context.failed)
		return;
	foreach(lc, analysis->levels)
		drop_unread(lfirst(lc));
}

/*
 * True for a column that must stay, whoever reads it.  Of EXISTS only whether
 * there are rows is asked.
 */
static bool
is_wanted(const TviewLevel *level, const TargetEntry *column)
{
	const Query *query = level->query;

	if (level->container == 0 &&
		!(level->sublink && level->sublink->subLinkType == EXISTS_SUBLINK))
		return true;
	if (query->setOperations || query->hasTargetSRFs || level->is_recursive ||
		(level->container != 0 && level->up->query->setOperations))
		return true;
	return column->ressortgroupref != 0 || column->resjunk;
}

/*
 * True for a column that is read, as far as is known.
 */
static bool
is_read(TviewLevel *level, TargetEntry *column)
{
	return is_wanted(level, column) ||
		   bms_is_member(ALL_OUTPUTS, level->outputs_read) ||
		   bms_is_member(column->resno, level->outputs_read);
}

/*
 * Notes what the expressions of a level read of others, but for those of its
 * columns that nobody reads.
 */
static void
read_level(OutputContext *context)
{
	int			flags = QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_JOINALIASES;
	Query		query = *context->level->query;
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, query.targetList)
	{
		if (is_read(context->level, lfirst_node(TargetEntry, lc)))
			columns = lappend(columns, lfirst(lc));
	}
	query.targetList = columns;
	(void) query_tree_walker(&query, read_walker, context, flags);
}

/*
 * Walker of read_level; the levels below have their own turn.
 */
static bool
read_walker(Node *node, OutputContext *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, Var))
	{
		read_column(context, (Var *) node);
		return false;
	}
	return expression_tree_walker(node, read_walker, context);
}

/*
 * Notes that a column is read.
 */
static void
read_column(OutputContext *context, Var *var)
{
	TviewLevel *level = context->level;
	TviewLevel *child;
	RangeTblEntry *rte;

	for (Index up = 0; up < var->varlevelsup; up++)
		level = level->outer;
	child = level->items[var->varno].child;
	rte = rt_fetch(var->varno, level->query->rtable);
	if (rte->rtekind == RTE_JOIN || compat_rte_is_group(rte))
		context->failed = true;
	if (child == NULL || bms_is_member(var->varattno, child->outputs_read))
		return;
	child->outputs_read = bms_add_member(child->outputs_read, var->varattno);
	context->has_more = true;
}

/*
 * Replaces the columns of a level that nobody reads.
 */
static void
drop_unread(TviewLevel *level)
{
	ListCell   *lc;

	foreach(lc, level->query->targetList)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) column->expr;

		if (!is_read(level, column))
			column->expr = (Expr *) makeNullConst(exprType(expr),
												  exprTypmod(expr),
												  exprCollation(expr));
	}
}
