/*-------------------------------------------------------------------------
 *
 * destination_url.c
 *	  Which URLs a destination may have.
 *
 * The host stands in the configuration or in the secret, never in data: else
 * customers could choose where the secret goes.  What a URL comes to when it is
 * used is checked again then, and the address it leads to (transfer_guard.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination_text.h"

const UrlRule url_rule_web = {{"https://", "http://"}, true};
const UrlRule url_rule_mail = {{"smtp://", "smtps://"}, false};

static void
wrong(Parser *parser, const Place *place, const char *what, const char *hint)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("%s %s", place_text(place), what);
	problem->hint = unconstify(char *, hint);
}

/* Where the host begins; NULL: there is no such scheme. */
static const char *
after_scheme(const char *mask, const UrlRule *rule)
{
	for (int i = 0; i < lengthof(rule->schemes); i++)
	{
		size_t		length = strlen(rule->schemes[i]);

		if (pg_strncasecmp(mask, rule->schemes[i], length) == 0)
			return mask + length;
	}
	return NULL;
}

/* What is written in the URL can be sent as it is. */
static bool
is_encoded(const char *mask)
{
	for (const char *c = mask; *c != '\0'; c++)
	{
		if (*c == MASK_SECRET || *c == MASK_DATA)
			continue;
		if (*c <= ' ' || *c >= 0x7F || strchr("\"<>\\^`{|}", *c) != NULL)
			return false;
	}
	return true;
}

/* Behind the last colon, but for those of an address in brackets. */
static bool
has_good_port(const char *host, size_t length)
{
	size_t		colon = length;
	int			port = 0;

	while (colon > 0 && host[colon - 1] != ':' && host[colon - 1] != ']')
		colon--;
	if (colon == 0 || host[colon - 1] == ']')
		return colon == 0 || colon == length;
	if (colon == length || length - colon > 5)
		return false;
	for (size_t i = colon; i < length; i++)
	{
		if (host[i] < '0' || host[i] > '9')
			return false;
		port = port * 10 + (host[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

static void
check_host(Parser *parser, const Place *place, const char *host, size_t length)
{
	if (memchr(host, MASK_DATA, length) != NULL)
		wrong(parser, place, "must not take its host from data",
			  "A {{ template }} can stand after the host, behind a \"/\"; {{ secret }} before it, too.");
	else if (memchr(host, '@', length) != NULL)
		wrong(parser, place, "must not hold a user's name or a password",
			  "Give them as \"user\" and \"password\".");
	else if (memchr(host, MASK_SECRET, length) != NULL)
		return;
	else if (length == 0 || host[0] == ':')
		wrong(parser, place, "has no host", NULL);
	else if (!has_good_port(host, length))
		wrong(parser, place, "has a port that is none", "Ports are from 1 to 65535.");
}

/* Nothing is known of a secret's end: what follows must not make it another host. */
static void
check_after_secret(Parser *parser, const Place *place, const char *rest,
				   const UrlRule *rule)
{
	if (*rest == '\0' || (rule->has_path && strchr("/?", *rest) != NULL))
		return;
	wrong(parser, place, "must not go on where {{ secret }} may end in the host",
		  rule->has_path ? "Behind {{ secret }} at the beginning stands a \"/\", a \"?\" or nothing." : NULL);
}

void
check_url_form(Parser *parser, const Place *place, const char *mask,
			   const UrlRule *rule)
{
	const char *host = after_scheme(mask, rule);
	size_t		length;

	if (!is_encoded(mask))
		wrong(parser, place, "has characters that a URL cannot have",
			  "Write them percent-encoded, as %20 for a blank.");
	else if (strchr(mask, '#') != NULL)
		wrong(parser, place, "must not have a fragment", "What follows a \"#\" is never sent; write %23.");
	else if (mask[0] == MASK_SECRET)
		check_after_secret(parser, place, mask + 1, rule);
	else if (host == NULL)
		wrong(parser, place, psprintf("must begin with \"%s\" or \"%s\"",
									  rule->schemes[0], rule->schemes[1]), NULL);
	else
	{
		length = strcspn(host, "/?");
		check_host(parser, place, host, length);
		if (!rule->has_path && host[length] != '\0')
			wrong(parser, place, "must end with the host and its port",
				  "For example \"smtp://mail.example.com:587\".");
	}
}
