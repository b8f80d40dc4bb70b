/*
 * parts.c
 *		Parts of a row: what of it a change can have affected.
 *
 * A part is a column of the view or, where the query makes a column by
 * jsonb_build_object with constant keys, the value of one key.  A change of a
 * row that is linked as before, and of which only columns have changed that
 * some parts read, leaves the rest of the TVIEW's row as it is.  So does a new
 * or deleted row of a table that stands in the subqueries of some parts only.
 * Then a flush asks for those parts alone, by the view's query with the others
 * left out, from which the planner drops the joins that nobody needs, and puts
 * them into the stored row.
 *
 * Why that is right: which rows there are follows from what stands outside the
 * parts, and changes of that affect all of them (TVIEW_ALL_PARTS).  The values
 * of another part follow from rows and columns that have not changed, or whose
 * changes are pending too, and a flush refreshes the parts of all that is
 * pending.  What other transactions do to other parts of the row, they write
 * themselves; the lock on the key is taken before the stored row is read.  Two
 * transactions whose changes matter only together meet as locks.c has it, and
 * the later one refreshes all parts that the row nearer to the key stands in,
 * which are those that read the row behind it: a subquery's rows are linked to
 * others in the same subquery, or to rows of the query itself.
 *
 * A query that groups, orders or combines its rows has no parts.  One without
 * is seen through where it stands in FROM.  A query that only chooses columns
 * of such a one, as SELECT * FROM a view does, has the parts of that.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "pg_tviews.h"

/* More parts than bits share the last one; the highest is not used. */
#define LAST_BIT 62

/* With more parts than these, documents are parts as a whole. */
#define MAX_DOCUMENT_PARTS 800

/* More combinations than these are refreshed as a whole. */
#define MAX_PLANS 64

/* What the walkers carry along. */
typedef struct PartContext
{
	TviewAnalysis *analysis;
	TviewDef   *def;
	TviewLevel *level;			/* where the expression stands */
	TviewParts	parts;			/* what depends on it */
	TviewParts *levels;			/* of each level in analysis->levels */
} PartContext;

static bool is_transparent(const TviewLevel *level);
static bool is_plain(const Query *query);
static bool is_one_row(const Query *query);
static Query *chosen_query(const TviewDef *def, const Query *query,
						   List *columns, Index *rti);
static List *columns_behind(List *columns, const Query *query);
static bool is_key(const TviewDef *def, int column);
static FuncExpr *document_of(Expr *expr);
static bool has_distinct_keys(const FuncExpr *document);
static TviewParts add_part(TviewDef *def, int column, int arg);
static void find_column(PartContext *context, TargetEntry *column);
static void mark_expression(PartContext *context, Node *expr,
							TviewParts parts);
static bool mark_level_walker(Node *node, PartContext *context);
static void mark_level(PartContext *context, TviewLevel *level);
static void mark_sources(PartContext *context);
static bool mark_column_walker(Node *node, PartContext *context);
static void mark_column(PartContext *context, Var *var);
static void mark_output(PartContext *context, TviewLevel *child,
						AttrNumber attnum);
static char *reduced_query(const TviewDef *def, TviewParts parts);
static Expr *reduced_column(const TviewDef *def, TviewParts parts,
							TargetEntry *column);

/*
 * Finds the parts of a definition's rows, and for each source which of them
 * its rows and columns affect.
 */
