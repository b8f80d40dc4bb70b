/*
 * sources.c
 *		The base relations of a query: which columns are read of each, and what
 *		about a query cannot be maintained.
 *
 * What is refused is what would make a TVIEW wrong without anybody noticing:
 * results that change without a change of a row (volatile functions), and
 * rows whose changes cannot be seen (temporary tables, materialized views).
 * What may be right or wrong depending on how it is used is warned of.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "pg_tviews.h"

/* What use_columns_walker carries along. */
typedef struct UseContext
{
	TviewAnalysis *analysis;
	TviewLevel *level;
	TviewDef   *def;			/* whose sources get the columns; NULL: only
								 * check */
} UseContext;

/* A query, and those that it is part of. */
typedef struct QueryChain
{
	Query	   *query;
	struct QueryChain *outer;
} QueryChain;

static bool query_has_rows(Query *query, QueryChain *outer);
static bool setop_has_rows(QueryChain *chain, Node *node);
static bool join_has_rows(QueryChain *chain, Node *node);
static bool item_has_rows(QueryChain *chain, Index rti);
static bool cte_has_rows(QueryChain *chain, RangeTblEntry *rte);
static void check_level(TviewLevel *level);
static void check_relation(RangeTblEntry *rte);
static bool check_functions_walker(Node *node, void *context);
static void check_writable(Node *node);
static void check_operator(Node *node, const char *syntax, const char *hint);
static void check_opno(Oid opno, const char *syntax, const char *hint);
static bool is_volatile(Oid funcid, void *context);
static void refuse(const char *detail, const char *hint);
static void use_columns(UseContext *context);
static bool use_columns_walker(Node *node, UseContext *context);
static void use_column(UseContext *context, Var *var);
static bool find_stable_walker(Node *node, List **names);
static bool is_unsteady(Oid funcid, void *context);

/*
 * Functions of PostgreSQL that are not VOLATILE and still give other results
 * without a change of a row.  Those of other schemas that are STABLE may read
 * tables, and are always named.
 */
static const char *const unsteady_functions[] = {
	"now",
	"transaction_timestamp",
	"statement_timestamp",
	"current_setting",
	"current_schema",
	"current_schemas",
	"inet_client_addr",
	"inet_client_port",
	"inet_server_addr",
	"inet_server_port",
	"pg_backend_pid",
	"txid_current_if_assigned",
	"txid_current_snapshot",
	"pg_current_xact_id_if_assigned",
	"pg_current_snapshot",
	"getdatabaseencoding",
	"enum_first",
	"enum_last",
	"enum_range",
	"session_user",
	"current_user",
};

/*
 * Returns the OIDs of the base relations of a query, each once.
 */
List *
tview_analyze_relations(Query *query)
{
	TviewAnalysis *analysis = tview_analyze_query(query);
	List	   *relids = NIL;
	ListCell   *lc;

	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);

		if (vertex->is_source)
			relids = list_append_unique_oid(relids, vertex->rte->relid);
	}
	return relids;
}

/*
 * Raises an error if the query cannot be maintained at all.
 */
void
tview_sources_check(TviewAnalysis *analysis)
{
	ListCell   *lc;

	foreach(lc, analysis->levels)
		check_level(lfirst(lc));
}

/*
 * Checks one level of the query.
 */
static void
check_level(TviewLevel *level)
{
	Query	   *query = level->query;

	if (query->rowMarks)
		refuse("It locks rows, by FOR UPDATE or FOR SHARE.",
			   "Leave the locking clause out.");
	(void) query_tree_walker(query, check_functions_walker, NULL,
							 QTW_IGNORE_RT_SUBQUERIES);
	for (int i = 1; i <= level->nitems; i++)
	{
		if (level->items[i].vertex && level->items[i].vertex->is_source)
			check_relation(level->items[i].vertex->rte);
	}
}

/*
 * Checks one base relation.
 */
