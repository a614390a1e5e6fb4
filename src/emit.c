/*-------------------------------------------------------------------------
 *
 * emit.c
 *	  The doors for events: journey_emit, journey_emit_batch, journey_enqueue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "guc.h"
#include "hot.h"
#include "lane.h"
#include "role.h"
#include "run.h"
#include "sql.h"

#define MAX_DEDUPE_LENGTH 256

PG_FUNCTION_INFO_V1(journey_emit);
PG_FUNCTION_INFO_V1(journey_emit_batch);
PG_FUNCTION_INFO_V1(journey_enqueue);

/* ---- dedupe keys (DECISIONS 8) ---- */

/*
 * The id of the event that came with this key before, by a later snapshot; 0: it
 * is gone again.
 */
static int64
first_id(text *customer, text *dedupe_key)
{
	static SqlPlan plan = {
		"SELECT event_id FROM journey.dedupe"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND dedupe_key OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(customer), PointerGetDatum(dedupe_key)};
	Snapshot	snapshot = hot_snapshot();
	SqlSession	session;
	bool		isnull;
	int64		id = 0;

	sql_begin(&session);
	if (sql_read(&plan, values, NULL, snapshot) == 1)
		id = DatumGetInt64(sql_value(0, 1, &isnull));
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	return id;
}

/* False: somebody has the key; waits for who is just taking or forgetting it. */
static bool
take_dedupe_key(text *customer, text *dedupe_key, int64 id)
{
	static SqlPlan plan = {
		"INSERT INTO journey.dedupe (customer, dedupe_key, event_id, received_at)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		4, {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(customer), PointerGetDatum(dedupe_key),
	Int64GetDatum(id), TimestampTzGetDatum(GetCurrentTimestamp())};
	SqlSession	session;
	bool		claimed;

	sql_begin(&session);
	claimed = sql_run(&plan, values, NULL) == 1;
	sql_end(&session);
	return claimed;
}

/*
 * Take the key for the event that will have this id.  Returns that id, or the
 * one that an earlier event of the key has.
 */
static int64
claim_dedupe_key(text *customer, text *dedupe_key, int64 id)
{
	int64		first = 0;

	while (first == 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (take_dedupe_key(customer, dedupe_key, id))
			return id;
		first = first_id(customer, dedupe_key);
		if (first == 0 && IsolationUsesXactSnapshot())
			ereport(ERROR,
					errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update"));
	}
	return first;
}

/* ---- one event ---- */

/* Arguments as journey_emit and journey_enqueue have them. */
typedef struct EmitArguments
{
	EventInput	input;
	text	   *dedupe_key;
	bool		repeated;		/* input.id is of the first event of the key */
} EmitArguments;

static void
read_arguments(FunctionCallInfo fcinfo, EmitArguments *arguments)
{
	EventInput *input = &arguments->input;

	input->customer = argument_text(fcinfo, 0, "customer", MAX_CUSTOMER_LENGTH);
	input->type = argument_text(fcinfo, 1, "event", MAX_EVENT_LENGTH);
	check_event(input->type);
	input->props = argument_object(fcinfo, 2, "props");
	input->at = PG_ARGISNULL(3) ? NO_TIME : PG_GETARG_TIMESTAMPTZ(3);
	if (!PG_ARGISNULL(3))
		check_time(input->at);
	arguments->dedupe_key = argument_optional_text(fcinfo, 4, "dedupe_key",
												   MAX_DEDUPE_LENGTH);
	input->wait = LOCK_WAIT;
	input->id = store_event_id();
	arguments->repeated = false;
	if (arguments->dedupe_key != NULL)
	{
		int64		first = claim_dedupe_key(input->customer,
											 arguments->dedupe_key, input->id);

		arguments->repeated = first != input->id;
		input->id = first;
	}
}

Datum
journey_emit(PG_FUNCTION_ARGS)
{
	EmitArguments arguments;

	role_refuse_read_only("journey_emit()");
	read_arguments(fcinfo, &arguments);
	if (!arguments.repeated)
		(void) run_event(&arguments.input);
	PG_RETURN_INT64(arguments.input.id);
}

Datum
journey_enqueue(PG_FUNCTION_ARGS)
{
	EmitArguments arguments;
	EventInput *input = &arguments.input;

	role_refuse_read_only("journey_enqueue()");
	read_arguments(fcinfo, &arguments);
	if (!arguments.repeated)
		lane_append(input, arguments.dedupe_key);
	PG_RETURN_INT64(input->id);
}

/* ---- many ---- */

/* The one array that may be null: now, for all. */
#define BATCH_ATS 3

/* One element of the arrays. */
typedef struct BatchItem
{
	int			position;		/* in the arrays, from 1 */
	EventInput	input;
} BatchItem;

typedef struct BatchArray
{
	int			n;
	Datum	   *values;
	bool	   *nulls;
} BatchArray;

/* One of the four arrays; a null one (allowed for ats) has no elements. */
static void
read_array(FunctionCallInfo fcinfo, int arg, const char *name, Oid type,
		   BatchArray *result)
{
	ArrayType  *array;
	int16		length;
	bool		byval;
	char		align;

	result->n = 0;
	if (PG_ARGISNULL(arg) && arg == BATCH_ATS)
		return;
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("%s must be a one-dimensional array", name));
	get_typlenbyvalalign(type, &length, &byval, &align);
	deconstruct_array(array, type, length, byval, align,
					  &result->values, &result->nulls, &result->n);
}

