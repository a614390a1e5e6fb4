/*-------------------------------------------------------------------------
 *
 * condition_action.c
 *	  Names in expressions about an action that is to be sent.
 *
 * There are those of the action and of the time, and no others: who it was made
 * for may have moved on since, or be gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "parser/parse_relation.h"

#include "condition_internal.h"
#include "problem.h"

static const struct
{
	const char *name;
	Variable	variable;
}			names[] = {
	{"payload", VAR_PAYLOAD},
	{"customer", VAR_CUSTOMER},
	{"journey", VAR_JOURNEY},
	{"tile", VAR_TILE},
	{"id", VAR_ID},
	{"attempt", VAR_ATTEMPT},
	{"created_at", VAR_CREATED_AT},
	{"now", VAR_NOW},
	{"local_now", VAR_LOCAL_NOW}
};

#define WHAT_THERE_IS "There are payload, customer, journey, tile, id, attempt, created_at, now and local_now."

Node *
action_name(ExprCode *code, const char *name, int location)
{
	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(names[i].name, name) == 0)
			return expression_variable(code, names[i].variable, location);
	}
	return NULL;
}

void
action_refuse_name(ExprCode *code, const char *name, int location)
{
	Nearest		nearest;
	char	   *hint;

	nearest_begin(&nearest, name);
	for (int i = 0; i < lengthof(names); i++)
		nearest_offer(&nearest, names[i].name);
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("name %s does not exist in templates of destinations",
				   quoted_name(name)),
			hint ? errhint("%s", hint) : errhint("%s", WHAT_THERE_IS),
			expression_errposition(code, location));
}

/*
 * What stands before a point can be a table of a subquery; else it was meant for
 * a member's, or for a field of the payload.
 */
void
action_refuse_qualified(ParseState *pstate, const char *qualifier, const char *name,
						int location)
{
	ExprCode   *code = pstate->p_ref_hook_state;

	if (refnameNamespaceItem(pstate, NULL, qualifier, location, NULL) != NULL)
		return;
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("name %s.%s does not exist in templates of destinations",
				   quoted_name(qualifier), quoted_name(name)),
			strcmp(qualifier, "payload") == 0 ?
			errhint("Write payload->>'%s'.", name) : errhint("%s", WHAT_THERE_IS),
			expression_errposition(code, location));
}
