/*-------------------------------------------------------------------------
 *
 * watch_trigger.c
 *	  The trigger on users' tables.
 *
 * Its WHEN clause asks is_heard(), so that where nobody listens the server does
 * not even remember that the row was changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "cache.h"
#include "isolate.h"
#include "store.h"
#include "watch.h"

PG_FUNCTION_INFO_V1(journey_row_changed);
PG_FUNCTION_INFO_V1(journey_is_heard);

Datum
journey_is_heard(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(source_is_heard(PG_GETARG_INT32(0)));
}

void
watch_failed(const ChangedRow *row, text *customer, const ErrorData *error)
{
	bool		is_name = customer != NULL && VARSIZE_ANY_EXHDR(customer) > 0 &&
		VARSIZE_ANY_EXHDR(customer) <= MAX_CUSTOMER_LENGTH;

	store_insert_source_failure(psprintf("watch of %s", row->source->name),
								is_name ? customer : NULL, error->sqlerrcode,
								error->message ? error->message : "");
}

/* ---- one row ---- */

typedef struct Firing
{
	int			id;
	TriggerData *data;
	const Source *source;		/* NULL: there is none */
	bool		is_of_source;	/* the row */
	ChangedRow	row;
} Firing;

static void
find_source(void *arg)
{
	Firing	   *firing = arg;

	firing->source = source_get(firing->id);
}

static void
read_row(void *arg)
{
	Firing	   *firing = arg;

	firing->is_of_source = row_describe(&firing->row, firing->source, firing->data);
}

static void
failed(Firing *firing, const ErrorData *error)
{
	const char *name = firing->source ? firing->source->name :
		RelationGetRelationName(firing->data->tg_relation);

	store_insert_source_failure(psprintf("watch of %s", name), NULL, error->sqlerrcode,
								error->message ? error->message : "");
}

/* Only where something can go wrong is it kept apart: that is not often. */
static bool
understand(Firing *firing)
{
	ErrorData  *error = NULL;
	bool		is_own;

	if (source_is_known(firing->id))
		find_source(firing);
	else
		error = isolate(find_source, firing);
	if (error == NULL && firing->source == NULL)
		return false;
	is_own = error == NULL &&
		firing->data->tg_trigger->tgoid == firing->source->trigger;
	if (is_own)
		read_row(firing);
	else if (error == NULL)
		error = isolate(read_row, firing);
	if (error != NULL)
		failed(firing, error);

	/*
	 * Else somebody has made a trigger with another's number, or restored
	 * one.
	 */
	return error == NULL && firing->is_of_source;
}

/*
 * What follows may change rows of watched tables in turn, but only by a tile that
 * writes to the bound one: patch.c puts an end to that.
 */
static void
fire(Firing *firing)
{
	Oid			owner = firing->data->tg_relation->rd_rel->relowner;

	if (!understand(firing) || !row_differs(&firing->row))
		return;
	watch_profile(&firing->row, owner);
	watch_audiences(&firing->row, owner);
	watch_events(&firing->row);
}

/* ---- the trigger ---- */

/* Anybody can make a trigger of it by hand. */
static TriggerData *
check_call(FunctionCallInfo fcinfo)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("this function is for the triggers that journey_watch() makes"));
	return data;
}

Datum
journey_row_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_call(fcinfo);
	Firing		firing = {.id = pg_strtoint32(data->tg_trigger->tgargs[0]), .data = data};

	if (!source_is_heard(firing.id))
		return PointerGetDatum(NULL);
	/* What was read before the change of something is freed here, if ever. */
	cache_refresh();
	cache_hold();
	fire(&firing);
	cache_release();
	return PointerGetDatum(NULL);
}
