/*-------------------------------------------------------------------------
 *
 * follow.c
 *	  What a step has raised: internal events, children, results.
 *
 * They are part of the same transaction and of the same customer, whose members
 * are locked; so nobody sees one without the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "cache.h"
#include "follow.h"
#include "guc.h"
#include "profile.h"
#include "rights.h"
#include "run.h"

/* ---- internal events ---- */

/* It lives as long as the step: it may enter others at its end. */
static Event *
make_event(Step *step, const Raised *raised, bool is_logged)
{
	Event	   *event = palloc0(sizeof(Event));

	event->name = unconstify(char *, raised->event);
	event->type = cstring_to_text(raised->event);
	event->props = raised->props;
	event->at = step->now;
	event->received_at = step->received_at;
	event->id = is_logged ? store_event_id() : 0;
	return event;
}

/*
 * Logged where somebody names it; else its transitions have no event.  Exited
 * members are loaded for their goals.
 */
static void
follow_event(Step *step, const Raised *raised)
{
	bool		is_logged = cache_listeners(raised->event) != NULL;
	Event	   *event = make_event(step, raised, is_logged);

	for (int attempts = 0;; attempts++)
	{
		run_load(step, event, attempts);
		step->event = event;
		step->reason = REASON_EVENT;
		if (is_logged)
			store_append_event(step->customer, event);
		if (step_run(step, decide_event, NULL))
			break;
		if (is_logged)
			store_undo_event(event);
	}
	step->event = NULL;
}

/* ---- children ---- */

/* Who owns a journey enters members into it, and who may enter any. */
static bool
may_start(const Journey *parent, const Journey *child)
{
	Oid			role = get_role_oid(parent->author.owner, true);
	Oid			owner = get_role_oid(child->author.owner, true);

	return OidIsValid(role) &&
		((OidIsValid(owner) && has_privs_of_role(role, owner)) || rights_emit(role));
}

/* The journey of the tile, if it takes entries by this one's author now. */
static Journey *
child_journey(Step *step, const Raised *raised)
{
	Place		place = {raised->journey, NULL, raised->tile, NO_EDGE};
	const Tile *tile = &raised->journey->tiles[raised->tile];
	const JourneyState *state = cache_by_name(tile->child);

	if (state == NULL || !state->is_active)
		return NULL;
	if (may_start(raised->journey, state->newest))
		return state->newest;
	record_failure(step, &place, ERRCODE_INSUFFICIENT_PRIVILEGE,
				   psprintf("role \"%s\" may not enter members into journey \"%s\"",
							raised->journey->author.owner, state->newest->name));
	return NULL;
}

/* Enter the child; its end is told to the parent, as a refusal is. */
static void
decide_child(Step *step, void *arg)
{
	Raised	   *raised = arg;
	const Tile *tile = &raised->journey->tiles[raised->tile];
	Member	   *parent = tile->await ? step_member(step, raised->member) : NULL;
	Journey    *child = child_journey(step, raised);
	EntryPlan  *plan = NULL;

	if (tile->await && (parent == NULL || !member_awaits_child(parent)))
		return;					/* it has left meanwhile */
	step->props = raised->context;
	if (child != NULL)
		plan = entry_plan_key(step, child, raised->key, raised->context);
	if (plan != NULL && parent != NULL)
		plan->parent = parent->id;
	if (plan == NULL || entry_carry_out(step, plan) == plan->inside)
	{
		step->props = NULL;
		if (parent != NULL)
			member_result(step, parent, "refused", NULL, true);
	}
}

/* ---- results ---- */

static void
decide_told(Step *step, void *arg)
{
	Raised	   *raised = arg;
	Member	   *parent = step_member(step, raised->member);

	if (parent == NULL || !member_awaits_child(parent))
		return;
	member_result(step, parent, raised->outcome, NULL, false);
}

static void
follow_decision(Step *step, Decision decide, Raised *raised)
{
	for (int attempts = 0;; attempts++)
	{
		run_load(step, NULL, attempts);
		step->event = NULL;
		step->props = NULL;
		step->reason = REASON_STEP;
		if (step_run(step, decide, raised))
			break;
	}
	step->props = NULL;
}

/* ---- writes to the bound table ---- */

typedef struct Patch
{
	Raised	   *raised;
	ErrorData  *error;			/* NULL: it is written */
	Jsonb	   *changed;		/* NULL: nothing */
} Patch;

/* NULL: what an earlier write has set off has moved it. */
static Member *
patching_member(Step *step, const Raised *raised)
{
	Member	   *member = step_member(step, raised->member);

	return member != NULL && member->tile == raised->tile &&
		member_awaits_patch(member) ? member : NULL;
}

/* The tile is asked again later, or the member fails. */
static void
patch_erred(Step *step, Member *member, const Raised *raised, int sqlstate)
{
	member->tries = raised->tries;
	member_erred(step, member, sqlstate);
}

/* What is to be written?  Earlier writes are seen. */
static void
decide_patch(Step *step, void *arg)
{
	Raised	   *raised = ((Patch *) arg)->raised;
	Member	   *member = patching_member(step, raised);
	Place		place = {raised->journey, member, raised->tile, NO_EDGE};
	int			sqlstate = 0;

	raised->props = NULL;
	if (member == NULL)
		return;
	raised->zone = member_zone(step, &place);
	raised->props = tile_patch(step, member, member_tile(member), &sqlstate);
	if (raised->props == NULL)
		patch_erred(step, member, raised, sqlstate);
}

