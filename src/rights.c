/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  What journey_grant() gave to whom.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "rights.h"
#include "role.h"
#include "sql.h"

/* Roles are kept by name, so one may be gone, or be another with its name. */
static bool
has_level(Oid role, const char *level, const char *destination)
{
	static SqlPlan plan = {
		"SELECT FROM journey.access a"
		" JOIN pg_catalog.pg_roles r ON r.rolname = a.role"
		" WHERE a.level = $2 AND a.destination = $3"
		" AND pg_catalog.pg_has_role($1, r.oid, 'USAGE')",
		3, {OIDOID, TEXTOID, TEXTOID}
	};
	SqlSession	session;
	Datum		values[3];
	bool		found;

	values[0] = ObjectIdGetDatum(role);
	values[1] = CStringGetTextDatum(level);
	values[2] = CStringGetTextDatum(destination);
	sql_begin(&session);
	found = sql_read(&plan, values, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	return found;
}

bool
rights_operate(Oid role)
{
	return superuser_arg(role) ||
		has_privs_of_role(role, role_extension_owner()) ||
		has_level(role, "operate", "");
}

void
rights_require_operate(const char *verb)
{
	if (!rights_operate(GetUserId()))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for %s", verb),
				errhint("It needs level operate, see journey_grant()."));
}

bool
rights_emit(Oid role)
{
	return rights_operate(role) || has_level(role, "emit", "");
}

bool
rights_use_destination(Oid role, const char *destination)
{
	return rights_operate(role) || has_level(role, "author", destination);
}
