/*-------------------------------------------------------------------------
 *
 * mail_address.c
 *	  Lists of mail addresses, as people and applications write them.
 *
 * RFC 5322, 3.4: mailboxes with commas between, each an address or a name with the
 * address in < >.  Names may be quoted, or be words, any dots and non-ASCII letters
 * included.  What else the standard has is refused: comments, groups, routes, quoted
 * local parts and domains in brackets; somebody who types such a thing into a form
 * wants something else than mail.  So are addresses that are not ASCII, which few
 * servers take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "lib/stringinfo.h"

#include "compat.h"
#include "mail_address.h"

/* RFC 5321, 4.5.3.1. */
#define LOCAL_MAX 64
#define DOMAIN_MAX 253
#define SPEC_MAX 254
#define LABEL_MAX 63			/* RFC 1035, 2.3.4 */

#define NAME_MAX_LENGTH 500

/* The text under way. */
typedef struct Reader
{
	const char *field;
	const char *at;
} Reader;

bool
is_control(char c)
{
	return (unsigned char) c < ' ' || c == 0x7F;
}

bool
is_atext(char c)
{
	return IS_HIGHBIT_SET(c) ? false :
		isalnum((unsigned char) c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What it is, so that who sees the error finds it in the payload; but not all of it. */
pg_noreturn static void
refuse(const char *field, const char *text, const char *why)
{
	int			length = Min(strlen(text), 100);

	/* Not half a letter. */
	while (length > 0 && (text[length] & 0xC0) == 0x80)
		length--;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%s\" of the mail is not a mail address: %s", field, why),
			errdetail("It is \"%.*s\".", length, text));
}

static void
check_controls(const char *field, const char *text)
{
	for (const char *c = text; *c; c++)
	{
		if (is_control(*c) && *c != '\t')
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" of the mail holds a line break or another control character",
						   field));
	}
}

/* RFC 5322, 3.2.3: dot-atom. */
static void
check_local(const char *field, const char *spec, const char *at_sign)
{
	const char *last = NULL;

	if (at_sign - spec > LOCAL_MAX)
		refuse(field, spec, "its part before the @ is too long");
	for (const char *c = spec; c < at_sign; last = c++)
	{
		if (IS_HIGHBIT_SET(*c))
			refuse(field, spec, "its part before the @ is not ASCII");
		if (*c == '.' ? last == NULL || *last == '.' : !is_atext(*c))
			refuse(field, spec, "its part before the @ is not one");
	}
	if (last == NULL || *last == '.')
		refuse(field, spec, "its part before the @ is not one");
}

/* Letters, digits and hyphens (RFC 5321, 4.1.2), no address in brackets. */
static void
check_domain(const char *field, const char *spec, const char *domain)
{
	const char *label = domain;

	if (strlen(domain) > DOMAIN_MAX)
		refuse(field, spec, "its domain is too long");
	for (const char *c = domain;; c++)
	{
		if (IS_HIGHBIT_SET(*c))
			refuse(field, spec, "its domain is not ASCII (write it as xn--...)");
		if (isalnum((unsigned char) *c))
			continue;
		if (*c == '-' && c > label)
			continue;
		if ((*c && *c != '.') || c == label || c[-1] == '-' || c - label > LABEL_MAX)
			refuse(field, spec, "its domain is not one");
		if (*c == '\0')
			return;
		label = c + 1;
	}
}

static Address *
make_address(const char *field, char *name, char *spec)
{
	Address    *address = palloc0(sizeof(Address));
	char	   *at_sign = strrchr(spec, '@');

	if (at_sign == NULL)
		refuse(field, spec, "it has no @");
	if (strlen(spec) > SPEC_MAX)
		refuse(field, spec, "it is too long");
	check_local(field, spec, at_sign);
	check_domain(field, spec, at_sign + 1);
	if (name && strlen(name) > NAME_MAX_LENGTH)
		refuse(field, name, "its name is too long");
	address->name = name && *name ? name : NULL;
	address->spec = spec;
	address->domain = at_sign + 1;
	return address;
}

static void
skip_blanks(Reader *reader)
{
	while (is_blank(*reader->at))
		reader->at++;
}

