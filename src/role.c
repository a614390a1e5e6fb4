/*-------------------------------------------------------------------------
 *
 * role.c
 *	  Acting as somebody else for a while.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guc.h"
#include "role.h"

/* What author code sees, whoever's session it runs in. */
static const char *const sandbox_settings[][2] = {
	{"search_path", "pg_catalog, journey, pg_temp"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"row_security", "on"},
	{"client_min_messages", "error"}
};

static Oid
look_up_extension_owner(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("journey"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/* Looked up once per transaction. */
Oid
role_extension_owner(void)
{
	static LocalTransactionId known_in = InvalidLocalTransactionId;
	static Oid	owner = InvalidOid;

	if (known_in != MyLocalTransactionId || !OidIsValid(owner))
	{
		owner = look_up_extension_owner();
		known_in = MyLocalTransactionId;
	}
	if (!OidIsValid(owner))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("extension \"journey\" does not exist in this database"),
				errhint("Create the extension journey."));
	return owner;
}

/* The last answer of role_by_name; known is cleared when roles change. */
static struct
{
	bool		known;
	NameData	name;
	Oid			role;
}			last_role;

static void
roles_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	last_role.known = false;
}

Oid
role_by_name(const char *name)
{
	static bool listening = false;

	if (last_role.known && strcmp(NameStr(last_role.name), name) == 0)
		return last_role.role;
	if (!listening)
		CacheRegisterSyscacheCallback(AUTHNAME, roles_changed, (Datum) 0);
	listening = true;
	last_role.role = get_role_oid(name, true);
	namestrcpy(&last_role.name, name);
	last_role.known = true;
	return last_role.role;
}

static void
switch_to(RoleSwitch *saved, Oid role, int context)
{
	saved->read_only = XactReadOnly;
	GetUserIdAndSecContext(&saved->user, &saved->context);
	SetUserIdAndSecContext(role, saved->context | context);
}

void
role_extension_begin(RoleSwitch *saved)
{
	saved->guc_nest = 0;
	switch_to(saved, role_extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

static void
switch_to_author(RoleSwitch *saved, const char *owner)
{
	Oid			role = role_by_name(owner);

	if (!OidIsValid(role))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\", the owner of the journey, does not exist", owner));
	if (!guc_allow_superuser_owner && superuser_arg(role))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("superuser \"%s\" cannot own a journey", owner),
				errhint("See the setting journey.allow_superuser_owner."));
	switch_to(saved, role,
			  SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
role_author_begin(RoleSwitch *saved, const char *owner)
{
	saved->guc_nest = 0;
	switch_to_author(saved, owner);
}

static void
pin(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
role_search_path_begin(RoleSwitch *saved)
{
	saved->guc_nest = NewGUCNestLevel();
	pin("search_path", "pg_catalog, pg_temp");
	switch_to(saved, GetUserId(), 0);
}

/* The settings come first: nothing of the author's may run before both hold. */
void
role_sandbox_begin(RoleSwitch *saved, const char *owner, const char *zone)
{
	saved->guc_nest = NewGUCNestLevel();
	for (int i = 0; i < lengthof(sandbox_settings); i++)
		pin(sandbox_settings[i][0], sandbox_settings[i][1]);
	pin("TimeZone", zone);
	switch_to_author(saved, owner);

	/*
	 * Not by its setting: since 16 that cannot be saved and restored.  The
	 * abort of a (sub)transaction puts this back as well.
	 */
	XactReadOnly = true;
}

void
role_end(RoleSwitch *saved)
{
	SetUserIdAndSecContext(saved->user, saved->context);
	if (saved->guc_nest != 0)
		AtEOXact_GUC(false, saved->guc_nest);
	XactReadOnly = saved->read_only;
}

void
role_refuse_restricted(const char *verb)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot execute %s() within security-restricted operation",
					   verb));
}

void
role_refuse_read_only(const char *verb)
{
	PreventCommandIfReadOnly(verb);
	PreventCommandDuringRecovery(verb);
	PreventCommandIfParallelMode(verb);
}
