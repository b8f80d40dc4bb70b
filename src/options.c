/*
 * options.c
 *		The options of a TVIEW: pg_tview_meta.options, a jsonb object.
 *
 *	settings	the session settings that its rows are made with
 *	on_error	what a query that fails does; else pg_tviews.on_error says
 *	notify		whether, or on which channel, to tell of changed rows
 *
 * What is stored has been checked here.  An administrator may have changed it
 * by other ways, so reading checks the values that it needs once more, and
 * takes no notice of what it does not know.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "pg_tviews.h"

/*
 * Settings on which the text of values depends.  A TVIEW is made and kept with
 * those of its creator, lest two writers disagree about its rows.
 */
static const char *const pinned_settings[] = {
	"DateStyle",
	"IntervalStyle",
	"TimeZone",
	"array_nulls",
	"bytea_output",
	"default_text_search_config",
	"extra_float_digits",
	"gin_fuzzy_search_limit",
	"lc_monetary",
	"lc_numeric",
	"lc_time",
	"quote_all_identifiers",
	"timezone_abbreviations",
	"xmlbinary",
	"xmloption",
};

static bool is_pinned(const char *name);
static Datum merge_settings(Datum options, Datum given);
static Datum remove_null(Datum options, const char *name);
static void check(Datum options);
static void check_settings(JsonbValue *settings);
static JsonbValue *get_value(Datum options, const char *name);
static void reject_value(const char *name, const char *hint);

/*
 * The options of a TVIEW that is given none: the settings of the session.
 */
Datum
tview_options_default(void)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"settings\": {");
	for (int i = 0; i < lengthof(pinned_settings); i++)
	{
		if (i > 0)
			appendStringInfoString(&json, ", ");
		escape_json(&json, pinned_settings[i]);
		appendStringInfoString(&json, ": ");
		escape_json(&json,
					GetConfigOptionByName(pinned_settings[i], NULL, false));
	}
	appendStringInfoString(&json, "}}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * Options with some changed as given, a jsonb object or 0: a null takes an
 * option away, and of the settings those that are not given stay.  Raises an
 * error if that makes no sense.
 */
Datum
tview_options_change(Datum options, Datum given)
{
	Datum		result;

	if (given == (Datum) 0)
		return options;
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(given)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of a TVIEW must be a JSON object")));
	check(given);
	result = DirectFunctionCall2(jsonb_concat, options, given);
	if (get_value(given, "settings") && get_value(options, "settings"))
		result = DirectFunctionCall2(jsonb_concat, result,
									 merge_settings(options, given));
	result = remove_null(result, "on_error");
	return remove_null(result, "notify");
}

/*
 * Settings to pin while a TVIEW's query is evaluated: a List of DefElem.
 */
List *
tview_options_settings(Datum options)
{
	JsonbValue *settings = get_value(options, "settings");
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;
	List	   *result = NIL;

	if (settings == NULL || settings->type != jbvBinary)
		return NIL;
	iterator = JsonbIteratorInit(settings->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *text;

		if (value.type != jbvString)
			continue;
		text = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_KEY)
			name = text;
		else if (token == WJB_VALUE && is_pinned(name))
			result = lappend(result,
							 makeDefElem(name, (Node *) makeString(text), -1));
	}
	return result;
}

/*
 * What a query that fails does.
 */
TviewOnError
tview_options_on_error(Datum options)
{
	JsonbValue *value = get_value(options, "on_error");

	if (value == NULL || value->type == jbvNull)
		return TVIEW_ERROR_DEFAULT;
	if (value->type == jbvString)
	{
		char	   *text = pnstrdup(value->val.string.val,
									value->val.string.len);

		if (strcmp(text, "abort") == 0)
			return TVIEW_ERROR_ABORT;
		if (strcmp(text, "stale") == 0)
			return TVIEW_ERROR_STALE;
	}
	reject_value("on_error", "Valid values are \"abort\" and \"stale\".");
	return TVIEW_ERROR_DEFAULT; /* not reached */
}

