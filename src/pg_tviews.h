/*
 * pg_tviews.h
 *		What the files of pg_tviews share.
 *
 * Read top to bottom: first the words (a definition, its sources, their
 * routes), then what each file offers, grouped by file.  src/README has the
 * picture.
 */
#ifndef PG_TVIEWS_H
#define PG_TVIEWS_H

#include "access/attnum.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "portability/instr_time.h"
#include "tcop/dest.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* Prefixes of the naming convention: tv_post is kept equal to v_post. */
#define TVIEW_TABLE_PREFIX	 "tv_"
#define TVIEW_VIEW_PREFIX	 "v_"
#define TVIEW_KEY_PREFIX	 "pk_"
#define TVIEW_UPDATED_AT	 "updated_at"
#define TVIEW_TRIGGER_PREFIX "pg_tviews_"

/*
 * SQLSTATEs of our own: the standard leaves classes that begin with I to Z to
 * implementations, and PostgreSQL has none that begins with T.
 */
#define ERRCODE_TVIEW_NOT_FOUND MAKE_SQLSTATE('T', 'V', '0', '0', '1')
#define ERRCODE_TVIEW_REFRESH	MAKE_SQLSTATE('T', 'V', '0', '0', '2')
#define ERRCODE_TVIEW_INTERNAL	MAKE_SQLSTATE('T', 'V', '0', '0', '3')

/* Raises an error that cannot happen: instead of elog, to have our code. */
#define tview_internal_error(...) \
	ereport(ERROR, (errcode(ERRCODE_TVIEW_INTERNAL), \
					errmsg_internal(__VA_ARGS__)))

/* The name of the row set that routes start from. */
#define TVIEW_TOUCHED "touched"

/*
 * True in a debugging server that has caches discarded at every chance.  What
 * is repeated until nothing changes meanwhile would be repeated for ever.
 */
#ifdef DISCARD_CACHES_ENABLED
#define DISCARDS_CACHES (debug_discard_caches > 0)
#else
#define DISCARDS_CACHES false
#endif

/* Sizes of row sets that get plans of their own: 1, few, many. */
#define TVIEW_SIZES 3

/* pg_tviews.refresh_at */
typedef enum TviewRefreshAt
{
	TVIEW_AT_COMMIT,
	TVIEW_AT_STATEMENT,
} TviewRefreshAt;

/* pg_tviews.on_full_refresh */
typedef enum TviewOnFull
{
	TVIEW_FULL_ALLOW,
	TVIEW_FULL_WARN,
	TVIEW_FULL_ERROR,
} TviewOnFull;

/* pg_tviews.on_error, and the option of that name */
typedef enum TviewOnError
{
	TVIEW_ERROR_DEFAULT,		/* option: as the setting says */
	TVIEW_ERROR_ABORT,
	TVIEW_ERROR_STALE,
} TviewOnError;

/* How the keys of a changed row are found. */
typedef enum TviewStrategy
{
	TVIEW_DIRECT,				/* the row carries the key itself */
	TVIEW_ROUTE,				/* a query leads from the row to the key */
	TVIEW_FULL,					/* no way to tell: refresh every row */
} TviewStrategy;

/*
 * One way from a source to the key.  A source may need several (a branch of a
 * UNION each, or the other rows of its partition).
 */
typedef struct TviewRoute
{
	TviewStrategy strategy;		/* TVIEW_DIRECT or TVIEW_ROUTE */
	int		   *direct;			/* direct: touch column of each scope column */
	char	   *sql;			/* route: query over "touched" giving scope */
	char	   *words;			/* the tables on the way, for people */
	List	   *hops;			/* of TviewHop */
	Bitmapset  *touched;		/* columns of the source that it starts from */
	struct TviewPlan *plans[TVIEW_SIZES];	/* by number of touches */
} TviewRoute;

/* One step of a route: the table it reads and the columns it searches by. */
typedef struct TviewHop
{
	Oid			relid;
	List	   *attnums;		/* int list: columns compared by equality */
} TviewHop;

/* A set of parts of a row, a bit each; see parts.c. */
typedef uint64 TviewParts;
#define TVIEW_ALL_PARTS PG_UINT64_MAX

/* One part: a column of the view, or the value of a key of a document. */
typedef struct TviewPart
{
	int			column;			/* of the view, from 0 */
	int			arg;			/* document: the key's place among arguments */
	TviewParts	bit;
} TviewPart;
#define TVIEW_WHOLE_COLUMN (-1)

/* How the view, or a part of its rows, is read. */
typedef struct TviewViewPlans
{
	struct TviewPlan *by_size[TVIEW_SIZES + 1]; /* 1, few, many, all */
	struct TviewPlan *each;		/* several, one after the other */
	double		each_pays;		/* for up to so many; 0: not known yet */
} TviewViewPlans;

