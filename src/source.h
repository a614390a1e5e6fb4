/*-------------------------------------------------------------------------
 *
 * source.h
 *	  The user's tables that have our trigger, and what their rows mean to us.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SOURCE_H
#define JOURNEY_SOURCE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "condition.h"

/* Name of the trigger, and of its function in schema journey. */
#define SOURCE_TRIGGER "journey_source"
#define SOURCE_FUNCTION "row_changed"

typedef enum Operation
{
	OPERATION_INSERT = 1,
	OPERATION_UPDATE = 2,
	OPERATION_DELETE = 4
} Operation;

/* An event that changed rows emit: a row of journey.watch. */
typedef struct Watch
{
	char	   *event;			/* perhaps with {operation} or {column} in it */
	Author		author;
	List	   *customer_columns;	/* char * */
	bool		every_column;	/* else: */
	List	   *props;			/* char *, see journey_watch */
	Expression *condition;		/* NULL: true */
	bool		is_queued;
	int			operations;		/* Operation, or'ed */
	bool		always;			/* whether a journey names it or not */
	uint64		roles;			/* what watch_event.c keeps: role_changes()
								 * when it was found out whether */
	bool		is_owners;		/* the author still owns the table; */
	TimestampTz told_at;		/* the statement for which it was recorded
								 * that he does not */
} Watch;

/* An audience that the table's rows decide, one customer at a time. */
typedef struct LiveAudience
{
	char	   *name;
	List	   *columns;		/* char *: the customer's, then the others
								 * that its query reads */
	Author		author;
	Expression *holds;			/* does its query give this customer? */
} LiveAudience;

typedef struct Source
{
	int			id;
	MemoryContext cxt;			/* holds all of this */
	Oid			relid;			/* the table; of its partitions the parent */
	Oid			trigger;		/* ours, on it */
	Oid			owner;			/* the table's */
	char	   *name;			/* the table's, for messages */
	TupleDesc	desc;			/* the table's */
	struct ColumnOutput *outputs;	/* what source_row.c keeps, NULL at first */
	struct HTAB *partitions;
	uint64		overran;
	bool		is_profile;		/* its rows are the customers' profiles */
	List	   *profile_columns;	/* then: char *, what names the customer */
	char	   *traits_column;	/* then: the jsonb column, or NULL */
	List	   *watches;		/* Watch *, in order of event */
	List	   *audiences;		/* LiveAudience *, in order of name */
} Source;

/*
 * NULL: there is none of that number, or its table is gone.  What it returns
 * stands until the next cache_refresh, unless cache_hold is in force.
 */
extern const Source *source_get(int id);

/* May anybody care for a change of its rows?  Never raises what is ours. */
extern bool source_is_heard(int id);

/* Would source_get(id) only look it up? */
extern bool source_is_known(int id);

/* A number that is another when any source may have changed. */
extern uint64 source_changes(void);

/* May anybody care for what it emits? */
extern bool watch_is_heard(const Watch *watch);

/* How much of a name comes before its first {. */
extern int	watch_prefix(const char *event);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void source_invalidate(Oid relid);

/*
 * Where the source's trigger is, as the catalogs have it; false: nowhere.  Other
 * triggers that call our function are anybody's.
 */
typedef struct SourcePlace
{
	Oid			relid;
	Oid			trigger;
} SourcePlace;
extern bool source_place(int id, SourcePlace *place);

/* Its table only; InvalidOid where there is none. */
extern Oid	source_relation(int id);
#endif							/* JOURNEY_SOURCE_H */
