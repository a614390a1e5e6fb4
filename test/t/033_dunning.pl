# An invoice that is not paid, end to end: webhook tiles, a receiver that answers
# as scripted, and what its answers make of the members.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $sink = Sink->start(tls => 0);
my $node = new_server(
	'dunning', conf => join "\n",
	'log_statement = none',
	"journey.http_allow = '127.0.0.1:" . $sink->port('http') . "'");
my $base = $sink->url('http', '');
$base =~ s{/$}{};

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql(
	'one', qq{
CREATE EXTENSION journey;
SELECT journey_destination_create('billing', 'webhook',
	'{"url": "$base/v1", "headers": {"X-From": "journey"}, "breaker": {"failures": 0}}');
SELECT journey_destination_create('other', 'webhook', '{"url": "$base/other"}');
SELECT journey_create('dunning', \$\$ {
  "key": "props->>'invoice'",
  "tiles": {
    "overdue": {"type": "entry", "on": [{"event": "PAYMENT_FAILED"}]},
    "charge": {"type": "webhook", "destination": "billing", "path": "/invoices/{{ key }}/charge", "method": "PUT",
               "headers": {"X-Try": "{{ visits }}", "X-From": "the tile"}, "body": {"amount": "{{ context->'amount' }}"},
               "retry": {"max": 3, "first": "100 milliseconds", "factor": 1}, "await": true},
    "tell": {"type": "webhook", "destination": "other", "path": "told?by={{ customer }}", "method": "DELETE",
             "body": {"how": "{{ outcome }}", "status": "{{ response->'status' }}", "why": "{{ response->'body'->>'why' }}"}},
    "paid": {"type": "exit"},
    "declined": {"type": "exit"},
    "lost": {"type": "exit"}
  },
  "edges": [
    {"from": "overdue", "to": "charge"},
    {"from": "charge", "to": "paid", "condition": "(response->'body'->>'paid')::bool"},
    {"from": "charge", "to": "declined"},
    {"from": "charge", "to": "tell", "on": "error"},
    {"from": "tell", "to": "lost"}
  ]
} \$\$);
SELECT journey_activate('dunning');
SELECT journey_create('late', \$\$ {
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "LATE"}]},
    "call": {"type": "webhook", "destination": "billing", "path": "/late", "expires": "1 second",
             "retry": {"max": 9, "first": "1 hour"}, "await": true},
    "done": {"type": "exit"},
    "expired": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "call"},
    {"from": "call", "to": "done"},
    {"from": "call", "to": "expired", "on": "error", "condition": "outcome = 'expired'"}
  ]
} \$\$);
SELECT journey_activate('late');});
wait_for_scheduler($node, 'one');

sub fail_payment
{
	my ($customer, $invoice) = @_;
	$node->safe_psql('one',
		"SELECT journey_emit('$customer', 'PAYMENT_FAILED', '{\"invoice\": \"$invoice\", \"amount\": 12.50}')");
	return;
}

sub exited
{
	my ($customer, $outcome, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'one', "SELECT count(*) = 1 FROM journey.member WHERE customer = '$customer' AND outcome = '$outcome'", $what);
}

# What the other destination was told of a customer.
sub told
{
	my ($customer) = @_;
	my $id = $node->safe_psql('one', "SELECT id FROM journey.action WHERE customer = '$customer' AND tile = 'tell'");
	return $sink->wait_for(1, id => $id);
}

sub distinct { my %seen = map { $_ => 1 } @_; return scalar keys %seen; }

# 503, 503, 200: three attempts, one success, the same key thrice.
$sink->script(path => '/v1/invoices/A%2F1/charge',
	replies => [ 503, 503, { json => { paid => JSON::PP::true } } ]);
fail_payment('ann', 'A/1');
exited('ann', 'paid', '503, 503, 200 is paid');
my @lines = $sink->ledger(path => '/v1/invoices/A%2F1/charge');
is(scalar @lines, 3, 'after three attempts');
is(distinct(map { $_->{headers}{'idempotency-key'} } @lines), 1, 'with the same key thrice');
is(distinct(map { $_->{headers}{'webhook-id'} } @lines), 1, 'and the same id');
is(distinct(map { $_->{body} } @lines), 1, 'and the same body');
is($lines[0]{headers}{'idempotency-key'}, $node->safe_psql('one', "SELECT id FROM journey.action WHERE customer = 'ann'"), 'which is the action\'s id');
is($lines[0]{method}, 'PUT', 'by the tile\'s method');
is($lines[0]{body}, '{"amount": 12.50}', 'the tile\'s body');
is($lines[0]{headers}{'x-try'}, '1', 'and its headers');
is($lines[0]{headers}{'x-from'}, 'journey', 'where the destination does not say otherwise');
is($node->safe_psql('one', "SELECT state, attempts FROM journey.action WHERE customer = 'ann'"), 'delivered|3', 'one success');

