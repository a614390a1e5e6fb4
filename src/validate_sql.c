/*-------------------------------------------------------------------------
 *
 * validate_sql.c
 *	  All that a journey asks of its author's SQL, who asks it, and the names it
 *	  refers to, in the order of the document.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "validate.h"

/* Without a whole graph nobody knows who asks, so nobody is warned. */
static Asked
asked_by(Asker asker)
{
	return (Asked)
	{
		.asker = asker, .has_result = true
	};
}

/* What is asked where members are that no tile has given a result. */
static Asked
asked_without_result(Asker asker)
{
	return (Asked)
	{
		.asker = asker, .has_result = false
	};
}

/* At the whole journey: has any tile a result? */
static Asked
asked_anywhere(const Validation *validation, Asker asker)
{
	Journey    *journey = validation->journey;
	Asked		asked = {.asker = asker, .has_result = validation->sees_result == NULL};

	for (int i = 0; i < journey->ntiles && !asked.has_result; i++)
		asked.has_result = journey->tiles[i].await;
	return asked;
}

/* What the tile asks when a member arrives, or an event resets its wait. */
static Asked
asked_on_arrival(const Validation *validation, const Tile *tile)
{
	Asked		asked = asked_by(ASKED_BY_EVENT);

	if (validation->sees_event == NULL)
		return asked;
	if (!validation->sees_event[tile->number] && tile->nresets == 0)
		asked.asker = ASKED_BY_TIMER;
	asked.has_result = validation->sees_result[tile->number];
	return asked;
}

static Asked
asked_of_edge(const Validation *validation, const Edge *edge)
{
	const Tile *tile = edge->from;
	Asked		asked = asked_by(ASKED_BY_EVENT);

	if (validation->sees_event == NULL || tile == NULL)
		return asked;
	asked.has_result = validation->sees_result[tile->number];
	if (edge->event == NULL &&
		!edge_sees_event(edge, validation->sees_event[tile->number]))
		asked.asker = tile->await && edge->on != ON_MAX_VISITS && !edge_waits(edge) ?
			ASKED_BY_RESULT : ASKED_BY_TIMER;
	return asked;
}

static void
check_template(Validation *validation, const Place *tile, const char *key,
			   Template *template, Asked asked)
{
	List	   *parts = template ? template_parts(template) : NIL;
	ListCell   *lc;

	foreach(lc, parts)
	{
		TemplatePart *part = lfirst(lc);
		Place		here = {.parent = tile};

		/* The parts of a request are keys of the tile itself. */
		here.key = *key ? psprintf("%s%s", key, part->path) : part->path + 1;
		validate_expr(validation, &here, part->expr, asked);
	}
}

static const char *const template_keys[] = {
	[TILE_ACTION] = "payload",
	[TILE_WEBHOOK] = "",
	[TILE_UPDATE_PROFILE] = "set",
	[TILE_SUB_JOURNEY] = "context",
	[TILE_EXIT] = NULL
};

static void
check_resets(Validation *validation, const Place *tile_place, const Tile *tile, bool has_result)
{
	Place		list = {.parent = tile_place, .key = "reset"};
	Asked		asked = {.asker = ASKED_BY_EVENT, .has_result = has_result};

	for (int i = 0; i < tile->nresets; i++)
	{
		Place		here = {.parent = &list, .index = i};
		Place		condition = {.parent = &here, .key = "condition"};

		validate_expr(validation, &condition, tile->resets[i].condition, asked);
	}
}

static void
check_tile(Validation *validation, const Tile *tile)
{
	Asked		asked = asked_on_arrival(validation, tile);
	Asked		always = {.asker = ASKED_BY_ANYTHING, .has_result = asked.has_result};
	Place		here = place_tile(tile);
	Place		hold = {.parent = &here, .key = "for"};
	Place		until = {.parent = &here, .key = "until"};
	Place		condition = {.parent = &here, .key = "condition"};
	Place		key = {.parent = &here, .key = "key"};

	validate_expr(validation, &hold, tile->hold_expr, asked);
	validate_expr(validation, &until, tile->until, asked);
	validate_expr(validation, &condition, tile->condition, always);
	check_resets(validation, &here, tile, asked.has_result);
	validate_destination(validation, tile);
	validate_child(validation, tile);
	validate_expr(validation, &key, tile->child_key, asked);
	check_template(validation, &here, template_keys[tile->type], tile->template, asked);
}

