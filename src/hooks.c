/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Commands that must get past the workers.
 *
 * Some need a database that nobody is connected to: its workers are sent away
 * before and come back when the command's transaction has ended, however it
 * did.  ALTER EXTENSION gets the lock that every batch of a worker holds; DROP
 * EXTENSION takes it by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "compat.h"
#include "process.h"
#include "seat.h"
#include "shmem.h"

static ProcessUtility_hook_type prev_process_utility = NULL;
static Oid	closed_database = InvalidOid;	/* by this transaction */

static const char *
string_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

/* The database that nobody may be connected to for this command, or NULL. */
static const char *
needs_closed(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) statement)->dbname;
		case T_CreatedbStmt:
			return string_option(((CreatedbStmt *) statement)->options, "template");
		case T_AlterDatabaseStmt:
			if (string_option(((AlterDatabaseStmt *) statement)->options, "tablespace"))
				return ((AlterDatabaseStmt *) statement)->dbname;
			return NULL;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				return ((RenameStmt *) statement)->subname;
			return NULL;
		default:
			return NULL;
	}
}

/* Only for those who may do what they ask for; the command tells the others. */
static void
close_for(const char *name)
{
	Oid			database = get_database_oid(name, true);

	if (!OidIsValid(database) || database == MyDatabaseId ||
		!database_ownercheck_compat(database, GetUserId()))
		return;
	closed_database = database;
	seat_close(database);
}

static void
reopen(XactEvent event, void *arg)
{
	if (!OidIsValid(closed_database) ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	seat_reopen(closed_database);
	closed_database = InvalidOid;
}

/* Wait for the workers' batches to end; new ones do not begin meanwhile. */
static void
lock_extension(void)
{
	Oid			extension = get_extension_oid("journey", true);

	if (OidIsValid(extension) && superuser())
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessExclusiveLock);
}

static bool
alters_extension(Node *statement)
{
	return IsA(statement, AlterExtensionStmt) &&
		strcmp(((AlterExtensionStmt *) statement)->extname, "journey") == 0;
}

static bool
drops_extension(Node *statement)
{
	return IsA(statement, DropStmt) &&
		((DropStmt *) statement)->removeType == OBJECT_EXTENSION;
}

static bool
names_journey(DropStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->objects)
	{
		if (strcmp(strVal(lfirst(cell)), "journey") == 0)
			return true;
	}
	return false;
}

/*
 * A function that a worker calls can take its time, and the worker has the lock that
 * the command waits for.
 */
static void
dismiss_callers(void)
{
	if (seat_table != NULL && superuser())
		seat_dismiss(MyDatabaseId, SEAT_CALLER, 0);
}

/* Nobody hears what such a transaction has noted: the launcher looks again. */
static bool
commits_two_phase(Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED;
}

static void
before_statement(Node *statement, ProcessUtilityContext context)
{
	const char *database = needs_closed(statement);

	if (alters_extension(statement))
	{
		dismiss_callers();
		lock_extension();
	}
	if (drops_extension(statement))
	{
		/* Workers see that they can go. */
		shmem_note_due(TIME_NEVER_WAKE);
		shmem_note_action(TIME_NEVER_WAKE);
		if (names_journey((DropStmt *) statement))
			dismiss_callers();
	}
	if (IsA(statement, CreatedbStmt) || IsA(statement, AlterDatabaseStmt))
		shmem_note_list();
	if (database && context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock())
		close_for(database);
}

static void
process_utility(PlannedStmt *statement, const char *source, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *destination,
				QueryCompletion *completion)
{
	bool		commits_prepared = commits_two_phase(statement->utilityStmt);

	before_statement(statement->utilityStmt, context);
	if (prev_process_utility)
		prev_process_utility(statement, source, read_only_tree, context, params,
							 environment, destination, completion);
	else
		standard_ProcessUtility(statement, source, read_only_tree, context, params,
								environment, destination, completion);
	if (commits_prepared)
		seat_look_at(MyDatabaseId);
}

void
hooks_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(reopen, NULL);
}
