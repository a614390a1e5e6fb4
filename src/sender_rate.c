/*-------------------------------------------------------------------------
 *
 * sender_rate.c
 *	  At most so many attempts in any span of so long.
 *
 * An attempt counts from its beginning until one span after its end: whenever the
 * receiver had it, the next one that takes its place comes a span later.  So the
 * limit holds by the receiver's clock too, however long anything takes on its way.
 * It is one process that counts: another one that takes its place begins anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "sender.h"

static int64
ended_at(const Rate *rate, int i)
{
	return rate->ended_at[(rate->first + i) % rate->max];
}

/* Another limit; the latest of the old one's attempts still count. */
void
rate_set(Rate *rate, int max, int64 per)
{
	int64	   *ring = NULL;
	int			n = Min(rate->n, max);

	rate->per = per;
	if (rate->max == max)
		return;
	if (max > 0)
		ring = MemoryContextAllocHuge(TopMemoryContext, max * sizeof(int64));
	for (int i = 0; ring != NULL && i < n; i++)
		ring[i] = ended_at(rate, rate->n - n + i);
	if (rate->ended_at)
		pfree(rate->ended_at);
	rate->ended_at = ring;
	rate->max = max;
	rate->first = 0;
	rate->n = n;
}

/* One has ended.  The ring is full where the limit was higher as it began. */
void
rate_count(Rate *rate, int64 now)
{
	if (rate->max == 0)
		return;
	if (rate->n == rate->max)
		rate->first = (rate->first + 1) % rate->max;
	else
		rate->n++;
	rate->ended_at[(rate->first + rate->n - 1) % rate->max] = now;
}

/* Those that still count: the times ascend, so half of what is left each time. */
static int
counting(const Rate *rate, int64 now)
{
	int			low = 0;
	int			high = rate->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (ended_at(rate, middle) + rate->per <= now)
			low = middle + 1;
		else
			high = middle;
	}
	return rate->n - low;
}

int
rate_room(const Rate *rate, int under_way, int64 now)
{
	if (rate->max == 0)
		return PG_INT32_MAX;
	return Max(rate->max - under_way - counting(rate, now), 0);
}

/* NEVER: as soon as one that is under way has ended, and then later. */
int64
rate_ready_at(const Rate *rate, int under_way)
{
	int			over = rate->n + under_way - rate->max;

	if (rate->max == 0 || over < 0)
		return 0;
	return over < rate->n ? ended_at(rate, over) + rate->per : NEVER;
}
