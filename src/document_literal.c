/*-------------------------------------------------------------------------
 *
 * document_literal.c
 *	  Intervals, time zones, numbers and templates of a definition.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "document.h"
#include "isolate.h"
#include "zone.h"

#define MAX_NUMBER 1000000		/* of visits, attempts, actions */
#define MAX_FACTOR 1000
#define INTERVAL_HINT "Write a number and its unit, as \"30 minutes\"."

typedef enum IntervalReading
{
	INTERVAL_GOOD,
	INTERVAL_NONE,				/* reads as something else */
	INTERVAL_UNITLESS,
	INTERVAL_TOO_LARGE
} IntervalReading;

/* Only these can stand in an interval; a quote or a parenthesis makes it SQL. */
static bool
looks_like_interval(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr(" \t\r\n.:+-@,", *c) == NULL)
			return false;
	return true;
}

/* Is there a number that says nothing of what it counts? */
static bool
is_unitless(char **fields, const int *types, int nfields)
{
	for (int i = 0; i < nfields; i++)
	{
		bool		has_unit = i + 1 < nfields && types[i + 1] == DTK_STRING;

		if (types[i] == DTK_NUMBER || types[i] == DTK_DATE || types[i] == DTK_TZ)
			if (!has_unit && strchr(fields[i], ':') == NULL)
				return true;
	}
	return false;
}

/*
 * What interval_in does, but without raising, and independent of the session's
 * IntervalStyle: a stored definition must mean the same to every session.
 */
static int
decode_interval(const char *text, struct pg_itm_in *itm, bool *unitless)
{
	char		buf[256];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			nfields;
	int			dtype = DTK_DELTA;
	int			style = IntervalStyle;
	int			result;

	*unitless = false;
	result = ParseDateTime(text, buf, sizeof(buf), fields, types,
						   MAXDATEFIELDS, &nfields);
	if (result != 0)
		return result;

	*unitless = is_unitless(fields, types, nfields);
	IntervalStyle = INTSTYLE_POSTGRES;
	result = DecodeInterval(fields, types, nfields, INTERVAL_FULL_RANGE,
							&dtype, itm);
	IntervalStyle = style;
	if (result == DTERR_BAD_FORMAT)
	{
		char	   *copy = pstrdup(text);

		*unitless = false;
		result = DecodeISO8601Interval(copy, &dtype, itm);
	}
	if (result == 0 && dtype != DTK_DELTA)
		return DTERR_BAD_FORMAT;	/* infinity, of later servers */
	return result;
}

static IntervalReading
interval_reading(const char *text, Interval *interval)
{
	struct pg_itm_in itm;
	bool		unitless;
	int			result;

	if (!looks_like_interval(text))
		return INTERVAL_NONE;
	memset(&itm, 0, sizeof(itm));
	result = decode_interval(text, &itm, &unitless);
	if (result == DTERR_FIELD_OVERFLOW || result == DTERR_INTERVAL_OVERFLOW)
		return INTERVAL_TOO_LARGE;
	if (result != 0)
		return INTERVAL_NONE;
	if (unitless)
		return INTERVAL_UNITLESS;
	if (itmin2interval(&itm, interval) != 0 || !zone_fits(interval))
		return INTERVAL_TOO_LARGE;
	return INTERVAL_GOOD;
}

/* How a reading is worded; the good one has nothing to say. */
static const struct
{
	int			sqlstate;
	const char *says;
	const char *hint;
}			interval_complaints[] =

{
	[INTERVAL_NONE] = {ERRCODE_INVALID_DATETIME_FORMAT, "is not an interval",
	INTERVAL_HINT},
	[INTERVAL_UNITLESS] = {ERRCODE_INVALID_DATETIME_FORMAT,
	"is an interval without a unit", INTERVAL_HINT},
	[INTERVAL_TOO_LARGE] = {ERRCODE_INTERVAL_FIELD_OVERFLOW, "is too large", "At most a hundred years are taken."},
};

static void
complain_interval(Parser *parser, const Place *place, const char *text,
				  IntervalReading reading)
{
	Problem    *problem;

	problem = complain(parser, interval_complaints[reading].sqlstate, place);
	problem->message = psprintf("%s in %s %s", quoted_name(text),
								place_text(place),
								interval_complaints[reading].says);
	problem->hint = unconstify(char *, interval_complaints[reading].hint);
}

