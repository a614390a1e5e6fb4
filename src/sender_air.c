/*-------------------------------------------------------------------------
 *
 * sender_air.c
 *	  What is under way, from its claim's commit until its answer is recorded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "guc.h"
#include "request.h"
#include "sender.h"

static void *
copy_varlena(const void *value)
{
	return value == NULL ? NULL :
		DatumGetPointer(datumCopy(PointerGetDatum(value), false, -1));
}

static char *
copy_string(const char *string)
{
	return string == NULL ? NULL : pstrdup(string);
}

/* What recording needs; the payload is not. */
static void
copy_claimed(Claimed *to, const Claimed *from)
{
	*to = *from;
	to->payload = NULL;
	to->customer = copy_varlena(from->customer);
	to->journey = copy_string(from->journey);
	to->tile = copy_string(from->tile);
	to->retry = copy_varlena(from->retry);
}

static Flight *
make_flight(Sender *sender, const Prepared *prepared)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "journey flight",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Flight	   *flight = palloc0(sizeof(Flight));

	flight->context = context;
	flight->flow = prepared->flow;
	flight->lease_end = prepared->lease_end;
	flight->retry = SHORTEST_RETRY;
	flight->has_path = request_has_path(prepared->claimed);
	flight->secret = copy_string(prepared->secret);
	copy_claimed(&flight->claimed, prepared->claimed);
	MemoryContextSwitchTo(old);
	sender->in_air++;
	flight->flow->in_air++;
	return flight;
}

static void
end_flight(Sender *sender, Flight *flight)
{
	flight->ended_at = sender_clock();
	dlist_push_tail(&sender->ended, &flight->node);
	sender->nended++;
}

/* It cannot be sent: dead, or at least not now. */
static void
end_unfit(Sender *sender, Flight *flight, AnswerKind kind, const char *error)
{
	flight->answer.kind = kind;
	flight->answer.error = MemoryContextStrdup(flight->context, error);
	flight->answer.retry_after = -1;
	flight->is_judged = true;
	end_flight(sender, flight);
}

/* The trouble is ours: no memory, or no descriptors. */
static void
end_unsent(Sender *sender, Flight *flight, const char *error)
{
	flight->result.outcome = TRANSFER_LOCAL;
	flight->result.retry_after = -1;
	flight->result.error = MemoryContextStrdup(flight->context, error);
	flight->result.body = "";
	end_flight(sender, flight);
}

void
air_send(Sender *sender, const Prepared *prepared)
{
	Flight	   *flight = make_flight(sender, prepared);
	TransferRequest request = prepared->request;
	const char *error = prepared->error;
	const char *unfit;

	if (error != NULL)
	{
		end_unfit(sender, flight, prepared->kind, error);
		return;
	}
	request.tag = (uint64_t) (uintptr_t) flight;
	if (request.ca_file == NULL && guc_http_ca_file[0] != '\0')
		request.ca_file = guc_http_ca_file;
	if (transfer_start(sender->transfer, &request, &error) == 0)
	{
		error = MemoryContextStrdup(flight->context, error);
		unfit = transfer_check(&request);
		if (unfit)
			end_unfit(sender, flight, ANSWER_DEAD, unfit);
		else
			end_unsent(sender, flight, error);
		return;
	}
	flight->is_probe = breaker_probe(&flight->flow->breaker);
	flight->flow->under_way++;
	dlist_push_tail(&sender->sent, &flight->node);
}

/* Keep what came back: the transfer's own copy goes with the next one. */
static void
take_result(Flight *flight, const TransferResult *result)
{
	char	   *body = MemoryContextAlloc(flight->context, result->length + 1);

	memcpy(body, result->body, result->length);
	body[result->length] = '\0';
	flight->result = *result;
	flight->result.body = body;
	flight->result.error = MemoryContextStrdup(flight->context, result->error);
}

void
air_collect(Sender *sender)
{
	TransferResult result;

	transfer_work(sender->transfer);
	while (transfer_next(sender->transfer, &result))
	{
		Flight	   *flight = (Flight *) (uintptr_t) result.tag;
		Flow	   *flow = flight->flow;

		take_result(flight, &result);
		dlist_delete(&flight->node);
		flow->under_way--;
		end_flight(sender, flight);
		rate_count(&flow->rate, flight->ended_at);
		breaker_note(flow, flight, request_is_trouble(&result, flight->has_path));
		timing_note(&flow->timings, result.seconds);
	}
}

/* A request lasts no longer than its lease, unless the clock is set. */
static void
add_ids(dlist_head *list, const Flow *flow, TimestampTz lease_end, Datum *ids, int *n)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		Flight	   *flight = dlist_container(Flight, node, iter.cur);

		if (flight->flow == flow && flight->lease_end <= lease_end)
			ids[(*n)++] = UUIDPGetDatum(&flight->claimed.id);
	}
}

Datum
air_except(Sender *sender, const Flow *flow, TimestampTz now)
{
	Datum	   *ids;
	int			n = 0;

	if (flow->in_air == 0)
		return 0;
	ids = palloc(flow->in_air * sizeof(Datum));
	add_ids(&sender->sent, flow, now, ids, &n);
	add_ids(&sender->ended, flow, TIME_NEVER, ids, &n);
	if (n == 0)
		return 0;
	return PointerGetDatum(construct_array(ids, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

void
air_land(Sender *sender, Flight *flight)
{
	dlist_delete(&flight->node);
	sender->nended--;
	sender->in_air--;
	flight->flow->in_air--;
	MemoryContextDelete(flight->context);
}
