-- $profile_changed of a bound table: from the user's own statements, from journey_identify, and from update_profile,
-- whose own change is raised by the step that writes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
CREATE SCHEMA shop;
CREATE ROLE regress_profile_author;
CREATE ROLE regress_profile_app;
SELECT journey_grant('regress_profile_author', 'author'), journey_grant('regress_profile_app', 'emit');
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE TABLE shop.customers (id text PRIMARY KEY, plan text, score int, note text);
INSERT INTO shop.customers SELECT n, 'free', 0 FROM unnest('{ann,bob,cleo,dora,eve}'::text[]) AS n;
SELECT journey_bind_profile('shop.customers', 'id');

-- One member moved by whatever changes the row: by what has changed, and by the row as it is now.
CALL draw('plans', '{"tiles": {"start": {"type": "entry", "on": [{"event": "in"}]},
	"free": {"type": "wait"}, "pro": {"type": "wait"}, "done": {"type": "exit"}},
	"exit": [{"condition": "profile.note = ''gone''", "outcome": "gone"}],
	"edges": [{"from": "start", "to": "free"},
	{"from": "free", "to": "pro", "event": "$profile_changed", "condition": "props->''changed''->''plan''->>1 = ''pro'' and profile.plan = ''pro''"},
	{"from": "pro", "to": "free", "event": "$profile_changed", "condition": "props->''changed''->''plan''->>0 = ''pro''"},
	{"from": "pro", "to": "done", "event": "done"}]}');

CALL emit('10:00', 'ann', 'in');
CALL emit('10:00', 'bob', 'in');
CALL at('10:01');
UPDATE shop.customers SET plan = 'pro' WHERE id IN ('ann', 'cleo');
SELECT customer, tile, arrived_at FROM members;
CALL at('10:02');
SELECT journey_identify('bob', '{"plan": "pro", "score": 1}');
SELECT journey_identify('ann', '{"plan": "free"}');
SELECT customer, tile, arrived_at FROM members;
CALL at('10:03');
UPDATE shop.customers SET note = 'gone' WHERE id = 'bob';
SELECT customer, tile, state, outcome FROM members;
SELECT customer, event, props FROM journey.event WHERE event LIKE '$%' ORDER BY at, id;

-- update_profile: the same transaction, in this order: the member goes on, then the event.
CALL draw('sell', '{"tiles": {"start": {"type": "entry", "on": [{"event": "buy"}]},
	"mark": {"type": "update_profile", "set": {"plan": "pro", "score": "{{ profile.score + 1 }}", "note": null}},
	"told": {"type": "exit"}}, "edges": [{"from": "start", "to": "mark"}, {"from": "mark", "to": "told", "condition": "profile.plan = ''pro''"}]}');
CALL emit('11:00', 'ann', 'buy');
SELECT journey, from_tile, to_tile, reason, event, at FROM moves WHERE customer = 'ann' AND at >= moment('11:00');
SELECT customer, event, props FROM journey.event WHERE at = moment('11:00') ORDER BY id;
SELECT * FROM shop.customers WHERE id = 'ann';
-- Nothing is raised where nothing changes, or where it fails.
CALL emit('11:01', 'cleo', 'buy');
UPDATE shop.customers SET score = NULL, note = 'x' WHERE id = 'dora';
CALL emit('11:02', 'nobody', 'buy');
SELECT customer, event, props FROM journey.event WHERE at > moment('11:00') ORDER BY at, id;

-- A journey on $profile_changed that changes the profile again ends at journey.max_steps; what it did until then stays.
CALL draw('again', '{"key": "props->''changed''->''score''->>1", "tiles": {"start": {"type": "entry", "on": [{"event": "$profile_changed", "condition": "customer = ''eve''"}]},
	"more": {"type": "update_profile", "set": {"score": "{{ profile.score + 1 }}"}}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "more"}, {"from": "more", "to": "done"}]}');
