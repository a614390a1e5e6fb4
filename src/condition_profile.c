/*-------------------------------------------------------------------------
 *
 * condition_profile.c
 *	  profile.<column>, and traits where a table is bound: sub-selects of the
 *	  bound table's row of the customer.
 *
 * They are built as the parser would have read them, and analyzed in place, so
 * that rights, row-level security, views, the safe subset and the invalidation
 * of plans are the same as for a sub-select that the author has written:
 *
 *		(SELECT profile.column FROM schema.table AS profile
 *		  WHERE profile.key = CAST(<the customer> AS type of key))
 *
 * The customer is a parameter without a location, which an author cannot write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "utils/builtins.h"

#include "binding.h"
#include "condition_internal.h"

#define ALIAS "profile"

/* What the text of such a key looks like. */
#define INTEGER_FORM "^-?[0-9]{1,19}$"
#define NUMERIC_FORM "^-?[0-9]+([.][0-9]+)?$"
#define UUID_FORM "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"

/* ---- small parts ---- */

static Node *
column_ref(const char *name, int location)
{
	ColumnRef  *ref = makeNode(ColumnRef);

	ref->fields = list_make2(makeString(ALIAS), makeString(pstrdup(name)));
	ref->location = location;
	return (Node *) ref;
}

/* Of all columns, even where one of them is called as the alias. */
static Node *
row_ref(void)
{
	ColumnRef  *ref = makeNode(ColumnRef);

	ref->fields = list_make2(makeString(ALIAS), makeNode(A_Star));
	ref->location = -1;
	return (Node *) ref;
}

static Node *
customer_ref(void)
{
	ParamRef   *ref = makeNode(ParamRef);

	ref->number = VAR_CUSTOMER + 1;
	ref->location = -1;
	return (Node *) ref;
}

static Node *
integer_const(int value)
{
	A_Const    *constant = makeNode(A_Const);

	constant->val.ival.type = T_Integer;
	constant->val.ival.ival = value;
	constant->location = -1;
	return (Node *) constant;
}

static Node *
string_const(const char *value)
{
	A_Const    *constant = makeNode(A_Const);

	constant->val.sval.type = T_String;
	constant->val.sval.sval = pstrdup(value);
	constant->location = -1;
	return (Node *) constant;
}

static Node *
cast(Node *value, Oid type)
{
	TypeCast   *node = makeNode(TypeCast);

	node->arg = value;
	node->typeName = makeTypeNameFromOid(type, -1);
	node->location = -1;
	return (Node *) node;
}

static List *
builtin(const char *name)
{
	return list_make2(makeString("pg_catalog"), makeString(pstrdup(name)));
}

static Node *
call(const char *function, List *args)
{
	return (Node *) makeFuncCall(builtin(function), args, COERCE_EXPLICIT_CALL, -1);
}

static Node *
operate(const char *operator, Node *left, Node *right)
{
	return (Node *) makeA_Expr(AEXPR_OP, builtin(operator), left, right, -1);
}

/* ---- which row ---- */

/* What stands before the ':' of that number, from 0. */
static Node *
part(int i)
{
	return call("split_part", list_make3(customer_ref(), string_const(":"),
										 integer_const(i + 1)));
}

/* What stands behind the first n, all of it. */
static Node *
rest(int n)
{
	Node	   *start = integer_const(n + 1);

	for (int i = 0; i < n; i++)
		start = operate("+", start, call("length", list_make1(part(i))));
	return call("substr", list_make2(customer_ref(), start));
}

/* The customer's text holds the values of several columns, with ':' between. */
static Node *
key_text(const Binding *binding, int i)
{
	if (binding->nkeys == 1)
		return customer_ref();
	return i < binding->nkeys - 1 ? part(i) : rest(i);
}

static Node *
case_when(Node *test, Node *result, Node *otherwise)
{
	CaseExpr   *choice = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = (Expr *) test;
	when->result = (Expr *) result;
	when->location = -1;
	choice->args = list_make1(when);
	choice->defresult = (Expr *) otherwise;
	choice->location = -1;
	return (Node *) choice;
}

