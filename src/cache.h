/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  The journeys that are live, compiled once per backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CACHE_H
#define JOURNEY_CACHE_H

#include "postgres.h"

#include "model.h"

/* A journey that is not a draft, whatever its versions. */
typedef struct Pause
{
	TimestampTz from;			/* by guc_clock() */
	TimestampTz to;
} Pause;

typedef struct JourneyState
{
	int32		id;
	bool		is_active;		/* takes entries */
	bool		is_running;		/* moves the members inside */
	bool		is_paused;
	bool		is_stopped;		/* members found inside are to exit */
	bool		needs_sweep;	/* some may have entered while it was stopped */
	int			npauses;		/* that have ended */
	Pause	   *pauses;
	Journey    *newest;			/* the version that new members enter */
} JourneyState;

/* Who cares for an event of some name. */
typedef struct Listeners
{
	List	   *entries;		/* Journey *: newest versions of active
								 * journeys with a trigger on it, by id */
	bool		members;		/* some version has a goal, exit rule, reset
								 * or event edge on it */
	bool		goals;			/* some version has its goal on it */
	bool		fans;			/* one of entries may enter other customers */
	List	   *audiences;		/* char *: those who care, care for events
								 * about these, */
	bool		any_audience;	/* or some of them about any */
} Listeners;

/* In _PG_init: listen to invalidations. */
extern void cache_init(void);

/*
 * Take in what other sessions have changed.  Every verb that runs journeys
 * calls it before it looks anything up.  What was looked up before is freed by
 * the next call, unless cache_hold is in force.
 */
extern void cache_refresh(void);

/* The same where there is anything new, or the caller knows of it; was there? */
extern bool cache_refresh_if_stale(bool outdated);

/* Keep what was looked up over a nested cache_refresh; ended by transaction end too. */
extern void cache_hold(void);
extern void cache_release(void);

/* State by id; NULL: no such journey, or a draft. */
extern const JourneyState *cache_journey(int32 id);

/* Does some live version ask conditions on whatever event? */
extern bool cache_asks_always(void);

/* NULL: nobody. */
extern const Listeners *cache_listeners(const char *event);

/* Does anybody care for that event about that audience? */
extern bool cache_hears_audience(const char *event, const char *audience);

/*
 * Does some live journey name the event: by a rule or an edge, by conditions that
 * are asked on whatever event, or as a literal in its SQL?
 */
extern bool cache_names(const char *event);

/* The same of any event that begins with these bytes; may say so too often. */
extern bool cache_names_prefix(const char *prefix, int length);

/* A number that is another when what is live may have changed. */
extern uint64 cache_changes(void);

/* That version of that journey; NULL where it is gone. */
extern Journey *cache_version(int32 journey, int16 version);

/* All journeys that are not drafts, by id. */
extern const JourneyState *cache_journeys(int *n);

/* NULL where there is no such journey, or only a draft. */
extern const JourneyState *cache_by_name(const char *name);

#endif							/* JOURNEY_CACHE_H */
