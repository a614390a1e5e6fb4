/*-------------------------------------------------------------------------
 *
 * problem.c
 *	  Findings about a definition: where they are and how to word that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "problem.h"

#define MAX_SHOWN_NAME 100		/* bytes of a name in a message */
#define MAX_COMPARED_NAME 255	/* bytes; the edit distance takes no more */

const Place place_root = {0};
const Place place_tiles = {.parent = &place_root, .key = "tiles"};
const Place place_edges = {.parent = &place_root, .key = "edges"};

Place
place_tile(const Tile *tile)
{
	Place		place = {.parent = &place_tiles, .key = tile->name};

	return place;
}

Place
place_edge(const Edge *edge)
{
	Place		place = {.parent = &place_edges, .index = edge->position};

	if (edge->from != NULL)
		place.tile = edge->from->name;
	return place;
}

Problem *
problem_add(List **problems, ProblemKind kind, int sqlstate, const Place *place)
{
	Problem    *problem = palloc0(sizeof(Problem));

	problem->is_error = (kind != PROBLEM_WARNING);
	problem->is_form = (kind == PROBLEM_FORM);
	problem->sqlstate = sqlstate;
	problem->path = place_path(place);
	*problems = lappend(*problems, problem);
	return problem;
}

static bool
is_control(char c)
{
	return (unsigned char) c < ' ' || c == 0x7F;
}

bool
name_is_printable(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (is_control(*c))
			return false;
	return name[0] != '\0';
}

/*
 * Names come from authors and may be anything: keep them from filling or
 * garbling the line they are shown in.
 */
static void
append_name(StringInfo buf, const char *name)
{
	int			len = strlen(name);
	int			shown = pg_mbcliplen(name, len, MAX_SHOWN_NAME);

	for (int i = 0; i < shown; i++)
		appendStringInfoChar(buf, is_control(name[i]) ? '?' : name[i]);
	if (shown < len)
		appendStringInfoString(buf, "...");
}

char *
quoted_name(const char *name)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '"');
	append_name(&buf, name);
	appendStringInfoChar(&buf, '"');
	return buf.data;
}

/* The way from an ancestor, which is left out, down to place. */
static void
append_path(StringInfo buf, const Place *ancestor, const Place *place)
{
	if (place == NULL || place == ancestor || place->parent == NULL)
		return;

	append_path(buf, ancestor, place->parent);
	if (place->key == NULL)
		appendStringInfo(buf, "[%d]", place->index);
	else
	{
		if (buf->len > 0)
			appendStringInfoChar(buf, '.');
		append_name(buf, place->key);
	}
}

char *
place_path(const Place *place)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_path(&buf, NULL, place);
	return buf.data;
}

/* The tile or edge that place is, or is in; NULL elsewhere in the document. */
static const Place *
place_owner(const Place *place)
{
	const Place *owner = NULL;
	const Place *list = NULL;

	while (place->parent != NULL)
	{
		owner = list;
		list = place;
		place = place->parent;
	}
	if (owner == NULL || list->key == NULL)
		return NULL;
	if (strcmp(list->key, "tiles") == 0 || strcmp(list->key, "edges") == 0)
		return owner;
	return NULL;
}

static void
append_owner(StringInfo buf, const Place *owner)
{
	if (owner->key != NULL)
	{
		appendStringInfoString(buf, "tile ");
		appendStringInfoString(buf, quoted_name(owner->key));
		return;
	}
	appendStringInfo(buf, "edges[%d]", owner->index);
	if (owner->tile != NULL)
		appendStringInfo(buf, " from tile %s", quoted_name(owner->tile));
}

char *
place_text(const Place *place)
{
	const Place *owner = place_owner(place);
	StringInfoData buf;

	if (place->parent == NULL)
		return pstrdup(place->key ? place->key : "the definition");

	initStringInfo(&buf);
	if (place != owner)
	{
		StringInfoData path;

		initStringInfo(&path);
		append_path(&path, owner, place);
		appendStringInfo(&buf, "\"%s\"", path.data);
		if (owner != NULL)
			appendStringInfoString(&buf, " of ");
	}
	if (owner != NULL)
		append_owner(&buf, owner);
	return buf.data;
}

/* A suggestion that has little of what was written is no help. */
void
nearest_begin(Nearest *nearest, const char *wanted)
{
	int			len = strlen(wanted);

	nearest->wanted = wanted;
	nearest->best = NULL;
	nearest->distance = (len < 3 ? len / 2 : Max(len / 2, 2)) + 1;
}

void
nearest_offer(Nearest *nearest, const char *candidate)
{
	int			wanted_len = strlen(nearest->wanted);
	int			len = strlen(candidate);
	int			distance;

	if (wanted_len > MAX_COMPARED_NAME || len > MAX_COMPARED_NAME)
		return;
	if (wanted_len >= 3 && strncmp(nearest->wanted, candidate, wanted_len) == 0)
		distance = 1;			/* cut off: cond for condition */
	else
		distance = varstr_levenshtein_less_equal(nearest->wanted, wanted_len,
												 candidate, len, 1, 1, 1,
												 nearest->distance, true);
	if (len >= 3 && strncmp(nearest->wanted, candidate, len) == 0)
		distance = Min(distance, 2);	/* drawn out: maximum for max */
	if (distance < nearest->distance)
	{
		nearest->best = candidate;
		nearest->distance = distance;
	}
}

bool
nearest_among(Nearest *nearest, SqlPlan *plan, const char *wanted)
{
	SqlSession	session;
	uint64		found;
	bool		exists = false;

	nearest_begin(nearest, wanted);
	sql_begin(&session);
	found = sql_read(plan, NULL, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < found && !exists; i++)
	{
		char	   *candidate = sql_text(&session, i, 1);

		CHECK_FOR_INTERRUPTS();
		exists = strcmp(candidate, wanted) == 0;
		nearest_offer(nearest, candidate);
	}
	sql_end(&session);
	return exists;
}

char *
nearest_hint(const Nearest *nearest)
{
	if (nearest->best == NULL)
		return NULL;
	return psprintf("Did you mean %s?", quoted_name(nearest->best));
}

/* Where the first error is, and that it is not the only one. */
static char *
raise_detail(const Problem *first, int others)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "It is at %s",
					 first->path[0] ? first->path : "the top level");
	if (others == 1)
		appendStringInfoString(&buf, ", and there is 1 more error");
	else if (others > 1)
		appendStringInfo(&buf, ", and there are %d more errors", others);
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

void
problems_raise(List *problems)
{
	Problem    *first = NULL;
	int			others = 0;
	ListCell   *lc;

	foreach(lc, problems)
	{
		Problem    *problem = lfirst(lc);

		if (!problem->is_error)
			continue;
		if (first == NULL)
			first = problem;
		else
			others++;
	}
	if (first == NULL)
		return;

	ereport(ERROR,
			errcode(first->sqlstate),
			errmsg("%s", first->message),
			errdetail("%s", raise_detail(first, others)),
			first->hint ? errhint("%s", first->hint) : 0,
			first->position > 0 ? internalerrquery(first->sql) : 0,
			internalerrposition(first->position));
}
