/*-------------------------------------------------------------------------
 *
 * destination.c
 *	  Where actions go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination.h"

Destination *
destination_parse(const char *name, const char *kind, Jsonb *config)
{
	elog(ERROR, "not built yet");
	return NULL;
}

Destination *
destination_find(const char *name)
{
	elog(ERROR, "not built yet");
	return NULL;
}

List *
destination_list(void)
{
	return NIL;
}

char *
destination_secret(const Destination *destination, const char **missing)
{
	*missing = NULL;
	return NULL;
}

char *
secret_part(const char *secret, const char *name)
{
	return NULL;
}

void
destination_disable(const char *name, const char *reason)
{
}

void
destination_changed(void)
{
}

uint64
destination_generation(void)
{
	return 0;
}
