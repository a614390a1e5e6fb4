/*-------------------------------------------------------------------------
 *
 * migrate_plan.c
 *	  What a migration means to each tile of the older versions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "engine.h"
#include "migrate_plan.h"
#include "names.h"
#include "sql.h"

/* ---- names ---- */

static void
offer_tiles(Nearest *nearest, const Journey *version)
{
	for (int i = 0; i < version->ntiles; i++)
		nearest_offer(nearest, version->tiles[i].name);
}

static const TilePair *
find_pair(const Migration *migration, const char *name)
{
	ListCell   *cell;

	foreach(cell, migration->pairs)
	{
		const TilePair *pair = lfirst(cell);

		if (strcmp(pair->from, name) == 0)
			return pair;
	}
	return NULL;
}

/* A tile that the newest version lacks may be one of the draft beside it. */
static char *
missing_hint(const Migration *migration, const Nearest *nearest)
{
	if (migration->draft == 0)
		return nearest_hint(nearest);
	return psprintf("Version %d is a draft: members move to it after journey_activate(),"
					" which can be rolled back after a dry run.", migration->draft);
}

static void
check_target(const Migration *migration, const TilePair *pair)
{
	Nearest		nearest;
	char	   *hint;

	if (journey_tile(migration->to, pair->to) != NULL)
		return;
	nearest_begin(&nearest, pair->to);
	offer_tiles(&nearest, migration->to);
	hint = missing_hint(migration, &nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("tile %s does not exist in version %d of journey %s",
				   quoted_name(pair->to), migration->to->version,
				   quoted_name(migration->to->name)),
			errdetail("The tile map sends members from tile %s there.",
					  quoted_name(pair->from)),
			hint ? errhint("%s", hint) : 0);
}

static void
check_entry(const Migration *migration, const TilePair *pair, const Tile *tile)
{
	if (tile->type == TILE_ENTRY ||
		journey_tile(migration->to, pair->to)->type != TILE_ENTRY)
		return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("members on tile %s cannot be sent to the entry tile %s",
				   quoted_name(pair->from), quoted_name(pair->to)),
			errhint("Only members on the entry tile of their version can."));
}

/* In one of the older versions, that is; where there is none, in the only one. */
static void
check_source(const Migration *migration, const TilePair *pair)
{
	int16		newest = migration->to->version;
	Nearest		nearest;
	const Tile *tile;
	char	   *hint;

	nearest_begin(&nearest, pair->from);
	for (int16 version = 1; version < newest || version == 1; version++)
	{
		Journey    *from = cache_version(migration->to->id, version);

		tile = from ? journey_tile(from, pair->from) : NULL;
		if (tile != NULL)
		{
			check_entry(migration, pair, tile);
			return;
		}
		if (from != NULL)
			offer_tiles(&nearest, from);
	}
	hint = missing_hint(migration, &nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("tile %s of the tile map does not exist in journey %s",
				   quoted_name(pair->from), quoted_name(migration->to->name)),
			newest > 1 ? errdetail("None of its older versions has it.") : 0,
			hint ? errhint("%s", hint) : 0);
}

static void
check_pairs(const Migration *migration)
{
	ListCell   *cell;

	foreach(cell, migration->pairs)
	{
		check_target(migration, lfirst(cell));
		check_source(migration, lfirst(cell));
	}
}

/* ---- one older version ---- */

static int16
counterpart(const Migration *migration, const Tile *tile)
{
	const TilePair *pair = find_pair(migration, tile->name);
	const Tile *to = journey_tile(migration->to, pair ? pair->to : tile->name);

	if (to == NULL || (to->type == TILE_ENTRY && tile->type != TILE_ENTRY))
		return NO_TILE;
	return to->number;
}

static Datum
tile_names(const Journey *version, const int16 *numbers, int n)
{
	Datum	   *names = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc0(sizeof(bool) * n);
	int			dims[] = {n};
	int			bounds[] = {1};

	for (int i = 0; i < n; i++)
	{
		int			number = numbers ? numbers[i] : i;

		nulls[i] = number == NO_TILE;
		if (!nulls[i])
			names[i] = CStringGetTextDatum(version->tiles[number].name);
	}
	return PointerGetDatum(construct_md_array(names, nulls, 1, dims, bounds, TEXTOID,
											  -1, false, TYPALIGN_INT));
}