/*
 * The channel on which to tell of changed rows, or NULL: by default the name
 * of the TVIEW's table.
 */
char *
tview_options_channel(Datum options, Oid tview)
{
	JsonbValue *value = get_value(options, "notify");

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type == jbvBool)
		return value->val.boolean ? get_rel_name(tview) : NULL;
	if (value->type != jbvString || value->val.string.len == 0 ||
		value->val.string.len >= NAMEDATALEN)
		reject_value("notify",
					 "Valid values are true, false, and the name of a channel.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * Whether a setting is one that a TVIEW's rows depend on; others are not
 * changed whatever the options say.
 */
static bool
is_pinned(const char *name)
{
	for (int i = 0; i < lengthof(pinned_settings); i++)
	{
		if (strcmp(name, pinned_settings[i]) == 0)
			return true;
	}
	return false;
}

/*
 * An object with the settings of both, those given first.
 */
static Datum
merge_settings(Datum options, Datum given)
{
	Datum		name = CStringGetTextDatum("settings");
	Datum		merged;
	Jsonb	   *jsonb;
	char	   *text;

	merged = DirectFunctionCall2(jsonb_concat,
								 DirectFunctionCall2(jsonb_object_field,
													 options, name),
								 DirectFunctionCall2(jsonb_object_field, given,
													 name));
	jsonb = DatumGetJsonbP(merged);
	text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	text = psprintf("{\"settings\": %s}", text);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/*
 * Options without one that is null.
 */
static Datum
remove_null(Datum options, const char *name)
{
	JsonbValue *value = get_value(options, name);

	if (value == NULL || value->type != jbvNull)
		return options;
	return DirectFunctionCall2(jsonb_delete, options,
							   CStringGetTextDatum(name));
}

/*
 * Raises an error if somebody gives options that there are not, or values
 * that these cannot have.
 */
static void
check(Datum options)
{
	Jsonb	   *jsonb = DatumGetJsonbP(options);
	JsonbIterator *iterator = JsonbIteratorInit(&jsonb->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue *settings = get_value(options, "settings");

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		if (strcmp(name, "settings") != 0 && strcmp(name, "on_error") != 0 &&
			strcmp(name, "notify") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized option \"%s\" of a TVIEW", name),
					 errhint("The options are \"notify\", \"on_error\" and \"settings\".")));
	}
	if (settings)
		check_settings(settings);
	(void) tview_options_on_error(options);
	(void) tview_options_channel(options, InvalidOid);
}

/*
 * The same for the option "settings".
 */
static void
check_settings(JsonbValue *settings)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (settings->type != jbvBinary)
		reject_value("settings", "It must be an object.");
	iterator = JsonbIteratorInit(settings->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY &&
			!is_pinned(pnstrdup(value.val.string.val, value.val.string.len)))
			reject_value("settings", "Its names must be among DateStyle, IntervalStyle, TimeZone, bytea_output, default_text_search_config, extra_float_digits, lc_monetary, lc_numeric, lc_time and xmlbinary.");
		if (token != WJB_KEY && token != WJB_BEGIN_OBJECT &&
			token != WJB_END_OBJECT &&
			!(token == WJB_VALUE && value.type == jbvString))
			reject_value("settings", "Its values must be strings.");
	}
}

/*
 * The value of an option, or NULL if it is not there.
 */
static JsonbValue *
get_value(Datum options, const char *name)
{
	Jsonb	   *jsonb = options ? DatumGetJsonbP(options) : NULL;

	if (jsonb == NULL || !JB_ROOT_IS_OBJECT(jsonb))
		return NULL;
	return getKeyJsonValueFromContainer(&jsonb->root, name, strlen(name),
										NULL);
}

/*
 * Raises the error for a value that an option cannot have.
 */
static void
reject_value(const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\" of a TVIEW", name),
			 errhint("%s", hint)));
}
