/*-------------------------------------------------------------------------
 *
 * destination_door_preset.c
 *	  Ready-made configurations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "destination_door.h"
#include "names.h"
#include "sql.h"

static void
raise_missing(const char *preset)
{
	static SqlPlan plan = {"SELECT name FROM journey.destination_preset ORDER BY name"};
	Nearest		nearest;
	char	   *hint = NULL;

	if (!nearest_among(&nearest, &plan, preset))
		hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("preset %s does not exist", quoted_name(preset)),
			errhint("%s", hint ? hint : "See the view journey.destination_preset."));
}

/* The preset's name; NULL: the configuration has none. */
static char *
preset_of(Jsonb *config)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&config->root, "preset", 6, &value) == NULL)
		return NULL;
	if (value.type != jbvString)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"preset\" must be a string"),
				errhint("See the view journey.destination_preset."));
	return pnstrdup(value.val.string.val, value.val.string.len);
}

Jsonb *
door_preset(const char *kind, Jsonb *config)
{
	static SqlPlan plan = {
		"SELECT kind, config OPERATOR(pg_catalog.||) ($2 OPERATOR(pg_catalog.-) 'preset'::text)"
		" FROM journey.destination_preset WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, JSONBOID}
	};
	char	   *preset = preset_of(config);
	char	   *preset_kind = NULL;
	Datum		values[2];
	Datum		merged = 0;
	SqlSession	session;
	bool		isnull;

	if (preset == NULL)
		return config;
	values[0] = CStringGetTextDatum(preset);
	values[1] = JsonbPGetDatum(config);
	sql_begin(&session);
	if (sql_read(&plan, values, NULL, GetLatestSnapshot()) > 0)
	{
		preset_kind = sql_text(&session, 0, 1);
		merged = sql_datum(&session, 0, 2, &isnull);
	}
	sql_end(&session);
	if (preset_kind == NULL)
		raise_missing(preset);
	if (strcmp(preset_kind, kind) != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("preset %s is for kind \"%s\", not \"%s\"",
					   quoted_name(preset), preset_kind, kind));
	return DatumGetJsonbP(merged);
}
