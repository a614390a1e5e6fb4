/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  What callers of the verbs give, checked before anything is done with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "author_row.h"
#include "guc.h"

/* An event may be this far ahead of the clock: clocks differ. */
#define MAX_AHEAD_MINUTES 5

static void
raise_null(const char *name)
{
	ereport(ERROR,
			errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("%s must not be null", name));
}

static void
check_length(const text *value, const char *name, int max)
{
	int			length = VARSIZE_ANY_EXHDR(value);

	if (length == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s must not be empty", name));
	if (length > max)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s is too long", name),
				errdetail("It has %d bytes; at most %d are taken.", length, max));
}

text *
argument_text(FunctionCallInfo fcinfo, int n, const char *name, int max)
{
	text	   *value;

	if (PG_ARGISNULL(n))
		raise_null(name);
	value = PG_GETARG_TEXT_PP(n);
	check_length(value, name, max);
	return value;
}

text *
argument_optional_text(FunctionCallInfo fcinfo, int n, const char *name, int max)
{
	return PG_ARGISNULL(n) ? NULL : argument_text(fcinfo, n, name, max);
}

void
check_customer(const text *customer)
{
	check_length(customer, "customer", MAX_CUSTOMER_LENGTH);
}

void
check_event(const text *event)
{
	check_length(event, "event", MAX_EVENT_LENGTH);
	if (*VARDATA_ANY(event) == '$')
		ereport(ERROR,
				errcode(ERRCODE_RESERVED_NAME),
				errmsg("event name \"%s\" is reserved", text_to_cstring(event)),
				errdetail("Names that begin with \"$\" are those of internal events."));
}

/* The size is checked before a large value is decompressed or fetched. */
void
check_size(Datum json, const char *name)
{
	Size		size = toast_raw_datum_size(json) - VARHDRSZ;

	if (size > guc_max_props)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%s is too large", name),
				errdetail("It has %zu bytes; at most %d are taken.", size,
						  guc_max_props),
				errhint("See the setting journey.max_props."));
}

static const char *
example_of(const char *name)
{
	if (strcmp(name, "traits") == 0)
		return "{\"email\": \"ada@example.com\"}";
	if (strcmp(name, "config") == 0)
		return "{}";
	return "{\"cart_id\": \"A\"}";
}

void
check_props(Datum props, const char *name)
{
	check_size(props, name);
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(props)))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s must be a JSON object", name),
				errhint("For example '%s'.", example_of(name)));
}

Datum
argument_id(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("id must not be null"));
	return PG_GETARG_DATUM(n);
}

Jsonb *
argument_object(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		raise_null(name);
	check_props(PG_GETARG_DATUM(n), name);
	return PG_GETARG_JSONB_P(n);
}

void
check_time(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at) ||
		at > TimestampTzPlusMilliseconds(guc_clock(), MAX_AHEAD_MINUTES * 60 * 1000))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("time of the event is more than %d minutes ahead or not finite",
					   MAX_AHEAD_MINUTES),
				errdetail("It is %s.", timestamptz_to_str(at)));
}

/* Not among the live ones: a draft, or nothing of that name (row_read raises). */
static void
raise_not_live(const char *name)
{
	(void) row_read(name);
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("journey \"%s\" is a draft", name),
			errhint("Nobody is inside; customers enter once journey_activate() has put it in force."));
}

const JourneyState *
argument_journey(FunctionCallInfo fcinfo, int n)
{
	char	   *name = text_to_cstring(argument_text(fcinfo, n, "journey",
													 MAX_EVENT_LENGTH));
	const JourneyState *state;

	cache_refresh();
	state = cache_by_name(name);
	if (state == NULL)
		raise_not_live(name);
	return state;
}