# The answer decides.
$sink->script(path => '/v1/invoices/B/charge', replies => [ { json => { paid => JSON::PP::false } } ]);
fail_payment('bob', 'B');
exited('bob', 'declined', 'a condition reads the response');

# Refused for good: the edge on: error, which can read why.
$sink->script(path => '/v1/invoices/C/charge', replies => [ { status => 422, json => { why => 'no such card' } } ]);
fail_payment('cy', 'C');
exited('cy', 'lost', '422 takes the error edge');
my ($told) = told('cy');
is($told->{method}, 'DELETE', 'over which another destination is told');
is_deeply(JSON::PP->new->decode($told->{body}), { how => 'dead', status => 422, why => 'no such card' }, 'what was said');

# Three times 503 is refused for good.
$sink->script(path => '/v1/invoices/D/charge', replies => [503]);
fail_payment('dan', 'D');
exited('dan', 'lost', 'the last attempt takes the error edge');
is(scalar(my @tries = $sink->ledger(path => '/v1/invoices/D/charge')), 3, 'after three attempts');

# Too late: it expires, and is not tried again.
$sink->script(path => '/v1/late', replies => [503]);
$node->safe_psql('one', q{SELECT journey_emit('late', 'LATE')});
exited('late', 'expired', 'what expires takes the error edge');
is(scalar(my @late = $sink->ledger(path => '/v1/late')), 1, 'after one attempt');

# 410 to a path of the tile's own: the edge on: error, and nothing about the others.
$sink->script(path => '/v1/invoices/E/charge', replies => [410]);
fail_payment('eve', 'E');
exited('eve', 'lost', '410 takes the error edge');
ok(told('eve'), 'as others are told');
is($node->safe_psql('one', q{SELECT disabled FROM journey.destination WHERE name = 'billing'}), '', 'and leaves the destination as it is');
$sink->script(path => '/v1/invoices/F/charge', replies => [ { json => { paid => JSON::PP::true } } ]);
fail_payment('fay', 'F');
exited('fay', 'paid', 'the next is sent');

# Quiet hours touch webhooks not, and hold what an action tile sends.
$node->safe_psql(
	'one', q{
SELECT journey_create('quiet', jsonb_build_object(
	'quiet_hours', jsonb_build_object(
		'from', to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI'),
		'to', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI')),
	'tiles', '{
		"start": {"type": "entry", "on": [{"event": "NIGHT"}]},
		"mail": {"type": "action", "destination": "other", "payload": {"to": "{{ customer }}"}},
		"call": {"type": "webhook", "destination": "other", "path": "/by/night"},
		"done": {"type": "exit"}}'::jsonb,
	'edges', '[{"from": "start", "to": "mail"}, {"from": "mail", "to": "call"}, {"from": "call", "to": "done"}]'::jsonb));
SELECT journey_activate('quiet');
SELECT journey_emit('gus', 'NIGHT');});
$sink->wait_for(1, path => '/other/by/night');
is($node->safe_psql('one', q{SELECT state, attempts FROM journey.action WHERE customer = 'gus' AND tile = 'mail'}), 'pending|0', 'a mail waits in quiet hours');
# as if it had been due before them
$node->safe_psql('one', q{UPDATE journey.action SET next_attempt_at = now() WHERE customer = 'gus' AND tile = 'mail';
SELECT journey_emit('ida', 'NIGHT')});
$sink->wait_for(2, path => '/other/by/night');
wait_for($node, 'one', q{SELECT next_attempt_at > now() FROM journey.action WHERE customer = 'gus' AND tile = 'mail'}, 'also what was due before them');
is(scalar(my @mails = $sink->ledger(path => '/other')), 0, 'and nothing was sent');

no_violations($node, 'one', 'no invariant is violated');
$node->stop('fast');
$sink->stop;
done_testing();
