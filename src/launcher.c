/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The process that gives every database with the extension its schedulers
 *	  and its sender.
 *
 * It has no database of its own.  To learn whether one has the extension it
 * starts a scheduler there, which leaves at once if there is nothing to do; the
 * sender, where journey.workers wants no schedulers.
 * A launcher that ends is restarted by the postmaster and finds in shared
 * memory who is at work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "guc.h"
#include "process.h"
#include "seat.h"
#include "worker.h"

#define LOOK_EVERY 60000		/* ms between two readings of pg_database */
#define RETRY_CLOSED 1000		/* ms, for a database that a command keeps
								 * closed */
#define LONGEST_BACKOFF 60000	/* ms */
#define MAX_UNSETTLED 3			/* databases looked into at a time */

typedef enum DatabaseState
{
	DATABASE_NEW,				/* not looked into yet */
	DATABASE_SERVED,
	DATABASE_IDLE,				/* has the extension, but nothing may move
								 * there */
	DATABASE_ABSENT				/* has no extension */
} DatabaseState;

/* Of a database's workers of one role. */
typedef struct Post
{
	bool		look_again;		/* told to look since the last one was started */
	int			failures;		/* in a row */
	TimestampTz not_before;		/* none is started earlier */
} Post;

typedef struct Database
{
	Oid			oid;			/* hash key */
	bool		is_listed;		/* exists, connectable, wanted */
	DatabaseState state;
	Post		posts[SEAT_ROLES];
} Database;

static const char *const role_names[] = {
	[SEAT_SCHEDULER] = "journey scheduler",
	[SEAT_SENDER] = "journey sender"
};

static const char *const role_functions[] = {
	[SEAT_SCHEDULER] = "journey_scheduler_main",
	[SEAT_SENDER] = "journey_sender_main"
};

static HTAB *databases = NULL;
static int	slot_failures = 0;	/* in a row, to get a background worker slot */
static TimestampTz slot_not_before = 0;
static TimestampTz wake_at;		/* when something must be tried again */

void
launcher_register(void)
{
	BackgroundWorker worker;

	if (IsBinaryUpgrade)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "journey", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "journey_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "journey launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "journey launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* 1, 2, 4 ... seconds after the first, second, third ... failure. */
static TimestampTz
backoff(int failures)
{
	int			ms = Min(1000 << Min(failures - 1, 10), LONGEST_BACKOFF);

	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

static void
try_again_at(TimestampTz at)
{
	wake_at = Min(wake_at, at);
}

bool
launcher_wants(const char *database)
{
	char	   *names = pstrdup(guc_databases);
	List	   *list;
	ListCell   *cell;

	if (!SplitIdentifierString(names, ',', &list))
		return false;
	foreach(cell, list)
	{
		const char *name = (const char *) lfirst(cell);

		if (strcmp(name, "*") == 0 || strcmp(name, database) == 0)
			return true;
	}
	return false;
}

/* A list that does not read names no database at all: say so, once. */
static void
check_list(void)
{
	static bool complained = false;
	List	   *list;

	if (SplitIdentifierString(pstrdup(guc_databases), ',', &list))
		complained = false;
	else if (!complained)
	{
		ereport(LOG,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid list syntax in parameter \"%s\"", "journey.databases"));
		complained = true;
	}
}

static void
list_database(Form_pg_database form)
{
	Database   *database;
	bool		found;

	/* A limit below -1 marks a database that was half dropped. */
	if (!form->datallowconn || form->datistemplate || form->datconnlimit < -1 ||
		!launcher_wants(NameStr(form->datname)))
		return;
	database = hash_search(databases, &form->oid, HASH_ENTER, &found);
	if (!found)
	{
		memset(database, 0, sizeof(Database));
		database->oid = form->oid;
		database->state = DATABASE_NEW;
	}
	database->is_listed = true;
}

/* Mark the databases that want workers. */
static void
read_list(void)
{
	Relation	catalog;
	TableScanDesc scan;
	HeapTuple	tuple;
	HASH_SEQ_STATUS status;
	Database   *database;

	hash_seq_init(&status, databases);
	while ((database = hash_seq_search(&status)) != NULL)
		database->is_listed = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	check_list();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		list_database((Form_pg_database) GETSTRUCT(tuple));
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
}

/* The role whose workers find out what a database is. */
static SeatRole
scout(void)
{
	return guc_workers > 0 ? SEAT_SCHEDULER : SEAT_SENDER;
}

/* Nothing to do here, says somebody who came; only a scout is believed. */
static void
found(Database *database, SeatRole role, DatabaseState state, long rest)
{
	if (role == scout())
		database->state = state;
	else
		rest = RETRY_CLOSED;
	database->posts[role].not_before =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), rest);
}

static void
worker_left(Database *database, const SeatLeft *left)
{
	Post	   *post = &database->posts[left->role];

	switch (left->outcome)
	{
		case LEFT_FAILED:
			post->failures = left->lasted > LONGEST_BACKOFF ? 1 : post->failures + 1;
			post->not_before = backoff(post->failures);
			return;
		case LEFT_ABSENT:
			found(database, left->role, DATABASE_ABSENT, 0);
			break;
		case LEFT_IDLE:
			found(database, left->role, DATABASE_IDLE, LOOK_EVERY);
			break;
		case LEFT_ASKED:
			break;
	}
	post->failures = 0;
}

