/*-------------------------------------------------------------------------
 *
 * binding.h
 *	  The user's own table that is bound as the customers' profiles.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_BINDING_H
#define JOURNEY_BINDING_H

#include "postgres.h"

#include "storage/lockdefs.h"

#define MAX_KEY_COLUMNS 8

/*
 * The table goes by its name and is looked for at each use, with the rights of
 * whoever uses it: it may have been dropped, altered or replaced since.
 */
typedef struct Binding
{
	int			source;			/* see source.h */
	char	   *schema;
	char	   *table;
	int			nkeys;
	char	  **keys;			/* columns that name the customer */
	char	   *traits;			/* the jsonb column; NULL: the row is */
} Binding;

/*
 * NULL: none is bound.  It stands until the next call that takes in what other
 * sessions have changed.
 */
extern const Binding *binding_get(void);

/* A number that is another when another table may be bound, or none. */
extern uint64 binding_generation(void);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void binding_invalidate(Oid relid);

/*
 * The relation of that name as it is now, locked.  Raises 42P01 where there is
 * none, 42501 where the current user may not look into its schema.
 */
extern Oid	binding_open(const Binding *binding, LOCKMODE lock);

/* The type of the relation's column; InvalidOid where there is none. */
extern Oid	binding_column_type(Oid relation, const char *column);

/* The same of a key column; raises 42703 where there is none. */
extern Oid	binding_key_type(const Binding *binding, Oid relation, int key);

/* As "public.customers", for messages. */
extern char *binding_name(const Binding *binding);

#endif							/* JOURNEY_BINDING_H */
