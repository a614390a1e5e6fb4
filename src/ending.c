/*-------------------------------------------------------------------------
 *
 * ending.c
 *	  Answering for actions that were claimed.
 *
 * The end of an action can concern its customer's members (result.c): the members
 * are locked first, then the row.  Who has many to write waits for nobody, neither
 * for a customer nor for a row, so that two of them cannot wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "cache.h"
#include "ending.h"
#include "guc.h"
#include "shmem.h"
#include "sql.h"
#include "tally.h"

/* What a receiver asks for at most. */
#define LONGEST_RETRY_AFTER (24 * 3600)

#define RESPONSE_DROPPED "response is larger than journey.max_props"

/* ---- one row, and many ---- */

/* Outcomes are named as states, but for what expired. */
static const char *
state_of(const Ending *ending)
{
	const char *outcome = ending->end.outcome;

	if (outcome == NULL)
		return "pending";
	return strcmp(outcome, OUTCOME_EXPIRED) == 0 ? "cancelled" : outcome;
}

/* What a row gets, as columns of arrays and as single values. */
enum
{
	TO_CUSTOMER,
	TO_ID,
	TO_FROM,
	TO_ATTEMPTS,
	TO_STATE,
	TO_DELIVERED_AT,
	TO_NEXT,
	TO_ERROR,
	TO_RESPONSE,
	TO_COLUMNS
};

static const Oid to_types[TO_COLUMNS] = {
	TEXTOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTOID, JSONBOID
};

static void
row_values(const Ending *ending, TimestampTz now, Datum *values, bool *nulls)
{
	const ActionEnd *end = &ending->end;

	memset(nulls, 0, sizeof(bool) * TO_COLUMNS);
	values[TO_CUSTOMER] = PointerGetDatum(end->customer);
	values[TO_ID] = UUIDPGetDatum(&end->id);
	values[TO_FROM] = CStringGetTextDatum(ending->from);
	values[TO_ATTEMPTS] = Int32GetDatum(ending->attempts);
	values[TO_STATE] = CStringGetTextDatum(state_of(ending));
	values[TO_DELIVERED_AT] = TimestampTzGetDatum(now);
	nulls[TO_DELIVERED_AT] = strcmp(state_of(ending), OUTCOME_DELIVERED) != 0;
	values[TO_NEXT] = TimestampTzGetDatum(ending->again);
	nulls[TO_NEXT] = end->outcome != NULL;
	values[TO_ERROR] = end->error ? CStringGetTextDatum(end->error) : 0;
	nulls[TO_ERROR] = end->error == NULL;
	values[TO_RESPONSE] = PointerGetDatum(end->response);
	nulls[TO_RESPONSE] = end->response == NULL;
}

/* Waits for whoever holds the row.  False: it was in another state. */
static bool
write_row(const Ending *ending)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = $5, delivered_at = $6, next_attempt_at = $7,"
		" last_error = $8, response = $9"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.=) $3"
		" AND ($4 OPERATOR(pg_catalog.<) 0 OR attempts OPERATOR(pg_catalog.=) $4)",
		TO_COLUMNS, {TEXTOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TEXTOID, JSONBOID}
	};
	Datum		values[TO_COLUMNS];
	bool		nulls[TO_COLUMNS];
	SqlSession	session;
	bool		was_so;

	row_values(ending, guc_clock(), values, nulls);
	sql_begin(&session);
	was_so = sql_run(&plan, values, nulls) > 0;
	sql_end(&session);
	return was_so;
}

/* The rows as arrays, one for each column. */
static void
array_values(List *endings, Datum *arrays)
{
	int			n = list_length(endings);
	Datum	   *values = palloc(sizeof(Datum) * n * TO_COLUMNS);
	bool	   *nulls = palloc(sizeof(bool) * n * TO_COLUMNS);
	Datum	   *column = palloc(sizeof(Datum) * n);
	bool	   *column_nulls = palloc(sizeof(bool) * n);
	TimestampTz now = guc_clock();

	for (int i = 0; i < n; i++)
		row_values(list_nth(endings, i), now, &values[i * TO_COLUMNS],
				   &nulls[i * TO_COLUMNS]);
	for (int c = 0; c < TO_COLUMNS; c++)
	{
		for (int i = 0; i < n; i++)
		{
			column[i] = values[i * TO_COLUMNS + c];
			column_nulls[i] = nulls[i * TO_COLUMNS + c];
		}
		arrays[c] = sql_array(column, column_nulls, n, to_types[c]);
	}
}

#define NEW_ROWS \
	"ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)," \
	" pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6)," \
	" pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9))" \
	" WITH ORDINALITY AS n (customer, id, was, attempts, state, delivered_at," \
	" next_attempt_at, last_error, response, number)"

#define IS_ROW \
	"a.customer OPERATOR(pg_catalog.=) n.customer AND a.id OPERATOR(pg_catalog.=) n.id"

/*
 * Of the rows that nobody holds: their numbers, from 1, and whether they were
 * written.
 */
