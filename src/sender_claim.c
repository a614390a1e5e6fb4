/*-------------------------------------------------------------------------
 *
 * sender_claim.c
 *	  Claim what is due, and send it once the claim is committed.
 *
 * One transaction claims for all destinations that have room.  Where it fails each
 * is tried in one of its own, so that none has to stand still for another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "caller.h"
#include "failpoint.h"
#include "guc.h"
#include "request.h"
#include "sender.h"
#include "worker.h"

#define LEASE_BEYOND_TIMEOUT 60000	/* ms, in which its answer is recorded */

/* ---- at the start ---- */

/* What another sender had under way when it ended: nobody waits for it any more. */
static void
free_left_over(Sender *sender)
{
	List	   *names = NIL;
	ListCell   *cell;

	if (sender->is_freed)
		return;
	foreach(cell, sender->flows)
		names = lappend(names, ((Flow *) lfirst(cell))->name);
	if (names != NIL)
		claim_free(names, TIME_NEVER);
	flows_doubt(sender);
}

/* ---- one destination ---- */

/* Is something due, by what is known or else by the outbox? */
static bool
is_due(Flow *flow, TimestampTz now)
{
	if (!flow->is_sure)
	{
		TimestampTz first = claim_first_due(flow->name_text);

		flow->next_due = first == NO_TIME ? TIME_NEVER : first;
		flow->is_sure = true;
	}
	return flow->next_due <= now;
}

/* Log that nothing can be sent, once, and wait: files come without our being told. */
static void
miss_secret(Flow *flow, const char *missing)
{
	flow->ready_at = sender_clock() + POLL_EVERY * MS;
	if (flow->missing && strcmp(flow->missing, missing) == 0)
		return;
	if (flow->missing)
		pfree(flow->missing);
	flow->missing = MemoryContextStrdup(TopMemoryContext, missing);
	ereport(LOG,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("nothing is sent to destination \"%s\": %s", flow->name, missing));
}

static void
prepare(Sender *sender, Flow *flow, const char *secret, Claimed *claimed,
		TimestampTz lease_end)
{
	Prepared   *prepared = palloc0(sizeof(Prepared));
	char	   *error = NULL;

	prepared->flow = flow;
	prepared->claimed = claimed;
	prepared->lease_end = lease_end;
	if (!request_build(flow->destination, secret, claimed, &prepared->request,
					   &prepared->kind, &error))
		prepared->error = error ? error : "the request could not be made";
	sender->prepared = lappend(sender->prepared, prepared);
}

/*
 * After a claim that did not give all that it might have.  What is due all the same
 * is held by somebody, or waits for another of its member: come back.
 */
static void
look_further(Flow *flow, int claimed, TimestampTz now)
{
	flow->is_sure = false;
	if (claimed > 0)
		flow->retry = SHORTEST_RETRY;
	if (!is_due(flow, now) || claimed > 0)
		return;
	flow->ready_at = sender_clock() + flow->retry * MS;
	flow->retry = Min(flow->retry * 2, LONGEST_RETRY);
}

static void
claim_due(Sender *sender, Flow *flow, const char *secret, TimestampTz now)
{
	ClaimOrder	order = {.destination = flow->name_text, .now = now};
	List	   *claimed;
	ListCell   *cell;

	order.max = flow_room(sender, flow, sender_clock());
	order.lease_end = TimestampTzPlusMilliseconds(now, flow->destination->timeout +
												  LEASE_BEYOND_TIMEOUT);
	order.is_ordered = flow->destination->is_ordered;
	order.except = air_except(sender, flow, now);
	if (order.max <= 0)
		return;
	claimed = claim_actions(&order);
	foreach(cell, claimed)
	{
		CHECK_FOR_INTERRUPTS();
		prepare(sender, flow, secret, lfirst(cell), order.lease_end);
	}
	if (list_length(claimed) < order.max)
		look_further(flow, list_length(claimed), now);
}

static void
claim_flow(Sender *sender, Flow *flow, TimestampTz now)
{
	const char *missing = NULL;
	char	   *secret;

	if (!is_due(flow, now))
		return;
	secret = destination_secret(flow->destination, &missing);
	if (missing)
	{
		miss_secret(flow, missing);
		return;
	}
	if (flow->missing)
		pfree(flow->missing);
	flow->missing = NULL;
	claim_due(sender, flow, secret, now);
}

/* Processes of their own call functions. */
static void
look_after_calls(Sender *sender, int64 now)
{
	TimestampTz again;

	if (sender->only || calls_wake_at(sender, now) > now)
		return;
	again = caller_look_after(sender->destinations);
	sender->calls_due = again == NO_TIME ? TIME_NEVER : again;
}

/* ---- all of them ---- */

static void
claim_all(Sender *sender)
{
	int			n;
	int64		now = sender_clock();

	if (!sender_may_act(sender))
		return;
	cache_refresh();
	flows_read(sender);
	free_left_over(sender);
	look_after_calls(sender, now);
	n = list_length(sender->flows);
	for (int i = 0; i < n; i++)
	{
		Flow	   *flow = list_nth(sender->flows, (sender->turn + i) % n);

		if ((sender->only == NULL || sender->only == flow) &&
			flow_wakes_at(sender, flow, now) <= now)
			claim_flow(sender, flow, GetCurrentTimestamp());
	}
	if (sender->prepared)
		JOURNEY_FP("dlv_before_claim_commit");
}

static void
send_prepared(Sender *sender)
{
	ListCell   *cell;

	foreach(cell, sender->prepared)
	{
		Prepared   *prepared = lfirst(cell);

		if (prepared == linitial(sender->prepared))
			JOURNEY_FP("dlv_after_claim_commit");
		prepared->flow->rest = SHORTEST_REST;
		air_send(sender, prepared);
	}
}

/* False: it failed, and nothing was claimed. */
static bool
try_claim(Sender *sender)
{
	ErrorData  *error;

	sender->prepared = NIL;
	error = sender_try(sender, "journey: claiming actions", claim_all);
	if (error != NULL)
	{
		worker_complain("claim actions", error);
		sender->prepared = NIL;
		return false;
	}
	if (sender->idle == IDLE_NOT)
		sender->is_freed = true;
	sender->rest = SHORTEST_REST;
	send_prepared(sender);
	return true;
}

/* Each that is due alone; one that fails rests.  False: none succeeded. */
static bool
claim_one_by_one(Sender *sender)
{
	List	   *flows = list_copy(sender->flows);
	ListCell   *cell;
	int64		now = sender_clock();
	bool		succeeded = false;

	foreach(cell, flows)
	{
		Flow	   *flow = lfirst(cell);

		if (!list_member_ptr(sender->flows, flow) ||
			flow_wakes_at(sender, flow, now) > now)
			continue;
		worker_check(sender->seat);
		sender->only = flow;
		if (try_claim(sender))
			succeeded = true;
		else
		{
			flow->ready_at = sender_clock() + flow->rest * MS;
			flow->rest = Min(flow->rest * 2, LONGEST_REST);
		}
		sender->only = NULL;
	}
	return succeeded;
}

void
sender_claim(Sender *sender)
{
	bool		failed;

	pg_atomic_write_u64(&sender->seat->heartbeat, (uint64) GetCurrentTimestamp());
	if (sender->look)
		flows_doubt(sender);
	sender->look = false;
	failed = !try_claim(sender);
	if (sender->flows)
		sender->turn = (sender->turn + 1) % list_length(sender->flows);
	if (!failed)
		return;
	if (!claim_one_by_one(sender))
		sender_rest(sender);
	sender->look = true;
}
