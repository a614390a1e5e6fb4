/*-------------------------------------------------------------------------
 *
 * secret.c
 *	  The secrets of destinations.
 *
 * They are in a table that no level reads and no dump has.  It is read and written
 * below the executor, so that a secret is never part of a statement or one of its
 * parameters, which the server may show and log.  For the same reason a secret
 * that is JSON is read where no error about it gets out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "destination.h"
#include "hot.h"
#include "isolate.h"
#include "names.h"
#include "secret.h"
#include "secret_file.h"
#include "sign.h"
#include "sql.h"

#define FILE_PREFIX "file:"

typedef enum SecretColumn
{
	SECRET_DESTINATION,
	SECRET_SECRET,
	SECRET_COLUMNS
} SecretColumn;

static HotTable secret_hot = {.natts = SECRET_COLUMNS};

/* ---- the table ---- */

/* The destination's row into the slot; false: there is none. */
static bool
fetch_row(Relation rel, Relation index, const char *destination, TupleTableSlot *slot)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(destination));
	scan = index_beginscan_compat(rel, index, snapshot, 1);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		ExecMaterializeSlot(slot);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

char *
secret_get(const char *destination)
{
	Relation	rel = table_open(sql_relation("secret"), AccessShareLock);
	Relation	index = index_open(sql_relation("secret_pkey"), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	char	   *secret = NULL;

	if (fetch_row(rel, index, destination, slot))
	{
		slot_getallattrs(slot);
		secret = TextDatumGetCString(slot->tts_values[SECRET_SECRET]);
	}
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return secret;
}

static void
write_row(const char *destination, const char *secret, TupleTableSlot *slot)
{
	Datum		values[SECRET_COLUMNS];
	bool		nulls[SECRET_COLUMNS] = {false};
	bool		exists = fetch_row(secret_hot.rel, hot_index(&secret_hot, "secret_pkey"),
								   destination, slot);
	ItemPointerData tid = slot->tts_tid;

	values[SECRET_DESTINATION] = CStringGetTextDatum(destination);
	if (secret == NULL)
	{
		if (exists)
			hot_delete(&secret_hot, &tid);
		return;
	}
	values[SECRET_SECRET] = CStringGetTextDatum(secret);
	if (exists)
		hot_update(&secret_hot, &tid, values, nulls);
	else
		hot_insert(&secret_hot, values, nulls);
}

void
secret_set(const char *destination, const char *secret)
{
	TupleTableSlot *slot;

	CommandCounterIncrement();
	hot_open(&secret_hot, sql_relation("secret"));
	slot = table_slot_create(secret_hot.rel, NULL);
	write_row(destination, secret, slot);
	ExecDropSingleTupleTableSlot(slot);
	hot_close(&secret_hot);
	CommandCounterIncrement();
}

/* ---- its parts ---- */

typedef struct Parsing
{
	MemoryContext context;
	const char *text;
	Jsonb	   *json;
} Parsing;

static void
parse(void *arg)
{
	Parsing    *parsing = arg;
	MemoryContext old = MemoryContextSwitchTo(parsing->context);
	Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(parsing->text));

	parsing->json = DatumGetJsonbP(json);
	MemoryContextSwitchTo(old);
}

static bool
looks_like_object(const char *secret)
{
	return secret[strspn(secret, " \t\r\n")] == '{';
}

/* NULL: it is none. */
static Jsonb *
as_object(const char *secret)
{
	Parsing		parsing = {.context = CurrentMemoryContext, .text = secret};

	if (!looks_like_object(secret) || isolate(parse, &parsing) != NULL ||
		!JB_ROOT_IS_OBJECT(parsing.json))
		return NULL;
	return parsing.json;
}

