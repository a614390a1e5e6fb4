/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  The settings; each is documented where guc.c defines it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_GUC_H
#define JOURNEY_GUC_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/guc.h"

/* For a time that is none; 0 would be the first moment of 2000. */
#define NO_TIME DT_NOBEGIN

typedef enum ConditionFunctions
{
	CONDITION_FUNCTIONS_SAFE,
	CONDITION_FUNCTIONS_ANY
} ConditionFunctions;

extern char *guc_databases;
extern int	guc_workers;
extern int	guc_batch_size;
extern int	guc_max_steps;
extern int	guc_max_props;		/* bytes */
extern int	guc_condition_timeout;	/* ms */
extern int	guc_emit_budget;	/* ms */
extern int	guc_audience_timeout;	/* ms */
extern int	guc_condition_functions;
extern char *guc_timezone;
extern bool guc_delivery;
extern char *guc_http_allow;
extern char *guc_http_ca_file;
extern int	guc_http_max_in_flight;
extern char *guc_secret_dir;
extern bool guc_allow_superuser_owner;

extern void guc_define(void);

/* journey.now, or NO_TIME where it is not set. */
extern TimestampTz guc_now(void);

/*
 * While a step is decided, everybody who asks for the time gets the step's;
 * NO_TIME ends that.
 */
extern void guc_set_step_time(TimestampTz now);

/* The clock of everything that journeys do: the step's time, journey.now, or the wall's. */
extern TimestampTz guc_clock(void);

#endif							/* JOURNEY_GUC_H */
