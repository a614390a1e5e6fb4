/*-------------------------------------------------------------------------
 *
 * isolate.h
 *	  Errors and time limits of authors' code, kept from everybody else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ISOLATE_H
#define JOURNEY_ISOLATE_H

#include "postgres.h"

/*
 * Run fn(arg) in a subtransaction of its own; it must write nothing, so no XID
 * is used.  Returns NULL when it ended well; else the error, copied into the
 * caller's memory context, after the subtransaction was rolled back.  Class 40,
 * cancels and timeouts that are not ours, 57P0x, 53100, 53300, XX001 and XX002
 * are raised again instead (DECISIONS 4).  Nestable.
 */
extern ErrorData *isolate(void (*fn) (void *arg), void *arg);

/*
 * The same, and nothing is raised again but the cancel that somebody sent: for code
 * that is asked about one of many things, none of which may stop the others.
 */
extern ErrorData *isolate_wholly(void (*fn) (void *arg), void *arg);

/* Did somebody cancel what we do?  An error that only says so is not that. */
extern bool isolate_is_cancel(const ErrorData *error);

/*
 * isolate() for a function that writes to the user's tables, as long as the step's
 * time budget lasts.  What it sets off may call isolate() and limit_begin().
 */
extern ErrorData *isolate_write(void (*fn) (void *arg), void *arg);

/*
 * Time limits of authors' code in one step (DECISIONS 5).  budget_begin at its
 * start: nothing is armed yet.  budget_end after it; where an error skips that,
 * the next budget_begin makes up for it.
 */
extern void budget_begin(void);
extern void budget_end(void);

/*
 * In between, only the time in authors' code and in isolate_write() counts: for
 * what is done to many customers at once.
 */
extern void budget_stop_clock(void);
extern void budget_start_clock(void);

/*
 * Around author code, inside isolate(): bound it by the rest of the budget and,
 * where bounded is set, by journey.condition_timeout.  Raises 57014 at once
 * where the budget is used up, or where *overran says that this code has run
 * into the limit in this budget before; it is set when that happens.  *overran
 * begins as 0 and lives as long as the budget.  Not nestable.  limit_end after
 * the code; isolate does it for code that errs.
 */
extern void limit_begin(uint64 *overran, bool bounded);
extern void limit_end(void);

/*
 * The same for author code that belongs to no step: bounded by so many
 * milliseconds (0: not at all), after which it is canceled with that message.
 */
extern void limit_begin_alone(uint64 *overran, int ms, const char *message);

/* Are we between the two? */
extern bool limit_is_inside(void);

#endif							/* JOURNEY_ISOLATE_H */
