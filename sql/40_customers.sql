-- Customers: their profiles.

CREATE OR REPLACE FUNCTION @extschema@.journey_identify(customer text, traits jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_identify'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_identify(text, jsonb) IS
'Merge traits (an object of at most journey.max_props bytes) into the customer''s (1 to 256 bytes) profile in journey.customer; a null removes the trait.';
