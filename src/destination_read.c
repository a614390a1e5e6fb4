/*-------------------------------------------------------------------------
 *
 * destination_read.c
 *	  From a destination's configuration to a Destination, by tables of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "destination_read.h"
#include "destination_text.h"

#define MIN_TIMEOUT 100			/* ms */
#define MAX_TIMEOUT (10 * 60 * 1000)	/* ms, of a pause too */
#define MAX_IN_FLIGHT 10000

static void read_timeout(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_in_flight(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_rate(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_rate_max(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_rate_per(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_breaker(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_pause(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_method(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_content_type(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_tls(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_no_use(Parser *parser, const Place *place, JsonbValue *value, void *field);
static void read_function(Parser *parser, const Place *place, JsonbValue *value, void *field);

#define FIELD(name) offsetof(Destination, name)

/* Keys of every kind that workers send to. */
#define ANY_KIND \
	{"timeout", read_timeout, FIELD(timeout)}, \
	{"ordered", read_bool, FIELD(is_ordered)}, \
	{"retry", read_retry, FIELD(retry)}

/* Of those with a receiver elsewhere. */
#define REMOTE_KIND \
	ANY_KIND, \
	{"max_in_flight", read_in_flight, FIELD(max_in_flight)}, \
	{"rate", read_rate}, \
	{"breaker", read_breaker}

#define NO_USE(name) {name, read_no_use, 0, false, true}

static const Key webhook_keys[] = {
	REMOTE_KIND,
	{"url", read_url, FIELD(url), true},
	{"method", read_method, FIELD(method)},
	{"headers", read_web_headers, FIELD(headers)},
	{"body", read_body, FIELD(body)},
	{"content_type", read_content_type, FIELD(content_type)},
	{"user", read_keyed, FIELD(user)},
	{"password", read_password, FIELD(password)},
	{"signed", read_bool, FIELD(is_signed)},
	{NULL}
};

static const Key smtp_keys[] = {
	REMOTE_KIND,
	{"url", read_mail_url, FIELD(url), true},
	{"tls", read_tls, FIELD(is_plain)},
	{"user", read_keyed, FIELD(user)},
	{"password", read_password, FIELD(password)},
	{"headers", read_mail_headers, FIELD(headers)},
	{"from", read_line, FIELD(from), true},
	{"sender", read_name, FIELD(sender)},
	{"reply_to", read_addresses, FIELD(reply_to)},
	{"to", read_addresses, FIELD(to)},
	{"subject", read_line, FIELD(subject)},
	{"text", read_line, FIELD(text)},
	{"html", read_line, FIELD(html)},
	{NULL}
};

static const Key sql_keys[] = {
	ANY_KIND,
	{"function", read_function, FIELD(function), true},
	NO_USE("max_in_flight"),
	NO_USE("rate"),
	NO_USE("breaker"),
	{NULL}
};

static const Key rate_keys[] = {
	{"max", read_rate_max, FIELD(rate_max), true},
	{"per", read_rate_per, FIELD(rate_per), true},
	{NULL}
};

static const Key breaker_keys[] = {
	{"failures", read_limit, FIELD(breaker_failures)},
	{"pause", read_pause, FIELD(breaker_pause)},
	{NULL}
};

typedef struct Kind
{
	const char *name;
	const Key  *keys;			/* NULL: it has none */
} Kind;

static const Kind kinds[] = {
	[DESTINATION_PULL] = {"pull", NULL},
	[DESTINATION_WEBHOOK] = {"webhook", webhook_keys},
	[DESTINATION_SMTP] = {"smtp", smtp_keys},
	[DESTINATION_SQL] = {"sql", sql_keys}
};

static const Word content_type_words[] = {
	{"application/json", CONTENT_JSON},
	{"application/x-www-form-urlencoded", CONTENT_FORM},
	{"text/plain", CONTENT_TEXT},
	{NULL}
};

static const Word tls_words[] = {
	{"starttls", false},
	{"none", true},
	{NULL}
};

DestinationKind
destination_kind(const char *name)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			return i;
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("destination kind %s does not exist", quoted_name(name)),
			errhint("Kinds are \"webhook\" (HTTP), \"smtp\" (mail), \"sql\" (a function) and \"pull\"."));
	return DESTINATION_PULL;	/* not reached */
}

const char *
destination_kind_name(DestinationKind kind)
{
	return kinds[kind].name;
}

/* ---- readers ---- */

static Problem *
complain_value(Parser *parser, const Place *place, const char *what)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("%s %s", place_text(place), what);
	return problem;
}

/* A month is 30 days and a day 24 hours here.  False after a complaint. */
static bool
read_usecs(Parser *parser, const Place *place, JsonbValue *value, int64 *usecs)
{
	Interval   *span = NULL;
	int			before = list_length(*parser->problems);

	read_span(parser, place, value, &span);
	if (span == NULL || list_length(*parser->problems) > before)
		return false;
	*usecs = ((int64) span->month * DAYS_PER_MONTH + span->day) * USECS_PER_DAY + span->time;
	return true;
}

static void
read_timeout(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int64		usecs;

	if (!read_usecs(parser, place, value, &usecs))
		return;
	if (usecs < INT64CONST(1000) * MIN_TIMEOUT || usecs > INT64CONST(1000) * MAX_TIMEOUT)
		complain_value(parser, place, "must be from 100 milliseconds to 10 minutes");
	else
		*(int *) field = (int) (usecs / 1000);
}

static void
read_pause(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int64		usecs;

	if (!read_usecs(parser, place, value, &usecs))
		return;
	if (usecs < 1000 || usecs > INT64CONST(1000) * MAX_TIMEOUT)
		complain_value(parser, place, "must be from 1 millisecond to 10 minutes");
	else
		*(int *) field = (int) (usecs / 1000);
}

static void
read_rate_per(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	(void) read_usecs(parser, place, value, field);
}

static void
read_in_flight(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	document_whole(parser, place, value, 1, MAX_IN_FLIGHT, field);
}

static void
read_rate_max(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	document_whole(parser, place, value, 1, MAX_RATE, field);
}

static void
read_rate(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object_as(parser, place, value,
												"{\"max\": 100, \"per\": \"1 minute\"}");

	if (object != NULL)
		document_keys(parser, place, object, rate_keys, field);
}

static void
read_breaker(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object_as(parser, place, value,
												"{\"failures\": 10, \"pause\": \"30 seconds\"}");

	if (object != NULL)
		document_keys(parser, place, object, breaker_keys, field);
}

static void
read_method(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			method;

	if (document_word(parser, place, value, http_methods, &method))
		*(char **) field = pstrdup(http_methods[method].word);
}

static void
read_content_type(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			type;

	if (document_word(parser, place, value, content_type_words, &type))
		*(ContentType *) field = type;
}

static void
read_tls(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	int			is_plain;

	if (document_word(parser, place, value, tls_words, &is_plain))
		*(bool *) field = is_plain;
}

/* Who wrote it believes that it does something. */
static void
read_no_use(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (!parser->is_stored)
		complain_value(parser, place, "does not apply to destinations of kind \"sql\"")->hint =
			"Their function is called for one action after the other; leave it out.";
}

/* Its schema has to be said: no search_path is asked. */
static void
read_function(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *text = document_string(parser, place, value, 4 * NAMEDATALEN);
	List	   *names = NIL;
	Problem    *problem;

	if (text == NULL)
		return;
	if (SplitIdentifierString(pstrdup(text), '.', &names) && list_length(names) == 2)
	{
		*(char **) field = quote_qualified_identifier(linitial(names), lsecond(names));
		return;
	}
	problem = complain_value(parser, place, "must be a function's name with its schema");
	problem->hint = "For example \"shop.send\": it is called with (id uuid, customer text, payload jsonb).";
}

/* ---- what does not go together ---- */

static void
check_tls(Parser *parser, JsonbContainer *object, const Place *root)
{
	Place		here = {.parent = root, .key = "tls"};
	JsonbValue	url;

	if (!document_has(object, "tls") ||
		getKeyJsonValueFromContainer(object, "url", 3, &url) == NULL ||
		url.type != jbvString || url.val.string.len < 8 ||
		pg_strncasecmp(url.val.string.val, "smtps://", 8) != 0)
		return;
	complain_value(parser, &here, "says nothing where \"url\" begins with \"smtps://\"")->hint =
		"TLS is there from the first byte; leave \"tls\" out.";
}

static void
check_authorization(Parser *parser, const Destination *destination, const Place *root)
{
	Place		here = {.parent = root, .key = "user"};

	if (destination->user != NIL && find_header(destination->headers, "Authorization"))
		complain_value(parser, &here, "cannot stand beside the header \"Authorization\"")->hint =
			"Leave one of the two out: both say who sends.";
}

/* A form is made of an object, a text of a string; a template may come to either. */
static void
check_body(Parser *parser, const Destination *destination, JsonbContainer *object,
		   const Place *root)
{
	Place		here = {.parent = root, .key = "body"};
	JsonbValue	body;
	bool		is_object;

	if (getKeyJsonValueFromContainer(object, "body", 4, &body) == NULL)
		return;
	is_object = body.type == jbvBinary && JsonContainerIsObject(body.val.binary.data);
	if (destination->content_type == CONTENT_FORM && !is_object &&
		(body.type != jbvString || template_parts(destination->body) == NIL))
		complain_value(parser, &here, "must be an object")->hint =
			"A form has names and values: \"content_type\" is \"application/x-www-form-urlencoded\".";
	if (destination->content_type == CONTENT_TEXT && body.type != jbvString)
		complain_value(parser, &here, "must be a string")->hint =
			"It is sent as it is: \"content_type\" is \"text/plain\".";
}

static void
check_together(Parser *parser, const Destination *destination, JsonbContainer *object,
			   const Place *root)
{
	if (list_length(*parser->problems) > 0 || parser->is_stored)
		return;
	check_needs(parser, root, object, "password", "user");
	if (destination->kind == DESTINATION_SMTP)
	{
		check_needs(parser, root, object, "user", "password");
		check_tls(parser, object, root);
	}
	if (destination->kind == DESTINATION_WEBHOOK)
	{
		check_authorization(parser, destination, root);
		check_body(parser, destination, object, root);
	}
}

/* ---- all of it ---- */

/* Before its keys are read. */
static void
set_numbers(Destination *destination)
{
	destination->timeout = 30 * 1000;
	destination->max_in_flight = 100;
	destination->breaker_failures = 10;
	destination->breaker_pause = 30 * 1000;
	destination->method = pstrdup("POST");
}

/* What of a mail is not said comes from the payload. */
static void
set_mail_templates(Destination *destination)
{
	if (destination->to == NULL)
		destination->to = line_template("{{ payload->'to' }}");
	if (destination->subject == NULL)
		destination->subject = line_template("{{ payload->>'subject' }}");
	if (destination->text == NULL)
		destination->text = line_template("{{ payload->>'text' }}");
	if (destination->html == NULL)
		destination->html = line_template("{{ payload->>'html' }}");
	if (destination->reply_to == NULL)
		destination->reply_to = line_template("{{ payload->'reply_to' }}");
}

static List *
add_secret_names(List *names, const List *pieces)
{
	ListCell   *cell;

	foreach(cell, pieces)
	{
		KeyedPiece *piece = lfirst(cell);

		if (piece->secret != NULL)
			names = lappend(names, piece->secret);
	}
	return names;
}

List *
destination_secret_names(const Destination *destination)
{
	List	   *names = NIL;
	ListCell   *cell;

	names = add_secret_names(names, destination->url);
	foreach(cell, destination->headers)
		names = add_secret_names(names, ((KeyedHeader *) lfirst(cell))->value);
	names = add_secret_names(names, destination->user);
	return add_secret_names(names, destination->password);
}

static void
refuse_keys(void)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("destinations of kind \"pull\" have no configuration"),
			errhint("Give '{}'."));
}

Destination *
destination_read(const char *name, const char *kind, Jsonb *config, ConfigUse use)
{
	static const Place root = {.key = "the configuration"};
	Destination *destination = palloc0(sizeof(Destination));
	List	   *problems = NIL;
	Parser		parser = {.problems = &problems, .is_stored = use == CONFIG_STORED};
	const Key  *keys;

	destination->name = pstrdup(name);
	destination->kind = destination_kind(kind);
	keys = kinds[destination->kind].keys;
	if (use == CONFIG_CHANGE)
		parser.missing_hint = "Give the whole configuration: it takes the place of what journey.destination shows.";
	set_numbers(destination);
	if (keys == NULL && JB_ROOT_COUNT(config) > 0)
		refuse_keys();
	if (keys != NULL)
	{
		document_keys(&parser, &root, &config->root, keys, destination);
		check_together(&parser, destination, &config->root, &root);
	}
	problems_raise(problems);
	if (destination->kind == DESTINATION_SMTP)
		set_mail_templates(destination);
	destination->needs_secret = destination->is_signed ||
		destination_secret_names(destination) != NIL;
	return destination;
}

Destination *
destination_parse(const char *name, const char *kind, Jsonb *config, bool is_change)
{
	return destination_read(name, kind, config, is_change ? CONFIG_CHANGE : CONFIG_NEW);
}
