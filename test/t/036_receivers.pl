# Receivers of every kind, through real journeys: what each amounts to, and that
# the receiver's ledger and the outbox agree afterwards.  In a network of its own,
# where names change their answers and public addresses are the test's.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;
use Time::HiRes qw(time usleep);

my ($public, $metadata, $private);

BEGIN
{
	($public, $metadata) = ('8.8.4.4', '169.254.169.254');
	$private = Sink::private_network(addresses => [ $public, $metadata ]);
}

use Delivery;
use Journey;

# The one that may be reached, and the one that must not: it is what answers at
# loopback's, the metadata service's and a public address, at the usual ports.
my $sink = Sink->start;
my $inside = Sink->start(
	$private
	? (dns => 53, ports => { http => 80, https => 443 }, addresses => [ '127.0.0.1', '::1', $public, $metadata ])
	: ());
my $trust = "$PostgreSQL::Test::Utils::tmp_check/036_ca.pem";
append_to_file($trust, slurp_file($sink->ca) . slurp_file($inside->ca));

my @ports = map { $sink->port($_) } qw(http https https_expired https_wrong_host https_other_ca deaf full closed);
my $node = new_server(
	'main', conf => join "\n",
	'log_statement = none',
	"journey.http_allow = '" . join(', ', map { ("127.0.0.1:$_", "localhost:$_") } @ports) . "'",
	"journey.http_ca_file = '$trust'");
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION journey');

# What a receiver replies, attempt after attempt, and what that comes to: the state,
# the attempts, what the error is like.  Other keys: url; arrives, how many of the
# attempts are in the ledger; body, of the response; status; after, seconds between the
# first two attempts.
my @cases;

sub case
{
	my ($name, $replies, $state, $attempts, $error, %more) = @_;
	push @cases, { name => $name, replies => $replies, state => $state, attempts => $attempts,
		error => $error, %more };
	return;
}

my $redirect = sub {
	my ($status) = @_;
	return { status => $status, headers => { Location => "http://$metadata/latest/meta-data/" } };
};

# Delivered.
case('ok', [ { json => { taken => JSON::PP::true } } ], 'delivered', 1, '', status => 200, body => '{"taken": true}');
case('created', [ { status => 201, body => 'made' } ], 'delivered', 1, '', status => 201, body => '"made"');
case('no_content', [204], 'delivered', 1, '', status => 204, body => 'null');

# Bodies that no jsonb and no text can hold.
my @json = (headers => { 'Content-Type' => 'application/json' });
case('no_utf8', [ { body_base64 => '/////w==' } ], 'delivered', 1, '', status => 200);
case('nul', [ { body_base64 => 'YQBi' } ], 'delivered', 1, '', status => 200);
case('nul_json', [ { body => '{"a": "\u0000"}', @json } ], 'delivered', 1, '', status => 200);
case('surrogate', [ { body => '["\ud800"]', @json } ], 'delivered', 1, '', status => 200);
case('deep_json', [ { body => '[' x 60000, @json } ], 'delivered', 1, '', status => 200);
case('large_number', [ { body => '1e999999', @json } ], 'delivered', 1, '', status => 200);
case('half_json', [ { body => '{"a": ', @json } ], 'delivered', 1, '', status => 200, body => '"{\"a\": "');

# To be tried again.
case('dunning', [ 503, 503, 200 ], 'delivered', 3, '', status => 200);
case('e500', [ 500, 200 ], 'delivered', 2, '');
case('always_503', [503], 'dead', 3, '^HTTP status 503$', status => 503);
case('e408', [ 408, 200 ], 'delivered', 2, '');
case('e425', [ 425, 200 ], 'delivered', 2, '');
case('e429', [ { status => 429, retry_after => 2 }, 200 ], 'delivered', 2, '', after => 2);
case('e503_date', [ { status => 503, retry_after_date => 3 }, 200 ], 'delivered', 2, '', after => 2);
case('retry_after_past', [ { status => 503, retry_after_date => -1000 }, 200 ], 'delivered', 2, '');

