/*-------------------------------------------------------------------------
 *
 * document_time.c
 *	  Moments, times of day and days of the week of a definition.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/timestamp.h"

#include "document.h"
#include "isolate.h"
#include "zone.h"

#define MOMENT_HINT "Write it as \"2026-12-24 18:00\", or SQL that gives a timestamp with time zone."

/* ---- moments ---- */

/*
 * Digits and what can stand in a timestamp, its zone's name and all.  No SQL
 * that gives a timestamp looks so.
 */
static bool
looks_like_moment(const char *text)
{
	if (!isdigit((unsigned char) *text))
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr(" .:+-/_", *c) == NULL)
			return false;
	return true;
}

/* The year first: what depends on DateStyle would depend on who reads it. */
static bool
has_iso_date(const char *text)
{
	size_t		year = strspn(text, "0123456789");

	return year >= 4 && text[year] == '-' &&
		strspn(text +year + 1, "0123456789") == 2 && text[year + 3] == '-' &&
		strspn(text +year + 4, "0123456789") == 2;
}

/* For isolate(). */
static void
read_timestamp(void *text)
{
	(void) DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static bool
check_moment(Parser *parser, const Place *place, char *text)
{
	ErrorData  *error = NULL;
	Problem    *problem;

	if (has_iso_date(text))
		error = isolate(read_timestamp, text);
	if (has_iso_date(text) && error == NULL)
		return true;
	problem = complain(parser, error ? error->sqlerrcode : ERRCODE_INVALID_DATETIME_FORMAT,
					   place);
	problem->message = psprintf("%s in %s is not a point in time", quoted_name(text),
								place_text(place));
	problem->hint = MOMENT_HINT;
	return false;
}

/* As an expression a literal is read in the zone of the member who asks. */
void
read_until(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Expression *expr;
	char	   *text;

	if (value->type != jbvString)
	{
		complain_type(parser, place, value, "a string")->hint = MOMENT_HINT;
		return;
	}
	expr = document_sql(parser, place, value, EXPR_TIMESTAMPTZ);
	if (expr != NULL && looks_like_moment(expr->source))
	{
		text = pstrdup(expr->source);

		if (!parser->is_stored && !check_moment(parser, place, text))
			return;
		expr = expr_make(psprintf("'%s'::timestamptz", text), EXPR_TIMESTAMPTZ);
	}
	*(Expression **) field = expr;
}

/* ---- times of day ---- */

/* Two digits at c; -1: there are none. */
static int
two_digits(const char *c)
{
	if (!isdigit((unsigned char) c[0]) || !isdigit((unsigned char) c[1]))
		return -1;
	return (c[0] - '0') * 10 + (c[1] - '0');
}

/* "HH:MM" or "HH:MM:SS", up to and with 24:00, as microseconds; -1: it is neither. */
static int64
time_of_day(const char *text)
{
	size_t		length = strlen(text);
	int			hour;
	int			minute;
	int			second = 0;
	int64		time;

	if ((length != 5 && length != 8) || text[2] != ':')
		return -1;
	hour = two_digits(text);
	minute = two_digits(text +3);
	if (length == 8)
		second = text[5] == ':' ? two_digits(text +6) : -1;

	if (hour < 0 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	time = hour * USECS_PER_HOUR + minute * USECS_PER_MINUTE + second * USECS_PER_SEC;
	return time <= USECS_PER_DAY ? time : -1;
}

/* The time, up to latest; -1 after a complaint. */
static int64
document_time(Parser *parser, const Place *place, JsonbValue *value, int64 latest)
{
	char	   *text;
	int64		time;
	Problem    *problem;

	if (value->type == jbvString)
	{
		text = pnstrdup(value->val.string.val, value->val.string.len);

		time = time_of_day(text);
		if (time >= 0 && time <= latest)
			return time;
		problem = complain(parser, ERRCODE_INVALID_DATETIME_FORMAT, place);
		problem->message = psprintf("%s in %s is not a time of day",
									quoted_name(text), place_text(place));
	}
	else
		problem = complain_type(parser, place, value, "a string");
	problem->hint = latest == USECS_PER_DAY ?
		"Write it as \"09:00\" or \"09:00:30\", up to \"24:00\"." :
		"Write it as \"09:00\" or \"09:00:30\", up to \"23:59:59\".";
	return -1;
}

static void
read_opening(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(int64 *) field = document_time(parser, place, value, USECS_PER_DAY - 1);
}

static void
read_closing(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(int64 *) field = document_time(parser, place, value, USECS_PER_DAY);
}

void
read_at(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;

	tile->at = palloc0(sizeof(DayTime));
	tile->at->days = EVERY_DAY;
	read_opening(parser, place, value, &tile->at->time);
}

/* ---- days of the week ---- */

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int
day_number(const char *name)
{
	for (int i = 0; i < lengthof(day_names); i++)
		if (pg_strcasecmp(name, day_names[i]) == 0)
			return i;
	return -1;
}

static void
complain_day(Parser *parser, const Place *place, const char *name)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	Nearest		nearest;

	problem->message = psprintf("unrecognized day %s in %s", quoted_name(name),
								place_text(place));
	nearest_begin(&nearest, asc_tolower(name, strlen(name)));
	for (int i = 0; i < lengthof(day_names); i++)
		nearest_offer(&nearest, day_names[i]);
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = "Days are mon, tue, wed, thu, fri, sat and sun.";
}

/* One of a list; 0 after a complaint. */
static void
read_day(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *name = document_string(parser, place, value, MAX_NAME_LENGTH);
	int			day;

	if (name == NULL)
		return;
	day = day_number(name);
	if (day >= 0)
		*(uint8 *) field = 1 << day;
	else
		complain_day(parser, place, name);
}

void
read_days(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			before = list_length(*parser->problems);
	int			count;
	uint8	   *days = document_list(parser, place, value, read_day,
									 sizeof(uint8), &count);
	uint8		all = 0;
	Problem    *problem;

	for (int i = 0; i < count; i++)
	{
		Place		here = {.parent = place, .index = i};

		if (all & days[i])
		{
			problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, &here);
			problem->message = psprintf("%s repeats a day", place_text(&here));
		}
		all |= days[i];
	}
	if (all != 0)
		*(uint8 *) field = all;
	else if (list_length(*parser->problems) == before)
	{
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s must not be empty", place_text(place));
		problem->hint = "Leave the key out for every day.";
	}
}

