/*-------------------------------------------------------------------------
 *
 * patch.c
 *	  Writing traits to the user's own table.
 *
 * A step that writes holds its customer's members, and an application may hold
 * the row while it waits for them.  So the row is not waited for, but asked for
 * again for a moment; whatever else the write may meet (triggers, foreign keys)
 * is waited for no longer than that either, which is shorter than what the
 * server takes for a deadlock.  A worker asks once: it has others to move, and
 * holds those of the customers that it has moved before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine.h"
#include "isolate.h"
#include "patch.h"
#include "patch_text.h"
#include "profile.h"
#include "role.h"

#define LOCK_PATIENCE 200		/* milliseconds */
#define NO_PATIENCE 1			/* the shortest that there is */
#define LOCK_NAP 10				/* milliseconds between two tries */
#define MAX_NESTED 5			/* writes whose triggers lead to writes */

/* One write, from begin to end; they nest. */
typedef struct Writing
{
	Step	   *step;
	const Raised *raised;
	int			patience;		/* milliseconds */
	MemoryContext cxt;			/* for what follows */
	text	   *customer;		/* as the row has it; NULL: not known yet */
	Jsonb	   *changed;		/* NULL: nothing */
	int			depth;			/* from 1 */
	struct Writing *outer;		/* or NULL */
} Writing;

static Writing *running = NULL;

bool
patch_is_running(void)
{
	return running != NULL;
}

/* ---- what the table's trigger says ---- */

bool
patch_captures(const text *customer, Jsonb *changed)
{
	MemoryContext old;

	if (running == NULL || running->customer == NULL ||
		!text_is(customer, running->customer))
		return false;
	old = MemoryContextSwitchTo(running->cxt);
	running->changed = running->changed == NULL ?
		DatumGetJsonbPCopy(JsonbPGetDatum(changed)) :
		profile_join_changes(running->changed, changed);
	MemoryContextSwitchTo(old);
	return true;
}

/* ---- writing ---- */

static void
raise_no_row(const PatchText *sql)
{
	ereport(ERROR,
			errcode(ERRCODE_NO_DATA_FOUND),
			errmsg("table %s, which is bound as profile, has no row of customer \"%s\"",
				   sql->table, sql->customer),
			errhint("Insert the row first."));
}

static void
raise_not_written(const PatchText *sql)
{
	ereport(ERROR,
			errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			errmsg("the row of customer \"%s\" in table %s was not written",
				   sql->customer, sql->table),
			errdetail("A trigger, a rule or a policy of the table has kept it as it was."));
}

static uint64
run_text(PatchText *sql, const char *statement)
{
	return sql_run_text(statement, sql->nargs, sql->types, sql->values);
}

static void
nap(void)
{
	/* A worker's latch tells it of more than this. */
	pg_usleep(LOCK_NAP * 1000);
	CHECK_FOR_INTERRUPTS();
}

/* Of the row that is locked; traits other than an object are not ours to mend. */
static text *
customer_of_row(const PatchText *sql)
{
	bool		isnull;
	Datum		customer = sql_value(0, 1, &isnull);
	Datum		type = sql_value(0, 2, &isnull);

	if (!isnull && strcmp(TextDatumGetCString(type), "object") != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("traits of customer \"%s\" in table %s are not a JSON object",
					   sql->customer, sql->table));
	return DatumGetTextPCopy(customer);
}

/* The row is ours from here on; returns its customer. */
static text *
lock_row(PatchText *sql, int patience)
{
	for (int waited = 0; run_text(sql, sql->try_lock) == 0; waited += LOCK_NAP)
	{
		if (run_text(sql, sql->look) == 0)
			raise_no_row(sql);
		if (waited + LOCK_NAP > patience)
			ereport(ERROR,
					errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("could not lock the row of customer \"%s\" in table %s",
						   sql->customer, sql->table));
		nap();
	}
	return customer_of_row(sql);
}

/*
 * The statements name the table: somebody may have renamed its schema, and put
 * another in its place, just then.
 */
static void
check_name(const PatchText *sql)
{
	if (RangeVarGetRelid(sql->name, NoLock, true) != sql->relation)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("table %s was replaced while it was written to", sql->table));
}

/* Where the journey's owner can find it. */
static Oid
find_table(const Binding *binding, Oid author, const char *zone)
{
	RoleSwitch	role;
	Oid			relation;

	role_sandbox_begin(&role, author, zone);
	relation = patch_table(binding);
	role_end(&role);
	return relation;
}

/* Isolated. */
static void
write_row(void *arg)
{
	Writing    *writing = arg;
	const Raised *raised = writing->raised;
	const Binding *binding = binding_get();
	Oid			author = role_author(raised->journey->author.owner);
	Oid			relation;
	RoleSwitch	role;
	SqlSession	session;
	PatchText	sql;

	if (writing->depth > MAX_NESTED)
		ereport(ERROR,
				errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				errmsg("profile not written: writes whose triggers lead to writes are nested more than %d deep",
					   MAX_NESTED));
	if (binding == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the table that was bound as profile no longer is"));
	relation = find_table(binding, author, raised->zone);
	role_writer_begin(&role, role_to_write(author, relation), raised->zone,
					  writing->patience);
	sql_connect(&session);
	patch_text_make(&sql, binding, relation, writing->step->customer, raised->props);
	writing->customer = lock_row(&sql, writing->patience);
	if (sql.write != NULL && run_text(&sql, sql.write) == 0)
		raise_not_written(&sql);
	writing->customer = NULL;
	check_name(&sql);
	sql_disconnect(&session);
	role_end(&role);
}

ErrorData *
patch_write(Step *step, const Raised *raised, Jsonb **changed)
{
	Writing		writing = {step, raised, .cxt = step->cxt,
		.patience = step->unhurried ? LOCK_PATIENCE : NO_PATIENCE,
	.depth = running ? running->depth + 1 : 1, .outer = running};
	ErrorData  *error;

	if (running)
		writing.patience = Min(writing.patience, running->patience);
	running = &writing;
	PG_TRY();
	{
		error = isolate_write(write_row, &writing);
	}
	PG_FINALLY();
	{
		running = writing.outer;
	}
	PG_END_TRY();
	*changed = error ? NULL : writing.changed;
	return error;
}

/* ---- journey_identify ---- */

/* Nothing of ours is locked: the row is waited for, and its trigger does the rest. */
static void
identify(const Binding *binding, Oid relation, text *customer, Jsonb *patch)
{
	SqlSession	session;
	PatchText	sql;

	sql_connect(&session);
	patch_text_make(&sql, binding, relation, customer, patch);
	if (run_text(&sql, sql.write ? sql.lock : sql.look) == 0)
		raise_no_row(&sql);
	if (sql.write)
	{
		(void) customer_of_row(&sql);
		if (run_text(&sql, sql.write) == 0)
			raise_not_written(&sql);
	}
	check_name(&sql);
	sql_disconnect(&session);
}

/* As himself the caller writes as if he did it by hand. */
void
patch_identify(text *customer, Jsonb *patch)
{
	const Binding *binding = binding_get();
	Oid			relation = patch_table(binding);
	Oid			writer = role_to_write(GetUserId(), relation);
	RoleSwitch	role;

	if (writer == GetUserId())
	{
		identify(binding, relation, customer, patch);
		return;
	}
	role_writer_begin(&role, writer, pg_get_timezone_name(session_timezone), 0);
	identify(binding, relation, customer, patch);
	role_end(&role);
}
