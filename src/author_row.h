/*-------------------------------------------------------------------------
 *
 * author_row.h
 *	  The row of a journey: found, locked, and by whom it may be changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_AUTHOR_ROW_H
#define JOURNEY_AUTHOR_ROW_H

#include "postgres.h"

/* A row of journey.journey. */
typedef struct JourneyRow
{
	int32		id;
	char	   *name;
	char	   *owner;			/* a role's name; it may be gone */
	char	   *state;
	int16		version;		/* the newest that was activated, else the
								 * draft */
} JourneyRow;

/* Raises 42704, with the nearest name as hint, where there is none. */
extern JourneyRow *row_read(const char *name);

/* The same, and nobody else changes the journey until we have committed. */
extern JourneyRow *row_lock(const char *name);

/* Raise 42501 unless the caller owns the journey or may operate it. */
extern void row_check_rights(const JourneyRow *row);

/*
 * The same for its definition, which runs with its owner's rights: who may
 * operate journeys does not become superuser by editing one of a superuser's.
 */
extern void row_check_may_write(const JourneyRow *row);

/* The version that is not yet activated, or 0. */
extern int16 row_draft(const JourneyRow *row);

/* The same; raises 55000 with the hint if there is none. */
#define NO_DRAFT_HINT "An activated version never changes: make a draft beside it with journey_revise()."
extern int16 row_require_draft(const JourneyRow *row, const char *hint);

/*
 * Raise 40001 unless a row of a version was written: one that came after the
 * transaction's snapshot we have read, but cannot write.
 */
extern void row_check_written(const JourneyRow *row, uint64 rows);

#endif							/* JOURNEY_AUTHOR_ROW_H */
