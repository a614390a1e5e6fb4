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
	bool		nested;			/* part of another customer's step */
	List	   *pending;		/* Raised *, of the steps so far, still to be
								 * done */
	int			followed;		/* how many were done */
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

/* Raise an internal event, if anybody listens to it; props: its own. */
extern bool step_hears(const char *event);
extern void step_raise(Step *step, Journey *journey, const char *event, Jsonb *props);

/* Merge the patch into the customer's traits, and say what that changed. */
extern void step_patch_profile(Step *step, Journey *journey, Jsonb *patch);

/* ---- move.c: moving a member ---- */
extern void member_enter(Step *step, Member *member, Edge *edge);
extern void member_take(Step *step, Member *member, Edge *edge, Reason reason);
extern void member_advance(Step *step, Member *member);
extern void member_exit(Step *step, Member *member, Reason reason, const char *outcome);
extern void member_fail(Step *step, Member *member);
extern void member_erred(Step *step, Member *member, int sqlstate);
extern void member_hold_out(Step *step, Member *member);
extern void member_note(Step *step, Member *member, Reason reason);

/* Put the member on that tile, by no edge, and let it go on from there. */
extern void member_place(Step *step, Member *member, Tile *tile, Reason reason);

/* The tile's hold, and what it has asked so far, begin anew; see member_advance. */
extern void member_hold_anew(Member *member);

/* The tile holds the member no longer. */
extern void member_end_hold(Step *step, Member *member);

/* A timer of the tile that holds the member. */
extern void member_ask_tile(Step *step, Member *member);

/* Does a sub_journey tile hold it until its child is out? */
extern bool member_awaits_child(const Member *member);

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

/* Among the edges with that "on". */
extern Choice choose_on(Step *step, Member *member, EdgeOn on);

/*
 * Among the edges that events since the entry may have met.  Where one has, the
 * step's event is that one from then on.
 */
extern Choice choose_by_past(Step *step, Member *member);
extern int	percent_bucket(const char *journey, const char *tile, const text *customer);

/* ---- tile.c: what arriving at a tile does ---- */
typedef enum StepResultKind
{
	STEP_READY,
	STEP_WAIT,					/* until due, or again; for ever where both
								 * are NO_TIME */
	STEP_PAST,					/* over the edge on: past; without one as
								 * STEP_WAIT, or ready where due is NO_TIME */
	STEP_UNDONE,				/* over the edge on: error; without one, ready */
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

/* The tile keeps the member, as it says. */
extern void member_hold(Member *member, const StepResult *result);

extern StepResult tile_enter(Step *step, Member *member, Tile *tile);

/* A timer of the tile that holds the member; holds_until is for waits. */
extern StepResult tile_again(Step *step, Member *member, Tile *tile,
							 TimestampTz holds_until);

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

/* The member's action has expired: tell who listens. */
extern void action_raise_expired(Step *step, const Member *member, const Tile *tile);

/* Does the member leave over the edge on: error?  That of any tile, of an action. */
extern bool result_is_error(const Tile *tile, const char *outcome);
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

/* Arrivals at the member's tile, this one included. */
extern int	count_visits(Step *step, const Member *member);

/* ---- match.c: an event ---- */
extern void decide_event(Step *step, void *unused);

/* An event of a pause, for the members of that journey that were there. */
typedef struct Replay
{
	int32		journey;
	int			pause;			/* from 1 */
} Replay;
extern void decide_replay(Step *step, void *replay);

/* Does the step's event meet the rule? */
extern bool rule_is_met(Step *step, const Place *place, const Rule *rule);

/* ---- entry.c: entering ---- */
typedef struct EntryPlan
{
	Journey    *journey;
	Edge	   *edge;			/* the trigger that leaves entry, or NULL */
	text	   *key;
	Jsonb	   *context;
	int64		parent;			/* see Member */
	Member	   *inside;			/* the open member of that key, or NULL */
	bool		asked_history;
	EntryHistory history;
} EntryPlan;

/* May the customer enter?  NULL: not.  The key is that of the journey. */
extern EntryPlan *entry_plan(Step *step, Journey *journey, Jsonb *context);

/* The same with a key that is known. */
extern EntryPlan *entry_plan_key(Step *step, Journey *journey, text *key, Jsonb *context);

/* The plan for an event that meets one of the journey's triggers; NULL: none. */
extern EntryPlan *entry_plan_event(Step *step, Journey *journey);

/* The member that entered; where the rules merge, the one inside; or NULL. */
extern Member *entry_carry_out(Step *step, const EntryPlan *plan);
extern void decide_fanned(Step *step, void *fanned);

/* ---- resume.c: a timer ---- */
extern void decide_timer(Step *step, void *member_before);

/* The copy of a stored member that this attempt works on. */
extern Member *working_copy(Step *step, const Member *before);

/* When max_duration ends the member's run; NO_TIME: never. */
extern TimestampTz member_expiry(Step *step, const Member *member);

/* The member of that id among those of the step, exited or not; or NULL. */
extern Member *step_member(Step *step, int64 id);

#endif							/* JOURNEY_ENGINE_H */
