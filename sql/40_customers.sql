-- Customers: their profiles.

CREATE OR REPLACE FUNCTION @extschema@.journey_identify(customer text, traits jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_identify'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_identify(text, jsonb) IS
'Merge traits (an object of at most journey.max_props bytes) into the customer''s (1 to 256 bytes) profile in journey.customer; a null removes the trait. Where a table is bound by journey_bind_profile(), into the customer''s row there, with the caller''s own rights, or as the table''s owner where the caller could SET ROLE to that and it is no superuser: into its traits column, or else each trait into the column of its name, where a null sets null. Errors then: P0002 the customer has no row, 55000 the table is not the one that was bound, 42703 no such column, and whatever the table says.';

CREATE OR REPLACE FUNCTION @extschema@.journey_bind_profile(relation regclass, key_column text, traits_column text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_bind_profile'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_bind_profile(regclass, text, text) IS
'Use a table of your own instead of journey.customer: profile.<column> in expressions is a column of the customer''s row, traits its traits_column (jsonb) or, without one, the row, and update_profile writes there; each with the rights of the journey''s owner. Who owns the journey and could SET ROLE to the table''s owner, which is no superuser, writes as that, so that triggers, checks and policies run with no more than the table''s owner has; only the table that was bound is written, not another of its name. Triggers that are deferred make a write fail. A transaction that both changes rows and emits should change them first. $profile_changed shows the values of all columns to every author, and to who reads journey.event: keep elsewhere what they may not see. The customer is the text of key_column; several columns, written with commas between, have their texts joined by ":". They need a primary key or unique index of their own. Replaces what was bound. Errors: 42501 not the owner of the table, 42809 not an ordinary or partitioned table, 42703 no such column, 42804 a column of another type, 42P10 no unique index.';

CREATE OR REPLACE FUNCTION @extschema@.journey_unbind_profile()
RETURNS void
AS 'MODULE_PATHNAME', 'journey_unbind_profile'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_unbind_profile() IS
'Profiles are in journey.customer again, as they were there before a table was bound. Errors: 42704 no table is bound.';
