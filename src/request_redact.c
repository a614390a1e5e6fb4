/*-------------------------------------------------------------------------
 *
 * request_redact.c
 *	  What a receiver tells back of our secret is not kept.
 *
 * Servers that complain quote what they were sent, and who may look at actions is
 * not to learn from that how a destination identifies itself.  Looked for are the
 * words of the secret that the configuration uses and those that sign: as they
 * were sent, as JSON, URLs and HTML may spell them, and in base64, in which
 * passwords are sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "isolate.h"
#include "request_redact.h"

#define INSTEAD "***"
#define LONGEST_UTF8 4
#define FEWEST_DIGITS 8			/* of base64 that can hide a word */

/* One character of a word. */
typedef struct Letter
{
	const char *raw;			/* in the database's encoding */
	int			length;
	unsigned char utf8[LONGEST_UTF8];
	int			utf8_length;
	pg_wchar	code;			/* Unicode's */
} Letter;

typedef struct Word
{
	int			n;
	Letter	   *letters;
	const char *raw;
	size_t		length;
	const char *utf8;
	size_t		utf8_length;
} Word;

/* ---- words ---- */

typedef struct Conversion
{
	const char *raw;
	char	   *utf8;
} Conversion;

static void
convert(void *arg)
{
	Conversion *conversion = arg;

	conversion->utf8 = pg_server_to_any(conversion->raw, strlen(conversion->raw), PG_UTF8);
}

/* Where nothing says which characters it has, each byte is one. */
static const char *
to_utf8(const char *raw)
{
	Conversion	conversion = {raw, NULL};

	if (GetDatabaseEncoding() == PG_UTF8 || isolate(convert, &conversion) != NULL)
		return raw;
	return conversion.utf8;
}

static void
set_letter(Letter *letter, const char *raw, const char *utf8, bool is_valid)
{
	letter->raw = raw;
	letter->utf8_length = is_valid ?
		Min(pg_utf_mblen((const unsigned char *) utf8), LONGEST_UTF8) : 1;
	letter->length = raw == utf8 ? letter->utf8_length : pg_mblen(raw);
	memcpy(letter->utf8, utf8, letter->utf8_length);
	letter->code = is_valid ? utf8_to_unicode((const unsigned char *) utf8) :
		*(const unsigned char *) utf8;
}

static Word *
make_word(const char *raw)
{
	Word	   *word = palloc(sizeof(Word));
	const char *utf8 = to_utf8(raw);
	bool		is_valid;

	word->raw = raw;
	word->length = strlen(raw);
	word->utf8 = utf8;
	word->utf8_length = strlen(utf8);
	is_valid = pg_verify_mbstr(PG_UTF8, utf8, word->utf8_length, true);
	word->letters = palloc(word->utf8_length * sizeof(Letter));
	word->n = 0;
	while (*raw && *utf8)
	{
		Letter	   *letter = &word->letters[word->n++];

		set_letter(letter, raw, utf8, is_valid);
		raw += letter->length;
		utf8 += letter->utf8_length;
	}
	return word;
}

/* ---- spellings ---- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of that many digits, or -1. */
static int
read_hex(const char *text, int digits)
{
	int			number = 0;

	for (int i = 0; i < digits; i++)
	{
		int			value = hex_value(text[i]);

		if (value < 0)
			return -1;
		number = number * 16 + value;
	}
	return number;
}

/* uD83D\uDE00; the length of it, or 0. */
static int
match_unicode(const char *text, const Letter *letter)
{
	int			code = *text == 'u' ? read_hex(text +1, 4) : -1;
	int			low;

	if (code < 0)
		return 0;
	if (code == (int) letter->code)
		return 5;
	if (!is_utf16_surrogate_first(code) || text[5] != '\\' || text[6] != 'u')
		return 0;
	low = read_hex(text +7, 4);
	if (low < 0 || !is_utf16_surrogate_second(low) ||
		surrogate_pair_to_codepoint(code, low) != letter->code)
		return 0;
	return 11;
}

/* With a backslash, or several where JSON is within JSON. */
static int
match_escaped(const char *text, const Letter *letter)
{
	int			slashes = strspn(text, "\\");
	int			length;

	if (slashes == 0)
		return 0;
	length = match_unicode(text +slashes, letter);
	if (length == 0 && strncmp(text +slashes, letter->raw, letter->length) == 0)
		length = letter->length;
	return length > 0 ? slashes + length : 0;
}

static int
match_percent(const char *text, const Letter *letter)
{
	for (int i = 0; i < letter->utf8_length; i++)
	{
		if (text[i * 3] != '%' || read_hex(text +i * 3 + 1, 2) != letter->utf8[i])
			return 0;
	}
	return letter->utf8_length * 3;
}

static int
match_entity(const char *text, const Letter *letter)
{
	static const struct
	{
		char		c;
		const char *entity;
	}			entities[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'"', "&#34;"},
		{'\'', "&#39;"}, {'\'', "&#x27;"}, {'\'', "&apos;"}, {'+', "&#43;"}, {'/', "&#x2F;"}
	};

	for (int i = 0; i < lengthof(entities); i++)
	{
		size_t		length = strlen(entities[i].entity);

		if (*letter->raw == entities[i].c &&
			pg_strncasecmp(text, entities[i].entity, length) == 0)
			return length;
	}
	return 0;
}

