# Dump and restore of a database with watched tables, a bound profile and
# audiences, into another cluster: all is back, nothing moves or is sent by
# itself before journey_arm(), and triggers work at once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_server('main', init => { extra => ['--no-sync'] });
my $other = new_server('other');
new_database($main, 'shop');

sub of
{
	my ($node, $database, $sql) = @_;

	return $node->safe_psql($database, $sql);
}

$main->safe_psql('shop', q{
	CREATE ROLE author LOGIN;
	CREATE ROLE app LOGIN;
	SELECT journey_grant('author', 'author'), journey_grant('author', 'operate'), journey_grant('app', 'emit');
	SELECT journey_destination_create('mail', 'pull');
	SELECT journey_grant('author', 'author', 'mail');
	GRANT CREATE ON SCHEMA public TO author;
	SET ROLE author;
	CREATE TABLE customers (id bigint PRIMARY KEY, name text, tier text NOT NULL, traits jsonb);
	CREATE TABLE orders (id int, region text, customer bigint, total numeric) PARTITION BY LIST (region);
	CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');
	CREATE TABLE orders_us PARTITION OF orders FOR VALUES IN ('us');
	CREATE TABLE spare (id text PRIMARY KEY);
	GRANT SELECT, INSERT, UPDATE, DELETE ON customers, orders TO app;
	INSERT INTO customers SELECT i, 'name ' || i, CASE WHEN i % 10 = 0 THEN 'gold' ELSE 'none' END FROM generate_series(1, 100) i;
	SELECT journey_bind_profile('customers', 'id', 'traits');
	SELECT journey_watch('orders', 'customer', 'order_{operation}', props => '{id, total}', always => true);
	SELECT journey_watch('orders', 'customer', 'big_order', condition => 'new.total > 1000 AND profile.tier = ''gold''', always => true, mode => 'queued');
	SELECT journey_audience_create('gold', 'SELECT id FROM public.customers WHERE tier = ''gold''');
	SELECT journey_audience_create('counted', 'SELECT id FROM public.customers WHERE id <= (SELECT count(*) FROM public.orders)', '1 minute');
	SELECT journey_create('buying', '{"tiles": {
		"in": {"type": "entry", "on": [{"event": "order_inserted", "condition": "(props->>''total'')::numeric > 0"}]},
		"send": {"type": "action", "destination": "mail", "payload": {"name": "{{ profile.name }}"}},
		"hold": {"type": "wait", "for": "1 second"}, "out": {"type": "exit"}},
		"edges": [{"from": "in", "to": "send"}, {"from": "send", "to": "hold"}, {"from": "hold", "to": "out"}]}');
	SELECT journey_create('club', '{"exit": [{"audience_left": "gold", "outcome": "left"}],
		"tiles": {"in": {"type": "entry", "on": [{"audience": "gold"}]}, "hold": {"type": "wait", "for": "1 year"}, "out": {"type": "exit"}},
		"edges": [{"from": "in", "to": "hold"}, {"from": "hold", "to": "out"}]}');
	SELECT journey_activate('buying'), journey_activate('club');
	RESET ROLE;
	SET ROLE app;
	INSERT INTO orders VALUES (1, 'eu', 1, 10), (2, 'us', 10, 20);
	UPDATE customers SET tier = 'gold' WHERE id IN (1, 2);
	UPDATE customers SET tier = 'none' WHERE id = 2;});
wait_for($main, 'shop', "SELECT count(*) = 2 FROM journey.member WHERE journey = 'buying' AND state = 'exited'", 'something has happened');
# From here on the original stands still.
$main->append_conf('postgresql.conf', "journey.databases = ''");
$main->reload;
wait_for($main, 'shop', 'SELECT count(*) = 0 FROM journey.worker WHERE pid IS NOT NULL', 'the original stands still');
$main->safe_psql('shop', q{
	SET ROLE app;
	INSERT INTO orders VALUES (3, 'eu', 3, 30), (4, 'eu', 10, 4000);
	RESET ROLE;
	UPDATE journey.audience SET refresh_at = now() - interval '1 day' WHERE name = 'counted';});