static SqlPlan write_plan = {
	"WITH n AS MATERIALIZED (SELECT n.* FROM " NEW_ROWS "),"
	" held AS MATERIALIZED (SELECT n.number FROM n JOIN journey.action a ON " IS_ROW
	" ORDER BY n.number FOR UPDATE OF a SKIP LOCKED),"
	" written AS (UPDATE journey.action a SET state = n.state,"
	" delivered_at = n.delivered_at, next_attempt_at = n.next_attempt_at,"
	" last_error = n.last_error, response = n.response"
	" FROM held JOIN n ON n.number OPERATOR(pg_catalog.=) held.number"
	" WHERE " IS_ROW " AND a.state OPERATOR(pg_catalog.=) n.was"
	" AND (n.attempts OPERATOR(pg_catalog.<) 0 OR a.attempts OPERATOR(pg_catalog.=) n.attempts)"
	" RETURNING n.number)"
	" SELECT h.number, w.number IS NOT NULL FROM held h"
	" LEFT JOIN written w ON w.number OPERATOR(pg_catalog.=) h.number",
	TO_COLUMNS, {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
		TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, JSONBARRAYOID
	}
};

/* Of those that are not among the rows above: whether they are gone. */
static SqlPlan gone_plan = {
	"SELECT n.number FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))"
	" WITH ORDINALITY AS n (customer, id, number)"
	" WHERE NOT EXISTS (SELECT FROM journey.action a WHERE " IS_ROW ")",
	2, {TEXTARRAYOID, UUIDARRAYOID}
};

/* Write those whose rows nobody holds; how many are settled. */
static int
write_rows(List *endings)
{
	Datum		arrays[TO_COLUMNS];
	SqlSession	session;
	int			settled = 0;
	bool		isnull;

	if (endings == NIL)
		return 0;
	array_values(endings, arrays);
	sql_begin(&session);
	for (uint64 i = 0, n = sql_run(&write_plan, arrays, NULL); i < n; i++, settled++)
	{
		Ending	   *ending = list_nth(endings, DatumGetInt64(sql_value(i, 1, &isnull)) - 1);

		ending->is_settled = true;
		ending->is_written = DatumGetBool(sql_value(i, 2, &isnull));
	}
	if (settled < list_length(endings))
	{
		for (uint64 i = 0, n = sql_run(&gone_plan, arrays, NULL); i < n; i++, settled++)
		{
			Ending	   *ending = list_nth(endings,
										  DatumGetInt64(sql_value(i, 1, &isnull)) - 1);

			ending->is_settled = true;
		}
	}
	sql_end(&session);
	return settled;
}

/* ---- with what follows from it ---- */

/* Count it, and have it sent again when it is due. */
static void
count(const Ending *ending)
{
	const char *outcome = ending->end.outcome;
	DeliveryCount one = {0};

	if (outcome == NULL)
	{
		one.failed = 1;
		shmem_note_action(ending->again);
	}
	else if (strcmp(outcome, OUTCOME_DELIVERED) == 0)
		one.delivered = 1;
	else if (strcmp(outcome, OUTCOME_DEAD) == 0 || strcmp(outcome, OUTCOME_EXPIRED) == 0)
		one.dead = 1;
	else
		return;
	tally_add(ending->end.destination, &one);
}

static bool
is_heard(const Ending *ending)
{
	return ending->end.outcome != NULL && action_end_is_heard(&ending->end);
}

bool
ending_write(Ending *ending)
{
	bool		told = is_heard(ending);

	if (told)
		action_end_lock(&ending->end, LOCK_WAIT);
	ending->is_settled = true;
	ending->is_written = write_row(ending);
	if (!ending->is_written)
		return false;
	count(ending);
	if (told)
		action_end_tell(&ending->end);
	return true;
}

/* One that somebody hears of, unless its customer or row is held. */
static int
write_heard(Ending *ending)
{
	int			settled;

	CHECK_FOR_INTERRUPTS();
	if (!action_end_lock(&ending->end, LOCK_SKIP))
		return 0;
	settled = write_rows(list_make1(ending));
	if (ending->is_written)
	{
		count(ending);
		action_end_tell(&ending->end);
	}
	return settled;
}

static int
by_customer(const ListCell *a, const ListCell *b)
{
	return text_order(((Ending *) lfirst(a))->end.customer,
					  ((Ending *) lfirst(b))->end.customer);
}

/* One of those at least. */
static int
write_all_heard(List *heard, int ms)
{
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz now = begun;
	int			settled = 0;
	ListCell   *cell;

	foreach(cell, heard)
	{
		Ending	   *ending = lfirst(cell);
		TimestampTz before = now;

		ending->is_late = ms > 0 && foreach_current_index(cell) > 0 &&
			TimestampDifferenceExceeds(begun, now, ms);
		if (ending->is_late)
			continue;
		settled += write_heard(ending);
		now = GetCurrentTimestamp();
		ending->took = Max(now - before, 1);
	}
	return settled;
}

