/*-------------------------------------------------------------------------
 *
 * template_internal.h
 *	  What a template is made of, for the files that make and evaluate one.
 *
 * A template is a tree like its JSON.  A leaf is constant, one expression (its
 * value keeps its JSON type), or a run of literals and expressions that are
 * joined as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TEMPLATE_INTERNAL_H
#define JOURNEY_TEMPLATE_INTERNAL_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "condition.h"

typedef enum NodeKind
{
	NODE_OBJECT,
	NODE_ARRAY,
	NODE_CONSTANT,
	NODE_VALUE,					/* one expression */
	NODE_TEXT					/* pieces joined */
} NodeKind;

/* What a string is for. */
typedef enum TextUse
{
	TEXT_VALUE,
	TEXT_PATH,					/* these two are text, always */
	TEXT_HEADER
} TextUse;

/* A piece of a joined text: a literal or an expression. */
typedef struct Piece
{
	char	   *literal;		/* or NULL */
	Expression *expr;
} Piece;

struct Template
{
	NodeKind	kind;
	char	   *name;			/* of an object's member */
	List	   *children;		/* Template *: object, array */
	JsonbValue	constant;
	Expression *expr;			/* value */
	List	   *pieces;			/* Piece *: text */
	TextUse		use;			/* of a string */
};

/* template_request.c: text is what an expression gave for a path. */
extern void path_append_value(StringInfo path, StringInfo text, const Expression *expr,
							  bool isnull);

/* Check the text that a part of a request has become, and complete it. */
extern void part_finish(const Template *part, StringInfo text);

#endif							/* JOURNEY_TEMPLATE_INTERNAL_H */
