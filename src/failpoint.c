/*-------------------------------------------------------------------------
 *
 * failpoint.c
 *	  Places where a test can have the server fail; see failpoint.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "failpoint.h"

#ifdef JOURNEY_TEST

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"

#define HITS_FILE "journey.failpoints"
#define MAX_POINTS 32
#define NAME_LENGTH 64

typedef enum Action
{
	ACTION_KILL,
	ACTION_POSTMASTER,
	ACTION_ABORT,
	ACTION_ERROR,
	ACTION_SLEEP,
	ACTION_WAIT,
	ACTION_COUNT
} Action;

static const char *const action_names[] = {
	[ACTION_KILL] = "kill",
	[ACTION_POSTMASTER] = "postmaster",
	[ACTION_ABORT] = "abort",
	[ACTION_ERROR] = "error",
	[ACTION_SLEEP] = "sleep",
	[ACTION_WAIT] = "wait",
	[ACTION_COUNT] = "count"
};

typedef struct Point
{
	char		name[NAME_LENGTH];
	Action		action;
	int			argument;		/* SQLSTATE, or ms */
	int			nth;			/* 0: each time */
	bool		once;
} Point;

typedef struct Points
{
	int			number;
	Point		points[MAX_POINTS];
} Points;

static char *setting;
static Points *armed;			/* NULL: none */
static int	come_by[MAX_POINTS];	/* how often, since they were armed */
static const Point *owed;		/* came up where nothing may be raised */

/* "error:XX000" and the like; false where it is none. */
static bool
parse_action(char *string, Point *point)
{
	char	   *argument = strchr(string, ':');

	if (argument)
		*argument++ = '\0';
	for (int i = 0; i < lengthof(action_names); i++)
	{
		if (strcmp(string, action_names[i]) != 0)
			continue;
		point->action = i;
		if (i == ACTION_ERROR)
		{
			if (argument == NULL || strlen(argument) != 5)
				return false;
			point->argument = MAKE_SQLSTATE(argument[0], argument[1], argument[2],
											argument[3], argument[4]);
			return true;
		}
		if (i == ACTION_SLEEP)
			point->argument = argument ? atoi(argument) : -1;
		return (i == ACTION_SLEEP) == (argument != NULL) && point->argument >= 0;
	}
	return false;
}

static bool
parse_point(char *string, Point *point)
{
	char	   *action = strchr(string, '=');
	char	   *nth;
	size_t		length;

	if (action == NULL || action - string >= NAME_LENGTH)
		return false;
	*action++ = '\0';
	strlcpy(point->name, string, NAME_LENGTH);
	length = strlen(action);
	if (length > 0 && action[length - 1] == '!')
	{
		point->once = true;
		action[length - 1] = '\0';
	}
	nth = strchr(action, '@');
	if (nth)
	{
		*nth++ = '\0';
		point->nth = atoi(nth);
		if (point->nth <= 0)
			return false;
	}
	return parse_action(action, point);
}

static bool
check_points(char **newval, void **extra, GucSource source)
{
	static const char separators[] = ", \t\n";
	Points	   *points;
	char	   *copy;
	char	   *rest;
	bool		ok = true;

	if (*newval == NULL || (*newval)[strspn(*newval, separators)] == '\0')
		return true;
	points = guc_malloc_compat(sizeof(Points));
	copy = strdup(*newval);
	if (points == NULL || copy == NULL)
		return false;
	memset(points, 0, sizeof(Points));
	for (char *item = strtok_r(copy, separators, &rest); item && ok;
		 item = strtok_r(NULL, separators, &rest))
		ok = points->number < MAX_POINTS && parse_point(item, &points->points[points->number++]);
	free(copy);
	if (!ok)
		GUC_check_errdetail("The value must be a list of name=action, see failpoint.h.");
	*extra = points;
	return ok;
}

/* A setting that is read again unchanged is not assigned, and goes on counting. */
static void
assign_points(const char *newval, void *extra)
{
	armed = extra;
	owed = NULL;
	memset(come_by, 0, sizeof(come_by));
}

void
failpoint_define(void)
{
	DefineCustomStringVariable("journey.failpoints",
							   "Where the server is to fail, for tests.",
							   NULL, &setting, "", PGC_SUSET,
							   GUC_NOT_IN_SAMPLE | GUC_SUPERUSER_ONLY,
							   check_points, assign_points, NULL);
}

/* Did it happen before, in this process or another?  By the file's lines. */
static bool
has_happened(const Point *point)
{
	FILE	   *file = fopen(HITS_FILE, "r");
	char		line[256];
	char		wanted[NAME_LENGTH + 16];
	bool		found = false;

	if (file == NULL)
		return false;
	snprintf(wanted, sizeof(wanted), "%s %s ", point->name, action_names[point->action]);
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, wanted, strlen(wanted)) == 0;
	fclose(file);
	return found;
}

/* One write, so that lines stay whole; no memory and no lock of the server's. */
static void
note(const Point *point)
{
	struct timespec now;
	char		line[256];
	int			fd = open(HITS_FILE, O_WRONLY | O_APPEND | O_CREAT, 0600);
	int			length;

	clock_gettime(CLOCK_REALTIME, &now);
	length = snprintf(line, sizeof(line), "%s %s %d %ld.%06ld\n", point->name,
					  action_names[point->action], (int) getpid(), (long) now.tv_sec,
					  now.tv_nsec / 1000);
	if (fd < 0 || write(fd, line, length) != length)
		abort();				/* a test would wait in vain */
	close(fd);
}

/* A session's lock, for there may be no transaction. */
static void
wait_for_lock(const char *name)
{
	LOCKTAG		tag;
	int64		key = DatumGetInt32(hash_any((const unsigned char *) name, strlen(name)));

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 1);
	LockAcquire(&tag, ExclusiveLock, true, false);
	LockRelease(&tag, ExclusiveLock, true);
}

/* What no caller can stand in the way of. */
static void
end_here(Action action)
{
	if (action == ACTION_ABORT)
		abort();
	if (action == ACTION_POSTMASTER)
		kill(PostmasterPid, SIGKILL);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void
interrupt(const Point *point)
{
	if (point->action == ACTION_WAIT)
		wait_for_lock(point->name);
	else
		ereport(ERROR,
				errcode(point->argument),
				errmsg("failpoint \"%s\"", point->name));
}

static void
happen(const Point *point, bool may_raise)
{
	note(point);
	switch (point->action)
	{
		case ACTION_KILL:
		case ACTION_POSTMASTER:
		case ACTION_ABORT:
			end_here(point->action);
			break;
		case ACTION_SLEEP:
			pg_usleep(point->argument * 1000L);
			break;
		case ACTION_COUNT:
			break;
		case ACTION_ERROR:
		case ACTION_WAIT:
			if (may_raise)
				interrupt(point);
			else
				owed = point;
	}
}

void
failpoint_hit(const char *name, bool may_raise)
{
	for (int i = 0; armed && i < armed->number; i++)
	{
		const Point *point = &armed->points[i];

		if (strcmp(point->name, name) != 0)
			continue;
		come_by[i]++;
		if ((point->nth == 0 || come_by[i] == point->nth) &&
			!(point->once && has_happened(point)))
			happen(point, may_raise);
	}
}

void
failpoint_catch_up(void)
{
	const Point *point = owed;

	owed = NULL;
	if (point)
		interrupt(point);
}

#endif							/* JOURNEY_TEST */