/* The text as that type where it has the form, else null: not everybody has a row. */
static Node *
where_it_reads(const char *form, Node *text, Node *value)
{
	return case_when(operate("~", text, string_const(form)), value, NULL);
}

static Node *
where_bigint_holds(Node *text)
{
	Node	   *magnitude = call("abs", list_make1(cast(text, NUMERICOID)));
	Node	   *largest = cast(string_const("9223372036854775807"), NUMERICOID);

	return case_when(operate("<=", magnitude, largest), cast(copyObject(text), INT8OID), NULL);
}

/*
 * The customer's part as the key's type.  Integers are compared as bigint, which
 * the indexes of all of them can.
 */
static Node *
key_value(const Binding *binding, Oid relation, int i)
{
	Oid			type = binding_key_type(binding, relation, i);
	Node	   *text = key_text(binding, i);

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return where_it_reads(INTEGER_FORM, text, where_bigint_holds(copyObject(text)));
		case NUMERICOID:
			return where_it_reads(NUMERIC_FORM, text, cast(copyObject(text), NUMERICOID));
		case UUIDOID:
			return where_it_reads(UUID_FORM, text, cast(copyObject(text), UUIDOID));
		default:
			return cast(text, type);
	}
}

static Node *
is_of_customer(const Binding *binding, Oid relation)
{
	List	   *tests = NIL;

	for (int i = 0; i < binding->nkeys; i++)
		tests = lappend(tests, operate("=", column_ref(binding->keys[i], -1),
									   key_value(binding, relation, i)));
	return list_length(tests) == 1 ? linitial(tests) :
		(Node *) makeBoolExpr(AND_EXPR, tests, -1);
}

/* ---- the sub-select ---- */

static Node *
sub_select(const Binding *binding, Node *target, int location)
{
	Oid			relation = binding_open(binding, AccessShareLock);
	RangeVar   *table = makeRangeVar(pstrdup(binding->schema),
									 pstrdup(binding->table), -1);
	SelectStmt *select = makeNode(SelectStmt);
	ResTarget  *result = makeNode(ResTarget);
	SubLink    *link = makeNode(SubLink);

	table->alias = makeAlias(ALIAS, NIL);
	result->val = target;
	result->location = location;
	select->targetList = list_make1(result);
	select->fromClause = list_make1(table);
	select->whereClause = is_of_customer(binding, relation);
	link->subLinkType = EXPR_SUBLINK;
	link->subselect = (Node *) select;
	link->location = location;
	return (Node *) link;
}

static Node *
or_empty(Node *traits)
{
	CoalesceExpr *coalesce = makeNode(CoalesceExpr);

	coalesce->args = list_make2(traits, cast(string_const("{}"), JSONBOID));
	coalesce->location = -1;
	return (Node *) coalesce;
}

/* ---- for the parser's hooks ---- */

Node *
expression_profile(ParseState *pstate, const char *column, int location)
{
	ExprCode   *code = pstate->p_ref_hook_state;
	const Binding *binding = binding_get();

	/* A table of the author's, or ours, which has no such column. */
	if (refnameNamespaceItem(pstate, NULL, ALIAS, location, NULL) != NULL)
		return NULL;
	if (binding == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("\"profile.%s\" does not exist: no table is bound as profile", column),
				errhint("Bind one with journey_bind_profile(), or write traits->>'%s'.", column),
				expression_errposition(code, location));
	return transformExpr(pstate, sub_select(binding, column_ref(column, location), location),
						 pstate->p_expr_kind);
}

Node *
expression_bound_traits(ParseState *pstate, int location)
{
	const Binding *binding = binding_get();
	Node	   *traits;

	if (binding == NULL)
		return NULL;
	traits = binding->traits ? column_ref(binding->traits, location) :
		call("to_jsonb", list_make1(row_ref()));
	return transformExpr(pstate, or_empty(sub_select(binding, traits, location)),
						 pstate->p_expr_kind);
}

Node *
expression_bound_customer(ParseState *pstate, ParamRef *ref)
{
	if (ref->location >= 0)
		return NULL;
	return expression_variable(pstate->p_ref_hook_state, ref->number - 1, -1);
}