static int
match_spelling(const char *text, const Letter *letter)
{
	switch (*text)
	{
		case '\\':
			return match_escaped(text, letter);
		case '%':
			return match_percent(text, letter);
		case '&':
			return match_entity(text, letter);
		case '+':
			return *letter->raw == ' ' ? 1 : 0;
		default:
			return 0;
	}
}

/*
 * How many bytes of the text are the letter; 0: it begins with another.  A letter
 * such as & or % begins spellings too, its own first of all.
 */
static int
match_letter(const char *text, const Letter *letter)
{
	int			length = match_spelling(text, letter);

	if (length == 0 && strncmp(text, letter->raw, letter->length) == 0)
		length = letter->length;
	return length;
}

/* As it is, or as it may be spelt. */
static int
match_word(const char *text, const Word *word)
{
	int			total = 0;

	if (strncmp(text, word->raw, word->length) == 0)
		return word->length;
	for (int i = 0; i < word->n; i++)
	{
		int			length = match_letter(text +total, &word->letters[i]);

		if (length == 0)
			return 0;
		total += length;
	}
	return total;
}

/* The longest that the text begins with. */
static int
match_any(const char *text, List *words)
{
	int			longest = 0;
	ListCell   *cell;

	foreach(cell, words)
		longest = Max(longest, match_word(text, lfirst(cell)));
	return longest;
}

/* ---- base64 ---- */

/* A digit, or -1; that of URLs has - and _ for + and /. */
static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* A digit and how long it is, as JSON and URLs spell it; 0: there is none. */
static int
read_digit(const char *text, int *digit)
{
	int			length = 1;
	char		c = *text;

	if (strncmp(text, "\\/", 2) == 0)
	{
		c = '/';
		length = 2;
	}
	else if (strncmp(text, "\\u00", 4) == 0)
	{
		c = Max(read_hex(text +4, 2), 0);
		length = 6;
	}
	else if (*text == '%')
	{
		c = Max(read_hex(text +1, 2), 0);
		length = 3;
	}
	*digit = base64_digit(c);
	return *digit < 0 ? 0 : length;
}

/* The digits from here on; the length of the text that has them. */
static int
read_digits(const char *text, StringInfo digits)
{
	int			total = 0;
	int			length;
	int			digit;

	resetStringInfo(digits);
	while ((length = read_digit(text +total, &digit)) > 0)
	{
		appendStringInfoChar(digits, digit);
		total += length;
	}
	return total + strspn(text +total, "=");
}

/* What the digits from there on stand for. */
static void
decode(const StringInfo digits, int from, StringInfo bytes)
{
	uint32		bits = 0;
	int			n = 0;

	resetStringInfo(bytes);
	for (int i = from; i < digits->len; i++)
	{
		bits = bits << 6 | digits->data[i];
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		appendStringInfoChar(bytes, bits >> n & 0xFF);
	}
}

static bool
holds(const StringInfo bytes, const Word *word)
{
	const char *start = bytes->data;
	const char *end = bytes->data + bytes->len;

	while (start + word->utf8_length <= end)
	{
		start = memchr(start, *word->utf8, end - start - word->utf8_length + 1);
		if (start == NULL)
			return false;
		if (memcmp(start, word->utf8, word->utf8_length) == 0)
			return true;
		start++;
	}
	return false;
}

/* Where it begins is not known: letters may stand before it. */
static bool
hides_any(const StringInfo digits, List *words, StringInfo bytes)
{
	ListCell   *cell;

	if (digits->len < FEWEST_DIGITS)
		return false;
	for (int from = 0; from < 4; from++)
	{
		decode(digits, from, bytes);
		foreach(cell, words)
		{
			if (holds(bytes, lfirst(cell)))
				return true;
		}
	}
	return false;
}

/* ---- all of a text ---- */

/* A letter, or an escape of JSON, which is not to be cut in two. */
static int
step(const char *text)
{
	if (*text !='\\' || text[1] == '\0')
		return 1;
	return text[1] == 'u' && read_hex(text +2, 4) >= 0 ? 6 : 2;
}

/* Without what hides one in base64. */
static char *
without_hidden(const char *source, List *words)
{
	StringInfoData to;
	StringInfoData digits;
	StringInfoData bytes;

	initStringInfo(&to);
	initStringInfo(&digits);
	initStringInfo(&bytes);
	while (*source)
	{
		int			length = read_digits(source, &digits);

		if (digits.len == 0)
		{
			length = step(source);
			appendBinaryStringInfo(&to, source, length);
		}
		else if (hides_any(&digits, words, &bytes))
			appendStringInfoString(&to, INSTEAD);
		else
			appendBinaryStringInfo(&to, source, length);
		source += length;
	}
	return to.data;
}

static char *
without_plain(const char *source, List *words)
{
	StringInfoData to;

	initStringInfo(&to);
	while (*source)
	{
		int			length = match_any(source, words);

		if (length > 0)
			appendStringInfoString(&to, INSTEAD);
		else
		{
			length = 1;
			appendStringInfoChar(&to, *source);
		}
		source += length;
	}
	return to.data;
}

char *
redact_words(char *source, const List *texts)
{
	List	   *words = NIL;
	const ListCell *cell;

	foreach(cell, texts)
		words = lappend(words, make_word(lfirst(cell)));
	return words ? without_hidden(without_plain(source, words), words) : source;
}
