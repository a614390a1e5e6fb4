# The outbox with a sender: the order of a member's actions, when and whether what
# was put off leaves, what operators do about it, and what journey.delivery says.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;
use Time::HiRes qw(time);

my $sink = Sink->start(tls => 0);
my $secrets = PostgreSQL::Test::Utils::tempdir('secrets');
my $node = new_server(
	'outbox', conf => join "\n",
	'autovacuum = off',
	'restart_after_crash = on',
	'log_statement = none',
	'journey.max_props = 2kB',
	"journey.secret_dir = '$secrets'",
	"journey.http_allow = '127.0.0.1:" . $sink->port('http') . "'");
my $base = $sink->url('http', '');
$base =~ s{/$}{};
new_database($node, 'one');

sub sql { return $node->safe_psql('one', $_[0]); }
sub wait_until { local $Test::Builder::Level = $Test::Builder::Level + 1; return wait_for($node, 'one', @_); }

# A destination whose paths are /name/customer.
sub new_hook
{
	my ($name, $config) = @_;

	$config = $config ? ", $config" : '';
	return sql(qq{SELECT journey_destination_create('$name', 'webhook', '{"url": "$base/$name"$config}')});
}

# A journey of that name that an event of that name enters, with its tiles one
# after the other.
sub new_journey
{
	my ($name, $more, @tiles) = @_;
	my $number = 0;
	my @names = map { 't' . ++$number } @tiles;
	my $tiles = join '', map { qq("$names[$_]": $tiles[$_], ) } 0 .. $#tiles;
	my @chain = ('start', @names, 'done');
	my $edges = join ', ', map { qq({"from": "$chain[$_]", "to": "$chain[$_ + 1]"}) } 0 .. $#chain - 1;

	return sql(qq{
		SELECT journey_create('$name', \$json\${$more "tiles": {
			"start": {"type": "entry", "on": [{"event": "$name"}]}, $tiles
			"done": {"type": "exit"}}, "edges": [$edges]}\$json\$);
		SELECT journey_activate('$name');});
}

sub call
{
	my ($destination, $path, $more) = @_;
	$more = $more ? ", $more" : '';
	return qq({"type": "webhook", "destination": "$destination", "path": "/{{ customer }}$path"$more});
}

sub emit { return sql("SELECT journey_emit('$_[1]', '$_[0]')"); }

# state|attempts of a customer's actions, by tile.
sub states
{
	my ($customer) = @_;
	return sql("SELECT string_agg(state || ' ' || attempts, ', ' ORDER BY tile) FROM journey.action WHERE customer = '$customer'");
}

sub reaches
{
	my ($customer, $states, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'one',
		"SELECT string_agg(state || ' ' || attempts, ', ' ORDER BY tile) FROM journey.action WHERE customer = '$customer'",
		$what, $states);
}

sub paths { my ($like) = @_; return map { $_->{path} } grep { $_->{path} =~ $like } $sink->ledger; }

# ---- in order ----

new_hook('ord', '"ordered": true, "max_in_flight": 8, "retry": {"max": 2, "first": "1 second"}, "breaker": {"failures": 0}');
new_journey('ord', '', map { call('ord', "/$_") } 'a' .. 'd');
$sink->script(path => '/ord/bad/a', replies => [503]);
$sink->script(path => "/ord/c$_/b", replies => [ { status => 200, delay => 0.02 } ]) for 1 .. 20;
sql(q{SELECT journey_destination_pause('ord')});
emit('ord', 'bad');
sql(q{SELECT count(journey_emit('c' || i, 'ord')) FROM generate_series(1, 20) AS i});
is(sql(q{SELECT count(DISTINCT created_at), count(DISTINCT seq), count(*) FROM journey.action WHERE customer = 'c1'}), '1|4|4', 'one step makes several actions');
sql(q{SELECT journey_destination_resume('ord')});
reaches('bad', 'dead 2, delivered 1, delivered 1, delivered 1', 'what fails is dead, and the others of its member follow');
wait_until(q{SELECT count(*) = 83 FROM journey.action WHERE destination = 'ord' AND state = 'delivered'}, 'those of other members all arrive');
is(join(' ', paths(qr{^/ord/bad/})), join(' ', map { "/ord/bad/$_" } qw(a a b c d)), 'not before it is');
is(scalar(grep { join('', map { substr $_, -1 } paths(qr{^/ord/c$_/})) ne 'abcd' } 1 .. 20), 0, 'each member\'s in their order');
my ($again, $last) = (undef, 0);
for ($sink->ledger)
{
	$again = $_->{mono} if $_->{path} eq '/ord/bad/a';
	$last = $_->{mono} if $_->{path} =~ m{^/ord/c} && $_->{mono} > $last;
}
cmp_ok($last, '<', $again, 'and no other member waits for it');

