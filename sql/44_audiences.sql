-- Audiences: named sets of customers, each what a query gives.

CREATE OR REPLACE FUNCTION @extschema@.journey_audience_create(name text, query text, refresh interval DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_audience_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_audience_create(text, text, interval) IS
'Make an audience of this name (1 to 128 bytes) of the customers that a query gives: one SELECT of one column, each customer once, run as the current role, read-only, for at most journey.audience_timeout, tables written with their schema. It is run at once, and again every refresh (at least a minute; null: by journey_audience_refresh alone). Where the query is a WHERE over the columns of one table that the current role owns, the audience is kept in real time besides: by a question per changed row, so give the customer''s column an index. A notice says so where neither is the case. Errors: those of the query; 22004, 22023, 23505 for what cannot be a customer or comes twice; 42710 the name is taken.';

CREATE OR REPLACE FUNCTION @extschema@.journey_audience_update(name text, query text, refresh interval DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_audience_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_audience_update(text, text, interval) IS
'Give an audience another query and refresh interval, as journey_audience_create takes them, and run it at once: who is in it no more leaves, who is new enters, and journeys hear of that in this transaction. It runs as the audience''s owner, as before. Errors: those of the query, after which all is as it was; 42704 no such audience, 55000 it has no query, 42501. For its owner.';

CREATE OR REPLACE FUNCTION @extschema@.journey_audience_refresh(
	name text,
	OUT entered bigint,
	OUT departed bigint,
	OUT members bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'journey_audience_refresh'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_audience_refresh(text) IS
'Run the query of an audience now and write what is different: how many customers have entered and departed, and how many it has; journeys that name it hear of each in this transaction. Where the query fails, it keeps its members, a warning and journey.failure say why, and nulls are returned. Errors: 42704 no such audience, 55000 it has no query, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_audience_drop(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_audience_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_audience_drop(text) IS
'Drop an audience; nobody hears that its members have left it. Errors: 2BP01 journeys that are not completed, or drafts, name it; 42704 no such audience, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION journey.journey_in_audience(customer text, audience text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'journey_in_audience'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION journey.journey_in_audience(text, text) IS
'Whether the customer is in the audience now; false for a null. Error: 42704 no such audience. For conditions and for psql.';

CREATE OR REPLACE FUNCTION journey.refresh_due()
RETURNS void
AS 'MODULE_PATHNAME', 'journey_refresh_due'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey.refresh_due() IS
'Internal. Refresh the audiences whose interval is over, those that nobody holds; nothing where nothing was activated yet. Error: 55000 the database is not armed. What the worker does, for pg_cron.';

-- A version counts while members may enter it or are inside.  Conditions name an audience as a literal.
CREATE OR REPLACE FUNCTION journey.names_audience(journey int, audience text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	RETURN EXISTS (
		SELECT
		  FROM journey.journey j
		  JOIN journey.version_row v ON v.journey = j.id
		 CROSS JOIN LATERAL (SELECT jsonb_build_object('name', names_audience.audience) AS vars) n
		 WHERE j.id = names_audience.journey
		   AND (v.state = 'draft'
				OR (j.state <> 'completed'
					AND (v.version = j.version
						 OR EXISTS (SELECT FROM journey.tile_stats s
									 WHERE s.journey = j.name AND s.version = v.version AND s.inside > 0))))
		   AND (jsonb_path_exists(v.definition, '$.entry_rules.only ? (@ == $name)', n.vars)
				OR jsonb_path_exists(v.definition, '$.exit[*].audience_left ? (@ == $name)', n.vars)
				OR jsonb_path_exists(v.definition, '$.tiles.*.on[*].audience ? (@ == $name)', n.vars)
				OR EXISTS (SELECT
							 FROM jsonb_path_query(v.definition, 'strict $.** ? (@.type() == "string")') AS s (value)
							WHERE strpos(s.value #>> '{}', 'journey_in_audience') > 0
							  AND strpos(s.value #>> '{}', quote_literal(names_audience.audience)) > 0)));
END
$$;
COMMENT ON FUNCTION journey.names_audience(int, text) IS
'Internal. Whether a journey that is not completed, or its draft, names the audience: in its entries, its exits, entry_rules.only, or as a literal beside journey_in_audience.';
