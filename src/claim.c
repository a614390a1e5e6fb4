/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Taking actions out of the outbox.
 *
 * A claim is a lease: it sets next_attempt_at to the lease's end, and an action
 * that is still in flight then can be claimed again.  So whoever dies with it
 * loses nothing, and it may be sent twice, under the same id.
 *
 * What is due is found without a lock (outbox.c), and judged as it is found; then
 * the rows that nobody holds and that are still so are locked, and written by one
 * statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "candidate.h"
#include "claim.h"
#include "defer.h"
#include "hold.h"
#include "outbox.h"
#include "postpone.h"
#include "sql.h"

/*
 * The rows that a claim looks at, at least: whoever sends to several destinations
 * comes to the others only then.
 */
#define MOST_LOOKED_AT 2000

typedef struct Claim
{
	const ClaimOrder *order;
	Outbox	   *outbox;
	int			left;			/* rows that it may look at */
	bool		at_end;			/* of those, or of the outbox */
	int			postponed;		/* rows */
	pg_uuid_t  *except;			/* sorted */
	int			nexcept;
	Judge		judge;
	List	   *found;			/* Candidate *, to be locked */
	List	   *over;			/* Candidate *, to be ended */
	List	   *kept;			/* Candidate *, locked, to be claimed */
} Claim;

/* ---- arrays ---- */

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(pg_uuid_t));
}

static void
read_except(Claim *claim)
{
	ArrayType  *array;
	Datum	   *ids;
	bool	   *nulls;

	if (claim->order->except == 0)
		return;
	array = DatumGetArrayTypeP(claim->order->except);
	deconstruct_array(array, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &ids, &nulls,
					  &claim->nexcept);
	claim->except = palloc(sizeof(pg_uuid_t) * Max(claim->nexcept, 1));
	for (int i = 0; i < claim->nexcept; i++)
		claim->except[i] = *DatumGetUUIDP(ids[i]);
	qsort(claim->except, claim->nexcept, sizeof(pg_uuid_t), by_id);
}

static bool
is_excepted(const Claim *claim, const pg_uuid_t *id)
{
	return claim->nexcept > 0 &&
		bsearch(id, claim->except, claim->nexcept, sizeof(pg_uuid_t), by_id) != NULL;
}

/* ---- finding ---- */

static void
open_outbox(Claim *claim)
{
	OutboxRange range = {claim->order->destination, NO_TIME, claim->order->now, false};

	claim->outbox = outbox_open(&range);
	claim->left = Max(claim->order->max, MOST_LOOKED_AT);
	claim->at_end = false;
	claim->found = NIL;
}

/* The next so many that may be claimed; of those that are over, as many as can be ended. */
static void
find(Claim *claim, int count)
{
	claim->found = NIL;
	while (list_length(claim->found) < count)
	{
		OutboxRow	row;
		Candidate  *candidate;

		if (claim->left == 0 || !outbox_next(claim->outbox, &row))
		{
			claim->at_end = true;
			break;
		}
		if (is_excepted(claim, row.id))
			continue;
		claim->left--;
		candidate = candidate_make(&row);
		candidate->outcome = candidate_outcome(&claim->judge, &row);
		if (candidate->outcome == NULL)
			claim->found = lappend(claim->found, candidate);
		else if (list_length(claim->over) < MOST_ENDED)
			claim->over = lappend(claim->over, candidate);
	}
}

/* ---- holding back what has limits ---- */

static void
set_row(const Candidate *candidate, const char *state, TimestampTz next)
{
	static SqlPlan plan = {
		"UPDATE journey.action"
		" SET state = $3, next_attempt_at = coalesce($4, next_attempt_at),"
		" limits = limits OPERATOR(pg_catalog.-) 'behind'"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(candidate->customer),
		UUIDPGetDatum(&candidate->id), CStringGetTextDatum(state),
	TimestampTzGetDatum(next)};
	bool		nulls[] = {false, false, false, next == NO_TIME};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}

/*
 * May a locked one leave now?  The next of the same customer is asked when this
 * one is in flight: it counts for a cap, be it limited or not.
 */
static bool
may_leave(const Claim *claim, Candidate *candidate, bool any_limits)
{
	Hold		hold;

	if (!hold_applies(candidate->limits))
	{
		if (any_limits)
			set_row(candidate, "in_flight", NO_TIME);
		return true;
	}
	hold = hold_check(candidate->limits, candidate->customer, &candidate->id,
					  claim->order->now);
	if (hold.until != NO_TIME && hold.until > claim->order->now)
	{
		set_row(candidate, "pending", hold.until);
		return false;
	}
	if (hold.is_capped)
	{
		candidate->outcome = OUTCOME_SUPPRESSED;
		candidates_end(claim->order, list_make1(candidate));
		return false;
	}
	set_row(candidate, "in_flight", NO_TIME);
	return true;
}

/* ---- claiming ---- */

/*
 * Whether the member has another one there that comes first: an older one that is
 * under way, or one that is in flight.
 */
