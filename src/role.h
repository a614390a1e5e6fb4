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

/* As an author; raises 42704 where the role is gone.  Settings untouched. */
extern void role_author_begin(RoleSwitch *saved, const char *owner);

/*
 * The full sandbox around author code that is not IMMUTABLE: as above, and a
 * GUC nest with search_path, TimeZone, DateStyle, IntervalStyle, row_security
 * and client_min_messages pinned, in a transaction that is read-only.
 */
extern void role_sandbox_begin(RoleSwitch *saved, const char *owner, const char *zone);

/* search_path = pg_catalog, pg_temp alone, same user: for preparing our own SQL. */
extern void role_search_path_begin(RoleSwitch *saved);

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

/* The extension's owner, by current catalog. */
extern Oid	role_extension_owner(void);

#endif							/* JOURNEY_ROLE_H */
