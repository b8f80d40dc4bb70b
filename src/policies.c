/*
 * policies.c
 *		Row-level security of what a query reads.
 *
 * A table shows only some of its rows to whom policies apply: to the owner of
 * the view that reads it, which is usually the TVIEW's owner.  PostgreSQL adds
 * the policies' conditions when it rewrites the query; the query of a view
 * lacks them.  So they are added to the analyzed one, where PostgreSQL has
 * them too: as securityQuals of the table's range table entry.  The walkers
 * of what follows find them there, and their columns are used like others.
 *
 * A condition on nothing but the row itself can be followed.  One that reads
 * other tables, or calls functions that may change their minds, cannot.
 *
 * Routes and edges read tables as the TVIEW's owner.  To them a hidden row is
 * not there, and one that becomes visible is new.  So the columns of policies
 * are linking ones: then capture.c takes their change for an old row that goes
 * and a new one that comes, and the locks are those of new rows.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "compat.h"
#include "pg_tviews.h"

static Oid	reader_of(const TviewVertex *vertex, const TviewDef *def);
static bool apply_to(Oid relid, Oid role);
static void add_policies(TviewVertex *vertex, Oid reader,
						 const TviewDef *def);
static bool is_for_reading(const RowSecurityPolicy *policy, Oid reader);
static void check_policy(const RowSecurityPolicy *policy, Oid relid,
						 const TviewDef *def);
static bool find_obstacle_walker(Node *node, char **obstacle);

/*
 * Adds to an analyzed query the conditions of the policies by which it reads;
 * an error if one cannot be followed.
 */
void
tview_policies_add(TviewAnalysis *analysis, const TviewDef *def)
{
	ListCell   *lc;

	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);

		if (vertex->is_source)
			add_policies(vertex, reader_of(vertex, def), def);
	}
}

/*
 * Returns the columns that decide whether a row of a source is shown.
 */
Bitmapset *
tview_policies_columns(const TviewVertex *vertex)
{
	Bitmapset  *offset = NULL;
	Bitmapset  *columns = NULL;
	int			member = -1;

	pull_varattnos((Node *) vertex->rte->securityQuals, vertex->rti, &offset);
	while ((member = bms_next_member(offset, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;
		Relation	rel;

		if (attnum > 0)
			columns = bms_add_member(columns, attnum);
		if (attnum != 0)
			continue;
		rel = table_open(vertex->rte->relid, AccessShareLock);
		for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
		{
			if (!TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
				columns = bms_add_member(columns, i + 1);
		}
		table_close(rel, NoLock);
	}
	return columns;
}

/*
 * True when policies hide rows from the TVIEW's owner that the query reads as
 * somebody else, by way of another one's view.
 */
bool
tview_policies_hide_rows(TviewAnalysis *analysis, const TviewDef *def)
{
	ListCell   *lc;

	foreach(lc, analysis->vertices)
	{
		TviewVertex *vertex = lfirst(lc);

		if (vertex->is_source && reader_of(vertex, def) != def->owner &&
			apply_to(vertex->rte->relid, def->owner))
			return true;
	}
	return false;
}

/*
 * As whom a source is read: the owner of the view that it stands in, or
 * whoever asks, which we do as the TVIEW's owner.
 */
static Oid
reader_of(const TviewVertex *vertex, const TviewDef *def)
{
	Oid			view = def->view;
	Oid			reader = def->owner;
	Relation	rel;

	for (TviewLevel *level = vertex->level; level; level = level->up)
	{
		if (OidIsValid(level->view))
		{
			view = level->view;
			break;
		}
	}
	rel = table_open(view, AccessShareLock);
	if (!RelationHasSecurityInvoker(rel))
		reader = rel->rd_rel->relowner;
	table_close(rel, NoLock);
	return reader;
}

/*
 * Whether a table's policies apply to a role.  The check of a foreign key,
 * which they do not apply to, may have us called.
 */
static bool
apply_to(Oid relid, Oid role)
{
	Oid			userid;
	int			sec_context;
	bool		result;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(userid, sec_context & ~SECURITY_NOFORCE_RLS);
	result = check_enable_rls(relid, role, true) == RLS_ENABLED;
	SetUserIdAndSecContext(userid, sec_context);
	return result;
}

/*
 * Adds the conditions of the policies by which one source is read.
 */
static void
add_policies(TviewVertex *vertex, Oid reader, const TviewDef *def)
{
	RangeTblEntry *rte = vertex->rte;
	Relation	rel;
	ListCell   *lc;

	if (!apply_to(rte->relid, reader))
		return;
	rel = table_open(rte->relid, AccessShareLock);
	foreach(lc, rel->rd_rsdesc->policies)
	{
		RowSecurityPolicy *policy = lfirst(lc);
		Node	   *qual;

		if (!is_for_reading(policy, reader))
			continue;
		check_policy(policy, rte->relid, def);
		qual = (Node *) copyObject(policy->qual);
		ChangeVarNodes(qual, 1, vertex->rti, 0);
		rte->securityQuals = lappend(rte->securityQuals, qual);
	}
	table_close(rel, NoLock);
}

/*
 * True for a policy that says which rows a role may read.
 */
static bool
is_for_reading(const RowSecurityPolicy *policy, Oid reader)
{
	Oid		   *roles = (Oid *) ARR_DATA_PTR(policy->roles);

	if (policy->qual == NULL ||
		(policy->polcmd != '*' && policy->polcmd != ACL_SELECT_CHR))
		return false;
	for (int i = 0; i < ARR_DIMS(policy->roles)[0]; i++)
	{
		if (roles[i] == ACL_ID_PUBLIC || has_privs_of_role(reader, roles[i]))
			return true;
	}
	return false;
}

/*
 * An error if a policy cannot be followed.
 */
static void
check_policy(const RowSecurityPolicy *policy, Oid relid, const TviewDef *def)
{
	char	   *obstacle = NULL;

	(void) find_obstacle_walker((Node *) policy->qual, &obstacle);
	if (obstacle)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("TVIEW \"%s\" cannot follow policy \"%s\" of table \"%s\"",
						get_rel_name(def->tview), policy->policy_name,
						get_rel_name(relid)),
				 errdetail("The policy %s, so the rows that it shows can change without a change of the table.",
						   obstacle),
				 errhint("Make the TVIEW as the table's owner, or write the condition into its query.")));
}

/*
 * Walker that stops at what makes a condition depend on more than a row.
 * CURRENT_USER does not: it is always the TVIEW's owner who asks.
 */
static bool
find_obstacle_walker(Node *node, char **obstacle)
{
	Oid			funcid = InvalidOid;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		*obstacle = "reads other tables";
	else if (IsA(node, SQLValueFunction))
	{
		SQLValueFunctionOp op = ((SQLValueFunction *) node)->op;

		if (op != SVFOP_CURRENT_USER && op != SVFOP_CURRENT_ROLE &&
			op != SVFOP_USER)
			*obstacle = "uses CURRENT_DATE, SESSION_USER or the like";
	}
	else if (check_functions_in_node(node, tview_sources_may_change, &funcid))
		*obstacle = psprintf("calls %s", format_procedure(funcid));
	return *obstacle != NULL ||
		   expression_tree_walker(node, find_obstacle_walker, obstacle);
}
