/*-------------------------------------------------------------------------
 *
 * watch_profile.c
 *	  A changed row of the table of profiles, and of audiences' tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "arguments.h"
#include "engine.h"
#include "isolate.h"
#include "membership.h"
#include "patch.h"
#include "profile.h"
#include "run.h"
#include "watch.h"

/* What is found out about the row in a subtransaction of its own. */
typedef struct Finding
{
	const ChangedRow *row;
	Oid			role;			/* as whom types' code runs: the table's owner */
	List	   *columns;		/* that name the customer */
	text	   *old_customer;	/* NULL: none */
	text	   *new_customer;
	bool		names_only;		/* not the values */
	Jsonb	   *changed;		/* {column: [old, new]}, NULL: nothing */
} Finding;

static void
find_customers(void *arg)
{
	Finding    *finding = arg;
	const ChangedRow *row = finding->row;
	RowSandbox	sandbox;

	row_sandbox_begin(&sandbox, row->source, finding->role);
	finding->old_customer = row->old ?
		row_customer(row->source, row->old, finding->columns) : NULL;
	finding->new_customer = row->new ?
		row_customer(row->source, row->new, finding->columns) : NULL;
	row_sandbox_end(&sandbox);
	if (finding->old_customer != NULL)
		check_customer(finding->old_customer);
	if (finding->new_customer != NULL)
		check_customer(finding->new_customer);
}

/* Run it; false: it erred, and *error says how. */
static bool
find(void (*fn) (void *), Finding *finding, ErrorData **error)
{
	bool		own_budget = !patch_is_running();

	if (own_budget)
		budget_begin();
	*error = isolate(fn, finding);
	if (own_budget)
		budget_end();
	return *error == NULL;
}

/* ---- the profile ---- */

/* Nulls in place of the values: only that it has changed is told. */
static void
push_name(const ChangedRow *row, int column, JsonbParseState **state)
{
	ChangedRow	nothing = {.source = row->source};

	watch_push_change(&nothing, column, state);
}

static Jsonb *
traits_of(const ChangedRow *row, const RowVersion *version, int column)
{
	Jsonb	   *traits;

	if (version == NULL || version->nulls[column - 1])
		return jsonb_empty_object();
	traits = DatumGetJsonbP(version->values[column - 1]);
	return JB_ROOT_IS_OBJECT(traits) ? traits : jsonb_empty_object();
}

static bool
push_traits(const ChangedRow *row, int column, JsonbParseState **state)
{
	Jsonb	   *before = traits_of(row, row->old, column);
	Jsonb	   *after = traits_of(row, row->new, column);

	return profile_push_changes(state, before, after, jsonb_merge(before, after));
}

static bool
is_traits(const Source *source, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, column - 1);

	return source->traits_column != NULL && attribute->atttypid == JSONBOID &&
		strcmp(NameStr(attribute->attname), source->traits_column) == 0;
}

static bool
push_column(const Finding *finding, int column, JsonbParseState **state)
{
	const ChangedRow *row = finding->row;

	if (!row_has_column(row->source, column) || !row_column_differs(row, column))
		return false;
	if (finding->names_only)
		push_name(row, column, state);
	else if (is_traits(row->source, column))
		return push_traits(row, column, state);
	else
		watch_push_change(row, column, state);
	return true;
}

static void
find_changes(void *arg)
{
	Finding    *finding = arg;
	const Source *source = finding->row->source;
	JsonbParseState *state = NULL;
	RowSandbox	sandbox;
	Jsonb	   *changed;
	bool		any = false;

	row_sandbox_begin(&sandbox, source, finding->role);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int column = 1; column <= source->desc->natts; column++)
		any |= push_column(finding, column, &state);
	changed = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	row_sandbox_end(&sandbox);
	check_size(JsonbPGetDatum(changed), "what has changed");
	finding->changed = any ? changed : NULL;
}

/*
 * One customer's part of the change.  Where the values cannot be told, journeys
 * are to hear at least of what they are the values.
 */
static void
tell_profile(const ChangedRow *row, Oid role, text *customer)
{
	Finding		finding = {.row = row, .role = role};
	ErrorData  *error;

	if (!find(find_changes, &finding, &error))
	{
		watch_failed(row, customer, error);
		finding.names_only = true;
		if (!find(find_changes, &finding, &error))
			return;
	}
	if (finding.changed != NULL && !patch_captures(customer, finding.changed))
		run_internal_event(customer, EVENT_PROFILE_CHANGED,
						   profile_changes(finding.changed));
}

/* Who gets another key is gone under the old one. */
void
watch_profile(const ChangedRow *row, Oid owner)
{
	Finding		finding = {.row = row, .role = owner,
	.columns = row->source->profile_columns};
	ChangedRow	half = *row;
	ErrorData  *error;

	if (!row->source->is_profile || !step_hears(EVENT_PROFILE_CHANGED))
		return;
	if (!find(find_customers, &finding, &error))
	{
		watch_failed(row, NULL, error);
		return;
	}
	if (finding.old_customer && finding.new_customer &&
		text_is(finding.old_customer, finding.new_customer))
	{
		tell_profile(row, owner, finding.new_customer);
		return;
	}
	half.new = NULL;
	if (finding.old_customer)
		tell_profile(&half, owner, finding.old_customer);
	half = *row;
	half.old = NULL;
	if (finding.new_customer)
		tell_profile(&half, owner, finding.new_customer);
}

/* ---- audiences ---- */

/* Has one of the columns that it reads another value?  Raises 42703. */
static bool
concerns(const LiveAudience *audience, const ChangedRow *row)
{
	ListCell   *cell;

	foreach(cell, audience->columns)
	{
		if (row_column_differs(row, row_column_number(row->source, lfirst(cell))))
			return true;
	}
	return row->operation != OPERATION_UPDATE;
}

typedef struct AudienceFinding
{
	Finding		finding;
	const LiveAudience *audience;
	bool		concerned;
} AudienceFinding;

static void
find_members(void *arg)
{
	AudienceFinding *finding = arg;

	finding->concerned = concerns(finding->audience, finding->finding.row);
	if (finding->concerned)
		find_customers(&finding->finding);
}

static void
follow_audience(const LiveAudience *audience, const ChangedRow *row, Oid owner)
{
	AudienceFinding found = {.audience = audience,
		.finding = {.row = row, .role = owner,
	.columns = list_make1(linitial(audience->columns))}};
	text	   *old;
	text	   *new;
	ErrorData  *error;

	if (!find(find_members, (Finding *) &found, &error))
	{
		store_insert_source_failure(psprintf("audience %s", audience->name), NULL,
									error->sqlerrcode, error->message);
		return;
	}
	if (!found.concerned)
		return;
	old = found.finding.old_customer;
	new = found.finding.new_customer;
	if (old != NULL)
		membership_recheck(audience, old);
	if (new != NULL && (old == NULL || !text_is(old, new)))
		membership_recheck(audience, new);
}

void
watch_audiences(const ChangedRow *row, Oid owner)
{
	ListCell   *cell;

	foreach(cell, row->source->audiences)
		follow_audience(lfirst(cell), row, owner);
}
