/*-------------------------------------------------------------------------
 *
 * role.c
 *	  Acting as somebody else for a while.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/gin.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "tsearch/ts_cache.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/xml.h"

#include "compat.h"
#include "guc.h"
#include "role.h"

/* From utils/pg_locale.h, which asks for ICU's headers too. */
extern PGDLLIMPORT char *locale_monetary;
extern PGDLLIMPORT char *locale_numeric;
extern PGDLLIMPORT char *locale_time;

#define SANDBOX_PATH "pg_catalog, journey, pg_temp"
#define OWN_PATH "pg_catalog, pg_temp"

/*
 * What author code sees, whoever's session it runs in: every setting that an
 * application may change and that the result of a built-in function, or the
 * meaning of a text, depends on.  What has its value already is left alone.
 */
typedef struct Pin
{
	const char *name;
	const char *value;
	const int  *number;			/* the setting's variable, by type; none where */
	const bool *flag;			/* no header declares it */
	char	  **text;
	int			wanted;			/* value as a number or a flag */
} Pin;

static const Pin pins[] = {
	{"search_path", SANDBOX_PATH, .text = &namespace_search_path},
	{"DateStyle", "ISO, MDY", .number = &DateStyle, .wanted = USE_ISO_DATES},
	{"DateStyle", "ISO, MDY", .number = &DateOrder, .wanted = DATEORDER_MDY},
	{"IntervalStyle", "postgres", .number = &IntervalStyle, .wanted = INTSTYLE_POSTGRES},
	{"client_min_messages", "error", .number = &client_min_messages, .wanted = ERROR},
	{"extra_float_digits", "1", .number = &extra_float_digits, .wanted = 1},
	{"bytea_output", "hex", .number = &bytea_output, .wanted = BYTEA_OUTPUT_HEX},
	{"backslash_quote", "safe_encoding", .number = &backslash_quote, .wanted = BACKSLASH_QUOTE_SAFE_ENCODING},
	{"xmlbinary", "base64", .number = &xmlbinary, .wanted = XMLBINARY_BASE64},
	{"xmloption", "content", .number = &xmloption, .wanted = XMLOPTION_CONTENT},
	{"gin_fuzzy_search_limit", "0", .number = &GinFuzzySearchLimit, .wanted = 0},
	{"row_security", "on", .flag = &row_security, .wanted = true},
	{"standard_conforming_strings", "on", .flag = &standard_conforming_strings, .wanted = true},
	{"transform_null_equals", "off", .flag = &Transform_null_equals, .wanted = false},
	{"array_nulls", "on", .flag = &Array_nulls, .wanted = true},
	{"quote_all_identifiers", "off", .flag = &quote_all_identifiers, .wanted = false},
	{"lc_time", "C", .text = &locale_time},
	{"lc_numeric", "C", .text = &locale_numeric},
	{"lc_monetary", "C", .text = &locale_monetary},
	{"timezone_abbreviations", "Default"},
	{"default_text_search_config", "pg_catalog.simple", .text = &TSCurrentConfig}
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

/* How often roles or memberships have changed, as far as we have heard. */
static uint64 changes = 0;

static void
roles_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	last_role.known = false;
	changes++;
}

uint64
role_changes(void)
{
	return changes;
}

Oid
role_by_name(const char *name)
{
	static bool listening = false;

	if (last_role.known && strcmp(NameStr(last_role.name), name) == 0)
		return last_role.role;
	if (!listening)
	{
		CacheRegisterSyscacheCallback(AUTHNAME, roles_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
	}
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

Oid
role_author(const char *owner)
{
	Oid			role = role_by_name(owner);

	if (!OidIsValid(role))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\", the owner, does not exist", owner));
	if (!guc_allow_superuser_owner && superuser_arg(role))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("superuser \"%s\" cannot be the owner", owner),
				errhint("See the setting journey.allow_superuser_owner."));
	return role;
}

/*
 * The transaction's flag is set as subtransactions do it, not by its setting,
 * which since 16 cannot be saved and restored.  Nothing can switch it off from
 * inside, and after an error the end of the subtransaction puts it back.
 */
static void
switch_to_author(RoleSwitch *saved, Oid author)
{
	switch_to(saved, author,
			  SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	XactReadOnly = true;
}

void
role_author_begin(RoleSwitch *saved, Oid author)
{
	saved->guc_nest = 0;
	switch_to_author(saved, author);
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

static bool
is_set(const Pin *pin)
{
	const char *value;

	if (pin->number)
		return *pin->number == pin->wanted;
	if (pin->flag)
		return *pin->flag == (bool) pin->wanted;
	value = pin->text ? *pin->text : GetConfigOption(pin->name, false, false);
	return value && strcmp(value, pin->value) == 0;
}

void
role_pin_search_path(RoleSwitch *saved)
{
	if (strcmp(namespace_search_path, OWN_PATH) == 0)
		return;
	saved->guc_nest = NewGUCNestLevel();
	set("search_path", OWN_PATH);
}

void
role_sandbox_zone(const char *zone)
{
	if (strcmp(pg_get_timezone_name(session_timezone), zone) != 0)
		set("TimeZone", zone);
}

static void
pin_all(RoleSwitch *saved, const char *zone)
{
	saved->guc_nest = NewGUCNestLevel();
	for (int i = 0; i < lengthof(pins); i++)
	{
		if (!is_set(&pins[i]))
			set(pins[i].name, pins[i].value);
	}
	role_sandbox_zone(zone);
}

/* The settings come first: nothing of the author's may run before both hold. */
void
role_sandbox_begin(RoleSwitch *saved, Oid author, const char *zone)
{
	pin_all(saved, zone);
	switch_to_author(saved, author);
}

void
role_writer_begin(RoleSwitch *saved, Oid role, const char *zone, int milliseconds)
{
	pin_all(saved, zone);
	if (milliseconds > 0 && (LockTimeout == 0 || LockTimeout > milliseconds))
		set("lock_timeout", psprintf("%d", milliseconds));
	switch_to(saved, role,
			  SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

/* As a subscription's apply worker does it. */
Oid
role_to_write(Oid role, Oid relation)
{
	Relation	rel = relation_open(relation, NoLock);
	Oid			owner = rel->rd_rel->relowner;

	relation_close(rel, NoLock);
	if (superuser_arg(owner) || !member_can_set_role_compat(role, owner))
		return role;
	return owner;
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