static void
check_relation(RangeTblEntry *rte)
{
	const char *name = tview_names_qualified(rte->relid);

	if (rte->relkind == RELKIND_MATVIEW)
		refuse(psprintf("It reads the materialized view %s, whose changes cannot be seen.",
						name),
			   "Make that a TVIEW too, and read it instead.");
	if (rte->relkind != RELKIND_RELATION &&
		rte->relkind != RELKIND_PARTITIONED_TABLE &&
		rte->relkind != RELKIND_FOREIGN_TABLE)
		refuse(psprintf("It reads %s, which is not a table.", name),
			   "Read tables, views, and TVIEWs only.");
	if (get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP)
		refuse(psprintf("It reads the temporary table %s.", name),
			   "Use a permanent or an unlogged table.");
	if (rte->tablesample)
		refuse(psprintf("It reads a random sample of %s.", name),
			   "Leave TABLESAMPLE out.");
}

/*
 * Refuses volatile functions, and looks into sublinks for more.
 */
static bool
check_functions_walker(Node *node, void *context)
{
	Oid			funcid = InvalidOid;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return false;			/* a level of its own */
	if (IsA(node, NextValueExpr))
		refuse("It uses a sequence.",
			   "Compute the value when the base row is written.");
	check_writable(node);
	if (check_functions_in_node(node, is_volatile, &funcid))
		refuse(psprintf("It uses the volatile function %s.",
						format_procedure(funcid)),
			   "Use functions that are IMMUTABLE or STABLE, or store their result in a base table.");
	return expression_tree_walker(node, check_functions_walker, context);
}

/*
 * Refuses syntax that compares by an operator which its text cannot name: such
 * an operator must be PostgreSQL's own, for dumps and we read the text where
 * no other is on the search_path.
 */
static void
check_writable(Node *node)
{
	if (IsA(node, DistinctExpr))
		check_operator(node, "IS DISTINCT FROM",
					   "Write it with = and IS NULL.");
	else if (IsA(node, NullIfExpr))
		check_operator(node, "NULLIF",
					   "Write CASE WHEN a = b THEN NULL ELSE a END.");
	else if (IsA(node, CaseExpr) && ((CaseExpr *) node)->arg)
	{
		ListCell   *lc;

		foreach(lc, ((CaseExpr *) node)->args)
			check_operator((Node *) lfirst_node(CaseWhen, lc)->expr,
						   "CASE a WHEN b", "Write CASE WHEN a = b.");
	}
	else if (IsA(node, RowCompareExpr))
	{
		ListCell   *lc;

		foreach(lc, ((RowCompareExpr *) node)->opnos)
			check_opno(lfirst_oid(lc), "A comparison of rows",
					   "Write it column by column.");
	}
	else if (IsA(node, SubLink) && ((SubLink *) node)->testexpr &&
			 IsA(((SubLink *) node)->testexpr, BoolExpr))
	{
		ListCell   *lc;

		foreach(lc, ((BoolExpr *) ((SubLink *) node)->testexpr)->args)
			check_operator(lfirst(lc), "(a, b) IN (SELECT ...)",
						   "Write EXISTS (SELECT ... WHERE a = c AND b = d).");
	}
	else if (IsA(node, JoinExpr) && ((JoinExpr *) node)->usingClause)
	{
		Expr	   *quals = (Expr *) ((JoinExpr *) node)->quals;
		ListCell   *lc;

		foreach(lc, make_ands_implicit(quals))
			check_operator(lfirst(lc), "JOIN ... USING, or NATURAL JOIN,",
						   "Write JOIN ... ON a = b.");
	}
}

/*
 * Refuses an expression by an operator that is not PostgreSQL's own.
 */
static void
check_operator(Node *node, const char *syntax, const char *hint)
{
	/* they are one struct with different tags */
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr))
		check_opno(((OpExpr *) node)->opno, syntax, hint);
}

/*
 * Refuses an operator that is not PostgreSQL's own.
 */
static void
check_opno(Oid opno, const char *syntax, const char *hint)
{
	if (opno >= FirstUnpinnedObjectId)
		refuse(psprintf("%s compares by %s, an operator whose schema cannot be written there.",
						syntax, format_operator(opno)),
			   hint);
}

/*
 * True for a volatile function, which is put into *context.
 */
static bool
is_volatile(Oid funcid, void *context)
{
	*(Oid *) context = funcid;
	return func_volatile(funcid) == PROVOLATILE_VOLATILE;
}

/*
 * Says why a query cannot be maintained, and what can be done about it.
 */
static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot keep a TVIEW of this query"),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

/*
 * Makes a definition's sources from the vertices that are base relations, and
 * notes the columns that the query reads of each.
 */