/* How some parts of rows are read. */
typedef struct TviewPartQuery
{
	TviewParts	parts;
	char	   *sql;			/* the query reduced to those, for FROM */
	TviewViewPlans plans;
} TviewPartQuery;

/* One occurrence of a base relation in the query, views expanded. */
typedef struct TviewSource
{
	int			number;			/* position in the definition */
	Oid			relid;
	char	   *alias;			/* as the query calls it */
	Bitmapset  *used;			/* columns the query reads; see below */
	bool		uses_all;		/* a whole-row reference: every column */
	Bitmapset  *linking;		/* columns that tie it to other sources, or by
								 * which policies hide it */
	TviewParts	row_parts;		/* what its rows affect, if there are parts */
	int			last_used;		/* the highest of the used columns */
	TviewParts *column_parts;	/* and its columns; 0: all of a row */
	int			ncolumns;		/* columns that a touch remembers */
	AttrNumber *columns;
	TupleDesc	touch_desc;		/* row type of touches: just these columns */
	TviewStrategy strategy;		/* of its most expensive route */
	List	   *routes;			/* TviewRoute; NIL when full */
	char	   *full_reason;	/* full: why, a sentence */
	char	   *full_hint;		/* full: what to write instead, or NULL */
} TviewSource;

/* A step of some route, as something to lock; see edges.c. */
typedef struct TviewEdge
{
	int			number;			/* names it in lock tags; from 1 */
	int			from;			/* the source that it leaves */
	int			to;				/* the source that it leads to */
	bool		is_hop;			/* to another row of the same partition */
	int			depth;			/* steps from "to" to the key */
	int			nvalues;		/* what it links by; 0: locked as a whole */
	bool		is_null;		/* it links the rows where that is NULL */
	List	   *from_exprs;		/* over touches of "from" */
	List	   *to_exprs;		/* over touches of "to" */
	Oid		   *from_hashes;	/* hash functions */
	Oid		   *to_hashes;
	Oid		   *collations;
	char	   *sql;			/* from touches of "to" to touches of "from" */
	struct TviewPlan *plans[TVIEW_SIZES];
} TviewEdge;

/* One row of pg_tview_meta. */
typedef struct TviewMeta
{
	Oid			tview;
	Oid			view;
	char	   *entity;
	List	   *key_columns;	/* of String */
	Datum		options;		/* jsonb, detoasted */
} TviewMeta;

/*
 * All that is known of a TVIEW: its catalog row and what follows from the
 * view's query.  Owned by the cache in catalog.c, never changed once built,
 * and alive until the transaction ends even when invalidated meanwhile.
 *
 * "Scope" is the part of the key that routes deliver and refreshes are
 * restricted by: the whole key, or those of its columns that come from one
 * source where no source provides all.
 */
typedef struct TviewDef
{
	Oid			tview;
	Oid			view;
	Oid			owner;
	char	   *name;			/* of tv_x, qualified and quoted */
	char	   *view_name;		/* of v_x */
	TupleDesc	view_desc;		/* row type of the view */
	AttrNumber *tview_attnums;	/* column of tv_x for each view column */
	AttrNumber	updated_at;		/* column of tv_x that we set, or 0 */
	int			nkeys;
	AttrNumber *key_attnums;	/* key columns, as columns of the view */
	Oid			key_index;		/* unique index of tv_x on the key */
	int		   *index_keys;		/* positions in key_attnums, as indexed */
	int			nscope;
	int		   *scope;			/* positions in key_attnums */
	bool		scope_is_key;
	bool		may_have_null_key;	/* nothing keeps the view from returning a
									 * NULL key */
	int			nsources;
	TviewSource *sources;
	int			nedges;
	TviewEdge  *edges;			/* in the order of locking */
	bool		has_blind_edges;	/* not all steps of routes are edges */
	bool		computes_links; /* by functions that may fail */
	int			nparts;			/* 0: rows are always read as a whole */
	TviewPart  *parts;
	List	   *part_queries;	/* of TviewPartQuery: those needed so far */
	uint64		serial;			/* no other definition has it */
	TviewOnError on_error;		/* what to do when its query fails */
	char	   *channel;		/* to notify of changed rows, or NULL */
	List	   *settings;		/* of DefElem: session settings to pin */
	List	   *watched;		/* OIDs of relations it follows from */
	List	   *dependencies;	/* OIDs of TVIEWs among the sources */
	int			level;			/* 0, or 1 + the highest level among those */
	TviewViewPlans plans;		/* reading the view */
	struct TviewPlan *stored_plans[TVIEW_SIZES];	/* reading stored keys */
	struct TviewPlan *version_plans[TVIEW_SIZES + 1];	/* and versions */
	struct TviewPlan *null_plan;	/* looking for NULL keys */
} TviewDef;

