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

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* Does json_plain_value know the type?  Others are for to_jsonb(). */
extern bool json_is_plain(Oid type);

/* A value of such a type that is not null.  The result may point into it. */
extern void json_plain_value(JsonbValue *value, Oid type, Datum datum);

/* A value of jsonb, as part of another. */
extern void json_part(JsonbValue *value, Jsonb *jsonb);

/*
 * Append a value as text of JSON, as the server writes it; false, and not all of it
 * is there, where the text would become longer than limit bytes.  What is small as
 * jsonb need not be so as text: 1e131071 takes 16 bytes.
 */
extern bool json_append(StringInfo to, const JsonbValue *value, int limit);

/* Append what stands in a string, anything else as JSON; nothing for null. */
extern bool json_append_plain(StringInfo to, const JsonbValue *value, int limit);

#endif							/* JOURNEY_JSON_VALUE_H */
