# The sender: what it sends, when, how much of it at a time, and what it lets past.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use Sink;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $sink = Sink->start(tls => 0);
my $node = new_server(
	'main',
	conf => qq{
autovacuum = off
checkpoint_timeout = 1h
bgwriter_lru_maxpages = 0
journey.http_allow = '127.0.0.1'
journey.http_max_in_flight = 20
});

# A destination, and a journey that sends there whoever has the event of its name.
sub new_hook
{
	my ($database, $name, $config, $tile) = @_;

	$config = '{"url": "' . $sink->url('http', "/$name") . qq("$config});
	$tile //= '';
	return $node->safe_psql(
		$database, qq{
		SELECT journey_destination_create('$name', 'webhook', '$config');
		SELECT journey_create('$name', '{
			"key": "coalesce(props->>''id'', '''')",
			"tiles": {
				"start": {"type": "entry", "on": [{"event": "$name"}]},
				"send": {"type": "action", "destination": "$name", "payload": {"to": "{{ customer }}"}$tile},
				"done": {"type": "exit"}},
			"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}');
		SELECT journey_activate('$name');});
}

sub emit
{
	my ($database, $event, $many, $prefix) = @_;

	$prefix //= 'c';
	return $node->safe_psql($database,
		"SELECT count(journey_emit('$prefix' || i, '$event')) FROM generate_series(1, $many) i");
}

sub delivered
{
	my ($database, $name, $many, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, $database,
		"SELECT count(*) FILTER (WHERE state = 'delivered') = $many AND count(*) = $many
		   FROM journey.action WHERE destination = '$name'", $what);
}

sub sender_pid
{
	my ($database) = @_;

	return $node->safe_psql($database,
		"SELECT pid FROM journey.worker WHERE kind = 'sender' AND database = current_database()");
}

sub set_up
{
	my ($setting, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting = '$value'");
	return $node->reload;
}

# Each webhook-id came that often, in the ledger.
sub times_each
{
	my %times;

	$times{ $_->{id} }++ for $sink->ledger(path => $_[0]);
	my %numbers = map { $_ => 1 } values %times;
	return join ',', sort { $a <=> $b } keys %numbers;
}

new_database($node, 'one');

# ---- it sends ----

new_hook('one', 'plain', '');
emit('one', 'plain', 30);
delivered('one', 'plain', 30, 'what is due is sent, and recorded');
is(scalar($sink->ledger(path => '/plain')), 30, 'each once');
is( $node->safe_psql(
		'one', q{SELECT count(*), min(datname) FROM pg_stat_activity
				  WHERE backend_type = 'journey sender'}),
	'1|one',
	'the sender shows in pg_stat_activity');
is( $node->safe_psql('one', q{SELECT kind, number, sent, moved, why_idle FROM journey.worker WHERE kind = 'sender'}),
	'sender|0|30||',
	'and in journey.worker, with what it sent');
is( $node->safe_psql('one', q{SELECT sum(delivered), sum(failed), sum(dead) FROM journey.delivery_total WHERE destination = 'plain'}),
	'30|0|0',
	'what became of it is counted');
wait_for($node, 'one',
	q{SELECT p50 > 0 AND p99 >= p50 FROM journey.delivery_total WHERE destination = 'plain' AND part = 0},
	'and timed');

my $begun = time;
emit('one', 'plain', 1, 'woken');
delivered('one', 'plain', 31, 'a commit wakes it');
cmp_ok(time - $begun, '<', 3, 'before it would look by itself');

# A savepoint that is rolled back takes its wake-up with it; the rest of it comes.
$begun = time;
$node->safe_psql('one', q{
	BEGIN;
	SELECT journey_emit('kept', 'plain');
	SAVEPOINT a; SELECT journey_emit('lost', 'plain'); ROLLBACK TO a;
	SAVEPOINT b; SELECT journey_emit('kept2', 'plain'); RELEASE b;
	COMMIT;});
delivered('one', 'plain', 33, 'so do savepoints');
cmp_ok(time - $begun, '<', 3, 'at once too');
is(scalar(grep { $_->{body} =~ /lost/ } $sink->ledger(path => '/plain')), 0, 'and what is rolled back is not sent');

# ---- at no cost where nothing is due ----

$node->safe_psql('one', 'VACUUM');
$node->safe_psql('one', 'CHECKPOINT');
my $heartbeat = q{SELECT heartbeat FROM journey.worker WHERE kind = 'sender'};
my $next = sub {
	my $last = $node->safe_psql('one', $heartbeat);
	wait_for($node, 'one', "SELECT ($heartbeat) > '$last'", 'the sender polls');
};
my $cost = 'SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())';
$next->();
my $before = $node->safe_psql('one', $cost);
$next->();
is($node->safe_psql('one', $cost), $before, 'an idle sender uses no transaction id and writes no WAL');

# ---- paused journeys and destinations, journey.delivery ----

$node->safe_psql('one', q{SELECT journey_pause('plain')});
$node->safe_psql('one', q{INSERT INTO journey.action SELECT gen_random_uuid(), member, journey, tile, 'paused',
	destination, payload, tags, 'pending', 0, now(), NULL, NULL, created_at, NULL, NULL, retry, seq, limits
	FROM journey.action WHERE destination = 'plain' LIMIT 1});
new_hook('one', 'other', '');
emit('one', 'other', 5);
delivered('one', 'other', 5, 'a paused journey stops no other');
is($node->safe_psql('one', q{SELECT state FROM journey.action WHERE customer = 'paused'}), 'pending', 'and stays where it is');
$begun = time;
$node->safe_psql('one', q{SELECT journey_resume('plain')});
delivered('one', 'plain', 34, 'until it is resumed');
cmp_ok(time - $begun, '<', 3, 'which wakes the sender');

$node->safe_psql('one', q{SELECT journey_destination_pause('plain')});
emit('one', 'plain', 3, 'held');
emit('one', 'other', 5, 'more');
delivered('one', 'other', 10, 'a paused destination stops no other');
is($node->safe_psql('one', q{SELECT count(*) FROM journey.action WHERE destination = 'plain' AND state = 'pending'}), '3', 'its actions stay');
$begun = time;
$node->safe_psql('one', q{SELECT journey_destination_resume('plain')});
delivered('one', 'plain', 37, 'until it is resumed');
cmp_ok(time - $begun, '<', 3, 'which wakes the sender');

set_up('journey.delivery', 'off');
$next->();
emit('one', 'plain', 3, 'off');
$next->();
is($node->safe_psql('one', q{SELECT count(*) FROM journey.action WHERE state = 'pending'}), '3', 'nothing is sent while journey.delivery is off');
set_up('journey.delivery', 'on');
delivered('one', 'plain', 40, 'and what is left is when it is on');

# ---- somebody holds a customer ----

new_hook('one', 'awaited', '', ', "await": true');
my $holder = $node->background_psql('one');
$sink->script(path => '/awaited', replies => [ { hold => 'awaited' } ]);
emit('one', 'awaited', 10);
$sink->wait_for(10, path => '/awaited');
$holder->query_safe(q{BEGIN});
$holder->query_safe(q{SELECT FROM journey.member_row WHERE customer = 'c3' FOR UPDATE});
$sink->release('awaited');
wait_for($node, 'one', q{SELECT count(*) = 9 FROM journey.action WHERE destination = 'awaited' AND state = 'delivered'},
	'an answer whose customer somebody holds keeps no other from being recorded');
# Its lease passes meanwhile.
$node->safe_psql('one', q{UPDATE journey.action SET next_attempt_at = now() WHERE customer = 'c3' AND destination = 'awaited'});
emit('one', 'awaited', 5, 'later');
wait_for($node, 'one', q{SELECT count(*) = 14 FROM journey.action WHERE destination = 'awaited' AND state = 'delivered'}, 'more are sent there');
$holder->query_safe(q{COMMIT});
$holder->quit;
delivered('one', 'awaited', 15, 'it is recorded when the customer is free');
is(times_each('/awaited'), '1', 'and was not sent again');
is($node->safe_psql('one', q{SELECT count(*) FROM journey.member WHERE journey = 'awaited' AND state <> 'exited'}), '0', 'all members have gone on');

# ---- the breaker ----

new_hook('one', 'broken', ', "breaker": {"failures": 3, "pause": "400 ms"}, "max_in_flight": 1'
	. ', "retry": {"max": 20, "first": "1 ms", "factor": 1, "longest": "1 ms"}');
$sink->script(path => '/broken', replies => [ 503, 503, 503, 503, { status => 200, hold => 'probe' } ]);
emit('one', 'broken', 1);
wait_for($node, 'one', q{SELECT breaker = 'open' AND breaker_until > now() - interval '1 second' FROM journey.destination WHERE name = 'broken'},
	'failures in a row open the breaker');
like($node->safe_psql('one', q{SELECT string_agg(why, '') FROM journey.delivery WHERE destination = 'broken'}), qr/the last with "HTTP status 503"/, 'why can be seen');
my @tries = $sink->wait_for(5, path => '/broken');
wait_for($node, 'one', q{SELECT breaker = 'half_open' FROM journey.destination WHERE name = 'broken'}, 'then a probe is sent');
emit('one', 'broken', 5, 'more');
$next->();
is(scalar($sink->ledger(path => '/broken')), 5, 'and nothing else');
$sink->release('probe');
$sink->script(path => '/broken', replies => [200]);
delivered('one', 'broken', 6, 'all are sent when it is answered');
is($node->safe_psql('one', q{SELECT breaker, breaker_until FROM journey.destination WHERE name = 'broken'}), 'closed|', 'and the breaker is closed');
cmp_ok($tries[2]{mono} - $tries[0]{mono}, '<', 3, 'retries come at their time, not at the next poll');
cmp_ok($tries[3]{mono} - $tries[2]{mono}, '>=', 0.4, 'the pause is kept');
cmp_ok($tries[4]{mono} - $tries[3]{mono}, '>=', 0.8, 'and doubles');
is($node->safe_psql('one', q{SELECT attempts FROM journey.action WHERE destination = 'broken' ORDER BY attempts DESC LIMIT 1}), '5', 'no attempt is counted but those that were made');

# ---- a receiver that wants no more, while somebody holds its row ----

new_hook('one', 'gone', '');
$sink->script(path => '/gone', replies => [410]);
$holder = $node->background_psql('one');
$holder->query_safe(q{BEGIN});
$holder->query_safe(q{SELECT FROM journey.destination WHERE name = 'gone' FOR UPDATE});
emit('one', 'gone', 1);
wait_for($node, 'one', q{SELECT state = 'dead' FROM journey.action WHERE destination = 'gone'}, 'an action that its receiver wants no more is dead');
emit('one', 'gone', 1, 'next');
emit('one', 'other', 5, 'beside');
delivered('one', 'other', 15, 'the row of its destination is not waited for');
$holder->query_safe(q{COMMIT});
$holder->quit;
wait_for($node, 'one', q{SELECT disabled LIKE '%410%' FROM journey.destination WHERE name = 'gone'}, 'the destination is disabled');
is($node->safe_psql('one', q{SELECT state, attempts FROM journey.action WHERE destination = 'gone' AND customer = 'next1'}), 'pending|0', 'nothing more is sent there');

# ---- the rate ----

new_hook('one', 'slow', ', "rate": {"max": 8, "per": "500 ms"}');
$sink->script(path => '/slow', replies => [ { status => 200, delay => 0.03 } ]);
emit('one', 'slow', 40);
delivered('one', 'slow', 40, 'what a rate holds back is sent later');
my @at = sort { $a <=> $b } map { $_->{mono} } $sink->ledger(path => '/slow');
is(scalar(grep { $at[ $_ + 8 ] - $at[$_] < 0.5 } 0 .. 31), 0, 'never more than the rate allows, by the receiver\'s clock');
cmp_ok($at[39] - $at[0], '<', 4 * 0.53 * 1.5, 'nor much less');

# ---- fair shares ----

for my $name (qw(hang1 hang2 hang3))
{
	new_hook('one', $name, ', "max_in_flight": 1000');
	$sink->script(path => "/$name", replies => ['hang']);
	emit('one', $name, 30);
}
wait_for($node, 'one', q{SELECT count(DISTINCT destination) = 3 FROM journey.action WHERE state = 'in_flight'}, 'three destinations hang');
$begun = time;
emit('one', 'plain', 100, 'fair');
delivered('one', 'plain', 140, 'another one is sent to all the same');
cmp_ok(time - $begun, '<', 5, 'without delay');
cmp_ok($node->safe_psql('one', q{SELECT count(*) FROM journey.action WHERE state = 'in_flight'}), '<', 20, 'they leave room');

# ---- it is ended, and comes back ----

my $attempts = $node->safe_psql('one', q{SELECT sum(attempts) FROM journey.action WHERE destination LIKE 'hang%'});
my $pid = sender_pid('one');
$node->safe_psql('one', "SELECT pg_terminate_backend($pid)");
wait_for($node, 'one', "SELECT pid <> $pid FROM journey.worker WHERE kind = 'sender'", 'a sender that was terminated is started again');
wait_for($node, 'one', "SELECT sum(attempts) > $attempts FROM journey.action WHERE destination LIKE 'hang%'", 'what was under way does not keep it from sending');

set_up('journey.databases', '');
wait_for($node, 'one', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'journey sender'}, 'journey.databases dismisses it, though requests hang');
$sink->script(path => "/$_", replies => [200]) for qw(hang1 hang2 hang3);
set_up('journey.workers', '0');
set_up('journey.databases', '*');
delivered('one', "hang$_", 30, 'it comes back without schedulers too, and sends what was left') for 1 .. 3;
is($node->safe_psql('one', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'journey scheduler'}), '0', 'there is no scheduler');
set_up('journey.workers', '1');
wait_for_scheduler($node, 'one');

# ---- commands that need the database, or the extension, for themselves ----

new_hook('one', 'hold', ', "max_in_flight": 5');
$sink->script(path => '/hold', replies => ['hang']);
emit('one', 'hold', 5);
$sink->wait_for(5, path => '/hold');

$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE one');
wait_for($node, 'copy', q{SELECT why_idle ~ 'this database is a copy' FROM journey.worker WHERE sent IS NULL AND database = current_database()}, 'a copy is not armed');
wait_for($node, 'one', q{SELECT count(*) = 1 FROM journey.worker WHERE kind = 'sender' AND database = 'one'}, 'the original\'s sender is back');
my @before = $sink->wait_for(10, path => '/hold');
$node->safe_psql('copy', q{UPDATE journey.action SET next_attempt_at = now() WHERE destination = 'hold'});
emit('one', 'hold', 1);
$sink->wait_for(11, path => '/hold');
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'journey sender' AND datname = 'copy'}), '0', 'and has no sender');
is(scalar($sink->ledger(path => '/hold')), 11, 'it sends nothing while the original does');
$node->safe_psql('copy', 'SELECT journey_arm()');
$sink->wait_for(16, path => '/hold');
pass('until it is armed');
$begun = time;
$node->safe_psql('postgres', 'DROP DATABASE copy');
cmp_ok(time - $begun, '<', 3, 'DROP DATABASE gets past hanging requests');

