/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Moving one member, in memory: entering, taking an edge, waiting, failing.
 *	  Each writes the transition rows that DECISIONS 10 lists.  The end of a run
 *	  is leave.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "engine.h"
#include "guc.h"
#include "move.h"
#include "profile.h"
#include "zone.h"

/* Minutes after which a tile that erred is asked again (rule 12). */
static const int retry_minutes[] = {1, 5, 30};

void
add_transition(Step *step, Member *member, int16 from, int16 to, int edge,
			   Reason reason)
{
	Transition *transition = palloc(sizeof(Transition));

	transition->member = member;
	transition->seq = ++member->seq;
	transition->from = from;
	transition->to = to;
	transition->edge = edge;
	transition->version = member->version;
	transition->event_id = step->event ? step->event->id : 0;
	transition->reason = reason;
	transition->is_visit = to != NO_TILE && reason != REASON_GOAL &&
		reason != REASON_FAILED && reason != REASON_RETRIED;
	step->transitions = lappend(step->transitions, transition);
	member->changed = true;
}

/* A row that moves nobody: a goal, a failure. */
void
member_note(Step *step, Member *member, Reason reason)
{
	add_transition(step, member, member->tile, member->tile, NO_EDGE, reason);
}

bool
member_merge_context(Member *member, Jsonb *props)
{
	Jsonb	   *merged = member->context ? jsonb_merge(member->context, props) : props;

	if (VARSIZE(merged) > guc_max_props + VARHDRSZ)
		return false;
	member->context = merged;
	member->changed = true;
	return true;
}

/* The member keeps its place, and no timer moves it any more. */
void
member_fail(Step *step, Member *member)
{
	member_note(step, member, REASON_FAILED);
	member->state = MEMBER_FAILED;
	member->due_at = NO_TIME;
	member->holds_until = NO_TIME;
	member->tries = 0;
}

/*
 * The tile, or every edge that could have been taken, has erred.  What a retry
 * cannot mend fails the member at once; the rest is asked again a few times.
 */
void
member_erred(Step *step, Member *member, int sqlstate)
{
	int			class = ERRCODE_TO_CATEGORY(sqlstate);

	member->changed = true;
	member->holds_until = NO_TIME;
	if (class == ERRCODE_DATA_EXCEPTION ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR) ||
		member->tries >= lengthof(retry_minutes))
	{
		member_fail(step, member);
		return;
	}
	member->due_at = TimestampTzPlusMilliseconds(step->now,
												 retry_minutes[(int) member->tries] * 60 * 1000);
	member->tries++;
}

/* ---- arriving ---- */

/* The tile's hold, and what it has asked so far, begin anew. */
void
member_hold_anew(Member *member)
{
	member->ready_at = NO_TIME;
	member->due_at = NO_TIME;
	member->holds_until = NO_TIME;
	member->awaits = NULL;
	member->tries = 0;
	member->changed = true;
}

/* Stand on a tile, from now on. */
static void
stand(Step *step, Member *member, Tile *tile)
{
	if (member_awaits_child(member))
		leave_child(step, member);
	member->tile = tile->number;
	member->arrived_at = step->now;
	member->state = MEMBER_ACTIVE;
	member->arriving = true;
	member_hold_anew(member);
}

/* Put the member on the tile that the edge leads to, now or after its wait. */
static void
follow(Step *step, Member *member, Edge *edge)
{
	Place		place = {member->journey, member, edge->from->number, edge->position};
	TimestampTz due;

	stand(step, member, edge->to);
	if (edge->event == NULL || edge->wait == NULL)
		return;
	due = zone_add(step->now, edge->wait, member_zone(step, &place));
	if (due <= step->now)
		return;
	member->due_at = due;
	member->state = MEMBER_IN_TRANSIT;
}

/* Take an edge; the member then goes on unless the edge itself takes time. */
void
member_take(Step *step, Member *member, Edge *edge, Reason reason)
{
	add_transition(step, member, edge->from->number, edge->to->number,
				   edge->position, reason);
	follow(step, member, edge);
	step->reason = REASON_STEP;
	member_advance(step, member);
}

void
member_place(Step *step, Member *member, Tile *tile, Reason reason)
{
	add_transition(step, member, member->tile, tile->number, NO_EDGE, reason);
	stand(step, member, tile);
	step->reason = REASON_STEP;
	member_advance(step, member);
}

static void
become_ready(Step *step, Member *member)
{
	member_hold_anew(member);
	member->ready_at = step->now;
}

