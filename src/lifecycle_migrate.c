/*-------------------------------------------------------------------------
 *
 * lifecycle_migrate.c
 *	  The door journey_migrate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "arguments.h"
#include "author_row.h"
#include "migrate.h"
#include "names.h"
#include "role.h"

#define MAX_JOURNEY_LENGTH 128	/* bytes of a name */

PG_FUNCTION_INFO_V1(journey_migrate);

static char *
copy_string(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static TilePair *
make_pair(const JsonbValue *from, const JsonbValue *to)
{
	TilePair   *pair = palloc(sizeof(TilePair));

	pair->from = copy_string(from);
	if (to->type != jbvString)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("tile %s in the tile map does not lead to the name of a tile",
					   quoted_name(pair->from)),
				errhint("For example {\"old tile\": \"new tile\"}."));
	pair->to = copy_string(to);
	return pair;
}

static List *
read_pairs(Jsonb *map)
{
	JsonbIterator *iterator = JsonbIteratorInit(&map->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	List	   *pairs = NIL;

	if (!JB_ROOT_IS_OBJECT(map))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("tile_map must be a JSON object"),
				errhint("For example {\"old tile\": \"new tile\"}."));
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		pairs = lappend(pairs, make_pair(&key, &value));
	}
	return pairs;
}

static void
require_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
}

/* To the newest activated version of the journey, which nobody changes meanwhile. */
static Migration *
begin_migrate(const char *name, List *pairs, bool dry_run)
{
	JourneyRow *row = dry_run ? row_read(name) : row_lock(name);
	const JourneyState *state;

	row_check_rights(row);
	if (strcmp(row->state, "draft") == 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s is a draft", quoted_name(name)),
				errhint("Members move to a version that was activated with journey_activate()."));
	cache_refresh();
	state = cache_by_name(name);
	if (state == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s stands still", quoted_name(name)),
				errdetail("Its version %d cannot be read.", row->version));
	return migration_begin(state, pairs, row_draft(row));
}

static void
put_moves(ReturnSetInfo *result, List *moves)
{
	ListCell   *cell;

	foreach(cell, moves)
	{
		const TileMoves *move = lfirst(cell);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = CStringGetTextDatum(move->from);
		values[1] = CStringGetTextDatum(move->to);
		values[2] = Int64GetDatum(move->members);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
journey_migrate(PG_FUNCTION_ARGS)
{
	Migration  *migration;
	List	   *pairs;
	char	   *name;
	bool		dry_run;

	role_refuse_restricted("journey_migrate");
	name = text_to_cstring(argument_text(fcinfo, 0, "name", MAX_JOURNEY_LENGTH));
	require_argument(fcinfo, 1, "tile_map");
	require_argument(fcinfo, 2, "dry_run");
	pairs = read_pairs(PG_GETARG_JSONB_P(1));
	dry_run = PG_GETARG_BOOL(2);
	if (!dry_run)
		role_refuse_read_only("journey_migrate");

	InitMaterializedSRF(fcinfo, 0);
	migration = begin_migrate(name, pairs, dry_run);
	if (!dry_run)
		migration_run(migration);
	put_moves((ReturnSetInfo *) fcinfo->resultinfo, migration_moves(migration));
	migration_end(migration);
	return (Datum) 0;
}