static void
check_not_negative(Parser *parser, const Place *place, const Interval *interval)
{
	Interval	zero = {0};

	if (DatumGetBool(DirectFunctionCall2(interval_lt,
										 IntervalPGetDatum(interval),
										 IntervalPGetDatum(&zero))))
	{
		Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

		problem->message = psprintf("%s must not be negative", place_text(place));
	}
}

/* The string that should be an interval; NULL after a complaint. */
static char *
interval_string(Parser *parser, const Place *place, JsonbValue *value)
{
	Problem    *problem;

	if (value->type == jbvString)
		return document_string(parser, place, value, MAX_SQL_LENGTH);

	problem = complain_type(parser, place, value, "a string");
	problem->hint = INTERVAL_HINT;
	return NULL;
}

void
read_interval(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *text = interval_string(parser, place, value);
	Interval   *interval = palloc0(sizeof(Interval));
	IntervalReading reading;

	if (text == NULL)
		return;
	reading = interval_reading(text, interval);
	if (reading != INTERVAL_GOOD)
	{
		complain_interval(parser, place, text, reading);
		return;
	}
	check_not_negative(parser, place, interval);
	*(Interval **) field = interval;
}

/* Where nothing can come of no time at all. */
void
read_span(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Interval	zero = {0};
	Interval  **interval = field;
	Problem    *problem;

	read_interval(parser, place, value, field);
	if (*interval == NULL ||
		!DatumGetBool(DirectFunctionCall2(interval_eq, IntervalPGetDatum(*interval),
										  IntervalPGetDatum(&zero))))
		return;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s must be longer than zero", place_text(place));
}

/* A number and words alone: no SQL looks so, but a misspelt interval does. */
static bool
begins_like_interval(const char *text)
{
	text	  +=strspn(text, " ");

	return looks_like_interval(text) && isdigit((unsigned char) *text);
}

/* "for" of a wait: what does not read as an interval is SQL. */
void
read_hold(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;
	char	   *text = interval_string(parser, place, value);
	Interval   *interval = palloc0(sizeof(Interval));
	IntervalReading reading;

	if (text == NULL)
		return;
	reading = interval_reading(text, interval);
	if (reading == INTERVAL_GOOD)
	{
		check_not_negative(parser, place, interval);
		tile->hold = interval;
	}
	else if (reading == INTERVAL_NONE && !begins_like_interval(text))
		tile->hold_expr = document_sql(parser, place, value, EXPR_INTERVAL);
	else
		complain_interval(parser, place, text, reading);
}

/* As Region/City, and nothing that SQL would need to give text. */
static bool
looks_like_zone(const char *text)
{
	if (!isalpha((unsigned char) *text) || strchr(text, '/') == NULL)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr("/_+-", *c) == NULL)
			return false;
	return true;
}

static void
complain_zone(Parser *parser, const Place *place, const char *name)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	pg_tzenum  *zones = pg_tzenumerate_start();
	pg_tz	   *zone;
	Nearest		nearest;

	problem->message = psprintf("time zone %s in %s does not exist", quoted_name(name),
								place_text(place));
	nearest_begin(&nearest, name);
	while ((zone = pg_tzenumerate_next(zones)) != NULL)
		nearest_offer(&nearest, pstrdup(pg_get_timezone_name(zone)));
	pg_tzenumerate_end(zones);
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = "Zones are named as \"Europe/Berlin\": see pg_timezone_names.";
}

void
read_zone(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;
	pg_tz	   *zone = NULL;
	Expression *expr;

	if (value->type == jbvString && value->val.string.len <= TZ_STRLEN_MAX)
		zone = pg_tzset(pnstrdup(value->val.string.val, value->val.string.len));
	if (zone != NULL && pg_tz_acceptable(zone))
	{
		journey->zone = pstrdup(pg_get_timezone_name(zone));
		return;
	}
	expr = document_sql(parser, place, value, EXPR_TEXT);
	if (expr != NULL && !parser->is_stored && looks_like_zone(expr->source))
		complain_zone(parser, place, expr->source);
	else
		journey->zone_expr = expr;
}

static bool
numeric_is(PGFunction comparison, Datum left, Datum right)
{
	return DatumGetBool(DirectFunctionCall2(comparison, left, right));
}