/* The tile keeps the member: until due, but it is asked again before that. */
void
member_hold(Member *member, const StepResult *result)
{
	bool		asks_first = result->again != NO_TIME &&
		(result->due == NO_TIME || result->again < result->due);

	member->due_at = asks_first ? result->again : result->due;
	member->holds_until = NO_TIME;
	if (member_tile(member)->type == TILE_WAIT &&
		(asks_first || result->due == NO_TIME))
		member->holds_until = result->due == NO_TIME ? DT_NOEND : result->due;
	member->tries = 0;
	member->changed = true;
}

/* The edge on: past, or else what the rest of the tile says. */
static Edge *
pass_until(Step *step, Member *member, const StepResult *result)
{
	Choice		choice = choose_on(step, member, ON_PAST);

	if (choice.edge == NULL && result->due != NO_TIME)
		member_hold(member, result);
	else
		become_ready(step, member);
	return choice.edge;
}

/*
 * Do what the tile says.  The edge that it leads over at once, or NULL; then the
 * member is ready, held, failed or gone.
 */
static Edge *
obey(Step *step, Member *member, const StepResult *result)
{
	switch (result->kind)
	{
		case STEP_READY:
			become_ready(step, member);
			break;
		case STEP_WAIT:
			member_hold(member, result);
			break;
		case STEP_PAST:
			return pass_until(step, member, result);
		case STEP_UNDONE:
			become_ready(step, member);
			return choose_on(step, member, ON_ERROR).edge;
		case STEP_END:
			end_run(step, member, result->outcome);
			break;
		case STEP_ERRED:
			member_erred(step, member, result->sqlstate);
			break;
	}
	return NULL;
}

/* One arrival more than the tile takes: over the edge for that, or out. */
static Edge *
turn_away(Step *step, Member *member)
{
	Edge	   *edge = choose_on(step, member, ON_MAX_VISITS).edge;

	if (edge == NULL)
		member_exit(step, member, REASON_MAX_VISITS, "max_visits");
	return edge;
}

/* What the member comes to on its tile; an edge that leads away at once. */
static Edge *
arrive(Step *step, Member *member)
{
	Tile	   *tile = member_tile(member);
	bool		arriving = member->arriving;
	StepResult	result;
	Edge	   *edge;

	member->arriving = false;
	if (tile->max_visits > 0 && count_visits(step, member) > tile->max_visits)
		return turn_away(step, member);
	result = tile_enter(step, member, tile);
	edge = obey(step, member, &result);
	if (edge == NULL && arriving && tile->has_past_edges &&
		member->state == MEMBER_ACTIVE && !member_awaits_patch(member))
		edge = choose_by_past(step, member).edge;
	return edge;
}

/* ---- going on ---- */

/* No edge could be taken now (rules 3 and 12). */
static void
stay(Step *step, Member *member, const Choice *choice)
{
	Tile	   *tile = member_tile(member);

	member->changed = true;
	member->due_at = choice->next;
	member->holds_until = NO_TIME;
	if (choice->next != NO_TIME)
		return;
	if (choice->sqlstate != 0)
		member_erred(step, member, choice->sqlstate);
	else if (!tile->has_event_edges)
		member_exit(step, member, REASON_NO_PATH, "no_path");
}

/*
 * Too many immediate moves; the tiles of the last ones tell the author where.
 */
static void
fail_loop(Step *step, Member *member)
{
	Place		place = {member->journey, member, member->tile, NO_EDGE};
	StringInfoData tiles;
	ListCell   *cell;

	initStringInfo(&tiles);
	foreach(cell, step->transitions)
	{
		Transition *transition = lfirst(cell);

		if (transition->member == member && transition->to != NO_TILE &&
			transition->seq > member->seq - 5)
			appendStringInfo(&tiles, "%s\"%s\"", tiles.len > 0 ? ", " : "",
							 member->journey->tiles[transition->to].name);
	}
	record_failure(step, &place, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
				   psprintf("more than %d immediate steps, the last through tiles %s",
							guc_max_steps, tiles.data));
	member_fail(step, member);
}

static Reason
next_reason(Step *step, const Edge *edge)
{
	Reason		reason = edge->event ? REASON_EVENT : step->reason;

	step->reason = REASON_STEP;
	return reason;
}

