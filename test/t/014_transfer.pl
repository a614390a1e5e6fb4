# Requests over the network, without PostgreSQL: peers that behave badly in every
# way that is known, addresses that may not be reached, many requests at once.
#
# test/transfer/drive.c runs them; test/transfer/server.py is all the peers.
use strict;
use warnings;

use File::Temp;
use FindBin;
use IPC::Run;
use Test::More;
use Time::HiRes qw(time);

my $top = "$FindBin::RealBin/../..";
my $work = File::Temp->newdir(TMPDIR => 1);
my $drive = "$work/drive";
my $key = 'hunter2-in-a-header';
my $path_secret = 'T0KEN-in-a-path';
my @standard = ('-a', '127.0.0.1');
my %port;
my $totals;

# No proxy of the environment, and no password of ~/.netrc, is for us.
$ENV{$_} = 'http://127.0.0.1:1' for qw(http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY);
$ENV{no_proxy} = '';
$ENV{HOME} = "$work";
write_file("$work/.netrc", "machine 127.0.0.1 login netrc password netrc\n");

sub write_file
{
	my ($name, $text) = @_;
	open my $out, '>', $name or die "$name: $!";
	print $out $text;
	close $out;
}

sub encode
{
	my ($text) = @_;
	$text =~ s/([^ -~]|%)/sprintf '%%%02X', ord $1/ge;
	return $text;
}

# A line of the script; each value that is a list is the same name again.
sub line
{
	my ($verb, %field) = @_;
	my @parts = ($verb);

	for my $name (sort keys %field)
	{
		my @values = ref $field{$name} ? @{ $field{$name} } : $field{$name};
		push @parts, map { "$name=" . encode($_) } @values;
	}
	return join("\t", @parts) . "\n";
}

