/*-------------------------------------------------------------------------
 *
 * request.c
 *	  From a claimed action to what is sent.
 *
 * Nearly all destinations have templates that are constant, or none but the
 * payload as it is: then nobody's code runs, and there is nothing to undo if
 * something is wrong.  Anything else happens in a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "guc.h"
#include "isolate.h"
#include "request.h"
#include "request_value.h"

typedef struct Building
{
	const Destination *destination;
	const char *secret;
	const Claimed *claimed;
	TransferRequest *request;
} Building;

static void
build(void *arg)
{
	Building   *building = arg;
	TransferRequest *request = building->request;
	Evaluation	evaluation;

	memset(request, 0, sizeof(TransferRequest));
	request->total_ms = building->destination->timeout;
	if (guc_http_ca_file && *guc_http_ca_file)
		request->ca_file = guc_http_ca_file;
	evaluation_init(&evaluation, building->destination, building->secret,
					building->claimed);
	if (building->destination->kind == DESTINATION_SMTP)
		request_mail(&evaluation, request);
	else
		request_http(&evaluation, request);
}

static bool
pieces_are_constant(List *pieces)
{
	ListCell   *cell;

	foreach(cell, pieces)
	{
		const KeyedPiece *piece = lfirst(cell);

		if (piece->template && !template_is_constant(piece->template))
			return false;
	}
	return true;
}

/* Does nobody's code run, not even an encoding's conversion? */
static bool
is_simple(const Destination *destination)
{
	ListCell   *cell;

	if (destination->kind != DESTINATION_WEBHOOK ||
		GetDatabaseEncoding() != PG_UTF8 ||
		!pieces_are_constant(destination->url) ||
		!pieces_are_constant(destination->user) ||
		!pieces_are_constant(destination->password) ||
		(destination->body && !template_is_constant(destination->body)))
		return false;
	foreach(cell, destination->headers)
	{
		const KeyedHeader *header = lfirst(cell);

		if (!pieces_are_constant(header->value))
			return false;
	}
	return true;
}

/*
 * Our own refusals, which hold nothing and leave nothing behind; false: it was
 * something else, which it is better to undo.
 */
static bool
try_simple(Building *building, ErrorData **wrong)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool judged = true;

	*wrong = NULL;
	PG_TRY();
	{
		build(building);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		*wrong = CopyErrorData();
		if (isolate_is_cancel(*wrong))
			PG_RE_THROW();
		FlushErrorState();
		judged = (*wrong)->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE;
	}
	PG_END_TRY();
	return judged;
}

/* Whatever is wrong is so with this action: others wait to be sent. */
static ErrorData *
try_build(Building *building)
{
	ErrorData  *error;

	if (is_simple(building->destination) && try_simple(building, &error))
		return error;
	budget_begin();
	error = isolate_wholly(build, building);
	budget_end();
	return error;
}

/* One line: it may quote what a customer typed. */
static char *
in_one_line(const char *message)
{
	char	   *line = pstrdup(message ? message : "");

	for (char *c = line; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			*c = ' ';
	}
	return line;
}

/*
 * What the action's data brought about is so every time; whatever else is wrong, with
 * the server or with the destination, may be mended before the schedule ends.
 */
static AnswerKind
kind_of(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return ANSWER_RETRY;
		default:
			return ANSWER_DEAD;
	}
}

bool
request_build(const Destination *destination, const char *secret,
			  const Claimed *claimed, TransferRequest *request,
			  AnswerKind *kind, char **error)
{
	Building	building = {destination, secret, claimed, request};
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "journey request",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	ErrorData  *wrong = try_build(&building);

	MemoryContextSwitchTo(old);
	*kind = wrong ? kind_of(wrong) : ANSWER_DELIVERED;
	*error = wrong ? in_one_line(wrong->message) : NULL;
	if (wrong)
		MemoryContextDelete(own);
	return wrong == NULL;
}
