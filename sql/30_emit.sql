-- Events, members, time: the verbs of applications and of whoever runs the clock.

CREATE OR REPLACE FUNCTION @extschema@.journey_emit(
	customer text,
	event text,
	props jsonb DEFAULT '{}',
	at timestamptz DEFAULT NULL,
	dedupe_key text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_emit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_emit(text, text, jsonb, timestamptz, text) IS
'Log that a customer (1 to 256 bytes) did something (event, 1 to 128 bytes, not beginning with $; props, an object of at most journey.max_props bytes), and move the members whom that moves, in this transaction. at: when, null for now, at most 5 minutes ahead. A repeated dedupe_key (at most 256 bytes) of the customer moves nothing. Returns the event''s id, of the first one where the key is repeated. An error in a journey''s own SQL is recorded in journey.failure and never raised.';

CREATE OR REPLACE FUNCTION @extschema@.journey_emit_batch(
	customers text[],
	events text[],
	props jsonb[],
	ats timestamptz[] DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_emit_batch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_emit_batch(text[], text[], jsonb[], timestamptz[]) IS
'As journey_emit for each element of the arrays, which must have one length; in the order of the customers, so that two batches cannot deadlock, and of the elements within a customer. ats may be null, and so may its elements: now. Returns the number of events; an error names the element.';

CREATE OR REPLACE FUNCTION @extschema@.journey_enqueue(
	customer text,
	event text,
	props jsonb DEFAULT '{}',
	at timestamptz DEFAULT NULL,
	dedupe_key text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_enqueue'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_enqueue(text, text, jsonb, timestamptz, text) IS
'As journey_emit, but a worker (or journey_tick) looks at the event after this transaction has committed, in order per customer; the caller pays for one insert only. Returns the id that the event will have; errors as in journey_emit.';

CREATE OR REPLACE FUNCTION @extschema@.journey_enter(
	journey text,
	customer text,
	context jsonb DEFAULT '{}')
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_enter'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_enter(text, text, jsonb) IS
'Enter a customer into a journey by hand. The context (an object) also stands for props where the journey''s key is asked. Returns the member''s id (where on_active is merge, of the one inside), or null where nobody enters: the journey''s rules refuse, its key is null or errs (see journey.failure), or it is paused or completed. Errors: 42704 no such journey, 55000 it is a draft.';

CREATE OR REPLACE FUNCTION @extschema@.journey_enter_many(
	journey text,
	customers text[],
	context jsonb DEFAULT '{}')
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_enter_many'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_enter_many(text, text[], jsonb) IS
'As journey_enter for each customer of the array, all with this context, each once and in the order of the customers, so that two calls cannot deadlock. From a query: journey_enter_many(name, ARRAY(SELECT …)). Returns how many entered. Errors as in journey_enter, and for a null among the customers.';

CREATE OR REPLACE FUNCTION @extschema@.journey_exit(
	journey text,
	customer text,
	outcome text DEFAULT 'exited',
	key text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_exit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_exit(text, text, text, text) IS
'Exit a customer''s members of a journey with this outcome (1 to 128 bytes): the one of that key, or all where key is null. Returns how many there were; errors: an unknown journey, or a draft.';

CREATE OR REPLACE FUNCTION @extschema@.journey_tick(max_members int DEFAULT 1000)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_tick'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_tick(int) IS
'Work off queued events and due timers, oldest first and at most that many, in this transaction; customers that another transaction holds are left for later. Returns members moved plus events taken from the queue. What the worker calls; for pg_cron where nothing is preloaded. An error in a copy of the database that is not armed (see journey_arm).';

CREATE OR REPLACE FUNCTION @extschema@.journey_advance_to(at timestamptz)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_advance_to'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_advance_to(timestamptz) IS
'For tests: move this session''s clock (as SET LOCAL journey.now) from due time to due time up to and including at, working off at each what is due, queued events too, whoever''s it is. Roll the transaction back: what moves, moves; a warning says so outside a transaction block where journey.now is not set. Returns members moved plus events taken from the queue. Errors: a time before journey.now, and for who may not set journey.now.';

CREATE OR REPLACE FUNCTION journey.journey_did(
	customer text,
	event text,
	since timestamptz DEFAULT NULL,
	filter jsonb DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_did'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION journey.journey_did(text, text, timestamptz, jsonb) IS
'Whether the customer did the event, at since or later (null: ever) and not after now, with props that contain the filter (null: any). For conditions and for psql.';

CREATE OR REPLACE FUNCTION journey.journey_count(
	customer text,
	event text,
	since timestamptz DEFAULT NULL,
	filter jsonb DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'journey_count'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION journey.journey_count(text, text, timestamptz, jsonb) IS
'How often the customer did the event; the arguments are those of journey_did.';

CREATE OR REPLACE FUNCTION journey.journey_last_props(
	customer text,
	event text,
	since timestamptz DEFAULT NULL,
	filter jsonb DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'journey_last_props'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION journey.journey_last_props(text, text, timestamptz, jsonb) IS
'The props of the customer''s latest such event, or null; the arguments are those of journey_did.';

CREATE OR REPLACE FUNCTION journey.journey_escape_html(value text)
RETURNS text
AS 'MODULE_PATHNAME', 'journey_escape_html'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey.journey_escape_html(text) IS
'The text as HTML that shows it, in elements and in quoted attributes: & < > " and '' become &amp; &lt; &gt; &quot; and &#39;. Null gives null. For templates and for psql.';

CREATE OR REPLACE FUNCTION journey.refuse_restricted(verb text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_refuse_restricted'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey.refuse_restricted(text) IS
'Internal: raise 42501, naming the verb, within a security-restricted operation such as REINDEX of somebody''s table.';
