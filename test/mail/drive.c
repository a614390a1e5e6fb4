/*-------------------------------------------------------------------------
 *
 * drive.c
 *	  mail_build() as functions of SQL, for tests: this and mail*.c and transfer*.c
 *	  are a module of their own, which knows nothing of the extension.
 *
 *	  mail_build(mail jsonb) returns jsonb, {"message" (base64), "sender", "recipients"}
 *	  mail_send(mail jsonb, "where" jsonb) returns jsonb, {"outcome", "status", "error"}
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <poll.h>

#include "common/base64.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "../../src/mail.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(mail_test_build);
PG_FUNCTION_INFO_V1(mail_test_send);

static JsonbValue *
member(Jsonb *jsonb, const char *name, JsonbValue *value)
{
	JsonbValue *found = getKeyJsonValueFromContainer(&jsonb->root, name, strlen(name), value);

	return found && found->type == jbvNull ? NULL : found;
}

static char *
text_of(Jsonb *jsonb, const char *name)
{
	JsonbValue	value;

	if (member(jsonb, name, &value) == NULL)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static void
read_headers(Jsonb *jsonb, Mail *mail)
{
	JsonbValue	value;
	JsonbValue *found = member(jsonb, "headers", &value);
	TransferHeader *headers = palloc0(100 * sizeof(TransferHeader));
	JsonbIterator *it;
	JsonbIteratorToken token;

	mail->headers = headers;
	if (found == NULL)
		return;
	it = JsonbIteratorInit(found->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			headers[mail->nheaders].name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_VALUE)
			headers[mail->nheaders++].value = pnstrdup(value.val.string.val, value.val.string.len);
	}
}

static void
build(Jsonb *jsonb, TransferRequest *request)
{
	Mail		mail = {0};
	char	   *date = text_of(jsonb, "date");

	mail.id = text_of(jsonb, "id");
	if (mail.id == NULL)
		mail.id = "4c3f2e6e-5c0e-4f0c-9d0a-1b2c3d4e5f60";
	if (date)
		mail.date = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(date),
															ObjectIdGetDatum(InvalidOid),
															Int32GetDatum(-1)));
	mail.from = text_of(jsonb, "from");
	mail.to = text_of(jsonb, "to");
	mail.reply_to = text_of(jsonb, "reply_to");
	mail.subject = text_of(jsonb, "subject");
	mail.text = text_of(jsonb, "text");
	mail.html = text_of(jsonb, "html");
	read_headers(jsonb, &mail);
	memset(request, 0, sizeof(TransferRequest));
	mail_build(&mail, text_of(jsonb, "sender"), request);
}

static void
push(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

Datum
mail_test_build(PG_FUNCTION_ARGS)
{
	TransferRequest request = {0};
	JsonbParseState *state = NULL;
	char	   *encoded;
	int			room;

	build(PG_GETARG_JSONB_P(0), &request);
	room = pg_b64_enc_len(request.length) + 1;
	encoded = palloc0(room);
	pg_b64_encode((const void *) request.body, request.length, encoded, room);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push(&state, WJB_KEY, "message");
	push(&state, WJB_VALUE, encoded);
	push(&state, WJB_KEY, "sender");
	push(&state, WJB_VALUE, request.sender);
	push(&state, WJB_KEY, "recipients");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < request.nrecipients; i++)
		push(&state, WJB_ELEM, request.recipients[i]);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

static TransferTls
tls_of(Jsonb *where)
{
	if (strncmp(text_of(where, "url"), "smtps:", 6) == 0)
		return TRANSFER_IMPLICIT;
	return text_of(where, "tls") ? TRANSFER_PLAIN : TRANSFER_STARTTLS;
}

static TransferResult
wait_for(Transfer *transfer)
{
	TransferResult result;

	while (!transfer_next(transfer, &result))
	{
		struct pollfd fd = {.fd = transfer_fd(transfer), .events = POLLIN};

		poll(&fd, 1, transfer_timeout(transfer));
		transfer_work(transfer);
	}
	return result;
}

Datum
mail_test_send(PG_FUNCTION_ARGS)
{
	Jsonb	   *where = PG_GETARG_JSONB_P(1);
	JsonbParseState *state = NULL;
	TransferRequest request = {0};
	TransferResult result;
	Transfer   *transfer;
	const char *error;
	Datum		answer;

	build(PG_GETARG_JSONB_P(0), &request);
	request.kind = TRANSFER_SMTP;
	request.url = text_of(where, "url");
	request.user = text_of(where, "user");
	request.password = text_of(where, "password");
	request.ca_file = text_of(where, "ca");
	request.total_ms = 10000;
	request.tls = tls_of(where);
	transfer = transfer_open(1, text_of(where, "allow"), &error);
	if (transfer == NULL || transfer_start(transfer, &request, &error) == 0)
		elog(ERROR, "transfer: %s", error);
	result = wait_for(transfer);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push(&state, WJB_KEY, "outcome");
	push(&state, WJB_VALUE, transfer_outcome_name(result.outcome));
	push(&state, WJB_KEY, "status");
	push(&state, WJB_VALUE, psprintf("%d", result.status));
	push(&state, WJB_KEY, "error");
	push(&state, WJB_VALUE, result.error);
	answer = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	transfer_close(transfer);
	return answer;
}