/* What a refresh did. */
typedef struct TviewCounts
{
	int64		inserted;
	int64		updated;
	int64		deleted;
	int64		unchanged;
} TviewCounts;

/* in pg_tviews.c */
extern bool tview_enable_stats;
extern int	tview_lock_escalation;
extern int	tview_refresh_at;
extern int	tview_log_min_duration;
extern int	tview_on_error;
extern int	tview_on_full_refresh;
extern int	tview_pending_mem_kb;
extern int	tview_stats_sample_size;
extern char *tview_test_fault;

/* in catalog.c */
extern Oid	tview_catalog_relid(void);
extern Oid	tview_catalog_schema(void);
extern void tview_catalog_begin_rows(FunctionCallInfo fcinfo, bits32 flags,
									 int ncolumns);
extern Oid	tview_catalog_find_function(const char *name, int nargs,
										const Oid *argtypes);
extern Oid	tview_catalog_function(const char *name, int nargs,
								   const Oid *argtypes);
extern void tview_catalog_insert(const TviewMeta *meta);
extern void tview_catalog_update(const TviewMeta *meta);
extern void tview_catalog_delete(Oid tview);
extern TviewMeta *tview_catalog_read(Oid tview);	/* NULL if none */
extern TviewMeta *tview_catalog_require(Oid tview);
extern void tview_catalog_report_dropped(Oid tview);
extern Oid	tview_catalog_of_view(Oid view);	/* InvalidOid if none */
extern Oid	tview_catalog_rule_view(Oid rule);
extern List *tview_catalog_list(void);	/* OIDs of all TVIEWs */
extern List *tview_catalog_dependents(Oid relid);	/* TVIEWs that read it */
extern List *tview_catalog_ancestors(Oid relid);
extern bool tview_catalog_is_stale(Oid tview);
extern char *tview_catalog_stale_code(Oid tview);	/* NULL: not stale */
extern void tview_catalog_set_stale(Oid tview, const char *code);
extern void tview_catalog_set_stats(Oid tview, int64 rows, double row_bytes,
									const char *plan);
extern bool tview_catalog_is_subscribed(List *relids);
extern void tview_catalog_row_oids(Relation meta, HeapTuple tuple,
								   Oid *tview, Oid *view);
extern HeapTuple tview_catalog_row_successor(Relation meta, HeapTuple tuple);

/* in definition.c */
extern TviewDef *tview_definition_get(Oid tview);	/* NULL if no TVIEW */
extern TviewDef *tview_definition_require(Oid tview);
extern TviewDef *tview_definition_lock(Oid tview, LOCKMODE mode);
extern void tview_definition_hold(const TviewDef *def, LOCKMODE mode);
extern TviewDef *tview_definition_build(const TviewMeta *meta, bool has_index);
extern void tview_definition_forget(Oid tview);
extern void tview_definition_announce(const TviewDef *def);
extern bool tview_definition_is_tview(Oid relid);
extern uint64 tview_definition_generation(void);

/*
 * What analysis works with.  Vertices are numbered from 0; in expressions over
 * vertices, a Var's varno is that number plus one.
 */
typedef struct TviewLevel TviewLevel;

/* A base relation or function in FROM. */
typedef struct TviewVertex
{
	int			number;
	TviewLevel *level;			/* where it stands */
	Index		rti;			/* and its place in the range table there */
	RangeTblEntry *rte;
	bool		is_source;		/* a base relation */
	int			source;			/* its number among the sources */
	int			base;			/* function: the vertex that its arguments
								 * come from; else the vertex itself */
	bool		is_blocked;		/* function with more than one such vertex */
} TviewVertex;

/* A join above a FROM item, and the side of it that the item is on. */
typedef struct TviewJoinSide
{
	JoinExpr   *join;
	bool		is_right;
} TviewJoinSide;

/* A FROM item: one of vertex and child, or neither. */
typedef struct TviewItem
{
	TviewVertex *vertex;
	TviewLevel *child;
	List	   *joins;			/* of TviewJoinSide, innermost first */
} TviewItem;

