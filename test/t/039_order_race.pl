# An action is cancelled just while those behind it are put off to its next attempt.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $sink = Sink->start(tls => 0);
my $node = new_server('race', failpoints => 1, conf => "journey.http_allow = '127.0.0.1'");
my $url = $sink->url('http', '/ord');

new_database($node, 'one');
$node->safe_psql(
	'one', qq{
SELECT journey_destination_create('ord', 'webhook', '{"url": "$url", "ordered": true}'), journey_destination_pause('ord');
SELECT journey_create('ord', '{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "ord"}]},
		"a": {"type": "webhook", "destination": "ord", "path": "/{{ customer }}/a"},
		"b": {"type": "webhook", "destination": "ord", "path": "/{{ customer }}/b"},
		"done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "a"}, {"from": "a", "to": "b"}, {"from": "b", "to": "done"}]}');
SELECT journey_activate('ord');
SELECT journey_emit('ann', 'ord'), journey_emit('bob', 'ord');
UPDATE journey.action SET attempts = 1, next_attempt_at = now() + interval '1 hour' WHERE customer = 'ann' AND tile = 'a';});

# The sender waits before it commits that it takes bob's, and puts off ann's second.
my $holder = $node->background_psql('one');
my $operator = $node->background_psql('one');
$holder->query_safe(q{SELECT pg_advisory_lock(hashtext('dlv_before_claim_commit'))});
arm($node, 'dlv_before_claim_commit=wait!');
$node->safe_psql('one', q{SELECT journey_destination_resume('ord')});
wait_for($node, 'one', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}, 'the sender is claiming');
is($node->safe_psql('one', q{SELECT string_agg(state, ' ') FROM journey.action}), 'pending pending pending pending', 'nobody sees it yet');
my $id = $node->safe_psql('one', q{SELECT id FROM journey.action WHERE customer = 'ann' AND tile = 'a'});
$operator->query_until(qr/sent/, "\\echo sent\nSELECT journey_cancel('$id');\n");
wait_for($node, 'one', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT journey_cancel%' AND state = 'active'}, 'who cancels the first waits for it');
$holder->query_safe(q{SELECT pg_advisory_unlock_all()});
wait_for($node, 'one', q{SELECT string_agg(customer || tile || ' ' || state, ', ' ORDER BY customer, tile) FROM journey.action},
	'and what was put off leaves all the same', 'anna cancelled, annb delivered, boba delivered, bobb delivered');
arm($node, '');
$holder->quit;
$operator->quit;

$node->stop('fast');
$sink->stop;
done_testing();
