/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Shared memory, and what backends tell the workers when they commit.
 *
 * Workers are told when a commit's rows have become visible and its invalidations
 * have been sent, so one that is woken finds them and knows of what has changed.
 * PREPARE TRANSACTION gets no such call when it is committed later; the workers'
 * poll finds those.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "seat.h"
#include "shmem.h"

/*
 * Due times of this transaction that are still to be told, innermost
 * subtransaction first; an entry is earlier than those of the levels above it,
 * there is at most one for each level.
 */
typedef struct NotedDue
{
	TimestampTz due;
	int			level;			/* transaction nesting level */
	struct NotedDue *outer;
} NotedDue;

typedef enum Noted
{
	NOTED_TIMER,
	NOTED_ACTION,
	NOTED_KINDS
} Noted;

static NotedDue *noted_due[NOTED_KINDS];	/* in TopTransactionContext */
static bool has_committed = false;	/* the workers are about to be told */
static bool noted_database = false; /* a rolled back savepoint leaves these
									 * two */
static bool noted_list = false; /* set: the launcher looks in vain once */

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static void
request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(seat_table_size());
	RequestNamedLWLockTranche("journey", 1);
}

static void
startup(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	seat_table = ShmemInitStruct("journey", seat_table_size(), &found);
	seat_lock = &GetNamedLWLockTranche("journey")->lock;
	if (!found)
		seat_table_init(seat_table);
	LWLockRelease(AddinShmemInitLock);
}

static void
note(Noted kind, TimestampTz due)
{
	int			level = GetCurrentTransactionNestLevel();
	NotedDue   *entry = noted_due[kind];

	if (seat_table == NULL || (entry && entry->due <= due))
		return;
	if (entry == NULL || entry->level < level)
	{
		entry = MemoryContextAlloc(TopTransactionContext, sizeof(NotedDue));
		entry->level = level;
		entry->outer = noted_due[kind];
		noted_due[kind] = entry;
	}
	entry->due = due;
}

void
shmem_note_due(TimestampTz due)
{
	note(NOTED_TIMER, due);
}

void
shmem_note_action(TimestampTz due)
{
	note(NOTED_ACTION, due);
}

void
shmem_note_database(void)
{
	noted_database = seat_table != NULL;
}

void
shmem_note_list(void)
{
	noted_list = seat_table != NULL;
}

/* Must not raise: the transaction has committed. */
static void
tell_workers(void)
{
	if (noted_due[NOTED_TIMER])
		seat_note_role(SEAT_SCHEDULER, noted_due[NOTED_TIMER]->due);
	if (noted_due[NOTED_ACTION])
	{
		seat_note_role(SEAT_SENDER, noted_due[NOTED_ACTION]->due);
		seat_note_role(SEAT_CALLER, noted_due[NOTED_ACTION]->due);
	}
	if (noted_database)
		seat_look_at(MyDatabaseId);
	if (noted_list)
		seat_wake_launcher();
}

static void
forget(void)
{
	memset(noted_due, 0, sizeof(noted_due));
	noted_database = noted_list = false;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	has_committed = event == XACT_EVENT_COMMIT;
	if (!has_committed)
		forget();
}

/* The first moment after a commit's invalidations. */
static void
at_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	if (!has_committed || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	has_committed = false;
	tell_workers();
	forget();
}

static void
end_level(SubXactEvent event, NotedDue **noted)
{
	int			level = GetCurrentTransactionNestLevel();
	NotedDue   *entry = *noted;

	if (entry == NULL || entry->level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		*noted = entry->outer;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		entry->level = level - 1;
		if (entry->outer && entry->outer->level == entry->level)
			entry->outer = entry->outer->outer;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	for (int i = 0; i < NOTED_KINDS; i++)
		end_level(event, &noted_due[i]);
}

void
shmem_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterResourceReleaseCallback(at_release, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
