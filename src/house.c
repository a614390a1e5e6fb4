/*-------------------------------------------------------------------------
 *
 * house.c
 *	  What a database's first scheduler does beside the timers.
 *
 * journey.fold and journey.maintain write nothing where there is nothing to do,
 * nor does a look for audiences that are due; so an idle database stays idle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "armed.h"
#include "audience_refresh.h"
#include "guc.h"
#include "house.h"
#include "sql.h"
#include "worker.h"

#define FOLD_EVERY 60000		/* ms */
#define FOLD_AFTER 10000		/* moves */
#define MAINTAIN_EVERY 3600000	/* ms */
#define REFRESH_EVERY 1000		/* ms */
#define REFRESH_FOR 1000		/* ms */

typedef struct Chore
{
	SqlPlan		plan;
	uint64		rows;			/* that it gave */
} Chore;

static Chore fold = {{"SELECT journey.fold()", 0, {0}}};

/* A row: not all could be done in one round. */
static Chore maintain = {{"SELECT FROM journey.maintain() AS is_done WHERE NOT is_done", 0, {0}}};

/* A transaction: see worker_try.  The next round comes to other reasons to idle. */
static void
run(void *arg)
{
	Chore	   *chore = arg;
	SqlSession	session;
	Oid			extension;

	chore->rows = 0;
	if (armed_begin(&extension) != IDLE_NOT)
		return;
	sql_begin(&session);
	chore->rows = sql_run(&chore->plan, NULL, NULL);
	sql_end(&session);
}

static bool
attempt(const char *activity, const char *task, Chore *chore)
{
	ErrorData  *error = worker_try(activity, run, chore);

	if (error != NULL)
		worker_complain(task, error);
	return error == NULL;
}

static TimestampTz
from_now(long ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

/* ---- audiences ---- */

static void
refresh(void *any)
{
	Oid			extension;

	*(bool *) any = armed_begin(&extension) == IDLE_NOT &&
		audience_refresh_due(guc_clock());
}

static void
put_off(void *error)
{
	Oid			extension;

	if (armed_begin(&extension) == IDLE_NOT)
		audience_put_off(error);
}

/*
 * One audience, in a transaction of its own; one that fails altogether waits for
 * its next time.  False: none is due, or none can be refreshed.
 */
static bool
refresh_one(void)
{
	bool		any = false;
	ErrorData  *error = worker_try("journey: refreshing an audience", refresh, &any);

	if (error == NULL)
		return any;
	worker_complain("refresh an audience", error);
	error = worker_try("journey: putting off an audience", put_off, error);
	if (error != NULL)
		worker_complain("put off an audience", error);
	return false;
}

/* However many there are, timers have their turn in between. */
static void
refresh_some(House *house)
{
	TimestampTz until = from_now(REFRESH_FOR);

	do
		house->is_behind = refresh_one();
	while (house->is_behind && GetCurrentTimestamp() < until);
	house->refresh_at = house->is_behind ? GetCurrentTimestamp() : from_now(REFRESH_EVERY);
}

void
house_keep(House *house)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now >= house->fold_at || house->unfolded >= FOLD_AFTER)
	{
		(void) attempt("journey: counting", "count transitions", &fold);
		house->fold_at = from_now(FOLD_EVERY);
		house->unfolded = 0;
	}
	if (now >= house->refresh_at)
		refresh_some(house);
	if (now >= house->maintain_at)
	{
		bool		done = attempt("journey: partitions and retention",
								   "keep partitions and retention", &maintain) && maintain.rows == 0;

		house->maintain_at = from_now(done ? MAINTAIN_EVERY : FOLD_EVERY);
	}
}