void
tview_parts_find(TviewAnalysis *analysis, TviewDef *def)
{
	int			nlevels = list_length(analysis->levels);
	PartContext context = {0};
	List	   *columns = analysis->top->query->targetList;
	TviewParts *before;
	Index		rti;
	ListCell   *lc;

	if (!is_transparent(analysis->top))
		return;
	context.analysis = analysis;
	context.def = def;
	context.level = analysis->top;
	while (chosen_query(def, context.level->query, columns, &rti))
	{
		context.level = context.level->items[rti].child;
		columns = columns_behind(columns, context.level->query);
	}
	context.levels = palloc0(sizeof(TviewParts) * nlevels);
	def->parts = palloc0(sizeof(TviewPart) *
						 (MAX_DOCUMENT_PARTS + MaxHeapAttributeNumber));
	for (int i = 0; i < def->nsources; i++)
	{
		TviewSource *source = &def->sources[i];

		source->last_used = Max(bms_prev_member(source->used, -1), 0);
		source->column_parts = palloc0(sizeof(TviewParts) *
									   (source->last_used + 1));
	}
	foreach(lc, columns)
		find_column(&context, lfirst_node(TargetEntry, lc));
	/* levels refer to each other's columns in any order */
	before = palloc(sizeof(TviewParts) * nlevels);
	do
	{
		memcpy(before, context.levels, sizeof(TviewParts) * nlevels);
		mark_sources(&context);
	} while (memcmp(before, context.levels,
					sizeof(TviewParts) * nlevels) != 0);
}

/*
 * True for the query itself, and for subqueries and views in FROM of it, whose
 * rows each come from one row of each FROM item, and whose place among the
 * others does not matter.  What such a level's column reads affects only what
 * reads the column.
 */
static bool
is_transparent(const TviewLevel *level)
{
	for (; level->up; level = level->up)
	{
		if (level->container == 0 || !is_plain(level->query))
			return false;
	}
	return is_plain(level->query);
}

/*
 * True for a query that does nothing but join and choose rows.
 */
static bool
is_plain(const Query *query)
{
	return query->setOperations == NULL && query->cteList == NIL &&
		   query->groupClause == NIL && query->groupingSets == NIL &&
		   query->havingQual == NULL && query->distinctClause == NIL &&
		   query->sortClause == NIL && query->limitCount == NULL &&
		   query->limitOffset == NULL && !query->hasAggs &&
		   !query->hasWindowFuncs && !query->hasTargetSRFs;
}

/*
 * True for a query that aggregates all of its rows into one, so that nothing
 * but its columns can depend on them.
 */
static bool
is_one_row(const Query *query)
{
	return query->hasAggs && query->setOperations == NULL &&
		   query->groupClause == NIL && query->groupingSets == NIL &&
		   query->havingQual == NULL && query->limitCount == NULL &&
		   query->limitOffset == NULL && !query->hasTargetSRFs;
}

/*
 * Returns the query of which another one only chooses columns, which are all
 * that it has in FROM, and its place there; or NULL.  It must be one that can
 * be asked in the other's place: a view's tables are read as its owner.
 */
static Query *
chosen_query(const TviewDef *def, const Query *query, List *columns,
			 Index *rti)
{
	FromExpr   *from = query->jointree;
	RangeTblEntry *rte;
	Query	   *chosen = NULL;
	ListCell   *lc;

	if (from->quals || list_length(from->fromlist) != 1 ||
		!IsA(linitial(from->fromlist), RangeTblRef))
		return NULL;
	foreach(lc, columns)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(var, Var) || var->varattno == 0)
			return NULL;
	}
	*rti = linitial_node(RangeTblRef, from->fromlist)->rtindex;
	rte = rt_fetch(*rti, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		chosen = rte->subquery;
	else if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW)
	{
		Relation	view = relation_open(rte->relid, AccessShareLock);

		if (view->rd_rel->relowner == def->owner)
			chosen = copyObject(get_view_query(view));
		relation_close(view, NoLock);
	}
	return chosen && is_plain(chosen) ? chosen : NULL;
}

/*
 * Returns columns that are chosen of a query with that query's expressions.
 */
static List *
columns_behind(List *columns, const Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		TargetEntry *column = flatCopyTargetEntry(lfirst(lc));
		Var		   *var = castNode(Var, column->expr);

		column->expr = get_tle_by_resno(query->targetList,
										var->varattno)
						   ->expr;
		result = lappend(result, column);
	}
	return result;
}

