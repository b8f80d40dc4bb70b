/*
 * names.c
 *		Names of TVIEWs: those that people give, those that SQL and messages
 *		need.
 *
 * Every function that takes the name of a TVIEW accepts it in every form that
 * somebody may have at hand: the entity as the catalog has it (post), the
 * table (tv_post), either with a schema, quoted or not, and the text of a
 * regclass.  A name without schema means the TVIEW that the search_path
 * finds; failing that, the only one of that name.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "pg_tviews.h"

/* How many similar names a hint lists. */
#define MAX_NEAR_NAMES 3

static List *split_name(const char *name);
static Oid	find_tview(const char *given, const char *schema,
					   const char *name);
static Oid	choose_tview(const char *given, List *found);
static bool has_name(Oid tview, const char *schema, const char *name,
					 bool as_entity);
static void report_missing(const char *name);
static char *other_relation(const char *name);
static char *near_names(const char *name);
static int	name_distance(const char *name, Oid tview);
static void reject_name(const char *name, const char *why);

/*
 * The first argument of a function, the name of a TVIEW.
 */
char *
tview_names_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of a TVIEW must not be null")));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/*
 * The TVIEW of that name, written in any way.  Without one an error, or
 * InvalidOid when that is welcome.
 */
Oid
tview_names_resolve(const char *name, bool missing_ok)
{
	List	   *parts;
	Oid			tview;

	/* as the catalog has it, before any reading of quotes and dots */
	tview = find_tview(name, NULL, name);
	if (!OidIsValid(tview))
	{
		parts = split_name(name);
		if (list_length(parts) == 1)
			tview = find_tview(name, NULL, linitial(parts));
		else if (list_length(parts) == 2)
			tview = find_tview(name, linitial(parts), lsecond(parts));
	}
	if (!OidIsValid(tview) && !missing_ok)
		report_missing(name);
	return tview;
}

/*
 * Where a TVIEW that is to be made under that name belongs: its table with its
 * schema, whether or not the prefix and the schema were given.
 */
RangeVar *
tview_names_parse(const char *name)
{
	List	   *parts = split_name(name);
	char	   *relname;
	RangeVar   *range;
	Oid			schema;

	if (parts == NIL || list_length(parts) > 2)
		reject_name(name, "It must be a name, or a schema and a name.");
	relname = llast(parts);
	if (strncmp(relname, TVIEW_TABLE_PREFIX, strlen(TVIEW_TABLE_PREFIX)) != 0)
		relname = psprintf("%s%s", TVIEW_TABLE_PREFIX, relname);
	if (tview_names_entity(relname) == NULL)
		reject_name(name, "The part after \"tv_\" is empty.");
	if (strlen(relname) >= NAMEDATALEN)
		reject_name(name, psprintf("With \"tv_\" in front it is longer than %d bytes.",
								   NAMEDATALEN - 1));
	range = makeRangeVar(list_length(parts) == 2 ? linitial(parts) : NULL,
						 relname, -1);
	schema = RangeVarGetCreationNamespace(range);
	range->schemaname = get_namespace_name(schema);
	return range;
}

/*
 * The entity that a table of that name holds; NULL if it is none by its name.
 */
char *
tview_names_entity(const char *relname)
{
	size_t		prefix = strlen(TVIEW_TABLE_PREFIX);

	if (strncmp(relname, TVIEW_TABLE_PREFIX, prefix) != 0 ||
		relname[prefix] == '\0')
		return NULL;
	return pstrdup(relname + prefix);
}

/*
 * The relation's name as SQL needs it under any search_path.
 */
char *
tview_names_qualified(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	return quote_qualified_identifier(schema, get_rel_name(relid));
}

/*
 * The relation's name as the user would write it, for messages that do not
 * quote it.
 */
char *
tview_names_shown(Oid relid)
{
	if (RelationIsVisible(relid))
		return pstrdup(quote_identifier(get_rel_name(relid)));
	return tview_names_qualified(relid);
}

/*
 * An error unless the TVIEW is the current user's.
 */
void
tview_names_check_owner(Oid tview)
{
	if (!compat_owns_relation(tview, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(tview));
}

/*
 * The parts of a dotted name, folded and unquoted as SQL does it; NIL if it is
 * not a name.
 */
static List *
split_name(const char *name)
{
	List	   *parts;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts))
		return NIL;
	return parts;
}

/*
 * The TVIEW whose table, or else whose entity, has that name; schema may be
 * NULL.  InvalidOid if there is none, an error if there are several.
 */
