/*
 * generated.c
 *		What the generated columns of a changed row are made of.
 *
 * Stored ones are made as the table says that the row is in, and stand in the
 * row, with one exception: transition tables lack them in rows that went
 * through a partitioned table into a partition of another layout.  There they
 * are computed, which is possible if all partitions make them alike.
 *
 * Virtual ones (18 and later) stand in no row, and are made as the table says
 * that the query reads, whichever partition or child the row is in.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

/* Whose columns to_columns_mutator replaces, and by whose. */
typedef struct ColumnContext
{
	Oid			from;
	Oid			to;
} ColumnContext;

static bool reads_tableoid(Node *expr);
static Node *to_columns(Node *expr, Oid from, Oid to);
static Node *to_columns_mutator(Node *node, ColumnContext *context);

/*
 * Returns what a column of a table's rows must be computed by, as a query of
 * "parent", which is the table or one above it, has it; NULL for a column that
 * stands in the row.
 */
Node *
tview_generated_expr(Relation relation, Oid parent, AttrNumber column)
{
	Oid			relid = RelationGetRelid(relation);
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation),
										  column - 1);
	AttrNumber	read = get_attnum(parent, NameStr(att->attname));
	Relation	rel;
	Node	   *expr;

	if (att->attgenerated == '\0')
		return NULL;
	if (att->attgenerated == ATTRIBUTE_GENERATED_STORED &&
		relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return NULL;
	if (att->attgenerated == ATTRIBUTE_GENERATED_STORED || relid == parent ||
		read == InvalidAttrNumber)
		return build_column_default(relation, column);
	rel = relation_open(parent, AccessShareLock);
	expr = build_column_default(rel, read);
	relation_close(rel, NoLock);
	return to_columns(expr, parent, relid);
}

/*
 * True when the rows of a table with children do not tell what a column of
 * them is: it is stored, and some partition makes it of something else, or it
 * is made of the row's table.
 */
bool
tview_generated_is_mixed(Relation relation, AttrNumber column)
{
	Oid			relid = RelationGetRelid(relation);
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation),
										  column - 1);
	Node	   *expr;
	bool		result = false;
	ListCell   *lc;

	if (att->attgenerated == '\0' || !relation->rd_rel->relhassubclass)
		return false;
	expr = build_column_default(relation, column);
	if (reads_tableoid(expr))
		return true;
	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE ||
		att->attgenerated != ATTRIBUTE_GENERATED_STORED)
		return false;
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid			child = lfirst_oid(lc);
		Relation	rel = relation_open(child, NoLock);
		AttrNumber	own = tview_generated_column(child, relid, column);

		result = result || !equal(build_column_default(rel, own),
								  to_columns(expr, relid, child));
		relation_close(rel, NoLock);
	}
	return result;
}

/*
 * True for an expression made of the row's table, the only system column that
 * PostgreSQL allows there.
 */
static bool
reads_tableoid(Node *expr)
{
	Bitmapset  *columns = NULL;

	pull_varattnos(expr, 1, &columns);
	return bms_is_member(TableOidAttributeNumber -
							 FirstLowInvalidHeapAttributeNumber,
						 columns);
}

/*
 * Returns the column of a table that has the name of another table's column.
 */
AttrNumber
tview_generated_column(Oid relid, Oid other, AttrNumber column)
{
	AttrNumber	result;

	if (relid == other)
		return column;
	result = get_attnum(relid, get_attname(other, column, false));
	if (result <= 0)
		tview_internal_error("column %d of relation %u not found in relation %u",
							 column, other, relid);
	return result;
}

/*
 * Returns an expression over a table's columns as one over another's.
 */
static Node *
to_columns(Node *expr, Oid from, Oid to)
{
	ColumnContext context = {from, to};

	return to_columns_mutator(expr, &context);
}

/*
 * Mutator of to_columns.
 */
static Node *
to_columns_mutator(Node *node, ColumnContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varattno > 0)
			var->varattno = tview_generated_column(context->to, context->from,
												   var->varattno);
		var->varattnosyn = var->varattno;
		return (Node *) var;
	}
	return expression_tree_mutator(node, to_columns_mutator, context);
}
