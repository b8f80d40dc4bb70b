/*
 * notify.c
 *		Telling listeners which rows of a TVIEW a transaction has changed.
 *
 * For TVIEWs with the option "notify".  Each row that write.c writes is noted
 * here, as a change from one state of its key to another: the image of the
 * row, a hash of the view's columns, where 0 means that there is none.  At
 * commit, changes that have led back to where they began are none; the others
 * are sent with NOTIFY, as many keys to a message as it may hold.
 *
 * A savepoint's rollback undoes changes.  So each nest level has its own, from
 * the first state to the last that the level has seen; RELEASE appends them to
 * those of the parent, ROLLBACK TO forgets them.
 *
 * Keys are kept as the JSON that they are sent as, and a TVIEW of whose keys
 * too many have changed has only that said.
 *
 * Lifetime: the transaction, below TopTransactionContext.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "common/hashfn.h"
#include "common/jsonapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "pg_tviews.h"

/* Past so many changed keys of a TVIEW, they are not told one by one. */
#define MAX_KEYS 10000

/* A message must be shorter: NOTIFY_PAYLOAD_MAX_LENGTH of async.c. */
#define MAX_PAYLOAD (BLCKSZ - NAMEDATALEN - 128)

/* What has become of a key, as it is told. */
typedef enum ChangeKind
{
	INSERTED,
	UPDATED,
	DELETED,
	NONE,
} ChangeKind;

#define NKINDS NONE

static const char *const kind_names[NKINDS] = {"inserted", "updated",
											   "deleted"};

/* Images of a key's row before and after. */
typedef struct Change
{
	const char *key;			/* hash key: as JSON */
	uint64		before;
	uint64		after;
} Change;

/* What one nest level has changed of one TVIEW. */
typedef struct Notice
{
	Oid			tview;
	bool		is_all;			/* too much to tell one by one */
	MemoryContext context;		/* of what follows */
	HTAB	   *changes;		/* of Change */
	List	   *order;			/* the same, first come first */
} Notice;

/* What one nest level has changed. */
typedef struct Level
{
	int			nest_level;
	MemoryContext context;
	List	   *notices;		/* of Notice */
} Level;

/* A message that is being put together. */
typedef struct Message
{
	const TviewDef *def;
	StringInfoData keys[NKINDS];
	int			length;			/* of all those keys */
	int			overhead;		/* and of the rest */
} Message;

/* Local data: the nest levels that have changed something, outermost first */
static List *levels = NIL;

static Level *get_level(void);
static void install_callbacks(void);
static Notice *get_notice(Level *level, Oid tview);
static void record(Notice *notice, const char *key, uint64 before,
				   uint64 after);
static void forget_keys(Notice *notice);
static uint32 hash_change(const void *key, Size keysize);
static int	match_changes(const void *a, const void *b, Size keysize);
static uint64 image(const TviewDef *def, TupleTableSlot *slot);
static uint64 hash_value(Datum value, Form_pg_attribute att, uint64 seed);
static char *key_json(const TviewDef *def, TupleTableSlot *slot);
static void append_value(StringInfo json, const TviewDef *def, Oid type,
						 Datum value);
static char *value_text(const TviewDef *def, Oid type, Datum value);
static ChangeKind kind_of(const Change *change);
static bool has_changes(const Notice *notice);
static void refuse_prepare(const TviewDef *def);
static void send_notice(const TviewDef *def, const Notice *notice);
static void begin_message(Message *message, const TviewDef *def);
static void put_key(Message *message, ChangeKind kind, const char *key);
static void send_message(Message *message, bool is_all);
static char *message_text(const Message *message, bool is_all);
static void forget_all(XactEvent event, void *arg);
static void end_level(SubXactEvent event, SubTransactionId my_subid,
					  SubTransactionId parent_subid, void *arg);
static void merge_level(Level *into, const Level *from);

/*
 * Notes that a row of a TVIEW with the option has been written: what the table
 * had before, and has now, either of which may be NULL.
 */