# For good.
case('e400', [ { status => 400, body => "what is\nthis?" } ], 'dead', 1, '^HTTP status 400$', body => '"what is\nthis?"');
case('e404', [404], 'dead', 1, '^HTTP status 404$');
case("r$_", [ $redirect->($_) ], 'dead', 1, "^HTTP status $_, redirects are not followed\$") for 301, 302, 307, 308;
case('gone', [410], 'dead', 1, '^HTTP status 410$', disables => 1);

# No answer, or none that is whole.  On a kept connection that ends before the answer
# a request is sent once more, and the attempt is still the same.
case('hang', ['hang'], 'dead', 3, 'time(d )?out');
case('hang_once', [ 'hang', 200 ], 'delivered', 2, '');
case('hang_after_headers', [ 'hang_after_headers', 200 ], 'delivered', 2, '');
case('hang_in_body', [ 'hang_in_body', 200 ], 'delivered', 2, '');
case('drip', [ { mode => 'drip', body => 'x' x 1000 }, 200 ], 'delivered', 2, '');
case($_, [ $_, 200 ], 'delivered', 2, '', resent => 1) for qw(reset close);
case($_, [ $_, 200 ], 'delivered', 2, '')
  for qw(reset_after_headers half half_chunk bad_chunk garbage http09 endless_interim);
case('always_reset', ['reset'], 'dead', 3, '.', resent => 1);
case('always_garbage', ['garbage'], 'dead', 3, '.');

# More than is kept: its status is what counts.
case('huge', [ { mode => 'huge' } ], 'delivered', 1, '', status => 200, body => 'null');
case('huge_503', [ { mode => 'huge', status => 503 }, 200 ], 'delivered', 2, '');
case('huge_404', [ { mode => 'huge', status => 404 } ], 'dead', 1, '^HTTP status 404$', body => 'null');
case($_, [ { mode => $_ } ], 'delivered', 1, '', status => 200, body => 'null')
  for qw(endless_headers huge_headers many_headers);
case('endless_headers_503', [ { mode => 'endless_headers', status => 503 }, 200 ], 'delivered', 2, '');
case('endless', [ { mode => 'endless' } ], 'delivered', 1, '', status => 200, body => 'null');

# Not even a request.
case('https', [200], 'delivered', 1, '', port => 'https');
case($_, [200], 'dead', 3, '.', port => $_, arrives => 0)
  for qw(https_expired https_wrong_host https_other_ca);
case($_, [200], 'dead', 3, '.', url => 'http://127.0.0.1:' . $sink->port($_) . '/', arrives => 0)
  for qw(deaf full closed);
case('tls_to_plain', [200], 'dead', 3, '.', url => 'https://127.0.0.1:' . $sink->port('http') . '/', arrives => 0);
case('unknown_name', [200], 'dead', 3, '.', url => 'https://unknown.test/', arrives => 0) if $private;

# Secrets in a url and in credentials: what libcurl says of a host must not hold them.
case('secretpath', [404], 'dead', 1, '^HTTP status 404$', path => '/secretpath/hush-hush-secretpath',
	url => $sink->url('http', '/secretpath/{{ secret }}'));
case('secretquery', [ 503 ], 'dead', 3, '^HTTP status 503$', path => '/secretquery',
	url => $sink->url('http', '/secretquery?key={{ secret }}'));
case('password', [401], 'dead', 1, '^HTTP status 401$', user => 'me', password => '{{ secret }}');
case('echo', [ { status => 401, json => { wrong => 'Bearer hush-hush-echo' } } ], 'dead', 1, '^HTTP status 401$', status => 401);
case('echo_reason', [ { status => 400, reason => 'hush-hush-echo_reason', body => 'no hush-hush-echo_reason' } ],
	'dead', 1, '^HTTP status 400$', body => '"no ***"');
if ($private)
{
	case('secrethost', [200], 'dead', 3, 'name', url => 'https://{{ secret }}.test/', arrives => 0);
	$inside->dns('hush-hush-secrettls.sink.test', A => ['127.0.0.1'], AAAA => [ [] ]);
	case('secrettls', [200], 'dead', 3, 'TLS', arrives => 0,
		url => 'https://{{ secret }}.sink.test:' . $sink->port('https_wrong_host') . '/');
}

