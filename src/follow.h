/*-------------------------------------------------------------------------
 *
 * follow.h
 *	  What a step has raised, and the pauses a customer has behind it: further
 *	  steps of the same customer.
 *
 * Both work on a step that has been loaded, and leave it loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_FOLLOW_H
#define JOURNEY_FOLLOW_H

#include "postgres.h"

#include "engine.h"

/*
 * Do what the steps so far have raised, first in, first out, each in a step of
 * its own at the time of the last one: internal events, the entries of
 * sub-journeys, the results that tiles await.
 */
extern void follow_raised(Step *step);

/*
 * Let the members catch up: those of a journey that was stopped exit, those of
 * one that was paused get the events of the pause, and its policy.  True: at
 * least one of them was changed.
 */
extern bool catch_up(Step *step);

#endif							/* JOURNEY_FOLLOW_H */