/*
 * True for a column of the view that is part of the key.
 */
static bool
is_key(const TviewDef *def, int column)
{
	for (int i = 0; i < def->nkeys; i++)
	{
		if (def->key_attnums[i] == column + 1)
			return true;
	}
	return false;
}

/*
 * Returns the call that makes a document of constant keys, or NULL.
 */
static FuncExpr *
document_of(Expr *expr)
{
	FuncExpr   *document = (FuncExpr *) expr;

	if (!IsA(expr, FuncExpr) ||
		document->funcid != F_JSONB_BUILD_OBJECT_ANY ||
		document->funcvariadic || list_length(document->args) % 2 != 0 ||
		!has_distinct_keys(document))
		return NULL;
	return document;
}

/*
 * True when the keys of a document are constants, each there once.
 */
static bool
has_distinct_keys(const FuncExpr *document)
{
	List	   *keys = NIL;

	for (int i = 0; i < list_length(document->args); i += 2)
	{
		Const	   *key = list_nth(document->args, i);
		String	   *name;

		if (!IsA(key, Const) || key->constisnull)
			return false;
		if (key->consttype == UNKNOWNOID)
			name = makeString(DatumGetCString(key->constvalue));
		else if (key->consttype == TEXTOID)
			name = makeString(TextDatumGetCString(key->constvalue));
		else
			return false;
		if (list_member(keys, name))
			return false;
		keys = lappend(keys, name);
	}
	return true;
}

/*
 * Adds a part and returns its bit.
 */
static TviewParts
add_part(TviewDef *def, int column, int arg)
{
	TviewPart  *part = &def->parts[def->nparts];

	part->column = column;
	part->arg = arg;
	part->bit = UINT64CONST(1) << Min(def->nparts, LAST_BIT);
	def->nparts++;
	return part->bit;
}

/*
 * Finds the parts of one column, and what they read.
 */
static void
find_column(PartContext *context, TargetEntry *column)
{
	TviewDef   *def = context->def;
	FuncExpr   *document = document_of(column->expr);
	int			nargs = document ? list_length(document->args) : 0;

	if (is_key(def, column->resno - 1))
		mark_expression(context, (Node *) column->expr, TVIEW_ALL_PARTS);
	else if (document == NULL ||
			 def->nparts + nargs / 2 > MAX_DOCUMENT_PARTS)
		mark_expression(context, (Node *) column->expr,
						add_part(def, column->resno - 1, TVIEW_WHOLE_COLUMN));
	else
	{
		for (int i = 0; i < nargs; i += 2)
			mark_expression(context, list_nth(document->args, i + 1),
							add_part(def, column->resno - 1, i));
	}
}

/*
 * Notes which parts an expression of the query itself is part of: for the
 * columns that it reads, and for all levels in it.
 */
static void
mark_expression(PartContext *context, Node *expr, TviewParts parts)
{
	context->parts = parts;
	(void) mark_column_walker(expr, context);
	(void) mark_level_walker(expr, context);
}

/*
 * Notes the parts of the levels of sublinks, and of those in them.
 */
static bool
mark_level_walker(Node *node, PartContext *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, mark_level_walker, context);
	foreach(lc, context->analysis->levels)
	{
		TviewLevel *level = lfirst(lc);

		if (level->query == (Query *) node)
		{
			mark_level(context, level);
			return false;
		}
	}
	tview_internal_error("could not find the level of a sublink");
}

/*
 * Notes the parts of a level and of those in it.
 */
static void
mark_level(PartContext *context, TviewLevel *level)
{
	ListCell   *lc;

	foreach(lc, context->analysis->levels)
	{
		if (tview_analyze_is_inside(lfirst(lc), level))
			context->levels[foreach_current_index(lc)] |= context->parts;
	}
}

/*
 * Notes for each source which parts its rows affect, and its columns; what the
 * columns of transparent levels read has been noted, or is when they are read.
 */
