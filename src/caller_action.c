/*-------------------------------------------------------------------------
 *
 * caller_action.c
 *	  One action of a destination of kind sql, from its claim to its answer.
 *
 * What the function did and that it was done commit together, and only while the
 * action is still in flight under the number of attempts with which we claimed it:
 * whatever became of the claim meanwhile (a lease that ended, journey_forget, two
 * callers after a mishap), the function takes effect once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "cache.h"
#include "caller_action.h"
#include "caller_call.h"
#include "caller_limit.h"
#include "ending.h"
#include "result.h"
#include "sql.h"

#define MAX_ERROR_LENGTH 1000	/* bytes */

/* ---- is it ours? ---- */

#define STILL_OURS \
	"SELECT FROM journey.action WHERE customer OPERATOR(pg_catalog.=) $1" \
	" AND id OPERATOR(pg_catalog.=) $2 AND state OPERATOR(pg_catalog.=) 'in_flight'" \
	" AND attempts OPERATOR(pg_catalog.=) $3"

static SqlPlan look_plan = {STILL_OURS, 3, {TEXTOID, UUIDOID, INT4OID}};

static SqlPlan lock_plan = {
	STILL_OURS " FOR UPDATE SKIP LOCKED", 3, {TEXTOID, UUIDOID, INT4OID}
};

static bool
is_ours(SqlPlan *plan, const Claimed *claimed)
{
	Datum		values[] = {PointerGetDatum(claimed->customer),
		UUIDPGetDatum(&claimed->id), Int32GetDatum(claimed->attempts)
	};
	SqlSession	session;
	bool		found;

	sql_begin(&session);
	found = sql_run(plan, values, NULL) > 0;
	sql_end(&session);
	return found;
}

/* The caller sees by the flag what to do; the error undoes the transaction. */
static void
give_way(bool *flag)
{
	*flag = true;
	ereport(ERROR,
			errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			errmsg("action is not to be answered for now"));
}

/* ---- answering ---- */

static Answer
make_answer(const ActionCall *call, AnswerKind kind)
{
	Answer		answer;

	memset(&answer, 0, sizeof(answer));
	answer.claimed = call->claimed;
	answer.destination = call->destination->name;
	answer.schedule = retry_choose(call->claimed->retry, call->destination->retry);
	answer.kind = kind;
	answer.retry_after = -1;
	return answer;
}

/* What was committed since the transaction began counts, and what the function did. */
static void
look_anew(void)
{
	PopActiveSnapshot();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	cache_refresh();
}

/*
 * Would it be in vain?  Asked after it has been.  The locks are let go of again: the
 * customer is not held while the function runs.
 */
static bool
is_still_held(const ActionCall *call)
{
	const Claimed *claimed = call->claimed;
	ActionEnd	end = {claimed->id, claimed->customer, claimed->member, claimed->journey,
		claimed->tile, call->destination->name, claimed->is_awaited, OUTCOME_DELIVERED
	};
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		held;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	held = action_end_is_heard(&end) && !action_end_lock(&end, LOCK_SKIP);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	return held;
}

/*
 * Its function's fault, as far as we can see.  Where others have committed that,
 * nothing comes of the error: see ending_record.
 */
static void
raise_not_ours(ActionCall *call)
{
	call->phase = PHASE_CALLING;
	ereport(ERROR,
			errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			errmsg("function %s, or somebody while it ran, ended or removed the action that it was called for",
				   call->destination->function));
}

void
caller_deliver(ActionCall *call)
{
	Answer		answer = make_answer(call, ANSWER_DELIVERED);

	call->phase = PHASE_RECORDING;
	call->is_held = call->is_over = false;
	if (!is_ours(&look_plan, call->claimed))
		give_way(&call->is_over);
	if (call->was_held && is_still_held(call))
		give_way(&call->is_held);

	call->phase = PHASE_CALLING;
	answer.response = caller_call(call->destination, call->claimed, call->seat);
	call->phase = PHASE_RECORDING;

	look_anew();
	if (!is_ours(&lock_plan, call->claimed))
	{
		if (is_ours(&look_plan, call->claimed))
			give_way(&call->is_held);
		raise_not_ours(call);
	}
	ending_record(list_make1(&answer), 0);
	if (!answer.is_recorded)
		give_way(&call->is_held);
}

bool
caller_record_failure(ActionCall *call, const char *error)
{
	Answer		answer = make_answer(call, ANSWER_RETRY);

	answer.error = error;
	ending_record(list_make1(&answer), 0);
	return answer.is_recorded;
}

/* ---- errors ---- */

/* A cancel of ours says what it was about. */
static const char *
message_of(const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		caller_limit_reason() == LIMIT_TIME)
		return "timeout: the function took longer than the destination allows";
	return error->message ? error->message : "the function failed";
}

char *
caller_error(const ErrorData *error)
{
	const char *message = message_of(error);
	char	   *line = pnstrdup(message, pg_mbcliplen(message, strlen(message),
													  MAX_ERROR_LENGTH));

	for (char *c = line; *c; c++)
	{
		if ((unsigned char) *c < ' ')
			*c = ' ';
	}
	return line;
}