static char *
part_of(Jsonb *object, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&object->root, name, strlen(name), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

char *
secret_part(const char *secret, const char *name)
{
	Jsonb	   *object;

	if (secret == NULL)
		return NULL;
	if (*name == '\0')
		return pstrdup(secret);
	object = as_object(secret);
	return object ? part_of(object, name) : NULL;
}

List *
secret_members(const char *secret)
{
	Jsonb	   *object = as_object(secret);
	List	   *members = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (object == NULL)
		return list_make1(pstrdup(secret));
	it = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && value.type == jbvString)
			members = lappend(members, pnstrdup(value.val.string.val, value.val.string.len));
	}
	return members;
}

const char *
secret_lacks(const char *secret, const List *names)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (secret_part(secret, lfirst(cell)) == NULL)
			return lfirst(cell);
	}
	return NULL;
}

static bool
is_key_list(const char *secret)
{
	return strncmp(secret, "whsec_", strlen("whsec_")) == 0;
}

bool
secret_signs(const char *secret)
{
	return is_key_list(secret) || secret_part(secret, "signing") != NULL;
}

/* ---- its form ---- */

/* One text: a line's end in it would end a header. */
static const char *
text_wrong(const char *text)
{
	if (*text == '\0')
		return "is empty";
	for (const char *c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			return "holds a control character";
	}
	return is_key_list(text) ? sign_check(text) : NULL;
}

static const char *
object_wrong(const char *secret)
{
	Jsonb	   *object = as_object(secret);
	const char *wrong = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *signing;

	if (object == NULL)
		return "begins with { but is not JSON";
	it = JsonbIteratorInit(&object->root);
	while (wrong == NULL && (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token != WJB_VALUE)
			continue;
		if (value.type != jbvString)
			return "has a member that is not a text";
		wrong = text_wrong(pnstrdup(value.val.string.val, value.val.string.len));
	}
	signing = part_of(object, "signing");
	if (wrong == NULL && signing != NULL && !is_key_list(signing))
		return "has a member \"signing\" that does not begin with whsec_";
	return wrong;
}

const char *
secret_file_name(const char *stored)
{
	size_t		length = strlen(FILE_PREFIX);

	return strncmp(stored, FILE_PREFIX, length) == 0 ? stored + length : NULL;
}

const char *
secret_wrong(const char *secret, const char *owner)
{
	const char *file = secret_file_name(secret);

	if (strlen(secret) > MAX_SECRET_LENGTH)
		return "is too long";
	if (file)
		return secret_file_wrong(owner, file);
	return looks_like_object(secret) ? object_wrong(secret) : text_wrong(secret);
}

/* ---- for use ---- */

char *
secret_resolve(const char *stored, const char *owner, const char **missing)
{
	const char *file = secret_file_name(stored);
	char	   *secret;
	const char *wrong;

	*missing = NULL;
	if (file == NULL)
		return pstrdup(stored);
	secret = secret_file_read(owner, file, missing);
	if (secret == NULL)
		return NULL;
	wrong = looks_like_object(secret) ? object_wrong(secret) : text_wrong(secret);
	if (wrong == NULL)
		return secret;
	*missing = psprintf("what stands in %s %s",
						quoted_name(stored), wrong);
	return NULL;
}

char *
destination_secret(const Destination *destination, const char **missing)
{
	char	   *stored = secret_get(destination->name);
	char	   *secret;
	const char *lacks;

	*missing = NULL;
	if (stored == NULL)
	{
		if (destination->needs_secret)
			*missing = "its secret is missing: dumps hold none;"
				" give it again with journey_destination_update()";
		return NULL;
	}
	secret = secret_resolve(stored, destination->author.owner, missing);
	if (secret == NULL)
		return NULL;
	lacks = secret_lacks(secret, destination_secret_names(destination));
	if (lacks == NULL && destination->is_signed && !secret_signs(secret))
	{
		*missing = "its secret has no key to sign with";
		return NULL;
	}
	if (lacks == NULL)
		return secret;
	*missing = psprintf("its secret has no text %s", quoted_name(lacks));
	return NULL;
}