/* RFC 5322, 3.2.4, after its first quote. */
static void
read_quoted(Reader *reader, StringInfo name)
{
	const char *start = reader->at;

	for (; *reader->at != '"'; reader->at++)
	{
		if (*reader->at == '\\')
			reader->at++;
		if (*reader->at == '\0')
			refuse(reader->field, start, "its quote has no end");
		appendStringInfoChar(name, *reader->at);
	}
	reader->at++;
}

/* What words of names, and addresses, are made of. */
static bool
in_word(char c)
{
	return IS_HIGHBIT_SET(c) || is_atext(c) || c == '.' || c == '@';
}

static void
read_word(Reader *reader, StringInfo word)
{
	while (in_word(*reader->at))
		appendStringInfoChar(word, *reader->at++);
}

/* What comes before a bracket, a comma or the end: a name, or all of an address. */
typedef struct Phrase
{
	StringInfoData text;
	int			words;
	bool		has_quotes;
	bool		has_at;			/* outside of quotes */
} Phrase;

static void
read_phrase(Reader *reader, Phrase *phrase)
{
	memset(phrase, 0, sizeof(Phrase));
	initStringInfo(&phrase->text);
	for (;; phrase->words++)
	{
		bool		apart = is_blank(*reader->at);
		int			start;

		skip_blanks(reader);
		if (*reader->at != '"' && !in_word(*reader->at))
			return;
		if (apart && phrase->words > 0)
			appendStringInfoChar(&phrase->text, ' ');
		start = phrase->text.len;
		if (*reader->at == '"')
		{
			phrase->has_quotes = true;
			reader->at++;
			read_quoted(reader, &phrase->text);
			continue;
		}
		read_word(reader, &phrase->text);
		if (strchr(phrase->text.data + start, '@'))
			phrase->has_at = true;
	}
}

/* From < on. */
static char *
read_angle(Reader *reader)
{
	const char *start = ++reader->at;
	StringInfoData spec;

	initStringInfo(&spec);
	skip_blanks(reader);
	read_word(reader, &spec);
	skip_blanks(reader);
	if (*reader->at != '>')
		refuse(reader->field, start, *reader->at ?
			   "it has what addresses cannot have" : "its < has no >");
	reader->at++;
	skip_blanks(reader);
	return spec.data;
}

static Address *
read_address(Reader *reader)
{
	const char *start = reader->at;
	Address    *address = NULL;
	Phrase		phrase;

	read_phrase(reader, &phrase);
	if (*reader->at == '<')
	{
		if (phrase.has_at)
			refuse(reader->field, start, "a name with an @ must be in quotes");
		address = make_address(reader->field, phrase.text.data, read_angle(reader));
	}
	else if (*reader->at == '\0' || *reader->at == ',')
	{
		if (phrase.has_quotes || phrase.words > 1)
			refuse(reader->field, start, "after a name comes an address in < >");
		address = make_address(reader->field, NULL, phrase.text.data);
	}
	if (address == NULL || (*reader->at && *reader->at != ','))
		refuse(reader->field, start, "it has what addresses cannot have");
	return address;
}

/* RFC 5321, 2.4: in the local part, capitals may be other letters. */
static bool
is_same(const Address *a, const Address *b)
{
	return a->domain - a->spec == b->domain - b->spec &&
		strncmp(a->spec, b->spec, a->domain - a->spec) == 0 &&
		pg_strcasecmp(a->domain, b->domain) == 0;
}

static List *
add_address(List *list, Address *address)
{
	ListCell   *cell;

	foreach(cell, list)
	{
		if (is_same(lfirst(cell), address))
			return list;
	}
	return lappend(list, address);
}

List *
address_list(const char *field, const char *text)
{
	Reader		reader;
	List	   *list = NIL;

	reader.field = field;
	reader.at = text ? text : "";

	check_controls(field, reader.at);
	for (;;)
	{
		/* RFC 5322, 4.4: there may be nothing between two commas. */
		while (is_blank(*reader.at) || *reader.at == ',')
			reader.at++;
		if (*reader.at == '\0')
			break;
		list = add_address(list, read_address(&reader));
		if (list_length(list) > MAIL_RECIPIENTS_MAX)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" of the mail holds more than %d addresses",
						   field, MAIL_RECIPIENTS_MAX));
	}
	if (list == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of the mail holds no address", field));
	return list;
}

Address *
address_one(const char *field, const char *text)
{
	List	   *list = address_list(field, text);

	if (list_length(list) > 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of the mail holds more than one address", field));
	return linitial(list);
}
