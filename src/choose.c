/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Which edge a member takes: DESIGN rules 1, 3 and 5.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/md5.h"
#include "lib/stringinfo.h"

#include "engine.h"
#include "zone.h"

#define NAME_SEPARATOR 0x1F

/*
 * The customer's bucket at a tile: the first four bytes of the MD5 of journey,
 * tile and customer, big-endian, modulo the buckets (DECISIONS 23).  Stable
 * over keys, runs, versions and servers.
 */
int
percent_bucket(const char *journey, const char *tile, const text *customer)
{
	StringInfoData name;
	uint8		digest[MD5_DIGEST_LENGTH];
	const char *error = NULL;
	uint32		head;

	initStringInfo(&name);
	appendStringInfo(&name, "%s%c%s%c", journey, NAME_SEPARATOR, tile,
					 NAME_SEPARATOR);
	appendBinaryStringInfo(&name, VARDATA_ANY(customer), VARSIZE_ANY_EXHDR(customer));
	if (!pg_md5_binary(name.data, name.len, digest, &error))
		elog(ERROR, "could not compute MD5 hash: %s", error);
	pfree(name.data);
	head = ((uint32) digest[0] << 24) | (digest[1] << 16) | (digest[2] << 8) | digest[3];
	return head % PERCENT_BUCKETS;
}

/* Is that one of the edges that time leads over? */
static inline bool
goes_by_time(const Edge *edge)
{
	return edge->event == NULL && edge->on == ON_NOTHING;
}

static bool
in_bucket(Step *step, const Member *member, const Edge *edge)
{
	int			bucket;

	if (edge->bucket_from < 0)
		return true;
	bucket = percent_bucket(member->journey->name, edge->from->name, step->customer);
	return bucket >= edge->bucket_from && bucket < edge->bucket_to;
}

/* Does the edge's condition hold?  Errors are noted in the choice. */
static bool
holds(Step *step, const Member *member, Edge *edge, Choice *choice)
{
	Place		place = {member->journey, member, edge->from->number, edge->position};

	return in_bucket(step, member, edge) &&
		ask_condition(step, &place, edge->condition, &choice->sqlstate) == VERDICT_TRUE;
}

/* From when on time lets the edge be taken. */
static TimestampTz
eligible_at(Step *step, Member *member, Edge *edge)
{
	Place		place = {member->journey, member, edge->from->number, edge->position};

	if (edge->wait == NULL)
		return member->ready_at;
	return zone_add(member->ready_at, edge->wait, member_zone(step, &place));
}

/* Among the edges without event, of a member that is ready. */
Choice
choose_by_time(Step *step, Member *member)
{
	Choice		choice = {NULL, NO_TIME, 0};
	Tile	   *tile = member_tile(member);

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];
		TimestampTz when;

		if (!goes_by_time(edge))
			continue;
		when = eligible_at(step, member, edge);
		if (when > step->now)
		{
			if (choice.next == NO_TIME || when < choice.next)
				choice.next = when;
			continue;
		}
		if (holds(step, member, edge, &choice))
		{
			choice.edge = edge;
			return choice;
		}
	}
	return choice;
}

/* Among the edges that listen to the step's event. */
Choice
choose_by_event(Step *step, const Member *member)
{
	Choice		choice = {NULL, NO_TIME, 0};
	Tile	   *tile = member_tile(member);

	if (!tile->has_event_edges || step->event->at < member->arrived_at)
		return choice;
	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

		if (edge->event != NULL && strcmp(edge->event, step->event->name) == 0 &&
			holds(step, member, edge, &choice))
		{
			choice.edge = edge;
			return choice;
		}
	}
	return choice;
}

Choice
choose_on(Step *step, Member *member, EdgeOn on)
{
	Choice		choice = {NULL, NO_TIME, 0};
	Tile	   *tile = member_tile(member);

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

		if (edge->on == on && holds(step, member, edge, &choice))
		{
			choice.edge = edge;
			return choice;
		}
	}
	return choice;
}

/* Has the event moved the member in this very step? */
static bool
has_moved(Step *step, const Member *member, int64 event_id)
{
	ListCell   *cell;

	foreach(cell, step->transitions)
	{
		Transition *transition = lfirst(cell);

		if (transition->member == member && transition->event_id == event_id &&
			transition->reason != REASON_GOAL)
			return true;
	}
	return false;
}

/* The earliest event since the entry that meets the edge becomes the step's. */
static bool
met_before(Step *step, Member *member, Edge *edge, Choice *choice)
{
	Event	   *event = step->event;
	ListCell   *cell;

	foreach(cell, step->store->past_events(step, member, edge->event))
	{
		Event	   *past = lfirst(cell);

		if (has_moved(step, member, past->id))
			continue;
		past->at = step->now;
		step->event = past;
		if (holds(step, member, edge, choice))
			return true;
	}
	step->event = event;
	return false;
}

Choice
choose_by_past(Step *step, Member *member)
{
	Choice		choice = {NULL, NO_TIME, 0};
	Tile	   *tile = member_tile(member);

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

		if (edge->since_entry && met_before(step, member, edge, &choice))
		{
			choice.edge = edge;
			return choice;
		}
	}
	return choice;
}
