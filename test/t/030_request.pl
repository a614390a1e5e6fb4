# Webhooks as they are built, and answers as they are judged: without anything being
# sent (test/request/drive.c), then from a server to the sink.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use JSON::PP;
use MIME::Base64;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $json = JSON::PP->new->canonical->allow_nonref;
my $module = "$PostgreSQL::Test::Utils::tmp_check/request_drive.so";
my $node = PostgreSQL::Test::Cluster->new('request');
my $id = '00112233-4455-6677-8899-aabbccddeeff';

$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "TimeZone = 'Asia/Tokyo'");
$node->start;

sub output_of
{
	my ($in, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \$in, '>', \$out, '2>', \$err) or die "@command: $err";
	chomp $out;
	return $out;
}

my @flags = map { split ' ', output_of('', 'pg_config', $_) } qw(--cppflags --cflags_sl);
my @command = (split(' ', $ENV{CC} // 'gcc'), qw(-std=gnu99 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter),
	qw(-Wno-sign-compare -Wno-missing-field-initializers -shared), '-Wl,-Bsymbolic', @flags,
	'-I' . output_of('', qw(pg_config --includedir-server)), '-o', $module, "$top/test/request/drive.c",
	glob("$top/src/*.o"), '-lcurl');
my $said = '';
IPC::Run::run(\@command, '>', \$said, '2>&1') or BAIL_OUT("@command: $said");

sub add_functions
{
	my ($database) = @_;

	# In a session of its own: the two libraries define the same settings.
	$node->safe_psql($database, 'CREATE EXTENSION journey');
	$node->safe_psql($database, qq{
CREATE FUNCTION request(jsonb, text, jsonb, bool, int) RETURNS bytea AS '$module', 'test_request' LANGUAGE C;
CREATE FUNCTION judge(bool, int, int, text, bytea, int, bool DEFAULT false) RETURNS text AS '$module', 'test_judge' LANGUAGE C;});
	return;
}

add_functions('postgres');

# As a literal of SQL; JSON is ASCII, so that any database can read it.
sub quote
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	$value = JSON::PP->new->canonical->allow_nonref->ascii->encode($value) if ref $value;
	$value =~ s/'/''/g;
	$value =~ s/\\/\\\\/g;
	return "E'$value'";
}

# Requests for cases [config, payload, secret, is_webhook], in their order: as text,
# of bytes.
sub build
{
	my @cases = @_;
	my $query = join ";\n", map {
		'SELECT encode(request(' . join(', ', quote($_->[0]), quote($_->[2]), quote($_->[1]),
			$_->[3] ? 'true' : 'false', 1) . "), 'hex')"
	} @cases;

	return map { pack 'H*', $_ } split /\n/, $node->safe_psql('postgres', $query);
}

