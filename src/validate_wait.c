/*-------------------------------------------------------------------------
 *
 * validate_wait.c
 *	  Waits that hold nobody, or somebody for ever, and their keys that have no
 *	  effect.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "validate.h"

static void
check_waits_for_nothing(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	WaysOut		ways = tile_ways_out(tile);
	Problem    *problem;

	if (tile_holding(tile) != HOLDS_NOT || ways.any_waits || ways.with_event > 0 ||
		ways.normal == 0)
		return;
	problem = validation_warning(validation, &here);
	problem->message = psprintf("wait %s waits for nothing", place_text(&here));
	problem->hint = "Give it \"for\", or one of its edges an \"event\" or a \"wait\".";
}

/* Without edges that its end leads over, that is another warning. */
static void
check_endless(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Place		condition = {.parent = &here, .key = "condition"};
	Problem    *problem;

	if (wait_has_end(tile) || validation->journey->max_duration != NULL ||
		tile_ways_out(tile).normal == 0)
		return;
	problem = validation_warning(validation, &condition);
	problem->message = psprintf("%s keeps members for whom its condition is never true",
								place_text(&here));
	problem->hint = "Give it \"for\", the longest time to wait,"
		" or give the journey \"max_duration\".";
}

static void
check_always_true(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Place		condition = {.parent = &here, .key = "condition"};
	Problem    *problem;

	if (tile->condition == NULL || !condition_is_true(tile->condition))
		return;
	problem = validation_warning(validation, &condition);
	problem->message = psprintf("%s holds nobody: its condition is always true",
								place_text(&here));
	problem->hint = "Members wait until the condition is true; without one, they wait for its time.";
}

/* The hold ends by "for" alone before it is asked again. */
static void
check_recheck(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Place		recheck = {.parent = &here, .key = "recheck"};
	Problem    *problem;

	if (tile->recheck == NULL || tile->hold == NULL || tile->until != NULL ||
		tile->at != NULL || tile->window != NULL ||
		!interval_is_no_shorter(tile->recheck, tile->hold))
		return;
	problem = validation_warning(validation, &recheck);
	problem->message = psprintf("%s has no effect: \"for\" is over by then",
								place_text(&recheck));
	problem->hint = "Make it shorter than \"for\".";
}

static void
check_longer_than_journey(Validation *validation, const Tile *tile)
{
	const Interval *longest = validation->journey->max_duration;
	Place		here = place_tile(tile);
	Place		hold = {.parent = &here, .key = "for"};
	Problem    *problem;

	if (longest == NULL || tile->hold == NULL || !interval_is_longer(tile->hold, longest))
		return;
	problem = validation_warning(validation, &hold);
	problem->message = psprintf("%s is longer than \"max_duration\": members expire there",
								place_text(&hold));
	problem->hint = "Make it shorter, or \"max_duration\" longer.";
}

/* Is a time on one of its days inside the window?  Both by the clock on the wall. */
static bool
window_meets(const DaySpan *window, const DayTime *at)
{
	uint8		yesterdays = (uint8) (((at->days >> 1) | (at->days << 6)) & EVERY_DAY);

	if (window->from < window->to)
		return at->time >= window->from && at->time < window->to &&
			(at->days & window->days) != 0;
	return (at->time >= window->from && (at->days & window->days) != 0) ||
		(at->time < window->to && (yesterdays & window->days) != 0);
}

static void
check_at_in_window(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Place		at = {.parent = &here, .key = "at"};
	Problem    *problem;

	if (tile->at == NULL || tile->window == NULL || window_meets(tile->window, tile->at))
		return;
	problem = validation_warning(validation, &at);
	problem->message = psprintf("%s is never inside \"window\": members wait for its next opening",
								place_text(&at));
	problem->hint = "Choose a time and days inside the window, or leave one of the two out.";
}

void
validate_waits(Validation *validation)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->ntiles; i++)
	{
		const Tile *tile = &journey->tiles[i];

		if (tile->type != TILE_WAIT)
			continue;
		check_waits_for_nothing(validation, tile);
		check_endless(validation, tile);
		check_always_true(validation, tile);
		check_recheck(validation, tile);
		check_longer_than_journey(validation, tile);
		check_at_in_window(validation, tile);
	}
}
