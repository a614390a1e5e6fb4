/*-------------------------------------------------------------------------
 *
 * engine.c
 *	  Running a step: decide in memory, isolated from authors' errors, then
 *	  write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "cache.h"
#include "engine.h"
#include "guc.h"
#include "isolate.h"
#include "move.h"

/* Copies of the stored members to decide on; nothing decided yet. */
static void
begin_attempt(Step *step, bool careful)
{
	ListCell   *cell;

	step->careful = careful;
	step->members = NIL;
	step->transitions = NIL;
	step->actions = NIL;
	step->failures = NIL;
	step->patches = NIL;
	step->cancels = NIL;
	step->raised = NIL;
	step->left = NIL;
	step->fanned = NIL;
	step->memberships = NIL;
	step->held = NIL;
	step->traits = NULL;
	step->scope.zone = NULL;
	foreach(cell, step->stored)
	{
		Member	   *member = palloc(sizeof(Member));

		*member = *(Member *) lfirst(cell);
		member->before = lfirst(cell);
		step->members = lappend(step->members, member);
	}
}

/*
 * No timer of a member comes later than the end of its max_duration.  One that
 * would is remembered: that end may yet come later.
 */
static void
limit_due(Step *step, Member *member)
{
	TimestampTz expiry = member_expiry(step, member);

	if (expiry == NO_TIME || (member->due_at != NO_TIME && member->due_at <= expiry))
		return;
	if (member->holds_until == NO_TIME)
		member->holds_until = member->due_at == NO_TIME ? DT_NOEND : member->due_at;
	member->due_at = expiry;
}

static void
limit_dues(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->changed && !member->broken &&
			(member->state == MEMBER_ACTIVE || member->state == MEMBER_IN_TRANSIT))
			limit_due(step, member);
	}
}

typedef struct Attempt
{
	Step	   *step;
	Decision	decide;
	void	   *arg;
	Reason		reason;
	Event	   *event;
} Attempt;

static void
attempt(void *arg)
{
	Attempt    *attempt = arg;
	MemoryContext old = MemoryContextSwitchTo(attempt->step->cxt);

	attempt->step->reason = attempt->reason;
	attempt->step->event = attempt->event;
	attempt->decide(attempt->step, attempt->arg);
	limit_dues(attempt->step);
	MemoryContextSwitchTo(old);
}

/* Whoever asks for the time meanwhile, gets the step's. */
static void
decide_isolated(Step *step, Attempt *todo)
{
	guc_set_step_time(step->now);
	PG_TRY();
	{
		begin_attempt(step, false);
		if (isolate(attempt, todo) != NULL)
		{
			begin_attempt(step, true);
			attempt(todo);
		}
	}
	PG_FINALLY();
	{
		guc_set_step_time(NO_TIME);
	}
	PG_END_TRY();
}

/* What was written is what the next step of this customer begins with. */
void
step_settle(Step *step)
{
	ListCell   *cell;
	List	   *open = NIL;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		member->before = member;
		member->changed = false;
		member->replaces = false;
		member->arriving = false;
		if (member->state != MEMBER_EXITED)
			open = lappend(open, member);
	}
	step->stored = open;
}

/* After what is still to be done of earlier steps. */
static void
queue_raised(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->left)
		step->pending = without_orders(step->pending, ((Member *) lfirst(cell))->id);
	step->pending = list_concat(step->pending, step->raised);
	step->fans = list_concat(step->fans, step->fanned);
}

void
step_ask(Step *step, Decision decide, void *arg)
{
	Attempt		todo = {step, decide, arg, step->reason, step->event};
	MemoryContext old = MemoryContextSwitchTo(step->cxt);

	decide_isolated(step, &todo);
	step->reason = todo.reason;
	step->event = todo.event;
	MemoryContextSwitchTo(old);
}

bool
step_run(Step *step, Decision decide, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	bool		written;

	step_ask(step, decide, arg);
	written = step->store->write(step);
	if (written)
		queue_raised(step);
	MemoryContextSwitchTo(old);
	return written;
}

/* A member has behind it what was before it. */
static int16
pauses_so_far(const Journey *journey)
{
	const JourneyState *state = cache_journey(journey->id);

	return state ? state->npauses : 0;
}

Member *
step_member(Step *step, int64 id)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->id == id)
			return member;
	}
	return NULL;
}

Member *
step_new_member(Step *step, Journey *journey, text *key, Jsonb *context)
{
	Member	   *member = palloc0(sizeof(Member));

	member->id = step->store->member_id();
	member->journey_id = journey->id;
	member->journey = journey;
	member->version = journey->version;
	member->tile = journey->entry->number;
	member->due_at = NO_TIME;
	member->ready_at = NO_TIME;
	member->exited_at = NO_TIME;
	member->holds_until = NO_TIME;
	member->converted_at = NO_TIME;
	member->state = MEMBER_ACTIVE;
	member->entered_at = step->now;
	member->arrived_at = step->now;
	member->pauses = pauses_so_far(journey);
	member->key = key;
	member->context = JB_ROOT_COUNT(context) > 0 ? context : NULL;
	member->before = member;
	member->changed = true;
	step->members = lappend(step->members, member);
	return member;
}