# Of a tile webhook, at that URL.
sub build_tile { my ($tile, $url, %config) = @_; return (build([ { url => $url // 'https://a.test/v1', %config }, $tile, undef, 1 ]))[0]; }

sub first_line { my ($text) = @_; return $text =~ /\A([^\n]*)/ ? $1 : ''; }

# The headers of a request, names in lower case, and its body.
sub parts
{
	my ($request) = @_;
	my ($head, $body) = split /\n\n/, $request, 2;
	my %headers = map { /^([\w-]+): (.*)/ ? (lc $1 => $2) : () } split /\n/, $head;
	return (\%headers, $body);
}

# --- what is sent

my ($plain) = build([ { url => 'https://a.test/hook' }, { to => "\x{f1}", n => [ 1, JSON::PP::null ] } ]);
like($plain, qr/\APOST https:\/\/a\.test\/hook\nms 30000\nsubtransactions 0\nUser-Agent: journey\/1\.0\nContent-Type: application\/json\nIdempotency-Key: $id\nwebhook-id: $id\nwebhook-timestamp: \d+\n\n\{"n": \[1, null\], "to": "\xc3\xb1"\}\z/,
	'a webhook with nothing said but its URL');
my ($headers) = parts($plain);
cmp_ok(abs($headers->{'webhook-timestamp'} - time), '<', 300, 'the time is the clock\'s');

my %names = (p => '{{ payload }}', q => "{{ payload->>'a' }}", c => '{{ customer }}', j => '{{ journey }}',
	t => '{{ tile }}', i => '{{ id }}', n => '{{ attempt + 1 }}', at => '{{ created_at }}',
	text => 'no {{ attempt }} of {{ tile }}', z => '{{ now = now() AND local_now = localtimestamp }}',
	utc => "{{ now AT TIME ZONE 'UTC' = local_now }}");
my ($named) = build([ { url => 'https://a.test/', body => \%names, timeout => '1.5 seconds' }, { a => 1 } ]);
my (undef, $body) = parts($named);
is_deeply($json->decode($body || $json->encode($named)), { p => { a => 1 }, q => '1', c => 'cust/1', j => 'the journey', t => 'the tile', i => $id,
		n => 3, at => '2000-01-01T00:00:00+00:00', text => 'no 2 of the tile', z => JSON::PP::true, utc => JSON::PP::true },
	'names of templates');
like($named, qr/\nms 1500\nsubtransactions 1\n/, 'they are evaluated in one subtransaction');
like((build([ { url => 'https://a.test/', body => { x => "{{ 1 / (payload->>'a')::int }}" } }, { a => 0 } ]))[0],
	qr/\AERROR division by zero\z/, 'a template that errs');
like((build([ { url => 'https://a.test/', body => { x => "{{ (payload->>'a')::int }}" } }, { a => "x\ny" } ]))[0],
	qr/\AERROR invalid input syntax for type integer: "x y"\z/, 'its error is one line');

# Names of members are none here.
for my $name (qw(context traits key event props visits outcome entered_at member.customer profile.x new.x))
{
	my ($request) = build([ { url => 'https://a.test/', body => "{{ $name }}" }, {} ]);
	like($request, qr/\ARETRY name .* does not exist in templates of destinations\z/, "$name is no name here");
}

my %form = (url => 'https://a.test/', content_type => 'application/x-www-form-urlencoded');
my ($form, $bad_form, $text, $bad_text, $get, $large) = build(
	[ \%form, { s => "a b&c=\x{f1}~", l => [ 1, JSON::PP::null, 'x' ], n => JSON::PP::null, o => { a => JSON::PP::true }, 'k e' => '' } ],
	[ \%form, [1] ],
	[ { %form, content_type => 'text/plain', body => "Hi {{ payload->>'n' }}\n" }, { n => 'Ada' } ],
	[ { %form, content_type => 'text/plain' }, { n => 'Ada' } ],
	[ { url => 'https://a.test/', method => 'GET' }, { n => 1 } ],
	[ { url => 'https://a.test/', body => "{{ repeat('x', 2000000) }}" }, {} ]);
is((parts($form))[1], 'l=1&l=x&o=%7B%22a%22%3A+true%7D&s=a+b%26c%3D%C3%B1~&k+e=', 'a form');
is((parts($form))[0]{'content-type'}, 'application/x-www-form-urlencoded', 'says that it is one');
is($bad_form, 'ERROR the body of a form must be a JSON object', 'what is no form');
is((parts($text))[1], "Hi Ada\n", 'text');
is((parts($text))[0]{'content-type'}, 'text/plain; charset=utf-8', 'says that it is text');
is($bad_text, 'ERROR the body of text must be a JSON string', 'what is no text');
like($get, qr/\AGET .*webhook-timestamp: \d+\n\n\z/s, 'GET has no body');
unlike($get, qr/Content-Type/, 'and says nothing of one');
is($large, 'ERROR the body is larger than 1048576 bytes', 'a body without bounds');

# Numbers that are short in jsonb and long as text: they are written no further than
# to the limit, and whatever an action's making raises is that action's error.
my $numbers = '[' . join(',', ('1e131071') x 9000) . ']';
my %long = (
	'as it is' => [ { url => 'https://a.test/' }, qr/the body is larger than 1048576 bytes/ ],
	'form' => [ \%form, qr/the body is larger than 1048576 bytes/ ],
	'in a header' => [ { url => 'https://a.test/', method => 'GET', headers => { 'X-A' => '{{ payload }}' } }, qr/the payload as text is longer than 10485760 bytes/ ],
	'in a text' => [ { %form, content_type => 'text/plain', body => "x {{ payload->'a' }}" }, qr/the payload as text is longer than 10485760 bytes/ ],
	'of a template' => [ { url => 'https://a.test/', body => { x => "x {{ (SELECT jsonb_agg(1e131071::numeric) FROM generate_series(1, 600)) }}" } }, qr/template gives more than 64 MB/ ],
	'many values' => [ { url => 'https://a.test/', body => [ ("{{ repeat('x', 9000000) }}") x 9 ] }, qr/template gives more than 64 MB/ ]);
for my $name (sort keys %long)
{
	my ($said) = build([ $long{$name}[0], qq({"a": $numbers, "b": $numbers, "c": $numbers}) ]);
	like($said, qr/\AERROR $long{$name}[1]\z/, "written out: $name");
}
my ($number) = build([ { url => 'https://a.test/' }, '{"a": [1e20, {"b": -0.10}], "c": {}, "d": [], "e": [[1], "\\"\\n"], "f": false}' ]);
is((parts($number))[1], '{"a": [100000000000000000000, {"b": -0.10}], "c": {}, "d": [], "e": [[1], "\"\n"], "f": false}', 'JSON is written as the server does');
is((parts((build([ { url => 'https://a.test/' }, $_ ]))[0]))[1], $_, "and $_") for '1', '"x"', 'null', 'true', '[]', '{}';
for my $state (qw(22012 23505 54000 P0001 08006 40001 40P01 42501 53100 53200 55P03 57014 57P01 58030 XX000 XX001))
{
	$node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION public.fail() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'failed' USING ERRCODE = '$state'; END \$\$; ALTER DATABASE postgres SET journey.condition_functions = 'any'");
	is((build([ { url => 'https://a.test/', body => { x => '{{ public.fail() }}' } }, {} ]))[0], ($state =~ /^(22|23|54|P0)/ ? 'ERROR' : 'RETRY') . ' failed', "a template that raises $state");
}
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET journey.condition_functions');

# --- a tile's part

my $tile = build_tile({ path => '/orders/4%2F2?a=b', method => 'PUT', body => { q => 1 },
		headers => { 'x-own' => 'tile', 'X-Tile' => 'y', 'X-Null' => JSON::PP::null } }, 'https://a.test/v1/?k=v', headers => { 'X-Own' => 'own' });
like($tile, qr{\APUT https://a\.test/v1/orders/4%2F2\?k=v&a=b\nms 30000\nsubtransactions 0\nX-Own: own\nX-Tile: y\nUser-}, 'path, method and headers of a tile');
like($tile, qr/\n\n\{"q": 1\}\z/, 'and its body');
unlike($tile, qr/tile$|X-Null/m, 'the destination\'s headers win; null is none');
like(build_tile({ path => '/x', body => [ 1, 2 ] }, undef, body => { wrapped => '{{ payload }}', n => "{{ payload->>0 }}" }),
	qr/\n\n\{"n": "1", "wrapped": \[1, 2\]\}\z/, 'a body template wraps it');
like(build_tile({}, undef, body => { wrapped => '{{ payload }}' }), qr/\n\n\{"wrapped": null\}\z/, 'also where it is none');
like(build_tile({ path => '/x', method => 'DELETE' }), qr{\ADELETE https://a.test/v1/x\n.*\d\n\n\z}s, 'no body');

# Each path, and what becomes of it; undef: it is refused.
my %paths = (
	'/a' => '/v1/a', '' => '/v1', '?x=1' => '/v1?x=1', '/a?x=../b' => '/v1/a?x=../b', '/a?t=%0D%0A' => '/v1/a?t=%0D%0A',
	'/a b"<>' => '/v1/a%20b%22%3C%3E', "/\x{f1}" => '/v1/%C3%B1', '/...' => '/v1/...', '/..a' => '/v1/..a', '/@x:y' => '/v1/@x:y',
	'/a;b=..' => '/v1/a;b=..', '/%2F' => '/v1/%2F', '/100%25' => '/v1/100%25', '/a/' => '/v1/a/',
	map { $_ => undef } '/..', '/.', '/a/../b', '/%2e%2e/x', '/.%2E/x', '/%2e', '/%252e%252e/x', '/%25252e./x', '/..%2Fx', '/..%5Cx',
	'/a%5c..%5cb', '/..;/x', '/%2e%2e%3bx', '/a\\b', '@evil.test/', ':80/x', '.evil.test', 'x', '//evil.test/', '/\\evil.test', '/a#b', '/a%', '/a%zz',
	'/%00', '/%0d%0aX: y', "/a\r\nb", "/a\x7f", '/' . 'x' x 9000);
my @paths = sort keys %paths;
my @built = map { first_line($_) } build(map { [ { url => 'https://a.test/v1' }, { path => $_ }, undef, 1 ] } @paths);
is_deeply([ map { "$paths[$_]: $built[$_]" } grep {
			my $wanted = $paths{ $paths[$_] };
			defined $wanted ? $built[$_] ne "POST https://a.test$wanted" : $built[$_] !~ /^ERROR the (URL|tile's path)/
		} 0 .. $#paths ], [], scalar(@paths) . ' paths of tiles');

# A URL that is the secret: nothing of it is told.
my %urls = (
	'https://a.test/T/B' => 1, 'HTTPS://A.test:8443?x' => 1, 'https://[::1]:80/x' => 1, 'http://a.test' => 1,
	map { $_ => 0 } 'ftp://hunter2/', 'file:///etc/hunter2', '//hunter2/', 'hunter2', 'https://hunter2@a.test/', 'https://a:hunter2@a.test/', 'https:///hunter2',
	'https://a.test%40hunter2/', 'https://hun ter2/', 'https://a.test\\hunter2/', "https://\x{f6}.test/", 'https://a.test/hunter2/../x', "https://a.test/\nhunter2", 'https://a.test/#hunter2',
	'javascript:hunter2');
my @urls = sort keys %urls;
@built = map { first_line($_) } build(map { [ { url => '{{ secret }}' }, {}, encode_text($_) ] } @urls);
is_deeply([ map { "$urls[$_]: $built[$_]" } grep { $urls{ $urls[$_] } != ($built[$_] eq "POST $urls[$_]") } 0 .. $#urls ], [], 'URLs');
is_deeply([ grep { /hunter|ter2/ } grep { /^ERROR/ } @built ], [], 'no error tells them');

sub encode_text { my ($text) = @_; utf8::encode($text); return $text; }

# Values in a URL are one segment, or one parameter.
my $by_value = 'https://a.test/u/{{ payload->>\'v\' }}/m?q={{ payload->>\'v\' }}';
my %values = ('a/b?c&d#e' => 'a%2Fb%3Fc%26d%23e', "\x{f1} %" => '%C3%B1%20%25', '@x:y' => '%40x%3Ay', '-._~' => '-._~');
for my $value (sort keys %values)
{
	is(first_line((build([ { url => $by_value }, { v => $value } ]))[0]), "POST https://a.test/u/$values{$value}/m?q=$values{$value}", "in a URL: " . $json->ascii->encode($value));
}
for my $value ('..', '.', '../x', '', JSON::PP::null, "\r\nX: y", '%2e%2e')
{
	like((build([ { url => $by_value }, { v => $value } ]))[0], qr/\AERROR (the URL|a value in the URL)/, "not in a URL's path: " . $json->ascii->encode($value));
}

# --- headers

my @refused = map { [ $_ => build_tile({ headers => $_ }) ] } { Host => 'x' }, { 'Webhook-Id' => 'x' }, { 'webhook_id' => 'x' }, { 'Content_Length' => '1' }, { 'webhook-signature' => 'x' }, { 'idempotency-KEY' => 'x' }, { 'Content-Length' => '1' },
  { 'Transfer-Encoding' => 'chunked' }, { Connection => 'x' }, { 'X Y' => 'x' }, { "X\r\nY" => 'x' }, { '' => 'x' }, { "X\x{f1}" => 'x' }, { X => "a\r\nY: b" }, { X => "a\nb" }, { X => "a\x01" }, { X => 'x' x 9000 };
is_deeply([ map { $json->encode($_->[0]) . ": $_->[1]" } grep { $_->[1] !~ /\AERROR header "[^"\n]*" / } @refused ], [], 'headers that are refused');
for my $name (qw(Private-Token X-Token X_Vault_Token X-Csrf-Token X-Tokens))
{
	my (undef, undef, $said) = $node->psql('postgres', sprintf q{BEGIN; SELECT journey_destination_create('keyed', 'webhook', %s); ROLLBACK}, quote({ url => 'https://a.test/', headers => { $name => 'open' } }));
	is($said =~ /secret/ ? 'keyed' : $said, $name =~ /Csrf|Tokens/ ? '' : 'keyed', "$name in a readable configuration");
}
is_deeply([ map { $_->[1] } grep { $_->[1] =~ /[^ -~]\b.*Y: b/ } @refused ], [], 'without their values');
like(build_tile({ headers => { 'user-agent' => 'me', X => 1, 'X-O' => { a => 1 } } }), qr/\nX: 1\nX-O: \{"a": 1\}\nuser-agent: me\nIdempotency-Key/, 'others are sent');
my ($keyed) = build([ { url => 'https://a.test/?k={{ secret.url }}', headers => { Authorization => 'Bearer {{ secret.api }}', 'X-Name' => "{{ payload->>'name' }}", 'X-Two' => "n={{ payload->>'n' }}", 'X-Empty' => '' } },
		{ n => 1 }, $json->encode({ url => 'U', api => 'hunter2' }) ]);
like($keyed, qr{\APOST https://a\.test/\?k=U\n.*\nAuthorization: Bearer hunter2\n}s, 'parts of a secret');
like($keyed, qr/\nX-Two: n=1\n/, 'data in a header');
like($keyed, qr/\nX-Empty: \n/, 'an empty header');
unlike($keyed, qr/X-Name/, 'a header whose value is null is left out');
my @no_secret = build([ { url => 'https://a.test/', headers => { Authorization => '{{ secret.api }}' } }, {}, '{"other": "hunter2"}' ],
	[ { url => 'https://a.test/', headers => { Authorization => '{{ secret }}' } }, {}, undef ],
	[ { url => 'https://a.test/', headers => { Authorization => '{{ secret }}' } }, {}, "hunter2\r\nX: y" ],
	[ { url => 'https://a.test/', user => 'ada', password => '{{ secret }}' }, {}, "hunter2\n" ],
	[ { url => 'https://a.test/', headers => { 'X' => "{{ payload->>'x' }}" } }, { x => "hunter2\r\nX: y" } ]);
is_deeply(\@no_secret, [ 'ERROR the destination\'s secret has no "api"', 'ERROR the destination has no secret', 'ERROR header "Authorization" holds a control character',
		'ERROR the password holds a control character', 'ERROR header "X" holds a control character' ], 'secrets that cannot be sent');
like((build([ { url => 'https://a.test/', user => 'ada', password => '{{ secret }}' }, {}, 'hunter2' ]))[0], qr/\nlogin ada:hunter2\n/, 'user and password');

# --- signatures, by who shares nothing with the signer

my @keys = map { 'whsec_' . encode_base64($_, '') } 'k' x 24, 'l' x 64, join('', map { chr } 200 .. 232);

sub verdict
{
	my ($request, @secrets) = @_;
	my ($headers, $body) = parts($request);
	my $script = 'import base64, json, sys; sys.path.insert(0, sys.argv[1]); import standard_webhooks as s; q = json.load(sys.stdin);'
	  . 'a = s.verify([s.key_of(k) for k in q["secrets"]], q["headers"], base64.b64decode(q["body"]));'
	  . 'print(a["verdict"], a["signatures"], *a["keys"])';

	return output_of($json->encode({ headers => $headers, body => encode_base64($body, ''), secrets => \@secrets }),
		'python3', '-B', '-c', $script, "$top/test");
}

my ($one, $two, $member, $signed_get, $with_template) = build(
	[ { url => 'https://a.test/' }, { to => "\x{20ac}" }, $keys[0] ],
	[ { url => 'https://a.test/' }, { to => 1 }, "$keys[1]  $keys[2]\n" ],
	[ { url => 'https://a.test/', headers => { Authorization => '{{ secret.api }}' } }, {}, $json->encode({ api => 'hunter2', signing => $keys[2] }) ],
	[ { url => 'https://a.test/', method => 'GET' }, {}, $keys[0] ],
	[ { url => 'https://a.test/', content_type => 'text/plain', body => "{{ id }} \x{f1}" }, {}, $keys[0] ]);
is(verdict($one, $keys[0]), 'valid 1 0', 'a signature');
is(verdict($one, $keys[1]), 'no signature matches 1', 'by that key alone');
is(verdict($two, @keys[ 1, 2 ]), 'valid 2 0 1', 'two of them while keys change');
is(verdict($member, $keys[2]), 'valid 1 0', 'by a member of the secret');
is(verdict($signed_get, $keys[0]), 'valid 1 0', 'of nothing');
is(verdict($with_template, $keys[0]), 'valid 1 0', 'of the bytes that are sent');
(my $other = $one) =~ s/\}\z/ }/;
is(verdict($other, $keys[0]), 'no signature matches 1', 'and of no others');
unlike($plain . $keyed, qr/webhook-signature/, 'no signature without a key');
my @no_keys = build(map { [ { url => 'https://a.test/' }, {}, $_ ] } 'whsec_hunter2!', 'whsec_' . encode_base64('k' x 23, ''), 'whsec_' . encode_base64('k' x 65, ''), "$keys[0] hunter2", 'whsec_');
is_deeply([ grep { !/\AERROR the destination's secret has a key / || /hunter2/ } @no_keys ], [], 'keys that are none are not passed over');

# --- answers

my ($ok, $status, $reply, $refused, $resolve, $connect, $tls, $timeout, $broken, $too_large, $protocol, $local) = 0 .. 11;

# [is_mail, outcome, status, body, error, retry_after] to what is said of it.
sub judge
{
	my ($database, @cases) = @_;
	my $query = join ";\n", map {
		sprintf q{SELECT judge(%s, %d, %d, %s, '\x%s', %d)}, $_->[0] ? 'true' : 'false', $_->[1], $_->[2], quote($_->[4] // ''), unpack('H*', $_->[3] // ''), $_->[5] // -1
	} @cases;

	return split /\n/, $node->safe_psql($database, $query);
}

sub judged
{
	my ($what, @cases) = @_;
	my @said = judge('postgres', map { [ @$_[ 0 .. 5 ] ] } @cases);

	is_deeply(\@said, [ map { $_->[6] } @cases ], $what);
	return;
}

judged('delivered or not, by HTTP',
	(map { [ 0, $ok, $_, '', '', 9, qq(delivered||-1||{"body": null, "status": $_}) ] } 200, 201, 202, 204, 299),
	(map { [ 0, $status, $_, '', '', 9, qq(dead|HTTP status $_|-1||{"body": null, "status": $_}) ] } 199, 400, 403, 404, 422, 451),
	(map { [ 0, $status, $_, '', '', 9, qq(dead|HTTP status $_|-1|trouble|{"body": null, "status": $_}) ] } 401, 407),
	(map { [ 0, $status, $_, '', '', 9, qq(dead|HTTP status $_, redirects are not followed|-1|trouble|{"body": null, "status": $_}) ] } 300, 301, 302, 304, 307),
	[ 0, $status, 410, '', '', 9, 'dead|HTTP status 410|-1|trouble gone|{"body": null, "status": 410}' ],
	[ 0, $status, 425, '', '', 9, 'retry|HTTP status 425|9||{"body": null, "status": 425}' ],
	(map { [ 0, $status, $_, '', '', 9, qq(retry|HTTP status $_|9|trouble|{"body": null, "status": $_}) ] } 408, 429, 500, 501, 502, 503, 504, 599, 999));
is($node->safe_psql('postgres', qq{SELECT string_agg(judge(false, $status, s, '', '', -1, true), ' ' ORDER BY s) FROM unnest('{302, 401, 410, 503}'::int[]) s}),
	'dead|HTTP status 302, redirects are not followed|-1||{"body": null, "status": 302} dead|HTTP status 401|-1|trouble|{"body": null, "status": 401} dead|HTTP status 410|-1||{"body": null, "status": 410} retry|HTTP status 503|-1|trouble|{"body": null, "status": 503}',
	'what is about a path of a tile is not about its destination');
judged('delivered or not, by mail',
	[ 1, $ok, 250, '250 2.0.0 Ok: queued', '', -1, 'delivered||-1||{"body": "2.0.0 Ok: queued", "status": 250}' ],
	[ 1, $reply, 450, '450 4.2.0 greylisted', '', -1, 'retry|SMTP reply 450|-1||{"body": "4.2.0 greylisted", "status": 450}' ],
	[ 1, $reply, 421, '421', '', -1, 'retry|SMTP reply 421|-1|trouble|{"body": null, "status": 421}' ],
	[ 1, $reply, 550, '550 no', '', -1, 'dead|SMTP reply 550|-1||{"body": "no", "status": 550}' ],
	[ 1, $reply, 535, '535 no', '', -1, 'dead|SMTP reply 535|-1|trouble|{"body": "no", "status": 535}' ],
	[ 1, $status, 410, '', '', -1, 'retry|SMTP reply 410|-1|trouble|{"body": null, "status": 410}' ]);
judged('no answer, and why',
	[ 0, $refused, 0, '', 'address may not be reached: private', 9, 'retry|address may not be reached: private (journey.http_allow does not list it)|9|trouble|' ],
	[ 0, $resolve, 0, '', 'Could not resolve host: hunter2.test', 9, 'retry|could not look up the host\'s name|9|trouble|' ],
	[ 0, $connect, 0, '', 'Failed to connect to hunter2.test port 443', 9, 'retry|could not connect|9|trouble|' ],
	[ 0, $timeout, 0, '', 'hunter2', 9, 'retry|could not connect: timeout|9|trouble|' ],
	[ 0, $timeout, 200, 'half', 'hunter2', 9, 'retry|timeout while waiting for the answer|9|trouble|' ],
	[ 0, $tls, 0, '', 'SSL certificate problem: certificate has expired', 9, 'retry|TLS failed: SSL certificate problem: certificate has expired|9|trouble|' ],
	[ 0, $tls, 0, '', "SSL: no alternative certificate subject name matches target host name 'hunter2'", 9, 'retry|TLS failed: the certificate is for another host|9|trouble|' ],
	[ 0, $tls, 0, '', 'OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to hunter2:443 ', 9, 'retry|TLS failed: OpenSSL SSL_connect: SSL_ERROR_SYSCALL|9|trouble|' ],
	[ 0, $broken, 200, 'half', 'Empty reply from server', 9, 'retry|Empty reply from server|9|trouble|' ],
	[ 0, $protocol, 0, '', 'Received HTTP/0.9 when not allowed', 9, 'retry|Received HTTP/0.9 when not allowed|9|trouble|' ],
	[ 0, $local, 0, '', 'out of memory or descriptors', 9, 'retry|out of memory or descriptors|9||' ],
	[ 0, $too_large, 200, 'xxx', 'large', 9, 'delivered||-1||{"body": null, "status": 200}' ],
	[ 0, $too_large, 503, 'xxx', 'large', 9, 'retry|HTTP status 503|9|trouble|{"body": null, "status": 503}' ],
	[ 0, $too_large, 410, 'xxx', 'large', 9, 'dead|HTTP status 410|-1|trouble gone|{"body": null, "status": 410}' ],
	[ 0, $too_large, 100, '', 'large', 9, 'retry|large|9|trouble|' ]);

# [bytes, what is kept of them, as SQL shows jsonb]
my $deep = '[' x 101 . ']' x 101;
my @bodies = ([ '', 'null' ], [ 'ok', '"ok"' ], [ ' {"a": [1, "x"]} ', '{"a": [1, "x"]}' ], [ 'null', 'null' ], [ '"x"', '"x"' ], [ '-12.50', '-12.50' ], [ 'truely', '"truely"' ],
	[ 'true', 'true' ], [ '{"a": }', '"{\"a\": }"' ], [ '[1,2', '"[1,2"' ], [ '{"a":"\u0000"}', '"{\"a\":\"\\\\u0000\"}"' ], [ '"\ud800"', '"\"\\\\ud800\""' ],
	[ "{\"a\":1}\0x", '"{\"a\":1}?x"' ], [ "\0", '"?"' ], [ "a\x01\x1b", '"a\u0001\u001b"' ], [ '[1e1000000]', '"[1e1000000]"' ], [ '["1e1000000"]', '["1e1000000"]' ], [ '[1e3]', '[1000]' ],
	[ $deep, qq("$deep") ], [ '{"status": 1, "body": 2}', '{"body": 2, "status": 1}' ]);

sub bodies_are
{
	my ($database, $what, @bodies) = @_;
	my @said = judge($database, map { [ 0, $ok, 200, $_->[0] ] } @bodies);

	is_deeply(\@said, [ map { qq(delivered||-1||{"body": $_->[1], "status": 200}) } @bodies ], $what);
	return;
}

my @utf8 = ([ "a\xff\xc0\x80b\xe2\x82\xac\xed\xa0\x80\xf4\x90\x80\x80", "\"a???b\xe2\x82\xac???????\"" ], [ "{\"a\":\"\xff\"}", '{"a": "?"}' ], [ "\xe2\x82", '"??"' ]);
bodies_are('postgres', 'bodies of responses', @bodies, @utf8);
my ($largest, $larger) = judge('postgres', [ 0, $ok, 200, 'x' x 65536 ], [ 0, $ok, 200, '[' . '1,' x 32000 . '1]' ]);
is(length($largest), length('delivered||-1||{"body": "", "status": 200}') + 65536, 'the largest body');
like($larger, qr/"body": "\[1,1.*1,1\]"/, 'JSON that is larger than its text is text');

# Other encodings.  What they do not have are question marks.
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0; CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
add_functions($_) for qw(latin ascii);
bodies_are('latin', 'bodies in LATIN1', @bodies);
bodies_are('ascii', 'bodies in SQL_ASCII', @bodies);
my ($converted, $unknown, $bad) = map { (split /\|/)[4] } split /\n/, $node->safe_psql('latin', join ';',
	map { "SELECT convert_to(judge(false, 0, 200, '', '\\x" . unpack('H*', $_) . "', -1), 'UTF8')" } "\xc3\xb1", "\xe2\x82\xac\xc3\xb1", "\xff") =~ s/^\\x([0-9a-f]+)$/pack 'H*', $1/germ;
is($converted, "{\"body\": \"\xc3\xb1\", \"status\": 200}", 'a letter that LATIN1 has');
is($unknown, '{"body": "?????", "status": 200}', 'one that it has not');
is($bad, '{"body": "?", "status": 200}', 'what is no letter');
my $latin = pack 'H*', $node->safe_psql('latin', "SELECT encode(request('{\"url\": \"https://a.test/{{ payload->>''v'' }}\"}', NULL, jsonb_build_object('v', chr(241)), false, 1), 'hex')");
like($latin, qr/\APOST https:\/\/a\.test\/%C3%B1\n.*\{"v": "\xc3\xb1"\}\z/s, 'requests are UTF-8 always');
$latin = pack 'H*', $node->safe_psql('latin', q{SELECT encode(request('{"url": "https://a.test/", "user": "me", "password": "{{ secret }}", "headers": {"X-Api-Key": "{{ secret }}"}}', 'p' || chr(228) || 'ss', '{}', false, 1), 'hex')});
like($latin, qr/\nlogin me:p\xc3\xa4ss\nX-Api-Key: p\xc3\xa4ss\n/, 'secrets too');
is($node->safe_psql('latin', q{SELECT journey_destination_create('api', 'webhook', '{"url": "https://a.test"}');
	SELECT journey_create('calls', '{"tiles": {"start": {"type": "entry", "on": [{"event": "call"}]}, "send": {"type": "webhook", "destination": "api", "path": "/p/{{ customer }}"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}');
	SELECT journey_activate('calls'); SELECT FROM journey_emit('c' || chr(233), 'call', '{}');
	SELECT payload->>'path' FROM journey.action}) =~ s/\A\s+//r, '/p/c%C3%A9', 'and paths of tiles');

# --- the cost

my %costs = (
	'as it is' => [ { url => 'https://a.test/' }, undef ],
	'signed' => [ { url => 'https://a.test/' }, $keys[0] ],
	'two headers and a key' => [ { url => 'https://a.test/', headers => { Authorization => 'Bearer {{ secret }}', X => 'y' } }, 'hunter2' ],
	'a body of templates' => [ { url => 'https://a.test/', body => { to => "{{ payload->>'email' }}", hi => "Hi {{ payload->>'name' }}" } }, undef ]);
for my $name (sort keys %costs)
{
	my $us = pack 'H*', $node->safe_psql('postgres', 'SELECT encode(request(' . quote($costs{$name}[0]) . ', ' . quote($costs{$name}[1]) . q{, '{"email": "ada@example.com", "name": "Ada", "cart": [1, 2, 3]}', false, 20000), 'hex')});
	diag("a webhook $name: $us us");
	cmp_ok($us, '<', 150, "3000 a second: a webhook $name is built in less than half of that time");
}

$node->stop;

# --- from a server to the sink

my $sink = Sink->start;
my $secret = 'hunter2-in-a-secret';
my $server = new_server('sender', conf => "journey.http_allow = '127.0.0.1, localhost'\njourney.http_ca_file = '" . $sink->ca . "'\n");

$sink->secrets(path => '/signed', secrets => [ @keys[ 0, 1 ] ]);
$sink->script(path => "/$secret/ok", replies => [ { status => 201, json => { number => 7 } } ]);
$sink->script(path => '/bytes', replies => [ { status => 200, body_base64 => encode_base64("\xff\0{}", '') } ]);
$sink->script(path => '/moved', replies => [ { status => 302, headers => { Location => $sink->url('http', '/elsewhere') } } ]);
$sink->script(path => '/over', replies => [ { status => 200, body => 'x' x 70_000 } ]);
$sink->script(path => '/again', replies => [ 503, 200 ]);
$sink->script(path => "/$secret/no", replies => [ { status => 400, json => { why => "\x{20ac}" } } ]);
$sink->script(path => '/gone', replies => [410]);
$sink->script(path => '/echo', replies => [ { status => 401, body => q({"a":"Bearer hunter3\/in+a\"header!","b":"hunter3/in+a\"header"}) } ]);
$sink->script(path => '/quote', replies => [ { status => 400, body => "who is $secret?" } ]);
$server->safe_psql('postgres', 'CREATE DATABASE shop');
$server->safe_psql('shop', 'CREATE EXTENSION journey');

my $hour = { retry => { max => 2, first => '50 ms', factor => 1, longest => '50 ms' } };
my $url = sub { return { url => $sink->url('http', $_[0]), %$hour } };

# [destination, configuration, secret, action's state, error, response]
my @cases = (
	[ 'signed', $url->('/signed'), "$keys[0] $keys[1]", 'delivered', '', '{"body": null, "status": 200}' ],
	[ 'in_url', { url => $sink->url('https', '/{{ secret }}/ok') }, $secret, 'delivered', '', '{"body": {"number": 7}, "status": 201}' ],
	[ 'bytes', $url->('/bytes'), undef, 'delivered', '', '{"body": "??{}", "status": 200}' ],
	[ 'over', $url->('/over'), undef, 'delivered', '', '{"body": null, "status": 200}' ],
	[ 'again', $url->('/again'), undef, 'delivered', '', '{"body": null, "status": 200}' ],
	[ 'moved', $url->('/moved'), undef, 'dead', 'HTTP status 302, redirects are not followed', '{"body": null, "status": 302}' ],
	[ 'bad', { url => $sink->url('http', '/{{ secret }}/no') }, $secret, 'dead', 'HTTP status 400', "{\"body\": {\"why\": \"\xe2\x82\xac\"}, \"status\": 400}" ],
	[ 'echo', { %{ $url->('/echo') }, headers => { Authorization => 'Bearer {{ secret }}' } }, 'hunter3/in+a"header', 'dead', 'HTTP status 401',
		'{"body": {"a": "Bearer ***!", "b": "***"}, "status": 401}' ],
	[ 'quote', { %{ $url->('/quote') }, headers => { Authorization => '{{ secret.api }}' } }, { api => $secret }, 'dead', 'HTTP status 400', '{"body": "who is ***?", "status": 400}' ],
	[ 'gone', $url->('/gone'), undef, 'dead', 'HTTP status 410', '{"body": null, "status": 410}' ],
	[ 'private', { url => 'https://10.0.0.1/{{ secret }}', %$hour }, $secret, 'dead', 'address may not be reached: private (journey.http_allow does not list it)', '' ],
	[ 'clear', { url => 'http://8.8.8.8/{{ secret }}', %$hour }, $secret, 'dead', 'address may not be reached: only with TLS (journey.http_allow does not list it)', '' ],
	[ 'closed', { url => $sink->url('http', '/x') =~ s/:\d+/':' . $sink->port('closed')/er, %$hour }, undef, 'dead', 'could not connect', '' ],
	[ 'strange', { url => $sink->url('https_other_ca', '/{{ secret }}'), %$hour }, $secret, 'dead', qr/TLS failed: [ -~]+/, '' ],
	[ 'erring', { %{ $url->('/erring') }, body => { n => "{{ 1 / (payload->>'zero')::int }}" } }, undef, 'dead', 'division by zero', '' ],
	[ 'later', { %{ $url->('/later') }, body => { n => '{{ (SELECT max(n) FROM public.gone) }}' } }, undef, 'dead', 'relation "public.gone" does not exist', '' ],
	[ 'injected', { %{ $url->('/injected') }, headers => { 'X-A' => "{{ payload->>'line' }}" } }, undef, 'dead', 'header "X-A" holds a control character', '' ]);

my $setup = "CREATE TABLE public.gone (n int);\n";
for my $case (@cases)
{
	my ($name, $config, $given) = @$case;
	my $definition = { tiles => { start => { type => 'entry', on => [ { event => 'go' } ] },
			send => { type => 'action', destination => $name, payload => { zero => 0, line => "a\r\nX-Evil: 1", hi => "{{ customer }}" } }, done => { type => 'exit' } },
		edges => [ { from => 'start', to => 'send' }, { from => 'send', to => 'done' } ] };
	$setup .= sprintf "SELECT journey_destination_create(%s, 'webhook', %s, %s);\nSELECT journey_create(%s, %s);\nSELECT journey_activate(%s);\n",
	  quote($name), quote($config), quote($given), quote("to_$name"), quote($definition), quote("to_$name");
}
$server->safe_psql('shop', "$setup DROP TABLE public.gone");
$server->safe_psql('shop', q{SELECT journey_emit('ada', 'go', '{}')});
wait_for($server, 'shop', q{SELECT count(*) = 0 FROM journey.action WHERE state IN ('pending', 'in_flight')}, 'all have come to an end');
my %actions = map { my ($destination, @rest) = split /\|/; ($destination => \@rest) }
  split /\n/, $server->safe_psql('shop', q{SELECT destination, state, coalesce(last_error, ''), coalesce(response::text, ''), id FROM journey.action});
for my $case (@cases)
{
	my ($name, undef, undef, $state, $error, $response) = @$case;
	my @found = @{ $actions{$name} // [] };

	is($found[0], $state, "$name: $state");
	like($found[1], ref $error ? qr/\A$error\z/ : qr/\A\Q$error\E\z/, "$name: its error");
	is($found[2], $response, "$name: its response");
}

# What a receiver quotes of a secret, however it spells it: [configuration, secret,
# answer, response].
my @spelt = ("p\x{e4}ss+w/rd \x{20ac}\x{1f600}12", 'p\u00e4ss\u002Bw\/rd%20\u20AC\ud83d\uDE0012', 'p%C3%A4ss%2bw%2Frd+%E2%82%AC%F0%9F%98%8012');
my $login = 'me:' . encode_text($spelt[0]);
my %quotes = (
	basic => [ { user => 'me', password => '{{ secret }}' }, $spelt[0], { headers => { Authorization => 'Basic ' . encode_base64($login, '') } }, '{"headers": {"Authorization": "Basic ***"}}' ],
	basic_in_text => [ { user => 'me', password => '{{ secret }}' }, 'PasswordOfMine123', 'Basic ' . encode_base64('me:PasswordOfMine123', '') =~ s/=//gr . ' is no login', '"Basic *** is no login"' ],
	basic_of_url => [ { user => 'me', password => '{{ secret }}' }, '>>>???Password', 'x=' . encode_base64('me:>>>???Password', '') =~ tr{+/}{-_}r, '"x=***"' ],
	basic_escaped => [ { user => 'me', password => '{{ secret }}' }, '>>>???~~~Password', \('{"a":"\n' . encode_base64('me:>>>???~~~Password', '') =~ s{\+}{\\u002B}gr =~ s{/}{\\/}gr . '"}'), '{"a": "\n***"}' ],
	escaped => [ { headers => { Authorization => 'Bearer {{ secret }}' } }, 'abc+defghi/jkl+mno==', \'{"error":"bad token Bearer abc\u002Bdefghi\/jkl\u002bmno=="}', '{"error": "bad token Bearer ***"}' ],
	letters => [ { user => '{{ secret }}' }, $spelt[0], \qq({"a":"$spelt[1]"}), '{"a": "***"}' ],
	percent => [ { user => '{{ secret }}' }, $spelt[0], "for $spelt[2].", '"for ***."' ],
	twice => [ { user => '{{ secret }}' }, 'say "hush" \\o/ now', \'{"a":"{\"b\":\"say \\\"hush\\\" \\\\\\\\o\\\/ now\"}"}', '{"a": "{\"b\":\"***\"}"}' ],
	html => [ { user => '{{ secret }}' }, 'a<b>&c"d\'e', '<p>a&lt;b&gt;&amp;c&quot;d&#39;e</p>', '"<p>***</p>"' ],
	path => [ { url => '{{ secret }}' }, 'PATH/T00000000/B00000000/XXXXXXXXSECRET', 'Cannot POST /redact/path/T00000000/B00000000/XXXXXXXXSECRET', '"Cannot POST ***"' ],
	passphrase => [ { user => '{{ secret }}' }, 'my own pass word', 'who is my own pass word', '"who is ***"' ],
	other => [ { user => '{{ secret }}' }, 'other-word', { a => [ 'other-wore', 'YWJjZGVmZ2hpamtsbW5v', "/+\\\n" ] }, '{"a": ["other-wore", "YWJjZGVmZ2hpamtsbW5v", "/+\\\\\\n"]}' ]);
for my $name (sort keys %quotes)
{
	my ($config, $given, $answer, $wanted) = @{ $quotes{$name} };

	$given =~ s/^PATH/$sink->url('http', "\/redact\/$name")/e;
	$config = { %{ $url->("/redact/$name") }, %$config };
	$sink->script(path => $name eq 'path' ? '/redact/path/T00000000/B00000000/XXXXXXXXSECRET' : "/redact/$name",
		replies => [ ref $answer eq 'HASH' ? { status => 400, json => $answer } : { status => 400, body => ref $answer ? $$answer : $answer } ]);
	$server->safe_psql('shop', sprintf q{SELECT journey_destination_create(%s, 'webhook', %s, %s);
		SELECT journey_create(%1$s, '{"tiles": {"start": {"type": "entry", "on": [{"event": "quote"}]}, "send": {"type": "action", "destination": "%4$s", "payload": {}}, "done": {"type": "exit"}},
			"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}'); SELECT journey_activate(%1$s)},
		quote("quotes_$name"), quote($config), quote(encode_text($given)), "quotes_$name");
}
$server->safe_psql('shop', q{SELECT journey_emit('ada', 'quote', '{}')});
wait_for($server, 'shop', q{SELECT count(*) = 0 FROM journey.action WHERE state IN ('pending', 'in_flight')}, 'all have been quoted');
for my $name (sort keys %quotes)
{
	is($server->safe_psql('shop', "SELECT response->'body' FROM journey.action WHERE destination = 'quotes_$name'"), encode_text($quotes{$name}[3]), "quoted: $name");
}

# A resource that is gone, of an API that is not.
$sink->script(path => '/api/orders/7', replies => [410]);
$server->safe_psql('shop', sprintf q{SELECT journey_destination_create('api', 'webhook', %s);
	SELECT journey_create('calls', '{"tiles": {"start": {"type": "entry", "on": [{"event": "call"}]},
		"send": {"type": "webhook", "destination": "api", "path": "/orders/{{ props->>''order'' }}", "method": "DELETE"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]}');
	SELECT journey_activate('calls'); SELECT journey_emit('ada', 'call', '{"order": 7}')}, quote($url->('/api')));
wait_for($server, 'shop', q{SELECT state = 'dead' FROM journey.action WHERE destination = 'api'}, 'an order that is gone is dead');
is($server->safe_psql('shop', q{SELECT coalesce(disabled, 'no') FROM journey.destination WHERE name = 'api'}), 'no', 'its destination is not');

my ($signed) = $sink->ledger(path => '/signed');
is($signed->{signature}{verdict}, 'valid', 'the receiver verifies it');
is_deeply($signed->{signature}{keys}, [ 0, 1 ], 'by either key');
is($signed->{id}, $actions{signed}[3], 'its id is the action\'s');
is($signed->{headers}{'idempotency-key'} // $signed->{headers}{'Idempotency-Key'}, $signed->{id}, 'and the key');
is_deeply($json->decode($signed->{body}), { zero => 0, line => "a\r\nX-Evil: 1", hi => 'ada' }, 'the payload as it is');
is($server->safe_psql('shop', q{SELECT string_agg(destination || ' ' || attempts, ', ' ORDER BY destination) FROM journey.action WHERE destination IN ('erring', 'later', 'private')}),
	'erring 1, later 2, private 2', 'what may pass is tried again');
my @again = $sink->ledger(path => '/again');
is(scalar @again, 2, 'what failed is sent again');
is($again[0]{id} . $again[0]{body}, $again[1]{id} . $again[1]{body}, 'the same');
is(scalar $sink->ledger(path => $_), 0, "nothing comes to $_") for '/elsewhere', '/erring', '/injected';
like($server->safe_psql('shop', q{SELECT disabled FROM journey.destination WHERE name = 'gone'}), qr/410/, '410 ends a destination');
unlike($server->safe_psql('shop', 'SELECT string_agg(a::text, chr(10)) FROM journey.action a') . slurp_file($server->logfile) =~ s/^.*statement: .*$//mgr,
	qr/\Q$secret\E|\Q$keys[0]\E|hunter3/, 'no secret is in the actions and in the log');

$server->stop;
$sink->stop;
done_testing();
