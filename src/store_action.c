/*-------------------------------------------------------------------------
 *
 * store_action.c
 *	  The outbox, as steps write and read it.
 *
 * Steps hold their customer's members and never wait for an action's row: who
 * holds one may be a consumer that has claimed it and is about to wait for the
 * member (result.c).  A row that somebody holds is left to them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "hot.h"
#include "outbox.h"
#include "retry.h"
#include "shmem.h"
#include "sql.h"
#include "store.h"

static HotTable action_hot = {.natts = ACTION_COLUMNS};

/* ---- new ones ---- */

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz value)
{
	values[column] = TimestampTzGetDatum(value);
	nulls[column] = value == NO_TIME;
}

void
store_insert_action(Step *step, const Action *action)
{
	const Tile *tile = action->tile;
	Datum		values[ACTION_COLUMNS] = {0};
	bool		nulls[ACTION_COLUMNS] = {0};

	values[ACTION_ID] = UUIDPGetDatum(&action->id);
	values[ACTION_MEMBER] = Int64GetDatum(action->member->id);
	values[ACTION_JOURNEY] = CStringGetTextDatum(action->member->journey->name);
	values[ACTION_TILE] = CStringGetTextDatum(tile->name);
	values[ACTION_CUSTOMER] = PointerGetDatum(step->customer);
	values[ACTION_DESTINATION] = CStringGetTextDatum(tile->destination);
	values[ACTION_PAYLOAD] = JsonbPGetDatum(action->payload);
	nulls[ACTION_TAGS] = tile->tags == NIL;
	if (tile->tags != NIL)
		values[ACTION_TAGS] = sql_text_array(tile->tags);
	values[ACTION_STATE] = CStringGetTextDatum(action->suppressed ? "suppressed" : "pending");
	values[ACTION_ATTEMPTS] = Int32GetDatum(0);
	set_time(values, nulls, ACTION_NEXT_ATTEMPT_AT, action->next_attempt_at);
	nulls[ACTION_LAST_ERROR] = true;
	nulls[ACTION_RESPONSE] = true;
	values[ACTION_CREATED_AT] = TimestampTzGetDatum(step->now);
	nulls[ACTION_DELIVERED_AT] = true;
	set_time(values, nulls, ACTION_EXPIRES_AT, action->expires_at);
	nulls[ACTION_RETRY] = tile->retry == NULL;
	if (tile->retry != NULL)
		values[ACTION_RETRY] = JsonbPGetDatum(retry_to_jsonb(tile->retry));
	values[ACTION_SEQ] = Int32GetDatum(action->seq);
	values[ACTION_LIMITS] = JsonbPGetDatum(action->limits);
	nulls[ACTION_LIMITS] = action->limits == NULL;
	hot_open(&action_hot, sql_relation("action"));
	hot_insert(&action_hot, values, nulls);
	hot_close(&action_hot);
	if (action->next_attempt_at != NO_TIME)
		shmem_note_action(action->next_attempt_at);
}

/* ---- those there are ---- */

static int
count_rows(SqlPlan *plan, Datum *values)
{
	Snapshot	snapshot = hot_snapshot();
	SqlSession	session;
	bool		isnull;
	int			count;

	sql_begin(&session);
	sql_read(plan, values, NULL, snapshot);
	count = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	return count;
}

/* What counts for a cap: with that tag, later than since, and not taken back. */
#define COUNT_CAPPED \
	"SELECT pg_catalog.count(*)::int4 FROM journey.action" \
	" WHERE customer OPERATOR(pg_catalog.=) $1" \
	" AND $2 OPERATOR(pg_catalog.=) ANY (tags)" \
	" AND created_at OPERATOR(pg_catalog.>) $3" \
	" AND created_at OPERATOR(pg_catalog.<=) $4" \
	" AND state OPERATOR(pg_catalog.<>) 'suppressed'" \
	" AND state OPERATOR(pg_catalog.<>) 'cancelled'"

/* By quiet hours, and not only because another of its member's comes first. */
#define IS_HELD(a) \
	" AND coalesce(" a "limits OPERATOR(pg_catalog.->) 'behind', 'false')" \
	" OPERATOR(pg_catalog.=) 'false'"

/* Those of them that the step is about to cancel: see store_cancel_actions. */
static int
count_cancelled(Step *step, const Cancel *cancel, Datum tag, TimestampTz since)
{
	static SqlPlan plan = {
		COUNT_CAPPED
		" AND (id OPERATOR(pg_catalog.=) $5"
		" OR member OPERATOR(pg_catalog.=) $6 AND state OPERATOR(pg_catalog.=) 'pending'"
		" AND (NOT $7 OR (attempts OPERATOR(pg_catalog.=) 0"
		" AND next_attempt_at OPERATOR(pg_catalog.>) $4" IS_HELD("") ")))",
		7, {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT8OID, BOOLOID}
	};
	pg_uuid_t	none = {{0}};
	Datum		values[] = {PointerGetDatum(step->customer), tag,
		TimestampTzGetDatum(since), TimestampTzGetDatum(step->now),
		UUIDPGetDatum(cancel->expired ? cancel->expired : &none),
	Int64GetDatum(cancel->member), BoolGetDatum(cancel->held_only)};

	return count_rows(&plan, values);
}

