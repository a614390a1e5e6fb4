/*-------------------------------------------------------------------------
 *
 * condition_row.c
 *	  Names in expressions about a changed row: new.<column>, old.<column>.
 *
 * The rows are parameters of the table's row type.  A row that there is not (old
 * of an INSERT) is null, and so is each of its columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "condition_internal.h"
#include "problem.h"

static const Variable others[] = {
	VAR_CUSTOMER, VAR_EVENT, VAR_PROPS, VAR_TRAITS, VAR_NOW, VAR_LOCAL_NOW
};

bool
row_has_variable(Variable variable)
{
	for (int i = 0; i < lengthof(others); i++)
	{
		if (others[i] == variable)
			return true;
	}
	return false;
}

Node *
row_name(ExprCode *code, const char *name, int location)
{
	Param	   *param;

	if (strcmp(name, "new") != 0 && strcmp(name, "old") != 0)
		return NULL;
	param = (Param *) expression_variable(code, strcmp(name, "new") == 0 ?
										  VAR_NEW : VAR_OLD, location);
	param->paramtype = code->rowtype;
	return (Node *) param;
}

static void
refuse_column(ExprCode *code, TupleDesc desc, const char *column, int location)
{
	Nearest		nearest;
	char	   *hint;

	nearest_begin(&nearest, column);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			nearest_offer(&nearest, NameStr(TupleDescAttr(desc, i)->attname));
	}
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column %s of table \"%s\" does not exist", quoted_name(column),
				   format_type_be(code->rowtype)),
			hint ? errhint("%s", hint) : 0,
			expression_errposition(code, location));
}

static Node *
make_field(Node *row, const FormData_pg_attribute *attribute)
{
	FieldSelect *field = makeNode(FieldSelect);

	field->arg = (Expr *) row;
	field->fieldnum = attribute->attnum;
	field->resulttype = attribute->atttypid;
	field->resulttypmod = attribute->atttypmod;
	field->resultcollid = attribute->attcollation;
	return (Node *) field;
}

/* NULL: the qualifier is neither new nor old. */
Node *
row_column(ExprCode *code, const char *qualifier, const char *column, int location)
{
	Node	   *row = row_name(code, qualifier, location);
	TupleDesc	desc;
	Node	   *field = NULL;

	if (row == NULL)
		return NULL;
	desc = lookup_rowtype_tupdesc_copy(code->rowtype, -1);
	for (int i = 0; i < desc->natts && field == NULL; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), column) == 0)
			field = make_field(row, attribute);
	}
	if (field == NULL)
		refuse_column(code, desc, column, location);
	return field;
}

void
row_refuse_name(ExprCode *code, const char *name, int location)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("name %s does not exist in conditions of a watch", quoted_name(name)),
			errhint("There are new.<column>, old.<column>, customer, event, props, traits, now and local_now."),
			expression_errposition(code, location));
}