void
tview_notify_row(const TviewDef *def, TupleTableSlot *before,
				 TupleTableSlot *after)
{
	Notice	   *notice = get_notice(get_level(), def->tview);
	char	   *old_key;
	char	   *new_key;
	uint64		old_image;
	uint64		new_image;

	if (notice->is_all)
		return;
	old_key = before ? key_json(def, before) : NULL;
	new_key = after ? key_json(def, after) : NULL;
	old_image = before ? image(def, before) : 0;
	new_image = after ? image(def, after) : 0;

	/* keys may be equal and yet look different */
	if (old_key && new_key && strcmp(old_key, new_key) != 0)
	{
		record(notice, old_key, old_image, 0);
		record(notice, new_key, 0, new_image);
	}
	else
		record(notice, old_key ? old_key : new_key, old_image, new_image);
}

/*
 * Sends what there is to tell, before the transaction commits.  PostgreSQL
 * cannot prepare a transaction that notifies, so with is_prepare that is an
 * error.
 */
void
tview_notify_send(bool is_prepare)
{
	ListCell   *lc;

	if (levels == NIL)
		return;
	foreach(lc, ((Level *) linitial(levels))->notices)
	{
		Notice	   *notice = lfirst(lc);
		TviewDef   *def = tview_definition_get(notice->tview);

		/* it may have been dropped since, or told to be silent */
		if (def == NULL || def->channel == NULL || !has_changes(notice))
			continue;
		if (is_prepare)
			refuse_prepare(def);
		send_notice(def, notice);
	}
}

/*
 * Returns the level of the current (sub)transaction.
 */
static Level *
get_level(void)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	MemoryContext context;
	MemoryContext old;
	Level	   *level = levels == NIL ? NULL : llast(levels);

	if (level && level->nest_level == nest_level)
		return level;
	install_callbacks();
	context = AllocSetContextCreate(TopTransactionContext,
									"pg_tviews notify",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(TopTransactionContext);
	level = MemoryContextAllocZero(context, sizeof(Level));
	level->nest_level = nest_level;
	level->context = context;
	levels = lappend(levels, level);
	MemoryContextSwitchTo(old);
	return level;
}

/*
 * Follows the ends of (sub)transactions, from the first change of the session
 * on.
 */
static void
install_callbacks(void)
{
	static bool is_installed = false;

	if (is_installed)
		return;
	RegisterXactCallback(forget_all, NULL);
	RegisterSubXactCallback(end_level, NULL);
	is_installed = true;
}

/*
 * Returns what a level has changed of a TVIEW, if need be nothing as yet.
 */
static Notice *
get_notice(Level *level, Oid tview)
{
	MemoryContext old;
	HASHCTL		ctl = {0};
	Notice	   *notice;
	ListCell   *lc;

	foreach(lc, level->notices)
	{
		notice = lfirst(lc);
		if (notice->tview == tview)
			return notice;
	}
	old = MemoryContextSwitchTo(level->context);
	notice = palloc0(sizeof(Notice));
	notice->tview = tview;
	notice->context = AllocSetContextCreate(level->context,
											"pg_tviews notify keys",
											ALLOCSET_SMALL_SIZES);
	ctl.keysize = sizeof(char *);
	ctl.entrysize = sizeof(Change);
	ctl.hash = hash_change;
	ctl.match = match_changes;
	ctl.hcxt = notice->context;
	notice->changes = hash_create("pg_tviews notify", 64, &ctl,
								  HASH_ELEM | HASH_FUNCTION | HASH_COMPARE |
									  HASH_CONTEXT);
	level->notices = lappend(level->notices, notice);
	MemoryContextSwitchTo(old);
	return notice;
}

/*
 * Adds a change of a key, after those that there are.
 */
static void
record(Notice *notice, const char *key, uint64 before, uint64 after)
{
	Change	   *change;
	bool		found;

	if (notice->is_all || before == after)
		return;
	change = hash_search(notice->changes, &key, HASH_ENTER, &found);
	change->after = after;
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(notice->context);

		change->key = pstrdup(key);
		change->before = before;
		notice->order = lappend(notice->order, change);
		MemoryContextSwitchTo(old);
	}
	if (list_length(notice->order) > MAX_KEYS)
		forget_keys(notice);
}

/*
 * Gives up telling the changes of a TVIEW one by one.
 */
static void
forget_keys(Notice *notice)
{
	notice->is_all = true;
	notice->changes = NULL;
	notice->order = NIL;
	MemoryContextReset(notice->context);
}

/*
 * Hash function of Notice.changes: by the text that the key points to.
 */
