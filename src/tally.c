/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  Counting what became of attempts, for journey.delivery.
 *
 * A transaction writes its counts once, just before it commits: whoever answers
 * for a thousand actions in one would else write the same row a thousand times,
 * and find it slower each time.  It adds to a row that nobody holds, or to one of
 * its own; so nobody waits, and journey_maintain() adds up what there is too much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "sql.h"
#include "tally.h"

/* What a (sub)transaction has counted, in TopTransactionContext. */
typedef struct Tally
{
	char	   *destination;
	int			level;			/* transaction nesting level */
	DeliveryCount count;
} Tally;

static List *tallies = NIL;		/* Tally *, innermost level last */

static Tally *
find_tally(const char *destination, int level)
{
	ListCell   *cell;

	foreach(cell, tallies)
	{
		Tally	   *tally = lfirst(cell);

		if (tally->level == level && strcmp(tally->destination, destination) == 0)
			return tally;
	}
	return NULL;
}

static void
add(DeliveryCount *sum, const DeliveryCount *count)
{
	sum->delivered += count->delivered;
	sum->failed += count->failed;
	sum->dead += count->dead;
}

void
tally_add(const char *destination, const DeliveryCount *count)
{
	int			level = GetCurrentTransactionNestLevel();
	Tally	   *tally = find_tally(destination, level);

	if (tally == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

		tally = palloc0(sizeof(Tally));
		tally->destination = pstrdup(destination);
		tally->level = level;
		tallies = lappend(tallies, tally);
		MemoryContextSwitchTo(old);
	}
	add(&tally->count, count);
}

/*
 * Part 0 is the sender's.  A transaction's id is nobody else's, and more than any
 * part that another server left in a restored database is likely to have; where
 * it is not, the two are added.  Under a transaction's snapshot a row that others
 * have written since would be an error.
 */
static void
write_tally(const Tally *tally)
{
	static SqlPlan plan = {
		"WITH free AS MATERIALIZED (SELECT part FROM journey.delivery_total"
		" WHERE destination OPERATOR(pg_catalog.=) $1"
		" AND part OPERATOR(pg_catalog.<>) 0 AND $5 LIMIT 1 FOR UPDATE SKIP LOCKED)"
		" INSERT INTO journey.delivery_total AS t"
		" (destination, part, delivered, failed, dead)"
		" VALUES ($1, coalesce((SELECT part FROM free),"
		" pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8), $2, $3, $4)"
		" ON CONFLICT (destination, part) DO UPDATE"
		" SET delivered = t.delivered OPERATOR(pg_catalog.+) excluded.delivered,"
		" failed = t.failed OPERATOR(pg_catalog.+) excluded.failed,"
		" dead = t.dead OPERATOR(pg_catalog.+) excluded.dead",
		5, {TEXTOID, INT8OID, INT8OID, INT8OID, BOOLOID}
	};
	Datum		values[] = {CStringGetTextDatum(tally->destination),
		Int64GetDatum(tally->count.delivered), Int64GetDatum(tally->count.failed),
	Int64GetDatum(tally->count.dead), BoolGetDatum(!IsolationUsesXactSnapshot())};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

static void
write_tallies(void)
{
	ListCell   *cell;

	if (tallies == NIL)
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(cell, tallies)
		write_tally(lfirst(cell));
	PopActiveSnapshot();
	tallies = NIL;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		write_tallies();
	else
		tallies = NIL;
}

/* Those of that level become the level's around it, or nothing. */
static void
close_level(int level, bool keep)
{
	List	   *closed = NIL;
	ListCell   *cell;

	while (tallies != NIL && ((Tally *) llast(tallies))->level >= level)
	{
		closed = lappend(closed, llast(tallies));
		tallies = list_delete_last(tallies);
	}
	if (!keep)
		return;
	foreach(cell, closed)
	{
		Tally	   *tally = lfirst(cell);
		Tally	   *outer = find_tally(tally->destination, level - 1);

		tally->level = level - 1;
		if (outer != NULL)
			add(&outer->count, &tally->count);
		else
			tallies = lappend(tallies, tally);
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	MemoryContext old;

	if (tallies == NIL ||
		(event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	close_level(GetCurrentTransactionNestLevel(), event == SUBXACT_EVENT_COMMIT_SUB);
	MemoryContextSwitchTo(old);
}

void
tally_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
