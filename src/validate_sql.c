/*-------------------------------------------------------------------------
 *
 * validate_sql.c
 *	  The SQL of a journey, as its author may run it, and the destinations it
 *	  sends to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "isolate.h"
#include "rights.h"
#include "sql.h"
#include "validate.h"

/* What is empty where a timer asks, by name. */
#define EVENT_VARIABLES (VAR_BIT(VAR_PROPS) | VAR_BIT(VAR_EVENT))

/* For isolate(). */
typedef struct ExprCheck
{
	MemoryContext context;
	Expression *expr;
	const Author *author;
	uint32		variables;
} ExprCheck;

static void
run_check(void *arg)
{
	ExprCheck  *check = arg;
	MemoryContext old = MemoryContextSwitchTo(check->context);

	expr_check(check->expr, check->author, &check->variables);
	MemoryContextSwitchTo(old);
}

/* Who asks an expression: may it be an event, or only ever a timer? */
typedef enum Asker
{
	ASKED_BY_EVENT,
	ASKED_BY_TIMER
} Asker;

static Asker
asker(bool sees_event)
{
	return sees_event ? ASKED_BY_EVENT : ASKED_BY_TIMER;
}

static void
warn_of_timer(Validation *validation, const Place *place, uint32 variables)
{
	Problem    *problem = validation_warning(validation, place);
	bool		reads_props = (variables & VAR_BIT(VAR_PROPS)) != 0;

	problem->message = psprintf("%s reads %s, which is empty there: a timer asks it, not an event",
								place_text(place), reads_props ? "props" : "event");
	problem->hint = reads_props ?
		"Read context: it keeps the props of the event that entered." :
		"Ask journey_did() what happened before.";
}

/* Hints that say more than the parser's where SQL was not what was meant. */
static char *
error_hint(const Journey *journey, const ErrorData *error, const Expression *expr)
{
	if (error->hint != NULL)
		return error->hint;
	if (expr->want == EXPR_INTERVAL)
		return "Write an interval with its unit, as \"30 minutes\", or SQL that gives one.";
	if (expr == journey->zone_expr)
		return "Write the name of a time zone, as \"Europe/Berlin\", or SQL that gives one.";
	return NULL;
}

static void
check_expr(Validation *validation, const Place *place, Expression *expr, Asker asked_by)
{
	ExprCheck	check = {.context = CurrentMemoryContext, .expr = expr};
	ErrorData  *error;
	Problem    *problem;

	if (expr == NULL)
		return;
	CHECK_FOR_INTERRUPTS();
	check.author = &validation->journey->author;
	error = isolate(run_check, &check);
	if (error != NULL)
	{
		problem = validation_error(validation, error->sqlerrcode, place);
		problem->message = psprintf("%s: %s", place_text(place), error->message);
		problem->hint = error_hint(validation->journey, error, expr);
		problem->sql = expr->source;
		problem->position = error->internalpos;
	}
	else if (asked_by == ASKED_BY_TIMER && (check.variables & EVENT_VARIABLES))
		warn_of_timer(validation, place, check.variables);
}

static void
check_rules(Validation *validation, const Place *list, const Rule *rules, int nrules)
{
	for (int i = 0; i < nrules; i++)
	{
		Place		here = {.parent = list, .index = i};
		Place		condition = {.parent = &here, .key = "condition"};

		/* A trigger that is an edge is checked there. */
		if (rules[i].edge == NULL)
			check_expr(validation, &condition, rules[i].condition, ASKED_BY_EVENT);
	}
}

static void
check_template(Validation *validation, const Place *tile, const char *key,
			   Template *template, Asker asked_by)
{
	List	   *parts = template ? template_parts(template) : NIL;
	ListCell   *lc;

	foreach(lc, parts)
	{
		TemplatePart *part = lfirst(lc);
		Place		here = {.parent = tile};

		here.key = psprintf("%s%s", key, part->path);
		check_expr(validation, &here, part->expr, asked_by);
	}
}

