/*-------------------------------------------------------------------------
 *
 * pause.c
 *	  What members have to catch up with when their customer is touched next:
 *	  rules 8 and 9.
 *
 * A pause writes no member.  The events that came meanwhile were put aside
 * (journey.held), under the lock of the customer's members, so that none is
 * lost to somebody who resumes or works off the pause at the same moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "cache.h"
#include "follow.h"
#include "isolate.h"
#include "run.h"
#include "zone.h"

/* ---- what a pause does to those whom its events did not move ---- */

/* The one pause of one journey that is being caught up with. */
typedef struct CatchUp
{
	Replay		replay;
	Pause		pause;
	List	   *marks;			/* Mark *, of the members that are behind */
} CatchUp;

/* Where a member was at the beginning. */
typedef struct Mark
{
	int64		id;
	int16		tile;
	char		state;
	TimestampTz arrived_at;
	TimestampTz ready_at;
} Mark;

static bool
is_behind(const Member *member, const Replay *replay)
{
	return member->journey_id == replay->journey &&
		member->state != MEMBER_EXITED && member->pauses < replay->pause;
}

static void
mark_members(Step *step, CatchUp *todo)
{
	ListCell   *cell;

	todo->marks = NIL;
	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);
		Mark	   *mark;

		if (!is_behind(member, &todo->replay))
			continue;
		mark = palloc(sizeof(Mark));
		mark->id = member->id;
		mark->tile = member->tile;
		mark->state = member->state;
		mark->arrived_at = member->arrived_at;
		mark->ready_at = member->ready_at;
		todo->marks = lappend(todo->marks, mark);
	}
}

static bool
was_moved(const CatchUp *todo, const Member *member)
{
	ListCell   *cell;

	foreach(cell, todo->marks)
	{
		Mark	   *mark = lfirst(cell);

		if (mark->id == member->id)
			return mark->tile != member->tile || mark->state != member->state ||
				mark->arrived_at != member->arrived_at ||
				mark->ready_at != member->ready_at;
	}
	return true;
}

static void
put_off(TimestampTz *at, int64 by)
{
	if (*at != NO_TIME && *at != DT_NOEND)
		*at += by;
}

/*
 * A wait for a time of day ends at one, and in its window.  Where it would have
 * ended without, a condition is asked that was not to be asked before.
 */
static void
align(Step *step, Member *member)
{
	Place		place = {member->journey, member, member->tile, NO_EDGE};
	Tile	   *tile = member_tile(member);
	bool		asks_before = member->holds_until != NO_TIME;
	TimestampTz *due = asks_before ? &member->holds_until : &member->due_at;
	TimestampTz end = *due;
	TimestampTz opening;

	if (tile->type != TILE_WAIT || end == NO_TIME || end == DT_NOEND)
		return;
	if (tile->at != NULL)
		end = zone_next_time(end, tile->at, member_zone(step, &place));
	if (tile->window != NULL &&
		!zone_in_span(end, tile->window, member_zone(step, &place), &opening))
		end = opening;
	if (end > *due && !asks_before && tile->condition != NULL && tile->recheck != NULL)
		member->holds_until = end;
	else
		*due = end;
}

/* Is it time that the member waits for, and not a result? */
static bool
waits_for_time(const Member *member)
{
	return member->state == MEMBER_IN_TRANSIT || member->ready_at != NO_TIME ||
		member_tile(member)->type == TILE_WAIT;
}

/* All that was still to come of its waits comes later by what the pause took. */
static void
shift(Step *step, Member *member, const Pause *pause)
{
	int64		by = pause->to - Max(pause->from, member->arrived_at);

	if (by <= 0)
		return;
	member->changed = true;
	if (!waits_for_time(member) && member->due_at != NO_TIME &&
		member->due_at == member_expiry(step, member))
		put_off(&member->due_at, by);
	member->shifted += by;
	if (!waits_for_time(member))
		return;
	put_off(&member->due_at, by);
	put_off(&member->holds_until, by);
	put_off(&member->ready_at, by);
	if (member->state == MEMBER_ACTIVE && member->ready_at == NO_TIME &&
		member->tries == 0)
		align(step, member);
}

/* The wait begins anew when the pause ends; not a new visit. */
static void
restart(Step *step, Member *member)
{
	if (member->state == MEMBER_IN_TRANSIT)
	{
		TimestampTz due = member->holds_until != NO_TIME ?
			member->holds_until : member->due_at;

		member->due_at = step->now + (due - member->arrived_at);
		member->holds_until = NO_TIME;
	}
	else if (member->ready_at != NO_TIME)
		member->ready_at = step->now;
	else if (member_tile(member)->type == TILE_WAIT)
		member_hold_anew(member);
	else
		return;
	member->arrived_at = step->now;
	member->changed = true;
	step->reason = REASON_TIMER;
	member_advance(step, member);
}