/* One SELECT of the query. */
struct TviewLevel
{
	Query	   *query;
	Oid			view;			/* whose query that is, or InvalidOid */
	TviewLevel *outer;			/* what varlevelsup 1 refers to */
	TviewLevel *up;				/* whose rows depend on this level's */
	Index		container;		/* place in its range table; 0: a sublink */
	int			nitems;
	TviewItem  *items;			/* by range table index, from 1 */
	Bitmapset  *outputs_read;	/* columns that others read: outputs.c */
	List	   *branches;		/* set operation: levels */
	int			branch;			/* the branch now looked at */
	bool		is_recursive;	/* links do not reach into it */
	bool		is_limited;		/* a row may affect rows that share nothing
								 * with it: LIMIT, unpartitioned window */
	List	   *partitions;		/* lists of SortGroupClause: DISTINCT ON and
								 * windows, whose rows affect each other */
	SubLink    *sublink;		/* a sublink's: the node */
	JoinExpr   *sublink_join;	/* in whose condition it stands, or NULL */
	bool		sublink_is_filter;	/* NULL and false mean the same there */
	bool		sublink_must_hold;	/* WHERE demands that it has a row */
};

/* The use of a level's output column by an expression outside it. */
typedef struct TviewCrossing
{
	TviewLevel *level;
	AttrNumber	resno;
} TviewCrossing;

/* A condition that ties vertices together. */
typedef struct TviewLink
{
	Node	   *cond;			/* over vertices */
	Bitmapset  *vertices;		/* numbers, functions replaced by their base */
	List	   *functions;		/* int list: functions it reads */
	TviewLevel *level;			/* where it stands: */
	JoinExpr   *join;			/* in this join's ON, or else in WHERE */
	TviewLevel *sublink;		/* made from this sublink's test, or NULL */
	List	   *crossings;		/* of TviewCrossing */
	Bitmapset  *strict;			/* vertices that are not null-extended when
								 * the condition is true */
	bool		is_equality;	/* of one vertex's value and another's */
} TviewLink;

typedef struct TviewAnalysis
{
	TviewLevel *top;
	List	   *levels;			/* all of them, parents first */
	List	   *vertices;		/* of TviewVertex */
	List	   *views;			/* OIDs of the views it passes through */
	int			variant;		/* which branches are looked at */
	List	   *links;			/* of TviewLink, of that variant */
	List	   *edges;			/* of TviewStep: each step of routes once */
	List	   *edges_done;		/* those with a number */
	bool		has_blind_edges;	/* routes pass a function that hangs on
									 * no table */
	bool		computes_links; /* routes call functions that may fail */
} TviewAnalysis;

/* in analyze.c */
extern TviewAnalysis *tview_analyze_query(Query *query);
extern void tview_analyze_reduce(TviewAnalysis *analysis, List *key_resnos);
extern Node *tview_analyze_resolve(TviewLevel *level, Node *expr,
								   List **crossings);
extern List *tview_analyze_resolve_functions(TviewVertex *function,
											 List **crossings);
extern Node *tview_analyze_resolve_output(TviewLevel *level, AttrNumber resno,
										  List **crossings);
extern bool tview_analyze_is_active(TviewLevel *level);
extern bool tview_analyze_is_inside(TviewLevel *level, TviewLevel *ancestor);
extern Bitmapset *tview_analyze_needed_by(Node *expr);
extern bool tview_analyze_next_variant(TviewAnalysis *analysis);
extern bool tview_analyze_turn_to(TviewAnalysis *analysis, int variant);

/* in links.c */
extern void tview_links_find(TviewAnalysis *analysis);
extern bool tview_links_usable(TviewAnalysis *analysis, TviewLink *link,
							   TviewVertex *from, TviewVertex *to);
extern bool tview_links_nulls_side(TviewJoinSide *place);
extern bool tview_links_is_nullable(TviewVertex *vertex, TviewLevel *level,
									JoinExpr *join);
extern TviewVertex *tview_links_vertex(TviewAnalysis *analysis, int number);
extern Bitmapset *tview_links_vertices(Node *expr);
extern bool tview_links_agrees(OpExpr *op, Node *expr);
extern bool tview_links_is_exact(TviewCrossing *crossing, Node *compared);
extern bool tview_links_is_bitwise(Node *expr);
extern Index tview_links_item(TviewLevel *level, Index rti,
							  TviewLevel *ancestor);

/* in outputs.c */
extern void tview_outputs_prune(TviewAnalysis *analysis);

/* in policies.c */
extern void tview_policies_add(TviewAnalysis *analysis, const TviewDef *def);
extern Bitmapset *tview_policies_columns(const TviewVertex *vertex);
extern bool tview_policies_hide_rows(TviewAnalysis *analysis,
									 const TviewDef *def);

/* in sources.c */
extern List *tview_analyze_relations(Query *query);
extern void tview_sources_check(TviewAnalysis *analysis);
extern void tview_sources_fill(TviewAnalysis *analysis, TviewDef *def);
extern bool tview_sources_is_not_null(TviewVertex *vertex, Node *expr);
extern List *tview_sources_warnings(Query *query);
extern bool tview_sources_may_change(Oid funcid, void *context);
extern bool tview_sources_has_constant_rows(Query *query);

