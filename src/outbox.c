/*-------------------------------------------------------------------------
 *
 * outbox.c
 *	  Reading journey.action in the order in which actions leave.
 *
 * The index action_next leads from the destination to the journey to the time.
 * Which journeys have anything there is found by one look-up for each; those
 * that have something due are read side by side, always the one whose head is
 * oldest.  So the rows of a paused journey cost one look-up, however many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "compat.h"
#include "hot.h"
#include "outbox.h"
#include "sql.h"

/* Columns of action_next. */
#define KEY_DESTINATION 1
#define KEY_JOURNEY 2
#define KEY_NEXT 3

/* One journey that has something due. */
typedef struct Head
{
	IndexScanDesc scan;
	TupleTableSlot *slot;		/* its oldest row that was not given yet */
	TimestampTz next;			/* of that row */
	text	   *journey;		/* the scan's keys point to it */
	bool		is_stopped;
} Head;

struct Outbox
{
	Relation	rel;
	Relation	index;
	Snapshot	snapshot;
	List	   *heads;			/* Head * */
	Head	   *given;			/* whose row was given last; or NULL */
	MemoryContext row_cxt;		/* what of that row had to be copied */
};

static Datum
column(TupleTableSlot *slot, int number, bool *isnull)
{
	return slot_getattr(slot, number + 1, isnull);
}

static TimestampTz
next_attempt(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetTimestampTz(column(slot, ACTION_NEXT_ATTEMPT_AT, &isnull));
}

/* ---- which journeys ---- */

static void
begin(Outbox *outbox)
{
	Oid			relid = sql_relation("action");

	outbox->rel = table_open(relid, AccessShareLock);
	outbox->index = index_open(sql_relation("action_next"), AccessShareLock);
	outbox->snapshot = hot_snapshot();
}

static void
set_text_key(ScanKey key, int column, StrategyNumber strategy, RegProcedure proc,
			 const text *value)
{
	ScanKeyEntryInitialize(key, 0, column, strategy, InvalidOid, C_COLLATION_OID, proc,
						   PointerGetDatum(value));
}

/* Called for each journey with its oldest row. */
typedef void (*JourneyVisitor) (Outbox *outbox, const OutboxRange *range,
								const text *journey, TupleTableSlot *first, void *arg);

static void
each_journey(Outbox *outbox, const OutboxRange *range, JourneyVisitor visit, void *arg)
{
	TupleTableSlot *slot = table_slot_create(outbox->rel, NULL);
	IndexScanDesc scan = index_beginscan_compat(outbox->rel, outbox->index,
												outbox->snapshot, 2);
	text	   *last = cstring_to_text("");
	ScanKeyData keys[2];

	set_text_key(&keys[0], KEY_DESTINATION, BTEqualStrategyNumber, F_TEXTEQ,
				 range->destination);
	for (;;)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		set_text_key(&keys[1], KEY_JOURNEY, BTGreaterStrategyNumber, F_TEXT_GT, last);
		index_rescan(scan, keys, 2, NULL, 0);
		if (!index_getnext_slot(scan, ForwardScanDirection, slot))
			break;
		pfree(last);
		last = DatumGetTextPCopy(column(slot, ACTION_JOURNEY, &isnull));
		visit(outbox, range, last, slot, arg);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

static void
end(Outbox *outbox)
{
	UnregisterSnapshot(outbox->snapshot);
	index_close(outbox->index, AccessShareLock);
	table_close(outbox->rel, AccessShareLock);
}

static const JourneyState *
state_of(const text *journey)
{
	char	   *name = text_to_cstring(journey);
	const JourneyState *state = cache_by_name(name);

	pfree(name);
	return state;
}

/* ---- reading ---- */

/* False: it has nothing more. */
static bool
advance(Head *head)
{
	if (!index_getnext_slot(head->scan, ForwardScanDirection, head->slot))
		return false;
	head->next = next_attempt(head->slot);
	return true;
}

static void
drop_head(Head *head)
{
	index_endscan(head->scan);
	ExecDropSingleTupleTableSlot(head->slot);
	pfree(head->journey);
	pfree(head);
}

static Head *
open_head(Outbox *outbox, const OutboxRange *range, const text *journey)
{
	Head	   *head = palloc0(sizeof(Head));
	ScanKeyData keys[4];

	set_text_key(&keys[0], KEY_DESTINATION, BTEqualStrategyNumber, F_TEXTEQ,
				 range->destination);
	head->journey = DatumGetTextPCopy(PointerGetDatum(journey));
	set_text_key(&keys[1], KEY_JOURNEY, BTEqualStrategyNumber, F_TEXTEQ, head->journey);
	ScanKeyInit(&keys[2], KEY_NEXT, BTGreaterEqualStrategyNumber, F_TIMESTAMP_GE,
				TimestampTzGetDatum(range->from));
	ScanKeyInit(&keys[3], KEY_NEXT, BTLessEqualStrategyNumber, F_TIMESTAMP_LE,
				TimestampTzGetDatum(range->to));
	head->slot = table_slot_create(outbox->rel, NULL);
	head->scan = index_beginscan_compat(outbox->rel, outbox->index, outbox->snapshot, 4);
	index_rescan(head->scan, keys, 4, NULL, 0);
	return head;
}

static void
visit_head(Outbox *outbox, const OutboxRange *range, const text *journey,
		   TupleTableSlot *first, void *unused)
{
	const JourneyState *state = state_of(journey);
	Head	   *head;

	if (next_attempt(first) > range->to ||
		(state != NULL && state->is_paused && !range->with_paused))
		return;
	head = open_head(outbox, range, journey);
	head->is_stopped = state != NULL && state->is_stopped;
	if (advance(head))
		outbox->heads = lappend(outbox->heads, head);
	else
		drop_head(head);
}

Outbox *
outbox_open(const OutboxRange *range)
{
	Outbox	   *outbox = palloc0(sizeof(Outbox));

	begin(outbox);
	outbox->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "journey outbox row",
											ALLOCSET_SMALL_SIZES);
	each_journey(outbox, range, visit_head, NULL);
	return outbox;
}