# What is to come back: our tables, and the triggers on those of the users.
my @tables = qw(journey version_row source watch profile audience audience_member member_row event transition_row action queue
  customer held access destination tile_total);
sub contents
{
	my ($node, $database) = @_;

	return join "\n", map { "$_: " . of($node, $database, "SELECT t FROM journey.$_ t ORDER BY t::text COLLATE \"C\"") } @tables;
}
my $triggers = q{
	SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'journey_source' ORDER BY 1::text};

my $original = contents($main, 'shop');
like($original, qr/^$_: ./m, "there is something in $_") for grep { !/^(customer|held|tile_total)$/ } @tables;
my $their_triggers = of($main, 'shop', $triggers);
like($their_triggers, qr/orders_eu\|journey_source\|O/, 'partitions have the trigger');
is(of($main, 'shop', 'SELECT name FROM journey.audience WHERE source IS NOT NULL'), 'gold', 'one audience is live');

$other->command_ok([ 'bash', '-c', sprintf q(pg_dumpall --globals-only -d '%s' | grep -v 'ROLE postgres' | psql -X -q -d '%s'),
		$main->connstr('postgres'), $other->connstr('postgres') ], 'roles');

sub restore
{
	my ($database, $format) = @_;
	my $file = $main->basedir . "/$database.dump";

	$main->command_ok([ 'pg_dump', "-F$format", '--no-sync', '-f', $file, '-d', $main->connstr('shop') ], "$database: dumped");
	$other->safe_psql('postgres', "CREATE DATABASE $database");
	$other->command_ok($format eq 'c' ? [ 'pg_restore', '--exit-on-error', '-d', $other->connstr($database), $file ] :
			[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $other->connstr($database) ], "$database: restored");
	return;
}

sub check_copy
{
	my ($database) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for($other, $database, 'SELECT why_idle ~ \'this database is a copy\' FROM journey.worker WHERE sent IS NULL AND database = current_database()', "$database: stands idle");
	is(contents($other, $database), $original, "$database: all is as it was");
	is(of($other, $database, $triggers), $their_triggers, "$database: the triggers too");
	is(of($other, $database, 'SELECT count(*) FROM journey.failure_row'), '0', "$database: nothing failed");

	# The triggers work at once: an event, a profile, a live audience; timers and the queue wait.
	$other->safe_psql($database, q{
		SET ROLE app;
		INSERT INTO orders VALUES (5, 'us', 4, 50), (6, 'us', 20, 5000);
		UPDATE customers SET tier = 'gold' WHERE id = 5;
		UPDATE customers SET tier = 'none' WHERE id = 1;});
	is(of($other, $database, q{SELECT customer, tile, state FROM journey.member WHERE journey = 'buying' AND customer IN ('3', '4', '20') ORDER BY customer}),
		"20|hold|active\n3|hold|active\n4|hold|active", "$database: a row enters a member, and no timer fires");
	is(of($other, $database, q{SELECT customer, state, outcome FROM journey.member WHERE journey = 'club' AND customer IN ('5', '1') ORDER BY customer}),
		"1|exited|left\n5|active|", "$database: the live audience is live");
	is(of($other, $database, q{SELECT payload FROM journey.action WHERE customer = '4'}), '{"name": "name 4"}', "$database: the profile is bound");
	is(of($other, $database, q{SELECT string_agg(event || customer, ' ' ORDER BY id) FROM journey.queue}), 'big_order10 big_order20', "$database: the queue waits");
	my ($code, $out, $err) = $other->psql($database, "SELECT * FROM journey_claim('mail')");
	like($err, qr/not armed/, "$database: nothing is handed out");
	is(of($other, $database, q{SELECT members, refreshed_at < refresh_at + interval '2 days' FROM journey.audience WHERE name = 'counted'}), '0|t',
		"$database: no audience is refreshed by itself");

	# Numbers go on after those that came along.
	$other->safe_psql($database, q{
		SET ROLE author;
		SELECT journey_watch('spare', 'id', 'spared', always => true);
		SELECT journey_create('another', journey_definition('club'));
		INSERT INTO spare VALUES ('ann');});
	is(of($other, $database, q{SELECT count(*), count(DISTINCT id) FROM journey.source}), '3|3', "$database: a new source has a new number");
	is(of($other, $database, q{SELECT customer FROM journey.event WHERE event = 'spared'}), 'ann', "$database: and is heard");
	is(of($other, $database, 'SELECT count(*) - count(DISTINCT id) FROM (SELECT id FROM journey.event UNION ALL SELECT id FROM journey.queue) e'), '0', "$database: so has an event");

	$other->safe_psql($database, 'SELECT journey_arm()');
	wait_for($other, $database, "SELECT bool_and(state = 'exited') FROM journey.member WHERE journey = 'buying'", "$database: armed, timers fire");
	wait_for($other, $database, "SELECT count(*) = 2 FROM journey.event WHERE event = 'big_order'", "$database: the queue is worked off");
	wait_for($other, $database, "SELECT members = 6 FROM journey.audience WHERE name = 'counted'", "$database: the audience is refreshed");
	is(of($other, $database, "SELECT count(*) FROM journey_claim('mail')"), '6', "$database: what is to be sent is there");
	no_violations($other, $database, "$database: the invariants hold", idle => 1);
	return;
}

