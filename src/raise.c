/*-------------------------------------------------------------------------
 *
 * raise.c
 *	  Internal events (DESIGN rule 15): what a step leaves to be done after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache.h"
#include "engine.h"
#include "move.h"
#include "profile.h"

/*
 * Only what an active journey names is raised; but a changed profile may meet
 * conditions that hang on no event.
 */
bool
step_hears(const char *event)
{
	return cache_listeners(event) != NULL ||
		(cache_asks_always() && strcmp(event, EVENT_PROFILE_CHANGED) == 0);
}

void
step_raise(Step *step, Journey *journey, const char *event, Jsonb *props)
{
	Raised	   *raised;

	if (!step_hears(event))
		return;
	raised = palloc0(sizeof(Raised));
	raised->kind = RAISED_EVENT;
	raised->journey = journey;
	raised->event = event;
	raised->props = props;
	step->raised = lappend(step->raised, raised);
}

void
push_pair(JsonbParseState **state, const char *key, const char *value, int length)
{
	JsonbValue	item = {.type = jbvString};

	item.val.string.val = unconstify(char *, key);
	item.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &item);
	item.val.string.val = unconstify(char *, value);
	item.val.string.len = length < 0 ? strlen(value) : length;
	pushJsonbValue(state, WJB_VALUE, &item);
}

/* {"changed": …} for what the patch changed; NULL where that is nothing. */
static Jsonb *
changed_traits(Jsonb *before, Jsonb *after, Jsonb *patch)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString};
	bool		any;

	key.val.string.val = "changed";
	key.val.string.len = strlen("changed");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	any = profile_push_changes(&state, before, after, patch);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return any ? JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)) : NULL;
}

void
step_patch_profile(Step *step, Journey *journey, Jsonb *patch)
{
	Jsonb	   *before;
	Jsonb	   *changed;

	step->patches = lappend(step->patches, patch);
	before = step_traits(step);
	step->traits = profile_merge(before, patch);
	if (!step_hears(EVENT_PROFILE_CHANGED))
		return;
	changed = changed_traits(before, step->traits, patch);
	if (changed != NULL)
		step_raise(step, journey, EVENT_PROFILE_CHANGED, changed);
}
