/*-------------------------------------------------------------------------
 *
 * store_membership.c
 *	  One customer's row in an audience.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "sql.h"
#include "store.h"

static uint64
run_for(SqlPlan *plan, text *customer, const char *audience)
{
	Datum		values[] = {PointerGetDatum(customer), CStringGetTextDatum(audience)};
	SqlSession	session;
	uint64		n;

	sql_begin_by_index(&session);
	n = sql_run(plan, values, NULL);
	sql_end(&session);
	return n;
}

bool
store_write_membership(text *customer, const Membership *membership)
{
	static SqlPlan enter_plan = {
		"INSERT INTO journey.audience_member (customer, audience) VALUES ($1, $2)"
		" ON CONFLICT DO NOTHING",
		2, {TEXTOID, TEXTOID}
	};
	static SqlPlan leave_plan = {
		"DELETE FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	return run_for(membership->enters ? &enter_plan : &leave_plan, customer,
				   membership->audience) > 0;
}

bool
store_lock_membership(text *customer, const char *audience)
{
	static SqlPlan plan = {
		"SELECT FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2"
		" FOR NO KEY UPDATE",
		2, {TEXTOID, TEXTOID}
	};

	return run_for(&plan, customer, audience) > 0;
}