void
read_at_days(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;
	uint8		days = EVERY_DAY;

	read_days(parser, place, value, &days);
	if (tile->at != NULL)
		tile->at->days = days;
}

/* ---- spans ---- */

static const Key window_keys[] = {
	{"from", read_opening, offsetof(DaySpan, from), true},
	{"to", read_closing, offsetof(DaySpan, to), true},
	{"days", read_days, offsetof(DaySpan, days)},
	{NULL}
};

static const Key quiet_hours_keys[] = {
	{"from", read_opening, offsetof(DaySpan, from), true},
	{"to", read_closing, offsetof(DaySpan, to), true},
	{NULL}
};

/* NULL after a complaint. */
static DaySpan *
document_span(Parser *parser, const Place *place, JsonbValue *value, const Key *keys)
{
	JsonbContainer *object = document_object(parser, place, value);
	DaySpan    *span;
	Problem    *problem;

	if (object == NULL)
		return NULL;
	span = palloc0(sizeof(DaySpan));
	span->from = -1;
	span->to = -1;
	span->days = EVERY_DAY;
	document_keys(parser, place, object, keys, span);
	if (span->from < 0 || span->to < 0)
		return NULL;
	if (span->from == span->to)
	{
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s ends when it begins", place_text(place));
		problem->hint = "A whole day is from \"00:00\" to \"24:00\".";
		return NULL;
	}
	return span;
}

void
read_window(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(DaySpan **) field = document_span(parser, place, value, window_keys);
}

void
read_quiet_hours(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	DaySpan    *span = document_span(parser, place, value, quiet_hours_keys);
	Problem    *problem;

	*(DaySpan **) field = span;
	if (span == NULL || span->to - span->from < USECS_PER_DAY)
		return;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s never end", place_text(place));
	problem->hint = "Leave some time of the day for sending.";
}
