/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  From a definition's jsonb to a Journey: the keys of the journey itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "document.h"

static const Key rule_keys[] = {
	{"event", read_event, offsetof(Rule, event), true},
	{"condition", read_condition, offsetof(Rule, condition)},
	{NULL}
};

static const Key trigger_keys[] = {
	{"event", read_event, offsetof(Rule, event), true},
	{"condition", read_condition, offsetof(Rule, condition)},
	{"customers"}, {"audience"}, {"schedule"},
	{NULL}
};

static const Key exit_keys[] = {
	{"event", read_event, offsetof(Rule, event)},
	{"condition", read_condition, offsetof(Rule, condition)},
	{"outcome", read_name, offsetof(Rule, outcome)},
	{"audience_left"},
	{NULL}
};

static const Key goal_keys[] = {
	{"event", read_event, offsetof(Goal, event), true},
	{"condition", read_condition, offsetof(Goal, condition)},
	{"within", read_interval, offsetof(Goal, within)},
	{NULL}
};

static void read_on_active(Parser *parser, const Place *place,
						   JsonbValue *value, void *field);
static void read_entry_rules(Parser *parser, const Place *place,
							 JsonbValue *value, void *field);
static void read_goal(Parser *parser, const Place *place,
					  JsonbValue *value, void *field);
static void read_exits(Parser *parser, const Place *place,
					   JsonbValue *value, void *field);

static const Key entry_rules_keys[] = {
	{"on_active", read_on_active, offsetof(Journey, on_active)},
	{"only"}, {"reentry"}, {"cooldown"}, {"holdout"},
	{NULL}
};

/* Tiles before edges: an edge is read into pointers to its tiles. */
static const Key journey_keys[] = {
	{"key", read_text_sql, offsetof(Journey, key)},
	{"timezone", read_zone},
	{"entry_rules", read_entry_rules},
	{"goal", read_goal, offsetof(Journey, goal)},
	{"exit", read_exits},
	{"tiles", read_tiles},
	{"edges", read_edges},
	{"on_resume"}, {"max_duration"}, {"quiet_hours"}, {"cap"},
	{NULL}
};

/* The words for OnActive; those without a number come with a later version. */
static const struct
{
	const char *word;
	int			value;
}			on_active_words[] =

{
	{"ignore", ON_ACTIVE_IGNORE},
	{"restart", ON_ACTIVE_RESTART},
	{"merge", -1}
};

static void
complain_on_active(Parser *parser, const Place *place, const char *word)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("unrecognized value %s of %s",
								quoted_name(word), place_text(place));
	problem->hint = "Known values are \"ignore\" and \"restart\".";
}

static void
read_on_active(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *word = document_string(parser, place, value, MAX_NAME_LENGTH);
	Problem    *problem;

	if (word == NULL)
		return;
	for (int i = 0; i < lengthof(on_active_words); i++)
	{
		if (strcmp(word, on_active_words[i].word) != 0)
			continue;
		if (on_active_words[i].value >= 0)
		{
			*(OnActive *) field = on_active_words[i].value;
			return;
		}
		problem = complain(parser, ERRCODE_FEATURE_NOT_SUPPORTED, place);
		problem->message = psprintf("value \"%s\" of %s is not supported yet",
									word, place_text(place));
		return;
	}
	complain_on_active(parser, place, word);
}

static void
read_entry_rules(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, entry_rules_keys, field);
}

static void
read_goal(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, goal_keys, field);
}

/* An exit rule without an event is either one of a later version or a mistake. */
static void
check_exit_event(Parser *parser, const Place *place, JsonbContainer *object)
{
	Problem    *problem;

	if (document_has(object, "event") || document_has(object, "audience_left"))
		return;
	if (document_has(object, "condition"))
	{
		problem = complain(parser, ERRCODE_FEATURE_NOT_SUPPORTED, place);
		problem->message = psprintf("%s without the key \"event\" is not supported yet",
									place_text(place));
		return;
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s needs the key \"event\"", place_text(place));
}

static void
read_exit(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);
	Rule	   *rule = field;

	if (object == NULL)
		return;
	document_keys(parser, place, object, exit_keys, rule);
	check_exit_event(parser, place, object);
	if (rule->outcome == NULL)
		rule->outcome = "exited";
}

static void
read_exits(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;

	journey->exits = document_list(parser, place, value, read_exit,
								   sizeof(Rule), &journey->nexits);
}

static void
read_reset(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, rule_keys, field);
}

void
read_resets(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;

	tile->resets = document_list(parser, place, value, read_reset,
								 sizeof(Rule), &tile->nresets);
}

static void
read_trigger(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, trigger_keys, field);
}

/* "on" of an entry: kept by the journey, together with entry's event edges. */
void
read_on(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			count;
	Rule	   *rules = document_list(parser, place, value, read_trigger,
									  sizeof(Rule), &count);

	for (int i = 0; i < count; i++)
		parser->on = lappend(parser->on, &rules[i]);
}

static void
gather_triggers(Parser *parser)
{
	Journey    *journey = parser->journey;
	Tile	   *entry = journey->entry;
	int			most = list_length(parser->on) + (entry ? entry->nedges : 0);
	ListCell   *lc;

	journey->triggers = palloc0(sizeof(Rule) * most);
	foreach(lc, parser->on)
		journey->triggers[journey->ntriggers++] = *(Rule *) lfirst(lc);

	for (int i = 0; entry != NULL && i < entry->nedges; i++)
	{
		Edge	   *edge = entry->edges[i];
		Rule	   *trigger = &journey->triggers[journey->ntriggers];

		if (edge->event == NULL)
			continue;
		trigger->event = edge->event;
		trigger->condition = edge->condition;
		trigger->edge = edge;
		journey->ntriggers++;
	}
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
	}
	else
		parser.journey->is_whole = false;

	check_stored(own);
	return parser.journey;
}
