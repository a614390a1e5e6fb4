/*-------------------------------------------------------------------------
 *
 * scope.c
 *	  Asking authors' SQL, in the names of one member in one step.
 *
 * At first everything of a step is asked in one subtransaction (step_run); if
 * that errs, the step is decided again "carefully": each question in a
 * subtransaction of its own, and what errs is recorded and counts as an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine.h"
#include "guc.h"
#include "isolate.h"
#include "profile.h"
#include "zone.h"

Jsonb *
step_traits(Step *step)
{
	if (step->traits == NULL)
		step->traits = step->store->traits(step);
	return step->traits;
}

static void
set_jsonb(NullableDatum *target, Jsonb *value)
{
	target->value = JsonbPGetDatum(value ? value : jsonb_empty_object());
	target->isnull = false;
}

static void
set_text(NullableDatum *target, text *value)
{
	target->value = PointerGetDatum(value);
	target->isnull = value == NULL;
}

static void
set_time(NullableDatum *target, TimestampTz value)
{
	target->value = TimestampTzGetDatum(value);
	target->isnull = value == NO_TIME;
}

/* A part of what the last awaiting tile brought; a text, or a jsonb. */
static void
set_result(NullableDatum *target, const Member *member, const char *part)
{
	JsonbValue	value;

	if (member == NULL || member->result == NULL ||
		getKeyJsonValueFromContainer(&member->result->root, part, strlen(part),
									 &value) == NULL ||
		value.type == jbvNull)
		return;
	target->isnull = false;
	if (strcmp(part, "outcome") == 0)
		target->value = PointerGetDatum(cstring_to_text_with_len(value.val.string.val,
																 value.val.string.len));
	else
		target->value = JsonbPGetDatum(JsonbValueToJsonb(&value));
}

/* Arrivals of earlier steps, and those that this one has decided. */
int
count_visits(Step *step, const Member *member)
{
	int			visits = 0;
	ListCell   *cell;

	if (member == NULL)
		return 0;
	if (member->seq == 0)
		return 1;				/* on the entry tile; its first row comes with
								 * the move off it */
	if (ItemPointerIsValid(&member->before->tid))
		visits = step->store->visits(step, member, member->tile);
	foreach(cell, step->transitions)
	{
		Transition *transition = lfirst(cell);

		if (transition->member->id == member->id &&
			transition->to == member->tile && transition->seq <= member->seq &&
			transition->is_visit)
			visits++;
	}
	return visits;
}

/* Called by the evaluator for each name that an expression reads. */
static void
fetch_variable(Scope *scope, Variable variable)
{
	StepScope  *own = (StepScope *) scope;
	Step	   *step = own->step;
	const Member *member = own->member;
	NullableDatum *target = &scope->values[variable];
	MemoryContext old = MemoryContextSwitchTo(step->cxt);

	target->value = (Datum) 0;
	target->isnull = true;
	scope->known |= VAR_BIT(variable);
	switch (variable)
	{
		case VAR_CUSTOMER:
			set_text(target, step->customer);
			break;
		case VAR_KEY:
			set_text(target, member ? member->key : NULL);
			break;
		case VAR_EVENT:
			set_text(target, step->event ? step->event->type : NULL);
			break;
		case VAR_PROPS:
			set_jsonb(target, step->event ? step->event->props : step->props);
			break;
		case VAR_CONTEXT:
			set_jsonb(target, member ? member->context : NULL);
			break;
		case VAR_TRAITS:
			set_jsonb(target, step_traits(step));
			break;
		case VAR_NOW:
			set_time(target, step->now);
			break;
		case VAR_LOCAL_NOW:
			target->value = TimestampGetDatum(zone_local(step->now, scope->zone));
			target->isnull = false;
			break;
		case VAR_ENTERED_AT:
			set_time(target, member ? member->entered_at : NO_TIME);
			break;
		case VAR_ARRIVED_AT:
			set_time(target, member ? member->arrived_at : NO_TIME);
			break;
		case VAR_VISITS:
			target->value = Int32GetDatum(count_visits(step, member));
			target->isnull = false;
			break;
		case VAR_OUTCOME:
			set_result(target, member, "outcome");
			break;
		case VAR_RESPONSE:
			set_result(target, member, "response");
			break;
		default:
			break;
	}
	MemoryContextSwitchTo(old);
}

static void
push_step_snapshot(Scope *scope)
{
	Step	   *step = ((StepScope *) scope)->step;

	step->store->push_snapshot(step);
}

