/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Quiet hours and caps when an action leaves.
 *
 * Between its making and its leaving may be a paused destination, a consumer that
 * was late, or a retry.  Its row keeps what its journey said, so that a new version
 * changes nothing about what is under way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "hold.h"
#include "hot.h"
#include "move.h"
#include "sql.h"
#include "zone.h"

/*
 * A cap's span is measured from delivery, and deliveries come a little early or
 * late: what one has made a day apart shall not be lost for a second.  One that is
 * too many for less than this part of the span is put off.
 */
#define LATENESS 20

/* ---- to jsonb ---- */

static void
push_name(JsonbParseState **state, const char *name)
{
	JsonbValue	key = {.type = jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &key);
}

static void
begin_object(JsonbParseState **state, const char *name)
{
	push_name(state, name);
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
}

static void
push_time(JsonbParseState **state, const char *name, int64 time)
{
	push_pair(state, name,
			  DatumGetCString(DirectFunctionCall1(time_out, TimeADTGetDatum(time))), -1);
}

static void
push_quiet(JsonbParseState **state, const DaySpan *quiet)
{
	begin_object(state, "quiet");
	push_time(state, "from", quiet->from);
	push_time(state, "to", quiet->to);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* As ISO 8601 has it, which every IntervalStyle reads alike. */
static char *
interval_text(const Interval *interval)
{
	struct pg_itm itm;
	char		buffer[MAXDATELEN + 1];

	interval2itm(*interval, &itm);
	EncodeInterval(&itm, INTSTYLE_ISO_8601, buffer);
	return pstrdup(buffer);
}

static void
push_cap(JsonbParseState **state, const Cap *cap)
{
	JsonbValue	max = {.type = jbvNumeric};

	begin_object(state, "cap");
	push_pair(state, "tag", cap->tag, -1);
	max.val.numeric = int64_to_numeric(cap->max);
	push_name(state, "max");
	pushJsonbValue(state, WJB_VALUE, &max);
	push_pair(state, "per", interval_text(cap->per), -1);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static bool
has_cap(const Journey *journey, const Tile *tile)
{
	return journey->cap != NULL && tile_has_tag(tile, journey->cap->tag);
}

bool
hold_has_limits(const Journey *journey, const Tile *tile)
{
	return tile->type == TILE_WEBHOOK || journey->quiet_hours != NULL ||
		has_cap(journey, tile);
}

Jsonb *
hold_limits(const Journey *journey, const Tile *tile, const char *zone)
{
	JsonbParseState *state = NULL;
	JsonbValue	yes = {.type = jbvBool,.val.boolean = true};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (tile->type == TILE_WEBHOOK)
	{
		push_name(&state, "webhook");
		pushJsonbValue(&state, WJB_VALUE, &yes);
	}
	else
	{
		push_pair(&state, "zone", zone, -1);
		if (journey->quiet_hours != NULL)
			push_quiet(&state, journey->quiet_hours);
		if (has_cap(journey, tile))
			push_cap(&state, journey->cap);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- from jsonb ---- */

static bool
get_value(const JsonbContainer *object, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, object), name,
										strlen(name), value) != NULL;
}

/* NULL: none of that name. */
static const JsonbContainer *
get_object(const Jsonb *limits, const char *name)
{
	JsonbValue	value;

	if (!get_value(&limits->root, name, &value) || value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

static char *
get_text(const JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	if (!get_value(object, name, &value) || value.type != jbvString)
		elog(ERROR, "limits of an action have no \"%s\"", name);
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static int64
get_time(const JsonbContainer *object, const char *name)
{
	return DatumGetTimeADT(DirectFunctionCall3(time_in,
											   CStringGetDatum(get_text(object, name)),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static Interval *
get_interval(const JsonbContainer *object, const char *name)
{
	return DatumGetIntervalP(DirectFunctionCall3(interval_in,
												 CStringGetDatum(get_text(object, name)),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

static int
get_number(const JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	if (!get_value(object, name, &value) || value.type != jbvNumeric)
		elog(ERROR, "limits of an action have no \"%s\"", name);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4,
											 NumericGetDatum(value.val.numeric)));
}

bool
hold_is_webhook(const Jsonb *limits)
{
	JsonbValue	value;

	return limits != NULL && get_value(&limits->root, "webhook", &value) &&
		value.type == jbvBool && value.val.boolean;
}

bool
hold_applies(const Jsonb *limits)
{
	return limits != NULL &&
		(get_object(limits, "quiet") != NULL || get_object(limits, "cap") != NULL);
}

/* ---- may it leave? ---- */

/* The end of the quiet hours that it is in; NO_TIME: in none. */
static TimestampTz
quiet_end(const JsonbContainer *quiet, const char *zone, TimestampTz now)
{
	DaySpan		span = {.from = get_time(quiet, "from"), .to = get_time(quiet, "to"),
	.days = EVERY_DAY};
	TimestampTz end;

	return zone_in_span(now, &span, zone, &end) ? end : NO_TIME;
}

/*
 * When the customer got the one that is the last but max - 1 of those that count,
 * but for that action; one in flight is got now.  NO_TIME: there are not as many.
 */
static TimestampTz
nth_last(const JsonbContainer *cap, text *customer, const pg_uuid_t *id, TimestampTz now)
{
	static SqlPlan plan = {
		"SELECT CASE WHEN state OPERATOR(pg_catalog.=) 'in_flight' THEN $4"
		" ELSE delivered_at END AS at FROM journey.action"
		" WHERE customer OPERATOR(pg_catalog.=) $1"
		" AND $2 OPERATOR(pg_catalog.=) ANY (tags)"
		" AND id OPERATOR(pg_catalog.<>) $3"
		" AND (state OPERATOR(pg_catalog.=) 'in_flight'"
		" OR state OPERATOR(pg_catalog.=) 'delivered' AND delivered_at IS NOT NULL)"
		" ORDER BY at DESC OFFSET $5 LIMIT 1",
		5, {TEXTOID, TEXTOID, UUIDOID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[] = {PointerGetDatum(customer),
		CStringGetTextDatum(get_text(cap, "tag")), UUIDPGetDatum(id),
	TimestampTzGetDatum(now), Int64GetDatum(Max(get_number(cap, "max") - 1, 0))};
	Snapshot	snapshot;
	SqlSession	session;
	TimestampTz at = NO_TIME;
	bool		isnull;

	CommandCounterIncrement();
	snapshot = hot_snapshot();
	sql_begin(&session);
	if (sql_read(&plan, values, NULL, snapshot) > 0)
		at = DatumGetTimestampTz(sql_value(0, 1, &isnull));
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	return at;
}

static void
check_cap(Hold *hold, const JsonbContainer *cap, const char *zone, TimestampTz last,
		  TimestampTz now)
{
	Interval   *per = get_interval(cap, "per");
	TimestampTz free = zone_add(last, per, zone);
	TimestampTz whole = zone_add(now, per, zone) - now;

	if (free <= now)
		return;
	if (free - now > whole / LATENESS)
		hold->is_capped = true;
	else
		hold->until = Max(hold->until, free);
}

TimestampTz
hold_quiet_until(const Jsonb *limits, TimestampTz now)
{
	const JsonbContainer *quiet = get_object(limits, "quiet");

	return quiet == NULL ? NO_TIME :
		quiet_end(quiet, get_text(&limits->root, "zone"), now);
}

Hold
hold_check(Jsonb *limits, text *customer, const pg_uuid_t *id, TimestampTz now)
{
	Hold		hold = {hold_quiet_until(limits, now), false};
	const JsonbContainer *cap = get_object(limits, "cap");
	TimestampTz last;

	if (cap == NULL || hold.until != NO_TIME)
		return hold;
	last = nth_last(cap, customer, id, now);
	if (last != NO_TIME)
		check_cap(&hold, cap, get_text(&limits->root, "zone"), last, now);
	return hold;
}
