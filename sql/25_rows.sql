-- Drafts row by row, for those who would rather not write a document.

CREATE OR REPLACE FUNCTION @extschema@.journey_add_tile(journey text, tile text, type text, config jsonb DEFAULT '{}')
RETURNS void
AS 'MODULE_PATHNAME', 'journey_add_tile'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_add_tile(text, text, text, jsonb) IS
'Add a tile to a journey''s draft; journey_create(name, ''{}'') makes an empty one. config has the tile''s keys but for type. Errors: 42710 there is such a tile, 55000 no draft, 42704 no such journey, 42501, and for the definition as in journey_update. For those who may journey_update.';

CREATE OR REPLACE FUNCTION @extschema@.journey_add_edge(
	journey text,
	from_tile text,
	to_tile text,
	event text DEFAULT NULL,
	condition text DEFAULT NULL,
	wait text DEFAULT NULL,
	percent numeric DEFAULT NULL,
	config jsonb DEFAULT '{}')
RETURNS void
AS 'MODULE_PATHNAME', 'journey_add_edge'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_add_edge(text, text, text, text, text, text, numeric, jsonb) IS
'Add an edge to a journey''s draft, behind those that are there: the order of edges is their priority. wait is an interval as in the document; config has the other keys: on, since, label, ui, description. Errors: 42704 no such tile or journey, 55000 no draft, 42501, and for the definition as in journey_update. For those who may journey_update.';

CREATE OR REPLACE FUNCTION @extschema@.journey_drop_tile(journey text, tile text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_drop_tile'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_drop_tile(text, text) IS
'Drop a tile from a journey''s draft, with the edges that leave it or lead to it. Errors: 42704 no such tile or journey, 55000 no draft, 42501. For those who may journey_update.';

CREATE OR REPLACE FUNCTION @extschema@.journey_drop_edge(
	journey text,
	from_tile text,
	to_tile text,
	event text DEFAULT NULL,
	edge int DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_drop_edge'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_drop_edge(text, text, text, text, int) IS
'Drop an edge from a journey''s draft. event null: whatever its event. edge: its place in the list of edges, from 0 (position in journey.edge). Errors: 22023 several edges meet this (the detail says at which positions), 42704 no such edge or journey, 55000 no draft, 42501. For those who may journey_update.';