static void
bind_scope(Step *step, const Place *place, const char *zone)
{
	StepScope  *own = &step->scope;

	own->scope.known = 0;
	own->scope.fetch = fetch_variable;
	own->scope.push_snapshot = push_step_snapshot;
	own->scope.zone = zone;
	own->step = step;
	own->member = place->member;
}

void
record_failure(Step *step, const Place *place, int sqlstate, const char *message)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	Failure    *failure = palloc(sizeof(Failure));

	failure->journey = place->journey;
	failure->tile = place->tile;
	failure->edge = place->edge;
	failure->sqlstate = sqlstate;
	failure->message = pstrdup(message);
	step->failures = lappend(step->failures, failure);
	MemoryContextSwitchTo(old);
}

/* One question; the same shape for conditions, values and templates. */
typedef struct Question
{
	Step	   *step;
	const Place *place;
	const char *zone;
	Expression *expr;
	Template   *template;		/* or this */
	Datum		value;
	bool		isnull;
} Question;

static void
answer(void *arg)
{
	Question   *question = arg;
	const Author *author = &question->place->journey->author;
	Step	   *step = question->step;
	MemoryContext old = MemoryContextSwitchTo(step->cxt);

	bind_scope(step, question->place, question->zone);
	if (question->template)
	{
		question->value = JsonbPGetDatum(template_eval(question->template, author,
													   &step->scope.scope));
		question->isnull = false;
	}
	else
		question->value = expr_eval(question->expr, author, &step->scope.scope,
									&question->isnull);
	MemoryContextSwitchTo(old);
}

/* False: it erred and was recorded, and *sqlstate says how. */
static bool
ask(Question *question, int *sqlstate)
{
	ErrorData  *error;

	if (!question->step->careful)
	{
		answer(question);
		return true;
	}
	error = isolate(answer, question);
	if (error == NULL)
		return true;
	*sqlstate = error->sqlerrcode;
	record_failure(question->step, question->place, error->sqlerrcode,
				   error->message ? error->message : "");
	return false;
}

static const char *
find_zone(Step *step, const Place *place)
{
	Journey    *journey = place->journey;
	Question	question = {step, place, guc_timezone, journey->zone_expr};
	char	   *zone;
	int			sqlstate;

	if (journey->zone)
		return journey->zone;
	if (journey->zone_expr == NULL)
		return guc_timezone;
	if (!ask(&question, &sqlstate) || question.isnull)
		return guc_timezone;
	zone = TextDatumGetCString(question.value);
	if (zone_exists(zone))
		return zone;
	record_failure(step, place, ERRCODE_INVALID_PARAMETER_VALUE,
				   psprintf("time zone \"%s\" is not recognized", zone));
	return guc_timezone;
}

/* The zone in which the member's expressions are asked, found out once. */
const char *
member_zone(Step *step, const Place *place)
{
	StepScope  *own = &step->scope;
	MemoryContext old;

	if (own->zone == NULL || own->zone_member != place->member ||
		own->zone_journey != place->journey)
	{
		old = MemoryContextSwitchTo(step->cxt);
		own->zone = find_zone(step, place);
		MemoryContextSwitchTo(old);
		own->zone_member = place->member;
		own->zone_journey = place->journey;
	}
	return own->zone;
}

bool
ask_value(Step *step, const Place *place, Expression *expr, Datum *value, bool *isnull,
		  int *sqlstate)
{
	Question	question = {step, place, member_zone(step, place), expr};

	if (!ask(&question, sqlstate))
		return false;
	*value = question.value;
	*isnull = question.isnull;
	return true;
}

Verdict
ask_condition(Step *step, const Place *place, Expression *condition, int *sqlstate)
{
	Datum		value;
	bool		isnull;

	if (condition == NULL)
		return VERDICT_TRUE;
	if (!ask_value(step, place, condition, &value, &isnull, sqlstate))
		return VERDICT_ERROR;
	return !isnull && DatumGetBool(value) ? VERDICT_TRUE : VERDICT_FALSE;
}

bool
ask_template(Step *step, const Place *place, Template *template, Jsonb **value,
			 int *sqlstate)
{
	Question	question = {step, place, member_zone(step, place), NULL, template};

	if (template == NULL)
	{
		*value = jsonb_empty_object();
		return true;
	}
	if (!ask(&question, sqlstate))
		return false;
	*value = DatumGetJsonbP(question.value);
	return true;
}
