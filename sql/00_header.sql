-- journey: installed by CREATE EXTENSION journey, updated by ALTER EXTENSION journey UPDATE.
\echo Use "CREATE EXTENSION journey" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

