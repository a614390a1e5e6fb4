/*-------------------------------------------------------------------------
 *
 * order_member.c
 *	  One member moved by hand, or asked again after it had failed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "order.h"
#include "run.h"

/* But for its key. */
static bool
is_eligible(const Member *member, const MemberOrder *order)
{
	return member->journey_id == order->journey && member->state != MEMBER_EXITED &&
		(order->only_failed ? member->state == MEMBER_FAILED : true);
}

static List *
with_key(const MemberOrder *order, List *keys, const Member *member)
{
	MemoryContext old = MemoryContextSwitchTo(order->cxt);

	keys = lappend(keys, text_to_cstring(member->key));
	MemoryContextSwitchTo(old);
	return keys;
}

/* The only member that is meant; NULL, and why, where there is none or more. */
static Member *
find_wanted(Step *step, MemberOrder *order)
{
	Member	   *found = NULL;
	ListCell   *cell;

	order->keys = order->other_keys = NIL;
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (!is_eligible(member, order))
			continue;
		if (order->key != NULL && !text_is(member->key, order->key))
		{
			order->other_keys = with_key(order, order->other_keys, member);
			continue;
		}
		found = member;
		order->keys = with_key(order, order->keys, member);
	}
	order->result = found == NULL ? ORDER_NOBODY :
		list_length(order->keys) > 1 ? ORDER_SEVERAL : ORDER_DONE;
	order->version = found ? found->journey : NULL;
	return order->result == ORDER_DONE ? found : NULL;
}

static void
decide_move(Step *step, void *arg)
{
	MemberOrder *order = arg;
	Member	   *member = find_wanted(step, order);
	Tile	   *tile;

	if (member == NULL)
		return;
	tile = journey_tile(member->journey, order->tile);
	if (tile == NULL)
		order->result = ORDER_NO_TILE;
	else if (tile->type == TILE_ENTRY)
		order->result = ORDER_ENTRY_TILE;
	else
	{
		member->broken = false;
		member_place(step, member, tile, REASON_MANUAL);
	}
}

/*
 * Its tile, or its edges, are asked anew, with all retries of rule 12 before it.
 * In a pause nobody moves: then a timer does it that is due at once.
 */
static void
decide_retry(Step *step, void *arg)
{
	MemberOrder *order = arg;
	Member	   *member = find_wanted(step, order);

	if (member == NULL)
		return;
	if (member->broken)
	{
		order->result = ORDER_BROKEN;
		return;
	}
	member_note(step, member, REASON_RETRIED);
	member->state = MEMBER_ACTIVE;
	member->tries = 0;
	if (!order->is_paused)
	{
		member_advance(step, member);
		return;
	}
	member->tries = 1;
	member->due_at = step->now;
}

static void
run_order(text *customer, MemberOrder *order, Decision decide)
{
	order->cxt = CurrentMemoryContext;
	(void) run_decision(customer, LOCK_WAIT, NULL, decide, order);
}

void
order_move(text *customer, MemberOrder *order)
{
	run_order(customer, order, decide_move);
}

void
order_retry(text *customer, MemberOrder *order)
{
	run_order(customer, order, decide_retry);
}
