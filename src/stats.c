/*
 * stats.c
 *		What maintenance has done and cost, by TVIEW, in shared memory.
 *
 * A table row that every refresh updates would serialize all writers, and the
 * rollback that an error causes would take back the note of it.  So there is a
 * table of fixed size in shared memory.  Preloaded, it is part of the main
 * segment, and kept over a clean restart in a file; otherwise, from
 * PostgreSQL 17 on, it is a dynamic segment that lives as long as the server.
 * On 15 and 16 without preloading there is none, and nothing is counted.
 *
 * A transaction counts for itself, in TopTransactionContext, and adds that to
 * the table when it ends: all when it commits; when it aborts, errors and
 * locks, as the rest has not happened.  So the hot path reads the clock twice
 * and adds, and numbers are those of commits.
 *
 * The table is divided into buckets, to one of which a TVIEW belongs by its
 * hash.  A full bucket gives up its oldest entry: after many dropped TVIEWs
 * that is one of those.
 *
 * Locks: the table's LWLock, shared to find an entry, exclusive to make one;
 * the entry's spinlock to read or change it.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pg_tviews.h"

#define SEGMENT_NAME "pg_tviews"
#define STATS_FILE	 PGSTAT_STAT_PERMANENT_DIRECTORY "/pg_tviews.stat"
#define STATS_MAGIC	 0x54565331 /* changes with what is in the file */

#define BUCKETS		 128
#define BUCKET_SIZE	 16
#define NENTRIES	 (BUCKETS * BUCKET_SIZE)
#define ERROR_LENGTH 256

/* What is counted; times in microseconds. */
typedef struct Counters
{
	int64		flushes;
	int64		keys;
	TviewCounts rows;
	int64		full_refreshes;
	int64		time_total;
	int64		time_max;
	int64		time_last;
	int64		lock_waits;
	int64		lock_escalations;
	int64		errors;
	TimestampTz last_refreshed; /* 0: not yet, as below */
	TimestampTz last_error_at;
	char		last_error[ERROR_LENGTH];
} Counters;

/* A TVIEW's place in the table; tview is InvalidOid where it is free. */
typedef struct StatsEntry
{
	slock_t		mutex;
	Oid			database;
	Oid			tview;
	TimestampTz changed;
	Counters	counters;
} StatsEntry;

/* The table. */
typedef struct StatsTable
{
	LWLock		lock;
	int			tranche;
	StatsEntry	entries[NENTRIES];
} StatsTable;

/* What this transaction has counted for a TVIEW. */
typedef struct Delta
{
	Oid			tview;
	Counters	counters;
} Delta;

/* Saved hooks */
static shmem_request_hook_type next_shmem_request = NULL;
static shmem_startup_hook_type next_shmem_startup = NULL;

/* Local data */
static StatsTable *table = NULL;
static bool is_attached = false;	/* or has been tried */
static TviewMeasure *current = NULL;	/* the innermost */
static List *deltas = NIL;		/* of Delta, in TopTransactionContext */

static void request_memory(void);
static void create_shared_table(void);
static void init_table(void *arg);
static void attach(void);
static void attach_segment(void *arg);
static Delta *get_delta(Oid tview);
static void finish_transaction(XactEvent event, void *arg);
static void publish(const Delta *delta, bool is_committed);
static StatsEntry *find_entry(Oid database, Oid tview);
static StatsEntry *make_entry(Oid database, Oid tview);
static void add_counters(Counters *to, const Counters *from,
						 bool is_committed);
static void read_file(void);
static void write_file(int code, Datum arg);
static void put_row(ReturnSetInfo *result, Oid tview);
static void fill_row(Datum *values, bool *nulls, const Counters *counters,
					 Oid tview);
static void forget_entries(Oid tview);

PG_FUNCTION_INFO_V1(pg_tviews_stats);
PG_FUNCTION_INFO_V1(pg_tviews_stats_reset);

/*
 * Prepares for counting, when the library is loaded.
 */
