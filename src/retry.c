/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  When an action that failed is tried again.
 *
 * Exponential back-off from the first retry to the longest, with up to a tenth
 * of jitter, so that what failed together does not come back together.  An
 * action's row has the schedule of its tile, so that a new version of the
 * journey changes nothing about what is under way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "retry.h"

static const RetrySchedule default_schedule = {
	DEFAULT_MAX_ATTEMPTS, 30.0, 2.0, 6 * 3600.0
};

#define LARGEST_JITTER 0.1

/* A month is 30 days and a day 24 hours here. */
static double
seconds(const Interval *span)
{
	return span->time / (double) USECS_PER_SEC +
		((double) DAYS_PER_MONTH * span->month + span->day) * SECS_PER_DAY;
}

/* ---- to and from jsonb ---- */

static void
set_key(JsonbValue *value, const char *name)
{
	value->type = jbvString;
	value->val.string.val = unconstify(char *, name);
	value->val.string.len = strlen(name);
}

static void
push_number(JsonbParseState **state, const char *name, double number)
{
	JsonbValue	value;

	set_key(&value, name);
	pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric,
															Float8GetDatum(number)));
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
retry_to_jsonb(const RetryPolicy *policy)
{
	const RetrySchedule *standard = &default_schedule;
	double		first = policy->first ? seconds(policy->first) : standard->first;
	double		longest = policy->longest ? seconds(policy->longest) :
		Max(standard->longest, first);
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "max", policy->max > 0 ? policy->max : standard->max);
	push_number(&state, "first", first);
	push_number(&state, "factor", policy->factor > 0 ? policy->factor : standard->factor);
	push_number(&state, "longest", longest);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static double
get_number(const Jsonb *object, const char *name, double otherwise)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &object->root), name,
									 strlen(name), &value) == NULL ||
		value.type != jbvNumeric)
		return otherwise;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8,
											  NumericGetDatum(value.val.numeric)));
}

RetrySchedule
retry_schedule(const Jsonb *retry)
{
	RetrySchedule schedule = default_schedule;

	if (retry == NULL)
		return schedule;
	schedule.max = (int) get_number(retry, "max", schedule.max);
	schedule.first = get_number(retry, "first", schedule.first);
	schedule.factor = get_number(retry, "factor", schedule.factor);
	schedule.longest = get_number(retry, "longest", schedule.longest);
	return schedule;
}

/* ---- the schedule ---- */

RetrySchedule
retry_choose(const Jsonb *retry, const RetryPolicy *otherwise)
{
	if (retry == NULL && otherwise != NULL)
		retry = retry_to_jsonb(otherwise);
	return retry_schedule(retry);
}

TimestampTz
retry_time(const RetrySchedule *schedule, int attempts, TimestampTz now)
{
	double		delay = schedule->first * pow(schedule->factor, Max(attempts - 1, 0));

	delay = Min(delay, schedule->longest);
	delay *= 1.0 + LARGEST_JITTER * pg_prng_double(&pg_global_prng_state);
	return now + (TimestampTz) (delay * USECS_PER_SEC);
}
