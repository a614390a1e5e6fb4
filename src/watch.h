/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  Between the files of the trigger: what a changed row sets off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_WATCH_H
#define JOURNEY_WATCH_H

#include "postgres.h"

#include "source_row.h"

/* Emit the events of the source's watches. */
extern void watch_events(const ChangedRow *row);

/* Tell journeys that the customer's profile has changed. */
extern void watch_profile(const ChangedRow *row, Oid owner);

/* Let the source's live audiences follow; owner: the table's. */
extern void watch_audiences(const ChangedRow *row, Oid owner);

/* What became of a row that we could not make sense of. */
extern void watch_failed(const ChangedRow *row, text *customer, const ErrorData *error);

/* ---- watch_form.c: the event and the props of a watch ---- */

/* What journey_watch is to say where they are wrong; raises. */
extern void watch_check_event(Relation rel, const char *event);
extern void watch_check_prop(Relation rel, const char *prop);

/* The name with its parts filled in; NULL where one of them is null. */
extern text *watch_event(const Watch *watch, const ChangedRow *row);

extern Jsonb *watch_props(const Watch *watch, const ChangedRow *row);

/* "column": [old, new]; of a row that is not there, null. */
extern void watch_push_change(const ChangedRow *row, int column, JsonbParseState **state);

#endif							/* JOURNEY_WATCH_H */