void
tview_stats_install(void)
{
	RegisterXactCallback(finish_transaction, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = create_shared_table;
}

/*
 * True when there is a table to count in.
 */
bool
tview_stats_is_available(void)
{
	attach();
	return table != NULL;
}

/*
 * shmem_request hook: asks for room in the main segment.
 */
static void
request_memory(void)
{
	if (next_shmem_request)
		next_shmem_request();
	RequestAddinShmemSpace(sizeof(StatsTable));
}

/*
 * shmem_startup hook: creates the table, or finds the postmaster's.
 */
static void
create_shared_table(void)
{
	bool		found;

	if (next_shmem_startup)
		next_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	table = ShmemInitStruct(SEGMENT_NAME, sizeof(StatsTable), &found);
	if (!found)
		init_table(table);
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(table->tranche, SEGMENT_NAME);
	is_attached = true;
	if (!IsUnderPostmaster)
	{
		on_shmem_exit(write_file, (Datum) 0);
		if (!found)
			read_file();
	}
}

/*
 * Initializes a new table.
 */
static void
init_table(void *arg)
{
	StatsTable *fresh = arg;

	memset(fresh, 0, sizeof(StatsTable));
	fresh->tranche = LWLockNewTrancheId();
	LWLockInitialize(&fresh->lock, fresh->tranche);
	for (int i = 0; i < NENTRIES; i++)
		SpinLockInit(&fresh->entries[i].mutex);
}

/*
 * Finds the table, once per backend.  Where memory is short there is none: an
 * error here would be one of every writer.
 */
static void
attach(void)
{
	ErrorData  *failure;

	if (is_attached)
		return;
	is_attached = true;
	if (!compat_has_named_segments() || !IsTransactionState())
		return;
	failure = tview_attempt(attach_segment, NULL);
	if (failure)
		ereport(WARNING,
				(errcode(failure->sqlerrcode),
				 errmsg("no statistics of TVIEWs in this session: %s",
						failure->message)));
}

/*
 * Finds or creates the dynamic segment.
 */
static void
attach_segment(void *arg)
{
	bool		found;
	StatsTable *segment = compat_named_segment(SEGMENT_NAME,
											   sizeof(StatsTable),
											   init_table, &found);

	LWLockRegisterTranche(segment->tranche, SEGMENT_NAME);
	table = segment;
}

/*
 * Begins to measure work on a TVIEW: everything until tview_stats_end or
 * tview_stats_fail.
 */
void
tview_stats_begin(TviewMeasure *measure, Oid tview)
{
	attach();
	memset(measure, 0, sizeof(TviewMeasure));
	measure->tview = tview;
	measure->outer = current;
	current = measure;
	INSTR_TIME_SET_CURRENT(measure->start);
}

/*
 * Notes what the work has done, and how long it took.
 */
void
tview_stats_end(TviewMeasure *measure, const TviewCounts *rows)
{
	instr_time	now;
	int64		elapsed;
	Counters   *counters;

	current = measure->outer;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, measure->start);
	elapsed = INSTR_TIME_GET_MICROSEC(now);
	measure->elapsed = elapsed;
	if (table == NULL || !tview_enable_stats)
		return;
	counters = &get_delta(measure->tview)->counters;
	counters->flushes++;
	counters->keys += measure->keys;
	counters->full_refreshes += measure->is_full;
	counters->rows.inserted += rows->inserted;
	counters->rows.updated += rows->updated;
	counters->rows.deleted += rows->deleted;
	counters->rows.unchanged += rows->unchanged;
	counters->time_total += elapsed;
	counters->time_max = Max(counters->time_max, elapsed);
	counters->time_last = elapsed;
}

/*
 * Notes that the work has failed; for PG_CATCH, which then raises the error
 * on.  What would not come again is no error of the TVIEW.
 */
void
tview_stats_fail(TviewMeasure *measure)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	ErrorData  *error = CopyErrorData();

	current = measure->outer;
	if (table != NULL && tview_enable_stats &&
		!tview_attempt_is_passing(error->sqlerrcode))
	{
		Counters   *counters = &get_delta(measure->tview)->counters;

		counters->errors++;
		counters->last_error_at = GetCurrentTimestamp();
		strlcpy(counters->last_error, error->message ? error->message : "",
				ERROR_LENGTH);
		counters->last_error[pg_mbcliplen(counters->last_error,
										  strlen(counters->last_error),
										  ERROR_LENGTH - 1)] = '\0';
	}
	FreeErrorData(error);
	MemoryContextSwitchTo(old);
}

/*
 * Notes that the work refreshes so many keys.
 */
void
tview_stats_keys(uint64 keys)
{
	if (current)
		current->keys += keys;
}

/*
 * Notes that the work refreshes all rows.
 */
void
tview_stats_full(void)
{
	if (current)
		current->is_full = true;
}

/*
 * Notes that the work had to wait for a lock.
 */
void
tview_stats_waited(void)
{
	if (current && table != NULL && tview_enable_stats)
		get_delta(current->tview)->counters.lock_waits++;
}

/*
 * Notes that the work took one lock instead of many.
 */
void
tview_stats_escalated(void)
{
	if (current && table != NULL && tview_enable_stats)
		get_delta(current->tview)->counters.lock_escalations++;
}

/*
 * Returns what this transaction has counted for a TVIEW.
 */
