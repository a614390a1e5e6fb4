/*-------------------------------------------------------------------------
 *
 * mail.c
 *	  Messages by RFC 5322 and MIME.
 *
 * Lines end in LF here; transfer makes CR LF of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "mail_internal.h"

static bool
is_there(const char *text)
{
	return text &&*text;
}

/* RFC 5322, 3.3.  The zone is UTC's: whose clock it was is nobody's business. */
static void
append_date(StringInfo message, TimestampTz date)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(date, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		tm.tm_year < 1900 || tm.tm_year > 9999)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the mail has a date that mails cannot have"));
	appendStringInfo(message, "Date: %.3s, %d %s %04d %02d:%02d:%02d +0000\n",
					 days[j2day(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday))],
					 tm.tm_mday, months[tm.tm_mon - 1], tm.tm_year,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* RFC 5322, 3.6.4. */
static void
append_message_id(StringInfo message, const char *id, const Address *from)
{
	for (const char *c = id; *c; c++)
	{
		if (!is_atext(*c))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the mail has an id that mails cannot have"));
	}
	header_word(message, "Message-ID", psprintf("<%s@%s>", id, from->domain));
}

static void
append_head(StringInfo message, const Mail *mail, Address *from, List *to)
{
	append_date(message, mail->date);
	header_addresses(message, "From", list_make1(from));
	if (is_there(mail->reply_to))
		header_addresses(message, "Reply-To", address_list("reply_to", mail->reply_to));
	header_addresses(message, "To", to);
	if (is_there(mail->subject))
		header_text(message, "Subject", mail->subject);
	append_message_id(message, mail->id, from);
	for (int i = 0; i < mail->nheaders; i++)
		header_further(message, &mail->headers[i]);
	appendStringInfoString(message, "MIME-Version: 1.0\n");
}

/*
 * RFC 2046, 5.1.1.  Encoded parts hold no "=_" (RFC 2045, 6.7 says so of quoted-
 * printable, and base64 has no "_"), so none can hold the boundary, whatever their
 * writer knew of it.  It comes from the id, which is random, and not from new
 * random bytes: a message that is sent again is the same.
 */
static char *
make_boundary(const Mail *mail)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) mail->id,
										   strlen(mail->id), 0);

	return psprintf("=_%016llx", (unsigned long long) hash);
}

/* RFC 2046, 5.1.4: the last alternative is the best. */
static void
append_alternatives(StringInfo message, const Mail *mail)
{
	char	   *boundary = make_boundary(mail);

	appendStringInfo(message, "Content-Type: multipart/alternative; boundary=\"%s\"\n\n--%s\n",
					 boundary, boundary);
	part_append(message, "text/plain", mail->text);
	appendStringInfo(message, "\n--%s\n", boundary);
	part_append(message, "text/html", mail->html);
	appendStringInfo(message, "\n--%s--\n", boundary);
}

static void
append_body(StringInfo message, const Mail *mail)
{
	if (is_there(mail->text) && is_there(mail->html))
		append_alternatives(message, mail);
	else if (is_there(mail->text))
		part_append(message, "text/plain", mail->text);
	else
		part_append(message, "text/html", mail->html);
	if (message->data[message->len - 1] != '\n')
		appendStringInfoChar(message, '\n');
}

static void
check_content(const Mail *mail)
{
	if (!is_there(mail->text) && !is_there(mail->html))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the mail has neither text nor html"));
	if ((mail->text &&strlen(mail->text) > MAIL_LENGTH_MAX) ||
		(mail->html && strlen(mail->html) > MAIL_LENGTH_MAX))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the mail is longer than %d bytes", MAIL_LENGTH_MAX));
}

static void
set_recipients(TransferRequest *request, List *to)
{
	const char **specs = palloc(list_length(to) * sizeof(char *));
	ListCell   *cell;

	foreach(cell, to)
		specs[foreach_current_index(cell)] = ((Address *) lfirst(cell))->spec;
	request->recipients = specs;
	request->nrecipients = list_length(to);
}

void
mail_build(const Mail *mail, const char *sender, TransferRequest *request)
{
	Address    *from = address_one("from", mail->from);
	List	   *to = address_list("to", mail->to);
	StringInfoData message;

	check_content(mail);
	initStringInfo(&message);
	append_head(&message, mail, from, to);
	append_body(&message, mail);
	request->body = message.data;
	request->length = message.len;
	if (sender == NULL)
		request->sender = from->spec;
	else if (*sender == '\0')
		request->sender = "";
	else
		request->sender = address_one("sender", sender)->spec;
	set_recipients(request, to);
}
