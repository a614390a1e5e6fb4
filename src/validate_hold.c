/*-------------------------------------------------------------------------
 *
 * validate_hold.c
 *	  When members leave a tile: at once, later, perhaps at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "validate.h"

bool
interval_is_longer(const Interval *a, const Interval *b)
{
	return DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(a),
											IntervalPGetDatum(b)));
}

bool
interval_is_no_shorter(const Interval *a, const Interval *b)
{
	return DatumGetBool(DirectFunctionCall2(interval_ge, IntervalPGetDatum(a),
											IntervalPGetDatum(b)));
}

static bool
interval_is_positive(const Interval *interval)
{
	Interval	zero = {0};

	return interval != NULL && interval_is_longer(interval, &zero);
}

/*
 * "until" may be past, a "window" open, "at" just now and a "condition" true;
 * a sub-journey may refuse the entry or end at once.  What "for" gives as SQL is
 * believed to be some time.
 */
Holding
tile_holding(const Tile *tile)
{
	if (tile->hold_expr != NULL || interval_is_positive(tile->hold))
		return HOLDS;
	if (tile_sends(tile) && tile->await)
		return HOLDS;
	if (tile->until != NULL || tile->at != NULL || tile->window != NULL ||
		tile->condition != NULL || tile->await)
		return HOLDS_PERHAPS;
	return HOLDS_NOT;
}

bool
wait_has_end(const Tile *wait)
{
	return wait->condition == NULL || wait->hold != NULL || wait->hold_expr != NULL ||
		wait->until != NULL || wait->at != NULL || wait->window != NULL;
}

bool
edge_waits(const Edge *edge)
{
	return interval_is_positive(edge->wait);
}

bool
edge_is_normal(const Edge *edge)
{
	return edge->event == NULL && edge->on == ON_NOTHING;
}

/*
 * An action comes to nothing some time after it was written, a sub-journey
 * refuses at once.  What is past on arrival, or an arrival too many, shows at
 * once, where the tile can come to it at all.
 */
Holding
edge_holding(const Edge *edge)
{
	if (edge->event != NULL || edge_waits(edge) || edge->from->type == TILE_EXIT)
		return HOLDS;
	switch (edge->on)
	{
		case ON_NOTHING:
			return tile_holding(edge->from);
		case ON_ERROR:
			return edge->from->type == TILE_SUB_JOURNEY ? HOLDS_PERHAPS : HOLDS;
		case ON_PAST:
			return edge->from->until != NULL ? HOLDS_NOT : HOLDS;
		case ON_MAX_VISITS:
			return edge->from->max_visits > 0 ? HOLDS_NOT : HOLDS;
	}
	return HOLDS;
}

/* Results come in a step of their own. */
bool
edge_follows_arrival(const Edge *edge)
{
	if (edge->on == ON_PAST || edge->on == ON_MAX_VISITS)
		return true;
	return !edge->from->await && edge_holding(edge) != HOLDS;
}

static bool
condition_is_word(const Expression *condition, const char *word)
{
	const char *source = condition->source;
	int			len = strlen(word);

	source += strspn(source, " \t\n\r");
	return pg_strncasecmp(source, word, len) == 0 &&
		source[len + strspn(source + len, " \t\n\r")] == '\0';
}

bool
condition_is_true(const Expression *condition)
{
	return condition == NULL || condition_is_word(condition, "true");
}

bool
condition_is_false(const Expression *condition)
{
	return condition != NULL && condition_is_word(condition, "false");
}

bool
edge_is_unconditional(const Edge *edge)
{
	return edge->bucket_from < 0 && condition_is_true(edge->condition);
}

WaysOut
tile_ways_out(const Tile *tile)
{
	WaysOut		ways = {0};

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];
		bool		by_percent = edge->bucket_from >= 0;

		if (edge_waits(edge))
			ways.any_waits = true;
		ways.with_event += edge->event != NULL;
		ways.on_something += edge->on != ON_NOTHING;
		if (!edge_is_normal(edge))
			continue;
		ways.normal++;
		if (!by_percent && !edge_is_unconditional(edge))
			continue;
		if (ways.unconditional == NULL)
			ways.unconditional = edge;
		if (ways.at_once == NULL && edge_holding(edge) == HOLDS_NOT)
			ways.at_once = edge;
	}
	return ways;
}
