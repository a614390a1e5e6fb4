/*-------------------------------------------------------------------------
 *
 * drive.c
 *	  What becomes of actions and of responses, as functions of SQL.
 *
 * Linked with the extension's objects into a library of its own, so that all of
 * it can be asked without anything being sent (test/t/030_request.pl).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "../../src/request.h"

static int	subtransactions;

static void
count(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_START_SUB)
		subtransactions++;
}

/* All bytes, whatever the database's encoding. */
static Datum
as_bytes(StringInfo said)
{
	bytea	   *bytes = palloc(VARHDRSZ + said->len);

	SET_VARSIZE(bytes, VARHDRSZ + said->len);
	memcpy(VARDATA(bytes), said->data, said->len);
	PG_RETURN_BYTEA_P(bytes);
}

static void
fill_claimed(Claimed *claimed, Jsonb *payload, bool is_webhook)
{
	memset(claimed, 0, sizeof(Claimed));
	for (int i = 0; i < UUID_LEN; i++)
		claimed->id.data[i] = i * 0x11;
	claimed->customer = cstring_to_text("cust/1");
	claimed->journey = "the journey";
	claimed->tile = "the tile";
	claimed->payload = payload;
	claimed->attempts = 2;
	claimed->is_webhook = is_webhook;
}

static void
append_request(StringInfo said, const TransferRequest *request)
{
	appendStringInfo(said, "%s %s\nms %ld\nsubtransactions %d\n", request->method,
					 request->url, request->total_ms, subtransactions);
	if (request->user || request->password)
		appendStringInfo(said, "login %s:%s\n", request->user ? request->user : "",
						 request->password ? request->password : "");
	for (int i = 0; i < request->nheaders; i++)
		appendStringInfo(said, "%s: %s\n", request->headers[i].name, request->headers[i].value);
	appendStringInfoChar(said, '\n');
	if (request->body)
		appendBinaryStringInfo(said, request->body, request->length);
}

/*
 * request(config jsonb, secret text, payload jsonb, is_webhook bool, times int)
 * bytea: the request, or ERROR and what is wrong with it, RETRY if that may pass; with more than one time
 * the microseconds of one.
 */
PG_FUNCTION_INFO_V1(test_request);
Datum
test_request(PG_FUNCTION_ARGS)
{
	Destination *destination = destination_parse("d", "webhook", PG_GETARG_JSONB_P(0), false);
	char	   *secret = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			times = PG_GETARG_INT32(4);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "request",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Claimed		claimed;
	TransferRequest request;
	AnswerKind	kind = ANSWER_DEAD;
	char	   *error = NULL;
	bool		built = false;
	instr_time	began;
	instr_time	ended;
	StringInfoData said;

	destination->author.owner = GetUserNameFromId(GetUserId(), false);
	fill_claimed(&claimed, PG_GETARG_JSONB_P(2), PG_GETARG_BOOL(3));
	RegisterSubXactCallback(count, NULL);
	old = MemoryContextSwitchTo(scratch);
	INSTR_TIME_SET_CURRENT(began);
	for (int i = 0; i < times; i++)
	{
		MemoryContextReset(scratch);
		subtransactions = 0;
		built = request_build(destination, secret, &claimed, &request, &kind,
							  &error);
	}
	INSTR_TIME_SET_CURRENT(ended);
	MemoryContextSwitchTo(old);
	UnregisterSubXactCallback(count, NULL);
	INSTR_TIME_SUBTRACT(ended, began);

	initStringInfo(&said);
	if (times > 1)
		appendStringInfo(&said, "%.1f", INSTR_TIME_GET_DOUBLE(ended) * 1e6 / times);
	else if (built)
		append_request(&said, &request);
	else
		appendStringInfo(&said, "%s %s", kind == ANSWER_DEAD ? "ERROR" : "RETRY", error);
	return as_bytes(&said);
}

/*
 * judge(is_mail bool, outcome int, status int, error text, body bytea, retry_after
 * int, has_path bool) text: the answer's kind, error, seconds, what it says of the destination,
 * and response.
 */
PG_FUNCTION_INFO_V1(test_judge);
Datum
test_judge(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"delivered", "retry", "dead"};
	Destination destination = {
		.kind = PG_GETARG_BOOL(0) ? DESTINATION_SMTP : DESTINATION_WEBHOOK
	};
	bytea	   *body = PG_GETARG_BYTEA_PP(4);
	bool		has_path = PG_GETARG_BOOL(6);
	TransferResult result = {
		.outcome = PG_GETARG_INT32(1), .status = PG_GETARG_INT32(2),
		.error = text_to_cstring(PG_GETARG_TEXT_PP(3)), .retry_after = PG_GETARG_INT32(5),
		.length = VARSIZE_ANY_EXHDR(body), .may_have_arrived = PG_GETARG_INT32(2) > 0
	};
	char	   *bytes = palloc0(result.length + 1);
	Answer		answer = {0};
	StringInfoData said;

	memcpy(bytes, VARDATA_ANY(body), result.length);
	result.body = bytes;
	request_judge(&destination, NULL, &result, &answer);
	initStringInfo(&said);
	appendStringInfo(&said, "%s|%s|%d|%s%s|", kinds[answer.kind],
					 answer.error ? answer.error : "", answer.retry_after,
					 request_is_trouble(&result, has_path) ? "trouble" : "",
					 request_is_gone(&destination, &result, has_path) ? " gone" : "");
	if (answer.response)
		(void) JsonbToCString(&said, &answer.response->root, VARSIZE(answer.response));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(said.data, said.len));
}