int
store_count_actions(Step *step, const char *tag, TimestampTz since)
{
	static SqlPlan plan = {
		COUNT_CAPPED, 4, {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(step->customer), CStringGetTextDatum(tag),
	TimestampTzGetDatum(since), TimestampTzGetDatum(step->now)};
	int			count = count_rows(&plan, values);
	ListCell   *cell;

	foreach(cell, step->cancels)
		count -= count_cancelled(step, lfirst(cell), values[1], since);
	return count;
}

static const char *
outcome_of_state(const char *state, const char *last_error)
{
	if (strcmp(state, "cancelled") == 0 && last_error != NULL &&
		strcmp(last_error, EXPIRED_ERROR) == 0)
		return OUTCOME_EXPIRED;
	return state;				/* outcomes are named as the last states are */
}

static void
add_expiry(Step *step, const pg_uuid_t *id)
{
	Cancel	   *cancel = palloc0(sizeof(Cancel));

	cancel->expired = id;
	step->cancels = lappend(step->cancels, cancel);
}

/* An action on its way, as its row says. */
static const char *
outcome_on_way(Step *step, const pg_uuid_t *id, bool in_flight, TimestampTz *again)
{
	bool		isnull;
	TimestampTz next = DatumGetTimestampTz(sql_value(0, 3, &isnull));
	TimestampTz expires = DatumGetTimestampTz(sql_value(0, 4, &isnull));

	*again = isnull ? NO_TIME : expires;
	if (isnull || expires > step->now)
		return NULL;
	*again = next;
	return in_flight && next > step->now ? NULL : OUTCOME_EXPIRED;
}

const char *
store_action_outcome(Step *step, const pg_uuid_t *id, TimestampTz *again,
					 Jsonb **response)
{
	static SqlPlan plan = {
		"SELECT state, last_error, next_attempt_at, expires_at, response FROM journey.action"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, UUIDOID}
	};
	Datum		values[] = {PointerGetDatum(step->customer), UUIDPGetDatum(id)};
	Snapshot	snapshot = hot_snapshot();
	SqlSession	session;
	const char *outcome = OUTCOME_CANCELLED;	/* of a row that is gone */
	bool		on_way = false;
	bool		isnull = true;
	Datum		value = 0;

	sql_begin(&session);
	if (sql_read(&plan, values, NULL, snapshot) > 0)
	{
		char	   *state = sql_text(&session, 0, 1);
		bool		in_flight = strcmp(state, "in_flight") == 0;

		on_way = in_flight || strcmp(state, "pending") == 0;
		outcome = on_way ? outcome_on_way(step, id, in_flight, again) :
			outcome_of_state(state, sql_text(&session, 0, 2));
		value = sql_datum(&session, 0, 5, &isnull);
	}
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	*response = isnull ? NULL : DatumGetJsonbP(value);
	if (on_way && outcome != NULL)
		add_expiry(step, id);
	return outcome;
}

char *
store_member_key(text *customer, int64 member)
{
	static SqlPlan plan = {
		"SELECT key FROM journey.member_row"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, INT8OID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int64GetDatum(member)};
	SqlSession	session;
	char	   *key = NULL;

	sql_begin(&session);
	if (sql_run(&plan, values, NULL) > 0)
		key = sql_text(&session, 0, 1);
	sql_end(&session);
	return key;
}

void
store_cancel_actions(text *customer, int64 member, bool held_only, TimestampTz now)
{
	static SqlPlan plan = {
		"UPDATE journey.action a SET state = 'cancelled', next_attempt_at = NULL"
		" FROM (SELECT n.id FROM journey.action n"
		" WHERE n.customer OPERATOR(pg_catalog.=) $1 AND n.member OPERATOR(pg_catalog.=) $2"
		" AND n.state OPERATOR(pg_catalog.=) 'pending'"
		" AND (NOT $3 OR (n.attempts OPERATOR(pg_catalog.=) 0"
		" AND n.next_attempt_at OPERATOR(pg_catalog.>) $4" IS_HELD("n.") "))"
		" FOR UPDATE SKIP LOCKED) held"
		" WHERE a.customer OPERATOR(pg_catalog.=) $1 AND a.id OPERATOR(pg_catalog.=) held.id",
		4, {TEXTOID, INT8OID, BOOLOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int64GetDatum(member),
	BoolGetDatum(held_only), TimestampTzGetDatum(now)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

bool
store_expire_action(text *customer, const pg_uuid_t *id, TimestampTz now)
{
	static SqlPlan plan = {
		"UPDATE journey.action a SET state = 'cancelled', next_attempt_at = NULL,"
		" last_error = '" EXPIRED_ERROR "'"
		" FROM (SELECT n.id FROM journey.action n"
		" WHERE n.customer OPERATOR(pg_catalog.=) $1 AND n.id OPERATOR(pg_catalog.=) $2"
		" AND n.expires_at OPERATOR(pg_catalog.<=) $3"
		" AND (n.state OPERATOR(pg_catalog.=) 'pending'"
		" OR n.state OPERATOR(pg_catalog.=) 'in_flight'"
		" AND n.next_attempt_at OPERATOR(pg_catalog.<=) $3)"
		" FOR UPDATE SKIP LOCKED) expired"
		" WHERE a.customer OPERATOR(pg_catalog.=) $1 AND a.id OPERATOR(pg_catalog.=) expired.id",
		3, {TEXTOID, UUIDOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(customer), UUIDPGetDatum(id),
	TimestampTzGetDatum(now)};
	SqlSession	session;
	bool		expired;

	sql_begin(&session);
	expired = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	return expired;
}
