/*-------------------------------------------------------------------------
 *
 * template.c
 *	  JSON with {{ sql }} in its strings.
 *
 * A template is a tree like its JSON.  A leaf is constant, one expression (its
 * value keeps its JSON type), or a run of literals and expressions that are
 * joined as text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "json_value.h"
#include "template_internal.h"

#define MAX_TEMPLATE_DEPTH 100
#define MAX_VALUES (64 * 1024 * 1024)	/* bytes of all values of a template */

/* ---- making ---- */

/* How an expression is made says which names it has. */
typedef Expression *(*MakeExpression) (const char *source, ExprWant want);

/* Dollar quotes are not looked for; write E'' or ''. */
const char *
template_close(const char *start)
{
	char		quote = '\0';

	for (const char *p = start; *p; p++)
	{
		if (quote)
		{
			if (*p == quote)
				quote = '\0';
		}
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (p[0] == '}' && p[1] == '}')
			return p;
	}
	return NULL;
}

static Piece *
make_literal(const char *start, size_t length)
{
	Piece	   *piece = palloc0(sizeof(Piece));

	piece->literal = pnstrdup(start, length);
	return piece;
}

static Piece *
make_expression(const char *start, size_t length, MakeExpression make)
{
	Piece	   *piece = palloc0(sizeof(Piece));

	piece->expr = make(pnstrdup(start, length), EXPR_JSONB);
	return piece;
}

static List *
split(const char *text, MakeExpression make)
{
	List	   *pieces = NIL;
	const char *p = text;
	const char *open;

	while ((open = strstr(p, "{{")) != NULL)
	{
		const char *close = template_close(open + 2);

		if (close == NULL)
			ereport(ERROR,
					errcode(ERRCODE_SYNTAX_ERROR),
					errmsg("template \"%s\" has a {{ without }}", text),
					errhint("Close the expression with }}."));
		if (open > p)
			pieces = lappend(pieces, make_literal(p, open - p));
		pieces = lappend(pieces, make_expression(open + 2, close - open - 2, make));
		p = close + 2;
	}
	if (*p || pieces == NIL)
		pieces = lappend(pieces, make_literal(p, strlen(p)));
	return pieces;
}

static Template *
make_leaf(const JsonbValue *value, MakeExpression make)
{
	Template   *leaf = palloc0(sizeof(Template));
	Piece	   *first;

	leaf->kind = NODE_CONSTANT;
	leaf->constant = *value;
	if (value->type != jbvString)
		return leaf;
	leaf->pieces = split(pnstrdup(value->val.string.val, value->val.string.len), make);
	first = linitial(leaf->pieces);
	if (list_length(leaf->pieces) > 1)
		leaf->kind = NODE_TEXT;
	else if (first->expr)
	{
		leaf->kind = NODE_VALUE;
		leaf->expr = first->expr;
	}
	return leaf;
}

static Template *make_container(JsonbIterator **it, NodeKind kind, int depth,
								MakeExpression make);

static Template *
make_node(JsonbIterator **it, JsonbIteratorToken token, JsonbValue *value, int depth,
		  MakeExpression make)
{
	if (token == WJB_BEGIN_OBJECT)
		return make_container(it, NODE_OBJECT, depth + 1, make);
	if (token == WJB_BEGIN_ARRAY)
		return make_container(it, NODE_ARRAY, depth + 1, make);
	return make_leaf(value, make);
}

static Template *
make_container(JsonbIterator **it, NodeKind kind, int depth, MakeExpression make)
{
	Template   *node = palloc0(sizeof(Template));
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	if (depth > MAX_TEMPLATE_DEPTH)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("template is nested more than %d levels deep",
					   MAX_TEMPLATE_DEPTH));
	node->kind = kind;
	while ((token = JsonbIteratorNext(it, &value, false)) != WJB_END_OBJECT &&
		   token != WJB_END_ARRAY)
	{
		Template   *child;

		if (token == WJB_KEY)
		{
			name = pnstrdup(value.val.string.val, value.val.string.len);
			continue;
		}
		child = make_node(it, token, &value, depth, make);
		child->name = name;
		node->children = lappend(node->children, child);
	}
	return node;
}

/* The source stays referenced by constants, so it is copied. */
static Template *
make(Jsonb *source, MakeExpression make_one)
{
	Jsonb	   *copy = palloc(VARSIZE(source));
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	memcpy(copy, source, VARSIZE(source));
	it = JsonbIteratorInit(&copy->root);
	token = JsonbIteratorNext(&it, &value, false);
	if (token == WJB_BEGIN_ARRAY && JB_ROOT_IS_SCALAR(copy))
	{
		(void) JsonbIteratorNext(&it, &value, false);
		return make_leaf(&value, make_one);
	}
	return make_node(&it, token, &value, 0, make_one);
}

Template *
template_make(Jsonb *source)
{
	return make(source, expr_make);
}

Template *
template_make_action(Jsonb *source)
{
	return make(source, expr_make_action);
}

/* ---- evaluating ---- */

typedef struct Rendering
{
	const Author *author;
	Scope	   *scope;
	int			room;			/* bytes that its values may still have */
} Rendering;

static void
refuse_size(void)
{
	ereport(ERROR,
			errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("template gives more than %d MB", MAX_VALUES / (1024 * 1024)));
}

/* Its memory is that of who sends for everybody. */
static void
take_room(Rendering *rendering, const JsonbValue *value)
{
	int			size = value->type == jbvString ? value->val.string.len :
		value->type == jbvBinary ? value->val.binary.len : 0;

	if (size > rendering->room)
		refuse_size();
	rendering->room -= size;
}