int
ending_write_free(List *endings, int ms)
{
	List	   *sorted = list_copy(endings);
	List	   *quiet = NIL;
	List	   *heard = NIL;
	int			settled;
	ListCell   *cell;

	list_sort(sorted, by_customer);
	foreach(cell, sorted)
	{
		if (is_heard(lfirst(cell)))
			heard = lappend(heard, lfirst(cell));
		else
			quiet = lappend(quiet, lfirst(cell));
	}
	settled = write_rows(quiet);
	foreach(cell, quiet)
	{
		if (((Ending *) lfirst(cell))->is_written)
			count(lfirst(cell));
	}
	return settled + write_all_heard(heard, ms);
}

/* ---- one by its id ---- */

bool
ending_find(Datum id, const char *state, ActionFound *found)
{
	static SqlPlan plan = {
		"SELECT a.id, a.customer, a.member, a.journey, a.tile, a.destination,"
		" " ACTION_IS_AWAITED("a") ", a.attempts, a.retry FROM journey.action a"
		" WHERE a.id OPERATOR(pg_catalog.=) $1 AND a.state OPERATOR(pg_catalog.=) $2",
		2, {UUIDOID, TEXTOID}
	};
	Datum		values[] = {id, CStringGetTextDatum(state)};
	ActionEnd  *end = &found->ending.end;
	SqlSession	session;
	bool		is_found;

	memset(found, 0, sizeof(ActionFound));
	found->ending.from = state;
	found->ending.attempts = ANY_ATTEMPTS;
	sql_begin(&session);
	is_found = sql_run(&plan, values, NULL) > 0;
	if (is_found)
	{
		bool		isnull;
		Datum		retry;

		end->id = *DatumGetUUIDP(sql_value(0, 1, &isnull));
		end->customer = DatumGetTextPP(sql_datum(&session, 0, 2, &isnull));
		end->member = DatumGetInt64(sql_value(0, 3, &isnull));
		end->journey = sql_text(&session, 0, 4);
		end->tile = sql_text(&session, 0, 5);
		end->destination = sql_text(&session, 0, 6);
		end->is_awaited = DatumGetBool(sql_value(0, 7, &isnull));
		found->attempts = DatumGetInt32(sql_value(0, 8, &isnull));
		retry = sql_datum(&session, 0, 9, &isnull);
		found->retry = isnull ? NULL : DatumGetJsonbP(retry);
	}
	sql_end(&session);
	return is_found;
}

/* ---- answers ---- */

static bool
is_stopped(const char *journey)
{
	const JourneyState *state = cache_by_name(journey);

	return state != NULL && state->is_stopped;
}

static TimestampTz
again(const Answer *answer)
{
	TimestampTz now = guc_clock();
	TimestampTz next = retry_time(&answer->schedule, answer->claimed->attempts, now);

	if (answer->retry_after >= 0)
		next = Max(next, now + Min(answer->retry_after, LONGEST_RETRY_AFTER) *
				   (TimestampTz) USECS_PER_SEC);
	return next;
}

/* A response that is too large is left out, and the error says so. */
static void
set_response(ActionEnd *end, Jsonb *response)
{
	if (response == NULL || VARSIZE(response) <= guc_max_props + RESPONSE_ENVELOPE)
		end->response = response;
	else
		end->error = end->error == NULL ? RESPONSE_DROPPED :
			psprintf("%s; %s", end->error, RESPONSE_DROPPED);
}

static Ending *
ending_of(const Answer *answer)
{
	const Claimed *claimed = answer->claimed;
	Ending	   *ending = palloc0(sizeof(Ending));
	ActionEnd  *end = &ending->end;

	end->id = claimed->id;
	end->customer = claimed->customer;
	end->member = claimed->member;
	end->journey = claimed->journey;
	end->tile = claimed->tile;
	end->destination = unconstify(char *, answer->destination);
	end->is_awaited = claimed->is_awaited;
	end->error = answer->error;
	set_response(end, answer->response);
	ending->from = "in_flight";
	ending->attempts = claimed->attempts;
	if (answer->kind == ANSWER_DELIVERED)
		end->outcome = OUTCOME_DELIVERED;
	else if (answer->kind == ANSWER_RETRY && is_stopped(end->journey))
		end->outcome = OUTCOME_CANCELLED;
	else if (answer->kind == ANSWER_DEAD || claimed->attempts >= answer->schedule.max)
		end->outcome = OUTCOME_DEAD;
	else
		ending->again = again(answer);
	return ending;
}

void
ending_record(List *answers, int ms)
{
	List	   *endings = NIL;
	ListCell   *cell;

	foreach(cell, answers)
		endings = lappend(endings, ending_of(lfirst(cell)));
	ending_write_free(endings, ms);
	foreach(cell, answers)
	{
		Answer	   *answer = lfirst(cell);
		Ending	   *ending = list_nth(endings, foreach_current_index(cell));

		answer->is_recorded = ending->is_settled;
		answer->is_late = ending->is_late;
		answer->took = ending->took;
	}
}