void
tview_sources_fill(TviewAnalysis *analysis, TviewDef *def)
{
	ListCell   *lc;

	def->sources = palloc0(sizeof(TviewSource) *
						   (list_length(analysis->vertices) + 1));
	def->nsources = 0;
	def->watched = list_concat(def->watched, analysis->views);
	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);
		TviewSource *source;

		if (!vertex->is_source)
			continue;
		vertex->source = def->nsources;
		source = &def->sources[def->nsources++];
		source->number = vertex->source;
		source->relid = vertex->rte->relid;
		def->watched = list_append_unique_oid(def->watched, source->relid);
		source->alias = pstrdup(vertex->rte->eref->aliasname);
		source->linking = tview_policies_columns(vertex);
	}
	foreach(lc, analysis->levels)
	{
		UseContext	context;

		context.analysis = analysis;
		context.level = lfirst(lc);
		context.def = def;
		use_columns(&context);
	}
}

/*
 * Notes the columns that the expressions of one level read.
 */
static void
use_columns(UseContext *context)
{
	int			flags = QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_JOINALIASES;

	(void) query_tree_walker(context->level->query, use_columns_walker,
							 context, flags);
}

/*
 * Walker of use_columns; the levels below have their own turn.
 */
static bool
use_columns_walker(Node *node, UseContext *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, Var))
	{
		use_column(context, (Var *) node);
		return false;
	}
	return expression_tree_walker(node, use_columns_walker, context);
}

/*
 * Notes that a column is read.
 */
static void
use_column(UseContext *context, Var *var)
{
	TviewLevel *level = context->level;
	TviewVertex *vertex;
	TviewSource *source;

	for (Index up = 0; up < var->varlevelsup; up++)
		level = level->outer;
	vertex = level->items[var->varno].vertex;
	if (vertex == NULL || !vertex->is_source)
		return;
	source = &context->def->sources[vertex->source];
	if (var->varattno > 0)
		source->used = bms_add_member(source->used, var->varattno);
	else if (var->varattno == 0)
		source->uses_all = true;
	else
		refuse(psprintf("It reads a system column of %s.",
						get_rel_name(vertex->rte->relid)),
			   "Read columns of the table only.");
}

/*
 * True when an expression over a vertex is a column that cannot be NULL.  What
 * a table promises, its children need not keep, unless they are partitions.
 */
bool
tview_sources_is_not_null(TviewVertex *vertex, Node *expr)
{
	Var		   *var = (Var *) expr;
	HeapTuple	tuple;
	bool		result;

	if (!IsA(expr, Var) || !vertex->is_source || var->varattno <= 0)
		return false;
	if (vertex->rte->inh && has_subclass(vertex->rte->relid) &&
		get_rel_relkind(vertex->rte->relid) != RELKIND_PARTITIONED_TABLE)
		return false;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(vertex->rte->relid),
							Int16GetDatum(var->varattno));
	if (!HeapTupleIsValid(tuple))
		tview_internal_error("cache lookup failed for attribute %d of relation %u",
							 var->varattno, vertex->rte->relid);
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull &&
			 compat_is_not_null_valid(vertex->rte->relid, var->varattno);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Returns the names (C strings) of functions in a query whose results may
 * change without a change of a row.
 */
List *
tview_sources_warnings(Query *query)
{
	TviewAnalysis *analysis = tview_analyze_query(query);
	List	   *names = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, analysis->levels)
		(void) query_tree_walker(((TviewLevel *) lfirst(lc))->query,
								 find_stable_walker, &names,
								 QTW_IGNORE_RT_SUBQUERIES);
	foreach(lc, names)
		result = lappend(result, strVal(lfirst(lc)));
	return result;
}

/*
 * True for a function whose result may change without a change of a row; it is
 * put into *context.
 */
bool
tview_sources_may_change(Oid funcid, void *context)
{
	return is_volatile(funcid, context) || is_unsteady(funcid, context);
}

/*
 * Collects the names of unsteady functions, as String nodes, each once.
 */
static bool
find_stable_walker(Node *node, List **names)
{
	Oid			funcid = InvalidOid;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, SQLValueFunction))
		*names = list_append_unique(*names,
									makeString("CURRENT_DATE, CURRENT_USER or the like"));
	if (check_functions_in_node(node, is_unsteady, &funcid))
		*names = list_append_unique(*names,
									makeString(format_procedure(funcid)));
	return expression_tree_walker(node, find_stable_walker, names);
}

