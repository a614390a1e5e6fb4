/*-------------------------------------------------------------------------
 *
 * validate_reference.c
 *	  Destinations, audiences and other journeys: there, and the author's to use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "rights.h"
#include "sql.h"
#include "validate.h"

static void
report_missing(Validation *validation, const Place *place, const char *message,
			   const Nearest *nearest, const char *create)
{
	Problem    *problem = validation_error(validation, ERRCODE_UNDEFINED_OBJECT, place);

	problem->message = pstrdup(message);
	problem->hint = nearest_hint(nearest);
	if (problem->hint == NULL)
		problem->hint = pstrdup(create);
}

static Oid
author(const Validation *validation)
{
	return get_role_oid(validation->journey->author.owner, true);
}

/* Of a destination: what tiles that send there must know. */
typedef struct Receiver
{
	char	   *kind;
	char	   *method;
	bool		reads_payload;	/* does its configuration name it? */
} Receiver;

static bool
find_receiver(const char *destination, Receiver *receiver)
{
	static SqlPlan plan = {
		"SELECT kind, coalesce(config->>'method', 'POST'), config::text ~ 'payload'"
		" FROM journey.destination WHERE name = $1", 1, {TEXTOID}
	};
	SqlSession	session;
	Datum		value = CStringGetTextDatum(destination);
	bool		found;
	bool		isnull;

	sql_begin(&session);
	found = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	if (found)
	{
		receiver->kind = sql_text(&session, 0, 1);
		receiver->method = sql_text(&session, 0, 2);
		receiver->reads_payload = DatumGetBool(sql_value(0, 3, &isnull));
	}
	sql_end(&session);
	return found;
}

/* What it would send is lost, unless the destination's URL or the like is made of it. */
static void
check_body(Validation *validation, const Tile *tile, const Receiver *receiver)
{
	char	   *method = tile->method ? template_string(tile->method) : NULL;
	Place		parent = place_tile(tile);
	Place		here = {.parent = &parent, .key = "body"};
	Problem    *problem;

	if (tile->body == NULL || receiver->reads_payload ||
		strcmp(method ? method : receiver->method, "GET") != 0)
		return;
	problem = validation_warning(validation, &here);
	problem->message = psprintf("%s is not sent: requests of method GET have none",
								place_text(&here));
	problem->hint = method ?
		"Say it in \"path\", as \"?a={{ ... }}\", or choose another \"method\"." :
		psprintf("Destination %s has \"method\": \"GET\": say it in \"path\", as \"?a={{ ... }}\", or give the tile another \"method\".",
				 quoted_name(tile->destination));
}

/* A request's parts mean nothing to the other kinds. */
static void
check_kind(Validation *validation, const Place *place, const Tile *tile)
{
	Receiver	receiver;
	Problem    *problem;

	if (tile->type != TILE_WEBHOOK || !find_receiver(tile->destination, &receiver))
		return;
	if (strcmp(receiver.kind, "webhook") == 0)
	{
		check_body(validation, tile, &receiver);
		return;
	}
	problem = validation_error(validation, ERRCODE_WRONG_OBJECT_TYPE, place);
	problem->message = psprintf("destination %s of %s is of kind %s, not webhook",
								quoted_name(tile->destination), place_text(place->parent),
								receiver.kind);
	problem->hint = "Name a destination of kind webhook, or let an action tile send to this one.";
}