static void
mark_sources(PartContext *context)
{
	TviewAnalysis *analysis = context->analysis;
	ListCell   *lc;

	foreach(lc, analysis->levels)
	{
		int			flags = QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_JOINALIASES;
		TviewLevel *level = lfirst(lc);
		Query		query = *level->query;

		context->level = level;
		context->parts = context->levels[foreach_current_index(lc)];
		if (context->parts == 0)
			context->parts = TVIEW_ALL_PARTS;
		if (is_transparent(level))
			query.targetList = NIL;
		(void) query_tree_walker(&query, mark_column_walker, context, flags);
		for (int i = 1; i <= level->nitems; i++)
		{
			TviewVertex *vertex = level->items[i].vertex;

			if (vertex && vertex->is_source)
				context->def->sources[vertex->source].row_parts |=
					context->parts;
		}
	}
}

/*
 * Walker that notes the parts of columns; levels below have their own turn.
 */
static bool
mark_column_walker(Node *node, PartContext *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, Var))
	{
		mark_column(context, (Var *) node);
		return false;
	}
	return expression_tree_walker(node, mark_column_walker, context);
}

/*
 * Notes that parts read a column, or for number 0 all of a row.
 */
static void
mark_column(PartContext *context, Var *var)
{
	TviewLevel *level = context->level;
	TviewVertex *vertex;
	TviewLevel *child;

	for (Index up = 0; up < var->varlevelsup; up++)
		level = level->outer;
	vertex = level->items[var->varno].vertex;
	child = level->items[var->varno].child;
	if (vertex && vertex->is_source)
		context->def->sources[vertex->source].column_parts[var->varattno] |=
			context->parts;
	else if (child && is_transparent(child))
		mark_output(context, child, var->varattno);
	else if (child && is_one_row(child->query))
		mark_level(context, child);
}

/*
 * Notes that parts read a column of a transparent level, or for number 0 all.
 */
static void
mark_output(PartContext *context, TviewLevel *child, AttrNumber attnum)
{
	TviewLevel *level = context->level;
	ListCell   *lc;

	context->level = child;
	foreach(lc, child->query->targetList)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);

		if (attnum == 0 || attnum == column->resno)
			mark_expression(context, (Node *) column->expr, context->parts);
	}
	context->level = level;
}

/*
 * Returns the parts that a change of a source's column affects.
 */
TviewParts
tview_parts_of_column(const TviewDef *def, const TviewSource *source,
					  AttrNumber attnum)
{
	TviewParts	parts;

	if (def->nparts == 0)
		return TVIEW_ALL_PARTS;
	parts = source->column_parts[attnum] | source->column_parts[0];
	return parts == 0 ? TVIEW_ALL_PARTS : parts;
}

/*
 * Returns the parts that new or deleted rows of a source affect, and those
 * that are linked to other rows than before.
 */
TviewParts
tview_parts_of_rows(const TviewDef *def, const TviewSource *source)
{
	return def->nparts == 0 ? TVIEW_ALL_PARTS : source->row_parts;
}

/*
 * Returns how parts of rows are read, prepared when first needed; NULL when
 * whole rows should be, because these are all parts or there have been too
 * many combinations of them.
 */
TviewPartQuery *
tview_parts_query(TviewDef *def, TviewParts parts)
{
	TviewParts	all = 0;
	MemoryContext old;
	TviewPartQuery *query;
	char	   *sql;
	ListCell   *lc;

	foreach(lc, def->part_queries)
	{
		query = lfirst(lc);
		if (query->parts == parts)
			return query;
	}
	for (int i = 0; i < def->nparts; i++)
		all |= def->parts[i].bit;
	if ((parts & all) == all || list_length(def->part_queries) == MAX_PLANS)
		return NULL;
	sql = reduced_query(def, parts);
	old = MemoryContextSwitchTo(GetMemoryChunkContext(def));
	query = palloc0(sizeof(TviewPartQuery));
	query->parts = parts;
	query->sql = pstrdup(sql);
	def->part_queries = lappend(def->part_queries, query);
	MemoryContextSwitchTo(old);
	return query;
}

