/*-------------------------------------------------------------------------
 *
 * history.c
 *	  What a customer did: journey_did, journey_count, journey_last_props, for
 *	  conditions and for psql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "store.h"

PG_FUNCTION_INFO_V1(journey_did);
PG_FUNCTION_INFO_V1(journey_count);
PG_FUNCTION_INFO_V1(journey_last_props);

/*
 * (customer, event, since, filter); false where customer or event is null, to
 * which nothing can be found.  Events later than now are not seen.
 */
static bool
read_query(FunctionCallInfo fcinfo, EventQuery *query)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	query->customer = PG_GETARG_TEXT_PP(0);
	query->event = PG_GETARG_TEXT_PP(1);
	query->since = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2);
	query->until = guc_clock();
	query->filter = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	return true;
}

static bool
note_found(Jsonb *props, TimestampTz at, int64 id, void *found)
{
	*(bool *) found = true;
	return false;
}

Datum
journey_did(PG_FUNCTION_ARGS)
{
	EventQuery	query;
	bool		found = false;

	if (read_query(fcinfo, &query))
		store_find_events(&query, note_found, &found);
	PG_RETURN_BOOL(found);
}

static bool
count_found(Jsonb *props, TimestampTz at, int64 id, void *count)
{
	(*(int64 *) count)++;
	return true;
}

Datum
journey_count(PG_FUNCTION_ARGS)
{
	EventQuery	query;
	int64		count = 0;

	if (read_query(fcinfo, &query))
		store_find_events(&query, count_found, &count);
	PG_RETURN_INT64(count);
}

typedef struct Latest
{
	TimestampTz at;
	int64		id;
	Jsonb	   *props;
} Latest;

static bool
keep_latest(Jsonb *props, TimestampTz at, int64 id, void *arg)
{
	Latest	   *latest = arg;

	if (latest->props != NULL &&
		(at < latest->at || (at == latest->at && id < latest->id)))
		return true;
	latest->at = at;
	latest->id = id;
	latest->props = (Jsonb *) PG_DETOAST_DATUM_COPY(JsonbPGetDatum(props));
	return true;
}

Datum
journey_last_props(PG_FUNCTION_ARGS)
{
	EventQuery	query;
	Latest		latest = {0};

	if (read_query(fcinfo, &query))
		store_find_events(&query, keep_latest, &latest);
	if (latest.props == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(latest.props);
}
