/*-------------------------------------------------------------------------
 *
 * request_body.c
 *	  The body of a request, as its content type wants it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "json_value.h"
#include "request_value.h"

#define MAX_BODY (1024 * 1024)	/* bytes; a payload is much smaller */

static void
refuse_body(void)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the body is larger than %d bytes", MAX_BODY));
}

static void
set_body(TransferRequest *request, char *text, size_t length)
{
	text = request_utf8(text, &length);

	if (length > MAX_BODY)
		refuse_body();
	request->body = text;

	request->length = length;
}

/* ---- forms ---- */

static void
append_part(StringInfo form, const char *text)
{
	size_t		length = strlen(text);
	char	   *utf8 = request_utf8(unconstify(char *, text), &length);

	append_encoded(form, utf8, length, "+");
}

static void
append_pair(StringInfo form, const char *name, JsonbValue *value)
{
	char	   *text = request_text(value);

	if (text == NULL)
		return;
	if (form->len > 0)
		appendStringInfoChar(form, '&');
	append_part(form, name);
	appendStringInfoChar(form, '=');
	if (strlen(text) > MAX_BODY)
		refuse_body();
	append_part(form, text);
	if (form->len > MAX_BODY)
		refuse_body();
}

/* An array is its name again and again, anything deeper is text of JSON. */
static void
append_field(StringInfo form, const char *name, JsonbValue *value)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
	{
		append_pair(form, name, value);
		return;
	}
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			append_pair(form, name, &element);
	}
}

static void
set_form(TransferRequest *request, Jsonb *body)
{
	StringInfoData form;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = "";

	if (!JB_ROOT_IS_OBJECT(body))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the body of a form must be a JSON object"));
	initStringInfo(&form);
	it = JsonbIteratorInit(&body->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			append_field(&form, name, &value);
	}
	set_body(request, form.data, form.len);
}

/* ---- the others ---- */

static void
set_text(TransferRequest *request, Jsonb *body)
{
	JsonbValue	value;
	char	   *text;

	if (!JB_ROOT_IS_SCALAR(body) || !JsonbExtractScalar(&body->root, &value) ||
		value.type != jbvString)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the body of text must be a JSON string"));
	text = request_text(&value);

	set_body(request, text, strlen(text));
}

static void
set_json(TransferRequest *request, Jsonb *body)
{
	StringInfoData text;
	JsonbValue	value;

	json_part(&value, body);
	initStringInfo(&text);
	if (!json_append(&text, &value, MAX_BODY))
		refuse_body();
	set_body(request, text.data, text.len);
}

void
request_body(Evaluation *evaluation, TransferRequest *request)
{
	const Destination *destination = evaluation->destination;
	Jsonb	   *body = evaluation->payload;

	if (destination->body)
		body = template_eval(destination->body, &destination->author, &evaluation->scope);
	if (body == NULL)
		return;
	switch (destination->content_type)
	{
		case CONTENT_JSON:
			set_json(request, body);
			break;
		case CONTENT_FORM:
			set_form(request, body);
			break;
		case CONTENT_TEXT:
			set_text(request, body);
			break;
	}
}