/*
 * Returns the view's query reduced to some parts, as text for FROM; its other
 * columns are NULL, and so are documents of which no key is wanted.
 */
static char *
reduced_query(const TviewDef *def, TviewParts parts)
{
	Relation	view = relation_open(def->view, AccessShareLock);
	Query	   *query = copyObject(get_view_query(view));
	List	   *columns = query->targetList;
	Query	   *chosen;
	char	   *text;
	int			guc_level;
	Index		rti;
	ListCell   *lc;

	relation_close(view, NoLock);
	while ((chosen = chosen_query(def, query, columns, &rti)) != NULL)
	{
		query = chosen;
		columns = columns_behind(columns, query);
	}
	query->targetList = copyObject(columns);
	foreach(lc, query->targetList)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);
		Form_pg_attribute att = TupleDescAttr(def->view_desc,
											  column->resno - 1);

		/* the query does not know when a column of the view is renamed */
		column->resname = NameStr(att->attname);
		column->expr = reduced_column(def, parts, column);
	}
	guc_level = tview_plan_begin_text();
	text = psprintf("(%s)", tview_create_text(query));
	AtEOXact_GUC(false, guc_level);
	return text;
}

/*
 * Returns what is wanted of one column.
 */
static Expr *
reduced_column(const TviewDef *def, TviewParts parts, TargetEntry *column)
{
	Oid			type = getBaseType(exprType((Node *) column->expr));
	FuncExpr   *document = NULL;

	if (is_key(def, column->resno - 1))
		return column->expr;
	for (int i = 0; i < def->nparts; i++)
	{
		TviewPart  *part = &def->parts[i];
		List	   *args = ((FuncExpr *) column->expr)->args;

		if (part->column != column->resno - 1 || (part->bit & parts) == 0)
			continue;
		if (part->arg == TVIEW_WHOLE_COLUMN)
			return column->expr;
		if (document == NULL)
		{
			document = copyObject((FuncExpr *) column->expr);
			document->args = NIL;
		}
		document->args = lappend(document->args, list_nth(args, part->arg));
		document->args = lappend(document->args,
								 list_nth(args, part->arg + 1));
	}
	if (document)
		return (Expr *) document;
	return (Expr *) makeNullConst(type, -1, get_typcollation(type));
}

/*
 * Completes a row of which some parts have been read by what is stored of the
 * others.  Both rows have their values taken apart.  False when a document
 * that should be stored is not.
 */
bool
tview_parts_complete(const TviewDef *def, TviewParts parts,
					 TupleTableSlot *row, TupleTableSlot *stored)
{
	for (int i = 0; i < def->view_desc->natts; i++)
	{
		int			column = def->tview_attnums[i] - 1;
		Datum		value = stored->tts_values[column];
		bool		is_document = false;
		bool		is_read = is_key(def, i);

		for (int j = 0; j < def->nparts; j++)
		{
			if (def->parts[j].column != i ||
				(def->parts[j].bit & parts) == 0)
				continue;
			is_read = true;
			is_document = def->parts[j].arg != TVIEW_WHOLE_COLUMN;
		}
		if (!is_read)
		{
			row->tts_values[i] = value;
			row->tts_isnull[i] = stored->tts_isnull[column];
		}
		else if (is_document)
		{
			Jsonb	   *fresh = DatumGetJsonbP(row->tts_values[i]);
			Jsonb	   *document;

			if (stored->tts_isnull[column])
				return false;
			document = DatumGetJsonbP(value);
			if (!JB_ROOT_IS_OBJECT(document))
				return false;
			document = tview_document_merge(document, fresh);
			row->tts_values[i] = JsonbPGetDatum(document);
		}
	}
	return true;
}