static Head *
oldest_head(const Outbox *outbox)
{
	Head	   *oldest = NULL;
	ListCell   *cell;

	foreach(cell, outbox->heads)
	{
		Head	   *head = lfirst(cell);

		if (oldest == NULL || head->next < oldest->next)
			oldest = head;
	}
	return oldest;
}

static Jsonb *
json_column(TupleTableSlot *slot, int number)
{
	bool		isnull;
	Datum		value = column(slot, number, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

static void
read_row(const Head *head, OutboxRow *row)
{
	TupleTableSlot *slot = head->slot;
	bool		isnull;
	Datum		expires = column(slot, ACTION_EXPIRES_AT, &isnull);
	text	   *state;

	row->expires_at = isnull ? NO_TIME : DatumGetTimestampTz(expires);
	row->id = DatumGetUUIDP(column(slot, ACTION_ID, &isnull));
	row->customer = DatumGetTextPP(column(slot, ACTION_CUSTOMER, &isnull));
	row->attempts = DatumGetInt32(column(slot, ACTION_ATTEMPTS, &isnull));
	state = DatumGetTextPP(column(slot, ACTION_STATE, &isnull));
	row->is_in_flight = VARSIZE_ANY_EXHDR(state) == strlen("in_flight") &&
		memcmp(VARDATA_ANY(state), "in_flight", strlen("in_flight")) == 0;
	row->is_stopped = head->is_stopped;
	row->retry = json_column(slot, ACTION_RETRY);
	row->limits = json_column(slot, ACTION_LIMITS);
}

bool
outbox_next(Outbox *outbox, OutboxRow *row)
{
	Head	   *given = outbox->given;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (given != NULL && !advance(given))
	{
		outbox->heads = list_delete_ptr(outbox->heads, given);
		drop_head(given);
	}
	outbox->given = oldest_head(outbox);
	if (outbox->given == NULL)
		return false;
	MemoryContextReset(outbox->row_cxt);
	old = MemoryContextSwitchTo(outbox->row_cxt);
	read_row(outbox->given, row);
	MemoryContextSwitchTo(old);
	return true;
}

void
outbox_close(Outbox *outbox)
{
	ListCell   *cell;

	foreach(cell, outbox->heads)
		drop_head(lfirst(cell));
	end(outbox);
	MemoryContextDelete(outbox->row_cxt);
	pfree(outbox);
}

/* ---- the first ---- */

static void
visit_first(Outbox *outbox, const OutboxRange *range, const text *journey,
			TupleTableSlot *first, void *arg)
{
	TimestampTz *earliest = arg;
	const JourneyState *state = state_of(journey);
	TimestampTz next = next_attempt(first);

	if (state != NULL && state->is_paused)
		return;
	if (*earliest == NO_TIME || next < *earliest)
		*earliest = next;
}

TimestampTz
outbox_first(text *destination)
{
	OutboxRange range = {.destination = destination};
	TimestampTz earliest = NO_TIME;
	Outbox		outbox = {0};

	begin(&outbox);
	each_journey(&outbox, &range, visit_first, &earliest);
	end(&outbox);
	return earliest;
}