static void
evaluate(Expression *expr, Rendering *rendering, JsonbValue *value)
{
	bool		isnull;
	Datum		datum = expr_eval(expr, rendering->author, rendering->scope, &isnull);
	Oid			type = isnull ? InvalidOid : expr_type(expr);

	if (isnull)
		value->type = jbvNull;
	else
		json_plain_value(value, type, datum);
	take_room(rendering, value);
}

/* A value within a text: strings as they are, null as nothing. */
static void
append_text(StringInfo text, JsonbValue *value)
{
	if (!json_append_plain(text, value, MAX_VALUES))
		refuse_size();
}

/* A value within a path. */
static void
append_path(StringInfo path, const Expression *expr, JsonbValue *value)
{
	StringInfoData text;

	initStringInfo(&text);
	append_text(&text, value);
	path_append_value(path, &text, expr, value->type == jbvNull);
}

static void
join(const Template *leaf, Rendering *rendering, JsonbValue *result)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	result->type = jbvString;
	foreach(cell, leaf->pieces)
	{
		Piece	   *piece = lfirst(cell);
		JsonbValue	value;

		if (piece->literal)
		{
			appendStringInfoString(&text, piece->literal);
			continue;
		}
		evaluate(piece->expr, rendering, &value);
		if (leaf->use == TEXT_PATH)
			append_path(&text, piece->expr, &value);
		else
			append_text(&text, &value);
		if (leaf->kind == NODE_VALUE)
			result->type = value.type;
	}
	/* What is nothing but a null. */
	if (result->type == jbvNull)
		return;
	if (leaf->use != TEXT_VALUE)
		part_finish(leaf, &text);
	result->type = jbvString;
	result->val.string.val = text.data;
	result->val.string.len = text.len;
}

static void
leaf_value(Template *leaf, Rendering *rendering, JsonbValue *value)
{
	switch (leaf->kind)
	{
		case NODE_VALUE:
			if (leaf->use == TEXT_VALUE)
				evaluate(leaf->expr, rendering, value);
			else
				join(leaf, rendering, value);
			break;
		case NODE_TEXT:
			join(leaf, rendering, value);
			break;
		default:
			*value = leaf->constant;
	}
}

static JsonbValue *render(Template *node, Rendering *rendering,
						  JsonbParseState **state, bool in_object);

static JsonbValue *
render_container(Template *node, Rendering *rendering, JsonbParseState **state)
{
	bool		object = node->kind == NODE_OBJECT;
	ListCell   *cell;

	pushJsonbValue(state, object ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, NULL);
	foreach(cell, node->children)
		render(lfirst(cell), rendering, state, object);
	return pushJsonbValue(state, object ? WJB_END_OBJECT : WJB_END_ARRAY, NULL);
}

static void
push_name(Template *node, JsonbParseState **state)
{
	JsonbValue	name = {.type = jbvString};

	name.val.string.val = node->name;
	name.val.string.len = strlen(node->name);
	pushJsonbValue(state, WJB_KEY, &name);
}

static JsonbValue *
render(Template *node, Rendering *rendering, JsonbParseState **state, bool in_object)
{
	bool		container = node->kind == NODE_OBJECT || node->kind == NODE_ARRAY;
	JsonbValue	value;

	if (!container)
		leaf_value(node, rendering, &value);
	if (!container && node->use == TEXT_HEADER && value.type == jbvNull)
		return NULL;
	if (in_object)
		push_name(node, state);
	if (container)
		return render_container(node, rendering, state);
	return pushJsonbValue(state, in_object ? WJB_VALUE : WJB_ELEM, &value);
}

Jsonb *
template_eval(Template *template, const Author *author, Scope *scope)
{
	Rendering	rendering = {author, scope, MAX_VALUES};
	JsonbParseState *state = NULL;
	JsonbValue	value;

	if (template->kind == NODE_OBJECT || template->kind == NODE_ARRAY)
		return JsonbValueToJsonb(render(template, &rendering, &state, false));
	leaf_value(template, &rendering, &value);
	return JsonbValueToJsonb(&value);
}

/* ---- for validation ---- */

bool
template_is_constant(const Template *template)
{
	ListCell   *cell;

	if (template->kind == NODE_VALUE || template->kind == NODE_TEXT)
		return false;
	foreach(cell, template->children)
	{
		if (!template_is_constant(lfirst(cell)))
			return false;
	}
	return true;
}

char *
template_string(const Template *template)
{
	const JsonbValue *value = &template->constant;

	if (template->kind != NODE_CONSTANT || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static List *
add_part(List *parts, const char *path, Expression *expr)
{
	TemplatePart *part = palloc(sizeof(TemplatePart));

	part->path = pstrdup(path);
	part->expr = expr;
	return lappend(parts, part);
}

static List *
collect_parts(Template *node, const char *path, List *parts)
{
	ListCell   *cell;
	int			i = 0;

	if (node->kind == NODE_VALUE)
		parts = add_part(parts, path, node->expr);
	foreach(cell, node->pieces)
	{
		Piece	   *piece = lfirst(cell);

		if (node->kind == NODE_TEXT && piece->expr)
			parts = add_part(parts, path, piece->expr);
	}
	foreach(cell, node->children)
	{
		Template   *child = lfirst(cell);

		parts = collect_parts(child, node->kind == NODE_OBJECT ?
							  psprintf("%s.%s", path, child->name) :
							  psprintf("%s[%d]", path, i++), parts);
	}
	return parts;
}

List *
template_parts(Template *template)
{
	return collect_parts(template, "", NIL);
}
