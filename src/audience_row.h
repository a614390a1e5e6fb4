/*-------------------------------------------------------------------------
 *
 * audience_row.h
 *	  The row of an audience: found, locked, and by whom it may be changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_AUDIENCE_ROW_H
#define JOURNEY_AUDIENCE_ROW_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* A row of journey.audience. */
typedef struct AudienceRow
{
	char	   *name;
	char	   *owner;			/* a role's name; it may be gone */
	char	   *query;			/* NULL: none, its members were written by
								 * hand */
	Interval   *refresh;		/* NULL: on demand */
	int			source;			/* 0: it is not kept in real time */
	TimestampTz refreshed_at;	/* NO_TIME: never */
} AudienceRow;

/*
 * Nobody else refreshes or drops the audience until we have ended.  Raises 42704,
 * with the nearest name as hint, where there is none.
 */
extern AudienceRow *audience_lock(const char *name);

/* The same; NULL where there is none. */
extern AudienceRow *audience_find(const char *name);

/* The same, without locking it. */
extern AudienceRow *audience_look(const char *name);

/* Raise 42704 in the same way. */
extern void audience_raise_missing(const char *name);

/* The one that is due first and that nobody holds, locked; NULL: none is due. */
extern AudienceRow *audience_lock_due(TimestampTz now);

/* Raise 42501 unless the caller owns the audience or may operate it. */
extern void audience_check_rights(const AudienceRow *row);

#endif							/* JOURNEY_AUDIENCE_ROW_H */