static void
look_again(Database *database)
{
	for (SeatRole role = 0; role < SEAT_ROLES; role++)
	{
		database->posts[role].look_again = true;
		database->posts[role].not_before = 0;
	}
	if (database->state != DATABASE_SERVED)
		database->state = DATABASE_NEW;
}

static void
look_everywhere(void)
{
	HASH_SEQ_STATUS status;
	Database   *database;

	hash_seq_init(&status, databases);
	while ((database = hash_seq_search(&status)) != NULL)
		look_again(database);
}

/* Hear what workers and committing backends have to say. */
static void
hear(void)
{
	Database   *database;
	SeatLeft	left;
	Oid			oid;

	while (seat_next_left(&left))
	{
		database = hash_search(databases, &left.database, HASH_FIND, NULL);
		if (database == NULL || left.role == SEAT_CALLER)
			continue;
		worker_left(database, &left);

		/* It may have looked before the commit that we were told of. */
		if (database->posts[left.role].look_again &&
			(left.outcome == LEFT_ABSENT || left.outcome == LEFT_IDLE))
			look_again(database);
	}
	while (seat_next_look(&oid))
	{
		if (!OidIsValid(oid))
			look_everywhere();
		else if ((database = hash_search(databases, &oid, HASH_FIND, NULL)) != NULL)
			look_again(database);
	}
}

static bool
register_worker(SeatRole role, const SeatTicket *ticket)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "journey", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, role_functions[role], BGW_MAXLEN);
	strlcpy(worker.bgw_name, role_names[role], BGW_MAXLEN);
	strlcpy(worker.bgw_type, role_names[role], BGW_MAXLEN);
	memcpy(worker.bgw_extra, ticket, sizeof(SeatTicket));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/* Others may need the slots for a while: say so once, and come back. */
static void
no_slot(SeatRole role)
{
	if (slot_failures++ == 0)
		ereport(LOG,
				errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("no free background worker slot for a %s", role_names[role]),
				errhint("You might need to increase max_worker_processes."));
	slot_not_before = backoff(slot_failures);
}

static void
start(Database *database, SeatRole role, int number)
{
	SeatTicket	ticket;

	switch (seat_keep(database->oid, role, number, &ticket))
	{
		case SEAT_DATABASE_CLOSED:
			try_again_at(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_CLOSED));
			return;
		case SEAT_NONE_FREE:
			no_slot(role);
			return;
		case SEAT_GIVEN:
			break;
	}
	if (!register_worker(role, &ticket))
	{
		seat_give_up(&ticket);
		no_slot(role);
		return;
	}
	slot_failures = 0;
	database->posts[role].look_again = false;
}

/* One scout until it has found something to do, then all. */
static int
wanted_workers(const Database *database, SeatRole role)
{
	int			all = role == SEAT_SCHEDULER ? guc_workers : 1;

	if (!database->is_listed || database->state == DATABASE_ABSENT)
		return 0;
	if (database->state == DATABASE_SERVED)
		return all;
	return role == scout() ? 1 : 0;
}

static void
serve_role(Database *database, SeatRole role)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz not_before = Max(database->posts[role].not_before, slot_not_before);
	int			wanted = wanted_workers(database, role);

	seat_dismiss(database->oid, role, wanted);
	for (int number = 0; number < wanted; number++)
	{
		if (seat_is_held(database->oid, role, number))
			continue;
		if (not_before > now)
		{
			try_again_at(not_before);
			return;
		}
		if (seat_count_unsettled() >= MAX_UNSETTLED)
			return;				/* each of them wakes us when it is through */
		start(database, role, number);
	}
}

/*
 * Start the workers that a database lacks, send those home that it does not want.
 * Callers are the sender's to start, and leave by themselves.
 */
static void
serve(Database *database)
{
	if (seat_is_settled(database->oid, scout()))
		database->state = DATABASE_SERVED;
	serve_role(database, SEAT_SCHEDULER);
	serve_role(database, SEAT_SENDER);
	if (wanted_workers(database, SEAT_SENDER) == 0)
		seat_dismiss(database->oid, SEAT_CALLER, 0);
}

static void
serve_all(void)
{
	HASH_SEQ_STATUS status;
	Database   *database;

	hash_seq_init(&status, databases);
	while ((database = hash_seq_search(&status)) != NULL)
	{
		serve(database);
		if (!database->is_listed)
			hash_search(databases, &database->oid, HASH_REMOVE, NULL);
	}
}

static void
make_table(void)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Database);
	control.hcxt = TopMemoryContext;
	databases = hash_create("journey databases", 64, &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* An error ends us; the postmaster starts another launcher. */
void
journey_launcher_main(Datum main_arg)
{
	worker_connect(InvalidOid);
	seat_launcher_begin();
	make_table();
	ereport(LOG,
			errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			errmsg("journey launcher started"));

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();

		wake_at = TimestampTzPlusMilliseconds(now, LOOK_EVERY);
		worker_check(NULL);
		pgstat_report_activity(STATE_RUNNING, "journey: looking for databases");
		read_list();
		hear();
		serve_all();
		pgstat_report_activity(STATE_IDLE, NULL);
		worker_wait(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wake_at));
	}
}
