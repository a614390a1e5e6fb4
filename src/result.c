/*-------------------------------------------------------------------------
 *
 * result.c
 *	  What tiles await: the value that a member keeps of it, and the end of an
 *	  action, which brings it.
 *
 * Who ends an action locks the customer's members first, then the action's row,
 * as a timer does; and no step waits for an action's row (store_action.c).  Only
 * a consumer that claims and answers in one transaction does it the other way
 * round, and only another consumer, whose lease has passed, can wait for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "move.h"
#include "result.h"
#include "run.h"

/* ---- a member's result ---- */

static void
push_json(JsonbParseState **state, const char *key, Jsonb *json)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
	if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &value))
		JsonbToJsonbValue(json, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
member_result_value(const char *outcome, Jsonb *response)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "outcome", outcome, -1);
	if (response != NULL)
		push_json(&state, "response", response);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
get_key(const Jsonb *result, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &result->root),
										name, strlen(name), value) != NULL;
}

char *
member_outcome(const Jsonb *result)
{
	JsonbValue	value;

	if (!get_key(result, "outcome", &value) || value.type != jbvString)
		return "";
	return pnstrdup(value.val.string.val, value.val.string.len);
}

Jsonb *
member_response(const Jsonb *result)
{
	JsonbValue	value;

	return get_key(result, "response", &value) ? JsonbValueToJsonb(&value) : NULL;
}

bool
result_is_error(const Tile *tile, const char *outcome)
{
	return tile->type == TILE_SUB_JOURNEY ? strcmp(outcome, "refused") == 0 :
		outcome_is_error(outcome);
}

bool
outcome_is_error(const char *outcome)
{
	return strcmp(outcome, OUTCOME_DEAD) == 0 ||
		strcmp(outcome, OUTCOME_EXPIRED) == 0 ||
		strcmp(outcome, OUTCOME_CANCELLED) == 0;
}

/* ---- the end of an action ---- */

/* NULL: none; a cap that suppresses an action is no failure. */
static const char *
event_of(const char *outcome)
{
	if (strcmp(outcome, OUTCOME_SUPPRESSED) == 0)
		return NULL;
	return strcmp(outcome, OUTCOME_DELIVERED) == 0 ? EVENT_ACTION_DELIVERED :
		EVENT_ACTION_FAILED;
}

static bool
is_heard(const char *event)
{
	return event != NULL && step_hears(event);
}

/* After the step, where somebody listens. */
static void
raise_end(Step *step, const Member *member, const ActionEnd *end, const char *key)
{
	JsonbParseState *state = NULL;

	if (!is_heard(event_of(end->outcome)))
		return;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "journey", end->journey, -1);
	push_pair(&state, "key", key, -1);
	push_pair(&state, "tile", end->tile, -1);
	push_pair(&state, "destination", end->destination, -1);
	if (end->error != NULL)
		push_pair(&state, "error", end->error, -1);
	step_raise(step, member ? member->journey : NULL, event_of(end->outcome),
			   JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

void
action_raise_expired(Step *step, const Member *member, const Tile *tile)
{
	ActionEnd	end = {.journey = member->journey->name, .tile = tile->name,
		.destination = tile->destination, .outcome = OUTCOME_EXPIRED,
	.error = EXPIRED_ERROR};

	raise_end(step, member, &end, text_to_cstring(member->key));
}

static Member *
awaiting_member(Step *step, const ActionEnd *end)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->id == end->member && member->awaits != NULL &&
			memcmp(member->awaits, &end->id, sizeof(pg_uuid_t)) == 0)
			return member;
	}
	return NULL;
}

/* A failed one goes on with it when it is retried. */
static void
keep_result(Member *member, const ActionEnd *end)
{
	member->result = member_result_value(end->outcome, end->response);
	member->awaits = NULL;
	member->changed = true;
}

typedef struct EndOrder
{
	const ActionEnd *end;
	const char *key;			/* the member's; NULL: it is gone */
} EndOrder;

static void
decide_end(Step *step, void *arg)
{
	const EndOrder *order = arg;
	const ActionEnd *end = order->end;
	Member	   *member = awaiting_member(step, end);

	if (order->key != NULL)
		raise_end(step, member, end, order->key);
	if (member == NULL)
		return;
	if (member->state == MEMBER_ACTIVE && !member->broken)
		member_result(step, member, end->outcome, end->response,
					  outcome_is_error(end->outcome));
	else
		keep_result(member, end);
}

bool
action_end_is_heard(const ActionEnd *end)
{
	return end->is_awaited || is_heard(event_of(end->outcome));
}

bool
action_failure_is_heard(void)
{
	return step_hears(EVENT_ACTION_FAILED);
}

bool
action_end_lock(const ActionEnd *end, LockWait wait)
{
	List	   *members;

	return store_lock_members(end->customer, NULL, wait, &members);
}

/* The members are locked: nobody is in the way but who enters the same key. */
void
action_end_tell(const ActionEnd *end)
{
	EndOrder	order = {end, store_member_key(end->customer, end->member)};

	run_decision(end->customer, LOCK_WAIT, NULL, decide_end, &order);
}