/* More combinations of set operations than these: refresh in full. */
#define TVIEW_MAX_VARIANTS 64

/* What a vertex provides of the key. */
typedef struct TviewProvider
{
	TviewVertex *vertex;
	int			position;		/* in the key */
	Node	   *expr;			/* over vertices */
} TviewProvider;

/* in scope.c */
extern bool tview_scope_may_be_null(TviewAnalysis *analysis, TviewDef *def);
extern bool tview_scope_choose(TviewAnalysis *analysis, TviewDef *def);
extern List *tview_scope_providers(TviewAnalysis *analysis, TviewDef *def);
extern Bitmapset *tview_scope_provided(List *providers, TviewVertex *vertex);

/* in routes.c */
extern void tview_routes_find(TviewDef *def, Query *query);

/* in hops.c */
extern Node *tview_hops_same_value(SortGroupClause *clause, Node *expr,
								   bool or_null);
extern Node *tview_hops_both_null(Node *expr);
extern bool tview_hops_is_other_row(Node *expr);

/* One step of a route. */
typedef struct TviewStep
{
	TviewVertex *from;
	TviewVertex *to;
	bool		is_hop;			/* to another row of the same vertex */
	List	   *conds;			/* over vertices */
	List	   *links;			/* of TviewLink: whose conditions those are */
	int			depth;			/* as an edge: steps from "to" to the key */
	int			variant;		/* as an edge: of which it is */
	TviewDef   *def;			/* as an edge: whose */
} TviewStep;

/* in route_sql.c */
extern TviewRoute *tview_route_build(TviewAnalysis *analysis,
									 TviewVertex *source, List *steps,
									 List *exprs);
extern void tview_route_finish(TviewAnalysis *analysis, TviewDef *def);
extern char *tview_route_walk(TviewAnalysis *analysis, TviewStep *step,
							  const TviewSource *from);

/* in edges.c */
extern void tview_edges_add(TviewAnalysis *analysis, List *steps);
extern void tview_edges_require(TviewAnalysis *analysis, TviewDef *def);
extern void tview_edges_finish(TviewAnalysis *analysis, TviewDef *def);
extern char *tview_edges_words(const TviewDef *def, const TviewEdge *edge);

/* in parts.c */
extern void tview_parts_find(TviewAnalysis *analysis, TviewDef *def);
extern TviewParts tview_parts_of_column(const TviewDef *def,
										const TviewSource *source,
										AttrNumber attnum);
extern TviewParts tview_parts_of_rows(const TviewDef *def,
									  const TviewSource *source);
extern TviewPartQuery *tview_parts_query(TviewDef *def, TviewParts parts);
extern bool tview_parts_complete(const TviewDef *def, TviewParts parts,
								 TupleTableSlot *row, TupleTableSlot *stored);

/* in generated.c */
extern Node *tview_generated_expr(Relation relation, Oid parent,
								  AttrNumber column);
extern bool tview_generated_is_mixed(Relation relation, AttrNumber column);
extern AttrNumber tview_generated_column(Oid relid, Oid other,
										 AttrNumber column);

/* in capture.c */
extern void tview_capture_start(struct PlannedStmt *plan);
extern void tview_capture_reset(void);
extern bool tview_capture_is_computing(void);
extern void tview_capture_row(Relation relation, TupleTableSlot *before,
							  TupleTableSlot *after);

/* in touches.c */
typedef struct TviewTouches TviewTouches;

extern TviewTouches *tview_touches_create(TupleDesc desc);
extern bool tview_touches_add(TviewTouches *touches, const Datum *values,
							  const bool *isnull, bool is_new);
extern bool tview_touches_add_row(TviewTouches *touches, TupleTableSlot *slot,
								  bool is_new);
extern Datum tview_touches_inline(Datum value, int attlen);
extern void tview_touches_merge(TviewTouches *touches,
								const TviewTouches *from);
extern uint64 tview_touches_count(const TviewTouches *touches);
extern bool tview_touches_each(const TviewTouches *touches, uint64 *position,
							   TupleTableSlot *slot, bool *is_new);
extern TupleDesc tview_touches_desc(const TviewTouches *touches);
extern void tview_touches_query(TviewDef *def, const char *sql,
								struct TviewPlan **plans,
								const TviewTouches *touches,
								Tuplestorestate *result);

/* in queue.c */

/* What is pending for one source of a TVIEW. */
typedef struct TviewPending
{
	Oid			tview;			/* hash key: TVIEW */
	int			source;			/* and number of the source */
	TviewTouches *touches;		/* the rows; NULL: all of them */
	bool		is_whole;		/* all of them */
	TviewParts	parts;			/* what the touches affect */
	uint64		serial;			/* of the definition that says so */
	Oid			relid;
	int			ncolumns;
	AttrNumber *columns;		/* of the relation, in the touches */
	TupleDesc	desc;
	MemoryContext context;
	MemoryContext rows_context; /* below it, of the touches */
} TviewPending;

