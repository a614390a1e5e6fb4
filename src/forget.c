/*-------------------------------------------------------------------------
 *
 * forget.c
 *	  The door for erasing a customer: journey_forget.
 *
 * The work is SQL (sql/62_forget.sql); here the caller becomes the extension's
 * owner.  No author's SQL runs, not even where a member's version cannot be read
 * any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/snapmgr.h"

#include "arguments.h"
#include "role.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_forget);

/*
 * Under a transaction snapshot what was committed since is not seen, and would
 * be left.
 */
static void
raise_where_left(Datum *customer)
{
	static SqlPlan plan = {"SELECT journey.knows($1)", 1, {TEXTOID}};
	bool		isnull;

	CommandCounterIncrement();
	if (sql_read(&plan, customer, NULL, GetLatestSnapshot()) == 1 &&
		DatumGetBool(sql_value(0, 1, &isnull)))
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"),
				errdetail("More about the customer came while it was being forgotten."));
}

Datum
journey_forget(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {"SELECT journey.forget($1)", 1, {TEXTOID}};
	SqlSession	session;
	Datum		customer;

	role_refuse_read_only("journey_forget()");
	role_refuse_restricted("journey_forget");
	customer = PointerGetDatum(argument_text(fcinfo, 0, "customer", MAX_CUSTOMER_LENGTH));
	sql_begin(&session);
	(void) sql_run(&plan, &customer, NULL);
	if (IsolationUsesXactSnapshot())
		raise_where_left(&customer);
	sql_end(&session);
	PG_RETURN_VOID();
}
