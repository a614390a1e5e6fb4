/*-------------------------------------------------------------------------
 *
 * request_mail.c
 *	  An action as a mail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "json_value.h"
#include "mail.h"
#include "mail_address.h"
#include "request_value.h"

#define DATE_KEPT_FOR USECS_PER_HOUR

/*
 * When the member arrived at the tile, so that a mail that is sent again is the
 * same; but one that waited, for quiet hours to end or for a server to return, is
 * not to arrive among those of the day before.
 */
static TimestampTz
date_of(const Evaluation *evaluation)
{
	TimestampTz created_at = evaluation->claimed->created_at;

	return evaluation->now - created_at > DATE_KEPT_FOR ? evaluation->now : created_at;
}

/* Further headers; null: left out. */
static void
read_headers(Evaluation *evaluation, Mail *mail)
{
	List	   *configured = evaluation->destination->headers;
	TransferHeader *headers = palloc(list_length(configured) * sizeof(TransferHeader));
	ListCell   *cell;

	mail->headers = headers;
	foreach(cell, configured)
	{
		const KeyedHeader *header = lfirst(cell);
		char	   *value = evaluation_keyed(evaluation, header->value);

		if (value == NULL)
			continue;
		headers[mail->nheaders].name = header->name;
		headers[mail->nheaders++].value = value;
	}
}

static char *
plain_text(const JsonbValue *value)
{
	char	   *text = request_text(value);
	size_t		length;

	if (text == NULL)
		return NULL;
	length = strlen(text);
	return request_utf8(text, &length);
}

/* Each item is one address: a comma in it must not make two of it. */
static void
append_address(StringInfo list, const char *field, const JsonbValue *item)
{
	char	   *text = plain_text(item);

	if (text == NULL)
		return;
	if (item->type != jbvString)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of the mail is a list with an item that is not a text", field));
	(void) address_one(field, text);
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", text);
}

/* A text, or a list of JSON. */
static char *
read_addresses(Evaluation *evaluation, const char *field, Template *template)
{
	StringInfoData list;
	Jsonb	   *jsonb;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (template == NULL)
		return NULL;
	jsonb = template_eval(template, &evaluation->destination->author, &evaluation->scope);
	if (!JB_ROOT_IS_ARRAY(jsonb) || JB_ROOT_IS_SCALAR(jsonb))
	{
		json_part(&value, jsonb);
		return plain_text(&value);
	}
	initStringInfo(&list);
	it = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			append_address(&list, field, &value);
	}
	return list.data;
}

static void
read_mail(Evaluation *evaluation, Mail *mail)
{
	const Destination *destination = evaluation->destination;

	memset(mail, 0, sizeof(Mail));
	mail->id = evaluation->id;
	mail->date = date_of(evaluation);
	mail->from = evaluation_text(evaluation, destination->from);
	mail->to = read_addresses(evaluation, "to", destination->to);
	mail->reply_to = read_addresses(evaluation, "reply_to", destination->reply_to);
	mail->subject = evaluation_text(evaluation, destination->subject);
	mail->text = evaluation_text(evaluation, destination->text);
	mail->html = evaluation_text(evaluation, destination->html);
	read_headers(evaluation, mail);
}

static TransferTls
tls_of(const Destination *destination, const char *url)
{
	if (pg_strncasecmp(url, "smtps://", 8) == 0)
		return TRANSFER_IMPLICIT;
	return destination->is_plain ? TRANSFER_PLAIN : TRANSFER_STARTTLS;
}

void
request_mail(Evaluation *evaluation, TransferRequest *request)
{
	const Destination *destination = evaluation->destination;
	Mail		mail;

	request->kind = TRANSFER_SMTP;
	request->url = evaluation_url(evaluation, destination->url);
	request->tls = tls_of(destination, request->url);
	evaluation_login(evaluation, request);
	read_mail(evaluation, &mail);
	mail_build(&mail, destination->sender, request);
}