/*
 * Which tiles are, with the edges that leave them, what their counterparts are?
 * What only an editor shows does not count.
 */
static void
find_same(const Migration *migration, VersionMap *map)
{
	static SqlPlan plan = {
		"WITH edge AS ("
		" SELECT v.version, e.doc ->> 'from' AS tile,"
		" jsonb_agg(e.doc - '{from,ui,label,description}'::text[] ORDER BY e.n) AS edges"
		" FROM journey.version_row v,"
		" jsonb_array_elements(v.definition -> 'edges') WITH ORDINALITY AS e (doc, n)"
		" WHERE v.journey = $1 AND v.version IN ($2, $3) GROUP BY 1, 2"
		"), tile AS ("
		" SELECT v.version, t.name, t.doc - '{ui,description}'::text[] AS doc, e.edges"
		" FROM journey.version_row v"
		" CROSS JOIN jsonb_each(v.definition -> 'tiles') AS t (name, doc)"
		" LEFT JOIN edge e ON e.version = v.version AND e.tile = t.name"
		" WHERE v.journey = $1 AND v.version IN ($2, $3))"
		" SELECT (m.n - 1)::int"
		" FROM unnest($4, $5) WITH ORDINALITY AS m (old, new, n)"
		" JOIN tile o ON o.version = $2 AND o.name = m.old"
		" JOIN tile n ON n.version = $3 AND n.name = m.new"
		" WHERE o.doc = n.doc AND o.edges IS NOT DISTINCT FROM n.edges",
		5, {INT4OID, INT2OID, INT2OID, TEXTARRAYOID, TEXTARRAYOID}
	};
	Journey    *from = map->from;
	Datum		values[] = {Int32GetDatum(from->id), Int16GetDatum(from->version),
		Int16GetDatum(migration->to->version), tile_names(from, NULL, from->ntiles),
	tile_names(migration->to, map->to, from->ntiles)};
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_read(&plan, values, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		map->same[DatumGetInt32(sql_value(i, 1, &isnull))] = true;
	}
	sql_end(&session);
}

static VersionMap *
make_map(Migration *migration, int16 version)
{
	VersionMap *map = palloc(sizeof(VersionMap));
	Journey    *from = cache_version(migration->to->id, version);

	if (from == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("version %d of journey %s cannot be read", version,
					   quoted_name(migration->to->name)),
				errdetail("Members of it stand still."));
	map->from = from;
	map->to = palloc(from->ntiles * sizeof(int16));
	map->same = palloc0(from->ntiles * sizeof(bool));
	map->found = palloc0(from->ntiles * sizeof(int64));
	map->moved = palloc0(from->ntiles * sizeof(int64));
	for (int i = 0; i < from->ntiles; i++)
		map->to[i] = counterpart(migration, &from->tiles[i]);
	find_same(migration, map);
	return map;
}

VersionMap *
migration_map(Migration *migration, int16 version)
{
	MemoryContext old;
	VersionMap *map;
	ListCell   *cell;

	foreach(cell, migration->maps)
	{
		map = lfirst(cell);
		if (map->from->version == version)
			return map;
	}
	old = MemoryContextSwitchTo(migration->cxt);
	map = make_map(migration, version);
	migration->maps = lappend(migration->maps, map);
	MemoryContextSwitchTo(old);
	return map;
}

/* ---- where the members are ---- */

void
migration_refuse(const Migration *migration, const VersionMap *map, int16 tile,
				 int64 members)
{
	bool		is_known = tile >= 0 && tile < map->from->ntiles;
	char	   *name = is_known ? quoted_name(map->from->tiles[tile].name) :
		psprintf("number %d", tile);

	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("tile %s of version %d of journey %s has no counterpart in version %d",
				   name, map->from->version, quoted_name(migration->to->name),
				   migration->to->version),
			errdetail_plural("%lld member stands there; nobody was moved.",
							 "%lld members stand there; nobody was moved.",
							 members, (long long) members),
			is_known ? errhint("Name in the tile map the tile to which they go.") :
			errhint("Put them on a tile with journey_move()."));
}