# What is behind one that waits has its time, until that is over.
new_hook('late', '"ordered": true, "retry": {"max": 5, "first": "1 hour"}');
new_journey('late', '"exit": [{"event": "leave"}],', (map { call('late', "/$_") } qw(a b c)), '{"type": "wait", "for": "1 day"}');
$sink->script(path => "/late/$_/a", replies => [503]) for qw(ann bob);
emit('late', $_) for qw(ann bob cy);
reaches('cy', 'delivered 1, delivered 1, delivered 1', 'a member is not kept by others');
reaches($_, 'pending 1, pending 0, pending 0', "one of $_ waits for an hour") for qw(ann bob);
wait_until(q{SELECT bool_and(next_attempt_at > now() + '50 minutes') AND count(DISTINCT next_attempt_at) = 2
	FROM journey.action WHERE destination = 'late' AND state = 'pending'}, 'those behind it are not looked at until then');
emit('leave', $_) for qw(ann bob);
is(states('ann'), 'pending 1, pending 0, pending 0', 'an exit cancels what quiet hours hold, and not these');
my $begun = time;
is(sql(q{SELECT journey_cancel(id) FROM journey.action WHERE customer = 'ann' AND tile = 't1'}), 't', 'the first is cancelled');
reaches('ann', 'cancelled 1, delivered 1, delivered 1', 'those behind it leave');
sql(qq{SELECT journey_destination_update('late', '{"url": "$base/late", "retry": {"max": 5, "first": "1 hour"}}')});
reaches('bob', 'pending 1, delivered 1, delivered 1', 'so they do when no order is asked for any more');
cmp_ok(time - $begun, '<', 4, 'at once');

# ---- Retry-After ----

new_hook('after', '"breaker": {"failures": 0}');
sub next_of { return sql("SELECT round(extract(epoch FROM next_attempt_at - now())) FROM journey.action WHERE customer = '$_[0]'"); }
new_journey('soon', '', call('after', '', '"retry": {"max": 5, "first": "10 seconds", "longest": "10 seconds"}'));
new_journey('hour', '', call('after', '', '"retry": {"max": 5, "first": "1 hour", "longest": "1 hour"}'));
$sink->script(path => '/after/r1', replies => [ { status => 503, retry_after => 1000 } ]);
$sink->script(path => '/after/r2', replies => [ { status => 429, retry_after => 1000 } ]);
$sink->script(path => '/after/r3', replies => [ { status => 503, retry_after => 9_999_999 } ]);
emit('soon', 'r1');
emit('hour', 'r2');
emit('soon', 'r3');
reaches($_, 'pending 1', "$_ is to be tried again") for qw(r1 r2 r3);
cmp_ok(abs(next_of('r1') - 1000), '<', 60, 'a Retry-After later than the schedule counts');
cmp_ok(next_of('r2'), '>', 3500, 'an earlier one does not');
cmp_ok(abs(next_of('r3') - 86400), '<', 60, 'a day is the most');

# ---- answers that are too large ----

