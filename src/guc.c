/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "failpoint.h"
#include "guc.h"
#include "transfer.h"

char	   *guc_databases;
int			guc_workers;
int			guc_batch_size;
int			guc_max_steps;
int			guc_max_props;
int			guc_condition_timeout;
int			guc_emit_budget;
int			guc_audience_timeout;
int			guc_condition_functions;
char	   *guc_timezone;
bool		guc_delivery;
char	   *guc_http_allow;
char	   *guc_http_ca_file;
int			guc_http_max_in_flight;
char	   *guc_secret_dir;
bool		guc_allow_superuser_owner;

/* Read by SQL alone: journey.kept_since. */
typedef struct Retention
{
	const char *name;
	const char *description;
	const char *value;			/* to begin with */
	char	   *current;
} Retention;

static Retention retentions[] = {
	{"journey.retention", "Age at which partitions of both logs are dropped, as an interval; empty to keep them.", ""},
	{"journey.event_retention", "The same for the log of events; empty for journey.retention.", ""},
	{"journey.transition_retention", "The same for the log of transitions; empty for journey.retention.", ""},
	{"journey.member_retention", "How long after their exit members are kept, as an interval; empty to keep them.", ""},
	{"journey.action_retention", "How long actions that have ended are kept, as an interval; empty to keep them.", ""},
	{"journey.dedupe_retention", "How long dedupe keys are remembered, as an interval; empty for ever.", "7 days"},
	{"journey.failure_retention", "How long failures are kept, as an interval; empty to keep them.", "30 days"}
};

static char *now_text;
static TimestampTz now_value = NO_TIME;
static TimestampTz step_time = NO_TIME;

static const struct config_enum_entry condition_functions_options[] = {
	{"safe", CONDITION_FUNCTIONS_SAFE, false},
	{"any", CONDITION_FUNCTIONS_ANY, false},
	{NULL, 0, false}
};

/*
 * Read text with a type's input function; false where it does not read.  Called
 * from check hooks, which must not raise: the error is caught, and nothing that
 * an input function of a date type takes survives it.
 */
