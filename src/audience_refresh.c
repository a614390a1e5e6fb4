/*-------------------------------------------------------------------------
 *
 * audience_refresh.c
 *	  Making an audience what its query gives.
 *
 * What the query gives goes to a tuplestore, and only what is different from the
 * members that there are is written.  Whoever refreshes holds the audience's row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audience_live.h"
#include "audience_refresh.h"
#include "guc.h"
#include "isolate.h"
#include "membership.h"
#include "sql.h"
#include "store.h"

/* When to come back, at the earliest, and for customers whom others held. */
#define SHORTEST_MS 60000

/* Customers about whom the query may err before we leave the others as they are. */
#define MAX_ERRED 10

/* One refresh under way. */
typedef struct Work
{
	const AudienceRow *row;
	LockWait	wait;
	CustomerQuery query;
	RowQuery	reads;
	SqlRows		fresh;			/* what the query gives */
	int			source;			/* that keeps it in real time, or 0 */
	Mending		mending;		/* where it does */
	int			erred;
	Refresh    *result;
} Work;

/* ---- the query ---- */

static void
look(void *arg)
{
	Work	   *work = arg;

	query_look(&work->query, &work->reads);
}

/* Nobody is twice in what the query gives. */
static void
check_unique(Work *work)
{
	static const SqlPlan plan = {
		"SELECT customer FROM fresh GROUP BY customer HAVING count(*) > 1 LIMIT 1", 0, {0}
	};
	SqlSession	session;
	char	   *customer = NULL;

	sql_begin(&session);
	if (sql_run_over(&plan, NULL, &work->fresh, NULL) > 0)
		customer = sql_text(&session, 0, 1);
	sql_end(&session);
	work->result->culprit = customer;
	if (customer != NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNIQUE_VIOLATION),
				errmsg("query gives a customer more than once"),
				errdetail("The customer is \"%s\".", customer),
				errhint("Write SELECT DISTINCT."));
}

static void
run_query(void *arg)
{
	Work	   *work = arg;

	work->result->members = query_run(&work->query, work->fresh.rows);
	check_unique(work);
}

/* ---- the difference, where nobody hears of it ---- */

static uint64
run_over(const Work *work, const SqlPlan *plan, Tuplestorestate *into)
{
	Datum		value = CStringGetTextDatum(work->row->name);
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_run_over(plan, &value, &work->fresh, into);
	sql_end(&session);
	return n;
}

static void
write_difference(Work *work)
{
	static const SqlPlan enter = {
		"INSERT INTO journey.audience_member (audience, customer)"
		" SELECT $1, f.customer FROM fresh f"
		" WHERE NOT EXISTS (SELECT FROM journey.audience_member m"
		" WHERE m.audience = $1 AND m.customer = f.customer)"
		" ON CONFLICT DO NOTHING",
		1, {TEXTOID}
	};
	static const SqlPlan leave = {
		"DELETE FROM journey.audience_member m WHERE m.audience = $1"
		" AND NOT EXISTS (SELECT FROM fresh f WHERE f.customer = m.customer)",
		1, {TEXTOID}
	};

	work->result->departed = run_over(work, &leave, NULL);
	work->result->entered = run_over(work, &enter, NULL);
}

/* ---- the difference, one by one ---- */

static void
change_one(Work *work, text *customer, bool enters)
{
	Membership	change = {work->row->name, enters};

	if (!membership_change(customer, &change, work->wait))
		work->result->busy++;
	else if (enters)
		work->result->entered++;
	else
		work->result->departed++;
}

/* Of an audience that is kept in real time: see membership_mend.c. */
static void
mend_one(Work *work, text *customer)
{
	if (work->erred >= MAX_ERRED)
		return;
	switch (membership_mend(&work->mending, customer))
	{
		case MENDED_NOTHING:
			break;
		case MENDED_ENTERED:
			work->result->entered++;
			break;
		case MENDED_LEFT:
			work->result->departed++;
			break;
		case MENDED_BUSY:
			work->result->busy++;
			break;
		case MENDED_ERRED:
			work->erred++;
			break;
	}
}

static TupleDesc
difference_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "customer", TEXTOID, -1, 0);
	TupleDescInitEntryCollation(desc, 1, C_COLLATION_OID);
	TupleDescInitEntry(desc, 2, "enters", BOOLOID, -1, 0);
	return desc;
}

