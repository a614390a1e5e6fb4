/*-------------------------------------------------------------------------
 *
 * patch_text.h
 *	  The statements that write to the user's own table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PATCH_TEXT_H
#define JOURNEY_PATCH_TEXT_H

#include "postgres.h"

#include "nodes/primnodes.h"
#include "utils/jsonb.h"

#include "binding.h"
#include "sql.h"

/*
 * All have the same arguments: the patch (jsonb), the names of those of its
 * traits that are null (text[]), and the texts of the key columns' values.
 */
typedef struct PatchText
{
	char	   *lock;			/* the customer's row; gives the customer, as
								 * the row writes it, and the type of traits */
	char	   *try_lock;		/* the same unless somebody holds it */
	char	   *look;			/* is there one? */
	char	   *write;			/* NULL: the patch is empty */
	char	   *table;			/* for messages */
	RangeVar   *name;			/* by which the statements go, */
	Oid			relation;		/* and what they mean by it */
	char	   *customer;
	int			nargs;
	Oid			types[SQL_MAX_ARGS];
	Datum		values[SQL_MAX_ARGS];
} PatchText;

/*
 * The table of the binding's name, locked; the current user must be able to find
 * it.  Raises 55000 where it is not the one that was bound, but another that has
 * come in its place, whose owner nobody has asked.
 */
extern Oid	patch_table(const Binding *binding);

/*
 * For that table.  Raises 42703 for a column that it does not have, 42P10 for one
 * that names the customer.
 */
extern void patch_text_make(PatchText *made, const Binding *binding, Oid relation,
							text *customer, Jsonb *patch);

#endif							/* JOURNEY_PATCH_TEXT_H */