extern bool tview_queue_is_empty(void);
extern TviewPending *tview_queue_get(const TviewDef *def,
									 const TviewSource *source);
extern void tview_queue_touch(TviewPending *pending, const Datum *values,
							  const bool *isnull, bool is_new,
							  TviewParts parts);
extern void tview_queue_touch_all(TviewPending *pending);
extern bool tview_queue_is_full(void);
extern TviewDef *tview_queue_next(void);
extern List *tview_queue_take(Oid tview);
extern void tview_queue_release(List *taken);
extern void tview_queue_shrink(void);
extern bool tview_queue_fits(const TviewPending *pending,
							 const TviewDef *def);
extern List *tview_queue_list(void);	/* of TviewPending */


/* in keys.c */

/* A set of keys, or of scope values. */
typedef struct TviewKeys TviewKeys;

/* One of them. */
typedef struct TviewKey
{
	Datum	   *values;			/* none of them NULL */
	uint32		hash;
	bool		is_seen;		/* the view has returned it */
	char		status;
} TviewKey;

extern TviewKeys *tview_keys_create(const TviewDef *def, bool is_scope);
extern TviewKey *tview_keys_add(TviewKeys *keys, const Datum *values,
								const bool *isnull);
extern TviewKey *tview_keys_find(TviewKeys *keys, const Datum *values);
extern uint64 tview_keys_count(const TviewKeys *keys);
extern TviewKey *tview_keys_each(TviewKeys *keys, uint64 *position);
extern int	tview_keys_width(const TviewKeys *keys);
extern Oid	tview_keys_type(const TviewKeys *keys, int column);
extern char *tview_keys_text(const TviewDef *def, bool is_scope,
							 const Datum *values);

/* in snapshots.c */
extern void tview_snapshots_begin(TviewDef *def, bool goes_on);
extern bool tview_snapshots_turn(void);
extern void tview_snapshots_check(TviewDef *def, TviewKeys *scope);

/* in locks.c */
extern bool tview_locks_begin(TviewDef *def, List *pending,
							  bool refreshes_all);
extern bool tview_locks_links(TviewDef *def, List *pending);
extern bool tview_locks_keys(TviewDef *def, TviewKeys *scope);
extern void tview_locks_install_callback(void);
extern void tview_locks_reset(void);

/* in progress.c */

/* What is being done to a TVIEW. */
typedef enum TviewPhase
{
	TVIEW_PHASE_FILLING,
	TVIEW_PHASE_COMPUTING,
	TVIEW_PHASE_DELETING,
	TVIEW_PHASE_WRITING,
} TviewPhase;

/* How far it is. */
typedef struct TviewProgress
{
	Oid			tview;
	bool		is_reported;
	TviewPhase	phase;
	int64		done;			/* rows */
	int64		total;			/* about how many; 0: not known */
} TviewProgress;

extern void tview_progress_begin(TviewProgress *progress, Oid tview,
								 bool is_large);
extern void tview_progress_phase(TviewProgress *progress, TviewPhase phase,
								 double total);
extern void tview_progress_row(TviewProgress *progress);
extern void tview_progress_end(TviewProgress *progress);
extern DestReceiver *tview_progress_receiver(TviewProgress *progress,
											 DestReceiver *inner);

/* in read.c */
extern Tuplestorestate *tview_read_view(TviewDef *def, TviewKeys *scope,
										TviewPartQuery *query,
										TviewProgress *progress);
extern Tuplestorestate *tview_read_stored(TviewDef *def, TviewKeys *scope);
extern Tuplestorestate *tview_read_versions(TviewDef *def, TviewKeys *scope);
extern bool tview_read_null_key(TviewDef *def);
extern void tview_read_equal(StringInfo sql, Oid type);
extern char *tview_read_key_list(const TviewDef *def, const char *prefix);
extern TupleDesc tview_read_key_desc(const TviewDef *def);

/* in refresh.c */
extern TviewCounts tview_refresh_keys(TviewDef *def, TviewKeys *scope,
									  TviewParts parts);
extern TviewCounts tview_refresh_all(TviewDef *def, bool force);

/* in flush.c */
extern bool tview_flush_is_active(void);
extern void tview_flush_all(void);
extern TviewCounts tview_flush_refresh(TviewDef *def, TviewKeys *scope,
									   bool force);
extern void tview_flush_install_hooks(void);

/* in foreign.c */
extern void tview_foreign_install_hooks(void);
extern void tview_foreign_check_end(const TviewDef *def);
extern void tview_foreign_captured(void);

