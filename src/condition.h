/*-------------------------------------------------------------------------
 *
 * condition.h
 *	  The SQL that authors write: expressions and templates, compiled once per
 *	  backend, checked against the safe subset, evaluated as the journey's
 *	  owner in a read-only, restricted context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CONDITION_H
#define JOURNEY_CONDITION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

/* The names an expression can use, in the order of their parameter numbers. */
typedef enum Variable
{
	VAR_CUSTOMER,
	VAR_KEY,
	VAR_EVENT,
	VAR_PROPS,
	VAR_CONTEXT,
	VAR_TRAITS,
	VAR_NOW,
	VAR_LOCAL_NOW,
	VAR_ENTERED_AT,
	VAR_ARRIVED_AT,
	VAR_VISITS,
	VAR_OUTCOME,
	VAR_RESPONSE,
	NUM_VARIABLES,				/* of expressions about members */

	/* The rows of a changed table, in expressions about such. */
	VAR_NEW = NUM_VARIABLES,
	VAR_OLD,

	/* An action, in the templates of its destination. */
	VAR_PAYLOAD,
	VAR_JOURNEY,
	VAR_TILE,
	VAR_ID,
	VAR_ATTEMPT,
	VAR_CREATED_AT,
	NUM_PARAMETERS
} Variable;

#define VAR_BIT(v) (1U << (v))

/*
 * The values of those names for one evaluation.  A variable whose bit is not
 * in known is asked of fetch before the first expression that uses it; fetch
 * sets value, isnull and the bit.  The memory belongs to the caller.
 */
typedef struct Scope Scope;
struct Scope
{
	NullableDatum values[NUM_PARAMETERS];
	uint32		known;			/* VAR_BIT of each that is filled in */
	void		(*fetch) (Scope *scope, Variable variable);

	/*
	 * Called before an expression that reads tables or calls a helper: makes
	 * what this step wrote visible and pushes a snapshot that sees it; the
	 * evaluator pops one snapshot afterwards.
	 */
	void		(*push_snapshot) (Scope *scope);
	const char *zone;			/* the member's zone, for expressions that
								 * need it */
};

/* What an expression must give; anything else is an error at compile time. */
typedef enum ExprWant
{
	EXPR_BOOLEAN,
	EXPR_TEXT,					/* any type, by assignment or output cast */
	EXPR_INTERVAL,
	EXPR_TIMESTAMPTZ,
	EXPR_TEXT_ARRAY,
	EXPR_JSONB					/* jsonb, or a type that template.c makes
								 * jsonb of */
} ExprWant;

/* Whose rights an expression has. */
typedef struct Author
{
	const char *owner;			/* role name; resolved at each use, it may be
								 * gone */
} Author;

typedef struct ExprCode ExprCode;	/* the compiled half, condition.c */

typedef struct Expression
{
	const char *source;			/* as the author wrote it */
	bool		is_query;		/* see expr_make_holds */
	ExprWant	want;
	MemoryContext cxt;			/* where this is, and the code is below */
	bool		is_action;		/* see expr_make_action */
	Oid			relid;			/* the table whose rows are new and old; or
								 * InvalidOid */
	ExprCode   *code;			/* NULL until first used in this backend */
	uint64		overran;		/* for limit_begin() */
} Expression;

typedef struct Template Template;

/* In _PG_init: install what keeps author code to the safe functions. */
extern void expr_init(void);

/* An expression to be compiled when first evaluated, in CurrentMemoryContext. */
extern Expression *expr_make(const char *source, ExprWant want);

/*
 * The same about a row of that table before and after a change.  Its names are
 * new.<column>, old.<column>, customer, event, props, traits, now and local_now.
 * Whoever keeps it makes it anew when the table is altered.
 */
extern Expression *expr_make_row(const char *source, ExprWant want, Oid relid);

/*
 * The same about an action that is to be sent.  Its names are payload, customer,
 * journey, tile, id, attempt, created_at, now and local_now.
 */
