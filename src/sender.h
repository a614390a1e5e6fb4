/*-------------------------------------------------------------------------
 *
 * sender.h
 *	  What the files of sender*.c share: the process that sends webhooks and
 *	  mails.
 *
 * A flow is a destination as the sender sees it; a flight is one attempt, from its
 * claim until its answer is recorded.  All times called _at are of sender_clock(),
 * in microseconds, which only goes forward; those of the outbox are TimestampTz.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SENDER_H
#define JOURNEY_SENDER_H

#include "postgres.h"

#include "lib/ilist.h"

#include "armed.h"
#include "claim.h"
#include "destination.h"
#include "ending.h"
#include "seat.h"
#include "transfer.h"

#define MS INT64CONST(1000)		/* of sender_clock() */
#define NEVER PG_INT64_MAX
#define SHORTEST_REST 100		/* ms of rest after an error */
#define LONGEST_REST 30000
#define SHORTEST_RETRY 5		/* ms until what is locked is tried again */
#define LONGEST_RETRY 1000
#define POLL_EVERY 5000			/* ms between two looks at everything */
#define MAX_PROBLEM 200			/* bytes */
#define TIMINGS 1000			/* attempts that p50 and p99 are of */

/* When the last attempts came to their end, as many as are allowed in a span. */
typedef struct Rate
{
	int			max;			/* 0: any number */
	int64		per;
	int64	   *ended_at;		/* a ring of max */
	int			first;
	int			n;
} Rate;

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN			/* one probe is, or may be, under way */
} BreakerState;

typedef struct Breaker
{
	BreakerState state;
	int			failures;		/* in a row */
	int			pause;			/* ms, the latest; 0: none yet */
	int64		until_at;		/* open until then */
	bool		has_probe;		/* is under way */
	bool		is_dirty;		/* its row says something else */
	bool		is_written;		/* by the transaction that is open */
	int64		write_at;		/* not before, as somebody holds the row */
	char		problem[MAX_PROBLEM];	/* the last error before it opened */
} Breaker;

typedef struct Timings
{
	float		ms[TIMINGS];	/* a ring */
	int			next;
	int			n;
	bool		is_dirty;
	bool		is_written;		/* by the transaction that is open */
	int64		written_at;
} Timings;

typedef struct Flow
{
	int32		id;
	char	   *name;
	text	   *name_text;
	Destination *destination;	/* of the list that was read last, or last */
	Destination last;			/* what is left of one that is gone */
	bool		is_gone;
	char	   *missing;		/* why its secret or its owner is not there,
								 * or NULL */
	char	   *refusal;		/* the receiver wants no more, says its
								 * answer; or NULL */
	int64		refuse_at;		/* when that is to be written */
	bool		is_refused;		/* written by the transaction that is open */

	TimestampTz next_due;		/* nothing is due earlier; TIME_NEVER: nothing */
	bool		is_sure;		/* something is due then */
	int64		ready_at;		/* nothing is claimed before */
	int64		build_time;		/* of a request, as of late; -1: not known */
	int64		tell_time;		/* of what members do who hear of the end */
	int64		tell_at;		/* where that is long: not before */
	long		retry;			/* ms; after a claim that gave nothing */
	long		rest;			/* ms; after an error */

	int			under_way;		/* sent, and not answered */
	int			in_air;			/* those, and those not recorded */
	Rate		rate;
	Breaker		breaker;
	Timings		timings;
} Flow;

typedef struct Flight
{
	dlist_node	node;			/* of Sender.sent or .ended */
	MemoryContext context;
	Flow	   *flow;
	Claimed		claimed;
	char	   *secret;			/* see Prepared */
	Answer		answer;
	TransferResult result;
	TimestampTz lease_end;
	bool		has_path;		/* a tile said where */
	bool		is_probe;		/* of a breaker that is half open */
	bool		is_judged;		/* the answer is made */
	bool		is_alone;		/* it has failed to be recorded: apart from
								 * others */
	int64		ended_at;
	int64		record_at;		/* not before */
	long		retry;			/* ms; doubles while it cannot be recorded */
} Flight;

/* What was claimed, until the claim is committed; in Sender.round. */
typedef struct Prepared
{
	Flow	   *flow;
	Claimed    *claimed;
	const char *secret;			/* with which the request was made, or NULL */
	TimestampTz lease_end;
	TransferRequest request;
	char	   *error;			/* why there is no request, or NULL */
	AnswerKind	kind;			/* what becomes of the action then */
} Prepared;