void
validate_destination(Validation *validation, const Tile *tile)
{
	static SqlPlan plan = {"SELECT name FROM journey.destination ORDER BY name"};
	const char *destination = tile->destination;
	Place		parent = place_tile(tile);
	Place		here = {.parent = &parent, .key = "destination"};
	Nearest		nearest;
	Problem    *problem;

	if (destination == NULL)
		return;
	if (!nearest_among(&nearest, &plan, destination))
		report_missing(validation, &here,
					   psprintf("destination %s of %s does not exist",
								quoted_name(destination), place_text(&parent)),
					   &nearest, "Create it with journey_destination_create().");
	else if (!rights_use_destination(author(validation), destination))
	{
		problem = validation_error(validation, ERRCODE_INSUFFICIENT_PRIVILEGE, &here);
		problem->message = psprintf("role \"%s\" may not use destination %s of %s",
									validation->journey->author.owner,
									quoted_name(destination), place_text(&parent));
		problem->hint = "Have it granted with journey_grant(role, 'author', destination).";
	}
	else
		check_kind(validation, &here, tile);
}

void
validate_audience(Validation *validation, const Place *place, const char *audience)
{
	static SqlPlan plan = {"SELECT name FROM journey.audience ORDER BY name"};
	Nearest		nearest;

	if (audience != NULL && !nearest_among(&nearest, &plan, audience))
		report_missing(validation, place,
					   psprintf("audience %s in %s does not exist",
								quoted_name(audience), place_text(place)),
					   &nearest, "Create it with journey_audience_create().");
}

/* Of another journey. */
typedef struct OtherJourney
{
	char	   *owner;
	char	   *state;
} OtherJourney;

static bool
other_journey(const char *name, OtherJourney *other)
{
	static SqlPlan plan = {
		"SELECT owner, state FROM journey.journey WHERE name = $1", 1, {TEXTOID}
	};
	SqlSession	session;
	Datum		value = CStringGetTextDatum(name);
	bool		found;

	sql_begin(&session);
	found = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	if (found)
	{
		other->owner = sql_text(&session, 0, 1);
		other->state = sql_text(&session, 0, 2);
	}
	sql_end(&session);
	return found;
}

static void
report_no_journey(Validation *validation, const Place *place, const char *name)
{
	static SqlPlan plan = {"SELECT name FROM journey.journey ORDER BY name"};
	Nearest		nearest;

	(void) nearest_among(&nearest, &plan, name);
	report_missing(validation, place,
				   psprintf("journey %s of %s does not exist", quoted_name(name),
							place_text(place->parent)),
				   &nearest, "Create it with journey_create().");
}

static bool
may_enter(Oid role, const OtherJourney *other)
{
	Oid			owner = get_role_oid(other->owner, true);

	return (OidIsValid(owner) && has_privs_of_role(role, owner)) || rights_emit(role);
}

static void
check_state(Validation *validation, const Place *place, const char *name, const char *state)
{
	bool		is_draft = strcmp(state, "draft") == 0;
	Problem    *problem;

	if (!is_draft && strcmp(state, "completed") != 0)
		return;
	problem = validation_warning(validation, place);
	problem->message = psprintf("nobody can enter journey %s of %s: it is %s",
								quoted_name(name), place_text(place->parent),
								is_draft ? "a draft" : "completed");
	problem->hint = is_draft ? "Activate it before this one." :
		"Activate a new version of it, or let members enter another one.";
}

void
validate_child(Validation *validation, const Tile *tile)
{
	const char *own = validation->journey->name;
	Place		parent = place_tile(tile);
	Place		here = {.parent = &parent, .key = "journey"};
	OtherJourney other;
	Problem    *problem;

	if (tile->child == NULL || (own != NULL && strcmp(own, tile->child) == 0))
		return;
	if (!other_journey(tile->child, &other))
		report_no_journey(validation, &here, tile->child);
	else if (!may_enter(author(validation), &other))
	{
		problem = validation_error(validation, ERRCODE_INSUFFICIENT_PRIVILEGE, &here);
		problem->message = psprintf("role \"%s\" may not enter members into journey %s of %s",
									validation->journey->author.owner,
									quoted_name(tile->child), place_text(&parent));
		problem->hint = psprintf("It needs to be a member of the journey's owner \"%s\","
								 " or level \"emit\" by journey_grant().", other.owner);
	}
	else
		check_state(validation, &here, tile->child, other.state);
}
