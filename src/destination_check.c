/*-------------------------------------------------------------------------
 *
 * destination_check.c
 *	  A destination's SQL, as its owner may run it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "destination.h"
#include "isolate.h"
#include "mail_address.h"
#include "problem.h"

typedef struct Checking
{
	const Destination *destination;
	List	   *problems;
} Checking;

/* For isolate(). */
typedef struct ExprCheck
{
	MemoryContext context;
	Expression *expr;
	const Author *author;
} ExprCheck;

static void
run_check(void *arg)
{
	ExprCheck  *check = arg;
	MemoryContext old = MemoryContextSwitchTo(check->context);
	uint32		variables;

	expr_check(check->expr, check->author, &variables);
	MemoryContextSwitchTo(old);
}

/* Of what the server has no hint for. */
static char *
error_hint(const Checking *checking, const ErrorData *error, const Expression *expr)
{
	if (strstr(expr->source, "secret") != NULL &&
		(error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN ||
		 error->sqlerrcode == ERRCODE_UNDEFINED_TABLE))
		return "SQL never sees the secret: {{ secret }} and {{ secret.name }} stand by"
			" themselves, in \"url\", \"headers\", \"user\" and \"password\".";
	if (error->hint != NULL)
		return error->hint;
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		return psprintf("Templates run with the rights of the destination's owner, here role \"%s\".",
						checking->destination->author.owner);
	if (error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN)
		return "Templates of destinations can use payload, customer, journey, tile, id,"
			" attempt, created_at, now and local_now.";
	return NULL;
}

static void
check_template(Checking *checking, const Place *place, Template *template)
{
	ListCell   *cell;

	if (template == NULL)
		return;
	foreach(cell, template_parts(template))
	{
		TemplatePart *part = lfirst(cell);
		ExprCheck	check = {CurrentMemoryContext, part->expr, &checking->destination->author};
		ErrorData  *error;
		Problem    *problem;

		CHECK_FOR_INTERRUPTS();
		error = isolate(run_check, &check);
		if (error == NULL)
			continue;
		problem = problem_add(&checking->problems, PROBLEM_FORM, error->sqlerrcode, place);
		problem->path = psprintf("%s%s", problem->path, part->path);
		problem->message = psprintf("\"%s\": %s", problem->path, error->message);
		problem->hint = error_hint(checking, error, part->expr);
		problem->sql = part->expr->source;
		problem->position = error->internalpos;
	}
}

static void
check_pieces(Checking *checking, const Place *place, const List *pieces)
{
	ListCell   *cell;

	foreach(cell, pieces)
		check_template(checking, place, ((KeyedPiece *) lfirst(cell))->template);
}

static void
check_headers(Checking *checking, const Place *place)
{
	ListCell   *cell;

	foreach(cell, checking->destination->headers)
	{
		KeyedHeader *header = lfirst(cell);
		Place		here = {.parent = place, .key = header->name};

		check_pieces(checking, &here, header->value);
	}
}

/* For isolate(). */
typedef struct AddressCheck
{
	const char *field;
	const char *addresses;
	bool		is_list;
} AddressCheck;

static void
run_address_check(void *arg)
{
	AddressCheck *check = arg;

	if (check->is_list)
		(void) address_list(check->field, check->addresses);
	else
		(void) address_one(check->field, check->addresses);
}

/* Addresses that no action has a say in: each mail would fail by them. */
static void
check_address(Checking *checking, const char *field, const char *addresses, bool is_list)
{
	static const Place root = {0};
	Place		here = {.parent = &root, .key = field};
	AddressCheck check = {field, addresses, is_list};
	ErrorData  *error;
	Problem    *problem;

	if (addresses == NULL)
		return;
	error = isolate(run_address_check, &check);
	if (error == NULL)
		return;
	problem = problem_add(&checking->problems, PROBLEM_FORM, error->sqlerrcode, &here);
	problem->message = error->message;
	problem->hint = "For example \"Shop <shop@example.com>\".";
}

static char *
written(const Template *template)
{
	return template ? template_string(template) : NULL;
}

static void
check_addresses(Checking *checking)
{
	const Destination *destination = checking->destination;
	char	   *reply_to = written(destination->reply_to);

	check_address(checking, "from", written(destination->from), false);
	check_address(checking, "sender", destination->sender, false);
	if (reply_to != NULL && *reply_to != '\0')
		check_address(checking, "reply_to", reply_to, true);
	check_address(checking, "to", written(destination->to), true);
}

void
destination_check(const Destination *destination)
{
	static const Place root = {0};
	Checking	checking = {.destination = destination};
	const struct
	{
		const char *key;
		List	   *pieces;
		Template   *template;
	}			parts[] = {
		{"url", destination->url},
		{"user", destination->user},
		{"password", destination->password},
		{"body", NIL, destination->body},
		{"from", NIL, destination->from},
		{"reply_to", NIL, destination->reply_to},
		{"to", NIL, destination->to},
		{"subject", NIL, destination->subject},
		{"text", NIL, destination->text},
		{"html", NIL, destination->html}
	};
	Place		here = {.parent = &root};

	for (int i = 0; i < lengthof(parts); i++)
	{
		here.key = parts[i].key;
		check_pieces(&checking, &here, parts[i].pieces);
		check_template(&checking, &here, parts[i].template);
	}
	here.key = "headers";
	check_headers(&checking, &here);
	check_addresses(&checking);
	problems_raise(checking.problems);
}