typedef struct Sender
{
	Seat	   *seat;
	Oid			extension;		/* as first met */
	IdleReason	idle;
	Transfer   *transfer;
	int			max_in_flight;	/* that destinations share */
	int			slots;			/* what the transfer was told last */
	char	   *allow;			/* what the transfer was told last */

	MemoryContext round;		/* what one transaction and its consequences
								 * need */
	MemoryContext list;			/* the destinations */
	List	   *destinations;	/* Destination *, also of kind sql */
	bool		has_calls;		/* there are some of kind sql */
	TimestampTz calls_due;		/* when to look after those */
	List	   *flows;			/* Flow *, of the others */
	int			turn;			/* the flow that is asked first */
	int64		build_time;		/* of all requests of one claim */
	uint64		generation;		/* of the list; 0: not read yet */
	bool		is_freed;		/* what another sender left in flight is */
	bool		look;			/* at everything, the list too */
	int64		poll_at;
	int64		rest_until_at;	/* no transaction before */
	long		rest;			/* ms; doubles while nothing at all succeeds */

	dlist_head	sent;			/* Flight: under way */
	dlist_head	ended;			/* Flight: to be recorded, oldest first */
	int64		alone_at;		/* those that have failed: not before */
	int			in_air;			/* both */
	int			nended;

	Flow	   *only;			/* claims of this one alone */
	List	   *prepared;		/* Prepared * */
	List	   *recording;		/* Flight * */
} Sender;

/* sender.c */
extern int64 sender_clock(void);

/*
 * In a transaction: may the sender act?  Leaves where another extension has come.
 */
extern bool sender_may_act(Sender *sender);

/* worker_try() whose commit is durable whatever synchronous_commit says. */
extern ErrorData *sender_try(Sender *sender, const char *activity,
							 void (*fn) (Sender *sender));

/* Slots for what they share, and one more for each destination. */
extern void sender_set_slots(Sender *sender);

/* sender_flow.c: destinations, and what may be sent where */

/* Read the destinations anew where they may have changed; in a transaction. */
extern void flows_read(Sender *sender);

/* All of them are asked what is due. */
extern void flows_doubt(Sender *sender);
extern void flow_doubt(Flow *flow);

/* Nothing can be done just now. */
extern void sender_rest(Sender *sender);

/* Something is due at that time, for whichever. */
extern void flows_note(Sender *sender, TimestampTz due);

/* When to look after destinations of kind sql. */
extern int64 calls_wake_at(const Sender *sender, int64 now);

/* What breakers_write() and timings_write() wrote is there, or is not. */
extern void flows_written(Sender *sender, bool committed);

/* How many may be claimed, and when the flow is to be asked; NEVER: not yet known. */
extern int	flow_room(const Sender *sender, const Flow *flow, int64 now);
extern int64 flow_wakes_at(const Sender *sender, const Flow *flow, int64 now);

/* Would it be asked, were something due? */
extern bool flow_listens(const Sender *sender, const Flow *flow, int64 now);

/* sender_rate.c */
extern void rate_set(Rate *rate, int max, int64 per);
extern void rate_count(Rate *rate, int64 now);

/* How many more may begin, with so many under way; and when the next may. */
extern int	rate_room(const Rate *rate, int under_way, int64 now);
extern int64 rate_ready_at(const Rate *rate, int under_way);

/* sender_breaker.c */

/* What the row says: by a sender before this one, or by who closed it. */
extern void breaker_read(Breaker *breaker, const char *state, TimestampTz until);

/* What came of an attempt. */
extern void breaker_note(Flow *flow, const Flight *flight, bool is_trouble);

/* Something is sent: true where it is the probe. */
extern bool breaker_probe(Breaker *breaker);

/* What an answer says, for people. */
extern void breaker_note_error(Breaker *breaker, const char *error);

/* None is wanted any more. */
extern void breaker_close(Breaker *breaker);

/* Is there a state to be written now?  Write it, in a transaction. */
extern bool breaker_is_due(const Breaker *breaker, int64 now);
extern void breakers_write(Sender *sender);

/* sender_claim.c: claim what is due and send it */
extern void sender_claim(Sender *sender);

/* sender_air.c: what is under way */
extern void air_send(Sender *sender, const Prepared *prepared);

/* Take what came back. */
extern void air_collect(Sender *sender);

/*
 * uuid[] of those of a flow that must not be claimed again although their lease may
 * be over; or 0.
 */
extern Datum air_except(Sender *sender, const Flow *flow, TimestampTz now);
extern void air_land(Sender *sender, Flight *flight);

/* sender_record.c: record what came of it */

/* When there is something to record: NEVER, or now or later. */
extern int64 record_wakes_at(Sender *sender, int64 now);
extern void sender_record(Sender *sender);

/* sender_timing.c: how long attempts take */
extern void timing_note(Timings *timings, double seconds);
extern void timings_write(Sender *sender);

/* When they are to be written. */
extern int64 timing_wakes_at(const Timings *timings);

#endif							/* JOURNEY_SENDER_H */