new_hook('big', '');
new_journey('big', '', call('big', '', '"await": true'));
$sink->script(path => '/big/small', replies => [ { json => { text => 'x' x 1500 } } ]);
$sink->script(path => '/big/full', replies => [ { json => { text => 'x' x 2030 } } ]);
$sink->script(path => '/big/large', replies => [ { json => { text => join '', map { chr(33 + rand 60) } 1 .. 4000 } } ]);
$sink->script(path => '/big/refused', replies => [ { status => 422, json => { text => 'x' x 4000 } } ]);
emit('big', $_) for qw(small full large refused);
reaches('small', 'delivered 1', 'an answer is kept');
reaches('full', 'delivered 1', 'whole');
reaches('large', 'delivered 1', 'one that is larger than journey.max_props counts as well');
reaches('refused', 'dead 1', 'as it would else');
is(sql(q{SELECT length(response->'body'->>'text') FROM journey.action WHERE customer = 'small'}), '1500', 'the one is there');
is(sql(q{SELECT length(response->'body'->>'text') FROM journey.action WHERE customer = 'full'}), '2030', 'so is one that fills journey.max_props');
is(sql(q{SELECT response, last_error FROM journey.action WHERE customer = 'large'}), '{"body": null, "status": 200}|', 'of the other the status');
is(sql(q{SELECT response, last_error FROM journey.action WHERE customer = 'refused'}), '{"body": null, "status": 422}|HTTP status 422', 'and the error');
wait_until(q{SELECT count(*) = 4 FROM journey.member WHERE journey = 'big' AND state = 'exited'}, 'their members have gone on');

# ---- caps, when they leave ----

new_hook('promo', '');
new_journey('promo', '"cap": {"tag": "promo", "max": 1, "per": "1 day"},',
	'{"type": "action", "destination": "promo", "tags": ["promo"], "payload": {"to": "{{ customer }}"}, "await": true}');
sql(q{SELECT journey_destination_pause('promo')});
emit('promo', $_) for qw(dan eve);
sql(q{UPDATE journey.action SET created_at = now() - interval '2 days', next_attempt_at = now() - interval '2 days' WHERE customer = 'dan'});
sql(q{INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, tags, state, attempts, created_at, delivered_at, seq)
	SELECT gen_random_uuid(), 0, 'promo', 't1', 'eve', 'promo', '{}', '{promo}', 'delivered', 1, now() - interval '2 days', now() - interval '1 hour', 1});
sql(q{SELECT journey_destination_resume('promo')});
reaches('dan', 'delivered 1', 'the first of a cap leaves');
wait_until(q{SELECT state = 'suppressed' FROM journey.action WHERE customer = 'eve' AND member <> 0}, 'what has become one too many is suppressed');
is(scalar(my @promos = grep { $_->{body} =~ /eve/ } $sink->ledger(path => '/promo')), 0, 'and not sent');
wait_until(q{SELECT count(*) = 2 FROM journey.member WHERE journey = 'promo' AND state = 'exited'}, 'both members have gone on');

# ---- what expires, is cancelled or comes back ----

new_hook('shut', '');
new_journey('waiting', '', call('shut', '', '"expires": "1 second", "await": true'));
new_journey('passing', '', call('shut', '', '"expires": "1 second"'));
new_journey('asking', '', call('shut', '', '"await": true'));
sql(q{SELECT journey_destination_pause('shut')});
emit('waiting', 'fay');
emit('passing', 'gus');
emit('asking', $_) for qw(hal ida);
is(sql(q{SELECT journey_cancel(id) FROM journey.action WHERE customer = 'hal'}), 't', 'what is pending is cancelled');
wait_until(q{SELECT outcome IS NOT NULL AND state = 'exited' FROM journey.member WHERE customer = 'hal'}, 'and its member goes on');
wait_until(q{SELECT state = 'exited' FROM journey.member WHERE customer = 'fay'}, 'who awaits what expires goes on while its destination is paused');
wait_until(q{SELECT expires_at < now() FROM journey.action WHERE customer = 'gus'}, 'nobody awaits the other');
is(sql(q{SELECT state, last_error FROM journey.action WHERE customer = 'fay'}), 'cancelled|expired', 'it has expired');
sql(q{SELECT journey_destination_resume('shut')});
reaches('ida', 'delivered 1', 'the rest is sent when it is resumed');
reaches('gus', 'cancelled 0', 'what has expired is not');
reaches('hal', 'cancelled 0', 'nor what was cancelled');
is(join(' ', paths(qr{^/shut/})), '/shut/ida', 'nothing else has arrived');
is(sql(q{SELECT journey_retry(id) FROM journey.action WHERE customer = 'hal'}), 't', 'it is sent after all');
reaches('hal', 'delivered 1', 'and arrives');
my $id = sql(q{SELECT id FROM journey.action WHERE customer = 'refused'});
$sink->script(path => '/big/refused', replies => [200]);
is(sql("SELECT journey_retry('$id')"), 't', 'so is a dead one');
reaches('refused', 'delivered 1', 'and arrives too');
is(join(' ', map { $_->{id} eq $id } $sink->ledger(path => '/big/refused')), '1 1', 'under its id');