# The guard's: names and forms of loopback, of the metadata service, of private
# networks.  Without TLS a public address is none either.
my %refused = (
	loopback => '127.0.0.1', short => '127.1', hexadecimal => '0x7f.1', octal => '0177.0.0.1',
	number => '2130706433', hexadecimal_number => '0x7f000001', any => '0.0.0.0',
	six => '[::1]', six_any => '[::]', mapped => '[::ffff:7f00:1]', mapped_dotted => '[::ffff:127.0.0.1]',
	compatible => '[::7f00:1]', nat64 => '[64:ff9b::7f00:1]', nat64_local => '[64:ff9b:1::7f00:1]',
	six_to_four => '[2002:7f00:1::]', localhost => 'localhost',
	localhost_sub => 'x.localhost', metadata => $metadata, metadata_number => '2852039166',
	metadata_mapped => '[::ffff:a9fe:a9fe]', private10 => '10.0.0.1', private192 => '192.168.1.1',
	carrier => '100.64.0.1', unique_local => '[fd00::1]', link_local => '[fe80::1]');
$refused{$_} = "$_.sink.test" for $private ? qw(to_loopback to_six to_mapped to_metadata to_both) : ();
$refused{localhost_dot} = 'localhost.' if $private;
for my $name (sort keys %refused)
{
	case("guard_$name", [200], 'dead', 3, '.', url => "https://$refused{$name}/", arrives => 0, refused => 1);
	case("plain_$name", [200], 'dead', 3, '.', url => "http://$refused{$name}/", arrives => 0, refused => 1)
	  if $name =~ /^(short|localhost|mapped|metadata|to_both)$/;
}
case('plain_public', [200], 'dead', 3, '.', url => "http://$public/", arrives => 0, refused => 1);
case('rebind', [200], 'delivered', 1, '', arrives => 0, url => 'https://rebind.sink.test/rebind') if $private;

if ($private)
{
	my $none = [ [] ];
	$inside->dns('localhost', A => ['127.0.0.1'], AAAA => $none);
	$inside->dns('to_loopback.sink.test', A => ['127.0.0.1'], AAAA => $none);
	$inside->dns('to_six.sink.test', A => $none, AAAA => ['::1']);
	$inside->dns('to_mapped.sink.test', A => $none, AAAA => ['::ffff:127.0.0.1']);
	$inside->dns('to_metadata.sink.test', A => [$metadata], AAAA => $none);
	$inside->dns('to_both.sink.test', A => [ [ '127.0.0.1', $metadata ] ], AAAA => ['::1']);
	$inside->dns('rebind.sink.test', A => [ $public, '127.0.0.1' ], AAAA => $none);
}

my $retry = '{"max": 3, "first": "50 ms", "factor": 1, "longest": "50 ms"}';
my $sql = '';
for my $case (@cases)
{
	my $name = $case->{name};
	my $config = JSON::PP->new->encode({
			url => $case->{url} // $sink->url($case->{port} // 'http', "/$name"),
			timeout => '700 ms',
			breaker => { failures => 0 },
			$case->{user} ? (user => $case->{user}, password => $case->{password})
			: (headers => { Authorization => 'Bearer {{ secret }}' }) });

	$sink->script(path => $case->{path} // "/$name", replies => $case->{replies});
	$sql .= "SELECT journey_destination_create('$name', 'webhook', " . quoted($config)
	  . ", 'hush-hush-$name');" . add_sender($name, retry => $retry);
}
$node->safe_psql('one', $sql);
my $began = time;
$node->safe_psql('postgres', "ALTER SYSTEM SET log_statement = 'all'");
$node->safe_psql('postgres', "ALTER SYSTEM SET log_min_messages = 'debug1'");
$node->reload;

# Every case twice, all at once, while the server logs what it is asked.
$node->safe_psql('one', q{
	SELECT count(journey_emit(c, name, '{"n": "1"}'))
	  FROM journey.destination, unnest('{one,two}'::text[]) c});
my $activity = '';
my $open = q{SELECT count(*) FROM journey.action WHERE state IN ('pending', 'in_flight')
				AND NOT (destination = 'gone' AND state = 'pending')};
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$activity .= $node->safe_psql('one', 'SELECT query, backend_type FROM pg_stat_activity');
	last if $node->safe_psql('one', $open) eq '0';
	usleep(100_000);
}
is($node->safe_psql('one', $open), '0', 'everything comes to an end');
note(sprintf 'after %.1f s', time - $began);

