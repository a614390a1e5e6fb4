/*-------------------------------------------------------------------------
 *
 * watch_event.c
 *	  The events of a table's watches.
 *
 * What a changed row emits is found out first, for all watches, in one read-only
 * subtransaction; if something errs in it, once more, each watch in a
 * subtransaction of its own.  Then the events are run.  What errs is recorded
 * and concerns nobody else, least of all whoever changed the row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "cache.h"
#include "guc.h"
#include "hot.h"
#include "isolate.h"
#include "lane.h"
#include "names.h"
#include "patch.h"
#include "run.h"
#include "store.h"
#include "watch.h"
#include "zone.h"

/* What one watch makes of the row. */
typedef struct Emission
{
	Scope		scope;			/* first: the evaluator knows this part */
	const Watch *watch;
	const ChangedRow *row;
	Oid			role;
	TimestampTz now;
	text	   *customer;
	text	   *event;			/* NULL: it emits nothing */
	Jsonb	   *props;			/* NULL: not made yet */
} Emission;

/* ---- the condition's names ---- */

/* Made when first asked for; in the sandbox of the watch's owner. */
static Jsonb *
props_of(Emission *emission)
{
	const Source *source = emission->row->source;
	RowSandbox	sandbox;

	if (emission->props != NULL)
		return emission->props;
	row_sandbox_begin(&sandbox, source, emission->role);
	emission->props = watch_props(emission->watch, emission->row);
	row_sandbox_end(&sandbox);
	return emission->props;
}

/* The row as one value, which does not fetch what is stored elsewhere. */
static void
set_row(NullableDatum *target, const Source *source, const RowVersion *version)
{
	ExpandedRecordHeader *record;

	target->isnull = version == NULL;
	if (version == NULL)
		return;
	record = make_expanded_record_from_tupdesc(source->desc, CurrentMemoryContext);
	expanded_record_set_tuple(record, version->tuple, false, false);
	target->value = ExpandedRecordGetRODatum(record);
}

static void
fetch_name(Scope *scope, Variable variable)
{
	Emission   *emission = (Emission *) scope;
	const ChangedRow *row = emission->row;
	NullableDatum *target = &scope->values[variable];

	target->value = (Datum) 0;
	target->isnull = false;
	scope->known |= VAR_BIT(variable);
	switch (variable)
	{
		case VAR_CUSTOMER:
			target->value = PointerGetDatum(emission->customer);
			break;
		case VAR_EVENT:
			target->value = PointerGetDatum(emission->event);
			break;
		case VAR_PROPS:
			target->value = JsonbPGetDatum(props_of(emission));
			break;
		case VAR_TRAITS:
			target->value = JsonbPGetDatum(store_traits(emission->customer));
			break;
		case VAR_NOW:
			target->value = TimestampTzGetDatum(emission->now);
			break;
		case VAR_LOCAL_NOW:
			target->value = TimestampGetDatum(zone_local(emission->now, scope->zone));
			break;
		case VAR_NEW:
			set_row(target, row->source, row->new);
			break;
		case VAR_OLD:
			set_row(target, row->source, row->old);
			break;
		default:
			target->isnull = true;
	}
}

/* The condition sees the table as a trigger does, after the change. */
static void
push_snapshot(Scope *scope)
{
	hot_push_snapshot();
}

/* ---- finding out ---- */

static bool
condition_holds(Emission *emission)
{
	bool		isnull;
	Datum		value;

	if (emission->watch->condition == NULL)
		return true;
	emission->scope.known = 0;
	emission->scope.fetch = fetch_name;
	emission->scope.push_snapshot = push_snapshot;
	emission->scope.zone = guc_timezone;
	value = expr_eval(emission->watch->condition, &emission->watch->author,
					  &emission->scope, &isnull);
	return !isnull && DatumGetBool(value);
}

/* Does anybody want to hear of it? */
static bool
is_wanted(const Emission *emission)
{
	return emission->watch->always || cache_names(text_to_cstring(emission->event));
}