static uint32
hash_change(const void *key, Size keysize)
{
	const char *text = *(const char *const *) key;

	return hash_bytes((const unsigned char *) text, strlen(text));
}

/*
 * Comparison function of Notice.changes.
 */
static int
match_changes(const void *a, const void *b, Size keysize)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/*
 * The image of a row of the table, never 0.
 */
static uint64
image(const TviewDef *def, TupleTableSlot *slot)
{
	uint64		hash = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < def->view_desc->natts; i++)
	{
		int			column = def->tview_attnums[i] - 1;

		if (slot->tts_isnull[column])
			hash = hash_combine64(hash, 1);
		else
			hash = hash_value(slot->tts_values[column],
							  TupleDescAttr(def->view_desc, i), hash);
	}
	return hash == 0 ? 1 : hash;
}

/*
 * The hash of a value's bytes, after those that the seed stands for.
 */
static uint64
hash_value(Datum value, Form_pg_attribute att, uint64 seed)
{
	struct varlena *plain;
	uint64		hash;

	if (att->attbyval)
		return hash_bytes_extended((unsigned char *) &value, sizeof(Datum),
								   seed);
	if (att->attlen != -1)
		return hash_bytes_extended((unsigned char *) DatumGetPointer(value),
								   datumGetSize(value, false, att->attlen),
								   seed);
	plain = PG_DETOAST_DATUM_PACKED(value);
	hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(plain),
							   VARSIZE_ANY_EXHDR(plain), seed);
	if ((Pointer) plain != DatumGetPointer(value))
		pfree(plain);
	return hash;
}

/*
 * The key of a row of the table, as JSON: its value, or with several columns
 * an object.
 */
static char *
key_json(const TviewDef *def, TupleTableSlot *slot)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < def->nkeys; i++)
	{
		int			column = def->key_attnums[i] - 1;
		Form_pg_attribute att = TupleDescAttr(def->view_desc, column);
		bool		isnull;
		Datum		value = slot_getattr(slot, def->tview_attnums[column],
										 &isnull);

		if (def->nkeys > 1)
		{
			appendStringInfoChar(&json, i == 0 ? '{' : ',');
			escape_json(&json, NameStr(att->attname));
			appendStringInfoChar(&json, ':');
		}
		append_value(&json, def, att->atttypid, value);
	}
	if (def->nkeys > 1)
		appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Appends a value as JSON: numbers and booleans as such, all else as strings.
 */
static void
append_value(StringInfo json, const TviewDef *def, Oid type, Datum value)
{
	char	   *text = value_text(def, type, value);
	char		category;
	bool		is_preferred;

	get_type_category_preferred(type, &category, &is_preferred);
	if (type == BOOLOID)
		appendStringInfoString(json, DatumGetBool(value) ? "true" : "false");
	else if (category == TYPCATEGORY_NUMERIC &&
			 IsValidJsonNumber(text, strlen(text)))
		appendStringInfoString(json, text);
	else
		escape_json(json, text);
}

/*
 * The text of a value.  That of most types depends on settings: it is as in
 * the TVIEW's documents.
 */
static char *
value_text(const TviewDef *def, Oid type, Datum value)
{
	TviewIdentity identity;
	Oid			output;
	bool		is_varlena;
	char	   *text;

	getTypeOutputInfo(type, &output, &is_varlena);
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case TEXTOID:
		case UUIDOID:
		case VARCHAROID:
			return OidOutputFunctionCall(output, value);
		default:
			break;
	}
	tview_plan_become_owner(&identity, def->owner,
							SECURITY_RESTRICTED_OPERATION |
								SECURITY_LOCAL_USERID_CHANGE,
							def->settings);
	text = OidOutputFunctionCall(output, value);
	tview_plan_leave_owner(&identity);
	return text;
}

/*
 * What a change is, all in all.
 */
static ChangeKind
kind_of(const Change *change)
{
	if (change->before == change->after)
		return NONE;
	if (change->before == 0)
		return INSERTED;
	return change->after == 0 ? DELETED : UPDATED;
}

/*
 * Whether there is anything to tell of a TVIEW.
 */
static bool
has_changes(const Notice *notice)
{
	ListCell   *lc;

	foreach(lc, notice->order)
	{
		if (kind_of(lfirst(lc)) != NONE)
			return true;
	}
	return notice->is_all;
}

