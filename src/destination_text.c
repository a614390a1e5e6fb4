/*-------------------------------------------------------------------------
 *
 * destination_text.c
 *	  The strings of a destination: templates, and where the secret stands.
 *
 * {{ secret }} and {{ secret.name }} are found here, before any SQL is, and never
 * become part of a template: no expression ever reads the secret.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "destination_text.h"
#include "transfer.h"

#define SECRET_PLACES "{{ secret }} can stand in \"url\", \"headers\", \"user\" and \"password\"."

/* ---- where the secret stands ---- */

/* What the text between braces names of the secret; NULL: it is SQL. */
static char *
secret_name(const char *start, size_t length)
{
	static const char blanks[] = " \t\r\n";
	char	   *name;

	while (length > 0 && strchr(blanks, start[length - 1]) != NULL)
		length--;
	while (length > 0 && strchr(blanks, *start) != NULL)
	{
		start++;
		length--;
	}
	if (length < strlen("secret") || strncmp(start, "secret", strlen("secret")) != 0)
		return NULL;
	name = pnstrdup(start, length) + strlen("secret");
	if (*name == '\0')
		return name;
	if (*name++ != '.' || *name == '\0')
		return NULL;
	for (const char *c = name; *c != '\0'; c++)
	{
		if (!isalnum((unsigned char) *c) && *c != '_' && *c != '-')
			return NULL;
	}
	return name;
}

/* ---- templates ---- */

static void
string_value(JsonbValue *value, const char *start, size_t length)
{
	value->type = jbvString;
	value->val.string.val = unconstify(char *, start);
	value->val.string.len = length;
}

Template *
line_template(const char *text)
{
	JsonbValue	value;

	string_value(&value, text, strlen(text));
	return template_make_action(JsonbValueToJsonb(&value));
}

/* An expression can only be the secret by itself, and not here. */
static void
check_no_secret(Parser *parser, const Place *place, Template *template)
{
	ListCell   *cell;

	foreach(cell, template_parts(template))
	{
		TemplatePart *part = lfirst(cell);
		const char *source = part->expr->source;
		Problem    *problem;

		if (secret_name(source, strlen(source)) == NULL)
			continue;
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("the secret cannot stand in %s", place_text(place));
		problem->hint = SECRET_PLACES;
		return;
	}
}

void
read_body(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Template   *template = document_template(parser, place, value,
											 template_make_action);

	if (template != NULL)
		check_no_secret(parser, place, template);
	*(Template **) field = template;
}

void
read_line(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (document_string(parser, place, value, MAX_SQL_LENGTH) != NULL)
		read_body(parser, place, value, field);
}

/* A string, or an array of some. */
void
read_addresses(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	Place		here = {.parent = place};
	bool		fit = true;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
	{
		read_line(parser, place, value, field);
		return;
	}
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		fit &= document_string(parser, &here, &item, MAX_SQL_LENGTH) != NULL;
		here.index++;
	}
	if (fit)
		read_body(parser, place, value, field);
}

/* ---- strings in pieces ---- */

typedef struct Splitting
{
	Parser	   *parser;
	const Place *place;
	List	   *pieces;
	StringInfoData mask;		/* the string, with what is not written there
								 * as one byte */
} Splitting;

static void
add_template(Splitting *splitting, const char *start, size_t length, bool is_data)
{
	KeyedPiece *piece = palloc0(sizeof(KeyedPiece));
	JsonbValue	value;

	string_value(&value, start, length);
	piece->is_data = is_data;
	piece->template = document_template(splitting->parser, splitting->place, &value,
										template_make_action);
	splitting->pieces = lappend(splitting->pieces, piece);
	if (is_data)
		appendStringInfoChar(&splitting->mask, MASK_DATA);
	else
		appendBinaryStringInfo(&splitting->mask, start, length);
}

static void
add_secret(Splitting *splitting, char *name)
{
	KeyedPiece *piece = palloc0(sizeof(KeyedPiece));

	piece->secret = name;
	splitting->pieces = lappend(splitting->pieces, piece);
	appendStringInfoChar(&splitting->mask, MASK_SECRET);
}

/* False after a complaint. */
static bool
add_literal(Splitting *splitting, const char *start, size_t length)
{
	Problem    *problem;

	for (size_t i = 0; i < length; i++)
	{
		if ((unsigned char) start[i] >= ' ' && start[i] != 0x7F)
			continue;
		problem = complain(splitting->parser, ERRCODE_INVALID_PARAMETER_VALUE,
						   splitting->place);
		problem->message = psprintf("%s must not contain control characters",
									place_text(splitting->place));
		return false;
	}
	if (length > 0)
		add_template(splitting, start, length, false);
	return true;
}

static bool
complain_open(Splitting *splitting)
{
	Problem    *problem = complain(splitting->parser, ERRCODE_SYNTAX_ERROR,
								   splitting->place);

	problem->message = psprintf("%s has a {{ without }}", place_text(splitting->place));
	problem->hint = "Close the expression with }}.";
	return false;
}

/* False after a complaint. */
static bool
split(Splitting *splitting, JsonbValue *value)
{
	char	   *rest = document_string(splitting->parser, splitting->place, value,
									   TRANSFER_URL_MAX);
	char	   *open;

	if (rest == NULL)
		return false;
	initStringInfo(&splitting->mask);
	while ((open = strstr(rest, "{{")) != NULL)
	{
		const char *close = template_close(open + 2);
		char	   *name;

		if (close == NULL)
			return complain_open(splitting);
		if (!add_literal(splitting, rest, open - rest))
			return false;
		name = secret_name(open + 2, close - open - 2);
		if (name != NULL)
			add_secret(splitting, name);
		else
			add_template(splitting, open, close + 2 - open, true);
		rest = unconstify(char *, close + 2);
	}
	return add_literal(splitting, rest, strlen(rest));
}

bool
pieces_have_secret(const List *pieces)
{
	ListCell   *cell;

	foreach(cell, pieces)
	{
		if (((KeyedPiece *) lfirst(cell))->secret != NULL)
			return true;
	}
	return false;
}

/* Everybody who may look at destinations reads what stands there. */
static void
check_keyed(Splitting *splitting)
{
	Problem    *problem;

	if (pieces_have_secret(splitting->pieces))
		return;
	problem = complain(splitting->parser, ERRCODE_INVALID_PARAMETER_VALUE,
					   splitting->place);
	problem->message = psprintf("%s must be taken from the secret",
								place_text(splitting->place));
	problem->hint = "Write {{ secret }} there and give its value as the secret:"
		" the configuration can be read by others.";
}

void
read_keyed(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Splitting	splitting = {.parser = parser, .place = place};

	if (split(&splitting, value))
		*(List **) field = splitting.pieces;
}

void
read_password(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Splitting	splitting = {.parser = parser, .place = place};

	if (!split(&splitting, value))
		return;
	check_keyed(&splitting);
	*(List **) field = splitting.pieces;
}

/* ---- URLs ---- */

static void
read_url_by(Parser *parser, const Place *place, JsonbValue *value, void *field,
			const UrlRule *rule)
{
	Splitting	splitting = {.parser = parser, .place = place};

	if (!split(&splitting, value))
		return;
	check_url_form(parser, place, splitting.mask.data, rule);
	*(List **) field = splitting.pieces;
}

void
read_url(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	read_url_by(parser, place, value, field, &url_rule_web);
}

void
read_mail_url(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	read_url_by(parser, place, value, field, &url_rule_mail);
}
