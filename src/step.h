/*-------------------------------------------------------------------------
 *
 * step.h
 *	  A step: what it is about, what it has decided, and the world it acts on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_STEP_H
#define JOURNEY_STEP_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/elog.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "guc.h"
#include "model.h"

/* As stored in member_row.state. */
typedef enum MemberState
{
	MEMBER_ACTIVE = 'a',
	MEMBER_IN_TRANSIT = 't',
	MEMBER_FAILED = 'f',
	MEMBER_EXITED = 'x'
} MemberState;

/* As stored in transition_row.reason; see DECISIONS 10 for the rows. */
typedef enum Reason
{
	REASON_ENTRY = 'e',
	REASON_EVENT = 'v',
	REASON_TIMER = 't',
	REASON_STEP = 's',
	REASON_EXIT_RULE = 'x',
	REASON_RESTARTED = 'r',
	REASON_EXPIRED = 'd',
	REASON_NO_PATH = 'n',
	REASON_MAX_VISITS = 'm',
	REASON_STOPPED = 'p',
	REASON_HOLDOUT = 'h',
	REASON_MIGRATED = 'i',
	REASON_RETRIED = 'b',
	REASON_MANUAL = 'u',
	REASON_GOAL = 'g',
	REASON_FAILED = 'f'
} Reason;

/* Order by bytes: that in which everybody goes through customers. */
static inline int
text_order(const text *a, const text *b)
{
	int			n = VARSIZE_ANY_EXHDR(a);
	int			m = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(n, m));

	return order != 0 ? order : n - m;
}