new_database($node, 'two');
new_hook('two', 'hold', '');
emit('two', 'hold', 3, 'two');
wait_for($node, 'two', q{SELECT count(*) = 3 FROM journey.action WHERE state = 'in_flight'}, 'requests hang in another database');
$begun = time;
$node->safe_psql('two', 'DROP EXTENSION journey CASCADE');
cmp_ok(time - $begun, '<', 3, 'DROP EXTENSION gets past them too');
wait_for($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'journey s%' AND datname = 'two'}, 'and its sender leaves');

# ---- shutdown with a thousand that hang ----

set_up('journey.http_max_in_flight', '2500');
new_hook('one', 'thousand', ', "max_in_flight": 1000, "timeout": "5 minutes"');
$sink->script(path => '/thousand', replies => ['hang']);
emit('one', 'thousand', 1000);
$sink->wait_for(1000, path => '/thousand');
$begun = time;
$node->stop('fast');
cmp_ok(time - $begun, '<', 3, 'a fast shutdown with 1,000 hanging requests takes less than 3 seconds');
$sink->script(path => '/thousand', replies => [200]);
$sink->script(path => '/hold', replies => [200]);
$node->start;
delivered('one', 'thousand', 1000, 'after it all are sent');
is(times_each('/thousand'), '2', 'each once more, under its id');

no_violations($node, 'one', 'the invariants hold');
$node->stop;
$sink->stop;
done_testing();
