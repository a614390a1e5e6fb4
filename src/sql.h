/*-------------------------------------------------------------------------
 *
 * sql.h
 *	  Our own SQL from C: statements prepared once per backend, run as the
 *	  extension's owner with constant, schema-qualified text.
 *
 * Use:
 *		static SqlPlan plan = {"SELECT ... WHERE name = $1", 1, {TEXTOID}};
 *
 *		sql_begin();
 *		rows = sql_run(&plan, values, nulls);
 *		... sql_value(row, column, &isnull) ...
 *		sql_end();
 *
 * Results live until sql_end(); copy with sql_text()/sql_datum_copy first
 * where they must outlive it.  sql_begin remembers the caller's memory context
 * and sql_end restores it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SQL_H
#define JOURNEY_SQL_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

#include "role.h"

#define SQL_MAX_ARGS 16

typedef struct SqlPlan
{
	const char *text;
	int			nargs;
	Oid			argtypes[SQL_MAX_ARGS];
	SPIPlanPtr	plan;			/* kept; NULL until first used */
} SqlPlan;

typedef struct SqlSession
{
	MemoryContext caller;
	RoleSwitch	role;
} SqlSession;

/* Connect SPI and become the extension's owner; sql_end undoes both. */
extern void sql_begin(SqlSession *session);
extern void sql_end(SqlSession *session);

/* The same as whoever the current user is, with the settings that are. */
extern void sql_connect(SqlSession *session);
extern void sql_disconnect(SqlSession *session);

/* Run a statement that was made for this once. */
extern uint64 sql_run_text(const char *text, int nargs, Oid *argtypes, Datum *values);

/* Run; returns the number of rows processed.  nulls: NULL where none is null. */
extern uint64 sql_run(SqlPlan *plan, Datum *values, const bool *nulls);

/* The same, reading with this snapshot (definitions: GetLatestSnapshot()). */
extern uint64 sql_read(SqlPlan *plan, Datum *values, const bool *nulls, Snapshot snapshot);

/*
 * A query whose rows are fetched in portions, as they were when it was opened: 0
 * at its end.  Open and fetch between sql_begin and sql_end, not necessarily the
 * same ones; it lives until it is closed, or the (sub)transaction ends.
 */
typedef Portal SqlCursor;
extern SqlCursor sql_open(SqlPlan *plan, Datum *values);
extern uint64 sql_fetch(SqlCursor cursor, long count);
extern void sql_close(SqlCursor cursor);

/*
 * Run a statement over whole sets once, not kept: it sees the rows as a relation
 * of that name, and joins them by no nested loop, whatever is believed of their
 * number.  What it gives goes to the other tuplestore, if there is one.
 */
typedef struct SqlRows
{
	const char *name;
	TupleDesc	desc;
	Tuplestorestate *rows;		/* made for random access */
} SqlRows;
extern uint64 sql_run_over(const SqlPlan *plan, Datum *values, const SqlRows *over,
						   Tuplestorestate *into);

/*
 * In a procedure that may: commit, and go on in a new transaction.  Neither open
 * cursors nor sql_begin may be in force.
 */
extern void sql_commit(void);

/* A column of a row of the last result, columns from 1, rows from 0. */
extern Datum sql_value(uint64 row, int column, bool *isnull);

/* The same, copied into the caller's memory context; NULL for null. */
extern char *sql_text(SqlSession *session, uint64 row, int column);
extern Datum sql_datum(SqlSession *session, uint64 row, int column, bool *isnull);

/*
 * OID of a relation or sequence in schema journey, remembered by the address of
 * its name (a literal); raises 42P01 where it is gone.
 */
extern Oid	sql_relation(const char *name);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void sql_invalidate(Oid relid);

/* An array of a type that has one; nulls: NULL where none is null. */
extern Datum sql_array(Datum *values, const bool *nulls, int n, Oid type);

/* text[] of a list of char *. */
extern Datum sql_text_array(List *names);

/* Put the last result into the function's materialized result set, as is. */
extern void sql_return_rows(FunctionCallInfo fcinfo);

#endif							/* JOURNEY_SQL_H */
