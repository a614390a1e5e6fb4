/*-------------------------------------------------------------------------
 *
 * profile.c
 *	  Merging traits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "profile.h"

Jsonb *
jsonb_empty_object(void)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
jsonb_merge(Jsonb *a, Jsonb *b)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(a),
											  JsonbPGetDatum(b)));
}

Jsonb *
profile_changes(Jsonb *changes)
{
	JsonbParseState *state = NULL;
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = "changed";
	value.val.string.len = strlen("changed");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &value);
	JsonbToJsonbValue(changes, &value);
	pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

ArrayType *
profile_removals(Jsonb *patch)
{
	Datum	   *names = palloc(sizeof(Datum) * (JB_ROOT_COUNT(patch) + 1));
	int			n = 0;
	JsonbIterator *it = JsonbIteratorInit(&patch->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Datum		name;

		if (token != WJB_KEY)
			continue;
		name = PointerGetDatum(cstring_to_text_with_len(value.val.string.val,
														value.val.string.len));
		if (JsonbIteratorNext(&it, &value, true) == WJB_VALUE &&
			value.type == jbvNull)
			names[n++] = name;
	}
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

Jsonb *
profile_merge(Jsonb *traits, Jsonb *patch)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete_array,
											  JsonbPGetDatum(jsonb_merge(traits, patch)),
											  PointerGetDatum(profile_removals(patch))));
}

/* ---- what changed ---- */

/* The trait's value, null where there is none; jsonb holds both alike. */
static JsonbValue
trait_value(Jsonb *traits, const JsonbValue *name)
{
	JsonbValue	value = {.type = jbvNull};

	(void) getKeyJsonValueFromContainer(&traits->root, name->val.string.val,
										name->val.string.len, &value);
	return value;
}

static bool
same_value(const JsonbValue *a, const JsonbValue *b)
{
	Jsonb	   *x = JsonbValueToJsonb(unconstify(JsonbValue *, a));
	Jsonb	   *y = JsonbValueToJsonb(unconstify(JsonbValue *, b));

	return compareJsonbContainers(&x->root, &y->root) == 0;
}

/* "trait": [old, new] */
static void
push_change(JsonbParseState **state, JsonbValue *name, JsonbValue *from, JsonbValue *to)
{
	pushJsonbValue(state, WJB_KEY, name);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(state, WJB_ELEM, from);
	pushJsonbValue(state, WJB_ELEM, to);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

bool
profile_push_changes(JsonbParseState **state, Jsonb *before, Jsonb *after, Jsonb *names)
{
	JsonbIterator *it = JsonbIteratorInit(&names->root);
	JsonbIteratorToken token;
	JsonbValue	item;
	bool		any = false;

	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		JsonbValue	from;
		JsonbValue	to;

		if (token != WJB_KEY)
			continue;
		from = trait_value(before, &item);
		to = trait_value(after, &item);
		if (same_value(&from, &to))
			continue;
		push_change(state, &item, &from, &to);
		any = true;
	}
	return any;
}

/* ---- changes of one row, one after the other ---- */

typedef struct Change
{
	JsonbValue	old;
	JsonbValue	new;
} Change;

static bool
find_change(Jsonb *changes, const JsonbValue *name, Change *change)
{
	JsonbValue	pair;

	if (getKeyJsonValueFromContainer(&changes->root, name->val.string.val,
									 name->val.string.len, &pair) == NULL ||
		pair.type != jbvBinary)
		return false;
	change->old = *getIthJsonbValueFromContainer(pair.val.binary.data, 0);
	change->new = *getIthJsonbValueFromContainer(pair.val.binary.data, 1);
	return true;
}

/*
 * Triggers tell of the inner one of two nested changes first; so it is what they
 * say that shows which came first.
 */
static Change
join_change(const Change *a, const Change *b)
{
	if (same_value(&b->new, &a->old))
		return (Change)
	{
		b->old, a->new
	};
	return (Change)
	{
		a->old, b->new
	};
}

static void
push_joined(JsonbParseState **state, JsonbValue *name, Jsonb *a, Jsonb *b)
{
	Change		first;
	Change		second;
	Change		joined;
	bool		in_first = find_change(a, name, &first);
	bool		in_second = find_change(b, name, &second);

	joined = in_first ? first : second;
	if (in_first && in_second)
		joined = join_change(&first, &second);
	if (!same_value(&joined.old, &joined.new))
		push_change(state, name, &joined.old, &joined.new);
}

Jsonb *
profile_join_changes(Jsonb *a, Jsonb *b)
{
	Jsonb	   *both = jsonb_merge(a, b);
	JsonbIterator *it = JsonbIteratorInit(&both->root);
	JsonbParseState *state = NULL;
	JsonbIteratorToken token;
	JsonbValue	name;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			push_joined(&state, &name, a, b);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
