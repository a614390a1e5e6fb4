/*-------------------------------------------------------------------------
 *
 * condition_query.c
 *	  Whole queries of authors, which give the customers of an audience.
 *
 * The same care as for expressions: parsed by itself, never pasted into SQL,
 * held to the safe subset after rewriting, run as its author, read-only, in the
 * sandbox.  None of an expression's names stands in it; the time is the clock's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "condition_internal.h"
#include "guc.h"
#include "hot.h"
#include "isolate.h"
#include "model.h"
#include "role.h"
#include "zone.h"

#define TOOK_TOO_LONG "query canceled: it takes longer than journey.audience_timeout allows"

/* ---- from text to a tree ---- */

static RawStmt *
query_raw_parse(const char *text)
{
	List	   *parsed;

	parsed = raw_parser(text, RAW_PARSE_DEFAULT);
	if (list_length(parsed) != 1 ||
		!IsA(linitial_node(RawStmt, parsed)->stmt, SelectStmt))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("not a single query"),
				errhint("Write one SELECT that gives the customers."));
	return linitial(parsed);
}

/* $1 stands in what holds_raw_parse() has put around the query, and only there. */
static Node *
resolve_customer(ParseState *pstate, ParamRef *ref)
{
	ExprCode   *code = pstate->p_ref_hook_state;

	return ref->number == 1 && ref->location < 0 ?
		expression_variable(code, VAR_CUSTOMER, -1) : NULL;
}

void
query_parser_setup(ParseState *pstate, void *code)
{
	pstate->p_paramref_hook = resolve_customer;
	pstate->p_ref_hook_state = code;
}

/* The only column that the query gives. */
static TargetEntry *
only_column(const Query *query)
{
	TargetEntry *found = NULL;
	int			n = 0;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, cell);

		if (target->resjunk)
			continue;
		found = target;
		n++;
	}
	if (n != 1)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("query must give one column, the customer, not %d", n));
	return found;
}

/* As the author, in the sandbox. */
static Query *
analyze(ExprCode *code, RawStmt *raw)
{
	Query	   *query = parse_analyze_withcb(copyObject(raw), code->text,
											 query_parser_setup, code, NULL);

	/* SELECT INTO has become another command. */
	if (query->commandType != CMD_SELECT)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("queries of audiences cannot write or lock rows"));
	(void) only_column(query);
	return query;
}

/* The same, with the step's time, rewritten and checked. */
static Query *
compile_query(ExprCode *code)
{
	bool		safe = code->functions == CONDITION_FUNCTIONS_SAFE;
	RawStmt    *raw = query_raw_parse(code->text);
	List	   *queries;

	if (safe)
		safe_check_raw(code, raw);
	queries = pg_rewrite_query(bind_time(code, raw, analyze(code, raw)));
	if (safe)
		safe_check_queries(code, queries);
	return linitial_node(Query, queries);
}

/* ---- does it give this customer? ---- */

Expression *
expr_make_holds(const char *query)
{
	Expression *expr = expr_make(query, EXPR_BOOLEAN);

	expr->is_query = true;
	return expr;
}

static Node *
column_of(const char *table, const char *column)
{
	ColumnRef  *ref = makeNode(ColumnRef);

	ref->fields = list_make2(makeString(pstrdup(table)), makeString(pstrdup(column)));
	ref->location = -1;
	return (Node *) ref;
}

/* q.customer = CAST($1 AS type) */
static Node *
is_customer(Oid type)
{
	ParamRef   *param = makeNode(ParamRef);
	TypeCast   *cast = makeNode(TypeCast);
	List	   *equals = list_make2(makeString(pstrdup("pg_catalog")),
									makeString(pstrdup("=")));

	param->number = 1;
	param->location = -1;
	cast->arg = (Node *) param;
	cast->typeName = makeTypeNameFromOid(type, -1);
	cast->location = -1;
	return (Node *) makeA_Expr(AEXPR_OP, equals, column_of("q", "customer"),
							   (Node *) cast, -1);
}

static SelectStmt *
select_from_query(Node *query, Oid type)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeSubselect *from = makeNode(RangeSubselect);

	from->subquery = query;
	from->alias = makeAlias("q", list_make1(makeString(pstrdup("customer"))));
	select->fromClause = list_make1(from);
	select->whereClause = is_customer(type);
	return select;
}

/* SELECT EXISTS (SELECT FROM (query) AS q(customer) WHERE q.customer = …) */
RawStmt *
holds_raw_parse(ExprCode *code)
{
	RawStmt    *raw = query_raw_parse(code->text);
	Query	   *query;
	SubLink    *exists = makeNode(SubLink);
	SelectStmt *select = makeNode(SelectStmt);
	ResTarget  *target = makeNode(ResTarget);

	if (code->functions == CONDITION_FUNCTIONS_SAFE)
		safe_check_raw(code, raw);
	query = analyze(code, raw);
	exists->subLinkType = EXISTS_SUBLINK;
	exists->subselect = (Node *)
		select_from_query(raw->stmt, exprType((Node *) only_column(query)->expr));
	exists->location = -1;
	target->val = (Node *) exists;
	target->location = -1;
	select->targetList = list_make1(target);
	raw->stmt = (Node *) select;
	return raw;
}

/* ---- running it ---- */

TupleDesc
query_row_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "customer", TEXTOID, -1, 0);
	TupleDescInitEntryCollation(desc, 1, C_COLLATION_OID);
	return desc;
}

/* Takes the customers. */
typedef struct CustomerReceiver
{
	DestReceiver pub;
	FmgrInfo	output;			/* of the column's type */
	TupleDesc	desc;
	Tuplestorestate *rows;
	MemoryContext cxt;			/* for one row */
	uint64		n;
} CustomerReceiver;