#define COMES_LATER \
	"EXISTS (SELECT FROM journey.action o WHERE " IS_OTHER \
	" AND coalesce(o.next_attempt_at, 'infinity') OPERATOR(pg_catalog.<) 'infinity'" \
	" AND (o.state OPERATOR(pg_catalog.=) 'in_flight'" \
	" AND coalesce(o.next_attempt_at, 'infinity') OPERATOR(pg_catalog.>) $4" \
	" OR " IS_OLDER "))"

static SqlPlan lock_plan = {
	"SELECT n.number FROM " CANDIDATE_ROWS " WHERE " IS_AS_FOUND
	" ORDER BY n.number LIMIT $5 FOR UPDATE OF a SKIP LOCKED",
	5, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID, INT4OID}
};

static SqlPlan lock_ordered_plan = {
	"SELECT n.number FROM " CANDIDATE_ROWS " WHERE " IS_AS_FOUND " AND NOT " COMES_LATER
	" ORDER BY n.number LIMIT $5 FOR UPDATE OF a SKIP LOCKED",
	5, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID, INT4OID}
};

/* Lock at most so many of those found, and keep those that may leave. */
static void
lock_found(Claim *claim, int most)
{
	Datum		values[5];
	List	   *locked = NIL;
	bool		any_limits = false;
	SqlSession	session;
	MemoryContext old;
	ListCell   *cell;
	uint64		n;

	candidate_arrays(claim->found, values);
	values[3] = TimestampTzGetDatum(claim->order->now);
	values[4] = Int32GetDatum(most);
	sql_begin(&session);
	n = sql_run(claim->order->is_ordered ? &lock_ordered_plan : &lock_plan, values, NULL);
	old = MemoryContextSwitchTo(session.caller);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		locked = lappend(locked, list_nth(claim->found,
										  DatumGetInt64(sql_value(i, 1, &isnull)) - 1));
		any_limits |= hold_applies(((Candidate *) llast(locked))->limits);
	}
	MemoryContextSwitchTo(old);
	sql_end(&session);
	if (claim->order->is_ordered && list_length(locked) < Min(most, list_length(claim->found)))
		claim->postponed += defer_behind(claim->found, claim->order->now);
	foreach(cell, locked)
	{
		if (may_leave(claim, lfirst(cell), any_limits))
			claim->kept = lappend(claim->kept, lfirst(cell));
	}
}

/* Lock what is to be claimed. */
static void
collect(Claim *claim)
{
	int			max = claim->order->max;
	int			count = Max(Min(max, MOST_ENDED), LEAST_LOOKED_AT);

	open_outbox(claim);
	find(claim, count);
	if (claim->over != NIL)
	{
		/* What they made the members send is looked at, too. */
		outbox_close(claim->outbox);
		candidates_end(claim->order, claim->over);
		open_outbox(claim);
		find(claim, count);
	}
	for (;;)
	{
		claim->found = postpone_quiet(claim->order, claim->found, &claim->postponed);
		if (claim->found != NIL)
			lock_found(claim, max - list_length(claim->kept));
		if (claim->at_end || list_length(claim->kept) >= max)
			break;
		count = Min(count * 2, MOST_ENDED);
		find(claim, count);
	}
	outbox_close(claim->outbox);
	if (claim->order->more)
		*claim->order->more = claim->left == 0 && claim->postponed > 0;
}

/* Write them; what the statement returns is the last result. */
static uint64
run_claim(const ClaimOrder *order, SqlPlan *plan)
{
	Claim		claim = {.order = order, .judge = {.order = order}};
	Datum		values[4];

	read_except(&claim);
	collect(&claim);
	candidate_arrays(claim.kept, values);
	values[3] = TimestampTzGetDatum(order->lease_end);
	return sql_run(plan, values, NULL);
}

#define CLAIM_ROWS \
	"WITH c AS (UPDATE journey.action a SET state = 'in_flight'," \
	" attempts = n.attempts OPERATOR(pg_catalog.+) 1, next_attempt_at = $4," \
	" limits = a.limits OPERATOR(pg_catalog.-) 'behind'" \
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))" \
	" WITH ORDINALITY AS n (customer, id, attempts, number)" \
	" WHERE a.customer OPERATOR(pg_catalog.=) n.customer" \
	" AND a.id OPERATOR(pg_catalog.=) n.id RETURNING a.*, n.number)"

void
claim_rows(const ClaimOrder *order)
{
	static SqlPlan plan = {
		CLAIM_ROWS " SELECT c.id, c.member, c.journey, c.tile, c.customer, c.destination,"
		" c.payload, c.tags, c.state, c.attempts, c.next_attempt_at, c.last_error,"
		" c.response, c.created_at, c.delivered_at, c.expires_at, c.retry, c.seq, c.limits"
		" FROM c ORDER BY c.number",
		4, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}
	};

	run_claim(order, &plan);
}