# ---- a journey is stopped while one is in flight ----

new_hook('stop', '"retry": {"max": 9, "first": "1 ms", "longest": "1 ms"}');
new_journey('stop', '', call('stop', ''));
$sink->script(path => '/stop/jo', replies => [ { status => 503, hold => 'stop' }, 200 ]);
$sink->script(path => '/stop/kim', replies => [ { status => 200, hold => 'stop' } ]);
emit('stop', $_) for qw(jo kim);
$sink->wait_for(1, path => "/stop/$_") for qw(jo kim);
is(sql(q{SELECT journey_cancel(id) FROM journey.action WHERE customer = 'jo'}), 'f', 'what is in flight cannot be cancelled');
sql(q{SELECT journey_stop('stop')});
$sink->release('stop');
reaches('jo', 'cancelled 1', 'what fails after its journey was stopped is not tried again');
reaches('kim', 'delivered 1', 'what arrived has arrived');
is(scalar(my @tries = $sink->ledger(path => '/stop/jo')), 1, 'after one attempt');

# ---- the sender is killed ----

new_hook('kill', '"timeout": "10 minutes"');
new_journey('kill', '', call('kill', ''));
$sink->script(path => '/kill/lou', replies => [ 'hang', 200 ]);
emit('kill', 'lou');
$sink->wait_for(1, path => '/kill/lou');
is(sql(q{SELECT next_attempt_at > now() + interval '10 minutes' FROM journey.action WHERE customer = 'lou'}), 't', 'a lease is longer than the timeout');
my $pid = sql(q{SELECT pid FROM journey.worker WHERE kind = 'sender' AND database = 'one'});
kill 9, $pid;
wait_until_gone($pid);
wait_for_scheduler($node, 'one');
$begun = time;
reaches('lou', 'delivered 2', 'what a sender that was killed had in flight is sent by the next');
cmp_ok(time - $begun, '<', 20, 'and not when its lease ends');

# ---- what journey.delivery says ----

