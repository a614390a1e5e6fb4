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

#include "step.h"

/* ---- engine.c: running a step ---- */

/* What is to be decided; may raise what an author's SQL raises unless careful. */
typedef void (*Decision) (Step *step, void *arg);

/*
 * Decide and write; false: decide again, on newly locked members (see write).
 * The caller has filled in cxt, store, customer, the times, event and stored.
 */
extern bool step_run(Step *step, Decision decide, void *arg);

/* Decide only; what was decided stands in the step until the next decision. */
extern void step_ask(Step *step, Decision decide, void *arg);

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

/* Does an update_profile tile hold it until the bound table is written? */
extern bool member_awaits_patch(const Member *member);

/* It is written. */
extern void member_patched(Step *step, Member *member);

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

/* What an update_profile tile sets; NULL: it erred, and was recorded. */
extern Jsonb *tile_patch(Step *step, const Member *member, Tile *tile, int *sqlstate);

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
extern Jsonb *member_response(const Jsonb *result); /* NULL: none */

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

/* text *: in the order in which everybody locks them, each once; frees the list. */
extern List *sort_customers(List *all);

/* Whom the step's event would enter instead of its customer: step->fanned. */
extern void decide_fans(Step *step, void *unused);

/* ---- resume.c: a timer ---- */
extern void decide_timer(Step *step, void *member_before);

/* The copy of a stored member that this attempt works on. */
extern Member *working_copy(Step *step, const Member *before);

/* When max_duration ends the member's run; NO_TIME: never. */
extern TimestampTz member_expiry(Step *step, const Member *member);

/* The member of that id among those of the step, exited or not; or NULL. */
extern Member *step_member(Step *step, int64 id);

#endif							/* JOURNEY_ENGINE_H */
