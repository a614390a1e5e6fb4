/*-------------------------------------------------------------------------
 *
 * defer.c
 *	  Actions of ordered destinations that wait behind another of their member's.
 *
 * One that quiet hours hold is not waited for so: it can be cancelled by a step of
 * its member, which knows nothing of those behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "candidate.h"
#include "defer.h"
#include "guc.h"
#include "shmem.h"
#include "sql.h"

/* Who would cancel what they wait for waits for us, and finds them (journey_cancel). */
int
defer_behind(List *candidates, TimestampTz now)
{
	static SqlPlan plan = {
		"WITH behind AS MATERIALIZED (SELECT a.customer, a.id, w.at FROM " CANDIDATE_ROWS
		" CROSS JOIN LATERAL (SELECT o.next_attempt_at AS at FROM journey.action o"
		" WHERE " IS_OTHER " AND " IS_OLDER
		" AND o.state OPERATOR(pg_catalog.=) 'pending' AND o.attempts OPERATOR(pg_catalog.>) 0"
		" AND coalesce(o.next_attempt_at, '-infinity') OPERATOR(pg_catalog.>) $4"
		" ORDER BY o.next_attempt_at DESC LIMIT 1 FOR SHARE OF o SKIP LOCKED) w"
		" WHERE " IS_AS_FOUND " AND a.state OPERATOR(pg_catalog.=) 'pending'"
		" FOR UPDATE OF a SKIP LOCKED)"
		" UPDATE journey.action a SET next_attempt_at = least(b.at, a.expires_at),"
		" limits = coalesce(a.limits, '{}') OPERATOR(pg_catalog.||) '{\"behind\": true}'"
		" FROM behind b WHERE a.customer OPERATOR(pg_catalog.=) b.customer"
		" AND a.id OPERATOR(pg_catalog.=) b.id",
		4, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	SqlSession	session;
	int			deferred;

	candidate_arrays(candidates, values);
	values[3] = TimestampTzGetDatum(now);
	sql_begin(&session);
	deferred = (int) sql_run(&plan, values, NULL);
	sql_end(&session);
	return deferred;
}

#define MAKE_DUE \
	"UPDATE journey.action SET next_attempt_at = $1," \
	" limits = limits OPERATOR(pg_catalog.-) 'behind'" \
	" WHERE state OPERATOR(pg_catalog.=) 'pending'" \
	" AND limits OPERATOR(pg_catalog.?) 'behind'"

static void
make_due(SqlPlan *plan, Datum *values)
{
	TimestampTz now = guc_clock();
	SqlSession	session;
	uint64		n;

	values[0] = TimestampTzGetDatum(now);
	sql_begin(&session);
	n = sql_run(plan, values, NULL);
	sql_end(&session);
	if (n > 0)
		shmem_note_action(now);
}

void
defer_end(text *customer, int64 member, const char *destination)
{
	static SqlPlan plan = {
		MAKE_DUE " AND customer OPERATOR(pg_catalog.=) $2"
		" AND member OPERATOR(pg_catalog.=) $3 AND destination OPERATOR(pg_catalog.=) $4",
		4, {TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID}
	};
	Datum		values[] = {0, PointerGetDatum(customer), Int64GetDatum(member),
	CStringGetTextDatum(destination)};

	make_due(&plan, values);
}

void
defer_end_all(const char *destination)
{
	static SqlPlan plan = {
		MAKE_DUE " AND destination OPERATOR(pg_catalog.=) $2 AND next_attempt_at IS NOT NULL",
		2, {TIMESTAMPTZOID, TEXTOID}
	};
	Datum		values[] = {0, CStringGetTextDatum(destination)};

	make_due(&plan, values);
}