/*
 * Raises the error for PREPARE TRANSACTION.
 */
static void
refuse_prepare(const TviewDef *def)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot PREPARE a transaction that has changed rows of TVIEW %s",
					def->name),
			 errdetail("It has the option \"notify\", and PostgreSQL cannot keep notifications in a prepared transaction."),
			 errhint("Use COMMIT, or take the option away with pg_tviews_alter(%s, options => '{\"notify\": null}').",
					 quote_literal_cstr(def->name))));
}

/*
 * Sends what there is to tell of a TVIEW.
 */
static void
send_notice(const TviewDef *def, const Notice *notice)
{
	Message		message;
	ListCell   *lc;

	begin_message(&message, def);
	foreach(lc, notice->order)
	{
		const Change *change = lfirst(lc);
		int			length = strlen(change->key) + strlen(",");

		if (kind_of(change) == NONE)
			continue;
		if (length + message.overhead >= MAX_PAYLOAD)
		{
			begin_message(&message, def);
			send_message(&message, true);
			return;
		}
		if (message.length + length + message.overhead >= MAX_PAYLOAD)
			send_message(&message, false);
		put_key(&message, kind_of(change), change->key);
	}
	if (notice->is_all || message.length > 0)
		send_message(&message, notice->is_all);
}

/*
 * Begins a message without keys.
 */
static void
begin_message(Message *message, const TviewDef *def)
{
	message->def = def;
	message->length = 0;
	for (int i = 0; i < NKINDS; i++)
		initStringInfo(&message->keys[i]);
	message->overhead = strlen(message_text(message, false));
}

/*
 * Puts a key into a message.
 */
static void
put_key(Message *message, ChangeKind kind, const char *key)
{
	StringInfo	keys = &message->keys[kind];

	appendStringInfo(keys, "%s%s", keys->len > 0 ? "," : "", key);
	message->length += strlen(key) + strlen(",");
}

/*
 * Sends a message, and begins the next.
 */
static void
send_message(Message *message, bool is_all)
{
	Async_Notify(message->def->channel, message_text(message, is_all));
	begin_message(message, message->def);
}

/*
 * The text of a message.
 */
static char *
message_text(const Message *message, bool is_all)
{
	Oid			tview = message->def->tview;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"schema\":");
	escape_json(&json, get_namespace_name(get_rel_namespace(tview)));
	appendStringInfoString(&json, ",\"tview\":");
	escape_json(&json, get_rel_name(tview));
	appendStringInfo(&json, ",\"all\":%s", is_all ? "true" : "false");
	for (int i = 0; i < NKINDS; i++)
		appendStringInfo(&json, ",\"%s\":[%s]", kind_names[i],
						 message->keys[i].data);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Transaction callback: forgets all, whose memory goes with the transaction.
 */
static void
forget_all(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		levels = NIL;
}

/*
 * Subtransaction callback: what a subtransaction has changed becomes its
 * parent's, or is undone.
 */
static void
end_level(SubXactEvent event, SubTransactionId my_subid,
		  SubTransactionId parent_subid, void *arg)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	Level	   *level = levels == NIL ? NULL : llast(levels);
	Level	   *parent;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	if (level == NULL || level->nest_level < nest_level)
		return;
	parent = list_length(levels) > 1 ?
				 list_nth(levels, list_length(levels) - 2) :
				 NULL;
	if (event == SUBXACT_EVENT_COMMIT_SUB &&
		(parent == NULL || parent->nest_level < nest_level - 1))
	{
		level->nest_level = nest_level - 1;
		return;
	}
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		merge_level(parent, level);
	levels = list_delete_last(levels);
	MemoryContextDelete(level->context);
}

/*
 * Appends the changes of one level to those of another.
 */
static void
merge_level(Level *into, const Level *from)
{
	ListCell   *lc;

	foreach(lc, from->notices)
	{
		Notice	   *notice = lfirst(lc);
		Notice	   *target = get_notice(into, notice->tview);
		ListCell   *order;

		if (notice->is_all)
			forget_keys(target);
		foreach(order, notice->order)
		{
			Change	   *change = lfirst(order);

			record(target, change->key, change->before, change->after);
		}
	}
}
