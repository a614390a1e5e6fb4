# One destination's trouble, and what somebody holds locked, are not the others'.
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
journey.http_allow = '127.0.0.1'
journey.http_max_in_flight = 64
});

new_database($node, 'one');

sub sql { return $node->safe_psql('one', @_) }

# A destination, and a journey that sends there whoever has the event of its name.
sub new_hook
{
	my ($name, $config, %params) = @_;
	my $tile = $params{tile} // '';
	my $entry = $params{on} // $name;

	$config = '{"url": "' . $sink->url('http', "/$name") . qq("$config});
	return sql(qq{
		SELECT journey_destination_create('$name', 'webhook', '$config'} . ($params{secret} ? ", '$params{secret}'" : '') . qq{);
		SELECT journey_create('$name', '{
			"key": "coalesce(props->>''id'', '''')",
			"tiles": {
				"start": {"type": "entry", "on": [{"event": "$entry"}]},
				"send": {"type": "action", "destination": "$name", "payload": {"to": "{{ customer }}"}$tile},
				"done": {"type": "exit"}},
			"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}');
		SELECT journey_activate('$name');});
}

sub emit
{
	my ($event, $many, $prefix) = @_;

	$prefix //= 'c';
	return sql("SELECT count(journey_emit('$prefix' || i, '$event')) FROM generate_series(1, $many) i");
}

sub delivered
{
	my ($name, $many, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'one',
		"SELECT count(*) FILTER (WHERE state = 'delivered') = $many AND count(*) = $many
		   FROM journey.action WHERE destination = '$name'", $what)
	  || diag(sql("SELECT state, attempts, last_error, count(*) FROM journey.action WHERE destination = '$name' GROUP BY 1, 2, 3"));
}

# Meanwhile others are sent to, each within so many seconds.
my $beside = 0;

sub others_are_sent_to
{
	my ($seconds, $what) = @_;
	my $worst = 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for (1 .. 4)
	{
		my $begun = time;
		$beside++;
		emit('good', 1, "g$beside.");
		$node->poll_query_until('one', "SELECT state = 'delivered' FROM journey.action WHERE customer = 'g$beside.1'")
		  or die "not delivered: $what";
		$worst = time - $begun if time - $begun > $worst;
	}
	return cmp_ok($worst, '<', $seconds, $what);
}

# A session that holds what that statement locks.
sub hold
{
	my ($statement) = @_;
	my $session = $node->background_psql('one');

	$session->query_safe('BEGIN');
	$session->query_safe($statement);
	return $session;
}

sub let_go
{
	my ($session) = @_;

	$session->query_safe('COMMIT');
	return $session->quit;
}

sub sender_pid
{
	return sql(q{SELECT pid FROM journey.worker WHERE kind = 'sender' AND database = current_database()});
}

new_hook('good', '');
emit('good', 1, 'first');
delivered('good', 1, 'there is a good destination');

# ---- somebody holds rows ----

new_hook('other', '');
emit('other', 1);
delivered('other', 1, 'there is another one');
wait_for($node, 'one', q{SELECT count(*) = 1 FROM journey.delivery_total WHERE destination = 'other' AND part = 0}, 'its times are kept');
my $holder = hold(q{SELECT FROM journey.delivery_total FOR UPDATE});
emit('other', 1, 'second');
delivered('other', 2, 'the counts of attempts are held, and an attempt is made');
usleep(1_200_000);
others_are_sent_to(2, 'whoever holds the counts stops nobody');
let_go($holder);

new_hook('hang', ', "timeout": "1 minute"');
$sink->script(path => '/hang', replies => ['hang']);
emit('hang', 3);
$sink->wait_for(3, path => '/hang');
$holder = hold(q{SELECT FROM journey.action WHERE destination = 'hang' AND customer = 'c2' FOR UPDATE});
my $pid = sender_pid();
sql("SELECT pg_terminate_backend($pid)");
wait_for($node, 'one', "SELECT pid <> $pid FROM journey.worker WHERE kind = 'sender'", 'a sender is started anew, while an action that was in flight is held');
others_are_sent_to(2, 'whoever holds it stops nobody');
$sink->wait_for(5, path => '/hang');
is(sql(q{SELECT string_agg(attempts::text, ' ' ORDER BY customer) FROM journey.action WHERE destination = 'hang'}), '2 1 2', 'those that nobody held are sent again at once');
let_go($holder);
sql(q{SELECT journey_destination_pause('hang')});

# What an awaited action's end sets off enters what somebody is just entering.
new_hook('awaited', '', tile => ', "await": true');
new_hook('told', '', on => q($action_delivered", "condition": "props->>''destination'' = ''awaited''));
$sink->script(path => '/awaited', replies => [ { hold => 'awaited' } ]);
emit('awaited', 1, 'meets');
$sink->wait_for(1, path => '/awaited');
$holder = hold(q{SELECT journey_enter('told', 'meets1')});
$sink->release('awaited');
usleep(300_000);
others_are_sent_to(2, 'whoever enters what is entered too stops nobody for long');
let_go($holder);
delivered('awaited', 1, 'it is recorded then');

# ---- destinations that hang ----

my @hanging = map { "hang$_" } 1 .. 9;
for my $name (@hanging)
{
	new_hook($name, ', "timeout": "2 minutes"');
	$sink->script(path => "/$name", replies => ['hang']);
	emit($name, 80);
}
wait_for($node, 'one', q{SELECT count(DISTINCT destination) = 9 FROM journey.action WHERE state = 'in_flight' AND destination ~ '^hang[0-9]'},
	'nine destinations hang');
others_are_sent_to(2, 'however many hang, others are sent to');
sql("SELECT journey_destination_pause('$_')") for @hanging;
$pid = sender_pid();
sql("SELECT pg_terminate_backend($pid)");
wait_for($node, 'one', "SELECT pid <> $pid FROM journey.worker WHERE kind = 'sender'", 'a sender is started anew');

# ---- templates that take their time ----

new_hook('quick', ', "timeout": "2 seconds"');
$sink->script(path => '/quick', replies => [ { status => 200, delay => 1 } ]);
new_hook('slow', ', "body": {"n": "{{ (SELECT count(*) FROM generate_series(1, 1500000)) }}"}');
sql(q{SELECT journey_destination_pause('slow')});
emit('slow', 100);
emit('quick', 5);
$sink->wait_for(5, path => '/quick');
sql(q{SELECT journey_destination_resume('slow')});
others_are_sent_to(3, 'while templates of one destination take their time, others are sent to');
delivered('quick', 5, 'and answers that come meanwhile');
is(sql(q{SELECT max(attempts) FROM journey.action WHERE destination = 'quick'}), '1', 'are heard in time');
sql(q{SELECT journey_destination_pause('slow')});
is(sql(q{SELECT count(*) FROM journey.action WHERE destination = 'slow' AND (attempts > 1 OR attempts = 1 AND state = 'pending')}), '0',
	'what was not sent for want of time has not counted as an attempt');
cmp_ok(sql(q{SELECT count(*) FROM journey.action WHERE destination = 'slow' AND state = 'delivered'}), '>', 0, 'some were sent');

# ---- members that take their time ----

my $asks = $sink->url('http', '/asks');
sql(qq{
	SELECT journey_destination_create('asks', 'webhook', '{"url": "$asks"}');
	SELECT journey_create('asks', '{
		"tiles": {
			"start": {"type": "entry", "on": [{"event": "asks"}]},
			"send": {"type": "action", "destination": "asks", "payload": {}, "await": true},
			"think": {"type": "action", "destination": "good", "payload": {"n": "{{ (SELECT count(*) FROM generate_series(1, 1500000)) }}"}},
			"done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "think"}, {"from": "think", "to": "done"}]}');
	SELECT journey_activate('asks');});
$sink->script(path => '/asks', replies => [ { status => 200, hold => 'asks' } ]);
emit('asks', 30);
$sink->wait_for(30, path => '/asks');
$sink->release('asks');
others_are_sent_to(3, 'while members go on that take their time, others are sent to');
delivered('asks', 30, 'and they all go on');

# ---- rows that are due and cannot leave ----

new_hook('ordered', ', "ordered": true');
$sink->script(path => '/ordered', replies => [200]);
sql(q{
	SELECT journey_destination_pause('ordered');
	INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, seq)
	SELECT gen_random_uuid(), 1000000 + i, 'ordered', 'send', 'o' || i, 'ordered', '{}', 'pending', 1 - n, now() + (1 - n) * interval '1 hour' - n * interval '1 minute',
		   now() - interval '1 hour' + n * interval '1 minute', 1 + n
	  FROM generate_series(1, 20000) i, generate_series(0, 1) n;
	ANALYZE journey.action;
	SELECT journey_destination_resume('ordered');});
others_are_sent_to(2, 'while twenty thousand members wait for a retry, others are sent to');
wait_for($node, 'one', q{SELECT count(*) = 0 FROM journey.action WHERE destination = 'ordered' AND next_attempt_at <= now()},
	'and those that come after it are due when it is');
is(sql(q{SELECT count(*) FROM journey.action WHERE destination = 'ordered' AND state = 'delivered'}), '0', 'none is sent before its turn');
sql(q{SELECT journey_cancel(id) FROM journey.action WHERE customer = 'o7' AND attempts = 1});
wait_for($node, 'one', q{SELECT count(*) = 1 FROM journey.action WHERE customer = 'o7' AND state = 'delivered'}, 'where the first is cancelled the next is sent at once');
sql(q{SELECT journey_destination_pause('ordered')});

new_hook('quiet', '');
sql(q{
	SELECT journey_destination_pause('quiet');
	INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, seq, limits)
	SELECT gen_random_uuid(), 2000000 + i, 'quiet', 'send', 'q' || i, 'quiet', '{}', 'pending', 0, now(), now(), 1,
		   jsonb_build_object('zone', 'UTC', 'quiet', jsonb_build_object('from', to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI:SS'),
			'to', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI:SS')))
	  FROM generate_series(1, 30000) i;
	INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, seq)
	SELECT gen_random_uuid(), 3000000, 'quiet', 'send', 'awake', 'quiet', '{}', 'pending', 0, now(), now(), 1;
	ANALYZE journey.action;
	SELECT journey_destination_resume('quiet');});
others_are_sent_to(2, 'while thirty thousand are put off until the end of their quiet hours, others are sent to');
wait_for($node, 'one', q{SELECT state = 'delivered' FROM journey.action WHERE customer = 'awake'}, 'as is one behind them that has none');
wait_for($node, 'one', q{SELECT count(*) = 30000 FROM journey.action WHERE destination = 'quiet' AND next_attempt_at > now() AND attempts = 0}, 'all are put off');

# ---- a new secret goes to the new address ----

sql(q{SELECT journey_destination_resume('slow')});
new_hook('moves', ', "headers": {"X-Api-Key": "{{ secret }}"}', secret => 'old-secret');
for my $round (1 .. 3)
{
	my ($from, $to) = map { $sink->url('http', "/moves$_") } $round - 1, $round;

	emit('moves', 40, "m$round.");
	sql(qq{SELECT journey_destination_update('moves', '{"url": "$to", "headers": {"X-Api-Key": "{{ secret }}"}}', 'new-secret-$round')});
	emit('moves', 40, "n$round.");
}
delivered('moves', 240, 'a destination moves while it is sent to');
is_deeply(
	[
		grep { !/^\/moves(\d) new-secret-\1$|^\/moves old-secret$/ }
		map { "$_->{path} $_->{headers}{'x-api-key'}" } grep { $_->{path} =~ /^\/moves/ } $sink->ledger()
	],
	[],
	'each address gets the secret that came with it');
sql(q{SELECT journey_destination_pause('slow')});

# ---- an owner who is gone ----

my $orphan = $sink->url('http', '/orphan');
sql(qq{CREATE ROLE regress_leaver; SELECT journey_grant('regress_leaver', 'operate');
	CREATE SCHEMA leaver; GRANT ALL ON SCHEMA leaver TO regress_leaver;
	SET ROLE regress_leaver;
	CREATE FUNCTION leaver.take(id uuid, customer text, payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
	SELECT journey_destination_create('calls', 'sql', '{"function": "leaver.take"}');
	SELECT journey_destination_create('orphan', 'webhook', '{"url": "$orphan", "body": {"x": "{{ customer }}"}}');});
for my $name (qw(orphan calls))
{
	sql(qq{SELECT journey_create('$name', '{"tiles": {"start": {"type": "entry", "on": [{"event": "$name"}]},
			"send": {"type": "action", "destination": "$name", "payload": {}}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}');
		SELECT journey_activate('$name');});
}
sql(q{ALTER ROLE regress_leaver RENAME TO regress_gone});
emit('orphan', 3);
emit('calls', 3);
others_are_sent_to(2, 'destinations whose owner is gone stop nobody');
wait_for($node, 'one', q{SELECT count(*) = 2 FROM journey.delivery WHERE destination IN ('orphan', 'calls') AND why = 'role "regress_leaver", its owner, does not exist'}, 'why nothing leaves there can be seen');
is(sql(q{SELECT count(*) FROM journey.action WHERE destination IN ('orphan', 'calls') AND state = 'pending' AND attempts = 0}), '6', 'and their actions wait');
sql(q{ALTER ROLE regress_gone RENAME TO regress_leaver});
delivered('orphan', 3, 'until the owner is back');
delivered('calls', 3, 'of functions too');

# ---- the extension is altered while a function runs ----

sql(q{SET ROLE regress_leaver; CREATE OR REPLACE FUNCTION leaver.take(id uuid, customer text, payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(60)'});
emit('calls', 1, 'long');
wait_for($node, 'one', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type = 'journey sender'}, 'a function runs');
my $begun = time;
sql(q{ALTER EXTENSION journey ADD SCHEMA leaver; ALTER EXTENSION journey DROP SCHEMA leaver});
cmp_ok(time - $begun, '<', 5, 'ALTER EXTENSION does not wait for its end');

$node->stop('immediate');
$sink->stop;
done_testing();