/* The same bytes? */
static inline bool
text_is(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

#define NO_TILE (-1)
#define NO_EDGE (-1)

/* What the members of before say about entering a journey once more. */
typedef struct EntryHistory
{
	bool		had_key;		/* a member of that key has entered before */
	TimestampTz last_entry;		/* of the customer, whatever key; or NO_TIME */
} EntryHistory;

typedef struct Member
{
	int64		id;
	TimestampTz entered_at;
	TimestampTz arrived_at;
	TimestampTz due_at;			/* next thing that time alone does; or NO_TIME */
	TimestampTz ready_at;		/* NO_TIME: the tile still holds it, or has
								 * not had its effect */
	TimestampTz exited_at;		/* NO_TIME: not */
	TimestampTz converted_at;	/* NO_TIME: not */
	int32		journey_id;
	int32		seq;			/* of its last transition */
	int16		version;
	int16		tile;
	char		state;			/* MemberState */
	char		tries;			/* how often the tile was asked again after an
								 * error */
	text	   *key;
	Jsonb	   *context;		/* NULL: {} */
	text	   *outcome;		/* NULL: none yet */
	TimestampTz holds_until;	/* where due_at is earlier than what the
								 * member waits for (it asks again, or
								 * expires): that; DT_NOEND: no time; else
								 * NO_TIME */
	int64		shifted;		/* by how much pauses have put off its
								 * max_duration, in microseconds */
	int64		parent;			/* the member whose sub_journey tile awaits
								 * this one; 0: none */
	pg_uuid_t  *awaits;			/* the action whose result the tile awaits, or
								 * NULL */
	Jsonb	   *result;			/* {outcome, response} of the last such tile,
								 * or NULL */
	int16		pauses;			/* of its journey, that it has behind it */

	/* Not stored. */
	Journey    *journey;		/* its version's definition */
	struct Member *before;		/* as it was before the step; itself there */
	ItemPointerData tid;		/* invalid: not stored yet */
	bool		changed;
	bool		broken;			/* on a tile that its version does not have */
	bool		replaces;		/* new, while an old run of the same key exits */
	bool		arriving;		/* has just come to its tile */
	bool		asked_history;	/* its entry hung on history: */
	EntryHistory history;
} Member;

/* Where a member is that is not broken. */
static inline Tile *
member_tile(const Member *member)
{
	return &member->journey->tiles[member->tile];
}

typedef struct Event
{
	int64		id;
	text	   *type;
	char	   *name;			/* the same as a C string */
	Jsonb	   *props;
	TimestampTz at;
	TimestampTz received_at;
	ItemPointerData tid;		/* where it was logged */
} Event;

typedef struct Transition
{
	Member	   *member;
	int32		seq;
	int16		from;			/* NO_TILE: none */
	int16		to;
	int			edge;			/* NO_EDGE: none */
	int16		version;
	int64		event_id;		/* 0: none */
	Reason		reason;
	bool		is_visit;		/* an arrival, see store_count_visits */
} Transition;

typedef struct Action
{
	Member	   *member;
	Tile	   *tile;
	Jsonb	   *payload;
	Jsonb	   *limits;			/* see hold.h; NULL: none */
	pg_uuid_t	id;
	int32		seq;			/* of the member's last transition then, which
								 * led to the tile or left it there */
	bool		suppressed;		/* by a cap: never sent */
	TimestampTz next_attempt_at;	/* NO_TIME where suppressed */
	TimestampTz expires_at;		/* NO_TIME: never */
} Action;

/* Actions to be cancelled. */
typedef struct Cancel
{
	int64		member;			/* of this member: those that are pending */
	bool		held_only;		/* only those that quiet hours still hold */
	const pg_uuid_t *expired;	/* or this one alone, because it has expired */
} Cancel;

/*
 * What is to be done after the step, for the same customer, in a step of its
 * own: an internal event (rule 15), the entry of a sub-journey's member, the
 * result that a tile awaits, or what an update_profile tile writes to the bound
 * table.  The last comes before all others, and the member goes on as part of the
 * step that raised it: with its event, and at its time.
 */
typedef enum RaisedKind
{
	RAISED_EVENT,
	RAISED_CHILD,
	RAISED_RESULT,
	RAISED_PATCH
} RaisedKind;

typedef struct Raised
{
	RaisedKind	kind;
	Journey    *journey;		/* that of the member that raised it */
	const char *event;			/* event */
	Jsonb	   *props;			/* event; patch: what is written, once that
								 * was asked */
	int64		member;			/* child: the parent; result: who awaits it;
								 * patch: whose tile it is */
	int16		tile;			/* the tile that awaits, or enters the child */
	text	   *key;			/* child */
	Jsonb	   *context;
	const char *outcome;		/* result */
	Jsonb	   *response;
	bool		is_error;
	Event	   *step_event;		/* patch: of the step that raised it */
	Jsonb	   *step_props;
	TimestampTz due_at;
	int			depth;			/* patch: writes in a row without anything
								 * between, from 1 */
	char		tries;			/* of the tile, so far */
	const char *zone;			/* the member's */
} Raised;

/* The customer comes into an audience, or leaves it. */
typedef struct Membership
{
	const char *audience;
	bool		enters;
} Membership;

/* Customers whom an event of somebody else enters. */
typedef struct Fanned
{
	Journey    *journey;
	List	   *customers;		/* text *, sorted, each once */
	const Event *event;
	TimestampTz at;
} Fanned;


typedef struct Failure
{
	Journey    *journey;
	int16		tile;
	int			edge;
	int			sqlstate;
	char	   *message;
} Failure;

typedef struct Step Step;

/*
 * The world a step acts on: the tables (store_live), or something that only
 * looks like them.
 */
typedef struct StoreOps
{
	/* The customer's traits, never NULL. */
	Jsonb	   *(*traits) (Step *step);
	/* How often the member has arrived at that tile, before this step. */
	int			(*visits) (Step *step, const Member *member, int16 tile);
	/* An id for a member that enters. */
	int64		(*member_id) (void);
	/* The customer's members of that journey, exited ones too. */
	EntryHistory (*history) (Step *step, const Journey *journey, text *key);
	bool		(*in_audience) (Step *step, const char *audience);

	/*
	 * The customer's actions with that tag created later than since, but for
	 * those that the step cancels.
	 */
	int			(*count_actions) (Step *step, const char *tag, TimestampTz since);

	/*
	 * The customer's events of that name since the member entered, by (at,
	 * id), but for those that have entered or moved it: Event *.
	 */
	List	   *(*past_events) (Step *step, const Member *member, const char *event);

	/*
	 * What became of the action that a member awaits, and *response; NULL: it
	 * is on its way, and *again says when to look again, if ever.  Where it
	 * has just expired, that is added to the step's cancels.
	 */
	const char *(*action_outcome) (Step *step, const pg_uuid_t *id, TimestampTz *again,
								   Jsonb **response);

	/* Make what was written visible to SQL and push a snapshot that sees it. */
	void		(*push_snapshot) (Step *step);

	/*
	 * Write a RAISED_PATCH to the bound table; NULL, or what went wrong.
	 * *changed: what $profile_changed is to say, NULL for nothing.  Members
	 * of the customer may have been moved by what that set off.
	 */
	ErrorData  *(*patch) (Step *step, const Raised *raised, Jsonb **changed);

	/*
	 * Write what the step decided.  False: somebody else has entered a member
	 * of the same key; nothing but the event was written, and it has ended.
	 */
	bool		(*write) (Step *step);
} StoreOps;

typedef struct StepScope
{
	Scope		scope;			/* first: the evaluator knows this part */
	Step	   *step;
	const Member *member;		/* NULL: nobody has entered yet */
	const Member *zone_member;	/* for whom zone was found out */
	Journey    *zone_journey;
	const char *zone;			/* NULL: not yet */
} StepScope;

struct Step
{
	MemoryContext cxt;			/* everything that the step allocates */
	const StoreOps *store;
	text	   *customer;
	TimestampTz now;			/* the step's time */
	TimestampTz received_at;	/* the server's */
	Event	   *event;			/* NULL: a timer or a verb asks */
	Jsonb	   *props;			/* without event: what a verb gave; NULL: {} */
	TimestampTz due_at;			/* of the timer that asks, or NO_TIME */
	Reason		reason;			/* of the first row that a member's move
								 * writes */
	bool		patient;		/* may wait for other transactions */
	bool		unhurried;		/* could so from its beginning: it works off
								 * nothing that can as well be left for later */
	bool		nested;			/* part of another customer's step */
	List	   *pending;		/* Raised *, of the steps so far, still to be
								 * done */
	int			followed;		/* how many were done */
	int			depth;			/* see Raised; 0 but after a write */
	List	   *fans;			/* Fanned *, of the steps so far */
	List	   *stored;			/* Member *: as they are, locked, by
								 * (entered_at, id) */

	/* What was decided; each attempt begins anew. */
	bool		careful;		/* isolate each expression, record what errs */
	List	   *members;		/* Member *: as they will be; new ones at the
								 * end */
	List	   *transitions;
	List	   *actions;
	List	   *failures;
	List	   *patches;		/* Jsonb *, merged into the traits */
	List	   *cancels;		/* Cancel * */
	List	   *raised;			/* Raised * */
	List	   *left;			/* Member *, parents that await their child no
								 * longer */
	List	   *fanned;			/* Fanned * */
	List	   *memberships;	/* Membership * */
	List	   *held;			/* Member *, of paused journeys that will want
								 * the event after the pause */
	Jsonb	   *traits;			/* NULL: not read yet */
	StepScope	scope;
};

#endif							/* JOURNEY_STEP_H */
