/*-------------------------------------------------------------------------
 *
 * store_row.c
 *	  The rows of journey.member_row, and members as structs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "sql.h"
#include "store_row.h"

HotTable	member_hot = {.natts = MEMBER_COLUMNS};

void
open_members(void)
{
	hot_open(&member_hot, sql_relation("member_row"));
}

static TimestampTz
time_or_none(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NO_TIME : DatumGetTimestampTz(slot->tts_values[column]);
}

static int64
number_or_zero(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetInt64(slot->tts_values[column]);
}

text *
copy_text(Datum value)
{
	return (text *) PG_DETOAST_DATUM_COPY(value);
}

/* What few members have. */
static void
read_rare(Member *member, TupleTableSlot *slot)
{
	Datum	   *values = slot->tts_values;

	member->holds_until = time_or_none(slot, MEMBER_HOLDS_UNTIL);
	member->shifted = number_or_zero(slot, MEMBER_SHIFTED);
	member->parent = number_or_zero(slot, MEMBER_PARENT);
	if (!slot->tts_isnull[MEMBER_AWAITS])
	{
		member->awaits = palloc(sizeof(pg_uuid_t));
		*member->awaits = *DatumGetUUIDP(values[MEMBER_AWAITS]);
	}
	if (!slot->tts_isnull[MEMBER_RESULT])
		member->result = (Jsonb *) PG_DETOAST_DATUM_COPY(values[MEMBER_RESULT]);
	if (!slot->tts_isnull[MEMBER_PAUSES])
		member->pauses = DatumGetInt16(values[MEMBER_PAUSES]);
}

Member *
read_member(TupleTableSlot *slot)
{
	Member	   *member = palloc0(sizeof(Member));
	Datum	   *values;

	slot_getallattrs(slot);
	values = slot->tts_values;
	member->id = DatumGetInt64(values[MEMBER_ID]);
	member->entered_at = DatumGetTimestampTz(values[MEMBER_ENTERED_AT]);
	member->arrived_at = DatumGetTimestampTz(values[MEMBER_ARRIVED_AT]);
	member->due_at = time_or_none(slot, MEMBER_DUE_AT);
	member->ready_at = time_or_none(slot, MEMBER_READY_AT);
	member->exited_at = time_or_none(slot, MEMBER_EXITED_AT);
	member->converted_at = time_or_none(slot, MEMBER_CONVERTED_AT);
	member->journey_id = DatumGetInt32(values[MEMBER_JOURNEY]);
	member->seq = DatumGetInt32(values[MEMBER_SEQ]);
	member->version = DatumGetInt16(values[MEMBER_VERSION]);
	member->tile = DatumGetInt16(values[MEMBER_TILE]);
	member->state = DatumGetChar(values[MEMBER_STATE]);
	member->tries = DatumGetChar(values[MEMBER_TRIES]);
	member->key = copy_text(values[MEMBER_KEY]);
	if (!slot->tts_isnull[MEMBER_CONTEXT])
		member->context = (Jsonb *) PG_DETOAST_DATUM_COPY(values[MEMBER_CONTEXT]);
	if (!slot->tts_isnull[MEMBER_OUTCOME])
		member->outcome = copy_text(values[MEMBER_OUTCOME]);
	read_rare(member, slot);
	member->tid = slot->tts_tid;
	member->before = member;
	return member;
}

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz value)
{
	values[column] = TimestampTzGetDatum(value);
	nulls[column] = value == NO_TIME;
}

static void
set_varlena(Datum *values, bool *nulls, int column, void *value)
{
	values[column] = PointerGetDatum(value);
	nulls[column] = value == NULL;
}

static void
set_number(Datum *values, bool *nulls, int column, int64 value)
{
	values[column] = Int64GetDatum(value);
	nulls[column] = value == 0;
}

void
member_values(Step *step, const Member *member, int64 run, Datum *values,
			  bool *nulls)
{
	memset(nulls, 0, MEMBER_COLUMNS * sizeof(bool));
	values[MEMBER_ID] = Int64GetDatum(member->id);
	values[MEMBER_RUN] = Int64GetDatum(run);
	values[MEMBER_ENTERED_AT] = TimestampTzGetDatum(member->entered_at);
	values[MEMBER_ARRIVED_AT] = TimestampTzGetDatum(member->arrived_at);
	set_time(values, nulls, MEMBER_DUE_AT, member->due_at);
	set_time(values, nulls, MEMBER_READY_AT, member->ready_at);
	set_time(values, nulls, MEMBER_EXITED_AT, member->exited_at);
	set_time(values, nulls, MEMBER_CONVERTED_AT, member->converted_at);
	values[MEMBER_JOURNEY] = Int32GetDatum(member->journey_id);
	values[MEMBER_SEQ] = Int32GetDatum(member->seq);
	values[MEMBER_VERSION] = Int16GetDatum(member->version);
	values[MEMBER_TILE] = Int16GetDatum(member->tile);
	values[MEMBER_STATE] = CharGetDatum(member->state);
	values[MEMBER_TRIES] = CharGetDatum(member->tries);
	values[MEMBER_CUSTOMER] = PointerGetDatum(step->customer);
	values[MEMBER_KEY] = PointerGetDatum(member->key);
	set_varlena(values, nulls, MEMBER_CONTEXT, member->context);
	set_varlena(values, nulls, MEMBER_OUTCOME, member->outcome);
	set_time(values, nulls, MEMBER_HOLDS_UNTIL, member->holds_until);
	set_number(values, nulls, MEMBER_SHIFTED, member->shifted);
	set_number(values, nulls, MEMBER_PARENT, member->parent);
	set_varlena(values, nulls, MEMBER_AWAITS, member->awaits);
	set_varlena(values, nulls, MEMBER_RESULT, member->result);
	values[MEMBER_PAUSES] = Int16GetDatum(member->pauses);
	nulls[MEMBER_PAUSES] = member->pauses == 0;
}
