/*-------------------------------------------------------------------------
 *
 * enter.c
 *	  The doors for members by hand: journey_enter, journey_enter_many,
 *	  journey_exit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "arguments.h"
#include "role.h"
#include "run.h"

PG_FUNCTION_INFO_V1(journey_enter);
PG_FUNCTION_INFO_V1(journey_enter_many);
PG_FUNCTION_INFO_V1(journey_exit);

Datum
journey_enter(PG_FUNCTION_ARGS)
{
	const JourneyState *state;
	text	   *customer;
	Jsonb	   *context;
	int64		id;

	role_refuse_read_only("journey_enter()");
	customer = argument_text(fcinfo, 1, "customer", MAX_CUSTOMER_LENGTH);
	context = argument_object(fcinfo, 2, "context");
	state = argument_journey(fcinfo, 0);
	id = run_entry(state->id, customer, context);
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

static int
compare_customers(const void *a, const void *b)
{
	return text_order(DatumGetTextPP(*(const Datum *) a),
					  DatumGetTextPP(*(const Datum *) b));
}

/* The array itself stays where it is: the elements point into it. */
static Datum *
read_customers(FunctionCallInfo fcinfo, int *n)
{
	ArrayType  *array;
	Datum	   *customers;
	bool	   *nulls;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("customers must not be null"));
	array = PG_GETARG_ARRAYTYPE_P(1);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("customers must be a one-dimensional array"));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &customers, &nulls, n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("customer must not be null"),
					errdetail("Element %d of the customers is null.", i + 1));
		check_customer(DatumGetTextPP(customers[i]));
	}
	return customers;
}

/* In the order of the customers, so that two calls cannot deadlock; each once. */
Datum
journey_enter_many(PG_FUNCTION_ARGS)
{
	Datum	   *customers;
	int32		journey;
	Jsonb	   *context;
	MemoryContext scratch;
	MemoryContext old;
	int			n;
	int64		entered = 0;

	role_refuse_read_only("journey_enter_many()");
	customers = read_customers(fcinfo, &n);
	context = argument_object(fcinfo, 2, "context");
	journey = argument_journey(fcinfo, 0)->id;
	qsort(customers, n, sizeof(Datum), compare_customers);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "journey entries",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0 && compare_customers(&customers[i - 1], &customers[i]) == 0)
			continue;
		if (run_entry(journey, DatumGetTextPP(customers[i]), context) != 0)
			entered++;
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	PG_RETURN_INT64(entered);
}

Datum
journey_exit(PG_FUNCTION_ARGS)
{
	const JourneyState *state;
	text	   *customer;
	text	   *outcome;
	text	   *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);

	role_refuse_read_only("journey_exit()");
	customer = argument_text(fcinfo, 1, "customer", MAX_CUSTOMER_LENGTH);
	outcome = argument_text(fcinfo, 2, "outcome", MAX_EVENT_LENGTH);
	state = argument_journey(fcinfo, 0);
	PG_RETURN_INT64(run_exit(state->id, customer, key, text_to_cstring(outcome)));
}