SET LOCAL journey.max_steps = 4;
CALL at('12:00');
UPDATE shop.customers SET score = 10 WHERE id = 'eve';
SELECT id, score FROM shop.customers WHERE id = 'eve';
SELECT key, tile, state, outcome FROM members WHERE journey = 'again';
SELECT sqlstate, last_customer, message FROM failures WHERE minute = moment('12:00');
RESET journey.max_steps;
SELECT journey_stop('again');

-- The table's own triggers: what they do to the row is part of the change.
CREATE TABLE shop.audit (n int GENERATED ALWAYS AS IDENTITY, who text, line text);
CREATE FUNCTION shop.before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	new.note := concat(new.note, '+');
	RETURN new;
END
$$;
CREATE FUNCTION shop.after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.note = '+' THEN
		UPDATE shop.customers SET plan = 'gold' WHERE id = new.id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER a BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.before();
CREATE TRIGGER a_after AFTER UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.after();
CALL emit('12:01', 'bob', 'buy');
SELECT * FROM shop.customers WHERE id = 'bob';
SELECT event, props FROM journey.event WHERE at = moment('12:01') ORDER BY id;
DROP TRIGGER a ON shop.customers;
DROP TRIGGER a_after ON shop.customers;

-- A trigger may emit, for this customer too: then the member that waits for the write is where that has brought it.
CREATE FUNCTION shop.emits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.journey_emit(new.id, 'sold', jsonb_build_object('score', new.score));
	PERFORM public.journey_emit('boss', 'sold', jsonb_build_object('by', new.id));
	RETURN NULL;
