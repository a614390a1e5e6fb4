/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Moving one member, in memory: entering, taking an edge, waiting, failing,
 *	  exiting.  Each writes the transition rows that DECISIONS 10 lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine.h"
#include "guc.h"
#include "profile.h"
#include "zone.h"

/* Minutes after which a tile that erred is asked again (rule 12). */
static const int retry_minutes[] = {1, 5, 30};

static void
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

/* The end, wherever the member is; its rows are the caller's. */
static void
end_run(Step *step, Member *member, const char *outcome)
{
	member->state = MEMBER_EXITED;
	member->exited_at = step->now;
	member->due_at = NO_TIME;
	member->ready_at = NO_TIME;
	member->tries = 0;
	member->outcome = cstring_to_text(outcome);
	member->changed = true;
}

void
member_exit(Step *step, Member *member, Reason reason, const char *outcome)
{
	add_transition(step, member, member->tile, NO_TILE, NO_EDGE, reason);
	end_run(step, member, outcome);
}

/* The member keeps its place, and no timer moves it any more. */
void
member_fail(Step *step, Member *member)
{
	member_note(step, member, REASON_FAILED);
	member->state = MEMBER_FAILED;
	member->due_at = NO_TIME;
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

/* Put the member on the tile that the edge leads to, now or after its wait. */
static void
follow(Step *step, Member *member, Edge *edge)
{
	Place		place = {member->journey, member, edge->from->number, edge->position};

	member->tile = edge->to->number;
	member->arrived_at = step->now;
	member->ready_at = NO_TIME;
	member->due_at = NO_TIME;
	member->tries = 0;
	member->state = MEMBER_ACTIVE;
	if (edge->event == NULL || edge->wait == NULL)
		return;
	member->due_at = zone_add(step->now, edge->wait, member_zone(step, &place));
	if (member->due_at > step->now)
		member->state = MEMBER_IN_TRANSIT;
	else
		member->due_at = NO_TIME;
}

/* Take an edge; the member then goes on unless the edge itself takes time. */
void
member_take(Step *step, Member *member, Edge *edge, Reason reason)
{
	add_transition(step, member, edge->from->number, edge->to->number,
				   edge->position, reason);
	follow(step, member, edge);
	step->reason = REASON_STEP;
	if (member->state == MEMBER_ACTIVE)
		member_advance(step, member);
}

void
member_place(Step *step, Member *member, Tile *tile, Reason reason)
{
	add_transition(step, member, member->tile, tile->number, NO_EDGE, reason);
	member->tile = tile->number;
	member->arrived_at = step->now;
	member->ready_at = NO_TIME;
	member->due_at = NO_TIME;
	member->tries = 0;
	member->state = MEMBER_ACTIVE;
	step->reason = REASON_STEP;
	member_advance(step, member);
}

/* False: the tile keeps the member, or the member is no longer going. */
static bool
arrive(Step *step, Member *member)
{
	Tile	   *tile = member_tile(member);
	StepResult	result = tile_enter(step, member, tile);

	member->changed = true;
	switch (result.kind)
	{
		case STEP_READY:
		case STEP_PAST:
			member->ready_at = step->now;
			member->tries = 0;
			return true;
		case STEP_WAIT:
			member->due_at = result.due;
			member->tries = 0;
			return false;
		case STEP_END:
			end_run(step, member, result.outcome);
			return false;
		case STEP_ERRED:
			member_erred(step, member, result.sqlstate);
			return false;
	}
	return false;
}

/* No edge could be taken now (rules 3 and 12). */
static void
stay(Step *step, Member *member, const Choice *choice)
{
	Tile	   *tile = member_tile(member);

	member->changed = true;
	member->due_at = choice->next;
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
next_reason(Step *step)
{
	Reason		reason = step->reason;

	step->reason = REASON_STEP;
	return reason;
}

/* Take the member on from where it is until it waits, fails or exits. */
void
member_advance(Step *step, Member *member)
{
	for (int taken = 1; member->state == MEMBER_ACTIVE; taken++)
	{
		Choice		choice;

		if (member->ready_at == NO_TIME && !arrive(step, member))
			return;
		choice = choose_by_time(step, member);
		if (choice.edge == NULL)
		{
			stay(step, member, &choice);
			return;
		}
		add_transition(step, member, choice.edge->from->number,
					   choice.edge->to->number, choice.edge->position,
					   next_reason(step));
		follow(step, member, choice.edge);
		if (taken > guc_max_steps)
		{
			fail_loop(step, member);
			return;
		}
	}
}

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
