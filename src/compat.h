/*
 * compat.h
 *		What differs between the PostgreSQL majors we support.
 *
 * The only file that may look at PG_VERSION_NUM.  Wrappers take the newest
 * signature and drop on older majors what those do not know.
 */
#ifndef TVIEWS_COMPAT_H
#define TVIEWS_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_tviews needs PostgreSQL 15 or later"
#endif

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/rel.h"

#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "catalog/pg_constraint.h"
#endif

/*
 * Join alias Vars: 16 added the planner's root (commit 2489d76c4), which is
 * NULL outside the planner.
 */
static inline Node *
compat_flatten_join_alias_vars(Query *query, Node *node)
{
#if PG_VERSION_NUM >= 160000
	return flatten_join_alias_vars(NULL, query, node);
#else
	return flatten_join_alias_vars(query, node);
#endif
}

/*
 * Grouping expressions: 18 hides them behind an RTE of their own (commit
 * 247dea89f); before, the expressions stood in place.
 */
static inline Node *
compat_flatten_group_exprs(Query *query, Node *node)
{
#if PG_VERSION_NUM >= 180000
	if (query->hasGroupRTE)
		return flatten_group_exprs(NULL, query, node);
#endif
	return node;
}

/* True for the range table entry that stands for GROUP BY (18). */
static inline bool
compat_rte_is_group(RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 180000
	return rte->rtekind == RTE_GROUP;
#else
	return false;
#endif
}

/* index_beginscan: 18 added instrumentation (commit 0fbceae84). */
static inline IndexScanDesc
compat_index_beginscan(Relation heap, Relation index, Snapshot snapshot,
					   int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(heap, index, snapshot, nkeys, 0);
#endif
}

/*
 * Makes relation the only range table entry of an executor state, so that
 * ExecInitResultRelation and its like find it; its columns count as updated.
 * 16 moved the permission fields into a list of their own (commit a61b1f748),
 * 18 wants to know which entries survive pruning (commit cbc127917).
 */
static inline void
compat_init_range_table(EState *estate, Relation relation,
						Bitmapset *updated_cols)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *perminfos = NIL;

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(relation);
	rte->relkind = relation->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	addRTEPermissionInfo(&perminfos, rte)->updatedCols = updated_cols;
#else
	rte->updatedCols = updated_cols;
#endif
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(rte), perminfos,
					   bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
	ExecInitRangeTable(estate, list_make1(rte), perminfos);
#else
	(void) perminfos;
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/*
 * heap_copy_minimal_tuple: 18 added room before the tuple (commit 8fd1bb5c2).
 */
static inline MinimalTuple
compat_copy_minimal_tuple(MinimalTuple tuple)
{
#if PG_VERSION_NUM >= 180000
	return heap_copy_minimal_tuple(tuple, 0);
#else
	return heap_copy_minimal_tuple(tuple);
#endif
}

/* heap_form_minimal_tuple: the same. */
static inline MinimalTuple
compat_form_minimal_tuple(TupleDesc desc, const Datum *values,
						  const bool *isnull)
{
#if PG_VERSION_NUM >= 180000
	return heap_form_minimal_tuple(desc, values, isnull, 0);
#else
	return heap_form_minimal_tuple(desc, (Datum *) values, (bool *) isnull);
#endif
}

/* EvalPlanQualInit: 16 added the result relations (commit 70b42f279). */
static inline void
compat_eval_plan_qual_init(EPQState *epqstate, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	EvalPlanQualInit(epqstate, estate, NULL, NIL, -1, NIL);
#else
	EvalPlanQualInit(epqstate, estate, NULL, NIL, -1);
#endif
}

/*
 * A search_path that nobody can put objects into, until the GUC nest level
 * ends.  17 has it as a function (commit 2af07e2f7).
 */
static inline void
compat_restrict_search_path(void)
{
#if PG_VERSION_NUM >= 170000
	RestrictSearchPath();
#else
	set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
					  PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
#endif
}

/*
 * Takes a lock, and says no where the lock table is full, or, with dont_wait,
 * where it would have to wait.  18 may log such
 * failures (commit 6d376c3b0).
 */
static inline LockAcquireResult
compat_lock_acquire(const LOCKTAG *tag, LOCKMODE mode, bool dont_wait)
{
#if PG_VERSION_NUM >= 180000
	return LockAcquireExtended(tag, mode, false, dont_wait, false, NULL,
							   false);
#else
	return LockAcquireExtended(tag, mode, false, dont_wait, false, NULL);
#endif
}

/* Ownership: 16 has one function for all kinds (commit afbfc0298). */
static inline bool
compat_owns_relation(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, roleid);
#else
	return pg_class_ownercheck(relid, roleid);
#endif
}

/*
 * True for the ALTER TABLE subcommand that gives a generated column another
 * expression: new in 17 (commit 5d06e99a3).
 */
static inline bool
compat_sets_expression(AlterTableType subtype)
{
#if PG_VERSION_NUM >= 170000
	return subtype == AT_SetExpression;
#else
	return false;
#endif
}

/*
 * Shared memory found by name, without preloading: the DSM registry of 17
 * (commit 8b2bcf3f2).
 */
static inline bool
compat_has_named_segments(void)
{
	return PG_VERSION_NUM >= 170000;
}

/* The segment of that name; NULL before 17. */
static inline void *
compat_named_segment(const char *name, size_t size,
					 void (*init_callback)(void *ptr), bool *found)
{
#if PG_VERSION_NUM >= 170000
	return GetNamedDSMSegment(name, size, init_callback, found);
#else
	return NULL;
#endif
}

/*
 * What another backend does, by a number from 1 on: 16 gave the function
 * another name (commit d7e39d72c).
 */
static inline LocalPgBackendStatus *
compat_local_backend(int number)
{
#if PG_VERSION_NUM >= 160000
	return pgstat_get_local_beentry_by_index(number);
#else
	return pgstat_fetch_stat_local_beentry(number);
#endif
}

/*
 * Whether all rows keep a column's NOT NULL: since 18 it can be NOT VALID
 * (commit a379061a22a).
 */
static inline bool
compat_is_not_null_valid(Oid relid, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	HeapTuple	tuple = findNotNullConstraintAttnum(relid, attnum);

	return HeapTupleIsValid(tuple) &&
		   ((Form_pg_constraint) GETSTRUCT(tuple))->convalidated;
#else
	return true;
#endif
}

/*
 * Whether foreign tables can have triggers for TRUNCATE: 16 allowed that
 * (commit 3b00a944a9b).
 */
#define COMPAT_FOREIGN_TRUNCATE_TRIGGERS (PG_VERSION_NUM >= 160000)

/*
 * Parameters and arguments of an ExecutorRun hook: 18 took the last one away
 * (commit 3eea7a0c97e).
 */
#if PG_VERSION_NUM >= 180000
#define COMPAT_RUN_PARAMS QueryDesc *query, ScanDirection direction, \
						  uint64 count
#define COMPAT_RUN_ARGS query, direction, count
#else
#define COMPAT_RUN_PARAMS QueryDesc *query, ScanDirection direction, \
						  uint64 count, bool run_once
#define COMPAT_RUN_ARGS query, direction, count, run_once
#endif

#endif /* TVIEWS_COMPAT_H */
