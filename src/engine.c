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

#include "engine.h"
#include "guc.h"
#include "isolate.h"

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

typedef struct Attempt
{
	Step	   *step;
	Decision	decide;
	void	   *arg;
	Reason		reason;
} Attempt;

static void
attempt(void *arg)
{
	Attempt    *attempt = arg;
	MemoryContext old = MemoryContextSwitchTo(attempt->step->cxt);

	attempt->step->reason = attempt->reason;
	attempt->decide(attempt->step, attempt->arg);
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
		if (member->state != MEMBER_EXITED)
			open = lappend(open, member);
	}
	step->stored = open;
}

bool
step_run(Step *step, Decision decide, void *arg)
{
	Attempt		todo = {step, decide, arg, step->reason};
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	bool		written;

	decide_isolated(step, &todo);
	step->reason = todo.reason;
	written = step->store->write(step);
	MemoryContextSwitchTo(old);
	return written;
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
	member->key = key;
	member->context = JB_ROOT_COUNT(context) > 0 ? context : NULL;
	member->before = member;
	member->changed = true;
	step->members = lappend(step->members, member);
	return member;
}