sub why
{
	my ($destination, $pattern, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like(sql("SELECT state || ': ' || coalesce(why, '') FROM journey.delivery WHERE destination = '$destination'"), $pattern, $what);
}

wait_for_scheduler($node, 'one');
wait_until(q{SELECT count(*) = 1 FROM journey.worker WHERE kind = 'sender' AND database = 'one' AND why_idle IS NULL}, 'there is a sender');
why('shut', qr/^active: $/, 'nothing is the matter');
sql(q{SELECT journey_destination_pause('shut')});
why('shut', qr/^paused: paused since 20/, 'paused');
emit('asking', 'max');
is(sql(q{SELECT pending, due, in_flight, delivered, failed, dead, oldest IS NOT NULL, p50 > 0 FROM journey.delivery WHERE destination = 'shut'}), '1|1|0|2|0|1|t|t', 'with what is to leave, and what has left');
sql(q{SELECT journey_destination_resume('shut')});
reaches('max', 'delivered 1', 'it leaves');
new_hook('gone', '"retry": {"max": 99, "first": "1 ms", "longest": "1 ms"}, "breaker": {"failures": 2, "pause": "10 minutes"}');
new_journey('gone', '', '{"type": "action", "destination": "gone", "payload": {"to": "{{ customer }}"}}');
$sink->script(path => '/gone', replies => [ 503, 503, 410 ]);
emit('gone', 'ned');
wait_until(q{SELECT state = 'open' FROM journey.delivery WHERE destination = 'gone'}, 'a breaker opens');
why('gone', qr/^open: too many attempts failed in a row, the last with "HTTP status 503"; the next is made at 20/, 'and it says of what, and until when');
is(sql(q{SELECT pending, failed FROM journey.delivery WHERE destination = 'gone'}), '1|2', 'what failed is counted');
sql(q{SELECT journey_destination_resume('gone')});
wait_until(q{SELECT state = 'disabled' FROM journey.delivery WHERE destination = 'gone'}, 'a receiver wants no more');
why('gone', qr/^disabled: disabled: .*410/, 'and it says so');

sql(qq{SELECT journey_destination_create('key', 'webhook', '{"url": "$base/key", "headers": {"Authorization": "{{ secret }}"}}', 's')});
why('key', qr/^active: $/, 'with its secret');
sql(q{DELETE FROM journey.secret WHERE destination = 'key'});
why('key', qr/^active: its secret is missing: dumps hold none; give it again/, 'a secret that is missing');
mkdir "$secrets/postgres" or die $!;
chmod 0700, "$secrets/postgres";
append_to_file("$secrets/postgres/key", "s\n");
chmod 0600, "$secrets/postgres/key";
sql(q{SELECT journey_destination_update('key', NULL, 'file:key')});
why('key', qr/^active: $/, 'a secret in a file');
unlink "$secrets/postgres/key";
why('key', qr/^active: .*No such file/, 'that is gone');
$node->safe_psql('postgres', "ALTER SYSTEM SET journey.delivery = 'off'");
$node->reload;
wait_until(q{SELECT bool_and(why = 'the setting journey.delivery is off') FROM journey.delivery WHERE state = 'active'}, 'journey.delivery is off');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET journey.delivery');
$node->safe_psql('postgres', "ALTER SYSTEM SET journey.databases = 'postgres'");
$node->reload;
wait_until(q{SELECT why ~ '^no worker: .*journey\.databases' FROM journey.delivery WHERE destination = 'shut'}, 'this database has no workers');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET journey.databases');
$node->reload;
wait_for_scheduler($node, 'one');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE one');
wait_for($node, 'copy', q{SELECT why ~ 'copy' FROM journey.delivery WHERE destination = 'shut'}, 'a copy is not armed');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# ---- counts, by many at once ----

sql(q{SELECT journey_destination_create('box', 'pull')});
new_journey('box', '', '{"type": "action", "destination": "box"}');
sql(q{SELECT count(journey_emit('b' || i, 'box')) FROM generate_series(1, 3000) AS i});
my $scripts = $node->basedir;
append_to_file("$scripts/take.sql", "SELECT count(journey_ack(id)) FROM journey_claim('box', 5);\n");
append_to_file("$scripts/give.sql", "SELECT count(journey_nack(id, 'no', '0')) FROM journey_claim('box', 2);\n");
append_to_file("$scripts/fold.sql", "SELECT journey.fold_delivery();\n");
$node->command_ok(
	[ 'pgbench', '-n', '-c', 8, '-t', 90, '-f', "$scripts/take.sql\@6", '-f', "$scripts/give.sql\@2", '-f', "$scripts/fold.sql\@1", 'one' ],
	'many take from one destination at once');
is( sql(q{SELECT t.delivered = a.delivered, t.failed + t.dead = a.attempts - a.delivered, t.dead = a.dead
			FROM journey.delivery t, (SELECT count(*) FILTER (WHERE state = 'delivered') AS delivered, sum(attempts) AS attempts,
				count(*) FILTER (WHERE state = 'dead') AS dead FROM journey.action WHERE destination = 'box') a
		   WHERE t.destination = 'box'}),
	't|t|t', 'each attempt is counted once');
my $counts = q{SELECT delivered, failed, dead FROM journey.delivery WHERE destination = 'box'};
my $before = sql($counts);
like($before, qr/^[1-9]\d+\|[1-9]\d+\|/, 'there were some of both');
my $holder = $node->background_psql('one');
$holder->query_safe(q{BEGIN});
$holder->query_safe(q{SELECT FROM journey.delivery_total WHERE destination = 'box' FOR UPDATE});
my $more = sql(q{SELECT count(journey_ack(id)) FROM journey_claim('box', 7)});
is($more, '7', 'who counts waits for nobody');
cmp_ok(sql(q{SELECT count(*) FROM journey.delivery_total WHERE destination = 'box'}), '>', 1, 'and writes a part of its own');
sql('SELECT journey_maintain()');
cmp_ok(sql(q{SELECT count(*) FROM journey.delivery_total WHERE destination = 'box'}), '>', 1, 'which journey_maintain() leaves while somebody holds one');
$holder->query_safe(q{COMMIT});
$holder->quit;
sql('SELECT journey_maintain()');
is(sql(q{SELECT count(*) FROM journey.delivery_total WHERE destination = 'box'}), '1', 'and adds up after that');
is(sql($counts), $before =~ s/^(\d+)/$1 + 7/er, 'to the same');

# ---- many, with plans as old as the connections ----

# What the statement reads, in pages.
sub pages
{
	my ($session, $statement) = @_;
	my $plan = $session->query_safe("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) $statement");

	my $pages = 0;
	my ($line) = $plan =~ /^\s*Buffers: (shared .*)$/m or die $plan;
	$pages += $1 while $line =~ /(?:hit|read)=(\d+)/g;
	return $pages;
}

sub fill
{
	my ($destination, $journey, $many, $customer, $due) = @_;
	$due //= '- 1 hour';
	return sql(qq{INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, seq)
		SELECT gen_random_uuid(), i, '$journey', 't1', '$customer' || i, '$destination', '{}', 'pending', 0, now() + interval '$due', now(), 1
		  FROM generate_series(1, $many) AS i});
}