static void
batch_error_callback(void *arg)
{
	errcontext("element %d of the batch", ((BatchItem *) arg)->position);
}

static void
check_not_null(const BatchArray *array, int i, const char *name)
{
	if (array->nulls[i])
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
}

static void
read_item(BatchArray *arrays, int i, BatchItem *item)
{
	EventInput *input = &item->input;

	check_not_null(&arrays[0], i, "customer");
	check_not_null(&arrays[1], i, "event");
	check_not_null(&arrays[2], i, "props");
	input->customer = DatumGetTextPP(arrays[0].values[i]);
	check_customer(input->customer);
	input->type = DatumGetTextPP(arrays[1].values[i]);
	check_event(input->type);
	check_props(arrays[2].values[i], "props");
	input->props = DatumGetJsonbP(arrays[2].values[i]);
	input->at = NO_TIME;
	if (arrays[3].n > 0 && !arrays[3].nulls[i])
	{
		input->at = DatumGetTimestampTz(arrays[3].values[i]);
		check_time(input->at);
	}
	input->wait = LOCK_WAIT;
}

/* By customer, in memcmp order; within a customer as they were given. */
static int
compare_items(const void *a, const void *b)
{
	const BatchItem *x = a;
	const BatchItem *y = b;
	int			order = text_order(x->input.customer, y->input.customer);

	if (order != 0)
		return order;
	return x->position - y->position;
}

static BatchItem *
read_batch(BatchArray *arrays, int n)
{
	BatchItem  *items = palloc(sizeof(BatchItem) * (n + 1));
	ErrorContextCallback context;

	context.callback = batch_error_callback;
	context.previous = error_context_stack;
	error_context_stack = &context;
	for (int i = 0; i < n; i++)
	{
		items[i].position = i + 1;
		context.arg = &items[i];
		read_item(arrays, i, &items[i]);
	}
	error_context_stack = context.previous;
	return items;
}

Datum
journey_emit_batch(PG_FUNCTION_ARGS)
{
	BatchArray	arrays[4];
	BatchItem  *items;
	MemoryContext scratch;
	MemoryContext old;

	role_refuse_read_only("journey_emit_batch()");
	read_array(fcinfo, 0, "customers", TEXTOID, &arrays[0]);
	read_array(fcinfo, 1, "events", TEXTOID, &arrays[1]);
	read_array(fcinfo, 2, "props", JSONBOID, &arrays[2]);
	read_array(fcinfo, 3, "ats", TIMESTAMPTZOID, &arrays[3]);
	if (arrays[1].n != arrays[0].n || arrays[2].n != arrays[0].n ||
		(arrays[3].n != arrays[0].n && !PG_ARGISNULL(3)))
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("arrays of a batch must have the same length"),
				errdetail("They have %d customers, %d events, %d props and %d ats.",
						  arrays[0].n, arrays[1].n, arrays[2].n, arrays[3].n));
	items = read_batch(arrays, arrays[0].n);
	qsort(items, arrays[0].n, sizeof(BatchItem), compare_items);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "journey batch",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (int i = 0; i < arrays[0].n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		items[i].input.id = store_event_id();
		(void) run_event(&items[i].input);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	PG_RETURN_INT64(arrays[0].n);
}