static Delta *
get_delta(Oid tview)
{
	MemoryContext old;
	Delta	   *delta;
	ListCell   *lc;

	foreach(lc, deltas)
	{
		delta = lfirst(lc);
		if (delta->tview == tview)
			return delta;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	delta = palloc0(sizeof(Delta));
	delta->tview = tview;
	deltas = lappend(deltas, delta);
	MemoryContextSwitchTo(old);
	return delta;
}

/*
 * Transaction callback: adds what the transaction has counted to the table.
 */
static void
finish_transaction(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	foreach(lc, deltas)
		publish(lfirst(lc), event != XACT_EVENT_ABORT);
	deltas = NIL;				/* its memory goes with the transaction */
	current = NULL;
}

/*
 * Adds one TVIEW's to the table.
 */
static void
publish(const Delta *delta, bool is_committed)
{
	StatsEntry *entry;

	LWLockAcquire(&table->lock, LW_SHARED);
	entry = find_entry(MyDatabaseId, delta->tview);
	if (entry == NULL)
	{
		LWLockRelease(&table->lock);
		LWLockAcquire(&table->lock, LW_EXCLUSIVE);
		entry = make_entry(MyDatabaseId, delta->tview);
	}
	SpinLockAcquire(&entry->mutex);
	entry->changed = GetCurrentTransactionStopTimestamp();
	if (is_committed && delta->counters.flushes > 0)
		entry->counters.last_refreshed = entry->changed;
	add_counters(&entry->counters, &delta->counters, is_committed);
	SpinLockRelease(&entry->mutex);
	LWLockRelease(&table->lock);
}

/*
 * Finds the entry of a TVIEW, or NULL; the caller has the lock.
 */
static StatsEntry *
find_entry(Oid database, Oid tview)
{
	uint32		hash = hash_combine(murmurhash32(database),
									murmurhash32(tview));
	StatsEntry *bucket = &table->entries[hash % BUCKETS * BUCKET_SIZE];

	for (int i = 0; i < BUCKET_SIZE; i++)
	{
		if (bucket[i].tview == tview && bucket[i].database == database)
			return &bucket[i];
	}
	return NULL;
}

/*
 * Finds or makes the entry of a TVIEW, if need be in place of the one that
 * has not changed for longest; the caller has the lock exclusively.
 */
static StatsEntry *
make_entry(Oid database, Oid tview)
{
	StatsEntry *oldest = find_entry(database, tview);
	uint32		hash = hash_combine(murmurhash32(database),
									murmurhash32(tview));
	StatsEntry *bucket = &table->entries[hash % BUCKETS * BUCKET_SIZE];

	if (oldest)
		return oldest;
	for (int i = 0; i < BUCKET_SIZE; i++)
	{
		if (oldest == NULL || bucket[i].changed < oldest->changed)
			oldest = &bucket[i];
	}
	memset(&oldest->counters, 0, sizeof(Counters));
	oldest->database = database;
	oldest->tview = tview;
	return oldest;
}

/*
 * Adds counters; without a commit those of what happened all the same.
 */
static void
add_counters(Counters *to, const Counters *from, bool is_committed)
{
	to->lock_waits += from->lock_waits;
	to->lock_escalations += from->lock_escalations;
	to->errors += from->errors;
	if (from->errors > 0)
	{
		to->last_error_at = from->last_error_at;
		memcpy(to->last_error, from->last_error, ERROR_LENGTH);
	}
	if (!is_committed || from->flushes == 0)
		return;
	to->flushes += from->flushes;
	to->keys += from->keys;
	to->full_refreshes += from->full_refreshes;
	to->rows.inserted += from->rows.inserted;
	to->rows.updated += from->rows.updated;
	to->rows.deleted += from->rows.deleted;
	to->rows.unchanged += from->rows.unchanged;
	to->time_total += from->time_total;
	to->time_max = Max(to->time_max, from->time_max);
	to->time_last = from->time_last;
}

/*
 * Reads what the last clean shutdown has left.  A file that cannot be used is
 * none; a crash leaves none, as its numbers would be too low.
 */
static void
read_file(void)
{
	FILE	   *file = AllocateFile(STATS_FILE, PG_BINARY_R);
	uint32		magic = 0;
	StatsEntry	saved;

	if (file == NULL)
		return;
	if (fread(&magic, sizeof(magic), 1, file) == 1 && magic == STATS_MAGIC)
	{
		while (fread(&saved, sizeof(saved), 1, file) == 1)
		{
			StatsEntry *entry = make_entry(saved.database, saved.tview);

			entry->changed = saved.changed;
			entry->counters = saved.counters;
		}
	}
	FreeFile(file);
	(void) unlink(STATS_FILE);
}

/*
 * Exit callback of the postmaster: saves the table at a clean shutdown.
 */
static void
write_file(int code, Datum arg)
{
	FILE	   *file;
	uint32		magic = STATS_MAGIC;
	bool		is_good;

	if (code != 0 || table == NULL)
		return;
	file = AllocateFile(STATS_FILE ".tmp", PG_BINARY_W);
	if (file == NULL)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", STATS_FILE ".tmp")));
		return;
	}
	is_good = fwrite(&magic, sizeof(magic), 1, file) == 1;
	for (int i = 0; i < NENTRIES && is_good; i++)
	{
		if (OidIsValid(table->entries[i].tview))
			is_good = fwrite(&table->entries[i], sizeof(StatsEntry), 1,
							 file) == 1;
	}
	if (FreeFile(file) != 0 || !is_good)
		(void) unlink(STATS_FILE ".tmp");
	else
		(void) durable_rename(STATS_FILE ".tmp", STATS_FILE, LOG);
}

