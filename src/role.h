/*-------------------------------------------------------------------------
 *
 * role.h
 *	  Acting as somebody else for a while.
 *
 * There is no PG_TRY here: (sub)transaction abort restores user and settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ROLE_H
#define JOURNEY_ROLE_H

#include "postgres.h"

typedef struct RoleSwitch
{
	Oid			user;
	int			context;
	bool		read_only;
	int			guc_nest;		/* 0: settings were not touched */
} RoleSwitch;

/* As the extension's owner, for our own SQL.  Settings untouched. */
extern void role_extension_begin(RoleSwitch *saved);

/* The author's role; raises 42704 where it is gone, 42501 where it may not own. */
extern Oid	role_author(const char *owner);

/* As that author, read-only.  Settings untouched. */
extern void role_author_begin(RoleSwitch *saved, Oid author);

/*
 * The full sandbox around author code whose result can depend on settings, or
 * that can change them: as above, and a GUC nest in which search_path, TimeZone
 * and whatever else the result can depend on are pinned.
 */
extern void role_sandbox_begin(RoleSwitch *saved, Oid author, const char *zone);

/*
 * The same settings around a write to a user's table, as that role, where nothing
 * is waited for longer than that; 0: for however long.
 */
extern void role_writer_begin(RoleSwitch *saved, Oid role, const char *zone,
							  int milliseconds);

/*
 * As whom a role is to write to a table: as its owner, where the role could be
 * that by SET ROLE, so that triggers, checks, defaults and policies run with no
 * more than he has who made them; as the role itself where it could not, or where
 * the owner is a superuser.
 */
extern Oid	role_to_write(Oid role, Oid relation);

/* Another TimeZone for the rest of the sandbox that we are in. */
extern void role_sandbox_zone(const char *zone);

/*
 * After role_extension_begin: search_path = pg_catalog, pg_temp too, until
 * role_end.
 */
extern void role_pin_search_path(RoleSwitch *saved);

/* Undo any of them; settings made in between are rolled back. */
extern void role_end(RoleSwitch *saved);

/* Raise 42501 where the caller is inside a security-restricted operation. */
extern void role_refuse_restricted(const char *verb);

/* Raise where the server or the transaction cannot write (DECISIONS 21). */
extern void role_refuse_read_only(const char *verb);

/*
 * The role of that name, InvalidOid where there is none.  Quick when asked for
 * the same name again and again.
 */
extern Oid	role_by_name(const char *name);

/* A number that is another when roles or memberships may have changed. */
extern uint64 role_changes(void);

/* The extension's owner, by current catalog. */
extern Oid	role_extension_owner(void);

#endif							/* JOURNEY_ROLE_H */
