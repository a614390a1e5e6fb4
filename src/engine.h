/*-------------------------------------------------------------------------
 *
 * engine.h
 *	  What a member does next.
 *
 * A step is one event, one timer or one verb, for one customer.  It decides
 * everything in memory, on copies of the customer's locked members, and then
 * hands the whole to the store: so a decision can be thrown away and made
 * again, with each expression isolated (an author's error) or on newer rows
 * (somebody else entered the same member first).
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ENGINE_H
#define JOURNEY_ENGINE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
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
	TimestampTz holds_until;	/* when the wait's hold ends, where due_at is
								 * something else: DT_NOEND: by no time; else
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
} Transition;

typedef struct Action
{
	Member	   *member;
	Tile	   *tile;
	Jsonb	   *payload;
	pg_uuid_t	id;
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
 * own: an internal event (rule 15), the entry of a sub-journey's member, or the
 * result that a tile awaits.
 */
typedef enum RaisedKind
{
	RAISED_EVENT,
	RAISED_CHILD,
	RAISED_RESULT
} RaisedKind;

typedef struct Raised
{
	RaisedKind	kind;
	Journey    *journey;		/* that of the member that raised it */
	const char *event;			/* event */
	Jsonb	   *props;
	int64		member;			/* child: the parent; result: who awaits it */
	int16		tile;			/* the tile that awaits, or enters the child */
	text	   *key;			/* child */
	Jsonb	   *context;
	const char *outcome;		/* result */
	Jsonb	   *response;
	bool		is_error;
} Raised;

/* Customers whom an event of somebody else enters. */
typedef struct Fanned
{
	Journey    *journey;
	const struct Rule *trigger;
	List	   *customers;		/* text *, sorted, each once */
} Fanned;

/* What a journey's member history says about entering once more. */
typedef struct EntryHistory
{
	bool		had_key;		/* a member of that key has entered before */
	TimestampTz last_entry;		/* of the customer, whatever key; NO_TIME */
} EntryHistory;

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
	/* Who of the customer has entered that journey before. */
	EntryHistory (*history) (Step *step, const Journey *journey, const text *key);
	bool		(*in_audience) (Step *step, const char *audience);
	/* The customer's actions with that tag created later than since. */
	int			(*count_actions) (Step *step, const char *tag, TimestampTz since);
	/*
	 * The customer's events of that name since the member entered, by (at,
	 * id), but for those that have entered or moved it: Event *.
	 */
	List	   *(*past_events) (Step *step, const Member *member, const char *event);

	/*
	 * What became of the action that a member awaits, and *response; NULL: it
	 * is on its way, and *again says when to look again, if ever.  Where it has
	 * just expired, that is added to the step's cancels.
	 */
	const char *(*action_outcome) (Step *step, const pg_uuid_t *id, TimestampTz *again,
								   Jsonb **response);

	/* Make what was written visible to SQL and push a snapshot that sees it. */
	void		(*push_snapshot) (Step *step);

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
	List	   *fanned;			/* Fanned * */
	List	   *held;			/* Member *, of paused journeys that will want
								 * the event after the pause */
	Jsonb	   *traits;			/* NULL: not read yet */
	StepScope	scope;
};

/* ---- engine.c: running a step ---- */

/* What is to be decided; may raise what an author's SQL raises unless careful. */
typedef void (*Decision) (Step *step, void *arg);

/*
 * Decide and write; false: decide again, on newly locked members (see write).
 * The caller has filled in cxt, store, customer, the times, event and stored.
 */
extern bool step_run(Step *step, Decision decide, void *arg);

/* After step_run: the open members as they are now become the stored ones. */
extern void step_settle(Step *step);

/* A member of this step that enters now, on the entry tile. */
extern Member *step_new_member(Step *step, Journey *journey, text *key, Jsonb *context);

/* ---- move.c: moving a member ---- */
extern void member_enter(Step *step, Member *member, Edge *edge);
extern void member_take(Step *step, Member *member, Edge *edge, Reason reason);
extern void member_advance(Step *step, Member *member);
extern void member_exit(Step *step, Member *member, Reason reason, const char *outcome);
extern void member_fail(Step *step, Member *member);
extern void member_erred(Step *step, Member *member, int sqlstate);
extern void member_note(Step *step, Member *member, Reason reason);

/* Put the member on that tile, by no edge, and let it go on from there. */
extern void member_place(Step *step, Member *member, Tile *tile, Reason reason);

