/*
 * table_as.c
 *		CREATE TABLE tv_x AS SELECT, which makes a TVIEW.
 *
 * It is recognized twice.  At its start we see to it that PostgreSQL makes the
 * table but does not fill it; at its end we make a TVIEW of it.  Nothing is
 * remembered in between but in the parse tree, which tells both times, so that
 * a statement that fails leaves nothing behind.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/prepare.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "pg_tviews.h"

static char *get_entity(CreateTableAsStmt *stmt);
static char *key_name(const char *entity);
static bool is_execute(CreateTableAsStmt *stmt);
static void check_prepared(CreateTableAsStmt *stmt, const char *key);
static bool has_output(CreateTableAsStmt *stmt, const char *key);
static bool is_top_level(CreateTableAsStmt *stmt);
static Query *empty_query(Query *query);
static Query *original_query(CreateTableAsStmt *stmt);
static void explain_plain_table(CreateTableAsStmt *stmt, const char *entity);

/*
 * Whether CREATE TABLE AS makes a table that would be a TVIEW, judged by its
 * name and kind.
 */
bool
tview_table_as_is_ours(CreateTableAsStmt *stmt)
{
	return get_entity(stmt) != NULL;
}

/*
 * Keeps CREATE TABLE tv_x AS from filling its table, if that is to become a
 * TVIEW.
 */
void
tview_table_as_start(CreateTableAsStmt *stmt)
{
	char	   *entity = get_entity(stmt);
	MemoryContext caller;

	if (entity == NULL)
		return;
	if (is_execute(stmt))
		check_prepared(stmt, key_name(entity));
	else if (!has_output(stmt, key_name(entity)))
		return;
	else if (is_top_level(stmt))
		stmt->into->skipData = true;
	else
	{
		/* event triggers have a memory context that ends with them */
		caller = MemoryContextSwitchTo(GetMemoryChunkContext(stmt));
		stmt->query = (Node *) empty_query(castNode(Query, stmt->query));
		MemoryContextSwitchTo(caller);
	}
}

/*
 * Makes a TVIEW of the table that CREATE TABLE tv_x AS has created, or says
 * why not.  There is none if it was IF NOT EXISTS, and it did.
 */
void
tview_table_as_end(CreateTableAsStmt *stmt, List *created)
{
	char	   *entity = get_entity(stmt);

	if (created == NIL || is_execute(stmt))
		return;
	if (has_output(stmt, key_name(entity)))
		tview_create_from_query(linitial_oid(created), original_query(stmt));
	else
		explain_plain_table(stmt, entity);
}

/*
 * The entity of the table, if its name and kind are those of a TVIEW; else
 * NULL.
 */
static char *
get_entity(CreateTableAsStmt *stmt)
{
	RangeVar   *table = stmt->into->rel;

	if (stmt->objtype != OBJECT_TABLE ||
		table->relpersistence == RELPERSISTENCE_TEMP ||
		tview_names_entity(table->relname) == NULL ||
		isAnyTempNamespace(RangeVarGetCreationNamespace(table)))
		return NULL;
	return tview_names_entity(table->relname);
}

/*
 * The column that identifies an entity's rows by convention.
 */
static char *
key_name(const char *entity)
{
	return psprintf("%s%s", TVIEW_KEY_PREFIX, entity);
}

/*
 * Whether the rows are to come from a prepared statement.
 */
static bool
is_execute(CreateTableAsStmt *stmt)
{
	return castNode(Query, stmt->query)->commandType == CMD_UTILITY;
}

/*
 * An error if CREATE TABLE tv_x AS EXECUTE would have made a TVIEW, had it
 * been written with the query itself.
 */
static void
check_prepared(CreateTableAsStmt *stmt, const char *key)
{
	ExecuteStmt *execute = castNode(ExecuteStmt,
									castNode(Query, stmt->query)->utilityStmt);
	PreparedStatement *prepared = FetchPreparedStatement(execute->name, true);
	TupleDesc	desc = prepared->plansource->resultDesc;
	int			nnames = list_length(stmt->into->colNames);

	for (int i = 0; desc != NULL && i < desc->natts; i++)
	{
		const char *name = i < nnames ?
							   strVal(list_nth(stmt->into->colNames, i)) :
							   NameStr(TupleDescAttr(desc, i)->attname);

		if (strcmp(name, key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot create TVIEW \"%s\" from a prepared statement",
							stmt->into->rel->relname),
					 errhint("Write its SELECT after AS.  For an ordinary table, give the column \"%s\" or the table another name.",
							 key)));
	}
}

/*
 * Whether the query has an output column of that name.
 */
static bool
has_output(CreateTableAsStmt *stmt, const char *key)
{
	ListCell   *name = list_head(stmt->into->colNames);
	ListCell   *lc;

	foreach(lc, castNode(Query, stmt->query)->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		const char *column = entry->resname;

		if (entry->resjunk)
			continue;
		if (name != NULL)
		{
			column = strVal(lfirst(name));
			name = lnext(stmt->into->colNames, name);
		}
		if (strcmp(column, key) == 0)
			return true;
	}
	return false;
}

/*
 * Whether the statement is what the client has sent, rather than run by a
 * function.
 */
static bool
is_top_level(CreateTableAsStmt *stmt)
{
	if (ActivePortal == NULL || list_length(ActivePortal->stmts) != 1)
		return false;
	return equal(linitial_node(PlannedStmt, ActivePortal->stmts)->utilityStmt,
				 stmt);
}

/*
 * A query with the columns of another and no rows, which carries the other
 * along in a field that means nothing in a SELECT.
 *
 * SPI insists on a number of rows unless the statement that it gave, of which
 * ours is a copy, says WITH NO DATA.  So the statement has to run a query.
 */
static Query *
empty_query(Query *query)
{
	Query	   *result = makeNode(Query);
	ListCell   *lc;

	result->commandType = CMD_SELECT;
	result->canSetTag = true;
	result->jointree = makeFromExpr(NIL, makeBoolConst(false, false));
	result->utilityStmt = (Node *) query;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) entry->expr;
		Const	   *column = makeNullConst(exprType(expr), exprTypmod(expr),
										   exprCollation(expr));

		if (!entry->resjunk)
			result->targetList =
				lappend(result->targetList,
						makeTargetEntry((Expr *) column, entry->resno,
										entry->resname, false));
	}
	return result;
}

/*
 * The query as it was written.
 */
static Query *
original_query(CreateTableAsStmt *stmt)
{
	Query	   *query = castNode(Query, stmt->query);

	if (query->commandType == CMD_SELECT && query->utilityStmt != NULL)
		return castNode(Query, query->utilityStmt);
	return query;
}

/*
 * Says why a table called tv_x did not become a TVIEW.
 */
static void
explain_plain_table(CreateTableAsStmt *stmt, const char *entity)
{
	const char *relname = stmt->into->rel->relname;

	ereport(NOTICE,
			(errmsg("table \"%s\" is an ordinary table, not a TVIEW", relname),
			 errdetail("Its query has no column \"%s%s\".",
					   TVIEW_KEY_PREFIX, entity),
			 errhint("To make a TVIEW with another key, use pg_tviews_create(%s, 'SELECT ...', key_columns => ARRAY['...']).",
					 quote_literal_cstr(quote_identifier(relname)))));
}
