/*-------------------------------------------------------------------------
 *
 * store_membership.c
 *	  One customer's row in an audience.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "hot.h"
#include "sql.h"
#include "store.h"

#define MEMBERSHIP_COLUMNS 2

static HotTable membership_hot = {.natts = MEMBERSHIP_COLUMNS};

static uint64
run_for(SqlPlan *plan, text *customer, const char *audience)
{
	Datum		values[] = {PointerGetDatum(customer), CStringGetTextDatum(audience)};
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
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

bool
store_try_membership(text *customer, const char *audience, bool *is_member)
{
	static SqlPlan lock_plan = {
		"SELECT FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2"
		" FOR NO KEY UPDATE SKIP LOCKED",
		2, {TEXTOID, TEXTOID}
	};
	static SqlPlan look_plan = {
		"SELECT FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	*is_member = run_for(&lock_plan, customer, audience) > 0;
	return *is_member || run_for(&look_plan, customer, audience) == 0;
}

/* ---- past the executor ---- */

static void
open_memberships(text *customer, const char *audience, Datum *values, bool *nulls)
{
	values[0] = CStringGetTextDatum(audience);
	values[1] = PointerGetDatum(customer);
	nulls[0] = nulls[1] = false;
	hot_open(&membership_hot, sql_relation("audience_member"));
}

bool
store_reserve_membership(text *customer, const char *audience, ItemPointer tid)
{
	Datum		values[MEMBERSHIP_COLUMNS];
	bool		nulls[MEMBERSHIP_COLUMNS];
	bool		inserted;

	open_memberships(customer, audience, values, nulls);
	inserted = hot_insert_unless(&membership_hot, values, nulls, tid);
	hot_close(&membership_hot);
	return inserted;
}

void
store_unreserve_membership(ItemPointer tid)
{
	CommandCounterIncrement();
	hot_open(&membership_hot, sql_relation("audience_member"));
	hot_delete(&membership_hot, tid);
	hot_close(&membership_hot);
	CommandCounterIncrement();
}

bool
store_wait_for_membership(text *customer, const char *audience)
{
	Datum		values[MEMBERSHIP_COLUMNS];
	bool		nulls[MEMBERSHIP_COLUMNS];
	bool		is_free;

	open_memberships(customer, audience, values, nulls);
	is_free = hot_wait_for_key(&membership_hot, values, nulls);
	hot_close(&membership_hot);
	return is_free;
}