/* Its event is set at last, when it is to be emitted. */
static void
prepare(Emission *emission)
{
	const ChangedRow *row = emission->row;
	const Watch *watch = emission->watch;
	RowSandbox	sandbox;

	emission->customer = NULL;
	emission->event = NULL;
	emission->props = NULL;
	emission->role = role_author(watch->author.owner);
	row_sandbox_begin(&sandbox, row->source, emission->role);
	emission->customer = row_customer(row->source, row_latest(row),
									  watch->customer_columns);
	if (emission->customer != NULL)
		emission->event = watch_event(watch, row);
	row_sandbox_end(&sandbox);
	if (emission->event == NULL)
		return;
	check_customer(emission->customer);
	check_event(emission->event);
	if (is_wanted(emission) && condition_holds(emission))
		(void) props_of(emission);
	else
		emission->event = NULL;
}

static void
prepare_one(void *arg)
{
	prepare(arg);
}

static void
prepare_all(void *arg)
{
	ListCell   *cell;

	foreach(cell, (List *) arg)
		prepare(lfirst(cell));
}

/* One that erred emits nothing. */
static void
prepare_carefully(List *emissions)
{
	ListCell   *cell;

	foreach(cell, emissions)
	{
		Emission   *emission = lfirst(cell);
		ErrorData  *error = isolate(prepare_one, emission);

		if (error == NULL)
			continue;
		emission->event = NULL;
		watch_failed(emission->row, emission->customer, error);
	}
}

/* ---- emitting ---- */

static void
emit(const Emission *emission)
{
	EventInput	input = {.customer = emission->customer, .type = emission->event,
		.props = emission->props, .at = NO_TIME, .id = store_event_id(),
	.wait = LOCK_WAIT};

	if (emission->watch->is_queued)
		lane_append(&input, NULL);
	else
		(void) run_event(&input);
}

/* A role that is gone is what compiling complains of. */
static void
find_owner(Watch *watch, const Source *source)
{
	Oid			role = role_by_name(watch->author.owner);

	watch->roles = role_changes();
	watch->is_owners = !OidIsValid(role) || has_privs_of_role(role, source->owner);
}

/*
 * Rows of a table are told only to who owns it: not for ever to who did when he
 * made the watch.  Recorded once in a statement, which may change many rows.
 */
static bool
is_owners(const Watch *watch, const ChangedRow *row)
{
	Watch	   *own = unconstify(Watch *, watch);
	ErrorData	error = {.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE};

	if (watch->roles != role_changes())
		find_owner(own, row->source);
	if (watch->is_owners)
		return true;
	if (watch->told_at != GetCurrentStatementStartTimestamp())
	{
		error.message = psprintf("role \"%s\", who watches for the event %s, does not own the table any more",
								 watch->author.owner, quoted_name(watch->event));
		watch_failed(row, NULL, &error);
	}
	own->told_at = GetCurrentStatementStartTimestamp();
	return false;
}

/* The watches that this kind of change concerns, and that somebody may hear. */
static List *
begin_emissions(const ChangedRow *row)
{
	List	   *emissions = NIL;
	TimestampTz now = guc_clock();
	ListCell   *cell;

	foreach(cell, row->source->watches)
	{
		const Watch *watch = lfirst(cell);
		Emission   *emission;

		if ((watch->operations & row->operation) == 0 || !watch_is_heard(watch) ||
			!is_owners(watch, row))
			continue;
		emission = palloc0(sizeof(Emission));
		emission->watch = watch;
		emission->row = row;
		emission->now = now;
		emissions = lappend(emissions, emission);
	}
	return emissions;
}

void
watch_events(const ChangedRow *row)
{
	List	   *emissions = begin_emissions(row);
	bool		own_budget = !patch_is_running();
	ListCell   *cell;

	if (emissions == NIL)
		return;
	if (own_budget)
		budget_begin();
	if (isolate(prepare_all, emissions) != NULL)
		prepare_carefully(emissions);
	if (own_budget)
		budget_end();
	foreach(cell, emissions)
	{
		const Emission *emission = lfirst(cell);

		if (emission->event != NULL)
			emit(emission);
	}
}
