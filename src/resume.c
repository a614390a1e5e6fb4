/*-------------------------------------------------------------------------
 *
 * resume.c
 *	  A timer: what a due member does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"

/*
 * The copy of a stored member that this attempt works on.  A linear search:
 * a customer has few members.
 */
static Member *
working_copy(Step *step, Member *before)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->before == before)
			return member;
	}
	elog(ERROR, "member %lld is not part of the step", (long long) before->id);
	return NULL;				/* not reached */
}

/* Somebody has changed the row behind our back. */
static void
fail_broken(Step *step, Member *member)
{
	Place		place = {member->journey, member, NO_TILE, NO_EDGE};

	record_failure(step, &place, ERRCODE_DATA_CORRUPTED,
				   psprintf("member stands on tile number %d, which version %d of the journey does not have",
							member->tile, member->version));
	member_fail(step, member);
}

/*
 * Why a timer can be due, in the order of the tests: the member was on its way
 * (it arrives), its tile's hold is over (it is ready), its tile or its edges
 * are to be asked again after an error, or an edge has become eligible.
 */
void
decide_timer(Step *step, void *member_before)
{
	Member	   *member = working_copy(step, member_before);

	if (member->broken)
	{
		fail_broken(step, member);
		return;
	}
	if (member->state == MEMBER_IN_TRANSIT)
	{
		member->state = MEMBER_ACTIVE;
		member->arrived_at = step->now;
	}
	else if (member->ready_at == NO_TIME && member->tries == 0)
		member->ready_at = step->now;
	member->due_at = NO_TIME;
	member->changed = true;
	member_advance(step, member);
}
