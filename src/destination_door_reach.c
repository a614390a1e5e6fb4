/*-------------------------------------------------------------------------
 *
 * destination_door_reach.c
 *	  Where a destination points, and whether anything may be sent there.
 *
 * Whether it may is decided for each connection, by transfer_guard.c.  What its URL
 * alone tells is told at once: who makes it should not have to learn it from the
 * first action that does not leave.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination_door.h"
#include "destination_text.h"
#include "guc.h"
#include "names.h"
#include "secret.h"
#include "transfer.h"

/* "" where it has none. */
static char *
url_of(Jsonb *config)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&config->root, "url", 3, &value) == NULL ||
		value.type != jbvString)
		return "";
	return pnstrdup(value.val.string.val, value.val.string.len);
}

bool
door_goes_elsewhere(const DestinationKept *kept, const Destination *destination,
					Jsonb *config, const char *given)
{
	const char *secret;

	if (strcmp(url_of(kept->config), url_of(config)) != 0)
		return true;
	if (given == NULL || !pieces_have_secret(destination->url))
		return false;
	secret = secret_get(kept->name);
	return secret == NULL || strcmp(secret, given) != 0;
}

/* Scheme, host and port; NULL where the secret, or nobody, says them. */
static char *
written_place(Jsonb *config)
{
	char	   *url = url_of(config);
	char	   *host = strstr(url, "://");

	if (host == NULL)
		return NULL;
	host += strlen("://");
	host[strcspn(host, "/?")] = '\0';
	return strstr(url, "{{") ? NULL : url;
}

void
door_warn_reach(const Destination *destination, Jsonb *config)
{
	char	   *url = written_place(config);
	char		place[TRANSFER_PLACE_MAX];
	const char *why;

	if (url == NULL)
		return;
	why = transfer_forbids(guc_http_allow, url,
						   destination->is_plain ? TRANSFER_PLAIN : TRANSFER_STARTTLS, place);
	if (why == NULL)
		return;
	ereport(WARNING,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("nothing can be sent to destination %s yet: \"journey.http_allow\" does not list %s",
				   quoted_name(destination->name), place),
			strcmp(why, TRANSFER_ONLY_TLS) == 0 ?
			errdetail("Without TLS nothing goes to places that are not listed.") :
			errdetail("Its address is not a public one: %s.", why),
			errhint("A superuser can allow it: ALTER SYSTEM SET journey.http_allow = '%s%s%s'; SELECT pg_reload_conf();",
					guc_http_allow, *guc_http_allow ? ", " : "", place));
}