# What the driver says of a script: a hash for each of its lines.  Nothing that
# it says of an error may hold a secret or what a terminal would obey.
sub drive
{
	my ($options, @script) = @_;
	my ($out, $err) = ('', '');
	my @said;

	IPC::Run::run([$drive, @$options], '<', \join('', @script), '>', \$out, '2>', \$err,
		IPC::Run::timeout(120))
	  or fail("drive: $err");
	for my $text (split /\n/, $out)
	{
		my ($verb, @parts) = split /\t/, $text;
		my %line = (verb => $verb);

		for (@parts)
		{
			my ($name, $value) = split /=/, $_, 2;
			$value =~ s/%(..)/chr hex $1/ge;
			$line{$name} = $value;
		}
		if (($line{error} // '') =~ /hunter2|T0KEN|[^ -~]/)
		{
			fail("an error that tells too much: $text");
		}
		push @said, \%line;
	}
	$totals = $said[-1];
	diag($err) if $err ne '';
	return @said;
}

# One request; what came of it.
sub request
{
	my ($options, %field) = @_;
	my ($said) = drive($options, line('go', total_ms => 5000, %field));
	return $said;
}

sub url
{
	my ($path, $server, $host) = @_;
	$server //= 'http';
	$host //= '127.0.0.1';
	return ($server =~ /^http/ ? 'http' : 'https') . "://$host:$port{$server}$path";
}

# Many, each with what is to come of it, matched by tag.
sub each_request
{
	my ($options, @cases) = @_;
	my $n = 0;
	my @said = drive($options,
		map { (line('go', total_ms => 5000, tag => $n++, %{ $_->[2] }), "wait\n") } @cases);
	my %by_tag = map { $_->{tag} => $_ } grep { defined $_->{tag} } @said;

	for my $i (0 .. $#cases)
	{
		my ($name, $expected) = @{ $cases[$i] };
		my $line = $by_tag{$i} // {};
		my @wrong = grep { ($line->{$_} // '') !~ /^(?:$expected->{$_})\z/s } sort keys %$expected;

		ok(!@wrong, $name)
		  or diag(map { "$_: " . ($line->{$_} // 'nothing') . "\n" } 'outcome', 'error', @wrong);
	}
	return map { $by_tag{$_} } 0 .. $#cases;
}

sub build
{
	my @cc = split ' ', $ENV{CC} // 'gcc';
	my @command = (@cc, qw(-std=gnu99 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare
		  -Wno-missing-field-initializers), map({ "-Wl,--wrap=$_" } qw(malloc calloc realloc strdup strndup)), '-o', $drive,
		"$top/test/transfer/drive.c", glob("$top/src/transfer*.c"), '-lcurl', '-lpthread', '-ldl');
	my $said = '';

	IPC::Run::run(\@command, '>', \$said, '2>&1') or BAIL_OUT("@command: $said");
}

build();
my $certificates = "$work/certificates";
mkdir $certificates;
system("$top/test/transfer/certificates", $certificates) == 0 or BAIL_OUT('no certificates');
my $ca = "$certificates/ca.crt";

# It ends with its standard input, whatever becomes of us.
my ($server_in, $server_out) = ('', '');
my $server = IPC::Run::start(['python3', '-B', "$top/test/transfer/server.py", $certificates],
	'<', \$server_in, '>', \$server_out, IPC::Run::timeout(300));
$server->pump until $server_out =~ /\n/;
%port = $server_out =~ /(\w+)=(\d+)/g;

# --- answers, good and otherwise

each_request(\@standard,
	(map {
			my ($path, $outcome, $status, $retry, $body) = @$_;
			["answer of $path",
				{ outcome => $outcome, status => $status, retry => $retry // -1, arrived => 1, body => $body // '.*' },
				{ url => url($path), body => 'hi' }]
		}
		['/200', 'ok', 200, -1, 'ok'],
		['/204', 'ok', 204, -1, ''],
		['/500', 'http status', 500, -1, 'broken'],
		['/503', 'http status', 503],
		['/410', 'http status', 410],
		['/429/seconds', 'http status', 429, 17],
		['/429/date', 'http status', 429, '1(?:19|20)'],
		['/429/far', 'http status', 429, 86400],
		['/429/huge', 'http status', 429, 86400],
		['/429/past', 'http status', 429, 0],
		['/429/negative', 'http status', 429, -1],
		['/429/words', 'http status', 429, -1],
		['/redirect', 'http status', 302],
		['/redirect/file', 'http status', 301],
		['/full', 'ok', 200, -1, 'x+'],
		['/over', 'too large', 200],
		['/gzip', 'ok', 200, -1, "\x1f\x8b.*"],
		['/interim', 'ok', 200, -1, 'ok'],
		['/chunked', 'ok', 200, -1, 'ok'],
		['/folded', 'ok', 200, -1, 'ok'],
		['/control', 'ok', 200, -1, "\0\xff\x1b"],
		['/half', 'broken', 200],
		['/half/chunk', 'broken', 200],
		['/half/head', 'broken', 200],
		['/half/lines', 'broken', 200],
		['/half/line', 'broken', 0],
		['/nothing', 'broken', 0],
		['/reset', 'broken', 0],
		['/garbage', 'protocol', 0],
		['/09', 'protocol', 0],
		['/09/html', 'protocol', 0],
		['/status', 'protocol|http status', '0|999'],
		['/status/word', 'protocol', 0],
		['/version', 'protocol', 0],
		['/length', 'protocol', 200],
		['/nul', 'protocol', '\d+'],
		['/chunk/size', 'protocol|broken', 200],
		['/chunk/huge', 'protocol|broken', 200],
		['/endless', 'too large', 200],
		['/endless/chunks', 'too large', 200],
		['/gigabyte', 'too large', 200],
		['/endless/head', 'too large', '\d+'],
		['/endless/line', 'too large', '\d+'],
		['/endless/interim', 'too large', '\d+'],
		['/endless/trailer', 'too large', '\d+']),
	# What is slow ends in time, what is endless and not counted too.
	['hang', { outcome => 'timeout', seconds => '0\.[3-9].*', arrived => 1 }, { url => url('/hang'), total_ms => 300 }],
	['trickle', { outcome => 'timeout', seconds => '0\.[3-9].*' }, { url => url('/trickle'), total_ms => 350 }],
	['extension', { outcome => 'timeout|too large|protocol|broken' }, { url => url('/endless/extension'), total_ms => 300 }],
	['nobody there', { outcome => 'connect', arrived => 0 }, { url => url('/', 'closed') }],
	['no such name', { outcome => 'resolve', arrived => 0 }, { url => 'http://nobody.test/' }],
	['TLS that does not begin', { outcome => 'timeout', arrived => 0 },
		{ url => url('/', 'mute'), total_ms => 300 }],
	['its connection takes too long', { outcome => 'timeout', arrived => 0 },
		{ url => url('/', 'mute'), connect_ms => 300 }]);
cmp_ok($totals->{rss}, '<', 60_000, "memory while peers send without end: $totals->{rss} kB");

# --- what is sent

my @sent = map { $_->{body} } each_request(\@standard,
	['POST', { outcome => 'ok' },
		{ url => url("/echo"), body => "a\0b\n", header => ['X-Key|' . $key, 'X-Empty|', 'Content-Type|application/json'] }],
	['POST without a body', { outcome => 'ok' }, { url => url('/echo') }],
	['GET', { outcome => 'ok' }, { url => url('/echo'), method => 'GET' }],
	['HEAD', { outcome => 'ok', length => 0 }, { url => url('/echo'), method => 'HEAD' }],
	['DELETE', { outcome => 'ok' }, { url => url('/echo'), method => 'DELETE' }],
	['PUT', { outcome => 'ok' }, { url => url('/echo'), method => 'PUT', body => 'put' }],
	['GET with a body', { outcome => 'ok' }, { url => url('/echo'), method => 'GET', body => 'got' }],
	['Basic', { outcome => 'ok' }, { url => url('/echo'), user => 'ada', password => $key }],
	['a megabyte', { outcome => 'ok', body => '1048576' },
		{ url => url('/echo/length'), body_size => 1048576, method => 'PUT' }],
	['in parts', { outcome => 'ok' }, { url => url('/echo#fragment') }]);
is($sent[0], "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:$port{http}\r\nAccept: */*\r\n"
	  . "Accept-Encoding: identity\r\nX-Key: $key\r\nX-Empty:\r\nContent-Type: application/json\r\n"
	  . "Content-Length: 4\r\n\r\na\0b\n", 'POST, byte by byte');
like($sent[1], qr/\r\nContent-Length: 0\r\n\r\n\z/, 'POST says that it has no body');
like($sent[2], qr{^GET /echo HTTP/1.1\r\n}, 'GET');
unlike($sent[2], qr/Content-|Authorization|Cookie|Expect|Proxy/, 'GET says no more than that');
like($sent[4], qr{^DELETE /echo}, 'DELETE');
like($sent[5], qr{^PUT /echo.*\r\n\r\nput\z}s, 'PUT');
like($sent[6], qr{^GET /echo.*\r\n\r\ngot\z}s, 'GET with a body');
like($sent[7], qr/\r\nAuthorization: Basic YWRhOmh1bnRlcjItaW4tYS1oZWFkZXI=\r\n/, 'Basic');
unlike($sent[9], qr/fragment/, 'a fragment stays here');

my @numbers = map { $_->{body} } each_request(\@standard,
	(map { ["connection $_", { outcome => 'ok' }, { url => url('/connection') }] } 1 .. 3),
	['the last of a connection', { outcome => 'ok' }, { url => url('/once') }],
	['a new one', { outcome => 'ok' }, { url => url('/connection') }]);
is($numbers[2], $numbers[0], 'a connection is kept');
isnt($numbers[4], $numbers[0], 'not if the peer ends it');

# --- requests that are refused before anything happens

my %http = (url => 'http://127.0.0.1:1/', body => 'x');
my %mail = (url => 'smtp://127.0.0.1:1', tls => 'plain', from => 'a@x.test', to => 'b@y.test', body => 'x');
my @unfit = (
	(map { ["header $_", { %http, header => $_ }] }
		"X-A|b\r\nX-Evil: 1", "X-A|b\nX-Evil: 1", "X-A|b\rc", "X-A|b\x01", "X-A|b\x7f", "X-A|b\tc",
		"X-A: b\r\nX|c", "X A|b", "X-A:|b", "|b", "X\xe9|b", "X(A)|b", "Host|evil.test",
		"Content-Length|5", "content-length|5", "Transfer-Encoding|chunked", "Connection|close",
		"Expect|100-continue", "Upgrade|h2c", "TE|trailers", "Accept-Encoding|gzip",
		'X-Long|' . 'x' x 9000),
	(map { ["method $_", { %http, method => $_ }] }
		'', 'GET / HTTP/1.1', "GET\r\nX: y", 'CONNECT', 'TRACE', 'connect', "P\xd6ST", 'X' x 40),
	(map { ["URL $_", { %http, url => $_ }] }
		'', 'example.test', '//example.test/', '/path', 'file:///etc/passwd', 'ftp://example.test/',
		'gopher://127.0.0.1:25/_x', 'dict://127.0.0.1/', 'ldap://127.0.0.1/', 'smb://127.0.0.1/',
		'telnet://127.0.0.1/', 'scp://127.0.0.1/', 'smtp://127.0.0.1/', 'ws://127.0.0.1/', 'http:/', 'http://',
		'http://ada@example.test/', 'http://ada:word@example.test/', 'http://:word@example.test/',
		'http://public.test@127.0.0.1/', 'http://example.test:0x50/', 'http://example.test:99999/',
		"http://example.test/\r\nX-Evil: 1", "http://example.test/\n", "http://exa\x01mple.test/",
		'http://exam ple.test/', 'http://[::1', 'http://[::1%25lo]/', 'http://[fe80::1%25eth0]/',
		"http://example.test/$path_secret a b", 'http://example.test/' . 'x' x 9000),
	['user with a colon', { %http, user => 'a:b', password => 'c' }],
	['user with a line end', { %http, user => "a\r\nb", password => 'c' }],
	['password with a line end', { %http, user => 'a', password => "c\r\nX-Evil: 1" }],
	['negative timeout', { %http, total_ms => -1 }],
	(map { ["sender $_", { %mail, from => $_ }] }
		"a\@x.test>\r\nRCPT TO:<c\@z.test", "a\@x.test\n", 'a@x.test> SIZE=1', 'ada', 'a@x.test,b@x.test', '<a@x.test>'),
	(map { ["recipient $_", { %mail, to => ['b@y.test', $_] }] }
		"b\@y.test>\r\nDATA\r\n", '', 'b', 'b@y.test c@y.test', "b\@y.test\x01", '"b c"@y.test'),
	['mail without a recipient', { %mail, to => [] }],
	['mail without a message', { %mail, body => '' }],
	['mail with HTTP', { %mail, url => 'http://127.0.0.1/' }],
	['smtps where STARTTLS is meant', { %mail, tls => 'starttls', url => 'smtps://127.0.0.1/' }],
	['smtp where TLS is meant', { %mail, tls => 'implicit' }],
	['mail with a password in its URL', { %mail, url => 'smtp://ada:word@127.0.0.1/' }],
	['mail with options in its URL', { %mail, url => 'smtp://ada;AUTH=PLAIN@127.0.0.1/' }]);
my $tag = 0;
my %refused = map { $_->{tag} => $_->{error} } grep { $_->{verb} eq 'refused' }
  drive(\@standard, map { line('go', tag => $tag++, %{ $_->[1] }) } @unfit);
for my $i (0 .. $#unfit)
{
	(my $name = $unfit[$i][0]) =~ s/[^ -~]/?/g;
	ok($refused{$i}, substr($name, 0, 60));
}

# --- addresses

# Spelled in every way that libcurl or the C library would understand.
my @private = qw(
  127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 0x7f.0x0.0x0.0x1 2130706433 017700000001 0177.0.0.1 0177.1
  127.0.0.1. 127.255.255.254 0 0.0.0.0 0.1.2.3 %31%32%37.0.0.1 10.0.0.1 10.255.255.255 0xa.1 167772161
  172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 0xc0a80001 169.254.169.254 0xa9fea9fe 2852039166
  0251.0376.0251.0376 169.254.0.1 100.64.0.1 100.100.100.200 100.127.255.255 168.63.129.16 192.0.0.1
  192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
  239.255.255.255 240.0.0.1 255.255.255.255 4294967295
  [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe]
  [::ffff:8.8.8.8] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] [::7f00:1] [::8.8.8.8] [::ffff:0:127.0.0.1]
  [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [64:ff9b:1:ffff::a00:1] [2002:7f00:1::]
  [2002:a9fe:a9fe::1] [2001::1] [2001:0:7f00:1::] [2001:2::1] [2001:10::1] [2001:20::1] [2001:db8::1]
  [3fff::1] [5f00::1] [100::1] [fc00::1] [fd00:ec2::254] [fdff:ffff::1] [fe80::1] [febf::1] [fec0::1]
  [feff::1] [ff02::1] [ff0e::1] [4000::1] [::2]
  localhost localhost. LOCALHOST a.localhost loop.test);
my @dns = ('-d', 'loop.test=127.0.0.1,::1,169.254.169.254', '-d', '127.0.0.1=127.0.0.1',
	'-d', 'localhost=127.0.0.1');
$tag = 0;
my %outcome = map { ($_->{tag} // '') => $_ }
  drive(\@dns, map { line('go', total_ms => 4000, tag => $tag++, url => "http://$_:$port{http}/200") } @private);
my @reached = grep { ($outcome{$_}{outcome} // '') ne 'refused' || $outcome{$_}{arrived} } 0 .. $#private;
is_deeply([map { "$private[$_]: $outcome{$_}{outcome} $outcome{$_}{error}" } @reached], [],
	scalar(@private) . ' addresses and spellings are refused');
cmp_ok(scalar @private, '>=', 60, 'so many');

my @public = qw(1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
  169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255
  198.20.0.0 223.255.255.255 2606:4700::1111 2001:200::1 2001:4860:4860::8888 2a00:1450::1 2003::1 2400::1);
my @said = drive([], map { line('guard', address => $_) } @public);
pop @said;
is_deeply([map { "$_->{address} $_->{kind}" } grep { $_->{kind} ne 'public' } @said], [],
	'public ones are not');
@said = drive([], map { line('guard', address => $_, clear => 1) } @public);
pop @said;
is_deeply([map { "$_->{address} $_->{kind}" } grep { $_->{kind} ne 'only with TLS' } @said], [],
	'in clear text they are');
is(request(['-a', '10.0.0.1'], url => 'http://8.8.8.8:9/')->{error}, 'address may not be reached: only with TLS',
	'and so it is told');

# --- the allow-list

my @lists = (
	['127.0.0.1', '127.0.0.1', 80, 1], ['127.0.0.1', '127.0.0.2', 80, 0],
	['127.0.0.1:80', '127.0.0.1', 80, 1], ['127.0.0.1:80', '127.0.0.1', 81, 0],
	['127.0.0.0/8', '127.9.9.9', 80, 1], ['127.0.0.0/8', '10.0.0.1', 80, 0],
	['10.1.2.3/16:8443', '10.1.9.9', 8443, 1], ['10.1.0.0/16:8443', '10.1.9.9', 443, 0],
	['10.1.0.0/16', '10.2.0.1', 443, 0], ['10.0.0.0/9', '10.127.0.1', 443, 1], ['10.0.0.0/9', '10.128.0.1', 443, 0],
	['0.0.0.0/0', '169.254.169.254', 80, 1], ['0.0.0.0/0', '::1', 80, 0],
	['::1', '::1', 80, 1], ['[::1]', '::1', 80, 1], ['[::1]:80', '::1', 80, 1], ['[::1]:80', '::1', 81, 0],
	['fd00::/8', 'fd12::1', 443, 1], ['[fd00::/8]:443', 'fd12::1', 443, 1], ['[fd00::/8]:443', 'fd12::1', 80, 0],
	['fd00::/8', 'fc12::1', 443, 0], ['127.0.0.1', '::ffff:127.0.0.1', 80, 0], ['127.0.0.1', '::1', 80, 0],
	['hooks.internal', '10.0.0.1', 443, 1, 'hooks.internal'], ['Hooks.Internal.', '10.0.0.1', 443, 1, 'hooks.internal'],
	['hooks.internal:8080', '10.0.0.1', 443, 0, 'hooks.internal'], ['hooks.internal', '10.0.0.1', 443, 0, 'internal'],
	['hooks.internal', '10.0.0.1', 443, 0, 'x.hooks.internal'], ['internal', '10.0.0.1', 443, 0, 'hooks.internal'],
	["10.0.0.1,\n 10.0.0.2\t[::1]:8, a_b.c-d", '10.0.0.2', 443, 1], ['', '10.0.0.1', 443, 0]);
@said = drive([], map { (line('allow', list => $_->[0]),
		line('guard', address => $_->[1], port => $_->[2], host => $_->[4] // $_->[1])) } @lists);
my @kinds = map { $_->{kind} } grep { $_->{verb} eq 'guard' } @said;
is_deeply([map { "$lists[$_][0] for $lists[$_][1]: $kinds[$_]" }
		grep { ($kinds[$_] eq 'public') != $lists[$_][3] } 0 .. $#lists], [], 'forms of the allow-list');

# What is sent in clear text may go to what is listed, and nowhere else.
@lists = (@lists, ['8.8.8.8', '8.8.8.8', 80, 1], ['8.8.0.0/16:80', '8.8.8.8', 80, 1], ['8.8.0.0/16:80', '8.8.8.8', 81, 0],
	['hooks.test', '8.8.8.8', 80, 1, 'hooks.test'], ['hooks.test', '8.8.8.8', 80, 0], ['2001:4860::/32', '2001:4860:4860::8888', 25, 1]);
@said = drive([], map { (line('allow', list => $_->[0]),
		line('guard', address => $_->[1], port => $_->[2], host => $_->[4] // $_->[1], clear => 1)) } @lists);
@kinds = map { $_->{kind} } grep { $_->{verb} eq 'guard' } @said;
is_deeply([map { "$lists[$_][0] for $lists[$_][1]: $kinds[$_]" }
		grep { ($kinds[$_] eq 'public') != $lists[$_][3] } 0 .. $#lists], [], 'the same in clear text');

my @no_lists = ('*', '127.1', '0x7f.1', '2130706433', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8',
	'10.0.0.1:0', '10.0.0.1:65536', '10.0.0.1:', '10.0.0.1:http', '[::1', '[10.0.0.1]', '[::1]x', '[::1]:', 'fd00::/129',
	'http://a.test', 'a..b', '.', 'a b/c', '.a', "a\x01b", 'a.test;b.test', 'x' x 300, '256.0.0.1', '10.0.0', 'a.0xf');
@said = drive([], map { line('check', list => $_) } @no_lists);
is_deeply([map { $no_lists[$_] } grep { $said[$_]{error} eq '' } 0 .. $#no_lists], [], 'lists that are none');

# --- names: what counts is the address that is connected to

@dns = ('-d', 'mixed.test=10.0.0.1,169.254.169.254,127.0.0.2', '-d', 'rebind.test=127.0.0.2|127.0.0.1|10.0.0.1|127.0.0.2',
	'-d', 'good.test=127.0.0.1', '-d', 'none.test=none', '-d', 'hang.test=hang', '-d', 'hang2.test=hang');
is(request(['-a', '127.0.0.2', @dns], url => url('/200', 'http', 'mixed.test'))->{outcome}, 'connect',
	'of several addresses only those are tried that may be reached');
is(request(['-a', '127.0.0.1', '-d', 'two.test=10.0.0.1,127.0.0.1'], url => url('/200', 'http', 'two.test'))->{outcome},
	'ok', 'and one of them does');
@said = drive(['-a', '127.0.0.2', @dns],
	map { (line('go', url => url('/200', 'closed', 'rebind.test')), "wait\n", "reopen\n") } 1 .. 4);
is(join(' ', map { $_->{outcome} } @said[0 .. 3]), 'connect refused refused connect',
	'a name server that changes its mind');
is(request(['-a', 'good.test', @dns], url => url('/200', 'http', 'GOOD.test.'))->{outcome}, 'ok', 'a name that is allowed');
is(request(['-a', 'good.test:1', @dns], url => url('/200', 'http', 'good.test'))->{outcome}, 'refused', 'with another port');
is(request(['-a', 'good.test', @dns], url => url('/200'))->{outcome}, 'refused', 'its address by another name');
@said = drive(\@standard, line('go', url => url('/200')), "wait\n", line('allow', list => ''), line('go', url => url('/200')),
	"wait\n", line('allow', list => '127.0.0.0/8'), line('go', url => url('/200')));
is(join(' ', map { $_->{outcome} // () } @said), 'ok refused ok', 'a kept connection obeys a new list');
is($said[2]{arrived}, 0, 'before anything is sent on it');

SKIP:
{
	skip 'no IPv6 here', 2 unless $port{http6};
	is(request(['-a', '::1'], url => url('/200', 'http6', '[::1]'))->{outcome}, 'ok', 'IPv6');
	is(request(\@standard, url => url('/200', 'http6', '[::1]'))->{outcome}, 'refused', 'not without being asked');
}

# --- TLS

each_request(['-a', '127.0.0.1', @dns],
	['own CA', { outcome => 'ok' }, { url => url('/200', 'good', 'good.test'), ca_file => $ca }],
	['own CA, by address', { outcome => 'ok' }, { url => url('/200', 'good'), ca_file => $ca }],
	['not without it', { outcome => 'tls', arrived => 0 }, { url => url('/200', 'good', 'good.test') }],
	['another CA', { outcome => 'tls', arrived => 0 }, { url => url('/200', 'strange', 'good.test'), ca_file => $ca }],
	['another name', { outcome => 'tls', arrived => 0 }, { url => url('/200', 'wrong', 'good.test'), ca_file => $ca }],
	['expired', { outcome => 'tls', arrived => 0, error => '.*expired.*' },
		{ url => url('/200', 'expired', 'good.test'), ca_file => $ca }],
	['no such CA', { outcome => 'tls', arrived => 0 }, { url => url('/200', 'good'), ca_file => "$work/none" }],
	['an empty folder of CAs', { outcome => 'tls', arrived => 0 }, { url => url('/200', 'good'), ca_dir => "$certificates/signed" }],
	['no TLS there', { outcome => 'tls', arrived => 0 }, { url => "https://127.0.0.1:$port{smtp}/200", ca_file => $ca }],
	['a connection that was verified is not for who trusts others', { outcome => 'tls', arrived => 0 },
		{ url => url('/200', 'good'), ca_file => "$certificates/unheard.crt" }]);

# --- mail

sub mail
{
	my ($name, $expected, $server, $mode, %field) = @_;
	my $scheme = $server eq 'smtps' ? 'smtps' : 'smtp';
	return ["mail: $name", $expected, {
			url => "$scheme://127.0.0.1:$port{$server}/$mode", from => 'a@x.test', to => 'b@y.test',
			tls => $server eq 'smtps' ? 'implicit' : $server =~ /starttls/ ? 'starttls' : 'plain',
			ca_file => $ca, body => "Subject: $name\n\nhi\n", %field }];
}

my %taken = (outcome => 'ok', status => 250, arrived => 1);
my %login = (user => 'ada', password => 's3cret-word');
my $tricky = "Subject: tricky\r\n\r\n.dot\n.\nMAIL FROM:<evil\@x.test>\r.\r\n..\n.\r";
each_request(\@standard,
	mail('plain', \%taken, 'smtp', 'x'),
	mail('server without EHLO', \%taken, 'smtp', 'old'),
	mail('two recipients, empty sender', \%taken, 'smtp', 'x', to => ['b@y.test', 'c@y.test'], from => ''),
	mail('STARTTLS', \%taken, 'starttls', 'x'),
	mail('STARTTLS with password', \%taken, 'starttls', 'x', %login),
	mail('TLS at once with password', \%taken, 'smtps', 'x', %login),
	mail('tricky', \%taken, 'smtp', 'x', body => $tricky),
	mail('wrong password', { outcome => 'smtp reply', status => 535, arrived => 0 }, 'starttls', 'x',
		%login, password => $key),
	mail('STARTTLS is not offered', { outcome => 'tls', arrived => 0 }, 'starttls', 'notls', %login),
	mail('STARTTLS is not known', { outcome => 'tls', arrived => 0 }, 'smtp', 'x', tls => 'starttls', %login),
	mail('STARTTLS is refused', { outcome => 'tls|smtp reply', arrived => 0 }, 'starttls', 'sorry', %login),
	mail('expired', { outcome => 'tls', arrived => 0 }, 'starttls_expired', 'x', %login),
	mail('another CA', { outcome => 'tls', arrived => 0 }, 'smtps', 'x', %login, ca_file => "$certificates/unheard.crt"),
	mail('a rejected recipient', { outcome => 'smtp reply', status => 550, arrived => 0, body => "550 5.1.1 nobody \e.*" },
		'smtp', 'x', to => ['b@y.test', 'nobody@y.test']),
	mail('a server that is full', { outcome => 'smtp reply', status => 452, arrived => 1 }, 'smtp', 'full'),
	mail('a server that is closed', { outcome => 'smtp reply', status => 554, arrived => 0 }, 'smtp_closed', 'x'),
	mail('a server that hangs', { outcome => 'timeout', arrived => 0 }, 'smtp', 'silent', total_ms => 400),
	mail('a server that talks without end', { outcome => 'too large|broken|protocol', arrived => 0 }, 'smtp', 'chatty'),
	mail('a server that leaves', { outcome => 'broken', arrived => 1 }, 'smtp', 'hasty'),
	mail('not SMTP', { outcome => 'timeout|protocol|broken', arrived => 0 }, 'http', 'x', total_ms => 400),
	mail('no answer to QUIT', { %taken, seconds => '0\..*' }, 'smtp', 'mute'),
	mail('no answer to QUIT over TLS', { %taken, seconds => '0\..*' }, 'starttls', 'mute'),
	mail('no answer to QUIT after a refusal', { outcome => 'smtp reply', status => 550, seconds => '0\..*' },
		'smtp', 'mute', to => 'nobody@y.test'));
is(request([], %{ mail('', {}, 'smtp', 'x')->[2] })->{outcome}, 'refused', 'mail: the guard is there too');

# As the server has them, by their subject.
my $inbox = request(\@standard, url => url('/mails'), method => 'GET')->{body};
sub sent_mail
{
	my ($subject) = @_;
	my ($found) = grep { /"data": "Subject: \Q$subject\E\\r/ } $inbox =~ /(\{.*?"eof": \w+\})/g;
	return $found // '';
}
like(sent_mail('plain'), qr/"tls": false.*"TO:<b\@y.test>".*"FROM:<a\@x.test>/, 'envelope');
like(sent_mail('plain'), qr/"Subject: plain\\r\\n\\r\\nhi\\r\\n.\\r\\n", "quit": true/, 'message, and goodbye');
like(sent_mail('two recipients, empty sender'), qr/b\@y.test>", "TO:<c\@y.test>.*"FROM:<>/, 'two recipients, empty sender');
like(sent_mail('STARTTLS with password'), qr/"tls": true, "user": "ada"/, 'STARTTLS with password');
like(sent_mail('TLS at once with password'), qr/"tls": true, "user": "ada"/, 'TLS at once with password');
like(sent_mail('tricky'),
	qr/tricky\\r\\n\\r\\n\.\.dot\\r\\n\.\.\\r\\nMAIL FROM:<evil\@x\.test>\\r\\n\.\.\\r\\n\.\.\.\\r\\n\.\.\\r\\n\.\\r\\n"/,
	'no line of a message is its end');
unlike($inbox, qr/"FROM:<evil/, 'nor the next message');

# --- many at once

@said = drive([@standard, '-n', 500, '-s'],
	line('go', url => url('/hang'), tag => 1, total_ms => 60000),
	line('go', url => url('/200'), body => 'x', tag => 2, repeat => 4490),
	line('stop', ms => 2500));
my @slow = grep { ($_->{tag} // 0) == 2 && ($_->{outcome} ne 'ok' || $_->{seconds} > 2) } @said;
is(scalar(grep { ($_->{tag} // 0) == 2 } @said), 4490, '500 in flight, one of them hangs');
is(scalar @slow, 0, 'the others are unharmed');
my ($stopped) = grep { $_->{verb} eq 'stopped' } @said;
is($stopped->{left}, 1, 'it hangs on');
cmp_ok($totals->{fired}, '>', 100, 'signals came meanwhile');

@said = drive([@standard, '-n', 1000],
	line('go', url => url('/hang'), repeat => 400), line('go', url => url('/hang', 'good'), ca_file => $ca, repeat => 20),
	line('go', url => url('/', 'mute'), repeat => 100), line('go', url => url('/trickle'), repeat => 50),
	line('stop', ms => 500));
($stopped) = grep { $_->{verb} eq 'stopped' } @said;
is($stopped->{left}, 570, 'peers that hang');
cmp_ok($stopped->{seconds}, '<', 1, "all is closed in $stopped->{seconds} s");

# Looking names up: libcurl's threads take none of our signals, and a name that
# hangs delays neither the others nor the end.
@said = drive([@standard, @dns, '-s', '-n', 100],
	(map { line('go', url => url('/200', 'http', $_), tag => 1, total_ms => 700) } 'hang.test', 'hang2.test'),
	(map { line('go', url => url('/once', 'http', 'good.test'), tag => 2) } 1 .. 40),
	line('go', url => 'http://none.test/', tag => 3),
	"wait\n", line('go', url => url('/200', 'http', 'hang.test')), line('stop', ms => 100));
is_deeply([sort map { $_->{outcome} } grep { ($_->{tag} // 0) == 1 } @said], ['timeout', 'timeout'], 'names that hang');
is(scalar(grep { ($_->{tag} // 0) == 2 && $_->{outcome} eq 'ok' && $_->{seconds} < 0.7 } @said), 40, 'delay no others');
($stopped) = grep { $_->{verb} eq 'stopped' } @said;
cmp_ok($stopped->{seconds}, '<', 1, 'nor the end');
is("$totals->{unblocked} $totals->{strayed}", '0 0', "no signal in $totals->{lookups} look-ups");

# Of those that need the same name, one looks it up.
@said = drive([@standard, @dns, '-n', 300],
	line('go', url => url('/200', 'http', 'good.test'), repeat => 299), "wait\n",
	line('go', url => url('/200', 'http', 'none.test'), repeat => 20));
is("$totals->{ok} $totals->{resolve}", '299 20', 'many to one name');
# Each may be two, one for IPv4 and one for IPv6.
cmp_ok($totals->{lookups}, '<=', 42, "$totals->{lookups} look-ups for them");
@said = drive([@standard, @dns],
	line('go', url => url('/200', 'http', 'hang.test'), total_ms => 800, tag => 1),
	line('go', url => url('/200', 'http', 'hang.test'), total_ms => 300, tag => 2),
	line('go', url => url('/200', 'http', 'hang.test'), total_ms => 1200, tag => 3, repeat => 2),
	line('go', url => url('/200', 'http', 'hang.test'), total_ms => 9000, cancel => 1));
is(join(' ', map { $_->{outcome} . sprintf '%.1f', $_->{seconds} } grep { $_->{tag} } @said),
	'timeout0.3 timeout0.8 timeout1.2 timeout1.2', 'who waits for it waits no longer than its time');

@said = drive(['-f', 30, @standard], line('go', url => url('/hang'), repeat => 60, total_ms => 500));
cmp_ok($totals->{local}, '>', 20, 'no descriptors are our own fault');
is($totals->{local} + $totals->{timeout}, 60, 'and nobody else\'s');

@said = drive([@standard, '-n', 20], line('go', url => url('/hang'), repeat => 20),
	line('go', url => url('/200')), line('stop', ms => 50));
is($totals->{not_started}, 1, 'no more than that in flight');
@said = drive([@standard], line('go', url => url('/hang'), repeat => 20, cancel => 1, total_ms => 1000),
	line('go', url => url('/200'), repeat => 20), "wait\n");
is("$totals->{finished} $totals->{ok}", '20 20', 'cancelled ones say nothing, the others finish');

drive([@standard, '-q', '-n', 100],
	line('go', url => url('/200'), body_size => 500, repeat => 6000, header => 'Content-Type|application/json'));
is($totals->{ok}, 6000, 'many');
diag("$totals->{rate} requests a second, $totals->{cpu} s of CPU for 6000 of them");

# Answers that were right once.  JOURNEY_MUTATED says how many; each is the same
# in every run.
my $mutated = $ENV{JOURNEY_MUTATED} // 3000;
@said = drive([@standard, '-n', 100],
	map { (line('go', url => url("/mutated/$_"), tag => $_, total_ms => 2000), $_ % 100 ? () : "wait\n") } 1 .. $mutated);
is($totals->{finished}, $mutated, "$mutated mutated answers: "
	  . join(', ', map { "$_ $totals->{$_}" } 'ok', 'http status', 'broken', 'protocol', 'too large', 'timeout'));
is($totals->{local} + $totals->{refused} + $totals->{tls}, 0, 'none is taken for what it cannot be');

# --- memory

# Each single allocation of ours fails once.
my %hungry = (
	HTTP => { url => url('/once', 'http', 'good.test'), body => 'x', header => 'X-A|b', user => 'a', password => 'b' },
	'a large answer' => { url => url('/full'), method => 'GET' },
	mail => mail('hungry', {}, 'smtp', 'x', to => ['b@y.test', 'c@y.test'])->[2]);
for my $name (sort keys %hungry)
{
	my ($starved) = drive(['-q', @standard, @dns], line('starve', total_ms => 2000, %{ $hungry{$name} }));
	is($totals->{finished}, $starved->{started}, "no memory for $name: each of $starved->{started} that began has an end");
	is($totals->{finished}, $totals->{ok} + $totals->{local}, "well, or $totals->{local} times for want of it");
}

SKIP:
{
	skip 'no valgrind here', 1 if ($ENV{CC} // '') =~ /sanitize/ || system('command -v valgrind >/dev/null 2>&1') != 0;
	my $said = '';
	my @script = (line('go', url => url('/200'), body => 'x', header => 'X-A|b', repeat => 5),
		(map { line('go', url => url($_), total_ms => 3000) } qw(/429/date /half /half/head /reset /over /endless /09 /nul)),
		line('go', url => url('/200', 'good', 'good.test'), ca_file => $ca),
		line('go', url => url('/200', 'wrong', 'good.test'), ca_file => $ca),
		line('go', %{ mail('x', {}, 'starttls', 'mute', %login)->[2] }),
		line('go', %{ mail('x', {}, 'smtp', 'x', to => 'nobody@y.test')->[2] }),
		line('go', url => url('/hang'), repeat => 4, cancel => 2, total_ms => 200), line('go', url => 'nothing'),
		line('go', url => 'http://10.0.0.1/'), "wait\n", line('allow', list => '::1 a.test 10.0.0.0/8:1'), line('go', url => url('/200')),
		line('allow', list => '127.0.0.1'), line('go', url => url('/hang')), line('stop', ms => 100));
	my $clean = IPC::Run::run(['valgrind', '-q', '--error-exitcode=9', '--leak-check=full', '--errors-for-leak-kinds=definite',
			$drive, @standard, @dns], '<', \join('', @script), '>', \my $out, '2>', \$said, IPC::Run::timeout(120));
	ok($clean, 'valgrind finds nothing') or diag($said);
}

$server->kill_kill(grace => 1);
done_testing();
