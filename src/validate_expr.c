/*-------------------------------------------------------------------------
 *
 * validate_expr.c
 *	  One expression of a journey, as its author may run it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "isolate.h"
#include "validate.h"

/* What is empty where no event asks, and where no tile had a result. */
#define EVENT_VARIABLES (VAR_BIT(VAR_PROPS) | VAR_BIT(VAR_EVENT))
#define RESULT_VARIABLES (VAR_BIT(VAR_OUTCOME) | VAR_BIT(VAR_RESPONSE))

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

static const char *const askers[] = {
	[ASKED_BY_TIMER] = "timer",
	[ASKED_BY_RESULT] = "result",
	[ASKED_BY_SCHEDULE] = "schedule"
};

/* Where only a timer, a result or a schedule can ask. */
static void
warn_of_no_event(Validation *validation, const Place *place, uint32 variables, Asker asker)
{
	Problem    *problem = validation_warning(validation, place);
	bool		reads_props = (variables & VAR_BIT(VAR_PROPS)) != 0;

	problem->message = psprintf("%s reads %s, which is empty there: a %s asks it, not an event",
								place_text(place), reads_props ? "props" : "event",
								askers[asker]);
	problem->hint = reads_props && asker == ASKED_BY_SCHEDULE ?
		"Read traits, or ask journey_did() what happened before." : reads_props ?
		"Read context: it keeps the props of the event that entered." :
		"Ask journey_did() what happened before.";
}

/* Where every event asks, and timers do. */
static void
warn_of_any_event(Validation *validation, const Place *place)
{
	Problem    *problem = validation_warning(validation, place);

	problem->message = psprintf("%s reads props of whatever event comes, empty where none asks it",
								place_text(place));
	problem->hint = "Ask it on an \"event\", or read context or traits.";
}

static void
warn_of_no_result(Validation *validation, const Place *place, uint32 variables)
{
	Problem    *problem = validation_warning(validation, place);

	problem->message = psprintf("%s reads %s, which is null there: no tile before it awaits a result",
								place_text(place),
								variables & VAR_BIT(VAR_OUTCOME) ? "outcome" : "response");
	problem->hint = "Give the tile whose result is meant \"await\": true.";
}

static void
check_variables(Validation *validation, const Place *place, uint32 variables, Asked asked)
{
	bool		reads_event = (variables & EVENT_VARIABLES) != 0;

	if (asked.asker == ASKED_BY_ANYTHING)
	{
		/* Whoever looks at event, too, knows which props there are. */
		if ((variables & EVENT_VARIABLES) == VAR_BIT(VAR_PROPS))
			warn_of_any_event(validation, place);
	}
	else if (asked.asker != ASKED_BY_EVENT && reads_event)
		warn_of_no_event(validation, place, variables, asked.asker);
	if (!asked.has_result && (variables & RESULT_VARIABLES))
		warn_of_no_result(validation, place, variables);
}

/* Our own verbs are not on the search_path of expressions. */
static bool
is_about_verb(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION &&
		strncmp(error->message, "function journey_", strlen("function journey_")) == 0 &&
		strstr(error->message, "journey_did(") == NULL &&
		strstr(error->message, "journey_count(") == NULL &&
		strstr(error->message, "journey_last_props(") == NULL &&
		strstr(error->message, "journey_in_audience(") == NULL &&
		strstr(error->message, "journey_escape_html(") == NULL;
}

/* Hints that say more than the parser's where SQL was not what was meant. */
static char *
error_hint(const Journey *journey, const ErrorData *error, const Expression *expr)
{
	if (is_about_verb(error))
		return "Expressions only read: of journey's functions they may call journey_did,"
			" journey_count, journey_last_props, journey_in_audience and journey_escape_html.";
	if (error->hint != NULL)
		return error->hint;
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && journey->author.owner != NULL)
		return psprintf("Expressions run with the rights of the journey's owner, here role \"%s\".",
						journey->author.owner);
	if (expr->want == EXPR_INTERVAL)
		return "Write an interval with its unit, as \"30 minutes\", or SQL that gives one.";
	if (expr->want == EXPR_TIMESTAMPTZ)
		return "Write a point in time, as \"2026-12-24 18:00\", or SQL that gives one,"
			" as \"(context->>'ends_at')::timestamptz\".";
	if (expr->want == EXPR_TEXT_ARRAY)
		return "Write SQL that gives the customers who enter, as \"ARRAY[props->>'friend']\".";
	if (expr == journey->zone_expr)
		return "Write the name of a time zone, as \"Europe/Berlin\", or SQL that gives one.";
	return NULL;
}

void
validate_expr(Validation *validation, const Place *place, Expression *expr, Asked asked)
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
	else
		check_variables(validation, place, check.variables, asked);
}
