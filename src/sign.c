/*-------------------------------------------------------------------------
 *
 * sign.c
 *	  Signatures by Standard Webhooks: HMAC-SHA256 over id.timestamp.body.
 *
 * A list of secrets, split by blanks, gives a signature each, so that a receiver
 * can go from one to the next without missing anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"

#include "sign.h"

#define PREFIX "whsec_"
#define PREFIX_LENGTH 6
#define MIN_KEY 24				/* bytes */
#define MAX_KEY 64
#define MAX_SECRETS 8
#define BLANKS " \t\r\n"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

/* What base64 makes of that many bytes, with an end. */
#define ENCODED_LENGTH(n) (((n) + 2) / 3 * 4 + 1)

/* An older server takes char *, a newer one uint8 *. */
typedef struct Key
{
	uint8		bytes[MAX_KEY + 3];
	int			length;
} Key;

/* NULL, or what is wrong with the one secret. */
static const char *
read_key(const char *secret, size_t length, Key *key)
{
	char		encoded[ENCODED_LENGTH(MAX_KEY)];
	void	   *bytes = key->bytes;

	if (length < PREFIX_LENGTH || strncmp(secret, PREFIX, PREFIX_LENGTH) != 0)
		return "has a key that does not begin with whsec_";
	secret += PREFIX_LENGTH;
	length -= PREFIX_LENGTH;
	if (length >= sizeof(encoded))
		return "has a key of more than 64 bytes";
	memcpy(encoded, secret, length);
	encoded[length] = '\0';
	key->length = strspn(encoded, BASE64) == length ?
		pg_b64_decode(encoded, length, bytes, sizeof(key->bytes)) : -1;
	explicit_bzero(encoded, sizeof(encoded));
	if (key->length < 0)
		return "has a key that is not base64 behind whsec_";
	if (key->length < MIN_KEY)
		return "has a key of less than 24 bytes";
	if (key->length > MAX_KEY)
		return "has a key of more than 64 bytes";
	return NULL;
}

/* The next of the list, NULL at its end. */
static const char *
next_secret(const char **list, size_t *length)
{
	const char *start = *list + strspn(*list, BLANKS);

	*length = strcspn(start, BLANKS);
	*list = start + *length;
	return *length > 0 ? start : NULL;
}

const char *
sign_check(const char *secrets)
{
	const char *rest = secrets;
	const char *secret;
	const char *wrong = NULL;
	size_t		length;
	int			n = 0;
	Key			key;

	while (wrong == NULL && (secret = next_secret(&rest, &length)) != NULL)
	{
		wrong = read_key(secret, length, &key);
		n++;
	}
	explicit_bzero(&key, sizeof(key));
	if (wrong == NULL && n == 0)
		return "has no key that begins with whsec_";
	if (wrong == NULL && n > MAX_SECRETS)
		return "has more than 8 keys";
	return wrong;
}

/* False where the library fails. */
static bool
digest(const Key *key, const char *head, const char *body, size_t length, uint8 *result)
{
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
	bool		done = hmac != NULL &&
		pg_hmac_init(hmac, key->bytes, key->length) >= 0 &&
		pg_hmac_update(hmac, (const uint8 *) head, strlen(head)) >= 0 &&
		pg_hmac_update(hmac, (const uint8 *) body, length) >= 0 &&
		pg_hmac_final(hmac, result, PG_SHA256_DIGEST_LENGTH) >= 0;

	pg_hmac_free(hmac);
	return done;
}

static void
append_signature(StringInfo signatures, const uint8 *result)
{
	char		encoded[ENCODED_LENGTH(PG_SHA256_DIGEST_LENGTH)];
	const void *bytes = result;
	int			length = pg_b64_encode(bytes, PG_SHA256_DIGEST_LENGTH, encoded,
									   sizeof(encoded));

	if (length < 0)
		elog(ERROR, "could not encode a signature");
	if (signatures->len > 0)
		appendStringInfoChar(signatures, ' ');
	appendStringInfoString(signatures, "v1,");
	appendBinaryStringInfo(signatures, encoded, length);
}

char *
sign_webhook(const char *secrets, const char *id, int64 timestamp,
			 const char *body, size_t length)
{
	char	   *head = psprintf("%s." INT64_FORMAT ".", id, timestamp);
	const char *secret;
	size_t		secret_length;
	StringInfoData signatures;

	initStringInfo(&signatures);
	while ((secret = next_secret(&secrets, &secret_length)) != NULL)
	{
		uint8		result[PG_SHA256_DIGEST_LENGTH];
		Key			key;
		const char *wrong = read_key(secret, secret_length, &key);
		bool		done = wrong == NULL && digest(&key, head, body, length, result);

		explicit_bzero(&key, sizeof(key));
		if (wrong != NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the destination's secret %s", wrong));
		if (!done)
			ereport(ERROR,
					errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not sign"));
		append_signature(&signatures, result);
	}
	return signatures.data;
}
