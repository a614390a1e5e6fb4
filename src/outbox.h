/*-------------------------------------------------------------------------
 *
 * outbox.h
 *	  Reading journey.action in the order in which actions leave.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_OUTBOX_H
#define JOURNEY_OUTBOX_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "guc.h"

/* Columns of journey.action, in the order of sql/10_tables.sql. */
enum
{
	ACTION_ID,
	ACTION_MEMBER,
	ACTION_JOURNEY,
	ACTION_TILE,
	ACTION_CUSTOMER,
	ACTION_DESTINATION,
	ACTION_PAYLOAD,
	ACTION_TAGS,
	ACTION_STATE,
	ACTION_ATTEMPTS,
	ACTION_NEXT_ATTEMPT_AT,
	ACTION_LAST_ERROR,
	ACTION_RESPONSE,
	ACTION_CREATED_AT,
	ACTION_DELIVERED_AT,
	ACTION_EXPIRES_AT,
	ACTION_RETRY,
	ACTION_SEQ,
	ACTION_LIMITS,
	ACTION_COLUMNS
};

/* A row as the reader's snapshot shows it, until the next one; nothing is locked. */
typedef struct OutboxRow
{
	const pg_uuid_t *id;
	text	   *customer;
	int			attempts;
	bool		is_in_flight;
	bool		is_stopped;		/* its journey is */
	TimestampTz expires_at;		/* or NO_TIME */
	Jsonb	   *retry;			/* or NULL */
	Jsonb	   *limits;			/* or NULL */
} OutboxRow;

typedef struct Outbox Outbox;

/*
 * Actions of that destination with next_attempt_at from ... to ..., oldest first;
 * those of paused journeys are left out, unless asked for.  The caller has called
 * cache_refresh().
 */
typedef struct OutboxRange
{
	text	   *destination;
	TimestampTz from;			/* NO_TIME: from the first */
	TimestampTz to;				/* inclusive */
	bool		with_paused;
} OutboxRange;

extern Outbox *outbox_open(const OutboxRange *range);
extern bool outbox_next(Outbox *outbox, OutboxRow *row);
extern void outbox_close(Outbox *outbox);

/* The first next_attempt_at there is, paused journeys left out; or NO_TIME. */
extern TimestampTz outbox_first(text *destination);

#endif							/* JOURNEY_OUTBOX_H */
