/*-------------------------------------------------------------------------
 *
 * customer.c
 *	  The door for profiles: journey_identify.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "arguments.h"
#include "guc.h"
#include "role.h"
#include "store.h"

PG_FUNCTION_INFO_V1(journey_identify);

Datum
journey_identify(PG_FUNCTION_ARGS)
{
	text	   *customer;
	Jsonb	   *traits;
	List	   *members;

	role_refuse_read_only("journey_identify()");
	customer = argument_text(fcinfo, 0, "customer", MAX_CUSTOMER_LENGTH);
	traits = argument_object(fcinfo, 1, "traits");
	/* Members before the profile, as everybody does it who writes both. */
	cache_refresh();
	(void) store_lock_members(customer, NULL, LOCK_WAIT, &members);
	store_merge_traits(customer, traits, guc_clock());
	PG_RETURN_VOID();
}
