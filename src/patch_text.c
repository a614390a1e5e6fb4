/*-------------------------------------------------------------------------
 *
 * patch_text.c
 *	  The statements that write to the user's own table.
 *
 * The names of its columns are the user's, and which are written is the patch's:
 * no constant text can serve.  Every name goes through quote_identifier, every
 * value is an argument, and operators and functions are those of pg_catalog,
 * whatever the search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"

#include "columns.h"
#include "names.h"
#include "patch_text.h"
#include "profile.h"
#include "role.h"
#include "source.h"
#include "source_attach.h"

#define FIRST_KEY 3				/* number of its argument */

#if MAX_KEY_COLUMNS + FIRST_KEY - 1 > SQL_MAX_ARGS
#error "a key of as many columns does not fit into a statement's arguments"
#endif

/* ---- which row ---- */

/* Without a length: "character" by itself would be of one. */
static char *
key_type(const Binding *binding, Oid relation, int key)
{
	return format_type_extended(binding_key_type(binding, relation, key), -1,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* FROM and WHERE, or for an UPDATE its middle and end. */
static char *
where_text(const Binding *binding, Oid relation)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&text, "%s profile.%s OPERATOR(pg_catalog.=) CAST($%d AS %s)",
						 i == 0 ? " WHERE" : " AND",
						 quote_identifier(binding->keys[i]), FIRST_KEY + i,
						 key_type(binding, relation, i));
	return text.data;
}

/* The customer, as the trigger reads it off the row, and what its traits are. */
static char *
targets_text(const Binding *binding)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&text, "%sCAST(profile.%s AS pg_catalog.text)",
						 i == 0 ? "" : " OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) ",
						 quote_identifier(binding->keys[i]));
	if (binding->traits)
		appendStringInfo(&text, ", pg_catalog.jsonb_typeof(profile.%s)",
						 quote_identifier(binding->traits));
	else
		appendStringInfoString(&text, ", NULL");
	return text.data;
}

/* The customer holds the key columns' values, with ':' between. */
static void
add_keys(PatchText *text, const Binding *binding, const char *customer)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		const char *end = i < binding->nkeys - 1 ? strchr(customer, ':') : NULL;
		int			length = end ? end - customer : strlen(customer);

		text	  ->types[text->nargs] = TEXTOID;
		text	  ->values[text->nargs++] =
			PointerGetDatum(cstring_to_text_with_len(customer, length));

		customer += length + (end ? 1 : 0);
	}
}

/* ---- which columns ---- */

static Form_pg_attribute
find_column(const Binding *binding, Relation rel, const char *name)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		if (strcmp(binding->keys[i], name) == 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					errmsg("column %s of table %s names the customer and cannot be set",
						   quoted_name(name), binding_name(binding)));
	}
	return column_by_name(rel, name);
}

static void
append_column(StringInfo sets, StringInfo types, Form_pg_attribute attribute)
{
	const char *name = quote_identifier(NameStr(attribute->attname));
	const char *separator = sets->len > 0 ? ", " : "";

	appendStringInfo(sets, "%s%s = patch.%s", separator, name, name);
	appendStringInfo(types, "%s%s %s", separator, name,
					 format_type_extended(attribute->atttypid, attribute->atttypmod,
										  FORMAT_TYPE_TYPEMOD_GIVEN |
										  FORMAT_TYPE_FORCE_QUALIFY));
}

/* Each of the patch's names is a column, and takes its value as that is read. */
static char *
write_columns(const Binding *binding, Oid relation, Jsonb *patch, const char *where)
{
	Relation	rel = relation_open(relation, NoLock);
	JsonbIterator *it = JsonbIteratorInit(&patch->root);
	JsonbValue	item;
	JsonbIteratorToken token;
	StringInfoData sets;
	StringInfoData types;

	initStringInfo(&sets);
	initStringInfo(&types);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			append_column(&sets, &types,
						  find_column(binding, rel,
									  pnstrdup(item.val.string.val, item.val.string.len)));
	}
	relation_close(rel, NoLock);
	return psprintf("UPDATE %s AS profile SET %s FROM pg_catalog.jsonb_to_record($1) AS patch (%s)%s",
					binding_name(binding), sets.data, types.data, where);
}

static char *
write_traits(const Binding *binding, const char *where)
{
	const char *column = quote_identifier(binding->traits);

	return psprintf("UPDATE %s AS profile SET %s ="
					" (coalesce(profile.%s, '{}') OPERATOR(pg_catalog.||) $1)"
					" OPERATOR(pg_catalog.-) $2%s",
					binding_name(binding), column, column, where);
}

/* ---- all ---- */

Oid
patch_table(const Binding *binding)
{
	Oid			relation = binding_open(binding, AccessShareLock);
	RoleSwitch	role;
	int			source;

	role_extension_begin(&role);
	source = source_find(relation);
	role_end(&role);
	if (source != binding->source)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("table %s is not the one that was bound as profile",
					   binding_name(binding)),
				errdetail("Another has come in its place, or its trigger \"%s\" was dropped.",
						  SOURCE_TRIGGER),
				errhint("Bind it with journey_bind_profile()."));
	return relation;
}

void
patch_text_make(PatchText *made, const Binding *binding, Oid relation, text *customer,
				Jsonb *patch)
{
	char	   *where = where_text(binding, relation);
	char	   *from = psprintf("FROM %s AS profile%s", binding_name(binding), where);

	made->table = binding_name(binding);
	made->name = makeRangeVar(pstrdup(binding->schema), pstrdup(binding->table), -1);
	made->relation = relation;
	made->customer = text_to_cstring(customer);
	made->nargs = 0;
	made->types[made->nargs] = JSONBOID;
	made->values[made->nargs++] = JsonbPGetDatum(patch);
	made->types[made->nargs] = TEXTARRAYOID;
	made->values[made->nargs++] = PointerGetDatum(profile_removals(patch));
	add_keys(made, binding, made->customer);
	made->lock = psprintf("SELECT %s %s FOR NO KEY UPDATE OF profile",
						  targets_text(binding), from);
	made->try_lock = psprintf("%s SKIP LOCKED", made->lock);
	made->look = psprintf("SELECT %s", from);
	made->write = NULL;
	if (JB_ROOT_COUNT(patch) > 0)
		made->write = binding->traits ? write_traits(binding, where) :
			write_columns(binding, relation, patch, where);
}
