/*-------------------------------------------------------------------------
 *
 * request_value.c
 *	  What a destination's templates amount to for one action.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "guc.h"
#include "hot.h"
#include "json_value.h"
#include "mail.h"
#include "request_value.h"
#include "zone.h"

#define MAX_TEXT MAIL_LENGTH_MAX	/* bytes; the longest that there can be */

/* ---- names ---- */

static void
set_text(NullableDatum *target, const char *value)
{
	target->value = CStringGetTextDatum(value);
	target->isnull = false;
}

/* Small values of JSON may be long texts. */
static void
refuse_length(const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s is longer than %d bytes", what, MAX_TEXT));
}

/*
 * Expressions such as payload->>'text' write part of it out, and nobody can tell
 * them to stop.
 */
static void
check_payload(Jsonb *payload)
{
	StringInfoData text;
	JsonbValue	value;

	json_part(&value, payload);
	initStringInfo(&text);
	if (!json_append(&text, &value, MAX_TEXT))
		refuse_length("the payload as text");
	pfree(text.data);
}

/* Called by the evaluator for each name that an expression reads. */
static void
fetch_name(Scope *scope, Variable variable)
{
	Evaluation *evaluation = (Evaluation *) scope;
	const Claimed *claimed = evaluation->claimed;
	NullableDatum *target = &scope->values[variable];

	scope->known |= VAR_BIT(variable);
	target->value = (Datum) 0;
	target->isnull = false;
	switch (variable)
	{
		case VAR_PAYLOAD:
			if (evaluation->payload)
				check_payload(evaluation->payload);
			target->value = PointerGetDatum(evaluation->payload);
			target->isnull = evaluation->payload == NULL;
			break;
		case VAR_CUSTOMER:
			target->value = PointerGetDatum(claimed->customer);
			break;
		case VAR_JOURNEY:
			set_text(target, claimed->journey);
			break;
		case VAR_TILE:
			set_text(target, claimed->tile);
			break;
		case VAR_ID:
			set_text(target, evaluation->id);
			break;
		case VAR_ATTEMPT:
			target->value = Int32GetDatum(claimed->attempts);
			break;
		case VAR_CREATED_AT:
			target->value = TimestampTzGetDatum(claimed->created_at);
			break;
		case VAR_NOW:
			target->value = TimestampTzGetDatum(evaluation->now);
			break;
		case VAR_LOCAL_NOW:
			target->value = TimestampGetDatum(zone_local(evaluation->now, scope->zone));
			break;
		default:
			target->isnull = true;
	}
}

static void
push_snapshot(Scope *scope)
{
	hot_push_snapshot();
}

/* What a template of the destination is about: of a tile webhook, its body. */
static Jsonb *
payload_of(const Claimed *claimed)
{
	JsonbValue *body;

	if (!claimed->is_webhook)
		return claimed->payload;
	if (!JB_ROOT_IS_OBJECT(claimed->payload))
		return NULL;
	body = getKeyJsonValueFromContainer(&claimed->payload->root, "body", 4, NULL);
	return body ? JsonbValueToJsonb(body) : NULL;
}

void
evaluation_init(Evaluation *evaluation, const Destination *destination,
				const char *secret, const Claimed *claimed)
{
	evaluation->scope.known = 0;
	evaluation->scope.fetch = fetch_name;
	evaluation->scope.push_snapshot = push_snapshot;
	evaluation->scope.zone = guc_timezone;
	evaluation->destination = destination;
	evaluation->secret = secret;
	evaluation->claimed = claimed;
	evaluation->id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&claimed->id)));
	evaluation->payload = payload_of(claimed);
	evaluation->now = guc_clock();
}

/* ---- texts ---- */

char *
request_utf8(char *value, size_t *length)
{
	char	   *converted = pg_server_to_any(value, *length, PG_UTF8);

	if (converted != value)
		*length = strlen(converted);
	return converted;
}

char *
request_text(const JsonbValue *value)
{
	StringInfoData text;

	if (value->type == jbvNull)
		return NULL;
	initStringInfo(&text);
	if (!json_append_plain(&text, value, MAX_TEXT))
		refuse_length("a value");
	return text.data;
}

char *
evaluation_text(Evaluation *evaluation, Template *template)
{
	Jsonb	   *jsonb;
	JsonbValue	value;
	char	   *text;
	size_t		length;

	if (template == NULL)
		return NULL;
	jsonb = template_eval(template, &evaluation->destination->author, &evaluation->scope);
	json_part(&value, jsonb);
	text = request_text(&value);

	if (text == NULL)
		return NULL;
	length = strlen(text);
	return request_utf8(text, &length);
}

/* The error must not show what there is. */
static char *
secret_value(const Evaluation *evaluation, const char *name)
{
	char	   *part = evaluation->secret ?
		secret_part(evaluation->secret, name) : NULL;
	size_t		length = part ? strlen(part) : 0;

	if (part == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				*name ? errmsg("the destination's secret has no \"%s\"", name) :
				errmsg("the destination has no secret"));
	return request_utf8(part, &length);
}

char *
evaluation_keyed(Evaluation *evaluation, List *pieces)
{
	StringInfoData text;
	ListCell   *cell;

	if (pieces == NIL)
		return NULL;
	initStringInfo(&text);
	foreach(cell, pieces)
	{
		const KeyedPiece *piece = lfirst(cell);
		char	   *value = piece->template ?
			evaluation_text(evaluation, piece->template) :
			secret_value(evaluation, piece->secret);

		if (value == NULL)
			return NULL;
		appendStringInfoString(&text, value);
	}
	return text.data;
}

/*
 * Where a path has nothing, it would mean another place: all orders instead of one.
 * A query can have empty values.
 */
static void
append_data(StringInfo url, const char *value)
{
	if (value == NULL)
		value = "";
	if (*value == '\0' && strchr(url->data, '?') == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a value in the URL's path is null or empty"));
	append_encoded(url, value, strlen(value), "%20");
}

char *
evaluation_url(Evaluation *evaluation, List *pieces)
{
	StringInfoData url;
	ListCell   *cell;

	initStringInfo(&url);
	foreach(cell, pieces)
	{
		const KeyedPiece *piece = lfirst(cell);

		if (piece->template == NULL)
			appendStringInfoString(&url, secret_value(evaluation, piece->secret));
		else if (piece->is_data)
			append_data(&url, evaluation_text(evaluation, piece->template));
		else
			appendStringInfoString(&url, evaluation_text(evaluation, piece->template));
	}
	return url.data;
}

void
request_check_line(const char *what, const char *value)
{
	for (; *value; value++)
	{
		if ((unsigned char) *value < ' ' || *value == 0x7F)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s holds a control character", what));
	}
}

static char *
login_part(Evaluation *evaluation, List *pieces, const char *what)
{
	char	   *part = evaluation_keyed(evaluation, pieces);

	if (part)
		request_check_line(what, part);
	return part;
}

void
evaluation_login(Evaluation *evaluation, TransferRequest *request)
{
	const Destination *destination = evaluation->destination;

	request->user = login_part(evaluation, destination->user, "the user's name");
	request->password = login_part(evaluation, destination->password, "the password");
}