static Jsonb *
read_json(SqlSession *session, uint64 row, int column)
{
	bool		isnull;
	Datum		value = sql_datum(session, row, column, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

static Claimed *
read_claimed(SqlSession *session, uint64 row)
{
	Claimed    *claimed = MemoryContextAllocZero(session->caller, sizeof(Claimed));
	Jsonb	   *limits;
	bool		isnull;

	claimed->id = *DatumGetUUIDP(sql_value(row, 1, &isnull));
	claimed->customer = DatumGetTextPP(sql_datum(session, row, 2, &isnull));
	claimed->member = DatumGetInt64(sql_value(row, 3, &isnull));
	claimed->journey = sql_text(session, row, 4);
	claimed->tile = sql_text(session, row, 5);
	claimed->payload = read_json(session, row, 6);
	claimed->attempts = DatumGetInt32(sql_value(row, 7, &isnull));
	claimed->created_at = DatumGetTimestampTz(sql_value(row, 8, &isnull));
	claimed->expires_at = DatumGetTimestampTz(sql_value(row, 9, &isnull));
	if (isnull)
		claimed->expires_at = NO_TIME;
	claimed->retry = read_json(session, row, 10);
	limits = read_json(session, row, 11);
	claimed->is_webhook = limits != NULL && hold_is_webhook(limits);
	claimed->is_awaited = DatumGetBool(sql_value(row, 12, &isnull));
	return claimed;
}

List *
claim_actions(const ClaimOrder *order)
{
	static SqlPlan plan = {
		CLAIM_ROWS " SELECT c.id, c.customer, c.member, c.journey, c.tile, c.payload,"
		" c.attempts, c.created_at, c.expires_at, c.retry, c.limits, " ACTION_IS_AWAITED("c")
		" FROM c ORDER BY c.number",
		4, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}
	};
	List	   *claimed = NIL;
	SqlSession	session;
	MemoryContext old;

	sql_begin(&session);
	for (uint64 i = 0, n = run_claim(order, &plan); i < n; i++)
	{
		old = MemoryContextSwitchTo(session.caller);
		claimed = lappend(claimed, read_claimed(&session, i));
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return claimed;
}

/* ---- looking ahead, and giving back ---- */

TimestampTz
claim_first_due(text *destination)
{
	return outbox_first(destination);
}

static int64
free_destination(const char *destination, TimestampTz now, TimestampTz lease_end)
{
	static SqlPlan plan = {
		"WITH held AS MATERIALIZED (SELECT a.customer, a.id FROM " CANDIDATE_ROWS
		" WHERE a.attempts OPERATOR(pg_catalog.=) n.attempts"
		" AND a.state OPERATOR(pg_catalog.=) 'in_flight'"
		" ORDER BY n.number FOR UPDATE OF a SKIP LOCKED)"
		" UPDATE journey.action a SET next_attempt_at = $4 FROM held h"
		" WHERE a.customer OPERATOR(pg_catalog.=) h.customer"
		" AND a.id OPERATOR(pg_catalog.=) h.id",
		4, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}
	};
	OutboxRange range = {cstring_to_text(destination), now, lease_end, true};
	Outbox	   *outbox = outbox_open(&range);
	List	   *found = NIL;
	OutboxRow	row;
	Datum		values[4];
	SqlSession	session;
	int64		freed = 0;

	while (outbox_next(outbox, &row))
	{
		if (row.is_in_flight)
			found = lappend(found, candidate_make(&row));
	}
	outbox_close(outbox);
	if (found == NIL)
		return 0;
	candidate_arrays(found, values);
	values[3] = TimestampTzGetDatum(now);
	sql_begin(&session);
	freed = sql_run(&plan, values, NULL);
	sql_end(&session);
	return freed;
}

int64
claim_free(List *destinations, TimestampTz lease_end)
{
	TimestampTz now = guc_clock();
	int64		freed = 0;
	ListCell   *cell;

	foreach(cell, destinations)
		freed += free_destination(lfirst(cell), now, lease_end);
	return freed;
}

void
claim_give_back(List *claimed)
{
	static SqlPlan plan = {
		"UPDATE journey.action a SET state = 'pending', next_attempt_at = a.created_at,"
		" attempts = a.attempts OPERATOR(pg_catalog.-) 1"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))"
		" AS n (customer, id)"
		" WHERE a.customer OPERATOR(pg_catalog.=) n.customer"
		" AND a.id OPERATOR(pg_catalog.=) n.id",
		2, {TEXTARRAYOID, UUIDARRAYOID}
	};
	int			n = list_length(claimed);
	Datum	   *customers = palloc(sizeof(Datum) * n);
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum		values[2];
	SqlSession	session;

	for (int i = 0; i < n; i++)
	{
		Claimed    *one = list_nth(claimed, i);

		customers[i] = PointerGetDatum(one->customer);
		ids[i] = UUIDPGetDatum(&one->id);
	}
	values[0] = sql_array(customers, NULL, n, TEXTOID);
	values[1] = sql_array(ids, NULL, n, UUIDOID);
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}
