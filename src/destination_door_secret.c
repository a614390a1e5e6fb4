/*-------------------------------------------------------------------------
 *
 * destination_door_secret.c
 *	  Does a secret fit the destination it is given for?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination_door.h"
#include "names.h"
#include "secret.h"

#define SIGNING_HINT "A secret that signs is \"whsec_\" and the base64 of 24 to 64 random bytes, as \"openssl rand -base64 32\" makes them."

/* The words of sign_check() and of who calls it. */
static bool
is_about_keys(const char *wrong)
{
	return strstr(wrong, " key") != NULL || strstr(wrong, "whsec_") != NULL;
}

static void
refuse(const Destination *destination, const char *wrong)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the secret of destination %s %s", quoted_name(destination->name), wrong),
			is_about_keys(wrong) ? errhint(SIGNING_HINT) :
			errhint("A secret is a text, a JSON object of texts, or \"file:\" and the name of a file in the owner's folder of journey.secret_dir."));
}

static const char *
shown_as(const char *name)
{
	return *name == '\0' ? "{{ secret }}" : psprintf("{{ secret.%s }}", name);
}

static void
require_secret(const Destination *destination, const List *names)
{
	if (names == NIL && destination->is_signed)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("destination %s needs a secret", quoted_name(destination->name)),
				errdetail("Its configuration has \"signed\": true."),
				errhint(SIGNING_HINT));
	if (names == NIL)
		return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("destination %s needs a secret", quoted_name(destination->name)),
			errdetail("Its configuration reads %s.", shown_as(linitial(names))),
			errhint("Give it as the argument secret."));
}

static bool
takes_secret(const Destination *destination)
{
	return destination->kind == DESTINATION_WEBHOOK || destination->kind == DESTINATION_SMTP;
}

/*
 * The file may come later, or be another by then.  Why it cannot be read is the
 * server's affair: its log says so once something is to be sent.
 */
static void
warn_of_file(const Destination *destination, const char *secret)
{
	ereport(WARNING,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("nothing can be sent to destination %s yet: secret file %s cannot be read",
				   quoted_name(destination->name), quoted_name(secret_file_name(secret))));
}

static void
warn_of_no_use(const Destination *destination)
{
	ereport(WARNING,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the secret of destination %s is used nowhere",
				   quoted_name(destination->name)),
			destination->kind == DESTINATION_WEBHOOK ?
			errhint("Write {{ secret }} where it belongs; a secret that begins with whsec_, or has a member \"signing\", signs each request.") :
			errhint("Write {{ secret }} where it belongs, as in \"password\"."));
}

void
door_check_secret(const Destination *destination, const char *secret)
{
	const char *owner = destination->author.owner;
	List	   *names = destination_secret_names(destination);
	const char *wrong;
	const char *missing;
	char	   *resolved;

	if (secret == NULL)
	{
		require_secret(destination, names);
		return;
	}
	if (!takes_secret(destination))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("destinations of kind \"%s\" have no secret",
					   destination_kind_name(destination->kind)));
	wrong = secret_wrong(secret, owner);
	if (wrong != NULL)
		refuse(destination, wrong);
	resolved = secret_resolve(secret, owner, &missing);
	if (resolved == NULL)
	{
		warn_of_file(destination, secret);
		return;
	}
	wrong = secret_lacks(resolved, names);
	if (wrong != NULL)
		refuse(destination, psprintf("has no text %s, which the configuration reads",
									 quoted_name(wrong)));
	if (destination->is_signed && !secret_signs(resolved))
		refuse(destination, "has no key to sign with, as \"signed\": true wants it");
	if (names == NIL &&
		(destination->kind != DESTINATION_WEBHOOK || !secret_signs(resolved)))
		warn_of_no_use(destination);
}
