/*-------------------------------------------------------------------------
 *
 * request_redact.c
 *	  What a receiver tells back of our secret is not kept.
 *
 * Servers that complain quote what they were sent, and who may look at actions is
 * not to learn from that how a destination identifies itself.  Looked for are the
 * words of the secret that the configuration uses and those that sign, as they
 * were sent and as JSON may spell them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "request_response.h"

#define MIN_WORD 6				/* bytes; what is shorter is in any text */
#define BLANKS " \t\r\n"
#define INSTEAD "***"

static List *
add_words(List *words, const char *part)
{
	if (part == NULL)
		return words;
	while (*(part += strspn(part, BLANKS)) != '\0')
	{
		size_t		length = strcspn(part, BLANKS);

		if (length >= MIN_WORD)
			words = lappend(words, pnstrdup(part, length));
		part += length;
	}
	return words;
}

/* char *; NIL where there is no secret, or none that can be read now. */
static List *
secret_words(const Destination *destination)
{
	const char *missing;
	char	   *secret = destination_secret(destination, &missing);
	List	   *words = NIL;
	ListCell   *cell;

	if (secret == NULL)
		return NIL;
	foreach(cell, destination_secret_names(destination))
		words = add_words(words, secret_part(secret, lfirst(cell)));
	words = add_words(words, secret_part(secret, "signing"));
	if (strncmp(secret, "whsec_", strlen("whsec_")) == 0)
		words = add_words(words, secret);
	return words;
}

static char *
replace(char *source, const char *word)
{
	StringInfoData replaced;
	const char *rest = source;
	const char *found = strstr(rest, word);

	if (found == NULL)
		return source;
	initStringInfo(&replaced);
	for (; found != NULL; found = strstr(rest, word))
	{
		appendBinaryStringInfo(&replaced, rest, found - rest);
		appendStringInfoString(&replaced, INSTEAD);
		rest = found + strlen(word);
	}
	appendStringInfoString(&replaced, rest);
	return replaced.data;
}

/* As a string of JSON has it between its quotes; slashes may be escaped, too. */
static char *
in_json(const char *word, bool with_slashes)
{
	StringInfoData quoted;
	StringInfoData escaped;

	initStringInfo(&quoted);
	initStringInfo(&escaped);
	escape_json(&quoted, word);
	for (int i = 1; i < quoted.len - 1; i++)
	{
		if (with_slashes && quoted.data[i] == '/')
			appendStringInfoChar(&escaped, '\\');
		appendStringInfoChar(&escaped, quoted.data[i]);
	}
	return escaped.data;
}

char *
redact_secret(char *source, const Destination *destination)
{
	ListCell   *cell;

	if (!destination->needs_secret || strlen(source) < MIN_WORD)
		return source;
	foreach(cell, secret_words(destination))
	{
		const char *word = lfirst(cell);

		source = replace(source, word);
		source = replace(source, in_json(word, false));
		source = replace(source, in_json(word, true));
	}
	return source;
}
