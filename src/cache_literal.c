/*-------------------------------------------------------------------------
 *
 * cache_literal.c
 *	  The literals in the SQL of live journeys, for cache.c alone.
 *
 * A journey that asks journey_did(customer, 'ORDER') wants such events in the
 * log though nothing else in it names them.  So whatever stands in quotes in a
 * definition is taken for the name of an event: one too many does no harm.  The
 * definitions are read when that is first asked, which is only where somebody's
 * table is watched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache_literal.h"
#include "model.h"
#include "sql.h"

#define NAME_SIZE (MAX_EVENT_LENGTH + 1)

static HTAB *literals = NULL;	/* keys alone */
static MemoryContext literals_cxt = NULL;

void
literals_forget(void)
{
	if (literals_cxt != NULL)
		MemoryContextDelete(literals_cxt);
	literals_cxt = NULL;
	literals = NULL;
}

/* Up to the quote that ends it; a doubled one is one of its characters. */
static void
add_literal(HTAB *names, const char *text, const char *end)
{
	char		name[NAME_SIZE] = {0};
	int			length = 0;

	for (; text <end; text ++)
	{
		if (*text == '\'' && (text +1 == end || *++text !='\''))
		{
			hash_search(names, name, HASH_ENTER, NULL);
			return;
		}
		if (length == MAX_EVENT_LENGTH)
			return;
		name[length++] = *text;
	}
}

/*
 * From each quote on: in the plain text of a template an apostrophe is one too,
 * so nobody knows which of them begin a literal.
 */
static void
add_literals(HTAB *names, const char *text, int length)
{
	const char *end = text +length;

	for (const char *next = text;
		 (next = memchr(next, '\'', end - next)) != NULL; next++)
		add_literal(names, next + 1, end);
}

static void
add_definition(HTAB *names, Jsonb *definition)
{
	JsonbIterator *it = JsonbIteratorInit(&definition->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if ((token == WJB_VALUE || token == WJB_ELEM) && value.type == jbvString)
			add_literals(names, value.val.string.val, value.val.string.len);
	}
}

/* Below the caller's memory until it is complete. */
static void
read_literals(void)
{
	static SqlPlan plan = {
		"SELECT definition FROM journey.version_row"
		" WHERE state OPERATOR(pg_catalog.<>) 'draft'",
		0, {0}
	};
	HASHCTL		ctl = {.keysize = NAME_SIZE, .entrysize = NAME_SIZE};
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "journey literals",
											  ALLOCSET_DEFAULT_SIZES);
	HTAB	   *names;
	SqlSession	session;
	uint64		n;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	ctl.hcxt = cxt;
	names = hash_create("journey literals", 256, &ctl,
						HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	sql_begin(&session);
	n = sql_read(&plan, NULL, NULL, snapshot);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		add_definition(names, DatumGetJsonbP(sql_value(i, 1, &isnull)));
	}
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	MemoryContextSetParent(cxt, TopMemoryContext);
	literals = names;
	literals_cxt = cxt;
}

bool
literals_have(const char *text)
{
	char		name[NAME_SIZE];

	if (literals == NULL)
		read_literals();
	strlcpy(name, text, NAME_SIZE);
	return hash_search(literals, name, HASH_FIND, NULL) != NULL;
}

bool
literals_have_prefix(const char *prefix, int length)
{
	HASH_SEQ_STATUS seq;
	char	   *name;
	bool		found = false;

	if (literals == NULL)
		read_literals();
	hash_seq_init(&seq, literals);
	while ((name = hash_seq_search(&seq)) != NULL)
		found |= strncmp(name, prefix, length) == 0;
	return found;
}
