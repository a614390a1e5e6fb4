/*-------------------------------------------------------------------------
 *
 * document_request.c
 *	  The parts of a request that a definition gives: path, method, headers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination.h"
#include "document.h"

void
read_path(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (document_string(parser, place, value, MAX_SQL_LENGTH) != NULL)
		*(Template **) field = document_template(parser, place, value, template_make_path);
}

/* Each stands for its place. */
const Word	http_methods[] = {
	{"GET", 0}, {"POST", 1}, {"PUT", 2}, {"PATCH", 3}, {"DELETE", 4}, {NULL}
};

void
read_request_method(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			unused;

	if (document_word(parser, place, value, http_methods, &unused))
		*(Template **) field = document_template(parser, place, value, template_make);
}

/* False, after a complaint, where there cannot be such a header. */
static bool
check_header(Parser *parser, const Place *place, JsonbValue *value)
{
	const char *wrong = destination_header_wrong(place->key);
	Problem    *problem;

	if (wrong == NULL && !destination_header_is_keyed(place->key))
		return document_string(parser, place, value, MAX_SQL_LENGTH) != NULL;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("%s cannot be given: it %s", place_text(place),
								wrong ? wrong : "identifies the sender, and others can read it there");
	problem->hint = wrong ? NULL :
		"Give it to the destination, with {{ secret }}: its headers go with each request.";
	return false;
}

/* Names differ in more than their letters' case; there are few of them. */
static bool
check_again(Parser *parser, const Place *place, List *names)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		Problem    *problem;

		if (pg_strcasecmp(lfirst(cell), place->key) != 0)
			continue;
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s is the header %s once more", place_text(place),
									quoted_name(lfirst(cell)));
		problem->hint = "Upper and lower case are the same there: leave one of the two out.";
		return false;
	}
	return true;
}

#define MAX_HEADERS 50

void
read_request_headers(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	List	   *names = NIL;
	bool		fit = true;

	if (object == NULL)
		return;
	if (JsonContainerSize(object) > MAX_HEADERS)
	{
		complain_count(parser, place, MAX_HEADERS);
		return;
	}
	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		Place		here = {.parent = place};

		if (token != WJB_KEY)
			continue;
		here.key = pnstrdup(item.val.string.val, item.val.string.len);
		JsonbIteratorNext(&it, &item, true);
		fit &= check_again(parser, &here, names) && check_header(parser, &here, &item);
		names = lappend(names, unconstify(char *, here.key));
	}
	if (fit)
		*(Template **) field = document_template(parser, place, value, template_make_headers);
}
