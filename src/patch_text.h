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
	char	   *customer;
	int			nargs;
	Oid			types[SQL_MAX_ARGS];
	Datum		values[SQL_MAX_ARGS];
} PatchText;

/*
 * As the current user, who must be able to find the table.  Raises 42703 for a
 * column that it does not have, 42P10 for one that names the customer.
 */
extern void patch_text_make(PatchText *made, const Binding *binding,
							text *customer, Jsonb *patch);

#endif							/* JOURNEY_PATCH_TEXT_H */
