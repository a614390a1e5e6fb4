/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  From a definition's jsonb to a Journey: the keys of the journey itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "document.h"

static void read_on_active(Parser *parser, const Place *place,
						   JsonbValue *value, void *field);
static void read_entry_rules(Parser *parser, const Place *place,
							 JsonbValue *value, void *field);
static void read_on_resume(Parser *parser, const Place *place,
						   JsonbValue *value, void *field);
static void read_reentry(Parser *parser, const Place *place,
						 JsonbValue *value, void *field);
static void read_cap(Parser *parser, const Place *place,
					 JsonbValue *value, void *field);

static const Key entry_rules_keys[] = {
	{"only", read_name, offsetof(Journey, only)},
	{"on_active", read_on_active, offsetof(Journey, on_active)},
	{"reentry", read_reentry, offsetof(Journey, never_again)},
	{"cooldown", read_interval, offsetof(Journey, cooldown)},
	{"holdout", read_percent, offsetof(Journey, holdout)},
	{NULL}
};

/* Tiles before edges: an edge is read into pointers to its tiles. */
static const Key journey_keys[] = {
	{"key", read_text_sql, offsetof(Journey, key)},
	{"entry_rules", read_entry_rules},
	{"timezone", read_zone},
	{"on_resume", read_on_resume, offsetof(Journey, on_resume)},
	{"max_duration", read_span, offsetof(Journey, max_duration)},
	{"goal", read_goal, offsetof(Journey, goal)},
	{"exit", read_exits},
	{"quiet_hours", read_quiet_hours, offsetof(Journey, quiet_hours)},
	{"cap", read_cap, offsetof(Journey, cap)},
	{"tiles", read_tiles},
	{"edges", read_edges},
	{NULL}
};

static const Key cap_keys[] = {
	{"tag", read_name, offsetof(Cap, tag), true},
	{"max", read_limit, offsetof(Cap, max), true},
	{"per", read_span, offsetof(Cap, per), true},
	{NULL}
};

static const Word on_active_words[] = {
	{"ignore", ON_ACTIVE_IGNORE},
	{"restart", ON_ACTIVE_RESTART},
	{"merge", ON_ACTIVE_MERGE},
	{NULL}
};

static const Word on_resume_words[] = {
	{"keep", ON_RESUME_KEEP},
	{"shift", ON_RESUME_SHIFT},
	{"restart", ON_RESUME_RESTART},
	{NULL}
};

static const Word reentry_words[] = {
	{"after_exit", false},
	{"never", true},
	{NULL}
};

static void
read_on_active(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			on_active;

	if (document_word(parser, place, value, on_active_words, &on_active))
		*(OnActive *) field = on_active;
}

static void
read_on_resume(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			on_resume;

	if (document_word(parser, place, value, on_resume_words, &on_resume))
		*(OnResume *) field = on_resume;
}

static void
read_reentry(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			never_again;

	if (document_word(parser, place, value, reentry_words, &never_again))
		*(bool *) field = never_again;
}

static void
read_entry_rules(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, entry_rules_keys, field);
}

static void
read_cap(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);
	Cap		   *cap;

	if (object == NULL)
		return;
	cap = palloc0(sizeof(Cap));
	document_keys(parser, place, object, cap_keys, cap);
	*(Cap **) field = cap;
}

/* Is there something that must be asked on whatever event? */
static bool
asks_always(const Journey *journey)
{
	for (int i = 0; i < journey->nexits; i++)
		if (journey->exits[i].event == NULL)
			return true;
	for (int i = 0; i < journey->ntiles; i++)
		if (journey->tiles[i].type == TILE_WAIT && journey->tiles[i].condition != NULL)
			return true;
	return false;
}

/* A stored definition was free of errors when it was activated. */
static void
check_stored(List *problems)
{
	ListCell   *lc;

	foreach(lc, problems)
	{
		Problem    *problem = lfirst(lc);

		if (problem->is_error)
			elog(ERROR, "stored definition: %s", problem->message);
	}
}

Journey *
definition_parse(Jsonb *document, List **problems)
{
	List	   *own = NIL;
	JsonbValue	value = {.type = jbvBinary};
	JsonbContainer *object;
	Parser		parser = {0};

	value.val.binary.data = &document->root;
	value.val.binary.len = VARSIZE(document) - VARHDRSZ;
	parser.problems = problems ? problems : &own;
	parser.is_stored = (problems == NULL);
	parser.journey = palloc0(sizeof(Journey));
	parser.journey->is_whole = true;

	object = document_object(&parser, &place_root, &value);
	if (object != NULL)
	{
		document_keys(&parser, &place_root, object, journey_keys, parser.journey);
		link_edges(&parser);
		gather_triggers(&parser);
		parser.journey->asks_always = asks_always(parser.journey);
	}
	else
		parser.journey->is_whole = false;

	check_stored(own);
	return parser.journey;
}
