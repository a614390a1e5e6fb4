/*-------------------------------------------------------------------------
 *
 * leave.c
 *	  The end of a member's run, and what it means to others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine.h"
#include "move.h"

bool
member_awaits_child(const Member *member)
{
	Tile	   *tile = member->broken ? NULL : member_tile(member);

	return tile != NULL && tile->type == TILE_SUB_JOURNEY && tile->await &&
		member->state == MEMBER_ACTIVE && member->ready_at == NO_TIME;
}

/* The open member that this one awaits, or NULL. */
static Member *
find_child(Step *step, const Member *parent)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->parent == parent->id && member->state != MEMBER_EXITED)
			return member;
	}
	return NULL;
}

static bool
is_awaited(const Raised *raised)
{
	return raised->kind == RAISED_RESULT ||
		(raised->kind == RAISED_CHILD && raised->journey->tiles[raised->tile].await);
}

/* But for the child of that parent that is still to enter, or what one has told. */
List *
without_orders(List *raised, int64 parent)
{
	List	   *rest = NIL;
	ListCell   *cell;

	foreach(cell, raised)
	{
		Raised	   *order = lfirst(cell);

		if (order->member != parent || !is_awaited(order))
			rest = lappend(rest, order);
	}
	return rest;
}

/* The parent goes its way, and so does the child. */
void
leave_child(Step *step, Member *parent)
{
	Member	   *child = find_child(step, parent);

	step->raised = without_orders(step->raised, parent->id);
	step->left = lappend(step->left, parent);
	if (child == NULL)
		return;
	child->parent = 0;
	child->changed = true;
}

/* Who awaits this member hears of its end, in a step after this one. */
static void
tell_parent(Step *step, const Member *member, const char *outcome)
{
	Raised	   *raised = palloc0(sizeof(Raised));

	raised->kind = RAISED_RESULT;
	raised->journey = member->journey;
	raised->member = member->parent;
	raised->outcome = outcome;
	step->raised = lappend(step->raised, raised);
}

static void
cancel_actions(Step *step, const Member *member, bool held_only)
{
	Cancel	   *cancel = palloc0(sizeof(Cancel));

	cancel->member = member->id;
	cancel->held_only = held_only;
	step->cancels = lappend(step->cancels, cancel);
}

static void
raise_exited(Step *step, const Member *member, const char *outcome)
{
	JsonbParseState *state = NULL;

	if (!step_hears(EVENT_JOURNEY_EXITED))
		return;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "journey", member->journey->name, -1);
	push_pair(&state, "key", VARDATA_ANY(member->key), VARSIZE_ANY_EXHDR(member->key));
	push_pair(&state, "outcome", outcome, -1);
	step_raise(step, member->journey, EVENT_JOURNEY_EXITED,
			   JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The end, wherever the member is; its rows are the caller's. */
void
end_run(Step *step, Member *member, const char *outcome)
{
	member_hold_anew(member);
	member->state = MEMBER_EXITED;
	member->exited_at = step->now;
	member->outcome = cstring_to_text(outcome);
	if (member->parent != 0)
		tell_parent(step, member, outcome);
	raise_exited(step, member, outcome);
}

/* The child that a member awaits goes with it, and so on: a line of any length. */
void
member_exit(Step *step, Member *member, Reason reason, const char *outcome)
{
	Member	   *child;

	for (; member != NULL; member = child)
	{
		child = member_awaits_child(member) ? find_child(step, member) : NULL;
		add_transition(step, member, member->tile, NO_TILE, NO_EDGE, reason);
		end_run(step, member, outcome);
		if (reason == REASON_STOPPED ||
			(reason == REASON_EXIT_RULE && member->journey->quiet_hours != NULL))
			cancel_actions(step, member, reason == REASON_EXIT_RULE);
	}
}
