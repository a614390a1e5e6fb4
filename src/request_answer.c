/*-------------------------------------------------------------------------
 *
 * request_answer.c
 *	  What came back, as an answer for the action.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "request.h"
#include "request_response.h"

/* A response that is too large is judged by its status, where it has one. */
static bool
has_status(const TransferResult *result)
{
	switch (result->outcome)
	{
		case TRANSFER_OK:
		case TRANSFER_HTTP_STATUS:
		case TRANSFER_SMTP_REPLY:
			return true;
		case TRANSFER_TOO_LARGE:
			return result->status >= 200;
		default:
			return false;
	}
}

static bool
is_mail(const Destination *destination)
{
	return destination->kind == DESTINATION_SMTP;
}

/* ---- delivered, again, or never ---- */

static AnswerKind
judge_http(int status)
{
	if (status / 100 == 2)
		return ANSWER_DELIVERED;
	if (status == 408 || status == 425 || status == 429 || status >= 500)
		return ANSWER_RETRY;
	return ANSWER_DEAD;
}

static AnswerKind
judge_mail(int reply)
{
	if (reply / 100 == 2)
		return ANSWER_DELIVERED;
	return reply >= 500 ? ANSWER_DEAD : ANSWER_RETRY;
}

static AnswerKind
judge(const Destination *destination, const TransferResult *result)
{
	if (!has_status(result))
		return ANSWER_RETRY;
	if (result->outcome == TRANSFER_OK)
		return ANSWER_DELIVERED;
	return is_mail(destination) ? judge_mail(result->status) : judge_http(result->status);
}

/* ---- why ---- */

/*
 * libcurl names the host here and there, and that may hold a secret.  What OpenSSL
 * and itself say of a certificate stands before that.
 */
static char *
describe_tls(const char *error)
{
	static const char *const hosts[] = {" in connection to ", " matches target host name",
	" does not match target host name", " match target host name"};
	char	   *text = pstrdup(error);

	for (int i = 0; i < lengthof(hosts); i++)
	{
		char	   *found = strstr(text, hosts[i]);

		if (found == NULL)
			continue;
		if (i > 0)
			return pstrdup("TLS failed: the certificate is for another host");
		*found = '\0';
	}
	return psprintf("TLS failed: %s", text);
}

static char *
describe_status(const Destination *destination, int status)
{
	if (is_mail(destination))
		return psprintf("SMTP reply %d", status);
	return psprintf("HTTP status %d%s", status,
					status / 100 == 3 ? ", redirects are not followed" : "");
}

static char *
describe(const Destination *destination, const TransferResult *result)
{
	if (has_status(result))
		return describe_status(destination, result->status);
	switch (result->outcome)
	{
		case TRANSFER_REFUSED:
			return psprintf("%s (journey.http_allow does not list it)", result->error);
		case TRANSFER_RESOLVE:
			return pstrdup("could not look up the host's name");
		case TRANSFER_CONNECT:
			return pstrdup("could not connect");
		case TRANSFER_TIMEOUT:
			return pstrdup(result->may_have_arrived ?
						   "timeout while waiting for the answer" :
						   "could not connect: timeout");
		case TRANSFER_TLS:
			return describe_tls(result->error);
		default:
			return pstrdup(result->error);
	}
}

void
request_judge(const Destination *destination, const char *secret,
			  const TransferResult *result, Answer *answer)
{
	answer->kind = judge(destination, result);
	answer->error = answer->kind == ANSWER_DELIVERED ? NULL :
		describe(destination, result);
	answer->response = has_status(result) ?
		request_response(destination, secret, result) : NULL;
	answer->retry_after = answer->kind == ANSWER_RETRY ? result->retry_after : -1;
}

/* ---- about the destination ---- */

bool
request_has_path(const Claimed *claimed)
{
	JsonbValue *path;

	if (!claimed->is_webhook || !JB_ROOT_IS_OBJECT(claimed->payload))
		return false;
	path = getKeyJsonValueFromContainer(&claimed->payload->root, "path", 4, NULL);
	return path != NULL && path->type == jbvString && path->val.string.len > 0;
}

/* Those that say more about the destination, or about us, than about a request. */
static bool
http_is_trouble(int status, bool has_path)
{
	if (status / 100 == 3 || status == 410)
		return !has_path;
	return status == 401 || status == 407 || status == 408 || status == 429 ||
		status >= 500;
}

/* 450 is about a mailbox; 530 and so on are about our login. */
static bool
mail_is_trouble(int reply)
{
	return (reply / 100 == 4 && reply != 450) || (reply >= 530 && reply <= 539);
}

bool
request_is_trouble(const TransferResult *result, bool has_path)
{
	switch (result->outcome)
	{
		case TRANSFER_OK:
		case TRANSFER_LOCAL:
			return false;
		case TRANSFER_HTTP_STATUS:
			return http_is_trouble(result->status, has_path);
		case TRANSFER_SMTP_REPLY:
			return mail_is_trouble(result->status);
		case TRANSFER_TOO_LARGE:
			return !has_status(result) || http_is_trouble(result->status, has_path);
		default:
			return true;
	}
}

bool
request_is_gone(const Destination *destination, const TransferResult *result,
				bool has_path)
{
	return destination->kind == DESTINATION_WEBHOOK && has_status(result) &&
		result->status == 410 && !has_path;
}
