/*-------------------------------------------------------------------------
 *
 * source_row.h
 *	  One changed row of a watched table: its customer and its values.
 *
 * A partition's rows are read as the partitioned table has them.  What makes
 * text or JSON of a value is to be called within row_sandbox_begin and _end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SOURCE_ROW_H
#define JOURNEY_SOURCE_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "commands/trigger.h"
#include "utils/jsonb.h"

#include "role.h"
#include "source.h"

typedef struct RowVersion
{
	HeapTuple	tuple;
	Datum	   *values;
	bool	   *nulls;
} RowVersion;

typedef struct ChangedRow
{
	const Source *source;
	Operation	operation;
	RowVersion *old;			/* NULL: it was inserted */
	RowVersion *new;			/* NULL: it was deleted */
} ChangedRow;

/*
 * The row that the source's trigger was fired for; false where it is a row of
 * neither its table nor one of its partitions.  Raises what keeps a partition's
 * columns from being the table's.
 */
extern bool row_describe(ChangedRow *row, const Source *source,
						 const TriggerData *data);

/* Has any column, or that one, another value? */
extern bool row_differs(const ChangedRow *row);
extern bool row_column_differs(const ChangedRow *row, int column);

/* The number of a column; raises 42703 where there is none. */
extern int	row_column_number(const Source *source, const char *name);

/* The new version, or of a deleted row the old one. */
static inline RowVersion *
row_latest(const ChangedRow *row)
{
	return row->new ? row->new : row->old;
}

/* The value as ::text gives it; NULL for null. */
extern text *row_text(const Source *source, const RowVersion *version, int column);

/* The texts of the columns, joined with ':'; NULL where one is null. */
extern text *row_customer(const Source *source, const RowVersion *version,
						  List *columns);

/* The value as to_jsonb() gives it; version NULL: null. */
extern void row_json(const Source *source, const RowVersion *version, int column,
					 JsonbValue *value);

/* Is it a column whose values rows hold, neither dropped nor virtual? */
extern bool row_has_column(const Source *source, int column);

/*
 * Around what makes text or JSON of values: what a type's owner has put there
 * runs as that role, bounded, and the same in every session.
 */
typedef struct RowSandbox
{
	RoleSwitch	role;
	bool		entered;
} RowSandbox;

extern void row_sandbox_begin(RowSandbox *sandbox, const Source *source, Oid role);
extern void row_sandbox_end(RowSandbox *sandbox);

#endif							/* JOURNEY_SOURCE_ROW_H */
