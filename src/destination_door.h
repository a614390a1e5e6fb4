/*-------------------------------------------------------------------------
 *
 * destination_door.h
 *	  Between the doors for destinations.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DESTINATION_DOOR_H
#define JOURNEY_DESTINATION_DOOR_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

#include "destination.h"

/* ---- destination_door_row.c: the row, locked ---- */

typedef struct DestinationKept
{
	char	   *name;
	char	   *kind;
	Jsonb	   *config;
	char	   *owner;			/* a role's name; it may be gone */
	bool		needs_secret;
} DestinationKept;

/* What every verb begins with: the rights to call it. */
extern void door_enter(const char *verb);

/* The argument as a name that a destination can have. */
extern char *door_name(FunctionCallInfo fcinfo);

/*
 * Raise 42704, with the nearest name as hint, where there is none.  door_lock lets
 * journeys that send there be written meanwhile, door_lock_wholly waits for them.
 */
extern DestinationKept *door_lock(const char *name);
extern DestinationKept *door_lock_wholly(const char *name);

/* ---- destination_door_hide.c: statements that hold a secret ---- */

/*
 * From begin to end nobody is shown the statement that we are in, nor is it logged
 * with an error; what is shown instead, a literal, stands until its end.
 */
typedef struct Hiding
{
	ErrorContextCallback callback;
} Hiding;

extern void hide_begin(Hiding *hiding, const char *shown);
extern void hide_end(Hiding *hiding);

/* ---- destination_door_secret.c ---- */

/* Raise unless the destination can be used with that secret; NULL: none. */
extern void door_check_secret(const Destination *destination, const char *secret);

/* ---- destination_door_reach.c ---- */

/* Has its URL changed, or by the secret that is given (or NULL) what the URL is made of? */
extern bool door_goes_elsewhere(const DestinationKept *kept, const Destination *destination,
								Jsonb *config, const char *given);

/* Warn where journey.http_allow is known to keep everything from it. */
extern void door_warn_reach(const Destination *destination, Jsonb *config);

/* ---- destination_door_preset.c ---- */

/* The configuration with that of the preset it names, if it names one, below it. */
extern Jsonb *door_preset(const char *kind, Jsonb *config);

#endif							/* JOURNEY_DESTINATION_DOOR_H */
