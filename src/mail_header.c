/*-------------------------------------------------------------------------
 *
 * mail_header.c
 *	  Header lines of mails: folded, and in ASCII whatever they say.
 *
 * Lines are folded (RFC 5322, 2.2.3) so that none is longer than 76 columns, which
 * RFC 2047 asks for where there are encoded-words.  A word that is longer by itself
 * stays whole, up to the 998 that RFC 5322, 2.1.1 allows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "common/base64.h"
#include "mb/pg_wchar.h"

#include "mail_internal.h"

#define FOLD_AT 76
#define LINE_MAX_LENGTH 998
#define WORD_MAX 60				/* in a text for people; else it is encoded */
#define HEADER_MAX 8192

/* RFC 2047, 2: an encoded-word has 75 characters at most. */
#define ENCODED_FRAME "=?UTF-8?Q?" "?="
#define ENCODED_ROOM (75 - (int) strlen(ENCODED_FRAME))
#define ENCODED_ROOM_MIN 24		/* for any one character */

/* One header under way. */
typedef struct Header
{
	StringInfo	to;
	const char *name;
	int			column;
} Header;

static void
begin(Header *header, StringInfo to, const char *name)
{
	header->to = to;
	header->name = name;
	header->column = strlen(name) + 1;
	appendStringInfo(to, "%s:", name);
}

static void
fold(Header *header)
{
	appendStringInfoChar(header->to, '\n');
	header->column = 0;
}

/* A blank and the word, on a new line if need be. */
static void
add_word(Header *header, const char *word, int length)
{
	if (header->column + 1 + length > FOLD_AT)
		fold(header);
	appendStringInfoChar(header->to, ' ');
	appendBinaryStringInfo(header->to, word, length);
	header->column += 1 + length;
	if (header->column > LINE_MAX_LENGTH)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%s\" of the mail holds a word of more than %d characters",
					   header->name, LINE_MAX_LENGTH - 1));
}

static void
end(Header *header)
{
	appendStringInfoChar(header->to, '\n');
}

/* The words of an ASCII text, whatever blanks are between them. */
static void
add_words(Header *header, const char *text)
{
	while (*(text +=strspn(text, " \t")))
	{
		int			length = strcspn(text, " \t");

		add_word(header, text, length);
		text	  +=length;
	}
}

/* ---- encoded-words (RFC 2047) ---- */

/* The bytes of the character there. */
static int
character_length(const char *text, int length)
{
	int			n = 1;

	while (n < length && n < 4 && (text[n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* RFC 2047, 5 (3): what needs no =XX within names, and so within any text. */
static bool
is_plain_q(char c)
{
	return !IS_HIGHBIT_SET(c) && (isalnum((unsigned char) c) || (c && strchr("!*+-/", c)));
}

static int
q_length(const char *text, int length)
{
	int			sum = 0;

	for (int i = 0; i < length; i++)
		sum += is_plain_q(text[i]) || text[i] == ' ' ? 1 : 3;

	return sum;
}

static int
b_length(int length)
{
	return (length + 2) / 3 * 4;
}

/* How much from there on, in whole characters, one encoded-word has room for. */
static int
chunk_length(const char *text, int length, int room, bool by_q)
{
	int			chunk = 0;

	while (chunk < length)
	{
		int			next = chunk + character_length(text +chunk, length - chunk);

		if ((by_q ? q_length(text, next) : b_length(next)) > room)
			break;
		chunk = next;
	}
	return chunk;
}

static void
append_q(StringInfo word, const char *text, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (text[i] == ' ')
			appendStringInfoChar(word, '_');
		else if (is_plain_q(text[i]))
			appendStringInfoChar(word, text[i]);
		else
			appendStringInfo(word, "=%02X", (unsigned char) text[i]);
	}
}

static void
append_b(StringInfo word, const char *text, int length)
{
	int			room = pg_b64_enc_len(length) + 1;

	enlargeStringInfo(word, room);
	/* Its argument's type is another from PostgreSQL 18 on. */
	word->len += pg_b64_encode((const void *) text, length, word->data + word->len, room);
	word->data[word->len] = '\0';
}

/* In quoted-printable or base64, by what is shorter. */
static void
add_encoded(Header *header, const char *text)
{
	int			length = strlen(text);
	bool		by_q = q_length(text, length) <= b_length(length);
	StringInfoData word;

	initStringInfo(&word);
	while (length > 0)
	{
		int			room = FOLD_AT - header->column - 1 - (int) strlen(ENCODED_FRAME);
		int			chunk;

		if (room < ENCODED_ROOM_MIN)
		{
			fold(header);
			room = ENCODED_ROOM;
		}
		chunk = chunk_length(text, length, room, by_q);
		resetStringInfo(&word);
		appendStringInfoString(&word, by_q ? "=?UTF-8?Q?" : "=?UTF-8?B?");
		(by_q ? append_q : append_b) (&word, text, chunk);
		appendStringInfoString(&word, "?=");
		add_word(header, word.data, word.len);
		text	  +=chunk;

		length -= chunk;
	}
}

static bool
is_ascii(const char *text)
{
	for (; *text; text ++)
	{
		if (IS_HIGHBIT_SET(*text))
			return false;
	}
	return true;
}

/*
 * Does it come back from a header as it is?  Not what a reader would take for an
 * encoded-word, nor control characters, nor blanks that folding could lose.
 */
static bool
is_plain(const char *text)
{
	int			word = 0;

	if (strstr(text, "=?"))
		return false;
	for (const char *c = text; *c; c++)
	{
		if (*c < ' ' || *c > '~')
			return false;
		word = *c == ' ' ? 0 : word + 1;
		if (word > WORD_MAX || (*c == ' ' && (c == text ||c[1] == ' ' || c[1] == '\0')))
			return false;
	}
	return true;
}

static void
check_line(const char *name, const char *text)
{
	if (strpbrk(text, "\r\n"))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%s\" of the mail holds a line break", name));
	if (strlen(text) > HEADER_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%s\" of the mail is longer than %d bytes", name, HEADER_MAX));
}