/* in document.c */
extern Jsonb *tview_document_merge(Jsonb *stored, Jsonb *fresh);

/* in write.c */
typedef struct TviewWriter TviewWriter;

extern TviewWriter *tview_write_begin(TviewDef *def, TviewParts parts,
									  bool force);
extern bool tview_write_row(TviewWriter *writer, TupleTableSlot *row);
extern void tview_write_delete(TviewWriter *writer, const Datum *key);
extern void tview_write_end(TviewWriter *writer, TviewCounts *counts);

/* in notify.c */
extern void tview_notify_row(const TviewDef *def, TupleTableSlot *before,
							 TupleTableSlot *after);
extern void tview_notify_send(bool is_prepare);

/* in plan.c */

/*
 * Who runs what follows, with which settings; given back to
 * tview_plan_leave_owner.  For errors nothing must be undone: PostgreSQL
 * restores both when the (sub)transaction ends.
 */
typedef struct TviewIdentity
{
	Oid			userid;
	int			sec_context;
	int			guc_level;
} TviewIdentity;

extern int	tview_plan_begin_text(void);
extern void tview_plan_become_owner(TviewIdentity *saved, Oid owner,
									int sec_flags, List *settings);
extern void tview_plan_lift_restriction(const TviewIdentity *saved);
extern int	tview_plan_see_all(void);
extern void tview_plan_see_allowed(int sec_context);
extern void tview_plan_leave_owner(const TviewIdentity *saved);
extern uint64 tview_plan_command(const char *sql);
extern List *tview_plan_strings(const char *sql);

/* A row set that queries call by name. */
typedef struct TviewRows
{
	const char *name;
	TupleDesc	desc;
	Tuplestorestate *store;
	double		count;			/* about how many rows */
} TviewRows;

typedef struct TviewPlan TviewPlan;

/* What a plan is run for. */
typedef enum TviewPlanUse
{
	TVIEW_PLAN_ONE,				/* one value, often: see plan.c */
	TVIEW_PLAN_FEW,				/* some, or all: planned once */
	TVIEW_PLAN_MANY,			/* so many that each run is planned for them */
} TviewPlanUse;

extern void tview_plan_push_snapshot(void);
extern void tview_plan_read_past(bool past);
extern void tview_plan_reset_snapshot(void);
extern TviewPlan *tview_plan_prepare(const char *sql, int nargs, Oid *argtypes,
									 const TviewRows *rows, TviewPlanUse use);
extern void tview_plan_run(TviewPlan *plan, ParamListInfo params,
						   const TviewRows *rows, Tuplestorestate *result);
extern DestReceiver *tview_plan_receiver(Tuplestorestate *result);
extern void tview_plan_run_into(TviewPlan *plan, ParamListInfo params,
								const TviewRows *rows, DestReceiver *receiver);
extern double tview_plan_estimate(TviewPlan *plan);
extern double tview_plan_cost(TviewPlan *plan);
extern void tview_plan_free(TviewPlan *plan);

/* in names.c */
extern char *tview_names_argument(FunctionCallInfo fcinfo);
extern Oid	tview_names_resolve(const char *name, bool missing_ok);
extern RangeVar *tview_names_parse(const char *name);	/* of a new TVIEW */
extern char *tview_names_entity(const char *relname);
extern char *tview_names_qualified(Oid relid);	/* for SQL */
extern char *tview_names_shown(Oid relid);	/* for messages */
extern void tview_names_check_owner(Oid tview);

/* in options.c */
extern Datum tview_options_default(void);
extern Datum tview_options_change(Datum options, Datum given);
extern List *tview_options_settings(Datum options);
extern TviewOnError tview_options_on_error(Datum options);
extern char *tview_options_channel(Datum options, Oid tview);

/* in table_as.c */
extern bool tview_table_as_is_ours(CreateTableAsStmt *stmt);
extern void tview_table_as_start(CreateTableAsStmt *stmt);
extern void tview_table_as_end(CreateTableAsStmt *stmt, List *created);

/* in ddl.c */
extern uint64 tview_ddl_ended(void);

/* in create.c */
extern void tview_create_from_text(RangeVar *table, const char *sql,
								   List *key_columns, Datum options);
extern void tview_create_from_query(Oid tview, Query *query);
extern void tview_create_join(Oid tview, Oid view, List *key_columns,
							  Datum options, bool is_filled);
extern Query *tview_create_parse(const char *sql);
extern void tview_create_check(Query *query, const char *entity);
extern char *tview_create_text(Query *query);
extern Oid	tview_create_view(const char *schema, const char *entity,
							  Query *query, List *columns);