static void
check_customer(const char *customer)
{
	size_t		length = strlen(customer);

	if (length == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("query gives an empty customer"));
	if (length > MAX_CUSTOMER_LENGTH)
		ereport(ERROR,
				errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				errmsg("query gives a customer that is longer than %d bytes",
					   MAX_CUSTOMER_LENGTH));
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	CustomerReceiver *receiver = (CustomerReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->cxt);
	bool		isnull;
	Datum		value = slot_getattr(slot, 1, &isnull);
	char	   *customer;

	if (isnull)
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("query gives a null as customer"),
				errhint("Add a WHERE that leaves out rows without a customer."));
	customer = OutputFunctionCall(&receiver->output, value);
	check_customer(customer);
	value = CStringGetTextDatum(customer);
	isnull = false;
	tuplestore_putvalues(receiver->rows, receiver->desc, &value, &isnull);
	receiver->n++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->cxt);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	CustomerReceiver *receiver = (CustomerReceiver *) self;
	Oid			function;
	bool		is_varlena;

	getTypeOutputInfo(TupleDescAttr(desc, 0)->atttypid, &function, &is_varlena);
	fmgr_info(function, &receiver->output);
}

static void
receiver_nothing(DestReceiver *self)
{
}

/* The clock's time, as the names of bind_time() have it. */
static ParamListInfo
time_params(TimestampTz now)
{
	ParamListInfo params = makeParamList(NUM_VARIABLES);

	for (int i = 0; i < NUM_VARIABLES; i++)
	{
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = expression_variable_type(i);
		params->params[i].isnull = true;
	}
	params->params[VAR_NOW].value = TimestampTzGetDatum(now);
	params->params[VAR_NOW].isnull = false;
	params->params[VAR_LOCAL_NOW].value = TimestampGetDatum(zone_local(now, guc_timezone));
	params->params[VAR_LOCAL_NOW].isnull = false;
	return params;
}

/*
 * Not in parallel: the gates that keep author code to the safe functions stand
 * in this process alone.
 */
static void
execute(ExprCode *code, ParamListInfo params, CustomerReceiver *receiver)
{
	PlannedStmt *stmt = pg_plan_query(compile_query(code), code->text, 0, params);
	QueryDesc  *desc = CreateQueryDesc(stmt, code->text, GetActiveSnapshot(),
									   InvalidSnapshot, &receiver->pub, params,
									   NULL, 0);

	ExecutorStart(desc, 0);
	ExecutorRun_compat(desc, ForwardScanDirection, 0);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

/* From begin_query to end_query it is the author's code that runs. */
typedef struct Querying
{
	MemoryContext scratch;
	MemoryContext caller;
	uint64		overran;
	ExprCode	code;
	RoleSwitch	role;
	ErrorContextCallback context;
} Querying;

/*
 * What is committed, and what this transaction has written.  The snapshot is
 * taken as ourselves: it may take a new command id.
 */
static void
push_snapshot(void)
{
	hot_push_snapshot();
}

Oid
query_author(const Author *author)
{
	if (!OidIsValid(role_by_name(author->owner)))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\", the owner of the audience, does not exist",
					   author->owner));
	return role_author(author->owner);
}

static void
begin_query(Querying *querying, const CustomerQuery *query)
{
	Oid			role = query_author(&query->author);

	memset(querying, 0, sizeof(Querying));
	querying->scratch = AllocSetContextCreate(CurTransactionContext, "journey query",
											  ALLOCSET_DEFAULT_SIZES);
	querying->caller = MemoryContextSwitchTo(querying->scratch);
	querying->code.text = query->source;
	querying->code.is_query = true;
	querying->code.functions = guc_condition_functions;
	querying->code.cxt = querying->scratch;
	push_snapshot();
	limit_begin_alone(&querying->overran, guc_audience_timeout, TOOK_TOO_LONG);
	role_sandbox_begin(&querying->role, role, guc_timezone);
	querying->context.callback = expression_error_callback;
	querying->context.arg = &querying->code;
	querying->context.previous = error_context_stack;
	error_context_stack = &querying->context;
}

static void
end_query(Querying *querying)
{
	error_context_stack = querying->context.previous;
	role_end(&querying->role);
	limit_end();
	PopActiveSnapshot();
	MemoryContextSwitchTo(querying->caller);
	MemoryContextDelete(querying->scratch);
}

uint64
query_run(const CustomerQuery *query, Tuplestorestate *rows)
{
	CustomerReceiver receiver = {
		.pub = {receive, receiver_startup, receiver_nothing, receiver_nothing, DestNone},
		.rows = rows
	};
	Querying	querying;

	begin_query(&querying, query);
	receiver.desc = query_row_desc();
	receiver.cxt = AllocSetContextCreate(querying.scratch, "journey customer",
										 ALLOCSET_SMALL_SIZES);
	execute(&querying.code, time_params(query->now), &receiver);
	end_query(&querying);
	return receiver.n;
}

/* The result is the caller's. */
void
query_look(const CustomerQuery *query, RowQuery *found)
{
	Querying	querying;
	RowQuery	reads;
	ListCell   *cell;

	begin_query(&querying, query);
	query_reads(compile_query(&querying.code), &reads);
	MemoryContextSwitchTo(querying.caller);
	found->relation = reads.relation;
	found->columns = NIL;
	foreach(cell, reads.columns)
		found->columns = lappend(found->columns, pstrdup(lfirst(cell)));
	end_query(&querying);
}
