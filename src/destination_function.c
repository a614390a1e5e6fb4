/*-------------------------------------------------------------------------
 *
 * destination_function.c
 *	  The function that a destination of kind sql calls for each action.
 *
 * It is looked up anew for each call, by its schema, its name and its arguments
 * alone, with nobody's search_path and no conversion of types: whoever could
 * create another of that name elsewhere gains nothing.  It must belong to the
 * destination's owner himself, since who owns a function says what it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "destination_function.h"
#include "guc.h"
#include "role.h"

#define ARGUMENTS "(id uuid, customer text, payload jsonb)"

Oid
destination_owner(const Destination *destination)
{
	const char *owner = destination->author.owner;
	Oid			role = role_by_name(owner);

	if (!OidIsValid(role))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\", the owner of destination \"%s\", does not exist",
					   owner, destination->name));
	if (!guc_allow_superuser_owner && superuser_arg(role))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("superuser \"%s\" cannot own a destination of kind sql", owner),
				errhint("See the setting journey.allow_superuser_owner."));
	return role;
}

/* As SQL would read the name; exactly a schema and a function. */
static void
split_name(const char *text, char **schema, char **function)
{
	List	   *names = stringToQualifiedNameList_compat(text);

	if (list_length(names) != 2)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("function \"%s\" must be written with its schema", text),
				errhint("Write it as schema.name."));
	*schema = strVal(linitial(names));
	*function = strVal(lsecond(names));
}

static Oid
look_up(Oid schema, const char *function)
{
	Oid			types[] = {UUIDOID, TEXTOID, JSONBOID};

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(function),
						   PointerGetDatum(buildoidvector(types, lengthof(types))),
						   ObjectIdGetDatum(schema));
}

static void
raise_none(const Destination *destination)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_FUNCTION),
			errmsg("function %s(uuid, text, jsonb) does not exist", destination->function),
			errhint("Destination \"%s\" calls it: CREATE FUNCTION %s" ARGUMENTS ".",
					destination->name, destination->function));
}

/* Somebody may be dropping it, in a transaction that takes its time. */
static void
lock(const Destination *destination, Oid function)
{
	if (!ConditionalLockDatabaseObject(ProcedureRelationId, function, 0, AccessShareLock))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("function %s is being altered or dropped", destination->function));
}

/* Why it cannot be called, or NULL. */
static const char *
why_not(Form_pg_proc form)
{
	char		type = get_typtype(form->prorettype);

	if (form->prokind == PROKIND_PROCEDURE)
		return "It is a procedure.";
	if (form->prokind != PROKIND_FUNCTION)
		return "It is an aggregate or a window function.";
	if (form->proretset)
		return "It returns a set.";
	if (type == TYPTYPE_PSEUDO && form->prorettype != VOIDOID &&
		form->prorettype != RECORDOID)
		return "What it returns is no value.";
	return NULL;
}

static void
check_form(const Destination *destination, Form_pg_proc form)
{
	const char *detail = why_not(form);

	if (detail)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s cannot be the function of a destination", destination->function),
				errdetail_internal("%s", detail),
				errhint("It is a function that returns jsonb, void or any other single value."));
}

static void
check_rights(const Destination *destination, Form_pg_proc form, Oid owner)
{
	if (form->proowner != owner)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("function %s is not owned by \"%s\"", destination->function,
					   destination->author.owner),
				errdetail("Destination \"%s\" calls it as its owner, \"%s\"; the function is owned by \"%s\".",
						  destination->name, destination->author.owner,
						  GetUserNameFromId(form->proowner, true)));
	if (object_aclcheck_compat(NamespaceRelationId, form->pronamespace, owner,
							   ACL_USAGE) != ACLCHECK_OK ||
		object_aclcheck_compat(ProcedureRelationId, form->oid, owner,
							   ACL_EXECUTE) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for function %s", destination->function),
				errdetail("Role \"%s\" needs USAGE on its schema and EXECUTE on it.",
						  destination->author.owner));
}

static void
check(const Destination *destination, Oid function, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		raise_none(destination);
	check_form(destination, (Form_pg_proc) GETSTRUCT(tuple));
	check_rights(destination, (Form_pg_proc) GETSTRUCT(tuple), owner);
	ReleaseSysCache(tuple);
}

Oid
destination_function(const Destination *destination)
{
	Oid			owner = destination_owner(destination);
	char	   *name;
	char	   *schema_name;
	Oid			schema;
	Oid			function;

	split_name(destination->function, &schema_name, &name);
	schema = get_namespace_oid(schema_name, true);
	if (!OidIsValid(schema) || isAnyTempNamespace(schema))
		raise_none(destination);
	function = look_up(schema, name);
	if (!OidIsValid(function))
		raise_none(destination);
	lock(destination, function);
	/* It may have been another, or nobody's, before we had the lock. */
	if (look_up(schema, name) != function)
		raise_none(destination);
	check(destination, function, owner);
	return function;
}
