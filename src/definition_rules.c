/*-------------------------------------------------------------------------
 *
 * definition_rules.c
 *	  From a definition's jsonb to a Journey: what an event does to it as a
 *	  whole, that is goal, exit rules and triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/string.h"

#include "document.h"

static void read_customers(Parser *parser, const Place *place,
						   JsonbValue *value, void *field);
static void read_schedule(Parser *parser, const Place *place,
						  JsonbValue *value, void *field);

static const Key trigger_keys[] = {
	{"event", read_event, offsetof(Rule, event)},
	{"condition", read_condition, offsetof(Rule, condition)},
	{"customers", read_customers, offsetof(Rule, customers)},
	{"audience", read_name, offsetof(Rule, audience)},
	{"schedule", read_schedule, offsetof(Rule, schedule)},
	{NULL}
};

static const Key exit_keys[] = {
	{"event", read_event, offsetof(Rule, event)},
	{"audience_left", read_name, offsetof(Rule, audience)},
	{"condition", read_condition, offsetof(Rule, condition)},
	{"outcome", read_name, offsetof(Rule, outcome)},
	{NULL}
};

static const Key goal_keys[] = {
	{"event", read_event, offsetof(Goal, event), true},
	{"condition", read_condition, offsetof(Goal, condition)},
	{"within", read_interval, offsetof(Goal, within)},
	{NULL}
};

void
read_goal(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, goal_keys, field);
}

/* ---- exit rules ---- */

static void
check_exit_keys(Parser *parser, const Place *place, JsonbContainer *object)
{
	check_excludes(parser, place, object, "audience_left", "event");
	if (!document_has(object, "event") && !document_has(object, "audience_left") &&
		!document_has(object, "condition"))
		complain_missing(parser, place, "event")->hint =
			"Members exit by \"event\", \"audience_left\" or \"condition\".";
}

static void
read_exit(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);
	Rule	   *rule = field;

	if (object == NULL)
		return;
	document_keys(parser, place, object, exit_keys, rule);
	if (!parser->is_stored)
		check_exit_keys(parser, place, object);
	if (rule->audience != NULL)
		rule->event = EVENT_AUDIENCE_LEFT;
	if (rule->outcome == NULL)
		rule->outcome = "exited";
}

void
read_exits(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;

	journey->exits = document_list(parser, place, value, read_exit,
								   sizeof(Rule), &journey->nexits);
}

/* ---- triggers ---- */

static void
read_customers(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(Expression **) field = document_sql(parser, place, value, EXPR_TEXT_ARRAY);
}

/*
 * What it means is pg_cron's to say: see validate_schedule.c.  Its parser was
 * made for text of a byte per character.
 */
static void
read_schedule(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *line;

	read_name(parser, place, value, field);
	line = *(char **) field;
	if (line != NULL && !pg_is_ascii(line))
	{
		Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

		problem->message = psprintf("%s must not contain characters other than ASCII",
									place_text(place));
		problem->hint = SCHEDULE_HINT;
	}
}

/*
 * What enters is one thing: an event, an audience's new member, or a schedule,
 * which enters the members that an audience has then.
 */
static void
check_trigger_keys(Parser *parser, const Place *place, JsonbContainer *object)
{
	check_excludes(parser, place, object, "audience", "event");
	check_excludes(parser, place, object, "customers", "audience");
	check_excludes(parser, place, object, "schedule", "event");
	if (document_has(object, "event"))
		return;
	check_needs(parser, place, object, "schedule", "audience");
	if (!document_has(object, "audience") && !document_has(object, "schedule"))
		complain_missing(parser, place, "event")->hint =
			"Customers enter by \"event\", by \"audience\", or by \"schedule\" and \"audience\".";
}

static void
read_trigger(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);
	Rule	   *rule = field;

	if (object == NULL)
		return;
	document_keys(parser, place, object, trigger_keys, rule);
	if (!parser->is_stored)
		check_trigger_keys(parser, place, object);
	if (rule->audience != NULL && rule->schedule == NULL)
		rule->event = EVENT_AUDIENCE_ENTERED;
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

void
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
