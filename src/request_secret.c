/*-------------------------------------------------------------------------
 *
 * request_secret.c
 *	  Which words of a destination's secret are not to be kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "request_redact.h"
#include "request_response.h"

#define MIN_WORD 6				/* bytes; what is shorter is in any text */
#define MIN_SEGMENT 12			/* of a URL: others are words such as
								 * "services" */
#define BLANKS " \t\r\n"
#define URL_DELIMITERS "/?&=#;"

static List *
add_word(List *words, const char *start, size_t length, size_t least)
{
	return length < least ? words : lappend(words, pnstrdup(start, length));
}

static List *
add_pieces(List *words, const char *text, const char *delimiters, size_t least)
{
	while (*(text +=strspn(text, delimiters)) !='\0')
	{
		size_t		length = strcspn(text, delimiters);

		words = add_word(words, text, length, least);
		text	  +=length;
	}
	return words;
}

/* A server that is called by it quotes what follows the host, or part of that. */
static List *
add_url(List *words, const char *text)
{
	const char *host = strstr(text, "://");
	const char *path;

	if (host == NULL)
		return words;
	host += strlen("://");
	path = host + strcspn(host, "/?");
	words = add_word(words, path, strlen(path), MIN_WORD);
	return add_pieces(words, path, URL_DELIMITERS, MIN_SEGMENT);
}

static List *
add_part(List *words, const char *part)
{
	if (part == NULL)
		return words;
	words = add_word(words, part, strlen(part), MIN_WORD);
	if (strpbrk(part, BLANKS) != NULL)
		words = add_pieces(words, part, BLANKS, MIN_WORD);
	return add_url(words, part);
}

/* All that may have been sent of it, whatever the configuration is by now. */
static List *
secret_words(const char *secret)
{
	List	   *words = add_part(NIL, secret);
	ListCell   *cell;

	foreach(cell, secret_members(secret))
		words = add_part(words, lfirst(cell));
	return words;
}

char *
redact_secret(char *source, const char *secret)
{
	if (secret == NULL || strlen(source) < MIN_WORD)
		return source;
	return redact_words(source, secret_words(secret));
}
