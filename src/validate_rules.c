/*-------------------------------------------------------------------------
 *
 * validate_rules.c
 *	  Keys of the journey itself that have no effect, or too much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "validate.h"

/* Cooldown counts over all keys, so with a key the two are not the same. */
static void
check_cooldown(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		rules = {.parent = &place_root, .key = "entry_rules"};
	Place		here = {.parent = &rules, .key = "cooldown"};
	Problem    *problem;

	if (journey->cooldown == NULL || !journey->never_again || journey->key != NULL)
		return;
	problem = validation_warning(validation, &here);
	problem->message = "\"entry_rules.cooldown\" has no effect beside \"reentry\": \"never\"";
	problem->hint = "Leave one of the two out, or give the journey a \"key\".";
}

static void
check_holdout(Validation *validation)
{
	Place		rules = {.parent = &place_root, .key = "entry_rules"};
	Place		here = {.parent = &rules, .key = "holdout"};
	Problem    *problem;

	if (validation->journey->holdout < PERCENT_BUCKETS)
		return;
	problem = validation_warning(validation, &here);
	problem->message = "\"entry_rules.holdout\" of 100 holds everybody out";
	problem->hint = "Choose a smaller percent; 10 is usual.";
}

static bool
is_capped(const Journey *journey, const char *tag, Nearest *nearest)
{
	for (int i = 0; i < journey->ntiles; i++)
	{
		ListCell   *lc;

		foreach(lc, journey->tiles[i].tags)
		{
			if (strcmp(lfirst(lc), tag) == 0)
				return true;
			nearest_offer(nearest, lfirst(lc));
		}
	}
	return false;
}

static void
check_cap(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		cap = {.parent = &place_root, .key = "cap"};
	Place		here = {.parent = &cap, .key = "tag"};
	Nearest		nearest;
	Problem    *problem;

	if (journey->cap == NULL || journey->cap->tag == NULL)
		return;
	nearest_begin(&nearest, journey->cap->tag);
	if (is_capped(journey, journey->cap->tag, &nearest))
		return;
	problem = validation_warning(validation, &here);
	problem->message = psprintf("\"cap\" has no effect: no action tile has the tag %s",
								quoted_name(journey->cap->tag));
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = "Give it to the action tiles that shall count, in \"tags\".";
}

static void
check_quiet_hours(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		here = {.parent = &place_root, .key = "quiet_hours"};
	Problem    *problem;

	if (journey->quiet_hours == NULL)
		return;
	for (int i = 0; i < journey->ntiles; i++)
		if (journey->tiles[i].type == TILE_ACTION)
			return;
	problem = validation_warning(validation, &here);
	problem->message = "\"quiet_hours\" has no effect: the journey has no action tile";
	problem->hint = "Leave it out, or add the action tiles that it shall put off.";
}

void
validate_rules(Validation *validation)
{
	check_cooldown(validation);
	check_holdout(validation);
	check_cap(validation);
	check_quiet_hours(validation);
}
