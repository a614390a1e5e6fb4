/*-------------------------------------------------------------------------
 *
 * resume.c
 *	  A timer: what a due member does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"
#include "zone.h"

/* A linear search: a customer has few members. */
Member *
working_copy(Step *step, const Member *before)
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

TimestampTz
member_expiry(Step *step, const Member *member)
{
	Place		place = {member->journey, member, NO_TILE, NO_EDGE};

	if (member->journey->max_duration == NULL)
		return NO_TIME;
	return zone_add(member->entered_at, member->journey->max_duration,
					member_zone(step, &place)) + member->shifted;
}

static bool
has_expired(Step *step, const Member *member)
{
	TimestampTz expiry = member_expiry(step, member);

	return expiry != NO_TIME && expiry <= step->now;
}

/* The exit rule without an event that holds now, or NULL. */
static const Rule *
exit_by_condition(Step *step, const Member *member)
{
	Journey    *journey = member->journey;
	Place		place = {journey, member, NO_TILE, NO_EDGE};

	for (int i = 0; i < journey->nexits; i++)
	{
		if (journey->exits[i].event == NULL &&
			rule_is_met(step, &place, &journey->exits[i]))
			return &journey->exits[i];
	}
	return NULL;
}

/* What ends the member's run before its timer is looked at; true: it has. */
static bool
ends_first(Step *step, Member *member)
{
	const Rule *rule;

	if (has_expired(step, member))
	{
		member_exit(step, member, REASON_EXPIRED, "expired");
		return true;
	}
	rule = exit_by_condition(step, member->before);
	if (rule == NULL)
		return false;
	member_exit(step, member, REASON_EXIT_RULE, rule->outcome);
	return true;
}

/*
 * The timer was for the end of max_duration, which has moved since: what it had
 * replaced is still to come.  A wait that holds is asked, as it may be so too.
 */
static bool
waits_on(Step *step, Member *member)
{
	bool		is_wait = member->state == MEMBER_ACTIVE &&
		member->ready_at == NO_TIME && member->tries == 0 &&
		member_tile(member)->type == TILE_WAIT;

	if (is_wait || member->holds_until == NO_TIME || member->holds_until <= step->now)
		return false;
	member->due_at = member->holds_until == DT_NOEND ? NO_TIME : member->holds_until;
	member->holds_until = NO_TIME;
	member->changed = true;
	return true;
}

/*
 * Why a timer can be due, in the order of the tests: the member was on its way
 * (it arrives), its tile holds it (the hold is over, or asks again), its tile or
 * its edges are to be asked again after an error, or an edge has become eligible.
 */
static void
work_off(Step *step, Member *member)
{
	if (waits_on(step, member))
		return;
	if (member->state == MEMBER_IN_TRANSIT)
	{
		member->state = MEMBER_ACTIVE;
		member->arrived_at = step->now;
		member->arriving = true;
	}
	else if (member->ready_at == NO_TIME && member->tries == 0)
	{
		member_ask_tile(step, member);
		return;
	}
	member->due_at = NO_TIME;
	member->holds_until = NO_TIME;
	member->changed = true;
	member_advance(step, member);
}

void
decide_timer(Step *step, void *member_before)
{
	Member	   *member = working_copy(step, member_before);

	if (member->broken)
		fail_broken(step, member);
	else if (!ends_first(step, member))
		work_off(step, member);
}