extern Query *tview_create_view_query(Oid view);
extern List *tview_create_primary_key(Oid relid);
extern bool tview_create_has_key(Oid tview, List *key_columns);
extern void tview_create_add_triggers(const TviewDef *def);

/* in fill.c */
extern void tview_fill(TviewDef *def);

/* in alter.c */
extern void tview_alter_query(Oid tview);
extern void tview_alter_typmods(const TviewMeta *meta);
extern void tview_alter_as_owner(Oid tview, const char *sql);
extern char *tview_alter_column_sql(Form_pg_attribute column);
extern char *tview_alter_type_sql(Form_pg_attribute column);
extern void tview_alter_name(Oid tview);
extern void tview_alter_schema(Oid tview);
extern void tview_alter_owner(Oid tview);
extern void tview_alter_column(Oid tview, const char *from, const char *to);
extern void tview_alter_check_type(Oid relid, const char *column);
extern void tview_alter_check(Oid tview);
extern void tview_alter_persistence(Oid relid);
extern void tview_alter_check_persistence(const TviewDef *def);
extern void tview_alter_child(Oid relid);
extern void tview_alter_check_family(Oid relid);
extern void tview_alter_refresh(Oid relid, bool whole_rows_only);
extern void tview_alter_policies(List *tviews);
extern void tview_alter_refresh_later(Oid relid);
extern void tview_alter_refresh_parents(void);
extern void tview_alter_object(Oid class, Oid object);

/* in drop.c */
extern void tview_drop_link(Oid tview, Oid view);
extern void tview_drop_link_all(void);
extern void tview_drop_clean(List *dropped, DropBehavior behavior,
							 bool keep_tables);

/* in triggers.c */
extern void tview_triggers_lock(List *relids);
extern void tview_triggers_check_right(Oid relid);
extern void tview_triggers_add(Oid relid);
extern void tview_triggers_add_guard(Oid tview);
extern void tview_triggers_remove_unneeded(void);
extern void tview_triggers_lock_dropped(List *tviews);
extern List *tview_triggers_problems(Oid relid);	/* of C strings */
extern bool tview_triggers_has_guard(Oid tview, bool enabled_only);
extern List *tview_triggers_functions(void);
extern bool tview_triggers_has_own(Oid relid, const char *name);
extern void tview_triggers_check_drop(Oid relid, const char *name);
extern Oid	tview_triggers_table(Oid trigger);

/* in restore.c */
extern bool tview_restore_is_active(void);
extern bool tview_restore_is_loading(Oid tview);
extern void tview_restore_trigger(Oid trigger);
extern void tview_restore_view(Oid view);
extern void tview_restore_lose_trigger(Oid relid, const char *name);
extern void tview_restore_lack_triggers(Oid relid);
extern void tview_restore_statement(Oid tview, bool is_insert);
extern void tview_restore_enabled(Oid relid, const char *name);
extern void tview_restore_disabled(Oid relid, const char *name);

/* in advice.c */
extern void tview_advice_report(const TviewDef *def);
extern bool tview_advice_has_index(Oid relid, List *attnums);
extern Oid	tview_advice_index(Oid relid, List *attnums);
extern List *tview_advice_indexes(const TviewDef *def); /* of C strings */
extern char *tview_advice_command(const TviewHop *hop);
extern char *tview_advice_way(const TviewSource *source);

/* in attempt.c */
extern ErrorData *tview_attempt(void (*work)(void *arg), void *arg);
extern ErrorData *tview_attempt_trial(void (*work)(void *arg), void *arg);
extern bool tview_attempt_is_passing(int sqlerrcode);

/* in explain.c */
extern const char *tview_explain_strategy(TviewStrategy strategy);
extern char *tview_explain_source(const TviewSource *source);
extern char *tview_explain_route(const TviewDef *def,
								 const TviewSource *source,
								 const TviewRoute *route);

/* in validate.c */
extern TviewDef *tview_validate_definition(Oid tview, char **reason);

/* in stats.c */

/* Work on a TVIEW that is being measured. */
typedef struct TviewMeasure
{
	Oid			tview;
	instr_time	start;
	struct TviewMeasure *outer; /* which this one is part of, or NULL */
	uint64		keys;
	bool		is_full;
	int64		elapsed;		/* microseconds, when ended */
} TviewMeasure;

extern void tview_stats_install(void);
extern bool tview_stats_is_available(void);
extern void tview_stats_begin(TviewMeasure *measure, Oid tview);
extern void tview_stats_end(TviewMeasure *measure, const TviewCounts *rows);
extern void tview_stats_fail(TviewMeasure *measure);
extern void tview_stats_keys(uint64 keys);
extern void tview_stats_full(void);
extern void tview_stats_waited(void);
extern void tview_stats_escalated(void);

#endif /* PG_TVIEWS_H */