static Oid
find_tview(const char *given, const char *schema, const char *name)
{
	List	   *tviews = tview_catalog_list();

	for (int as_entity = 0; as_entity <= 1; as_entity++)
	{
		List	   *found = NIL;
		ListCell   *lc;

		foreach(lc, tviews)
		{
			if (has_name(lfirst_oid(lc), schema, name, as_entity))
				found = lappend_oid(found, lfirst_oid(lc));
		}
		if (found != NIL)
			return choose_tview(given, found);
	}
	return InvalidOid;
}

/*
 * The one of several TVIEWs that a name means: the first that the search_path
 * shows, or the only one.
 */
static Oid
choose_tview(const char *given, List *found)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, found)
	{
		if (RelationIsVisible(lfirst_oid(lc)))
			return lfirst_oid(lc);
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 tview_names_qualified(lfirst_oid(lc)));
	}
	if (list_length(found) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_ALIAS),
				 errmsg("TVIEW name \"%s\" is ambiguous", given),
				 errdetail("It may mean: %s.", names.data),
				 errhint("Write the schema, too.")));
	return linitial_oid(found);
}

/*
 * Whether the TVIEW's table (or its entity) has that name; schema may be NULL.
 */
static bool
has_name(Oid tview, const char *schema, const char *name, bool as_entity)
{
	char	   *relname = get_rel_name(tview);

	if (relname == NULL)
		return false;
	if (schema != NULL &&
		strcmp(get_namespace_name(get_rel_namespace(tview)), schema) != 0)
		return false;
	if (!as_entity)
		return strcmp(relname, name) == 0;
	relname = tview_names_entity(relname);
	return relname != NULL && strcmp(relname, name) == 0;
}

/*
 * Reports that there is no TVIEW of that name, what else has it, and what may
 * have been meant.
 */
static void
report_missing(const char *name)
{
	char	   *other = other_relation(name);
	char	   *near = near_names(name);

	ereport(ERROR,
			(errcode(ERRCODE_TVIEW_NOT_FOUND),
			 errmsg("Metadata not found for TVIEW: %s", name),
			 other ? errdetail("%s", other) : 0,
			 near != NULL				 ? errhint("Similar names: %s.", near) :
			 tview_catalog_list() == NIL ? errhint("There is no TVIEW in this database.") :
										   errhint("The table pg_tview_meta lists all TVIEWs.")));
}

/*
 * What relation has that name which is no TVIEW, as a sentence, or NULL.
 */
static char *
other_relation(const char *name)
{
	List	   *parts = split_name(name);
	Oid			relid = InvalidOid;
	Oid			tview;

	if (list_length(parts) == 1)
		relid = RelnameGetRelid(linitial(parts));
	else if (list_length(parts) == 2)
		relid = get_relname_relid(lsecond(parts),
								  get_namespace_oid(linitial(parts), true));
	if (!OidIsValid(relid))
		return NULL;
	tview = tview_catalog_of_view(relid);
	if (OidIsValid(tview))
		return psprintf("%s is the view of TVIEW %s.",
						tview_names_shown(relid), tview_names_shown(tview));
	return psprintf("%s exists, but is not a TVIEW.",
					tview_names_shown(relid));
}

/*
 * The TVIEWs whose names come closest to the one given; NULL if none is close.
 */
static char *
near_names(const char *name)
{
	const char *dot = strrchr(name, '.');
	int			limit;
	StringInfoData names;
	int			count = 0;
	List	   *tviews = tview_catalog_list();

	if (dot != NULL)
		name = dot + 1;
	limit = strlen(name) / 2;
	initStringInfo(&names);
	for (int distance = 0; distance <= limit; distance++)
	{
		ListCell   *lc;

		foreach(lc, tviews)
		{
			if (count < MAX_NEAR_NAMES &&
				name_distance(name, lfirst_oid(lc)) == distance)
				appendStringInfo(&names, "%s%s", count++ > 0 ? ", " : "",
								 tview_names_shown(lfirst_oid(lc)));
		}
	}
	return count > 0 ? names.data : NULL;
}

/*
 * How many letters lie between a name without schema and the TVIEW's, with or
 * without its prefix, whichever is closest.
 */
static int
name_distance(const char *name, Oid tview)
{
	const char *relname = get_rel_name(tview);
	const char *entity;
	int			result;

	if (relname == NULL || strlen(name) >= NAMEDATALEN * 2)
		return INT_MAX;
	result = varstr_levenshtein(name, strlen(name), relname, strlen(relname),
								1, 1, 1, true);
	entity = tview_names_entity(relname);
	if (entity != NULL)
		result = Min(result,
					 varstr_levenshtein(name, strlen(name),
										entity, strlen(entity),
										1, 1, 1, true));
	return result;
}

/*
 * Reports that a TVIEW cannot be called so.
 */
static void
reject_name(const char *name, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("invalid TVIEW name: \"%s\"", name),
			 errdetail("%s", why)));
}