/*
 * True for a STABLE function that may give another result without a change of
 * a row; it is put into *context.
 */
static bool
is_unsteady(Oid funcid, void *context)
{
	const char *name;

	*(Oid *) context = funcid;
	if (func_volatile(funcid) != PROVOLATILE_STABLE)
		return false;
	if (get_func_namespace(funcid) != PG_CATALOG_NAMESPACE)
		return true;
	name = get_func_name(funcid);
	if (strncmp(name, "has_", 4) == 0 || strncmp(name, "pg_get_", 7) == 0 ||
		strcmp(name, "pg_has_role") == 0 ||
		strncmp(name, "reg", 3) == 0)	/* names, of regclass and the like */
		return true;
	for (int i = 0; i < lengthof(unsteady_functions); i++)
	{
		if (strcmp(name, unsteady_functions[i]) == 0)
			return true;
	}
	return strcmp(name, "age") == 0 && get_func_nargs(funcid) == 1;
}

/*
 * Whether a query may return rows even when all tables are empty: from VALUES
 * or functions, or as the one row of an aggregate without groups.
 */
bool
tview_sources_has_constant_rows(Query *query)
{
	return query_has_rows(query, NULL);
}

/*
 * The same for a query or subquery.
 */
static bool
query_has_rows(Query *query, QueryChain *outer)
{
	QueryChain	chain = {query, outer};

	check_stack_depth();
	if (query->setOperations)
		return setop_has_rows(&chain, query->setOperations);
	if (query->groupingSets != NIL ||
		((query->hasAggs || query->havingQual) && query->groupClause == NIL))
		return true;
	return join_has_rows(&chain, (Node *) query->jointree);
}

/*
 * The same for a set operation or a branch of one.
 */
static bool
setop_has_rows(QueryChain *chain, Node *node)
{
	SetOperationStmt *setop;
	bool		left;
	bool		right;

	if (IsA(node, RangeTblRef))
		return item_has_rows(chain, ((RangeTblRef *) node)->rtindex);
	setop = castNode(SetOperationStmt, node);
	left = setop_has_rows(chain, setop->larg);
	right = setop_has_rows(chain, setop->rarg);
	if (setop->op == SETOP_UNION)
		return left || right;
	return setop->op == SETOP_INTERSECT ? left && right : left;
}

/*
 * The same for FROM, or something joined in it.
 */
static bool
join_has_rows(QueryChain *chain, Node *node)
{
	if (IsA(node, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) node)->fromlist)
		{
			if (!join_has_rows(chain, lfirst(lc)))
				return false;
		}
		return true;
	}
	if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;
		bool		left = join_has_rows(chain, join->larg);
		bool		right = join_has_rows(chain, join->rarg);

		if (join->jointype == JOIN_FULL)
			return left || right;
		if (join->jointype == JOIN_LEFT)
			return left;
		return join->jointype == JOIN_RIGHT ? right : left && right;
	}
	return item_has_rows(chain, castNode(RangeTblRef, node)->rtindex);
}

/*
 * The same for an item of the range table.
 */
static bool
item_has_rows(QueryChain *chain, Index rti)
{
	RangeTblEntry *rte = rt_fetch(rti, chain->query->rtable);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->relkind == RELKIND_VIEW &&
				   query_has_rows(tview_create_view_query(rte->relid), NULL);
		case RTE_SUBQUERY:
			return query_has_rows(rte->subquery, chain);
		case RTE_CTE:
			return cte_has_rows(chain, rte);
		default:
			return true;
	}
}

/*
 * The same for a reference to a CTE.  One to itself adds to rows only.
 */
static bool
cte_has_rows(QueryChain *chain, RangeTblEntry *rte)
{
	ListCell   *lc;

	if (rte->self_reference)
		return false;
	for (Index i = 0; i < rte->ctelevelsup; i++)
		chain = chain->outer;
	foreach(lc, chain->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return query_has_rows(castNode(Query, cte->ctequery), chain);
	}
	tview_internal_error("no CTE \"%s\"", rte->ctename);
	return true;
}
