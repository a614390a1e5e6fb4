/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Writing what a step decided: DECISIONS 15.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "patch.h"
#include "shmem.h"
#include "sql.h"
#include "store.h"

static bool
is_new(const Member *member)
{
	return member->before == member;
}

/* Take back the members that this attempt has inserted. */
static void
undo_inserts(Step *step)
{
	ListCell   *cell;

	CommandCounterIncrement();
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (is_new(member) && ItemPointerIsValid(&member->tid))
			store_undo_insert(member);
	}
	CommandCounterIncrement();
}

/* Under a transaction snapshot we would decide the same again, for ever. */
static void
raise_where_frozen(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"));
}

/*
 * Somebody else has entered, or is just entering, the same key.  When that has
 * ended the step is decided again; under a transaction snapshot we could not
 * see the other's row.  A worker does not wait: it comes back later.
 */
static void
yield_to_other(Step *step, Member *member)
{
	undo_inserts(step);
	if (!step->patient)
		return;
	if (!store_wait_for_key(step, member))
		raise_where_frozen();
}

/*
 * The members that enter come first: only they can meet somebody else, and
 * then nothing else has been written.
 */
static bool
insert_new(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (is_new(member) && !member->replaces &&
			!store_insert_member(step, member))
		{
			yield_to_other(step, member);
			return false;
		}
	}
	return true;
}

/*
 * Whom our decision's snapshot did not show: somebody who entered, and exited,
 * while we decided.  Those who are still inside we have met by their key.
 */
static bool
history_holds(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (is_new(member) && member->asked_history &&
			!store_history_stands(step, member))
			return false;
	}
	return true;
}

static void
write_members(Step *step)
{
	ListCell   *cell;
	bool		again = false;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (!is_new(member) && member->changed)
			store_update_member(step, member);
	}
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (is_new(member) && member->replaces)
			store_replace_member(step, member);
		again |= is_new(member) && member->state == MEMBER_EXITED;
	}
	if (!again)
		return;
	/* Entered and exited in one step: its run is over. */
	CommandCounterIncrement();
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (is_new(member) && member->state == MEMBER_EXITED)
			store_update_member(step, member);
	}
}

/* Each journey that is paused gets the event once, whatever members it has. */
static void
hold_event(Step *step)
{
	List	   *done = NIL;
	ListCell   *cell;

	foreach(cell, step->held)
	{
		Member	   *member = lfirst(cell);
		const JourneyState *state = cache_journey(member->journey_id);

		if (state == NULL || list_member_int(done, state->id))
			continue;
		done = lappend_int(done, state->id);
		store_hold_event(step->customer, state->id, state->npauses + 1, step->event);
	}
}

static void
cancel_actions(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->cancels)
	{
		const Cancel *cancel = lfirst(cell);

		if (cancel->expired == NULL)
			store_cancel_actions(step->customer, cancel->member, cancel->held_only,
								 step->now);
	}
}

/*
 * False: it is being claimed after all, and nothing was written.  A step has one
 * timer, and so at most one of these.
 */
static bool
expire_actions(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->cancels)
	{
		const Cancel *cancel = lfirst(cell);

		if (cancel->expired != NULL &&
			!store_expire_action(step->customer, cancel->expired, step->now))
		{
			undo_inserts(step);
			return false;
		}
	}
	return true;
}

/* False: others have come before us with one of them. */
static bool
write_memberships(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->memberships)
	{
		if (!store_write_membership(step->customer, lfirst(cell)))
		{
			undo_inserts(step);
			return false;
		}
	}
	return true;
}

static void
write_rest(Step *step)
{
	ListCell   *cell;

	hold_event(step);
	foreach(cell, step->transitions)
		store_append_transition(step, lfirst(cell));
	foreach(cell, step->patches)
		store_merge_traits(step->customer, lfirst(cell), step->now);
	foreach(cell, step->actions)
		store_insert_action(step, lfirst(cell));
	cancel_actions(step);
	foreach(cell, step->failures)
		store_insert_failure(step->customer, step->now, lfirst(cell));
}

static void
note_due(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->changed && member->due_at != NO_TIME)
			shmem_note_due(member->due_at);
	}
}

static bool
write_step(Step *step)
{
	if (!insert_new(step))
		return false;
	if (!history_holds(step))
	{
		undo_inserts(step);
		raise_where_frozen();
		return false;
	}
	if (!expire_actions(step) || !write_memberships(step))
		return false;
	write_members(step);
	write_rest(step);
	note_due(step);
	/* The next step of this transaction reads these rows. */
	CommandCounterIncrement();
	return true;
}

static Jsonb *
live_traits(Step *step)
{
	return store_traits(step->customer);
}

static int64
live_member_id(void)
{
	return nextval_internal(sql_relation("member_id"), false);
}

static void
live_push_snapshot(Step *step)
{
	hot_push_snapshot();
}

const StoreOps store_live = {
	.traits = live_traits,
	.visits = store_count_visits,
	.history = store_history,
	.in_audience = store_in_audience,
	.past_events = store_past_events,
	.member_id = live_member_id,
	.count_actions = store_count_actions,
	.action_outcome = store_action_outcome,
	.push_snapshot = live_push_snapshot,
	.patch = patch_write,
	.write = write_step
};
