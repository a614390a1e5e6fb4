-- Drafts drawn row by row: the same document as written at once.
\set SHOW_CONTEXT never
SELECT journey_destination_create('mail', 'pull');
CREATE TEMP TABLE document (definition jsonb);
INSERT INTO document VALUES ('{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "ADD_TO_CART"}]},
		"hold": {"type": "wait", "for": "30 minutes", "ui": {"x": 1}},
		"split": {"type": "branch"},
		"7": {"type": "action", "destination": "mail", "payload": {"to": "{{ key }}"}, "tags": ["promo"]},
		"done": {"type": "exit", "outcome": "reminded"},
		"paid": {"type": "exit"}
	},
	"edges": [
		{"from": "start", "to": "hold"},
		{"from": "hold", "to": "paid", "event": "PAID", "condition": "(props->>''n'')::int > 0"},
		{"from": "hold", "to": "split", "wait": "5 minutes"},
		{"from": "split", "to": "7", "percent": 33.30, "label": "one in three"},
		{"from": "split", "to": "done", "percent": 66.7},
		{"from": "7", "to": "done", "ui": {"bend": [1, 2]}, "description": "the \"end\""}
	]
}');

-- An empty draft is one; whole, it is what could have been written, and can be activated.
SELECT journey_create('cart', '{}');
SELECT journey_add_tile('cart', 'start', 'entry', '{"on": [{"event": "ADD_TO_CART"}]}');
SELECT journey_definition('cart');
SELECT journey_add_tile('cart', 'hold', 'wait', '{"for": "30 minutes", "ui": {"x": 1}}'), journey_add_tile('cart', 'split', 'branch');
SELECT journey_add_tile('cart', '7', 'action', '{"destination": "mail", "payload": {"to": "{{ key }}"}, "tags": ["promo"]}');
SELECT journey_add_tile('cart', 'done', 'exit', '{"outcome": "reminded"}');
SELECT journey_add_tile('cart', 'paid', 'exit');
SELECT journey_add_edge('cart', 'start', 'hold');
SELECT journey_add_edge('cart', 'hold', 'paid', 'PAID', '(props->>''n'')::int > 0');
SELECT journey_add_edge('cart', 'hold', 'split', wait => '5 minutes');
SELECT journey_add_edge('cart', 'split', '7', percent => 33.3, config => '{"label": "one in three"}');
SELECT journey_add_edge('cart', 'split', 'done', percent => 66.70);
SELECT journey_add_edge('cart', '7', 'done', config => '{"ui": {"bend": [1, 2]}, "description": "the \"end\""}');
SELECT journey_definition('cart') = definition AS same FROM document;
SELECT journey_create('at once', definition) FROM document;
SELECT a.tiles = b.tiles AS same_tiles FROM journey.version_row a, journey.version_row b, journey.journey j, journey.journey k
 WHERE a.journey = j.id AND j.name = 'cart' AND b.journey = k.id AND k.name = 'at once';
SELECT severity, path, message FROM journey_validate(journey_definition('cart'));

-- What is there already or is not there.
SELECT journey_add_tile('cart', 'hold', 'wait');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_edge('cart', 'hodl', 'done');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_edge('cart', 'hold', 'qqqqqqqq');
SELECT journey_add_edge('card', 'hold', 'done');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_tile('cart', 'splitt');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_edge('cart', 'start', 'doen');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_edge('cart', 'start', 'done');
SELECT journey_drop_edge('cart', 'hold', 'paid', 'PAYED');
SELECT journey_drop_edge('cart', 'hold', 'paid', 'PAID', 2);