static void
check_edge(Validation *validation, const Edge *edge)
{
	Place		here = place_edge(edge);
	Place		condition = {.parent = &here, .key = "condition"};

	validate_expr(validation, &condition, edge->condition, asked_of_edge(validation, edge));
}

static void
check_exits(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		exits = {.parent = &place_root, .key = "exit"};

	for (int i = 0; i < journey->nexits; i++)
	{
		Rule	   *rule = &journey->exits[i];
		Place		here = {.parent = &exits, .index = i};
		Place		audience = {.parent = &here, .key = "audience_left"};
		Place		condition = {.parent = &here, .key = "condition"};
		Asker		asker = rule->event == NULL ? ASKED_BY_ANYTHING : ASKED_BY_EVENT;

		validate_audience(validation, &audience, rule->audience);
		validate_expr(validation, &condition, rule->condition,
					  asked_anywhere(validation, asker));
	}
}

/* Is there a schedule, and no event that enters? */
static bool
enters_by_schedule_only(const Journey *journey)
{
	for (int i = 0; i < journey->ntriggers; i++)
		if (journey->triggers[i].schedule == NULL)
			return false;
	return journey->ntriggers > 0;
}

static void
check_journey(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		key = {.parent = &place_root, .key = "key"};
	Place		rules = {.parent = &place_root, .key = "entry_rules"};
	Place		only = {.parent = &rules, .key = "only"};
	Place		zone = {.parent = &place_root, .key = "timezone"};
	Place		goal = {.parent = &place_root, .key = "goal"};
	Place		condition = {.parent = &goal, .key = "condition"};

	validate_expr(validation, &key, journey->key,
				  asked_without_result(enters_by_schedule_only(journey) ?
									   ASKED_BY_SCHEDULE : ASKED_BY_EVENT));
	validate_audience(validation, &only, journey->only);
	validate_expr(validation, &zone, journey->zone_expr,
				  asked_anywhere(validation, ASKED_BY_EVENT));
	validate_expr(validation, &condition, journey->goal.condition,
				  asked_anywhere(validation, ASKED_BY_EVENT));
	check_exits(validation);
}

/* The triggers that are edges are checked there. */
static void
check_triggers(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		entry = place_tile(journey->entry);
	Place		on = {.parent = &entry, .key = "on"};

	for (int i = 0; i < journey->ntriggers; i++)
	{
		Rule	   *rule = &journey->triggers[i];
		Asked		asked = asked_without_result(rule->schedule ? ASKED_BY_SCHEDULE :
												 ASKED_BY_EVENT);
		Place		here = {.parent = &on, .index = i};
		Place		schedule = {.parent = &here, .key = "schedule"};
		Place		condition = {.parent = &here, .key = "condition"};
		Place		customers = {.parent = &here, .key = "customers"};
		Place		audience = {.parent = &here, .key = "audience"};

		if (rule->edge != NULL)
			continue;
		validate_schedule(validation, &schedule, rule->schedule);
		validate_audience(validation, &audience, rule->audience);
		validate_expr(validation, &condition, rule->condition, asked);
		validate_expr(validation, &customers, rule->customers, asked);
	}
}

void
validate_sql(Validation *validation)
{
	Journey    *journey = validation->journey;

	check_journey(validation);
	if (journey->entry != NULL)
		check_triggers(validation);
	for (int i = 0; i < journey->ntiles; i++)
		check_tile(validation, &journey->tiles[i]);
	for (int i = 0; i < journey->nedges; i++)
		check_edge(validation, &journey->edges[i]);
}
