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

/* Templates run in the claim's transaction, and everybody else waits for that. */
#define TIME_OF_ONE (50 * MS)	/* for the requests of one destination */
#define TIME_OF_ALL (100 * MS)	/* for those of all that take long */
#define FEWEST 4				/* that are claimed where we know nothing yet */

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
miss(Flow *flow, const char *missing)
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
	prepared->secret = secret;
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

/* As many as their requests can be made of in time, by what they took before. */
static int
most_in_time(const Flow *flow)
{
	if (flow->build_time < 0)
		return FEWEST;
	return Max(TIME_OF_ONE / Max(flow->build_time, 1), 1);
}

/*
 * What takes too long is given back: the others come first, and this one has at most
 * half of the time.
 */
static void
prepare_all(Sender *sender, Flow *flow, const char *secret, List *claimed,
			TimestampTz lease_end)
{
	int64		begun = sender_clock();
	int64		took = 0;
	int			n = 0;

	while (n < list_length(claimed) && took < TIME_OF_ONE)
	{
		CHECK_FOR_INTERRUPTS();
		prepare(sender, flow, secret, list_nth(claimed, n++), lease_end);
		took = sender_clock() - begun;
		if (took >= n * MS)
			transfer_work(sender->transfer);	/* what is under way goes on */
	}
	if (n > 0)
		flow->build_time = took / n;
	sender->build_time += took;
	if (took >= TIME_OF_ONE)
	{
		flow->is_sure = false;
		flow->next_due = TIME_NEVER_WAKE;
		flow->ready_at = sender_clock() + took;
	}
	if (n < list_length(claimed))
		claim_give_back(list_copy_tail(claimed, n));
}

static void
claim_due(Sender *sender, Flow *flow, const char *secret, TimestampTz now)
{
	ClaimOrder	order = {.destination = flow->name_text, .now = now};
	List	   *claimed;
	int64		begun = sender_clock();
	bool		more = false;

	order.end_ms = TIME_OF_ONE / MS;
	order.more = &more;
	order.max = Min(flow_room(sender, flow, sender_clock()), most_in_time(flow));
	order.lease_end = TimestampTzPlusMilliseconds(now, flow->destination->timeout +
												  LEASE_BEYOND_TIMEOUT);
	order.is_ordered = flow->destination->is_ordered;
	order.except = air_except(sender, flow, now);
	if (order.max <= 0)
		return;
	claimed = claim_actions(&order);
	if (list_length(claimed) < order.max)
		look_further(flow, list_length(claimed), now);
	if (more)
		flow->ready_at = 2 * sender_clock() - begun;
	prepare_all(sender, flow, secret, claimed, order.lease_end);
}

/*
 * Its secret, if all is there that it needs.  A new secret goes to the new address
 * alone: what we know of the destination must be what its row says after the secret
 * was read.
 */
static bool
is_able(Sender *sender, Flow *flow, char **secret)
{
	const Destination *destination = flow->destination;
	const char *missing;

	*secret = NULL;
	missing = destination_orphaned(destination);
	if (missing == NULL)
		*secret = destination_secret(destination, &missing);
	if (missing)
	{
		miss(flow, missing);
		return false;
	}
	if (flow->missing)
		pfree(flow->missing);
	flow->missing = NULL;
	if (*secret == NULL || destination_is_current(destination))
		return true;
	sender->generation = 0;
	sender->look = true;
	flow->ready_at = sender_clock() + SHORTEST_RETRY * MS;
	return false;
}

static void
claim_flow(Sender *sender, Flow *flow, TimestampTz now)
{
	char	   *secret;

	if (is_due(flow, now) && is_able(sender, flow, &secret))
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

/* Those that take long have another one soon, and then are the first. */
static bool
is_its_turn(const Sender *sender, const Flow *flow)
{
	return sender->build_time < TIME_OF_ALL || flow->build_time < MS;
}

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
	sender->build_time = 0;
	for (int i = 0; i < n; i++)
	{
		Flow	   *flow = list_nth(sender->flows, (sender->turn + i) % n);

		if ((sender->only == NULL || sender->only == flow) &&
			flow_wakes_at(sender, flow, now) <= now && is_its_turn(sender, flow))
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