sql(q{SELECT journey_destination_create('bag', 'pull')});
new_journey('bag', '', '{"type": "action", "destination": "bag"}');
new_journey('held', '', '{"type": "action", "destination": "bag"}');
my $session = $node->background_psql('one');
fill('bag', 'bag', 100, 'few');
$session->query_safe(q{SELECT count(journey_ack(id)) FROM journey_claim('bag', 3)}) for 1 .. 8;
$session->query_safe(q{SELECT count(journey_nack(id, 'no', '0')) FROM journey_claim('bag', 3)}) for 1 .. 8;
my $few = pages($session, q{SELECT journey_claim('bag', 5)});
sql(q{SELECT journey_pause('held')});
fill('bag', 'held', 200_000, 'p');
fill('bag', 'bag', 100, 'g');
cmp_ok(pages($session, q{SELECT journey_claim('bag', 5)}), '<', $few + 1000, 'a paused journey costs a claim nothing, however much it has due');
sql(q{SELECT journey_resume('held')});
cmp_ok(pages($session, q{SELECT journey_claim('bag', 5)}), '<', $few + 1000, 'nor does what is not claimed');
cmp_ok(pages($session, q{SELECT count(journey_ack(id)) FROM journey_claim('bag', 5)}), '<', $few + 1000, 'nor an answer');
$session->quit;

# The sender's too, whose plans were made while there was next to nothing.
fill('shut', 'asking', 200_000, 'q', '1 hour');
my $scans = q{SELECT seq_scan, (SELECT sum(idx_tup_read) FROM pg_stat_all_indexes i WHERE i.relid = t.relid)
	FROM pg_stat_all_tables t WHERE relid = 'journey.action'::regclass};

sub sends
{
	my ($prefix) = @_;
	my $heartbeat = sql(q{SELECT heartbeat FROM journey.worker WHERE kind = 'sender' AND database = 'one'});

	sql("SELECT count(journey_emit('$prefix' || i, 'asking')) FROM generate_series(1, 50) AS i");
	wait_until("SELECT count(*) = 50 FROM journey.member WHERE journey = 'asking' AND customer ~ '^$prefix\[0-9]' AND state = 'exited'", 'what is sent beside so many arrives');
	# It tells what it has read when it sleeps, and sleeps when it has polled.
	return wait_until("SELECT heartbeat > '$heartbeat'::timestamptz + interval '6 seconds' FROM journey.worker WHERE kind = 'sender' AND database = 'one'", 'and the sender rests');
}
sends('u');
my @first = split /\|/, sql($scans);
sends('w');
my @second = split /\|/, sql($scans);
is($second[0], $first[0], 'the sender reads the outbox by its indexes');
cmp_ok($second[1] - $first[1], '<', 50 * 100, 'and next to nothing of it');
cmp_ok($second[1] - $first[1], '>', 50, 'but what it sends');

$node->stop('fast');
$sink->stop;
done_testing();
