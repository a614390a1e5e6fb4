/*-------------------------------------------------------------------------
 *
 * store.h
 *	  The only code that reads and writes the hot tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_STORE_H
#define JOURNEY_STORE_H

#include "postgres.h"

#include "engine.h"
#include "hot.h"

/* The tables themselves, for steps that happen. */
extern const StoreOps store_live;

/* ---- store_member.c ---- */

/* Whether rows that others hold are waited for. */
typedef enum LockWait
{
	LOCK_WAIT,
	LOCK_SKIP
} LockWait;

/* An event that may be somebody's goal. */
typedef struct GoalEvent
{
	const char *name;
	TimestampTz at;				/* or, where not known yet, now */
} GoalEvent;

/*
 * Lock the customer's open members, in (entered_at, id) order, and read them
 * as they are then: Member * in CurrentMemoryContext.  With a goal event also
 * those exited ones whose goal it could be, at the end.  Members of journeys
 * that are gone are left out.  Whoever had to wait sees what the other has
 * committed, members that it has entered too.  False (with LOCK_SKIP only):
 * somebody holds one.
 */
extern bool store_lock_members(text *customer, const GoalEvent *goal,
							   LockWait wait, List **members);

/* False: somebody has that key; nothing was inserted. */
extern bool store_insert_member(Step *step, Member *member);

/* For a key whose open run this step has just ended. */
extern void store_replace_member(Step *step, Member *member);
extern void store_update_member(Step *step, Member *member);
extern void store_undo_insert(Member *member);

/* False: somebody has entered it; true: they gave up, or have exited since. */
extern bool store_wait_for_key(Step *step, Member *member);

/* One due member as the due index shows it; nothing is locked. */
typedef struct DueMember
{
	text	   *customer;
	int64		id;
	TimestampTz due_at;
} DueMember;

/*
 * Append at most max members of that journey that are due by then, in order,
 * as DueMember * in CurrentMemoryContext.
 */
extern List *store_due_members(int32 journey, TimestampTz by, int64 max, List *due);

/* The first due time of that journey, or NO_TIME. */
extern TimestampTz store_first_due(int32 journey);

/* ---- store_log.c ---- */
extern int64 store_event_id(void);
extern void store_append_event(text *customer, Event *event);

/* Take back an event that this transaction has just logged. */
extern void store_undo_event(const Event *event);
extern void store_append_transition(Step *step, const Transition *transition);

/*
 * This transaction's id, that of the oldest transaction of the database that
 * still runs or whose end a statement may not see, and the last one given out,
 * all as transition_row.xact has them.
 */
extern int64 store_xact(void);
extern int64 store_oldest_xact(void);
extern int64 store_last_xact(void);
extern int	store_count_visits(Step *step, const Member *member, int16 tile);

/* Reading the event log: see history.c for those who ask. */
typedef struct EventQuery
{
	text	   *customer;
	text	   *event;
	TimestampTz since;			/* DT_NOBEGIN: ever */
	TimestampTz until;			/* inclusive */
	Jsonb	   *filter;			/* NULL: any props */
} EventQuery;

/* Called for each that is found, in no order; false ends the search. */
typedef bool (*EventVisitor) (Jsonb *props, TimestampTz at, int64 id, void *arg);
extern void store_find_events(const EventQuery *query, EventVisitor visit, void *arg);

/*
 * The customer's events of that name since the member entered, by (at, id), but
 * for those that have entered or moved it: Event *.
 */
extern List *store_past_events(Step *step, const Member *member, const char *event);

/* ---- store_ask.c ---- */
extern EntryHistory store_history(Step *step, const Journey *journey, text *key);

/*
 * Is the history on which the member's entry was decided that of now, too, with
 * what others have committed meanwhile?
 */
extern bool store_history_stands(Step *step, const Member *member);
extern bool store_in_audience(Step *step, const char *audience);
extern void store_hold_event(text *customer, int32 journey, int pause, const Event *event);
extern List *store_held_events(text *customer, int32 journey, int pause);

/* Those of that pause, and of any before it; were there any? */
extern bool store_drop_held(text *customer, int32 journey, int pause);
extern List *store_held_customers(int32 journey, int64 max);

/*
 * After the customer's members have caught up: what is still held for them, but
 * by paused journeys, was for members who had exited before the pause ended.  Was
 * there anything?
 */
extern bool store_drop_leftovers(text *customer);

/* ---- store_journey.c ---- */

/*
 * The customers with open members in that journey, each once, in byte order:
 * at most max, later than that one (NULL: from the first).
 */
extern List *store_open_customers(int32 journey, const text *after, int max);

/* What the journey has not sent yet will not be sent. */
extern void store_cancel_pending(const char *journey);

/* ---- store_membership.c ---- */

/* False: it is so already, or others have made it so meanwhile. */
extern bool store_write_membership(text *customer, const Membership *membership);

/*
 * Is the customer in that audience?  Whoever is writing that is waited for, and
 * a row that there is stays until we have ended.
 */
extern bool store_lock_membership(text *customer, const char *audience);

/* The same, waiting for nobody.  False: somebody holds that row. */
extern bool store_try_membership(text *customer, const char *audience, bool *is_member);

/*
 * Until we have ended, or take it back, nobody else decides whether the customer,
 * who is not in that audience, enters it.  False: somebody is at it.
 */
extern bool store_reserve_membership(text *customer, const char *audience, ItemPointer tid);
extern void store_unreserve_membership(ItemPointer tid);

/* Wait for whoever has done that.  False: the customer has been entered. */
extern bool store_wait_for_membership(text *customer, const char *audience);

/* ---- store_side.c ---- */
extern Jsonb *store_traits(text *customer);
extern void store_merge_traits(text *customer, Jsonb *patch, TimestampTz now);
extern void store_insert_failure(text *customer, TimestampTz now, const Failure *failure);

/*
 * What erred is no journey but, say, "watch of public.orders" or "audience vip";
 * customer may be NULL.
 */
extern void store_insert_source_failure(const char *source, text *customer,
										int sqlstate, const char *message);

/* ---- store_action.c ---- */

/* What action.last_error says of one that expired. */
#define EXPIRED_ERROR "expired"

extern void store_insert_action(Step *step, const Action *action);

/* See StoreOps. */
extern int	store_count_actions(Step *step, const char *tag, TimestampTz since);
extern const char *store_action_outcome(Step *step, const pg_uuid_t *id,
										TimestampTz *again, Jsonb **response);

/* The key of a member that there was; NULL: it is gone. */
extern char *store_member_key(text *customer, int64 member);

/* Those of the member that are pending; held_only: and not due yet, never tried. */
extern void store_cancel_actions(text *customer, int64 member, bool held_only,
								 TimestampTz now);

/* False: somebody holds it, or it is no longer on its way. */
extern bool store_expire_action(text *customer, const pg_uuid_t *id, TimestampTz now);

#endif							/* JOURNEY_STORE_H */
