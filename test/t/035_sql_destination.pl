# Destinations of kind sql: each action calls a function of the destination's owner,
# once, whatever is killed meanwhile; and the function gains nothing by it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server(
	'main', conf => q{
	restart_after_crash = on
	log_min_messages = log});
new_database($node, 'one');

sub sql { return $node->safe_psql('one', @_) }

# A journey that sends what its event says to the destination and stays for the
# answer.
sub make_journey
{
	my ($destination, $attempts) = @_;

	sql(qq{
		SET ROLE regress_shop;
		SELECT journey_create('$destination', \$json\${
			"key": "coalesce(props->>'id', '')",
			"tiles": {
				"start": {"type": "entry", "on": [{"event": "$destination"}]},
				"call": {"type": "action", "destination": "$destination", "await": true,
					"payload": {"do": "{{ context->>'do' }}"},
					"retry": {"max": $attempts, "first": "100 ms", "factor": 1, "longest": "100 ms"}},
				"asked": {"type": "branch"},
				"heard": {"type": "exit"},
				"other": {"type": "exit"},
				"failed": {"type": "exit"}
			},
			"edges": [
				{"from": "start", "to": "call"},
				{"from": "call", "to": "asked"},
				{"from": "asked", "to": "heard", "condition": "response->>'got' = customer"},
				{"from": "asked", "to": "other"},
				{"from": "call", "to": "failed", "on": "error"}
			]}\$json\$);
		SELECT journey_activate('$destination')});
	return;
}

