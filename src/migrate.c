/*-------------------------------------------------------------------------
 *
 * migrate.c
 *	  Moving members to the newest version: rule 10.
 *
 * A member keeps its place and what it has behind it: no tile has its effect
 * by a migration.  Where there is something to do now, a timer that is due at
 * once lets the worker do it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "engine.h"
#include "migrate_plan.h"
#include "move.h"
#include "order.h"
#include "run.h"
#include "zone.h"

/* Have the tile asked as on arrival, by a timer; see decide_timer. */
static void
ask_at_once(Step *step, Member *member)
{
	member->tries = 1;
	member->due_at = step->now;
	member->holds_until = NO_TIME;
}

/*
 * The wait as if the member had come to this tile when it came to the other
 * one.  The tile may say that it erred: then rule 12 is applied.
 */
static void
hold_anew(Step *step, Member *member, Tile *tile)
{
	StepResult	result;

	member_hold_anew(member);
	result = wait_enter(step, member, tile);
	switch (result.kind)
	{
		case STEP_WAIT:
			member_hold(member, &result);
			break;
		case STEP_ERRED:
			member_erred(step, member, result.sqlstate);
			break;
		default:
			ask_at_once(step, member);
			break;
	}
}

/* When the first edge that time opens is, or was, open; NO_TIME: none is. */
static TimestampTz
first_open(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	TimestampTz first = NO_TIME;

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];
		TimestampTz open = member->ready_at;

		if (edge->event != NULL || edge->on != ON_NOTHING)
			continue;
		if (edge->wait != NULL)
			open = zone_add(open, edge->wait, member_zone(step, &place));
		if (first == NO_TIME || open < first)
			first = open;
	}
	return first;
}

/* A tile that was done with the member is so in the new version. */
static void
stay_ready(Step *step, Member *member, Tile *tile)
{
	TimestampTz open = first_open(step, member, tile);

	member->holds_until = NO_TIME;
	if (open != NO_TIME)
		member->due_at = Max(open, step->now);
	else
		member->due_at = tile->has_event_edges ? NO_TIME : step->now;
}

static void
exit_by_tile(Step *step, Member *member)
{
	member_hold_anew(member);
	member->state = MEMBER_ACTIVE;
	step->reason = REASON_STEP;
	member_advance(step, member);
}

/* What the tile before was waiting for. */
typedef enum Pending
{
	PENDING_NOTHING,
	PENDING_ACTION,
	PENDING_CHILD
} Pending;

static Pending
pending_of(const Member *member)
{
	if (member->awaits != NULL)
		return PENDING_ACTION;
	return member_awaits_child(member) ? PENDING_CHILD : PENDING_NOTHING;
}

static bool
awaits_too(const Tile *tile, Pending pending)
{
	return tile->await &&
		(pending == PENDING_CHILD ? tile->type == TILE_SUB_JOURNEY : tile_sends(tile));
}

static void
await_no_more(Step *step, Member *member, Pending pending)
{
	if (pending == PENDING_CHILD)
		leave_child(step, member);
	member->awaits = NULL;
	member->tries = 0;
	member->ready_at = step->now;
}

/* The tile, or what leads on from it, is another than it was. */
static void
settle(Step *step, Member *member, Pending pending)
{
	Tile	   *tile = member_tile(member);

	if (pending != PENDING_NOTHING && awaits_too(tile, pending))
		return;
	if (pending != PENDING_NOTHING)
		await_no_more(step, member, pending);
	if (tile->type == TILE_EXIT)
		exit_by_tile(step, member);
	else if (member->ready_at != NO_TIME)
		stay_ready(step, member, tile);
	else if (member->tries > 0)
		member->holds_until = NO_TIME;	/* after an error; it is asked again */
	else if (tile->type == TILE_WAIT)
		hold_anew(step, member, tile);
	else if (step->store->visits(step, member, member->tile) > 0)
	{
		/* It has been here: nothing is sent twice. */
		member->ready_at = member->arrived_at;
		stay_ready(step, member, tile);
	}
	else
		ask_at_once(step, member);
}

/* Two rows: out of the old version, into the new one. */
static void
migrate_member(Step *step, Member *member, const VersionMap *map, Journey *to)
{
	int16		from = member->tile;
	Pending		pending = pending_of(member);
	Transition *arrival;

	add_transition(step, member, from, NO_TILE, NO_EDGE, REASON_MIGRATED);
	member->journey = to;
	member->version = to->version;
	member->tile = map->to[from];
	add_transition(step, member, NO_TILE, member->tile, NO_EDGE, REASON_MIGRATED);
	arrival = llast(step->transitions);
	arrival->is_visit = strcmp(member_tile(member)->name, map->from->tiles[from].name) != 0;
	if (member_tile(member)->type == TILE_EXIT && member->state == MEMBER_FAILED)
		exit_by_tile(step, member);
	else if (member->state == MEMBER_ACTIVE && !map->same[from])
		settle(step, member, pending);
}

typedef struct MigrateOrder
{
	Migration  *migration;
	List	   *moved;			/* int64 *: the counts that are one more */
	MemoryContext cxt;			/* of the list */
} MigrateOrder;

/*
 * The walk sees who has entered since our transaction began; a step under a
 * transaction snapshot does not.
 */
static void
refuse_if_unseen(Step *step, int32 journey)
{
	ListCell   *cell;

	if (!IsolationUsesXactSnapshot())
		return;
	foreach(cell, step->members)
	{
		if (((Member *) lfirst(cell))->journey_id == journey)
			return;
	}
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not serialize access due to concurrent update"));
}

static void
decide_migrate(Step *step, void *arg)
{
	MigrateOrder *order = arg;
	Migration  *migration = order->migration;
	ListCell   *cell;

	order->moved = NIL;
	refuse_if_unseen(step, migration->to->id);
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		VersionMap *map;
		MemoryContext old;

		if (member->journey_id != migration->to->id || member->state == MEMBER_EXITED ||
			member->version >= migration->to->version)
			continue;
		map = migration_map(migration, member->version);
		if (member->broken || map->to[member->tile] == NO_TILE)
			migration_refuse(migration, map, member->tile, 1);
		old = MemoryContextSwitchTo(order->cxt);
		order->moved = lappend(order->moved, &map->moved[member->tile]);
		MemoryContextSwitchTo(old);
		migrate_member(step, member, map, migration->to);
	}
}

static bool
migrate_customer(text *customer, void *migration)
{
	MigrateOrder order = {migration, NIL, CurrentMemoryContext};
	ListCell   *cell;

	(void) run_decision(customer, LOCK_WAIT, NULL, decide_migrate, &order);
	foreach(cell, order.moved)
		(*(int64 *) lfirst(cell))++;
	return true;
}

void
migration_run(Migration *migration)
{
	migration->has_run = true;
	order_walk(migration->to->id, migrate_customer, migration);
}