/* The edge that the member takes now; NULL: it waits, has failed or is gone. */
static Edge *
next_edge(Step *step, Member *member)
{
	Edge	   *edge = NULL;
	Choice		choice;

	if (member->ready_at == NO_TIME)
		edge = arrive(step, member);
	if (edge != NULL || member->state != MEMBER_ACTIVE || member->ready_at == NO_TIME)
		return edge;
	choice = choose_by_time(step, member);
	if (choice.edge == NULL)
		stay(step, member, &choice);
	return choice.edge;
}

/* From an edge on, until the member waits, fails or exits. */
static void
go_on(Step *step, Member *member, Edge *edge)
{
	for (int taken = 1; edge != NULL; taken++)
	{
		add_transition(step, member, edge->from->number, edge->to->number,
					   edge->position, next_reason(step, edge));
		follow(step, member, edge);
		if (taken > guc_max_steps)
		{
			fail_loop(step, member);
			break;
		}
		edge = member->state == MEMBER_ACTIVE ? next_edge(step, member) : NULL;
	}
}

/* Take the member on from where it is until it waits, fails or exits. */
void
member_advance(Step *step, Member *member)
{
	Event	   *event = step->event;

	if (member->state != MEMBER_ACTIVE)
		return;
	go_on(step, member, next_edge(step, member));
	/* One of before may have taken its place on the way. */
	step->event = event;
}

/* While the journey is paused, what moves the member on waits: see tile_again. */
static bool
waits_for_resume(Step *step, Member *member)
{
	const JourneyState *state = cache_journey(member->journey_id);

	if (state == NULL || !state->is_paused)
		return false;
	member->due_at = step->now;
	member->holds_until = NO_TIME;
	return true;
}

/* What was awaited is in. */
void
member_result(Step *step, Member *member, const char *outcome, Jsonb *response,
			  bool is_error)
{
	Event	   *event = step->event;
	Edge	   *edge;

	member->result = member_result_value(outcome, response);
	member->awaits = NULL;
	member->changed = true;
	if (waits_for_resume(step, member))
		return;
	become_ready(step, member);
	edge = is_error ? choose_on(step, member, ON_ERROR).edge : NULL;
	go_on(step, member, edge ? edge : next_edge(step, member));
	step->event = event;
}

bool
member_awaits_patch(const Member *member)
{
	return !member->broken && member_tile(member)->type == TILE_UPDATE_PROFILE &&
		member->state == MEMBER_ACTIVE && member->ready_at == NO_TIME &&
		member->tries == 0;
}

/* What the arrival at the tile had left to do. */
void
member_patched(Step *step, Member *member)
{
	Event	   *event = step->event;
	Edge	   *edge = NULL;

	member->changed = true;
	if (waits_for_resume(step, member))
		return;
	become_ready(step, member);
	if (member_tile(member)->has_past_edges)
		edge = choose_by_past(step, member).edge;
	go_on(step, member, edge ? edge : next_edge(step, member));
	step->event = event;
}

/* A timer of a tile that holds the member. */
void
member_ask_tile(Step *step, Member *member)
{
	Tile	   *tile = member_tile(member);
	TimestampTz holds_until = member->holds_until != NO_TIME ?
		member->holds_until : member->due_at;
	StepResult	result = tile_again(step, member, tile, holds_until);
	Event	   *event = step->event;
	Edge	   *edge = obey(step, member, &result);

	if (edge == NULL && member->state == MEMBER_ACTIVE && member->ready_at != NO_TIME)
		edge = next_edge(step, member);
	go_on(step, member, edge);
	step->event = event;
}

/* The tile holds the member no longer. */
void
member_end_hold(Step *step, Member *member)
{
	become_ready(step, member);
	member_advance(step, member);
}

/* ---- entering ---- */

/*
 * Enter by an edge that leaves the entry tile (its trigger), or NULL.  Entry
 * and the move off the entry tile are one row.
 */
void
member_enter(Step *step, Member *member, Edge *edge)
{
	int16		entry = member->journey->entry->number;
	Choice		choice = {edge, NO_TIME, 0};

	member->ready_at = step->now;
	if (edge == NULL)
		choice = choose_by_time(step, member);
	if (choice.edge != NULL)
		member_take(step, member, choice.edge, REASON_ENTRY);
	else
	{
		add_transition(step, member, NO_TILE, entry, NO_EDGE, REASON_ENTRY);
		stay(step, member, &choice);
	}
}

/* Enter only to be counted: for comparison with those who go through it. */
void
member_hold_out(Step *step, Member *member)
{
	add_transition(step, member, NO_TILE, member->tile, NO_EDGE, REASON_ENTRY);
	member_exit(step, member, REASON_HOLDOUT, "holdout");
}
