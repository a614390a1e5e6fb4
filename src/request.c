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

bool
request_build(const Destination *destination, const char *secret,
			  const Claimed *claimed, TransferRequest *request, char **error)
{
	Building	building = {destination, secret, claimed, request};
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "journey request",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	ErrorData  *wrong = try_build(&building);

	MemoryContextSwitchTo(old);
	*error = wrong ? in_one_line(wrong->message) : NULL;
	if (wrong)
		MemoryContextDelete(own);
	return wrong == NULL;
}