# What each came to.
my %row;
for (split /\n/, $node->safe_psql('one', q{
	SELECT a.destination, a.customer, a.state, a.attempts, coalesce(a.last_error, ''), coalesce(m.outcome, ''),
		   coalesce(a.response->>'status', ''), coalesce((a.response->'body')::text, ''), a.id
	  FROM journey.action a JOIN journey.member m ON m.id = a.member}))
{
	my ($name, $customer, @fields) = split /\|/, $_, -1;
	push @{ $row{$name} }, \@fields;
}
$sink->load($node, 'one');
my %arrived = map { split /\|/ } split /\n/, $node->safe_psql('one', q{
	SELECT id, count(*) FROM sink GROUP BY id});
my %apart = map { split /\|/ } split /\n/, $node->safe_psql('one', q{
	SELECT id, max(at) FILTER (WHERE attempt = 2) - max(at) FILTER (WHERE attempt = 1)
	  FROM (SELECT id, attempt, extract(epoch FROM at) AS at FROM sink) s
	 GROUP BY id HAVING count(*) > 1});

for my $case (@cases)
{
	my $name = $case->{name};
	my @rows = @{ $row{$name} // [] };

	if ($case->{disables})
	{
		# One had the answer; the other may have been under way, or waits.
		my @waiting = grep { $_->[0] eq 'pending' } @rows;
		@rows = grep { $_->[0] ne 'pending' } @rows;
		cmp_ok(scalar @rows, '>=', 1, "$name: at least one was sent");
		$case->{waiting} = @waiting;
	}
	else
	{
		is(scalar @rows, 2, "$name: two actions");
	}
	for (@rows)
	{
		my ($state, $attempts, $error, $outcome, $status, $body, $id) = @$_;

		my $all = $case->{resent} && $state eq 'delivered' ? $arrived{$id} // 0 : $attempts;
		is("$state after $all", "$case->{state} after $case->{attempts}", "$name: its state")
		  or diag("error: $error");
		is($outcome, $case->{state} eq 'delivered' ? 'sent' : 'failed', "$name: its member went on");
		like($error, qr/$case->{error}/, "$name: its error") if $case->{state} ne 'delivered';
		unlike($error, qr/[^ -~]/, "$name: its error is one line of plain characters");
		like($error, qr/address|not allowed|TLS/i, "$name: the error says so") if $case->{refused};
		is($status, $case->{status}, "$name: the response's status") if $case->{status};
		is($body, $case->{body}, "$name: the response's body") if $case->{body};
		my $arrives = $case->{arrives} // $case->{attempts};
		my $arrived = $arrived{$id} // 0;
		cmp_ok($arrived, '>=', $arrives, "$name: each attempt arrived");
		cmp_ok($arrived, '<=', $arrives * ($case->{resent} ? 2 : 1), "$name: and no more");
		cmp_ok($apart{$id} // 0, '>=', $case->{after}, "$name: not before Retry-After says so") if $case->{after};
	}
}

# Gone: disabled until somebody resumes it, and then what waited is sent.
is( $node->safe_psql('one', q{SELECT disabled IS NOT NULL FROM journey.destination WHERE name = 'gone'}),
	't', 'a destination that answered 410 is disabled');
$node->safe_psql('one', q{SELECT journey_emit('three', 'gone', '{"n": "1"}')});
$sink->script(path => '/gone', replies => [200]);
is( $node->safe_psql('one', q{SELECT state, attempts FROM journey.action WHERE destination = 'gone' AND customer = 'three'}),
	'pending|0', 'what comes then waits');
$node->safe_psql('one', q{SELECT journey_destination_resume('gone')});
wait_for($node, 'one', q{SELECT bool_and(state <> 'pending') AND bool_or(customer = 'three' AND state = 'delivered')
						   FROM journey.action WHERE destination = 'gone'},
	'and is sent once the destination is resumed');

# Replies that were damaged at random: whatever they amount to, each action ends, and
# the sender is the same as before.
my $seed = $ENV{SEED} // time;
srand $seed;
note("SEED=$seed");
my $damaged = 400;
my @damaged = map { { raw_base64 => encode_base64(damage(), '') } } 1 .. $damaged;
$sink->script(path => '/damaged', replies => \@damaged, shared => 1);
my $same_pid = sender_pid($node, 'one');
$node->safe_psql('one',
	"SELECT journey_destination_create('damaged', 'webhook', '{\"url\": \"" . $sink->url('http', '/damaged')
	  . "\", \"timeout\": \"500 ms\", \"breaker\": {\"failures\": 0}}');"
	  . add_sender('damaged', retry => '{"max": 1}')
	  . "SELECT count(journey_emit('d' || i, 'damaged', '{\"n\": \"1\"}')) FROM generate_series(1, $damaged) i");
wait_for($node, 'one', qq{SELECT count(*) = $damaged AND bool_and(state IN ('delivered', 'dead')) FROM journey.action
						   WHERE destination = 'damaged'},
	'replies damaged at random: each action ends');
is(sender_pid($node, 'one'), $same_pid, 'the sender bears it');
is( $node->safe_psql('one', q{SELECT count(*) FROM journey.action
							   WHERE destination = 'damaged' AND (last_error ~ '[^ -~]' OR (state = 'dead') <> (last_error IS NOT NULL))}),
	'0', 'and says of each that is dead why');

sub damage
{
	my @head = ('HTTP/1.1 200 OK', 'Content-Type: application/json', 'Retry-After: 1', 'Connection: close');
	my $body = '{"a": [1, "\u00e9", null]}';
	my $reply = join "\r\n", @head,
	  rand() < 0.5 ? ('Content-Length: ' . length $body, '', $body)
	  : ('Transfer-Encoding: chunked', '', sprintf('%x', length $body), $body, 0, '', '');

	for (0 .. rand 4)
	{
		my $at = int rand length $reply;
		my $kind = int rand 6;
		if ($kind == 0) { substr($reply, $at, 1) = chr int rand 256; }
		elsif ($kind == 1) { substr($reply, $at, 0) = join '', map { chr int rand 256 } 0 .. rand 20; }
		elsif ($kind == 2) { substr($reply, $at, 1 + int rand 10) = ''; }
		elsif ($kind == 3) { substr($reply, $at, 0) = substr $reply, int rand length $reply, 1 + int rand 100; }
		elsif ($kind == 4) { substr($reply, $at) = ''; }
		else { substr($reply, $at, 0) = ("\r\n", "\n", "\0", ': ', ' ', '-1', '99999999999999999999')[ rand 7 ]; }
		last if $reply eq '';
	}
	return $reply;
}

# A name that changes its answer, after the sender has forgotten the first.
SKIP:
{
	skip 'no namespaces for users here', 3 unless $private;
	my $pid = sender_pid($node, 'one');
	$node->safe_psql('one', "SELECT pg_terminate_backend($pid)");
	$node->safe_psql('one', q{SELECT journey_emit('again', 'rebind', '{"n": "1"}')});
	wait_for($node, 'one', q{SELECT state = 'dead' AND attempts = 3 FROM journey.action
							  WHERE destination = 'rebind' AND customer = 'again'},
		'a name that now leads inside is refused');
	is(join(' ', map { "$_->{to} $_->{path}" } $inside->ledger(kind => 'http')),
		"$public:443 /rebind $public:443 /rebind", 'nothing else has reached the inside');
	is(scalar($inside->ledger(kind => 'tls')), 0, 'not even by a handshake');
}

$node->safe_psql('postgres', "ALTER SYSTEM SET log_statement = 'none'");
$node->reload;

# Signatures, as an implementation in another language sees them: of a receiver that
# knows the old secret, one that knows the new, and one that knows both.
my %signing = (old => 'whsec_' . encode_base64('o' x 24, ''), new => 'whsec_' . encode_base64('n' x 64, ''));
my %knows = (old => ['old'], new => ['new'], both => [ 'new', 'old' ]);
$sql = '';
for my $who (sort keys %knows)
{
	$sink->secrets(path => "/signed_$who", secrets => [ @signing{ @{ $knows{$who} } } ]);
	$sink->script(path => "/signed_$who", replies => [ 503, 200 ]);
	$sql .= "SELECT journey_destination_create('signed_$who', 'webhook', '{\"url\": \"" . $sink->url('http', "/signed_$who")
	  . "\"}', '$signing{new} $signing{old}');" . add_sender("signed_$who", retry => $retry)
	  . "SELECT journey_emit('one', 'signed_$who', '{\"n\": \"\\u00e9\"}');";
}
$node->safe_psql('one', $sql);
my $signed = sub {
	my ($who) = @_;
	return join ', ', map { "$_->{signature}{verdict} by @{ $_->{signature}{keys} } of $_->{signature}{signatures}" }
	  $sink->wait_for($_[1], path => "/signed_$who");
};
is($signed->('old', 2), 'valid by 0 of 2, valid by 0 of 2', 'who knows the old secret believes each attempt');
is($signed->('new', 2), 'valid by 0 of 2, valid by 0 of 2', 'and who knows the new one');
is($signed->('both', 2), 'valid by 0 1 of 2, valid by 0 1 of 2', 'two signatures, the new one first');
$node->safe_psql('one', "SELECT journey_destination_update('signed_$_', secret => '$signing{new}');
	SELECT journey_emit('two', 'signed_$_', '{\"n\": \"2\"}')") for qw(old both);
like($signed->('old', 4), qr/(, no signature matches by  of 1){2}$/, 'after the rotation the old secret is worth nothing');
like($signed->('both', 4), qr/(, valid by 0 of 1){2}$/, 'and only the new one signs');
wait_for($node, 'one', q{SELECT bool_and(state = 'delivered') FROM journey.action WHERE destination ~ '^signed'},
	'all that was signed is delivered');

# The oracles: of what the sink that may be reached has seen, by its own id.
$sink->load($node, 'one');
$inside->load($node, 'one', 'inside') if $private;
$node->safe_psql('one', 'INSERT INTO sink SELECT * FROM inside') if $private;
ledger_agrees($node, 'one', undef, 'all receivers', resent => '^(reset|close|always_reset|damaged)$');
is( $node->safe_psql('one', q{SELECT count(*) FROM sink s JOIN journey.action a ON a.id::text = s.id
							   WHERE a.destination !~ '^(signed|damaged|password)'
								 AND s.headers->>'authorization' IS DISTINCT FROM 'Bearer hush-hush-' || a.destination}),
	'0', 'each had its own secret');

# Dead ones are sent again, under their ids, by hand.
$sink->script(path => '/always_503', replies => [200]);
is( $node->safe_psql('one', q{SELECT count(*) FILTER (WHERE journey_retry(id)) FROM journey.action
							   WHERE destination = 'always_503'}),
	'2', 'dead ones are retried by hand');
wait_for($node, 'one', q{SELECT bool_and(state = 'delivered' AND attempts = 1) FROM journey.action
						  WHERE destination = 'always_503'},
	'and delivered');
is( join(' ', map { $_->{attempt} } grep { $_->{status} == 200 } $sink->ledger(path => '/always_503')),
	'4 4', 'under the same ids');

# Secrets are where they belong alone.
$node->safe_psql('one', 'DROP TABLE sink');
$node->safe_psql('one', 'DROP TABLE inside') if $private;
is(secrets_in($node, 'one', 'hush-hush|b29vb29v|bm5ubm5u'), '', 'no secret in any table, view, dump or log');
unlike($activity, qr/hush-hush/, 'nor in pg_stat_activity');
like($activity, qr/journey sender/, 'where the sender shows');
is($node->safe_psql('one', q{SELECT count(*) = count(*) FILTER (WHERE secret ~ '^(hush-hush|whsec_)') AND count(*) > 50 FROM journey.secret}),
	't', 'it would have been found');

$node->stop('fast');
done_testing();
