/*-------------------------------------------------------------------------
 *
 * store_row.h
 *	  The rows of journey.member_row, for the files that read and write them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_STORE_ROW_H
#define JOURNEY_STORE_ROW_H

#include "postgres.h"

#include "executor/tuptable.h"

#include "engine.h"
#include "hot.h"

/* Columns of journey.member_row, in the order of sql/10_tables.sql. */
enum
{
	MEMBER_ID,
	MEMBER_RUN,
	MEMBER_ENTERED_AT,
	MEMBER_ARRIVED_AT,
	MEMBER_DUE_AT,
	MEMBER_READY_AT,
	MEMBER_EXITED_AT,
	MEMBER_CONVERTED_AT,
	MEMBER_JOURNEY,
	MEMBER_SEQ,
	MEMBER_VERSION,
	MEMBER_TILE,
	MEMBER_STATE,
	MEMBER_TRIES,
	MEMBER_CUSTOMER,
	MEMBER_KEY,
	MEMBER_CONTEXT,
	MEMBER_OUTCOME,
	MEMBER_HOLDS_UNTIL,
	MEMBER_SHIFTED,
	MEMBER_PARENT,
	MEMBER_AWAITS,
	MEMBER_RESULT,
	MEMBER_PAUSES,
	MEMBER_COLUMNS
};

extern HotTable member_hot;

/* hot_close(&member_hot) afterwards. */
extern void open_members(void);

extern text *copy_text(Datum value);

/* A member as its row says; its journey is looked up by the caller. */
extern Member *read_member(TupleTableSlot *slot);

/* The row of a member; run is 0 while it is the open one of its key. */
extern void member_values(Step *step, const Member *member, int64 run, Datum *values,
						  bool *nulls);

#endif							/* JOURNEY_STORE_ROW_H */
