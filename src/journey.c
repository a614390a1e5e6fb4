/*-------------------------------------------------------------------------
 *
 * journey.c
 *	  Customer journeys inside PostgreSQL: the library's entry.
 *
 * Everything but the workers runs without shared_preload_libraries too; there
 * journey_tick() works off what is due.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "cache.h"
#include "condition.h"
#include "guc.h"
#include "process.h"
#include "shmem.h"
#include "tally.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	guc_define();
	cache_init();
	expr_init();
	tally_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	shmem_init();
	hooks_init();
	launcher_register();
}
