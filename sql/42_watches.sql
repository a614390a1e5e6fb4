-- Watched tables: row triggers that emit.

CREATE OR REPLACE FUNCTION @extschema@.journey_watch(
	relation regclass,
	customer_column text,
	event text,
	props text[] DEFAULT NULL,
	condition text DEFAULT NULL,
	mode text DEFAULT 'inline',
	operations text[] DEFAULT '{insert,update}',
	always bool DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_watch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_watch(regclass, text, text, text[], text, text, text[], bool) IS
'Emit an event for each row of a table that is changed. The customer is the text of customer_column, or of several columns (written with commas between) joined by ":"; no event where one is null. event: its name, in which {operation} stands for inserted, updated or deleted and {column} for the row''s value; no event where that is null. props: columns; old.<column> (in "old"); $changed, as "changed": {column: [old, new]}; $operation; null: every column. Those of a deleted row are its last. condition: SQL with new.<column>, old.<column>, customer, event, props, traits, now, local_now, asked as the role that calls this, which must go on owning the table, or nothing is emitted; what errs is in journey.failure and never concerns who changes the row. mode: inline, in the changing transaction, or queued, by a worker. operations: among insert, update, delete; an UPDATE that changes nothing is none. Only events that a live journey names are logged and run, or with always all. Again for the same table and event: replaces. Errors: 42501 not the owner of the table, 42809 not an ordinary or partitioned table, 42703 no such column, 22023 no such mode or operation, and what is wrong with the condition.';

CREATE OR REPLACE FUNCTION @extschema@.journey_unwatch(relation regclass, event text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_unwatch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_unwatch(regclass, text) IS
'Emit that event (null: any) no more when rows of the table change. For the table''s owner and level operate. Errors: 42704 the table is not watched (for that event), 42501 not the owner.';

CREATE OR REPLACE FUNCTION journey.row_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'journey_row_changed'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey.row_changed() IS
'Internal. The trigger journey_source on watched tables; its argument is source.id. Executable by everybody, because the server asks that of whoever adds a partition to a watched table; a trigger that journey did not make does nothing.';

-- Where each source's trigger is.  Anybody can make a trigger with somebody's number: it is the one that we have made,
-- or, after a restore, which gives it another OID, one on the table of that name that belongs to the same role.
CREATE OR REPLACE VIEW journey.source_place AS
SELECT DISTINCT ON (s.id) s.id, t.tgrelid AS relid, t.oid AS trigger,
	   format('%I.%I', n.nspname, c.relname) AS relation, o.rolname AS owner
  FROM journey.source s
  JOIN pg_trigger t ON t.tgargs = convert_to(s.id::text, 'SQL_ASCII') || decode('00', 'hex')
  JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles o ON o.oid = c.relowner
 WHERE t.tgfoid = 'journey.row_changed()'::regprocedure AND t.tgparentid = 0
   AND (t.oid = s.trigger
		OR (parse_ident(s.relation) = ARRAY[n.nspname::text, c.relname::text] AND (o.rolname = s.owner OR o.rolsuper)))
 ORDER BY s.id, t.oid = s.trigger DESC NULLS LAST, t.tgname = 'journey_source' DESC, t.oid;

CREATE OR REPLACE FUNCTION journey.is_heard(source int)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_is_heard'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey.is_heard(int) IS
'Internal. The WHEN of the trigger journey_source: does anybody care for changes of that table''s rows? Executable by everybody, because it is asked as whoever changes a row.';

CREATE OR REPLACE FUNCTION journey.sweep_sources()
RETURNS void
AS 'MODULE_PATHNAME', 'journey_sweep_sources'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey.sweep_sources() IS
'Internal. Forget watched tables that are gone, and their watches; those that only have lost their trigger, after a day.';
