/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  What callers of the verbs give, checked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ARGUMENTS_H
#define JOURNEY_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "cache.h"
#include "run.h"

/* An argument that is a text of 1 to max bytes; raises 22004 and 22023. */
extern text *argument_text(FunctionCallInfo fcinfo, int n, const char *name, int max);

/* The same, but NULL is NULL. */
extern text *argument_optional_text(FunctionCallInfo fcinfo, int n, const char *name, int max);

/* An argument that is the id of an action. */
extern Datum argument_id(FunctionCallInfo fcinfo, int n);

/* An argument that is a jsonb object of at most journey.max_props bytes. */
extern Jsonb *argument_object(FunctionCallInfo fcinfo, int n, const char *name);

/* The checks of an event, for those who have its parts from elsewhere. */
extern void check_customer(const text *customer);
extern void check_event(const text *event);
extern void check_size(Datum json, const char *name);
extern void check_props(Datum props, const char *name);
extern void check_time(TimestampTz at);

/* A journey that is not a draft; raises 42704 and 55000. */
extern const JourneyState *argument_journey(FunctionCallInfo fcinfo, int n);

#endif							/* JOURNEY_ARGUMENTS_H */