-- Errors of form are those of the document.
SELECT journey_add_tile('cart', 'new', 'wiat');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_tile('cart', 'new', 'wait', '{"fro": "1 day"}');
SELECT journey_add_tile('cart', 'new', 'wait', '{"for": 30}');
SELECT journey_add_tile('cart', '', 'wait');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_tile('cart', 'new', 'wait', '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_tile('cart', 'new', 'wait', '7');
SELECT journey_add_tile('cart', 'new', 'wait', '{"type": "wait"}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_edge('cart', 'hold', 'done', wait => '30');
SELECT journey_add_edge('cart', 'hold', 'done', percent => 101);
SELECT journey_add_edge('cart', 'hold', 'done', percent => 'NaN');
SELECT journey_add_edge('cart', 'hold', 'done', percent => 'Infinity');
SELECT journey_add_edge('cart', 'hold', 'done', config => '{"lable": "x"}');
SELECT journey_add_edge('cart', 'hold', 'done', config => '{"event": "x"}');
SELECT journey_add_edge('cart', 'hold', 'done', event => '');
SELECT journey_add_edge('cart', 'hold', 'done', condition => ' ');
SELECT journey_drop_edge('cart', 'hold', 'done', edge => -1);
SELECT journey_definition('cart') = definition AS unchanged FROM document;

-- Nulls.
SELECT journey_add_tile(NULL, 'new', 'wait');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_tile('cart', NULL, 'wait');
SELECT journey_add_tile('cart', 'new', NULL);
SELECT journey_add_tile('cart', 'new', 'wait', NULL);
SELECT journey_add_edge('cart', NULL, 'done');
SELECT journey_add_edge('cart', 'hold', NULL);
SELECT journey_add_edge('cart', 'hold', 'done', config => NULL);
SELECT journey_drop_tile('cart', NULL);
SELECT journey_drop_edge('cart', 'hold', NULL);

-- Several edges between the same tiles: by event, or by position.
SELECT journey_add_edge('cart', 'hold', 'done', 'A'), journey_add_edge('cart', 'hold', 'done', 'B'), journey_add_edge('cart', 'hold', 'done');
SELECT position, from_tile, to_tile, event FROM journey.edge WHERE journey = 'cart' ORDER BY position;
SELECT journey_drop_edge('cart', 'hold', 'done');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_edge('cart', 'hold', 'done', edge => 1);
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_edge('cart', 'hold', 'done', 'B');
SELECT journey_drop_edge('cart', 'hold', 'done', edge => 7);
SELECT journey_drop_edge('cart', 'hold', 'done');
SELECT journey_definition('cart') = definition AS as_before FROM document;

-- A tile takes its edges along.
SELECT journey_drop_tile('cart', '7');
SELECT position, from_tile, to_tile FROM journey.edge WHERE journey = 'cart' ORDER BY position;
SELECT tile, type, config FROM journey.tile WHERE journey = 'cart' ORDER BY tile;
SELECT journey_drop_tile('cart', tile) FROM journey.tile WHERE journey = 'cart';
SELECT journey_definition('cart');

-- What is not there.
SELECT journey_drop_tile('at once', 'no such tile');
SELECT journey_drop_edge('at once', 'start', 'no such tile');
SELECT journey_add_edge('at once', 'start', 'no such tile');

-- An edge may be dropped whose tiles are not drawn yet.
SELECT journey_update('cart', '{"edges": [{"from": "a", "to": "b"}]}');
SELECT journey_drop_edge('cart', 'a', 'b');
SELECT journey_definition('cart');

-- A loop, and a document drawn by a query: the whole of another journey, in no order of tiles.
SELECT journey_create('loop', '{}');
SELECT journey_add_tile('loop', 'a', 'wait', '{"for": "1 day"}'), journey_add_edge('loop', 'a', 'a');
SELECT journey_drop_tile('loop', 'a');
SELECT journey_definition('loop');
SELECT journey_add_tile('loop', tile, type, config) FROM journey.tile WHERE journey = 'at once' ORDER BY tile DESC;
SELECT journey_add_edge('loop', e ->> 'from', e ->> 'to', e ->> 'event', e ->> 'condition', e ->> 'wait', (e ->> 'percent')::numeric,
						e - '{from,to,event,condition,wait,percent}'::text[])
  FROM document, jsonb_array_elements(definition -> 'edges') WITH ORDINALITY AS x (e, n) ORDER BY n;
SELECT journey_definition('loop') = definition AS same FROM document;

SELECT journey_create('views', '{}');
SELECT journey_add_tile('views', tile, type, config) FROM journey.tile WHERE journey = 'at once';
SELECT journey_add_edge('views', from_tile, to_tile, event, condition, wait::text, percent, config)
  FROM (SELECT * FROM journey.edge WHERE journey = 'at once' ORDER BY position) e;
SELECT journey_definition('views') #- '{edges,2,wait}' = definition #- '{edges,2,wait}' AS same FROM document;

-- Other keys of the document are left alone.
SELECT journey_update('loop', '{"key": "props->>''k''", "ui": {"zoom": 2}, "tiles": {}, "edges": []}');
SELECT journey_add_tile('loop', 'start', 'entry');
SELECT journey_definition('loop');

-- Only drafts, and only by those who may.
SELECT journey_activate('at once');
SELECT journey_add_tile('at once', 'x', 'wait');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_drop_edge('at once', 'start', 'hold');
SELECT journey_revise('at once'), journey_drop_tile('at once', 'paid');
SELECT tile FROM journey.tile WHERE journey = 'at once' AND version = 2 ORDER BY 1;
SELECT journey_definition('at once', 1) = definition AS same FROM document;
CREATE ROLE regress_rows_other;
SELECT journey_grant('regress_rows_other', 'author');
SET ROLE regress_rows_other;
SELECT journey_add_tile('loop', 'x', 'wait');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_add_edge('loop', 'start', 'start');
SELECT journey_drop_tile('loop', 'start');
SELECT journey_drop_edge('loop', 'start', 'start');
SELECT journey_create('own', '{}'), journey_add_tile('own', 'x', 'wait'), journey_delete('own');
RESET ROLE;
SELECT journey_revoke('regress_rows_other', 'author');
SET ROLE regress_rows_other;
SELECT journey_add_tile('loop', 'x', 'wait');
RESET ROLE;
BEGIN READ ONLY;
SELECT journey_add_tile('loop', 'x', 'wait');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CREATE MATERIALIZED VIEW trap AS SELECT journey_drop_tile('loop', 'start')::text AS dropped;
\echo :LAST_ERROR_SQLSTATE

-- A savepoint undoes a row.
BEGIN;
SELECT journey_add_tile('loop', 'kept', 'exit');
SAVEPOINT s;
SELECT journey_add_tile('loop', 'gone', 'exit');
ROLLBACK TO s;
SELECT journey_add_edge('loop', 'start', 'kept');
COMMIT;
SELECT journey_definition('loop');

-- Every key of the language.
\getenv abs_srcdir PG_ABS_SRCDIR
\set language :abs_srcdir '/definition.sql'
BEGIN;
\set ECHO none
\o /dev/null
\i :language
\o
\set ECHO all
SELECT journey_create('whole', pg_temp.whole() - '{tiles,edges}'::text[]);
SELECT count(journey_add_tile('whole', key, value ->> 'type', value - 'type')) = count(*) AS drawn FROM jsonb_each(pg_temp.whole() -> 'tiles');
SELECT count(journey_add_edge('whole', e ->> 'from', e ->> 'to', e ->> 'event', e ->> 'condition', e ->> 'wait', (e ->> 'percent')::numeric,
							  e - '{from,to,event,condition,wait,percent}'::text[])) = count(*) AS drawn
  FROM (SELECT e FROM jsonb_array_elements(pg_temp.whole() -> 'edges') WITH ORDINALITY AS x (e, n) ORDER BY n) x;
SELECT journey_definition('whole') = pg_temp.whole() AS same;
SELECT count(*) FILTER (WHERE config ? 'on') > 0 AS has_on, count(*) FILTER (WHERE config ? 'since') > 0 AS has_since
  FROM journey.edge WHERE journey = 'whole';
ROLLBACK;

-- Clean up.
DELETE FROM journey.version_row;
DELETE FROM journey.journey;
DELETE FROM journey.destination;
DROP ROLE regress_rows_other;