for my $format ('c', 'p')
{
	restore("shop_$format", $format);
	check_copy("shop_$format");
}

# One schema alone: the trigger needs the extension, and says so; the rows come.
my $file = $main->basedir . '/public.sql';
$main->command_ok([ 'pg_dump', '-n', 'public', '--no-sync', '-f', $file, '-d', $main->connstr('shop') ], 'one schema');
$other->safe_psql('postgres', 'CREATE DATABASE bare');
my ($stdout, $stderr) = run_command([ 'psql', '-X', '-q', '-f', $file, '-d', $other->connstr('bare') ]);
like($stderr, qr/ERROR:  schema "journey" does not exist/, 'without the extension the trigger is refused');
is(of($other, 'bare', 'SELECT count(*) FROM customers'), '100', 'the rows are there');

# With the extension, the trigger comes to a database that does not know its number: it does nothing, and the table can
# be watched anew.
$other->safe_psql('postgres', 'CREATE DATABASE half');
$other->safe_psql('half', 'CREATE EXTENSION journey');
$other->command_ok([ 'bash', '-c', sprintf q(grep -v '^CREATE SCHEMA public' '%s' | psql -X -q -v ON_ERROR_STOP=1 -d '%s'), $file, $other->connstr('half') ],
	'with the extension it is accepted');
$other->safe_psql('half', q{
	INSERT INTO orders VALUES (7, 'eu', 1, 10);
	UPDATE customers SET tier = 'x' WHERE id = 3;
	SELECT journey_watch('spare', 'id', 'spared', always => true), journey_watch('spare', 'id', 'again', always => true);
	INSERT INTO spare VALUES ('bob');
	INSERT INTO orders VALUES (8, 'eu', 1, 10);});
is(of($other, 'half', 'SELECT event, customer FROM journey.event ORDER BY event'), "again|bob\nspared|bob", 'a number that no source has is nobody\'s');
is(of($other, 'half', 'SELECT count(*) FROM journey.failure_row'), '0', 'and no failure');
$other->safe_psql('half', q{
	SELECT journey_watch('orders', 'customer', 'ordered', always => true);
	INSERT INTO orders VALUES (9, 'us', 2, 10);
	SELECT journey_maintain();
	INSERT INTO orders VALUES (10, 'us', 2, 10);});
is(of($other, 'half', q{SELECT event, customer FROM journey.event WHERE customer <> 'bob'}), "ordered|2\nordered|2", 'the table can be watched anew');

$main->stop('fast');
$other->stop('fast');
done_testing();
