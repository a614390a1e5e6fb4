/*-------------------------------------------------------------------------
 *
 * transfer_list.c
 *	  Lists of requests.
 *
 *-------------------------------------------------------------------------
 */
#include "transfer_internal.h"

void
items_append(ItemList *list, Item *item)
{
	item->next = NULL;
	item->prev = list->last;
	if (list->last)
		list->last->next = item;
	else
		list->first = item;
	list->last = item;
}

void
items_remove(ItemList *list, Item *item)
{
	if (item->prev)
		item->prev->next = item->next;
	else
		list->first = item->next;
	if (item->next)
		item->next->prev = item->prev;
	else
		list->last = item->prev;
}

Item *
items_find(const ItemList *list, uint64_t handle)
{
	Item	   *item = list->first;

	while (item && item->handle != handle)
		item = item->next;
	return item;
}

void
items_free(ItemList *list)
{
	while (list->first)
	{
		Item	   *item = list->first;

		items_remove(list, item);
		item_free(item);
	}
}
