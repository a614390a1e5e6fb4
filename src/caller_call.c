/*-------------------------------------------------------------------------
 *
 * caller_call.c
 *	  Calling the function of a destination of kind sql, as its owner.
 *
 * The process is connected as the bootstrap superuser, and the function is
 * anybody's: nothing of it may run after we are ourselves again.  What could:
 * - triggers that are deferred to the commit: the server refuses them in a
 *   security-restricted operation.  Those that can be fired at once are, from the
 *   beginning; so a table with deferrable constraints can be written to.
 * - cursors WITH HOLD, temporary tables with ON COMMIT, prepared statements, SET
 *   ROLE, LISTEN: refused likewise.  Cursors that are open are closed here.
 * - settings: they are made in a nest of their own and rolled back with it.
 * - what is in pg_temp lives as long as the session: refused here.
 * - locks of the session are released when the transaction has ended.
 *
 * Its result becomes jsonb while we still are its owner, since a cast to json that
 * a type has is a function of the user's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/prepare.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/uuid.h"

#include "caller_call.h"
#include "caller_limit.h"
#include "destination_function.h"
#include "guc.h"
#include "role.h"

/* As SET CONSTRAINTS ALL IMMEDIATE. */
static void
defer_nothing(void)
{
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	AfterTriggerSetState(statement);
}

/* Functions that ask of what type their argument is want to see an expression. */
static Datum
to_json_binary(Datum value, Oid type)
{
	FmgrInfo	function;

	LOCAL_FCINFO(fcinfo, 1);
	Const	   *argument = makeConst(type, -1, get_typcollation(type), get_typlen(type),
									 value, false, get_typbyval(type));
	Datum		result;

	fmgr_info(F_TO_JSONB, &function);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = value;
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	if (fcinfo->isnull)
		elog(ERROR, "to_jsonb returned NULL");
	return result;
}

/* As large as what is acknowledged by hand (journey_ack). */
static void
check_size(const Destination *destination, Jsonb *result)
{
	if (VARSIZE(result) <= guc_max_props)
		return;
	ereport(ERROR,
			errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("what function %s returned is larger than %d bytes",
				   destination->function, guc_max_props),
			errhint("See the setting journey.max_props."));
}

static FuncExpr *
call_expression(Oid function, Oid type, const Datum *arguments)
{
	List	   *constants = NIL;

	constants = lappend(constants, makeConst(UUIDOID, -1, InvalidOid, UUID_LEN,
											 arguments[0], false, false));
	constants = lappend(constants, makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
											 arguments[1], false, false));
	constants = lappend(constants, makeConst(JSONBOID, -1, InvalidOid, -1,
											 arguments[2], false, false));
	return makeFuncExpr(function, type, constants, InvalidOid, DEFAULT_COLLATION_OID,
						COERCE_EXPLICIT_CALL);
}

/* As the owner; the result is a datum of jsonb, or *isnull. */
static Datum
call(Oid function, const Claimed *claimed, bool *isnull)
{
	Oid			type = get_func_rettype(function);
	Datum		arguments[] = {UUIDPGetDatum(&claimed->id),
	PointerGetDatum(claimed->customer), JsonbPGetDatum(claimed->payload)};
	FmgrInfo	info;
	Datum		result;

	LOCAL_FCINFO(fcinfo, 3);
	fmgr_info(function, &info);
	fmgr_info_set_expr((Node *) call_expression(function, type, arguments), &info);
	InitFunctionCallInfoData(*fcinfo, &info, 3, DEFAULT_COLLATION_OID, NULL, NULL);
	for (int i = 0; i < 3; i++)
	{
		fcinfo->args[i].value = arguments[i];
		fcinfo->args[i].isnull = false;
	}
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull || type == VOIDOID;
	if (*isnull)
		return (Datum) 0;
	return type == JSONBOID ? result : to_json_binary(result, type);
}

/* What the function has done is rolled back with the transaction. */
static void
check_left(const Destination *destination, int level)
{
	if (GetCurrentTransactionNestLevel() != level)
		elog(ERROR, "function %s left a subtransaction open", destination->function);
	if (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("function %s cannot use temporary objects", destination->function));
}

static void
check_time(const Destination *destination)
{
	if (caller_limit_reason() == LIMIT_TIME)
		ereport(ERROR,
				errcode(ERRCODE_QUERY_CANCELED),
				errmsg("function %s took longer than its destination's timeout",
					   destination->function));
}

Jsonb *
caller_call(const Destination *destination, const Claimed *claimed, const Seat *seat)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			owner = destination_owner(destination);
	Oid			function = destination_function(destination);
	int			level = GetCurrentTransactionNestLevel();
	Jsonb	   *response = NULL;
	RoleSwitch	role;
	Datum		result;
	bool		isnull;

	defer_nothing();
	role_writer_begin(&role, owner, guc_timezone, 0);
	caller_limit_begin(seat, destination->timeout);
	result = call(function, claimed, &isnull);
	if (!isnull)
		response = DatumGetJsonbPCopy(result);
	PortalHashTableDeleteAll();
	caller_limit_end();
	check_left(destination, level);
	role_end(&role);
	check_time(destination);
	if (response)
		check_size(destination, response);
	MemoryContextSwitchTo(caller);
	return response;
}

void
caller_call_clean(void)
{
	caller_limit_end();
	DropAllPreparedStatements();
	LockReleaseSession(USER_LOCKMETHOD);
}
