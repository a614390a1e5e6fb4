/*-------------------------------------------------------------------------
 *
 * json_value.h
 *	  Values of SQL as values of JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_JSON_VALUE_H
#define JOURNEY_JSON_VALUE_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Does json_plain_value know the type?  Others are for to_jsonb(). */
extern bool json_is_plain(Oid type);

/* A value of such a type that is not null.  The result may point into it. */
extern void json_plain_value(JsonbValue *value, Oid type, Datum datum);

/* A value of jsonb, as part of another. */
extern void json_part(JsonbValue *value, Jsonb *jsonb);

#endif							/* JOURNEY_JSON_VALUE_H */