static void
note_found(Migration *migration, int16 version, int16 tile, int64 members)
{
	VersionMap *map = migration_map(migration, version);

	if (tile < 0 || tile >= map->from->ntiles || map->to[tile] == NO_TILE)
		migration_refuse(migration, map, tile, members);
	map->found[tile] = members;
}

static void
find_members(Migration *migration)
{
	static SqlPlan plan = {
		"SELECT version, tile, count(*) FROM journey.member_row"
		" WHERE journey = $1 AND run = 0 AND version < $2"
		" GROUP BY version, tile ORDER BY version, tile",
		2, {INT4OID, INT2OID}
	};
	Datum		values[] = {Int32GetDatum(migration->to->id),
	Int16GetDatum(migration->to->version)};
	SqlSession	session;
	uint64		n;
	int16	   *versions;
	int16	   *tiles;
	int64	   *members;
	bool		isnull;

	sql_begin(&session);
	n = sql_read(&plan, values, NULL, GetLatestSnapshot());
	versions = MemoryContextAlloc(session.caller, (n + 1) * sizeof(int16));
	tiles = MemoryContextAlloc(session.caller, (n + 1) * sizeof(int16));
	members = MemoryContextAlloc(session.caller, (n + 1) * sizeof(int64));
	for (uint64 i = 0; i < n; i++)
	{
		versions[i] = DatumGetInt16(sql_value(i, 1, &isnull));
		tiles[i] = DatumGetInt16(sql_value(i, 2, &isnull));
		members[i] = DatumGetInt64(sql_value(i, 3, &isnull));
	}
	sql_end(&session);
	for (uint64 i = 0; i < n; i++)
		note_found(migration, versions[i], tiles[i], members[i]);
}

Migration *
migration_begin(const JourneyState *state, List *pairs, int16 draft)
{
	Migration  *migration = palloc0(sizeof(Migration));

	cache_hold();
	migration->cxt = CurrentMemoryContext;
	migration->to = state->newest;
	migration->draft = draft;
	migration->pairs = pairs;
	check_pairs(migration);
	find_members(migration);
	return migration;
}

void
migration_end(Migration *migration)
{
	cache_release();
}

/* ---- the result ---- */

static int
compare_moves(const ListCell *a, const ListCell *b)
{
	const TileMoves *x = lfirst(a);
	const TileMoves *y = lfirst(b);
	int			order = strcmp(x->from, y->from);

	return order != 0 ? order : strcmp(x->to, y->to);
}

static List *
moves_of_all(const Migration *migration)
{
	List	   *moves = NIL;
	ListCell   *cell;

	foreach(cell, migration->maps)
	{
		const VersionMap *map = lfirst(cell);
		const int64 *counts = migration->has_run ? map->moved : map->found;

		for (int i = 0; i < map->from->ntiles; i++)
		{
			TileMoves  *move;

			if (counts[i] == 0)
				continue;
			move = palloc(sizeof(TileMoves));
			move->from = map->from->tiles[i].name;
			move->to = migration->to->tiles[map->to[i]].name;
			move->members = counts[i];
			moves = lappend(moves, move);
		}
	}
	return moves;
}

List *
migration_moves(const Migration *migration)
{
	List	   *all = moves_of_all(migration);
	List	   *moves = NIL;
	ListCell   *cell;

	list_sort(all, compare_moves);
	foreach(cell, all)
	{
		TileMoves  *move = lfirst(cell);
		TileMoves  *last = moves ? llast(moves) : NULL;

		/* Two versions may have the same tile. */
		if (last != NULL && strcmp(last->from, move->from) == 0 &&
			strcmp(last->to, move->to) == 0)
			last->members += move->members;
		else
			moves = lappend(moves, move);
	}
	return moves;
}