# A destination with a journey of its name.
sub make_destination
{
	my ($name, %params) = @_;
	my $function = $params{function} // 'shop.send';
	my $timeout = $params{timeout} // '30 s';

	sql(qq{
		SET ROLE regress_shop;
		SELECT journey_destination_create('$name', 'sql',
			'{"function": "$function", "timeout": "$timeout"}')});
	make_journey($name, $params{attempts} // 3);
	return;
}

# Have the destination's function do that for the customer.
sub call
{
	my ($destination, $customer, $do) = @_;

	sql(qq{SELECT journey_emit('$customer', '$destination', jsonb_build_object('do', \$do\$$do\$do\$))});
	return;
}

sub state_of
{
	my ($customer) = @_;

	return sql(qq{SELECT state || ' ' || attempts FROM journey.action WHERE customer = '$customer'});
}

sub wait_for_state
{
	my ($customer, $state, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'one',
		"SELECT state || ' ' || attempts = '$state' FROM journey.action WHERE customer = '$customer'",
		$what)
	  || diag(sql("SELECT customer, state, attempts, last_error FROM journey.action WHERE customer = '$customer'"));
}

sub wait_until_it_runs
{
	my ($customer) = @_;

	wait_for($node, 'one',
		"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = hashtext('$customer')::bigint & 4294967295",
		"the function runs for $customer");
	return;
}

# What a function does that runs for so long, and can be seen to run.
sub lasting
{
	my ($customer, $seconds) = @_;

	return "SELECT pg_advisory_xact_lock(hashtext('$customer')), pg_sleep($seconds)";
}

sql(q{
	CREATE ROLE regress_shop;
	CREATE ROLE regress_mallory;
	GRANT regress_mallory TO regress_shop;
	SELECT journey_grant('regress_shop', 'operate');
	SELECT journey_grant('regress_shop', 'author');
	SELECT journey_grant('regress_shop', 'emit');
	CREATE SCHEMA shop;
	GRANT ALL ON SCHEMA shop TO regress_shop, regress_mallory;
	SET ROLE regress_shop;
	CREATE SEQUENCE shop.calls;
	CREATE TABLE shop.ledger (n serial, id uuid, customer text, payload jsonb, who text DEFAULT current_user);
	CREATE FUNCTION shop.send(id uuid, customer text, payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM nextval('shop.calls');
		INSERT INTO shop.ledger (id, customer, payload) VALUES (id, customer, payload);
		EXECUTE coalesce(payload->>'do', 'SELECT 1');
		RETURN jsonb_build_object('got', customer);
	END $$;
});

# ---- it works ----

make_destination('crm');
call('crm', 'ann', 'SELECT 1');
wait_for($node, 'one', "SELECT tile = 'heard' FROM journey.member WHERE customer = 'ann'",
	'a member goes on with what the function returned');
is( sql(q{
		SELECT l.who, l.id = a.id, l.payload = a.payload, a.state, a.attempts, a.response
		  FROM shop.ledger l JOIN journey.action a USING (customer) WHERE customer = 'ann'}),
	'regress_shop|t|t|delivered|1|{"got": "ann"}',
	'it was called as its owner, with the id, the customer and the payload');

for my $returns (
	[ 'void', 'PERFORM 1', '' ],
	[ 'int', 'RETURN 42', '42' ],
	[ 'text', q{RETURN 'Zoë "x"'}, '"Zoë \"x\""' ],
	[ 'shop.ledger', 'RETURN NULL', '' ],
	[ 'date[]', q{RETURN ARRAY[date '2026-01-02']}, '["2026-01-02"]' ])
{
	my ($type, $body, $response) = @$returns;
	my $name = "r$type" =~ s/\W/_/gr;

	sql(qq{
		SET ROLE regress_shop;
		CREATE FUNCTION shop.$name(uuid, text, jsonb) RETURNS $type LANGUAGE plpgsql AS \$\$ BEGIN $body; END \$\$;});
	make_destination($name, function => "shop.$name");
	call($name, "of $type", '');
	wait_for_state("of $type", 'delivered 1', "a function can return $type");
	is(sql("SELECT response FROM journey.action WHERE customer = 'of $type'"),
		$response, 'and that is the response');
}

# ---- errors ----

sql(q{
	SET ROLE regress_shop;
	CREATE SEQUENCE shop.tries;
	CREATE FUNCTION shop.third_time() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN IF nextval('shop.tries') < 3 THEN RAISE 'not yet, %', currval('shop.tries'); END IF; END $$;});
call('crm', 'bob', 'SELECT shop.third_time()');
wait_for_state('bob', 'delivered 3', 'what fails is tried again by the schedule');
is(sql("SELECT count(*) FROM shop.ledger WHERE customer = 'bob'"),
	1, 'and what failed attempts did is undone');
is(sql("SELECT tile FROM journey.member WHERE customer = 'bob'"), 'heard', 'the member waited for it');

call('crm', 'cid', "DO 'BEGIN RAISE ''two\nlines''; END'");
wait_for_state('cid', 'dead 3', 'after its last attempt an action is dead');
wait_for($node, 'one', "SELECT tile = 'failed' FROM journey.member WHERE customer = 'cid'",
	'its member takes the edge for errors');
is(sql("SELECT last_error FROM journey.action WHERE customer = 'cid'"),
	'two lines', 'the error is kept, as one line');
is(sql("SELECT count(*) FROM shop.ledger WHERE customer = 'cid'"), 0, 'and nothing else is left');
is( sql(q{
		SELECT sum(delivered), sum(failed), sum(dead) FROM journey.delivery_total WHERE destination = 'crm'}),
	'2|4|1',
	'attempts are counted');

# ---- a function that answers for its own action ----

call('crm', 'ack', 'SELECT public.journey_ack(id) FROM journey.action WHERE customer = \'ack\'');
wait_for_state('ack', 'dead 3', 'a function that answers for its own action has failed');
like(sql("SELECT last_error FROM journey.action WHERE customer = 'ack'"), qr/not of kind "pull"/, 'and hears why');

# ---- its time ----

make_destination('brief', timeout => '300 ms', attempts => 2);
call('brief', 'dan', 'SELECT pg_sleep(60)');
wait_for_state('dan', 'dead 2', 'a function that takes too long is canceled');
like(sql("SELECT last_error FROM journey.action WHERE customer = 'dan'"), qr/^timeout: /, 'and that is said');
make_destination('stubborn', timeout => '300 ms', attempts => 1);
call('stubborn', 'eve',
	q{DO 'BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END'});
wait_for($node, 'one', "SELECT state = 'dead' FROM journey.action WHERE customer = 'eve'",
	'one that catches the cancel ends with its process, and not for ever again');
call('stubborn', 'fay', 'SELECT 1');
wait_for_state('fay', 'delivered 1', 'then others get their turn');

# ---- nobody waits for another ----

make_destination('slow');
make_destination('quick');
call('slow', 'gus', lasting('gus', 60));
wait_until_it_runs('gus');
call('quick', 'hal', 'SELECT 1');
wait_for_state('hal', 'delivered 1', 'another destination is served');
is(state_of('gus'), 'in_flight 1', 'while a slow one is still at work');

# ---- shutdown ----

my $begun = time;
$node->stop('fast');
cmp_ok(time - $begun, '<', 10, 'the server stops while a function runs');
$node->start;
wait_until_it_runs('gus');
is(state_of('gus'), 'in_flight 2', 'and it is called again afterwards');
is( sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = hashtext('gus')::bigint & 4294967295"),
	't', 'a process can be ended');
wait_for_state('gus', 'in_flight 3', 'and another comes');
sql('SET ROLE regress_shop; SELECT journey_destination_pause(\'slow\')');

# ---- five destinations, four places ----

for my $n (1 .. 5)
{
	make_destination("many$n");
	call("many$n", "many $n $_", 'SELECT pg_sleep(0.01)') for 1 .. 3;
}
wait_for($node, 'one',
	"SELECT count(*) = 15 FROM journey.action WHERE customer LIKE 'many %' AND state = 'delivered'",
	'five destinations share the places of four');

# ---- somebody holds the customer ----

my $holder = $node->background_psql('one');
$holder->query_safe('SELECT 1');
make_destination('held');
$holder->query_safe(q{BEGIN; SELECT journey_emit('ida', 'held', '{"id": "x"}')});
$holder->query_safe('COMMIT; BEGIN');
wait_for_state('ida', 'delivered 1', 'an action is called for');
sql('SET ROLE regress_shop; SELECT journey_destination_pause(\'held\')');
call('held', 'jim', 'SELECT 1');
$holder->query_safe(q{SELECT FROM journey.member_row WHERE customer = 'jim' FOR UPDATE});
my $calls = sql('SELECT last_value FROM shop.calls');
sql('SET ROLE regress_shop; SELECT journey_destination_resume(\'held\')');
wait_for($node, 'one', "SELECT last_value > $calls FROM shop.calls", 'it was called');
wait_for($node, 'one', "SELECT state = 'in_flight' FROM journey.action WHERE customer = 'jim'",
	'while somebody holds its customer');
is(sql("SELECT count(*) FROM shop.ledger WHERE customer = 'jim'"), 0, 'nothing of that is kept');
$holder->query_safe('COMMIT');
wait_for_state('jim', 'delivered 1', 'and that was no attempt');
is(sql("SELECT count(*) FROM shop.ledger WHERE customer = 'jim'"), 1, 'in the end it took effect once');
$holder->quit;

# ---- a function that emits ----

call('crm', 'kim', q{SELECT public.journey_emit('lea', 'quick', '{"do": "SELECT 1"}'), public.journey_emit('kim', 'quick', '{"do": "SELECT 1"}')});
wait_for($node, 'one',
	"SELECT count(*) = 3 FROM journey.action WHERE customer IN ('kim', 'lea') AND state = 'delivered'",
	'a function can emit, for its customer too');
is(sql("SELECT string_agg(tile, ' ' ORDER BY customer, journey) FROM journey.member WHERE customer IN ('kim', 'lea')"),
	'heard heard heard', 'and all of them go their way');

# ---- what a function may not ----

sql(q{
	SET ROLE regress_shop;
	CREATE TABLE shop.parent (id int PRIMARY KEY);
	CREATE TABLE shop.child (id int REFERENCES shop.parent DEFERRABLE INITIALLY DEFERRED);
	CREATE TABLE shop.later (a int);
	CREATE FUNCTION shop.later() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO shop.ledger (customer, who) VALUES ('later', current_user); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON shop.later DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION shop.later();});
make_destination('attack', attempts => 1);
my @refused = (
	[ 'RESET ROLE', qr/cannot set parameter "role"/ ],
	[ 'SET ROLE postgres', qr/cannot set parameter "role"/ ],
	[ q{SELECT set_config('role', 'none', false)}, qr/cannot set parameter "role"/ ],
	[ 'SET SESSION AUTHORIZATION DEFAULT', qr/cannot set parameter "session_authorization"/ ],
	[ 'CREATE TEMPORARY TABLE x (a int) ON COMMIT DROP', qr/cannot create temporary table/ ],
	[ q{CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'}, qr/cannot use temporary objects/ ],
	[ 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', qr/cannot create a cursor WITH HOLD/ ],
	[ 'PREPARE p AS SELECT 1', qr/cannot execute PREPARE/ ],
	[ 'LISTEN x', qr/cannot execute LISTEN/ ],
	[ 'DISCARD ALL', qr/cannot execute DISCARD/ ],
	[ 'COMMIT', qr/transaction commands/ ],
	[ q{DO 'BEGIN COMMIT; END'}, qr/invalid transaction termination/ ],
	[ q{DO 'BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO shop.later VALUES (1); END'}, qr/cannot fire deferred trigger/ ],
	[ 'INSERT INTO shop.child VALUES (7)', qr/violates foreign key constraint/ ],
	[ 'SELECT pg_terminate_backend(pg_backend_pid())', qr/must be a superuser|permission denied/ ],
	[ 'DELETE FROM journey.action', qr/permission denied/ ],
	[ q{SELECT public.journey_grant('regress_shop', 'view')}, qr/permission denied|security-restricted operation/ ],
	[ 'ALTER ROLE regress_shop SUPERUSER', qr/must be superuser|permission denied/ ],
	[ 'SET session_replication_role = replica', qr/permission denied/ ]);
my $n = 0;
call('attack', 'refused ' . ++$n, $_->[0]) for @refused;
my @left = (
	q{INSERT INTO shop.later VALUES (1)},
	q{SET search_path = shop},
	q{SET lock_timeout = 1},
	q{SET default_transaction_read_only = on},
	q{SET transaction_read_only = on},
	q{SELECT pg_advisory_lock(4711)},
	q{SET CONSTRAINTS ALL DEFERRED},
	q{DO $x$ DECLARE c refcursor := 'left'; BEGIN OPEN c FOR SELECT generate_series(1, 9); END $x$});
$n = 0;
call('attack', 'left ' . ++$n, $_) for @left;
call('attack', 'seen', q{
	INSERT INTO shop.ledger (customer, who) SELECT 'settings', concat_ws(' ', current_user, current_setting('search_path'),
		current_setting('lock_timeout'), current_setting('transaction_read_only'), current_setting('session_replication_role'),
		(SELECT count(*) FROM pg_cursors WHERE name = 'left'), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711))});
wait_for_state('seen', 'delivered 1', 'attacks are over');
$n = 0;
for (@refused)
{
	$n++;
	like(sql("SELECT state || ': ' || last_error FROM journey.action WHERE customer = 'refused $n'"),
		qr/^dead: .*$_->[1]/, "refused: $_->[0]");
}
is( sql(q{SELECT count(*) FROM journey.action WHERE customer LIKE 'left %' AND state = 'delivered'}),
	scalar @left, 'what is harmless is allowed');
is( sql(q{SELECT who FROM shop.ledger WHERE customer = 'settings'}),
	'regress_shop pg_catalog, journey, pg_temp 0 off origin 0 0',
	'and nothing of it is left for the next call');
is( sql(q{SELECT DISTINCT who FROM shop.ledger WHERE customer = 'later'}),
	'regress_shop', 'deferrable triggers fire at once, as the owner');

# ---- whose function it is ----

sql(q{ALTER FUNCTION shop.send OWNER TO regress_mallory});
call('crm', 'moe', 'SELECT 1');
wait_for_state('moe', 'dead 3', 'a function that was given away is not called');
is( sql("SELECT last_error FROM journey.action WHERE customer = 'moe'"),
	'function shop.send is not owned by "regress_shop"', 'and that is said');
sql(q{
	ALTER FUNCTION shop.send OWNER TO regress_shop;
	SELECT journey_retry(id) FROM journey.action WHERE customer = 'moe'});
wait_for($node, 'one', "SELECT state = 'delivered' FROM journey.action WHERE customer = 'moe'",
	'until it is the owner\'s again');
sql(q{ALTER FUNCTION shop.send RENAME TO sent});
call('crm', 'ned', 'SELECT 1');
wait_for_state('ned', 'dead 3', 'nor is one that is gone');
sql(q{ALTER FUNCTION shop.sent RENAME TO send});
for my $wrong (
	[ 'shop.none', '42883' ], [ 'pg_catalog.now', '42883' ],
	[ 'shop.mallorys', '42501' ], [ 'shop.many', '42809' ], [ 'shop.procedure', '42809' ])
{
	sql(q{
		SET ROLE regress_mallory;
		CREATE FUNCTION shop.mallorys(uuid, text, jsonb) RETURNS void LANGUAGE sql AS '';
		SET ROLE regress_shop;
		CREATE FUNCTION shop.many(uuid, text, jsonb) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
		CREATE PROCEDURE shop.procedure(uuid, text, jsonb) LANGUAGE sql AS ''})
	  if $wrong->[0] eq 'shop.none';
	my ($ret, $out, $err) = $node->psql('one',
		qq{\\set VERBOSITY sqlstate\nSET ROLE regress_shop; SELECT journey_destination_create('wrong', 'sql', '{"function": "$wrong->[0]"}')});
	like($err, qr/\b$wrong->[1]\b/, "no destination calls $wrong->[0]");
}

# ---- exactly once ----

make_destination('once', attempts => 1000);
$calls = 300;
sql(qq{SELECT journey_emit('once ' || n, 'once', '{"do": "SELECT pg_sleep(0.005)"}') FROM generate_series(1, $calls) n});
for my $round (1 .. 4)
{
	my $least = $round * 40;

	wait_for($node, 'one',
		"SELECT count(*) >= $least FROM journey.action WHERE destination = 'once' AND state = 'delivered'",
		"$least are done");
	if ($round % 2)
	{
		my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'journey: calling%' OR query LIKE 'journey: claiming an action%' ORDER BY query LIMIT 1});
		ok($pid && kill('KILL', $pid), 'a process is killed');
	}
	else
	{
		my @pids = split /\n/, sql('SELECT pid FROM pg_stat_activity');
		my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

		$node->kill9;
		wait_until_gone($postmaster, @pids);
		start_after_kill9($node);
	}
}
wait_for($node, 'one',
	"SELECT count(*) = $calls FROM journey.action WHERE destination = 'once' AND state = 'delivered'",
	'after processes and servers were killed, all are done');
is( sql(q{
		SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE EXISTS (SELECT FROM journey.action a WHERE a.id = l.id))
		  FROM shop.ledger l WHERE customer LIKE 'once %'}),
	"$calls|$calls|$calls",
	'each once');
no_violations($node, 'one', 'the invariants hold', idle => 1);

# ---- the owner is dropped, the extension, the database ----

sql(q{
	CREATE ROLE regress_leaver;
	GRANT ALL ON SCHEMA shop TO regress_leaver;
	SELECT journey_grant('regress_leaver', 'operate');
	SET ROLE regress_leaver;
	CREATE FUNCTION shop.leaver(uuid, text, jsonb) RETURNS void LANGUAGE sql AS '';
	SELECT journey_destination_create('leaver', 'sql', '{"function": "shop.leaver"}');
	SELECT journey_destination_pause('leaver')});
make_journey('leaver', 2);
call('leaver', 'ole', 'SELECT 1');
sql(q{
	SELECT journey_revoke('regress_leaver', 'operate');
	REASSIGN OWNED BY regress_leaver TO regress_shop;
	DROP OWNED BY regress_leaver;
	DROP ROLE regress_leaver;
	SELECT journey_destination_resume('leaver')});
wait_for($node, 'one', "SELECT why = 'role \"regress_leaver\", its owner, does not exist' FROM journey.delivery WHERE destination = 'leaver'",
	'where the owner is gone that is said');
wait_for_state('ole', 'pending 0', 'and nothing is called');

call('quick', 'pam', lasting('pam', 60));
wait_until_it_runs('pam');
$begun = time;
sql('DROP EXTENSION journey CASCADE');
cmp_ok(time - $begun, '<', 10, 'DROP EXTENSION does not wait for a function');

new_database($node, 'two');
$node->safe_psql(
	'two', q{
	CREATE SCHEMA shop;
	CREATE FUNCTION shop.send(uuid, text, jsonb) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock(4712), pg_sleep(60)';
	SELECT journey_destination_create('d', 'sql', '{"function": "shop.send"}');
	SELECT journey_create('d', '{"tiles": {"start": {"type": "entry", "on": [{"event": "d"}]},
		"call": {"type": "action", "destination": "d"}, "end": {"type": "exit"}},
		"edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "end"}]}');
	SELECT journey_activate('d');
	SELECT journey_emit('x', 'd')});
wait_for($node, 'two', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712},
	'a function runs');
$begun = time;
$node->safe_psql('postgres', 'DROP DATABASE two');
cmp_ok(time - $begun, '<', 10, 'DROP DATABASE does not wait for it either');

$node->stop('fast');
done_testing();
