/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  Columns of users' tables, as callers of the verbs name them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_COLUMNS_H
#define JOURNEY_COLUMNS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

/* The column of that name.  Raises 42703, with the nearest one, where there is none. */
extern Form_pg_attribute column_by_name(Relation rel, const char *name);

/*
 * The columns that a text names, char *: one column by its exact name, or else
 * several as SQL would write them, with commas between.  argument: how the caller
 * calls the text.  Raises 42601, 42703, and 42701 for a column named twice.
 */
extern List *columns_by_text(Relation rel, const char *text, const char *argument);

#endif							/* JOURNEY_COLUMNS_H */