/* Columns of pg_tviews_stats. */
#define STATS_COLUMNS 19

/*
 * SQL: returns a row for each TVIEW.
 */
Datum
pg_tviews_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	tview_catalog_begin_rows(fcinfo, 0, STATS_COLUMNS);
	attach();
	foreach(lc, tview_catalog_list())
		put_row(result, lfirst_oid(lc));
	return (Datum) 0;
}

/*
 * Puts the row of one TVIEW.
 */
static void
put_row(ReturnSetInfo *result, Oid tview)
{
	Datum		values[STATS_COLUMNS];
	bool		nulls[STATS_COLUMNS];
	Counters	counters = {0};
	StatsEntry *entry;

	if (get_rel_name(tview) == NULL)
		return;					/* dropped meanwhile */
	memset(nulls, true, sizeof(nulls));
	values[0] = ObjectIdGetDatum(tview);
	values[1] = CStringGetTextDatum(tview_names_shown(tview));
	nulls[0] = nulls[1] = false;
	if (table != NULL)
	{
		LWLockAcquire(&table->lock, LW_SHARED);
		entry = find_entry(MyDatabaseId, tview);
		if (entry)
		{
			SpinLockAcquire(&entry->mutex);
			counters = entry->counters;
			SpinLockRelease(&entry->mutex);
		}
		LWLockRelease(&table->lock);
		fill_row(values, nulls, &counters, tview);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Fills the columns of a row that are counters.  The text of an error may
 * show what is in a row, so it is for the owner and for those who may see all
 * statistics.
 */
static void
fill_row(Datum *values, bool *nulls, const Counters *counters, Oid tview)
{
	int64		numbers[] = {counters->flushes, counters->keys,
							 counters->rows.inserted, counters->rows.updated,
							 counters->rows.deleted, counters->rows.unchanged,
							 counters->full_refreshes};
	int64		times[] = {counters->time_total, counters->time_max,
						   counters->time_last};
	int			column = 2;

	for (int i = 0; i < lengthof(numbers); i++)
		values[column++] = Int64GetDatum(numbers[i]);
	for (int i = 0; i < lengthof(times); i++)
		values[column++] = Float8GetDatum(times[i] / 1000.0);
	values[column++] = Float8GetDatum(times[0] / 1000.0 /
									  Max(counters->flushes, 1));
	values[column++] = Int64GetDatum(counters->lock_waits);
	values[column++] = Int64GetDatum(counters->lock_escalations);
	values[column++] = Int64GetDatum(counters->errors);
	memset(nulls, false, column);
	if (counters->last_error_at != 0 &&
		(compat_owns_relation(tview, GetUserId()) ||
		 has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)))
	{
		values[column] = CStringGetTextDatum(counters->last_error);
		nulls[column] = false;
	}
	column++;
	values[column] = TimestampTzGetDatum(counters->last_error_at);
	nulls[column++] = counters->last_error_at == 0;
	values[column] = TimestampTzGetDatum(counters->last_refreshed);
	nulls[column++] = counters->last_refreshed == 0;
}

/*
 * SQL: forgets what was counted, for one TVIEW or all of the database.
 */
Datum
pg_tviews_stats_reset(PG_FUNCTION_ARGS)
{
	Oid			tview = InvalidOid;

	if (!PG_ARGISNULL(0))
		tview = tview_names_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									false);
	attach();
	if (table == NULL)
		PG_RETURN_VOID();
	LWLockAcquire(&table->lock, LW_EXCLUSIVE);
	forget_entries(tview);
	LWLockRelease(&table->lock);
	PG_RETURN_VOID();
}

/*
 * Frees the entry of one TVIEW of the database, or all; the caller has the
 * lock exclusively.
 */
static void
forget_entries(Oid tview)
{
	for (int i = 0; i < NENTRIES; i++)
	{
		StatsEntry *entry = &table->entries[i];

		if (entry->database != MyDatabaseId ||
			(OidIsValid(tview) && entry->tview != tview))
			continue;
		entry->database = InvalidOid;
		entry->tview = InvalidOid;
		entry->changed = 0;
	}
}