extern Expression *expr_make_action(const char *source, ExprWant want);

/*
 * Compile as the author: syntax, names, types, the safe subset, the author's
 * rights.  Raises what is wrong.  *variables: VAR_BITs of the names it reads.
 */
extern void expr_check(Expression *expr, const Author *author, uint32 *variables);

/*
 * The expression's value, in CurrentMemoryContext.  Raises what the author's
 * SQL raises, so callers evaluate inside isolate() (isolate.h).
 */
extern Datum expr_eval(Expression *expr, const Author *author, Scope *scope, bool *isnull);

/* The type of that value; the expression has been evaluated before. */
extern Oid	expr_type(const Expression *expr);

/* ---- condition_query.c: whole queries, of audiences ---- */

#define MAX_QUERY_LENGTH (64 * 1024)

/*
 * Does that query, an audience's, give the customer of the scope?  Boolean; false
 * where it does not.  The scope's customer is read as the type of its column.
 */
extern Expression *expr_make_holds(const char *query);

typedef struct CustomerQuery
{
	const char *source;
	Author		author;
	TimestampTz now;			/* what now() is in it */
} CustomerQuery;

/* The author's role; raises 42704 where it is gone, 42501 where it may not own. */
extern Oid	query_author(const Author *author);

/* One column, "customer", of type text. */
extern TupleDesc query_row_desc(void);

/*
 * Run the query as its author, in the sandbox, within journey.audience_timeout,
 * and append the customers to rows, as query_row_desc() has them.  Raises what
 * the author's SQL raises, and for what cannot be a customer; so callers do this
 * inside isolate().  Returns how many there are.
 */
extern uint64 query_run(const CustomerQuery *query, Tuplestorestate *rows);

/*
 * Where a customer's rows of one table, by themselves, decide whether the query
 * gives the customer: that table, and its columns that the query reads (char *),
 * the customer first.
 */
typedef struct RowQuery
{
	Oid			relation;		/* InvalidOid: it is no such query */
	List	   *columns;
} RowQuery;

/* Raises as query_run does. */
extern void query_look(const CustomerQuery *query, RowQuery *found);

/*
 * A template is JSON in which "{{ sql }}" becomes the value with its JSON type,
 * and "Hi {{ sql }}!" text (a null gives an empty text there).  template_make
 * raises 22P02-like errors for an unclosed "{{"; template_eval gives jsonb.
 */
extern Template *template_make(Jsonb *source);

/* The same about an action, for destinations; see expr_make_action(). */
extern Template *template_make_action(Jsonb *source);
extern Jsonb *template_eval(Template *template, const Author *author, Scope *scope);

/* Has it no expression, so that its value is its JSON? */
extern bool template_is_constant(const Template *template);

/* The string that it is, where it is one without expressions; or NULL. */
extern char *template_string(const Template *template);

/*
 * Templates of a request's parts.  A path is a string; each value in it stands for
 * itself, percent-encoded, and one that is null or empty raises 22004 or 22023, as
 * does a path that is refused then (path.h).  Headers are an object of strings;
 * one whose only value is null is left out, one that cannot be sent raises 22023.
 * Both check what is known of them when they are made.
 */
extern Template *template_make_path(Jsonb *source);
extern Template *template_make_headers(Jsonb *source);

/* An object of templates under those names, without those that are NULL. */
extern Template *template_gather(int n, const char *const *names, Template **members);

/*
 * The end of the expression that begins at start, behind a "{{": the next "}}"
 * outside of quotes, or NULL.
 */
extern const char *template_close(const char *start);

/* The expressions of a template, as a List of TemplatePart, for validation. */
typedef struct TemplatePart
{
	char	   *path;			/* below the template, as .to or
								 * .items[2].name */
	Expression *expr;
} TemplatePart;
extern List *template_parts(Template *template);

#endif							/* JOURNEY_CONDITION_H */
