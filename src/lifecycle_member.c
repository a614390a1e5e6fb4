/*-------------------------------------------------------------------------
 *
 * lifecycle_member.c
 *	  The doors for one member out of its course: journey_move and
 *	  journey_retry_member.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "author_row.h"
#include "names.h"
#include "order.h"
#include "role.h"

#define KEYS_SHOWN 10

PG_FUNCTION_INFO_V1(journey_move);
PG_FUNCTION_INFO_V1(journey_retry_member);

/* As: customer "ann" with key "A". */
static char *
who(const text *customer, const MemberOrder *order)
{
	char	   *name = quoted_name(text_to_cstring(customer));

	return order->key == NULL ? psprintf("customer %s", name) :
		psprintf("customer %s with key %s", name, quoted_name(text_to_cstring(order->key)));
}

static char *
list_keys(List *keys)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, keys)
	{
		if (foreach_current_index(cell) == KEYS_SHOWN)
		{
			appendStringInfoString(&list, ", ...");
			break;
		}
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
						 quoted_name(lfirst(cell)));
	}
	return list.data;
}

static void
raise_nobody(const text *customer, const MemberOrder *order, const char *journey)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			order->only_failed ?
			errmsg("%s has no failed member in journey %s", who(customer, order),
				   quoted_name(journey)) :
			errmsg("%s is not in journey %s", who(customer, order), quoted_name(journey)),
			order->other_keys != NIL ?
			errhint_plural("There is one with key %s.", "There are some with keys %s.",
						   list_length(order->other_keys), list_keys(order->other_keys)) :
			errhint("Customers, keys and states are in the view journey.member."));
}

static void
raise_no_tile(const MemberOrder *order)
{
	Nearest		nearest;
	char	   *hint;

	nearest_begin(&nearest, order->tile);
	for (int i = 0; i < order->version->ntiles; i++)
		nearest_offer(&nearest, order->version->tiles[i].name);
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("tile %s does not exist in version %d of journey %s",
				   quoted_name(order->tile), order->version->version,
				   quoted_name(order->version->name)),
			hint ? errhint("%s", hint) :
			errhint("The member is on that version; see the view journey.tile."));
}

static void
raise_unless_done(const text *customer, const MemberOrder *order, const char *journey)
{
	switch (order->result)
	{
		case ORDER_DONE:
			break;
		case ORDER_NOBODY:
			raise_nobody(customer, order, journey);
			break;
		case ORDER_SEVERAL:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s has %d members in journey %s", who(customer, order),
						   list_length(order->keys), quoted_name(journey)),
					errhint("Say which by its key: %s.", list_keys(order->keys)));
			break;
		case ORDER_NO_TILE:
			raise_no_tile(order);
			break;
		case ORDER_ENTRY_TILE:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a member cannot be moved to the entry tile %s",
						   quoted_name(order->tile)),
					errhint("journey_exit() and then journey_enter() begin a new run."));
			break;
		case ORDER_BROKEN:
			ereport(ERROR,
					errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("%s stands on a tile that version %d of journey %s does not have",
						   who(customer, order), order->version->version,
						   quoted_name(journey)),
					errhint("Put it on another with journey_move()."));
			break;
	}
}

/* The journey, of which the caller is the owner or which it may operate. */
static const JourneyState *
journey_argument(FunctionCallInfo fcinfo)
{
	const JourneyState *state = argument_journey(fcinfo, 0);

	row_check_rights(row_read(state->newest->name));
	return state;
}

Datum
journey_move(PG_FUNCTION_ARGS)
{
	const JourneyState *state;
	text	   *customer;
	char	   *name;
	MemberOrder order = {.key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3)};

	role_refuse_restricted("journey_move");
	role_refuse_read_only("journey_move");
	customer = argument_text(fcinfo, 1, "customer", MAX_CUSTOMER_LENGTH);
	order.tile = text_to_cstring(argument_text(fcinfo, 2, "tile", PG_INT16_MAX));
	state = journey_argument(fcinfo);
	name = pstrdup(state->newest->name);
	order.journey = state->id;
	order_move(customer, &order);
	raise_unless_done(customer, &order, name);
	PG_RETURN_VOID();
}

Datum
journey_retry_member(PG_FUNCTION_ARGS)
{
	const JourneyState *state;
	text	   *customer;
	char	   *name;
	MemberOrder order = {.only_failed = true};

	role_refuse_restricted("journey_retry_member");
	role_refuse_read_only("journey_retry_member");
	customer = argument_text(fcinfo, 1, "customer", MAX_CUSTOMER_LENGTH);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("key must not be null"),
				errhint("Members of a journey without key have the key ''."));
	order.key = PG_GETARG_TEXT_PP(2);
	state = journey_argument(fcinfo);
	name = pstrdup(state->newest->name);
	order.journey = state->id;
	order.is_paused = state->is_paused;
	order_retry(customer, &order);
	raise_unless_done(customer, &order, name);
	PG_RETURN_VOID();
}