static bool
destination_exists(const char *destination, Nearest *nearest)
{
	static SqlPlan plan = {"SELECT name FROM journey.destination ORDER BY name"};
	SqlSession	session;
	uint64		found;
	bool		exists = false;

	sql_begin(&session);
	found = sql_read(&plan, NULL, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < found && !exists; i++)
	{
		char	   *name = sql_text(&session, i, 1);

		exists = strcmp(name, destination) == 0;
		nearest_offer(nearest, name);
	}
	sql_end(&session);
	return exists;
}

static void
check_destination(Validation *validation, const Place *tile, const char *destination)
{
	const char *owner = validation->journey->author.owner;
	Place		here = {.parent = tile, .key = "destination"};
	Nearest		nearest;
	Problem    *problem;

	if (destination == NULL)
		return;
	nearest_begin(&nearest, destination);
	if (!destination_exists(destination, &nearest))
	{
		problem = validation_error(validation, ERRCODE_UNDEFINED_OBJECT, &here);
		problem->message = psprintf("destination %s of %s does not exist",
									quoted_name(destination), place_text(tile));
		problem->hint = nearest_hint(&nearest);
		if (problem->hint == NULL)
			problem->hint = "Create it with journey_destination_create().";
	}
	else if (!rights_use_destination(get_role_oid(owner, true), destination))
	{
		problem = validation_error(validation, ERRCODE_INSUFFICIENT_PRIVILEGE, &here);
		problem->message = psprintf("role \"%s\" may not use destination %s of %s",
									owner, quoted_name(destination), place_text(tile));
		problem->hint = "Have it granted with journey_grant(role, 'author', destination).";
	}
}

/* What a tile asks on arrival; without a whole graph nobody knows who asks. */
static void
check_tile(Validation *validation, const Tile *tile)
{
	bool		sees_event = validation->sees_event == NULL ||
		validation->sees_event[tile->number];
	Place		here = place_tile(tile);
	Place		hold = {.parent = &here, .key = "for"};
	Place		reset = {.parent = &here, .key = "reset"};

	check_expr(validation, &hold, tile->hold_expr,
			   asker(sees_event || tile->nresets > 0));
	check_rules(validation, &reset, tile->resets, tile->nresets);
	check_destination(validation, &here, tile->destination);
	check_template(validation, &here,
				   tile->type == TILE_ACTION ? "payload" : "set",
				   tile->template, asker(sees_event));
}

static void
check_edge(Validation *validation, const Edge *edge)
{
	const bool *sees_event = validation->sees_event;
	Place		here = place_edge(edge);
	Place		condition = {.parent = &here, .key = "condition"};
	Asker		asked_by = ASKED_BY_EVENT;

	if (sees_event != NULL && edge->from != NULL && edge->event == NULL)
		asked_by = asker(edge_is_immediate(edge) && sees_event[edge->from->number]);
	check_expr(validation, &condition, edge->condition, asked_by);
}

static void
check_journey(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		key = {.parent = &place_root, .key = "key"};
	Place		zone = {.parent = &place_root, .key = "timezone"};
	Place		goal = {.parent = &place_root, .key = "goal"};
	Place		condition = {.parent = &goal, .key = "condition"};
	Place		exits = {.parent = &place_root, .key = "exit"};

	check_expr(validation, &key, journey->key, ASKED_BY_EVENT);
	check_expr(validation, &zone, journey->zone_expr, ASKED_BY_EVENT);
	check_expr(validation, &condition, journey->goal.condition, ASKED_BY_EVENT);
	check_rules(validation, &exits, journey->exits, journey->nexits);
}

void
validate_sql(Validation *validation)
{
	Journey    *journey = validation->journey;

	check_journey(validation);
	if (journey->entry != NULL)
	{
		Place		entry = place_tile(journey->entry);
		Place		on = {.parent = &entry, .key = "on"};

		check_rules(validation, &on, journey->triggers, journey->ntriggers);
	}
	for (int i = 0; i < journey->ntiles; i++)
		check_tile(validation, &journey->tiles[i]);
	for (int i = 0; i < journey->nedges; i++)
		check_edge(validation, &journey->edges[i]);
}