/* What is read belongs to the slot, which frees it: so not in the scratch memory. */
static void
change_all(Work *work, Tuplestorestate *difference)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(difference_desc(), &TTSOpsMinimalTuple);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "journey audience",
												  ALLOCSET_DEFAULT_SIZES);

	while (tuplestore_gettupleslot(difference, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);
		bool		isnull;
		text	   *customer = DatumGetTextPP(slot_getattr(slot, 1, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (work->source != 0)
			mend_one(work, customer);
		else
			change_one(work, customer, DatumGetBool(slot_getattr(slot, 2, &isnull)));
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	ExecDropSingleTupleTableSlot(slot);
}

/* In the order in which everybody locks customers. */
static void
move_difference(Work *work)
{
	static const SqlPlan plan = {
		"SELECT d.customer, d.enters FROM ("
		"SELECT f.customer, true AS enters FROM fresh f"
		" WHERE NOT EXISTS (SELECT FROM journey.audience_member m"
		" WHERE m.audience = $1 AND m.customer = f.customer)"
		" UNION ALL "
		"SELECT m.customer, false FROM journey.audience_member m WHERE m.audience = $1"
		" AND NOT EXISTS (SELECT FROM fresh f WHERE f.customer = m.customer)"
		") AS d ORDER BY d.customer",
		1, {TEXTOID}
	};
	Tuplestorestate *difference = tuplestore_begin_heap(false, false, work_mem);

	(void) run_over(work, &plan, difference);
	change_all(work, difference);
	tuplestore_end(difference);
}

static void
mend_difference(Work *work)
{
	LiveAudience audience = {
		.name = work->row->name,
		.columns = work->reads.columns,
		.author = work->query.author
	};
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "journey live audience",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);

	audience.holds = expr_make_holds(work->row->query);
	mending_begin(&work->mending, &audience, work->reads.relation);
	MemoryContextSwitchTo(old);
	move_difference(work);
	MemoryContextDelete(cxt);
}

/* ---- the record ---- */

/*
 * When it is refreshed next, NO_TIME: on demand.  However an interval is meant (a
 * month less 29 days), and however long it took: others have their turn before.
 */
static TimestampTz
next_refresh(const Work *work, bool soon)
{
	const Interval *every = work->row->refresh;
	TimestampTz earliest = TimestampTzPlusMilliseconds(guc_clock(), SHORTEST_MS);

	if (soon)
		return earliest;
	if (every == NULL)
		return NO_TIME;
	return Max(zone_add(work->query.now, every, guc_timezone), earliest);
}

static void
note_success(const Work *work)
{
	static SqlPlan plan = {
		"UPDATE journey.audience SET members = $2, refreshed_at = $3, refresh_at = $4,"
		" error = NULL, error_at = NULL WHERE name = $1",
		4, {TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	TimestampTz next = next_refresh(work, work->result->busy > 0);
	Datum		values[] = {CStringGetTextDatum(work->row->name),
		Int64GetDatum(work->result->members), TimestampTzGetDatum(work->query.now),
	TimestampTzGetDatum(next)};
	bool		nulls[] = {false, false, false, next == NO_TIME};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}

/* The members of the last good refresh stand, and it is said that they do. */
static void
note_error(const Work *work)
{
	static SqlPlan plan = {
		"UPDATE journey.audience SET error = $2, error_at = $3, refresh_at = $4 WHERE name = $1",
		4, {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	const ErrorData *error = work->result->error;
	const char *message = error->message ? error->message : "";
	text	   *culprit = work->result->culprit ?
		cstring_to_text(work->result->culprit) : NULL;
	TimestampTz next = next_refresh(work, false);
	Datum		values[] = {CStringGetTextDatum(work->row->name),
		CStringGetTextDatum(message), TimestampTzGetDatum(work->query.now),
	TimestampTzGetDatum(next)};
	bool		nulls[] = {false, false, false, next == NO_TIME};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
	store_insert_source_failure(psprintf("audience %s", work->row->name), culprit,
								error->sqlerrcode, message);
}

/* ---- all of it ---- */

static void
run_and_write(Work *work, Occasion occasion)
{
	Refresh    *result = work->result;

	result->error = isolate(run_query, work);
	if (result->error != NULL)
		return;
	/* A new one has no member whom somebody could hold. */
	if (work->source != 0 &&
		(occasion != REFRESH_FIRST || membership_is_heard(work->row->name)))
		mend_difference(work);
	else if (membership_is_heard(work->row->name))
		move_difference(work);
	else
		write_difference(work);
	note_success(work);
}

static void
refresh_with(Work *work, Occasion occasion)
{
	Refresh    *result = work->result;

	result->error = isolate(look, work);
	if (result->error == NULL)
	{
		work->source = audience_settle(work->row, &work->reads, occasion);
		run_and_write(work, occasion);
	}
	if (result->error != NULL)
	{
		/* What is kept in real time is right to begin with. */
		if (work->row->source == 0)
			audience_unsettle(work->row);
		note_error(work);
	}
	else if (work->row->source != 0 && work->source == 0)
		audience_release(work->row, LOCK_SKIP);
}

void
audience_refresh(const AudienceRow *row, Occasion occasion, LockWait wait,
				 Refresh *refresh)
{
	Work		work = {.row = row, .wait = wait, .result = refresh};

	memset(refresh, 0, sizeof(Refresh));
	work.query.source = row->query;
	work.query.author.owner = row->owner;
	work.query.now = guc_clock();
	work.fresh.name = "fresh";
	work.fresh.desc = query_row_desc();
	work.fresh.rows = tuplestore_begin_heap(true, false, work_mem);
	refresh_with(&work, occasion);
	tuplestore_end(work.fresh.rows);
}

void
audience_refresh_named(const char *name)
{
	AudienceRow *row = audience_lock(name);
	Refresh		refresh;

	if (row->query != NULL)
		audience_refresh(row, REFRESH_AGAIN, LOCK_WAIT, &refresh);
}

bool
audience_refresh_due(TimestampTz by)
{
	AudienceRow *row = audience_lock_due(by);
	Refresh		refresh;

	if (row == NULL)
		return false;
	audience_refresh(row, REFRESH_AGAIN, LOCK_SKIP, &refresh);
	return true;
}

void
audience_put_off(ErrorData *error)
{
	AudienceRow *row = audience_lock_due(guc_clock());
	Refresh		refresh = {.error = error};
	Work		work = {.row = row, .result = &refresh};

	work.query.now = guc_clock();
	if (row != NULL)
		note_error(&work);
}