/* It was written, or could not be. */
static void
decide_patched(Step *step, void *arg)
{
	Patch	   *patch = arg;
	Raised	   *raised = patch->raised;
	Member	   *member = patching_member(step, raised);
	Place		place = {raised->journey, member, raised->tile, NO_EDGE};

	if (patch->error != NULL)
		record_failure(step, &place, patch->error->sqlerrcode,
					   patch->error->message ? patch->error->message : "");
	else if (patch->changed != NULL && JB_ROOT_COUNT(patch->changed) > 0)
		step_raise(step, raised->journey, EVENT_PROFILE_CHANGED,
				   profile_changes(patch->changed));
	if (member == NULL)
		return;
	if (patch->error != NULL)
		patch_erred(step, member, raised, patch->error->sqlerrcode);
	else
		member_patched(step, member);
}

/* As a part of the step that raised it. */
static void
patch_decision(Step *step, Decision decide, Patch *patch)
{
	const Raised *raised = patch->raised;

	for (int attempts = 0;; attempts++)
	{
		run_load(step, NULL, attempts);
		step->event = raised->step_event;
		step->props = raised->step_props;
		step->due_at = raised->due_at;
		step->depth = raised->depth;
		step->reason = REASON_STEP;
		if (step_run(step, decide, patch))
			break;
	}
	step->event = NULL;
	step->props = NULL;
	step->due_at = NO_TIME;
	step->depth = 0;
}

/* The member goes on as if nothing had come between. */
static void
follow_patch(Step *step, Raised *raised)
{
	Patch		patch = {raised};

	patch_decision(step, decide_patch, &patch);
	if (raised->props == NULL)
		return;
	patch.error = step->store->patch(step, raised, &patch.changed);
	run_reload(step);
	/* The write may have set off moves that are later than this step. */
	step->now = Max(step->now, run_latest(step));
	patch_decision(step, decide_patched, &patch);
}

/* ---- all ---- */

static void
follow(Step *step, Raised *raised)
{
	switch (raised->kind)
	{
		case RAISED_EVENT:
			follow_event(step, raised);
			break;
		case RAISED_CHILD:
			follow_decision(step, decide_child, raised);
			break;
		case RAISED_RESULT:
			follow_decision(step, decide_told, raised);
			break;
		case RAISED_PATCH:
			follow_patch(step, raised);
			break;
	}
	step_settle(step);
}

/* Whoever waits for one of the orders that are dropped would wait for ever. */
static void
decide_dropped(Step *step, void *arg)
{
	Raised	   *first = linitial(arg);
	Place		place = {first->journey, NULL, NO_TILE, NO_EDGE};
	const char *message = psprintf("more than %d internal events, sub-journeys and results in a row",
								   guc_max_steps);
	ListCell   *cell;

	if (first->journey != NULL)
		record_failure(step, &place, ERRCODE_PROGRAM_LIMIT_EXCEEDED, message);
	foreach(cell, (List *) arg)
	{
		Raised	   *raised = lfirst(cell);
		Member	   *member = raised->kind == RAISED_EVENT ? NULL :
			step_member(step, raised->member);

		if (member == NULL || !(member_awaits_child(member) || member_awaits_patch(member)))
			continue;
		place = (Place)
		{
			member->journey, member, member->tile, NO_EDGE
		};
		record_failure(step, &place, ERRCODE_PROGRAM_LIMIT_EXCEEDED, message);
		member_fail(step, member);
	}
}

/* Journeys that raise each other without end. */
static void
drop_rest(Step *step)
{
	List	   *dropped = step->pending;

	step->pending = NIL;
	step->event = NULL;
	(void) step_run(step, decide_dropped, dropped);
	step->pending = NIL;
	step_settle(step);
}

/*
 * Writes belong to the steps that raised them, and come before all else; those of
 * a member that goes on come before those of the next one.
 */
static Raised *
next_raised(Step *step)
{
	Raised	   *next = linitial(step->pending);
	ListCell   *cell;

	foreach(cell, step->pending)
	{
		Raised	   *raised = lfirst(cell);

		if (raised->depth > next->depth)
			next = raised;
	}
	return next;
}

/* Writes count only where one leads to the next. */
static bool
is_one_too_many(Step *step, const Raised *raised)
{
	if (raised->depth > 0)
		return raised->depth > guc_max_steps;
	return step->followed++ >= guc_max_steps;
}

void
follow_raised(Step *step)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	bool		patient = step->patient;

	if (step->pending != NIL)
		step_settle(step);
	/* What is written cannot be left half done: now we wait for others. */
	step->patient = true;
	while (step->pending != NIL)
	{
		Raised	   *raised = next_raised(step);

		CHECK_FOR_INTERRUPTS();
		if (is_one_too_many(step, raised))
		{
			drop_rest(step);
			break;
		}
		step->pending = list_delete_ptr(step->pending, raised);
		follow(step, raised);
	}
	run_fans(step);
	step->patient = patient;
	MemoryContextSwitchTo(old);
}
