/*-------------------------------------------------------------------------
 *
 * destination_door.c
 *	  Destinations are made and changed: journey_destination_create,
 *	  journey_destination_update.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "defer.h"
#include "destination_door.h"
#include "destination_function.h"
#include "guc.h"
#include "names.h"
#include "role.h"
#include "secret.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_destination_create);
PG_FUNCTION_INFO_V1(journey_destination_update);

/* Does something of it run as its owner? */
static void
check_owner(const Destination *destination)
{
	if (destination->kind == DESTINATION_PULL || guc_allow_superuser_owner ||
		!superuser_arg(role_by_name(destination->author.owner)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("destination %s cannot be owned by a superuser",
				   quoted_name(destination->name)),
			errdetail("\"journey.allow_superuser_owner\" is off."),
			errhint("Create it as a role without superuser rights."));
}

/* Read and checked in all but its secret. */
static Destination *
make(const char *name, const char *kind, Jsonb *config, const char *owner, bool is_change)
{
	Destination *destination = destination_parse(name, kind, config, is_change);

	destination->author.owner = owner;
	check_owner(destination);
	destination_check(destination);
	if (destination->kind == DESTINATION_SQL)
		(void) destination_function(destination);
	return destination;
}

static void
check_new_name(const char *name)
{
	if (!name_is_printable(name))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_NAME),
				errmsg("%s cannot be the name of a destination", quoted_name(name)),
				errhint("Names have no control characters."));
}

static void
insert_row(const Destination *destination, Jsonb *config, bool needs_secret)
{
	static SqlPlan plan = {
		"INSERT INTO journey.destination (name, kind, config, owner, needs_secret)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
		5, {TEXTOID, TEXTOID, JSONBOID, NAMEOID, BOOLOID}
	};
	NameData	owner;
	Datum		values[] = {CStringGetTextDatum(destination->name),
		CStringGetTextDatum(destination_kind_name(destination->kind)),
	JsonbPGetDatum(config), NameGetDatum(&owner), BoolGetDatum(needs_secret)};
	SqlSession	session;
	bool		created;

	namestrcpy(&owner, destination->author.owner);
	sql_begin(&session);
	created = sql_run(&plan, values, NULL) == 1;
	sql_end(&session);
	if (!created)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("destination %s already exists", quoted_name(destination->name)));
}

/*
 * What failed may work now, so its breaker is closed.  Who wanted no more (410) is
 * asked again only where it is somebody else.
 */
static void
update_row(const Destination *destination, Jsonb *config, bool needs_secret,
		   bool goes_elsewhere)
{
	static SqlPlan plan = {
		"UPDATE journey.destination SET config = $2, needs_secret = $3,"
		" breaker = 'closed', breaker_until = NULL, problem = NULL,"
		" disabled = CASE WHEN $4 THEN NULL ELSE disabled END"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		4, {TEXTOID, JSONBOID, BOOLOID, BOOLOID}
	};
	Datum		values[] = {CStringGetTextDatum(destination->name),
		JsonbPGetDatum(config), BoolGetDatum(needs_secret),
	BoolGetDatum(goes_elsewhere)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

static char *
argument_secret(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

Datum
journey_destination_create(PG_FUNCTION_ARGS)
{
	Hiding		hiding;
	Destination *destination;
	char	   *name;
	char	   *kind;
	char	   *secret;
	Jsonb	   *config;

	hide_begin(&hiding, "SELECT journey_destination_create(...)");
	door_enter("journey_destination_create");
	name = door_name(fcinfo);
	check_new_name(name);
	kind = text_to_cstring(argument_text(fcinfo, 1, "kind", MAX_EVENT_LENGTH));
	(void) destination_kind(kind);
	config = door_preset(kind, argument_object(fcinfo, 2, "config"));
	secret = argument_secret(fcinfo, 3);
	destination = make(name, kind, config, GetUserNameFromId(GetUserId(), false), false);
	door_check_secret(destination, secret);
	door_warn_reach(destination, config);
	insert_row(destination, config, destination->needs_secret || secret != NULL);
	secret_set(name, secret);
	destination_changed();
	hide_end(&hiding);
	PG_RETURN_VOID();
}

/* Who changes where it goes could have its secret sent to himself. */
static void
check_member(const DestinationKept *kept)
{
	Oid			owner = role_by_name(kept->owner);

	if (superuser() || (OidIsValid(owner) && has_privs_of_role(GetUserId(), owner)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("must be owner of destination %s", quoted_name(kept->name)),
			errdetail("Its owner is role \"%s\".", kept->owner),
			errhint("Who changes a destination could send its secret elsewhere; to make another one needs level operate alone."));
}

/* The secret as it is to be from now on; NULL: none. */
static char *
new_secret(const DestinationKept *kept, const char *given)
{
	if (given == NULL)
		return secret_get(kept->name);
	return *given == '\0' ? NULL : pstrdup(given);
}

static bool
was_ordered(const DestinationKept *kept)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&kept->config->root, "ordered", strlen("ordered"),
										&value) != NULL &&
		value.type == jbvBool && value.val.boolean;
}

Datum
journey_destination_update(PG_FUNCTION_ARGS)
{
	Hiding		hiding;
	DestinationKept *kept;
	Destination *destination;
	char	   *given;
	char	   *secret;
	Jsonb	   *config;

	hide_begin(&hiding, "SELECT journey_destination_update(...)");
	door_enter("journey_destination_update");
	kept = door_lock(door_name(fcinfo));
	check_member(kept);
	config = kept->config;
	if (!PG_ARGISNULL(1))
		config = door_preset(kept->kind, argument_object(fcinfo, 1, "config"));
	given = argument_secret(fcinfo, 2);
	secret = new_secret(kept, given);
	destination = make(kept->name, kept->kind, config, kept->owner, true);
	door_check_secret(destination, secret);
	door_warn_reach(destination, config);
	/* One that a dump left behind is missed until it is given again. */
	if (given != NULL || !PG_ARGISNULL(1))
		update_row(destination, config, destination->needs_secret || secret != NULL ||
				   (given == NULL && kept->needs_secret),
				   door_goes_elsewhere(kept, destination, config, given));
	if (given != NULL)
		secret_set(kept->name, secret);
	if (was_ordered(kept) && !destination->is_ordered)
		defer_end_all(kept->name);
	destination_changed();
	hide_end(&hiding);
	PG_RETURN_VOID();
}