void
read_bool(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (value->type == jbvBool)
		*(bool *) field = value->val.boolean;
	else
		complain_type(parser, place, value, "true or false");
}

static bool
is_between(const JsonbValue *value, int least, int most)
{
	Datum		number = NumericGetDatum(value->val.numeric);

	return numeric_is(numeric_ge, number, NumericGetDatum(int64_to_numeric(least))) &&
		numeric_is(numeric_le, number, NumericGetDatum(int64_to_numeric(most)));
}

static bool
is_whole(const JsonbValue *value)
{
	Datum		number = NumericGetDatum(value->val.numeric);

	return numeric_is(numeric_eq, number,
					  DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0)));
}

void
document_whole(Parser *parser, const Place *place, JsonbValue *value, int least,
			   int most, int *field)
{
	Problem    *problem;

	if (value->type == jbvNumeric && is_whole(value) &&
		is_between(value, least, most))
	{
		*field = DatumGetInt32(DirectFunctionCall1(numeric_int4,
												   NumericGetDatum(value->val.numeric)));
		return;
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s must be a whole number from %d to %d",
								place_text(place), least, most);
}

void
read_count(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	document_whole(parser, place, value, 1, MAX_NUMBER, field);
}

void
read_limit(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	document_whole(parser, place, value, 0, MAX_NUMBER, field);
}

void
read_factor(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Problem    *problem;

	if (value->type == jbvNumeric && is_between(value, 1, MAX_FACTOR))
	{
		*(double *) field = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
															   NumericGetDatum(value->val.numeric)));
		return;
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s must be a number from 1 to %d",
								place_text(place), MAX_FACTOR);
}

/* A percent as a number of buckets; a fraction of a bucket is refused. */
void
read_percent(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Datum		percent;
	Datum		buckets;
	Problem    *problem;

	if (value->type == jbvNumeric)
	{
		percent = NumericGetDatum(value->val.numeric);
		buckets = NumericGetDatum(int64_to_numeric(PERCENT_BUCKETS / 100));
		if (numeric_is(numeric_ge, percent, NumericGetDatum(int64_to_numeric(0))) &&
			numeric_is(numeric_le, percent, NumericGetDatum(int64_to_numeric(100))))
		{
			Datum		count = DirectFunctionCall2(numeric_mul, percent, buckets);
			Datum		whole = DirectFunctionCall2(numeric_trunc, count, Int32GetDatum(0));

			if (numeric_is(numeric_eq, count, whole))
			{
				*(int *) field = DatumGetInt32(DirectFunctionCall1(numeric_int4, count));
				return;
			}
		}
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s must be a number from 0 to 100 with at most 2 decimals",
								place_text(place));
}

/* For isolate(): a template that cannot be read is a problem, not an error. */
typedef struct TemplateReading
{
	MemoryContext context;
	TemplateMaker make;
	Jsonb	   *source;
	Template   *template;
} TemplateReading;

static void
make_template(void *arg)
{
	TemplateReading *reading = arg;
	MemoryContext old = MemoryContextSwitchTo(reading->context);

	reading->template = reading->make(reading->source);
	MemoryContextSwitchTo(old);
}

Template *
document_template(Parser *parser, const Place *place, JsonbValue *value,
				  TemplateMaker make)
{
	TemplateReading reading = {.context = CurrentMemoryContext, .make = make};
	ErrorData  *error = NULL;

	reading.source = JsonbValueToJsonb(value);
	if (parser->is_stored)
		make_template(&reading);
	else
		error = isolate(make_template, &reading);
	if (error != NULL)
	{
		Problem    *problem = complain(parser, error->sqlerrcode, place);

		problem->message = psprintf("%s: %s", place_text(place), error->message);
		problem->hint = error->hint;
		return NULL;
	}
	return reading.template;
}

void
read_payload(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(Template **) field = document_template(parser, place, value, template_make);
}

/* What is merged into traits: an object, or one expression that gives it. */
void
read_set(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (value->type == jbvString)
	{
		char	   *text = pnstrdup(value->val.string.val, value->val.string.len);

		if (strstr(text, "{{") != NULL)
		{
			read_payload(parser, place, value, field);
			return;
		}
	}
	if (document_object(parser, place, value) != NULL)
		read_payload(parser, place, value, field);
}