END
$$;
CREATE TRIGGER emits AFTER UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.emits();
CALL draw('hears', '{"key": "coalesce(props->>''by'', '''')", "tiles": {"start": {"type": "entry", "on": [{"event": "sold"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "x"}]}');
CALL draw('leaves', '{"tiles": {"start": {"type": "entry", "on": [{"event": "leave"}]},
	"mark": {"type": "update_profile", "set": {"score": "{{ profile.score + 100 }}"}}, "on": {"type": "wait"}, "away": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "mark"}, {"from": "mark", "to": "away", "event": "sold"}, {"from": "mark", "to": "on"},
	{"from": "on", "to": "done", "event": "x"}, {"from": "away", "to": "done", "event": "x"}]}');
CALL emit('12:02', 'dora', 'leave');
CALL emit('12:03', 'cleo', 'buy');
SELECT journey, customer, key, tile, state FROM members WHERE journey IN ('hears', 'leaves');
SELECT customer, event, props FROM journey.event WHERE at >= moment('12:02') ORDER BY at, id;
SELECT sqlstate, message FROM failures WHERE minute >= moment('12:02');
DROP TRIGGER emits ON shop.customers;

-- It may write to others' rows: their journeys hear of that as of any write.
CREATE FUNCTION shop.refers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.id = 'cleo' THEN
		UPDATE shop.customers SET plan = 'pro' WHERE id = 'dora';
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER refers AFTER UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.refers();
CALL emit('12:04', 'dora', 'in');
CALL emit('12:05', 'cleo', 'buy');
SELECT customer, tile, arrived_at FROM members WHERE journey = 'plans' AND customer = 'dora';
SELECT customer, event, props FROM journey.event WHERE at = moment('12:05') ORDER BY id;
DROP TRIGGER refers ON shop.customers;

-- Writes that lead to writes by way of triggers come to an end.
CREATE FUNCTION shop.again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.journey_emit(new.id, 'spin', jsonb_build_object('n', new.score));
	RETURN NULL;
END
$$;
CREATE TRIGGER again AFTER UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.again();
CALL draw('spins', '{"key": "props->>''n''", "tiles": {"start": {"type": "entry", "on": [{"event": "spin"}]},
	"more": {"type": "update_profile", "set": {"score": "{{ profile.score + 1 }}"}}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "more"}, {"from": "more", "to": "done"}]}');
CALL at('12:06');
UPDATE shop.customers SET score = 0 WHERE id = 'dora';
SELECT key, tile, state, due_at FROM members WHERE journey = 'spins';
SELECT score FROM shop.customers WHERE id = 'dora';
SELECT journey, tile, sqlstate, count, message FROM failures WHERE minute >= moment('12:06');
DROP TRIGGER again ON shop.customers;
SELECT journey_stop('spins');

-- Under session_replication_role the table's triggers are silent, ours too.
SET LOCAL session_replication_role = replica;
CALL emit('12:07', 'ann', 'buy');
SELECT event, props FROM journey.event WHERE at = moment('12:07') ORDER BY id;
SELECT score FROM shop.customers WHERE id = 'ann';
SET LOCAL session_replication_role = origin;

-- A trigger runs as the journey's owner, shut in: it cannot become anybody else, nor leave anything for later.
ALTER TABLE shop.customers OWNER TO regress_profile_author;
ALTER TABLE shop.audit OWNER TO regress_profile_author;
GRANT ALL ON SCHEMA shop TO regress_profile_author;
SET LOCAL ROLE regress_profile_author;
CALL draw('mine', '{"key": "now::text", "tiles": {"start": {"type": "entry", "on": [{"event": "mine"}]}, "mark": {"type": "update_profile", "set": {"note": "{{ props->>''do'' }}"}}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "mark"}, {"from": "mark", "to": "done"}]}');
RESET ROLE;
CREATE FUNCTION shop.tries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.audit (who, line)
	SELECT current_user, concat_ws(' ', name, setting) FROM pg_catalog.pg_settings
	 WHERE new.note = 'select 1' AND name IN ('search_path', 'lock_timeout', 'TimeZone', 'transaction_read_only') ORDER BY name COLLATE "C";
	EXECUTE new.note;
	RETURN new;
END
$$;
CREATE TRIGGER tries BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.tries();
CREATE FUNCTION tried(moment text, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CALL at(moment);
	SET LOCAL ROLE regress_profile_app;
	PERFORM journey_emit('ann', 'mine', jsonb_build_object('do', what));
	IF current_user <> 'regress_profile_app' THEN
		RAISE 'now %', current_user;
	END IF;
	RESET ROLE;
	RETURN (SELECT concat_ws(' ', m.tile, m.state, (SELECT string_agg(concat_ws(' ', f.sqlstate, f.message), '; ') FROM journey.failure_row f WHERE f.at = moment(moment)))
			  FROM journey.member m WHERE m.journey = 'mine' ORDER BY m.id DESC LIMIT 1);
END
$$;
CREATE FUNCTION shop.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.audit (who, line) VALUES (current_user, 'later'); RETURN NULL; END $$;
SELECT tried('13:00', 'select 1');
SELECT who, line FROM shop.audit ORDER BY n;
SELECT tried('13:01', 'set role regress_profile_app');
SELECT tried('13:02', 'reset role');
SELECT tried('13:03', 'set session authorization default');
SELECT tried('13:04', 'select set_config(''role'', ''none'', false)');
SELECT tried('13:05', 'create temporary table t (a int)');
SELECT tried('13:06', 'listen x');
SELECT tried('13:07', 'select journey_create(''x'', ''{}'')');
SELECT tried('13:08', 'select public.journey_create(''x'', ''{}'')');
SELECT tried('13:09', 'commit');
SELECT tried('13:10', 'delete from journey.member_row');
DROP TRIGGER tries ON shop.customers;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON shop.customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.later();
SELECT tried('13:11', 'x');
SELECT note FROM shop.customers WHERE id = 'ann';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT who, line FROM shop.audit WHERE line = 'later';
DROP TRIGGER later ON shop.customers;

-- Time: a write has what is left of journey.emit_budget; the application's own limits are its own.
CREATE FUNCTION shop.spins() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN LOOP END LOOP; END';
CREATE TRIGGER spins BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.spins();
SET LOCAL journey.emit_budget = '100ms';
SELECT tried('13:12', 'x');
RESET journey.emit_budget;
SAVEPOINT limits;
SET LOCAL statement_timeout = '100ms';
SELECT tried('13:13', 'x');
ROLLBACK TO limits;
DROP TRIGGER spins ON shop.customers;
SELECT tried('13:14', 'x');
SELECT journey_unbind_profile();
ROLLBACK;