/* What the tile awaited is in. */
extern void member_result(Step *step, Member *member, const char *outcome,
						  Jsonb *response, bool is_error);

/* False: the context would be larger than journey.max_props. */
extern bool member_merge_context(Member *member, Jsonb *props);

/* ---- choose.c: which edge ---- */
typedef struct Choice
{
	Edge	   *edge;			/* NULL: none */
	TimestampTz next;			/* when another becomes eligible, or NO_TIME */
	int			sqlstate;		/* of a condition that erred; 0: none did */
} Choice;

extern Choice choose_by_time(Step *step, Member *member);
extern Choice choose_by_event(Step *step, const Member *member);
extern int	percent_bucket(const char *journey, const char *tile, const text *customer);

/* ---- tile.c: what arriving at a tile does ---- */
typedef enum StepResultKind
{
	STEP_READY,
	STEP_WAIT,					/* until due, or again; for ever where both
								 * are NO_TIME */
	STEP_PAST,					/* ready, or over the edge on: past */
	STEP_UNDONE,				/* ready, or over the edge on: error */
	STEP_END,					/* with outcome */
	STEP_ERRED					/* with sqlstate, recorded */
} StepResultKind;

typedef struct StepResult
{
	StepResultKind kind;
	TimestampTz due;			/* when the tile's hold ends */
	TimestampTz again;			/* when to ask the tile again before that */
	const char *outcome;
	int			sqlstate;
} StepResult;

extern StepResult tile_enter(Step *step, Member *member, Tile *tile);

/* ---- wait.c: holding a member ---- */
extern StepResult wait_enter(Step *step, Member *member, Tile *tile);

/* A timer of the wait fired; its hold ends, or ended, at holds_until. */
extern StepResult wait_again(Step *step, Member *member, Tile *tile,
							 TimestampTz holds_until);

/* Does an event end the hold, by the tile's condition? */
extern bool wait_is_over(Step *step, const Member *member, Tile *tile);

/* ---- action.c: sending ---- */
extern StepResult action_enter(Step *step, Member *member, Tile *tile);

/*
 * A timer of a member that awaits an action: it has expired, or its result came
 * when the member could not move and is in member->result.
 */
extern StepResult action_again(Step *step, Member *member, Tile *tile);

/* ---- result.c: what tiles await ---- */
#define OUTCOME_DELIVERED "delivered"
#define OUTCOME_DEAD "dead"
#define OUTCOME_EXPIRED "expired"
#define OUTCOME_CANCELLED "cancelled"
#define OUTCOME_SUPPRESSED "suppressed"

/* As member.result has it; response: NULL for none. */
extern Jsonb *member_result_value(const char *outcome, Jsonb *response);
extern char *member_outcome(const Jsonb *result);
extern Jsonb *member_response(const Jsonb *result);	/* NULL: none */

/* Of an action: does the member leave over the edge on: error? */
extern bool outcome_is_error(const char *outcome);

/* ---- scope.c: asking authors' SQL ---- */
typedef enum Verdict
{
	VERDICT_FALSE,
	VERDICT_TRUE,
	VERDICT_ERROR				/* recorded */
} Verdict;

/* What is asked, for the record of a failure and the error's context. */
typedef struct Place
{
	Journey    *journey;
	const Member *member;		/* NULL: nobody has entered yet */
	int16		tile;			/* NO_TILE: the journey's own */
	int			edge;
} Place;

extern Verdict ask_condition(Step *step, const Place *place, Expression *condition, int *sqlstate);

/* False: it erred and was recorded. */
extern bool ask_value(Step *step, const Place *place, Expression *expr, Datum *value,
					  bool *isnull, int *sqlstate);
extern bool ask_template(Step *step, const Place *place, Template *template,
						 Jsonb **value, int *sqlstate);
extern void record_failure(Step *step, const Place *place, int sqlstate, const char *message);
extern const char *member_zone(Step *step, const Place *place);
extern Jsonb *step_traits(Step *step);

/* ---- match.c: an event ---- */
extern void decide_event(Step *step, void *unused);

/* For those who enter without an event; the key is NULL where it errs. */
extern text *entry_key(Step *step, Journey *journey);
extern Member *find_inside(Step *step, Journey *journey, const text *key);

/* ---- resume.c: a timer ---- */
extern void decide_timer(Step *step, void *member_before);

#endif							/* JOURNEY_ENGINE_H */