static void
decide_policy(Step *step, void *arg)
{
	CatchUp    *todo = arg;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		OnResume	policy = member->journey->on_resume;

		if (!is_behind(member, &todo->replay))
			continue;
		member->pauses = todo->replay.pause;
		member->changed = true;
		if (member->broken || member->state == MEMBER_FAILED || was_moved(todo, member))
			continue;
		if (policy == ON_RESUME_SHIFT)
			shift(step, member, &todo->pause);
		else if (policy == ON_RESUME_RESTART)
			restart(step, member);
	}
}

/* ---- catching up ---- */

/* The moment of the resume, but never earlier than what the members have seen. */
static TimestampTz
moment(Step *step, const CatchUp *todo)
{
	TimestampTz now = todo->pause.to;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->state != MEMBER_IN_TRANSIT)
			now = Max(now, member->arrived_at);
	}
	return now;
}

/*
 * Each has the limits of an emit to itself, as it would have had without the
 * pause.
 */
static void
replay_event(Step *step, CatchUp *todo, Event *event)
{
	budget_begin();
	step->followed = 0;
	step->now = moment(step, todo);
	event->at = step->now;
	step->event = event;
	step->reason = REASON_EVENT;
	/* It enters nobody, so nobody can be in the way. */
	if (!step_run(step, decide_replay, &todo->replay))
		elog(ERROR, "a replayed event has entered a member");
	step_settle(step);
	step->event = NULL;
	follow_raised(step);
}

/*
 * Keeping the timers as they are changes nothing but that it is done; that is
 * written with the member's next change.
 */
static bool
only_keeps(Step *step, const CatchUp *todo)
{
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (is_behind(member, &todo->replay) &&
			member->journey->on_resume != ON_RESUME_KEEP)
			return false;
	}
	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (is_behind(member, &todo->replay))
			member->pauses = todo->replay.pause;
	}
	return true;
}

/* True: more was done than to note that there was nothing to do. */
static bool
catch_up_pause(Step *step, CatchUp *todo)
{
	List	   *events = store_held_events(step->customer, todo->replay.journey,
										   todo->replay.pause);
	ListCell   *cell;

	if (events == NIL && only_keeps(step, todo))
		return false;
	mark_members(step, todo);
	foreach(cell, events)
		replay_event(step, todo, lfirst(cell));
	if (events != NIL)
		store_drop_held(step->customer, todo->replay.journey, todo->replay.pause);
	budget_begin();
	step->followed = 0;
	step->now = moment(step, todo);
	step->reason = REASON_TIMER;
	if (!step_run(step, decide_policy, todo))
		elog(ERROR, "the end of a pause has entered a member");
	step_settle(step);
	follow_raised(step);
	return true;
}

/* How many pauses the member of that journey that is furthest behind has had. */
static int
fewest_pauses(Step *step, int32 journey, int all)
{
	int			fewest = all;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->journey_id == journey && member->state != MEMBER_EXITED)
			fewest = Min(fewest, member->pauses);
	}
	return fewest;
}

/* The next pause only: what it raises may have the states read anew. */
static bool
catch_up_journey(Step *step, const JourneyState *state)
{
	CatchUp		todo = {.replay.journey = state->id};
	int			n = fewest_pauses(step, state->id, state->npauses);

	todo.replay.pause = n + 1;
	todo.pause = state->pauses[n];
	return catch_up_pause(step, &todo);
}

/* ---- stopped journeys ---- */

static void
decide_stopped(Step *step, void *unused)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		const JourneyState *state = cache_journey(member->journey_id);

		if (state != NULL && state->is_stopped && member->state != MEMBER_EXITED)
			member_exit(step, member, REASON_STOPPED, "stopped");
	}
}

static void
exit_stopped(Step *step, TimestampTz now)
{
	step->now = now;
	step->reason = REASON_STOPPED;
	if (!step_run(step, decide_stopped, NULL))
		elog(ERROR, "the end of a journey has entered a member");
	step_settle(step);
	follow_raised(step);
}

/* ---- both ---- */

/* A journey of the stored members that has something to be caught up with. */
static const JourneyState *
find_late(Step *step, bool *is_stopped)
{
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);
		const JourneyState *state = cache_journey(member->journey_id);

		*is_stopped = state != NULL && state->is_stopped;
		if (state == NULL || state->is_paused || member->state == MEMBER_EXITED)
			continue;
		if (state->is_stopped || member->pauses < state->npauses)
			return state;
	}
	return NULL;
}

bool
catch_up(Step *step)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	const JourneyState *state;
	bool		is_stopped;
	bool		any = false;

	step->event = NULL;
	step->props = NULL;
	while ((state = find_late(step, &is_stopped)) != NULL)
	{
		if (is_stopped)
		{
			exit_stopped(step, run_clock(step));
			any = true;
		}
		else
			any |= catch_up_journey(step, state);
	}
	if (any)
	{
		budget_begin();
		step->followed = 0;
	}
	MemoryContextSwitchTo(old);
	return any;
}