void
header_text(StringInfo message, const char *name, const char *text)
{
	Header		header;

	check_line(name, text);
	begin(&header, message, name);
	if (is_plain(text))
		add_words(&header, text);
	else
		add_encoded(&header, text);
	end(&header);
}

void
header_word(StringInfo message, const char *name, const char *word)
{
	Header		header;

	begin(&header, message, name);
	add_word(&header, word, strlen(word));
	end(&header);
}

/* ---- addresses ---- */

static bool
is_atoms(const char *name)
{
	for (; *name; name++)
	{
		if (!is_atext(*name) && *name != ' ')
			return false;
	}
	return true;
}

/* RFC 5322, 3.4: words, or a string in quotes; else encoded. */
static void
add_name(Header *header, const char *name)
{
	StringInfoData quoted;

	if (!is_plain(name) || (strlen(name) > WORD_MAX && !is_atoms(name)))
	{
		add_encoded(header, name);
		return;
	}
	if (is_atoms(name))
	{
		add_words(header, name);
		return;
	}
	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '"');
	for (; *name; name++)
	{
		if (*name == '"' || *name == '\\')
			appendStringInfoChar(&quoted, '\\');
		appendStringInfoChar(&quoted, *name);
	}
	appendStringInfoChar(&quoted, '"');
	add_word(header, quoted.data, quoted.len);
}

void
header_addresses(StringInfo message, const char *name, List *addresses)
{
	Header		header;
	ListCell   *cell;

	begin(&header, message, name);
	foreach(cell, addresses)
	{
		const Address *address = lfirst(cell);
		const char *comma = lnext(addresses, cell) ? "," : "";
		char	   *word;

		if (address->name)
			add_name(&header, address->name);
		word = psprintf(address->name ? "<%s>%s" : "%s%s", address->spec, comma);
		add_word(&header, word, strlen(word));
	}
	end(&header);
}

/* ---- what configurations ask for ---- */

/*
 * Those that are made here, and those that would say what is not so: nobody gets
 * a copy, and nothing has been on its way yet.
 */
static const char *const reserved[] = {
	"Date", "From", "To", "Reply-To", "Subject", "Message-ID", "MIME-Version",
	"Sender", "Cc", "Bcc", "Return-Path", "Received", "DKIM-Signature"
};

static bool
is_reserved(const char *name)
{
	for (int i = 0; i < lengthof(reserved); i++)
	{
		if (pg_strcasecmp(name, reserved[i]) == 0)
			return true;
	}
	return pg_strncasecmp(name, "Content-", 8) == 0 || pg_strncasecmp(name, "Resent-", 7) == 0;
}

/* RFC 5322, 3.6.8. */
static void
check_name(const char *name)
{
	const char *c = name;

	while (*c > ' ' && *c <= '~' && *c != ':')
		c++;
	if (c == name || *c || strlen(name) > WORD_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a header of the mail has a name that headers cannot have"));
	if (is_reserved(name))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%s\" of the mail cannot be set", name));
}

void
header_further(StringInfo message, const TransferHeader *further)
{
	Header		header;

	check_name(further->name);
	check_line(further->name, further->value);
	for (const char *c = further->value; *c; c++)
	{
		if (is_control(*c) && *c != '\t')
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("header \"%s\" of the mail holds a control character",
						   further->name));
	}
	if (further->value[strspn(further->value, " \t")] == '\0')
		return;
	begin(&header, message, further->name);
	/* ASCII stays as it is: lists and links in it must not be encoded. */
	if (is_ascii(further->value))
		add_words(&header, further->value);
	else
		add_encoded(&header, further->value);
	end(&header);
}
