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
 * Run fn(arg) in a read-only subtransaction (it must write nothing, so no XID
 * is used).  Returns NULL when it ended well; else the error, copied into the
 * caller's memory context, after the subtransaction was rolled back.  Class 40,
 * cancels and timeouts that are not ours, 57P0x, 53100, 53300, XX001 and XX002
 * are raised again instead (DECISIONS 4).  Nestable.
 */
extern ErrorData *isolate(void (*fn) (void *arg), void *arg);

/*
 * Time limits of authors' code in one step (DECISIONS 5).  budget_begin at its
 * start: nothing is armed yet.  budget_end after it; the end of a surrounding
 * (sub)transaction by an error does the same.
 */
extern void budget_begin(void);
extern void budget_end(void);

/*
 * For the evaluator: bound the evaluation of what by the rest of the budget
 * and, where bounded is set, by journey.condition_timeout.  Raises 57014 at
 * once where the budget is used up, or where this same expression was the one
 * that ran into the limit before.  limit_end after the evaluation.
 */
extern void limit_begin(const void *what, bool bounded);
extern void limit_end(void);

#endif							/* JOURNEY_ISOLATE_H */