static bool
reads_as(PGFunction input, const char *text, Datum *value)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool ok = true;

	PG_TRY();
	{
		*value = DirectFunctionCall3(input, CStringGetDatum(text),
									 ObjectIdGetDatum(InvalidOid),
									 Int32GetDatum(-1));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

static bool
check_now(char **newval, void **extra, GucSource source)
{
	TimestampTz *value;
	Datum		read = 0;

	if (*newval == NULL || **newval == '\0')
		return true;
	if (!reads_as(timestamptz_in, *newval, &read))
	{
		GUC_check_errdetail("The value must be a timestamp with time zone.");
		return false;
	}
	value = guc_malloc_compat(sizeof(TimestampTz));
	if (value == NULL)
		return false;
	*value = DatumGetTimestampTz(read);
	*extra = value;
	return true;
}

static void
assign_now(const char *newval, void *extra)
{
	now_value = extra ? *(TimestampTz *) extra : NO_TIME;
}

static bool
check_interval(char **newval, void **extra, GucSource source)
{
	Interval	none = {0};
	Datum		read;

	if (*newval == NULL || **newval == '\0')
		return true;
	/* A bare number would be one of seconds: hardly what is meant. */
	if (strpbrk(*newval, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL ||
		!reads_as(interval_in, *newval, &read))
	{
		GUC_check_errdetail("The value must be an interval, such as \"90 days\".");
		return false;
	}
	if (DatumGetBool(DirectFunctionCall2(interval_lt, read,
										 IntervalPGetDatum(&none))))
	{
		GUC_check_errdetail("The value must not be negative.");
		return false;
	}
	return true;
}

static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	if (*newval != NULL && pg_tzset(*newval) != NULL)
		return true;
	GUC_check_errdetail("The value must be the name of a time zone.");
	return false;
}

static bool
check_http_allow(char **newval, void **extra, GucSource source)
{
	const char *wrong = transfer_check_allow(*newval);

	if (wrong == NULL)
		return true;
	GUC_check_errdetail("%s", wrong);
	return false;
}

TimestampTz
guc_now(void)
{
	return now_value;
}

void
guc_set_step_time(TimestampTz now)
{
	step_time = now;
}

TimestampTz
guc_clock(void)
{
	if (step_time != NO_TIME)
		return step_time;
	return now_value != NO_TIME ? now_value : GetCurrentTimestamp();
}

static void
define_limits(void)
{
	DefineCustomIntVariable("journey.max_steps",
							"Immediate steps a member may take before it fails.",
							"Counted per event or timer; also bounds the internal events that one event raises.",
							&guc_max_steps, 100, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.max_props",
							"Largest props or context that is taken.",
							NULL,
							&guc_max_props, 64 * 1024, 64, 64 * 1024 * 1024,
							PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.condition_timeout",
							"Time one sandboxed condition or template may take; 0 for no limit.",
							NULL,
							&guc_condition_timeout, 1000, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.emit_budget",
							"Time all conditions of one emit or one timer may take; 0 for no limit.",
							"Conditions that are not reached count as failed.",
							&guc_emit_budget, 2000, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.audience_timeout",
							"Time the query of an audience may take; 0 for no limit.",
							"One that takes longer fails, and the audience keeps its members.",
							&guc_audience_timeout, 60000, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("journey.condition_functions",
							 "Functions that conditions and templates may call.",
							 "\"safe\": those of pg_catalog that neither write nor leak, and the journey helpers. \"any\": all that the journey's owner may execute.",
							 &guc_condition_functions, CONDITION_FUNCTIONS_SAFE,
							 condition_functions_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("journey.allow_superuser_owner",
							 "Lets superusers own journeys.",
							 NULL,
							 &guc_allow_superuser_owner, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_workers(void)
{
	DefineCustomStringVariable("journey.databases",
							   "Databases that workers serve: a comma-separated list, or * for every one with the extension.",
							   NULL,
							   &guc_databases, "*",
							   PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.workers",
							"Schedulers per database.",
							"They share due timers and the queue.",
							&guc_workers, 1, 0, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.batch_size",
							"Due members that a scheduler works off in one transaction.",
							NULL,
							&guc_batch_size, 1000, 1, 100000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("journey.delivery",
							 "Lets actions leave the database.",
							 "Turn off in a physical clone, which cannot be told from its origin: journey_claim then gives nothing.",
							 &guc_delivery, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_sending(void)
{
	DefineCustomStringVariable("journey.http_allow",
							   "Private places that webhooks and mail may go to, although they are not public addresses.",
							   "Names, addresses and networks, each with a port or without, separated by commas. Only there may anything go without TLS.",
							   &guc_http_allow, "",
							   PGC_SIGHUP, 0, check_http_allow, NULL, NULL);
	DefineCustomStringVariable("journey.http_ca_file",
							   "File with the certificates that webhooks and mail trust; empty: the system's.",
							   NULL,
							   &guc_http_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomIntVariable("journey.http_max_in_flight",
							"Requests that the sender of a database has under way at most.",
							NULL,
							&guc_http_max_in_flight, 500, 1, 10000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("journey.secret_dir",
							   "Folder of files that the secrets of destinations can name as file:<name>; empty: none.",
							   "It has a folder for each role, by its name, with the files that destinations of that role can name.",
							   &guc_secret_dir, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

static void
define_times(void)
{
	DefineCustomStringVariable("journey.timezone",
							   "Time zone of members whose journey gives none.",
							   NULL,
							   &guc_timezone, "UTC",
							   PGC_SIGHUP, 0, check_timezone, NULL, NULL);
	for (int i = 0; i < lengthof(retentions); i++)
		DefineCustomStringVariable(retentions[i].name, retentions[i].description, NULL,
								   &retentions[i].current, retentions[i].value,
								   PGC_SIGHUP, 0, check_interval, NULL, NULL);
	DefineCustomStringVariable("journey.now",
							   "The time that journeys believe it is in this session; empty for the real one.",
							   "For tests and replays. journey_advance_to moves it.",
							   &now_text, "",
							   PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_now, assign_now, NULL);
}

void
guc_define(void)
{
	define_limits();
	define_workers();
	define_sending();
	define_times();
	failpoint_define();
	MarkGUCPrefixReserved("journey");
}
