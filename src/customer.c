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
#include "binding.h"
#include "cache.h"
#include "patch.h"
#include "role.h"
#include "run.h"

PG_FUNCTION_INFO_V1(journey_identify);

Datum
journey_identify(PG_FUNCTION_ARGS)
{
	text	   *customer;
	Jsonb	   *traits;

	role_refuse_read_only("journey_identify()");
	customer = argument_text(fcinfo, 0, "customer", MAX_CUSTOMER_LENGTH);
	traits = argument_object(fcinfo, 1, "traits");
	cache_refresh();
	if (binding_get() != NULL)
		patch_identify(customer, traits);
	else
		run_identify(customer, traits);
	PG_RETURN_VOID();
}
