# The receiver that tests of delivery rely on: it replies as scripted, it keeps a
# true ledger, and it ends.  Clients here are sockets, Python's own modules, and
# openssl: nothing that the extension or the sink would share a mistake with.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib $FindBin::RealBin;
use Errno qw(ECONNRESET);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Sink;
use Test::More;
use Time::HiRes qw(time usleep);

my $sink = Sink->start(cap => 1000);

sub connected
{
	my ($port) = @_;
	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $sink->port($port)) // die $@;
}

# What comes until a whole reply of HTTP is there, or so many bytes, or the end, or
# nothing for half a second; and which of these it was.
sub take
{
	my ($socket, $enough) = @_;
	my ($all, $select) = ('', IO::Select->new($socket));

	while (!$enough || length $all < $enough)
	{
		return ($all, 'whole')
		  if !$enough && $all =~ /^Content-Length: (\d+)\r\n(?:.+\r\n)*\r\n/m && length $all == $+[0] + $1;
		return ($all, 'waits') unless $select->can_read(0.5);
		my $got = sysread $socket, $all, 1 << 16, length $all;
		return ($all, $! == ECONNRESET ? 'reset' : "$!") unless defined $got;
		return ($all, 'closed') unless $got;
	}
	return ($all, 'enough');
}

sub request
{
	my ($path, %more) = @_;
	my $body = $more{body} // '';
	my $id = defined $more{id} ? "Webhook-Id: $more{id}\r\n" : '';
	return "POST $path HTTP/1.1\r\nHost: sink\r\n$id" . ($more{headers} // '')
	  . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# Ask, on a connection of its own.
sub ask
{
	my ($path, %more) = @_;
	my $socket = connected($more{port} // 'http');

	syswrite $socket, request($path, %more);
	return take($socket, $more{enough});
}

sub status_of
{
	my ($reply) = ask(@_);
	return $reply =~ m{\AHTTP/1\.1 (\d+) } ? $1 : $reply;
}

# A program in Python: what it printed.
sub python
{
	my ($program, @arguments) = @_;
	my ($out, $err);
	my $file = "$PostgreSQL::Test::Utils::tmp_check/015_client.py";

	unlink $file;
	append_to_file($file, $program);
	IPC::Run::run([ 'python3', '-B', $file, @arguments ], '>', \$out, '2>', \$err)
	  or diag $err;
	chomp $out;
	return $out;
}

# The verifier.
command_ok([ 'python3', '-B', "$FindBin::RealBin/../standard_webhooks_test.py" ],
	'Standard Webhooks: the published vectors, and all that must not pass');

# Replies in sequence.
my ($reply, $end) = ask('/any', body => "a\0\xff", id => 'first');
like($reply, qr{\AHTTP/1\.1 200 OK\r\nContent-Length: 0\r\n\r\n\z}, '200 unless told');
is($end, 'whole', 'and the connection stays');
my ($line) = $sink->ledger(id => 'first');
is(join(' ', map { $line->{$_} } qw(method path attempt status complete version)),
	'POST /any 1 200 1 HTTP/1.1', 'the ledger has the request');
is($line->{body}, "a\0\xff", 'its body, whatever it holds');
is($line->{body_sha}, sha256_hex("a\0\xff"), 'and its sum');
cmp_ok(abs($line->{at} - time), '<', 10, 'and when it came');
is($line->{headers}{'webhook-id'}, 'first', 'and the headers');

$sink->script(path => '/dunning', replies => [ 503, { status => 503, retry_after => 2 }, 200 ]);
is(join(' ', map { status_of('/dunning', id => $_) } qw(a a b a a)),
	'503 503 503 200 200', 'a sequence for each id, its last repeats');
is(join(' ', map { $_->{attempt} } $sink->ledger(path => '/dunning', id => 'a')),
	'1 2 3 4', 'attempts are numbered');
$sink->script(path => '/shared', shared => 1, replies => [ 500, 410 ]);
is(join(' ', map { status_of('/shared', id => $_) } qw(c d e)), '500 410 410', 'one for all');
$sink->script(id => 'special', replies => [429]);
is(status_of('/dunning', id => 'special'), '429', 'an id goes before its path');
is(status_of('/dunning?x=1', id => 'query'), '503', 'a query is no part of a path');
is(join(' ', map { status_of('/do/500,204', id => $_) } qw(f f)), '500 204', 'a path that is a script');

$sink->script(path => '/date', replies => [ { status => 503, retry_after_date => 60 } ]);
like((ask('/date'))[0], qr/^Retry-After: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r$/m, 'Retry-After as a date');
$sink->script(path => '/moved',
	replies => [ { status => 302, headers => { Location => 'http://169.254.169.254/latest/' } } ]);
like((ask('/moved'))[0], qr{302 Found\r\nLocation: http://169\.254\.169\.254/latest/\r\n}, 'a redirect');
$sink->script(path => '/json', replies => [ { json => { ok => 1 } } ]);
like((ask('/json'))[0], qr/application\/json\r\n.*\r\n\r\n\{"ok": 1\}\z/s, 'a body of JSON');
$sink->script(path => '/bytes', replies => [ { body_base64 => '/wD+' } ]);
like((ask('/bytes'))[0], qr/\r\n\r\n\xff\0\xfe\z/, 'a body of any bytes');
is(eval { $sink->script(path => '/', replies => ['no such mode']); 1 }, undef, 'a wrong script is refused');

# What a peer may do instead.
my $head = 'HTTP/1.1 200 OK\r\n';
for (
	[ 'hang', qr/\A\z/, 'waits' ],
	[ 'hang_after_headers', qr/\A${head}Content-Length: 1000\r\n\r\n\z/, 'waits' ],
	[ 'hang_in_body', qr/\r\n\r\nx\z/, 'waits' ],
	[ 'reset', qr/\A\z/, 'reset' ],
	[ 'reset_after_headers', qr/Content-Length: 1000\r\n\r\n\z/, 'reset' ],
	[ 'close', qr/\A\z/, 'closed' ],
	[ 'half', qr/Content-Length: 1000\r\n\r\nx{500}\z/, 'closed' ],
	[ 'half_chunk', qr/chunked\r\n\r\n100\r\nhalf\z/, 'closed' ],
	[ 'bad_chunk', qr/\r\n\r\n-1\r\nzz/, 'closed' ],
	[ 'until_close', qr/\A$head\r\n\z/, 'closed' ],
	[ 'garbage', qr/\A\0\xff\x16/, 'closed' ],
	[ 'http09', qr/\A<html>/, 'closed' ],
	[ 'huge_headers', qr/\A${head}.*X-Huge: x+\r\n\r\n\z/s, 'waits' ],
	[ 'many_headers', qr/\A${head}.*X-104856: x\r\n\r\n\z/s, 'waits' ],
	[ 'endless', qr/chunked\r\n\r\n10000\r\n\0+\r\n10000\r\n/, 'enough', 1 << 20 ],
	[ 'endless_headers', qr/\A${head}(?!.*\r\n\r\n)/s, 'enough', 1 << 20 ],
	[ 'endless_interim', qr/\A(HTTP\/1\.1 103 Early Hints\r\n\r\n){9}/, 'enough', 1 << 20 ],
	[ 'drip', qr/\AHTT/, 'enough', 3 ])
{
	my ($mode, $what, $how, $enough) = @$_;
	my ($got, $ended) = ask("/do/$mode", id => $mode, enough => $enough // 1 << 30);
	ok($got =~ $what && $ended eq $how, $mode) or diag substr($got, 0, 200), " $ended";
}
is(join(' ', map { ($sink->ledger(id => $_))[0]{status} // 'none' } qw(half hang reset garbage)),
	'200 none none none', 'the ledger tells what status can have been read');

my $socket = connected('http');
syswrite $socket, request('/do/huge', id => 'huge');
my ($size, $piece) = (0);
$size += length $piece while $size < 1 << 30 && sysread $socket, $piece, 1 << 20;
cmp_ok($size, '>=', 1 << 30, 'a body of 1 GB');
($reply) = ask('/do/huge', id => 'part', enough => 100_000);
my ($seq) = map { $_->{seq} } $sink->ledger(id => 'part');
($line) = $sink->wait_for(1, kind => 'end', of => $seq);
is($line->{how}, 'the peer left', 'the ledger tells who did not read to the end');
cmp_ok($line->{sent}, '<', 1 << 26, 'and about how much was sent');

$sink->script(path => '/raw', replies => [ { raw => "HTTP/1.1 200 OK\nFoo\n\n" } ]);
is((ask('/raw'))[0], "HTTP/1.1 200 OK\nFoo\n\n", 'bytes as given');
$sink->script(path => '/slow', replies => [ { delay => 0.2 } ]);
my $began = time;
is(status_of('/slow'), 200, 'a delayed reply');
cmp_ok(time - $began, '>=', 0.2, 'is late');
$sink->script(path => '/held', replies => [ { hold => 'me' } ]);
$socket = connected('http');
syswrite $socket, request('/held', id => 'held');
$sink->wait_for(1, id => 'held');
ok(!IO::Select->new($socket)->can_read(0.2), 'a reply is held');
$sink->release('me');
like((take($socket))[0], qr/\AHTTP.* 200 OK/, 'until it is let go');
$sink->script(path => '/early', replies => [ { status => 413, early => 1 } ]);
$socket = connected('http');
syswrite $socket, "POST /early HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc";
like((take($socket))[0], qr/\AHTTP.* 413/, 'a reply before the body was read');

# Ports that misbehave before anything was asked.
$sink->script(port => 'http', replies => [ 'reset', 'close', 'hang', 200 ]);
is(join(' ', map { (take(connected('http')))[1] } 1 .. 3), 'reset closed waits', 'connections turned away');
is(status_of('/any'), 200, 'and served again');
is((take(connected('deaf')))[1], 'waits', 'a port that never speaks');
is(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $sink->port('closed')),
	undef, 'one that refuses');
is(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $sink->port('full'), Timeout => 0.5),
	undef, 'one that does not connect');

# Requests in all shapes.
$socket = connected('http');
syswrite $socket, request('/keep', id => "k$_", body => "b$_") for 1 .. 3;
($reply) = take($socket, 3 * 38);
is(scalar(() = $reply =~ /200 OK/g), 3, 'requests that came at once are answered in turn');
is(join(' ', map { "$_->{request}:$_->{body}" } $sink->ledger(path => '/keep')),
	'1:b1 2:b2 3:b3', 'on one connection');
$socket = connected('http');
syswrite $socket, "POST /chunked HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab";
usleep(20_000);
syswrite $socket, "c\r\n2;x\r\nde\r\n0\r\n\r\n";
take($socket, 1);
is(($sink->ledger(path => '/chunked'))[0]{body}, 'abcde', 'a body in chunks');
$socket = connected('http');
syswrite $socket, "POST /expect HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
is((take($socket, 25))[0], "HTTP/1.1 100 Continue\r\n\r\n", 'a client that asks first');
syswrite $socket, 'abc';
like((take($socket))[0], qr/200 OK/, 'is answered');
ask('/big', id => 'big', body => 'x' x 300_000);
($line) = $sink->ledger(id => 'big');
is($line->{body_sha}, sha256_hex('x' x 300_000), 'a large body: the sum is of all');
is("$line->{body_length} " . length $line->{body}, '300000 1000', 'the ledger keeps its begin');
ask('/twice', headers => "X-A: 1\r\nx-a: 2\r\n");
is(($sink->ledger(path => '/twice'))[0]{headers}{'x-a'}, "1\n2", 'a header that comes twice shows');
for ("nonsense\r\n\r\n", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
{
	$socket = connected('http');
	syswrite $socket, $_;
	like((take($socket))[0], qr/\AHTTP\/1.1 400 /, 'what is no HTTP is told so');
}
is(scalar(grep { $_->{malformed} } $sink->ledger), 3, 'and is in the ledger as such');

# Clients that are killed in the middle.
my @partial = (
	substr(request('/killed', id => 'in head'), 0, 30),
	"POST /killed HTTP/1.1\r\nWebhook-Id: before body\r\nContent-Length: 9\r\n\r\n",
	"POST /killed HTTP/1.1\r\nWebhook-Id: in body\r\nContent-Length: 9\r\n\r\nhalf",
	"POST /killed HTTP/1.1\r\nWebhook-Id: in chunk\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhal",
	request('/do/hang', id => 'in reply'),
	request('/do/huge', id => 'in huge reply'));
pipe my $ready, my $say or die $!;
my $before = $sink->lines;
my $child = fork // die $!;
if (!$child)
{
	my @sockets = map { connected('http') } @partial;
	syswrite $sockets[$_], $partial[$_] for 0 .. $#partial;
	syswrite $say, 'x';
	POSIX::pause();
	POSIX::_exit(0);
}
sysread $ready, my $byte, 1;
usleep(200_000);
kill 'KILL', $child;
waitpid $child, 0;
my @cut = $sink->wait_for(3, path => '/killed');
is(join(', ', sort map { "$_->{id}:$_->{body}" . ($_->{complete} ? ' complete' : '') } @cut),
	'before body:, in body:half, in chunk:9' . "\r\n" . 'hal', 'a killed client leaves what came of its requests, as incomplete');
is(($sink->ledger(body => $partial[0], complete => 0))[0]{body_length}, 30, 'also where not even the head came');
is(join(' ', map { ($sink->ledger(id => $_))[0]{complete} ? 1 : 0 } 'in reply', 'in huge reply'),
	'1 1', 'and a complete request stays one, whatever became of the reply');
my $text = slurp_file($sink->ledger_file);
is(scalar(grep { !eval { decode_json($_); 1 } } split /\n/, $text), 0, 'no line of the ledger is torn');
like($text, qr/\n\z/, 'nor its last');
is(status_of('/any'), 200, 'the sink goes on');

# Signatures: of the published vector, whose time is long ago.
my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $signed = "Webhook-Timestamp: 1614265330\r\nWebhook-Signature: v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n";
my @vector = (id => 'msg_p5jXN8AQM9LWM0D4loKWxJek', headers => $signed);
$sink->secrets(path => '/signed', secrets => [ 'whsec_' . 'A' x 32, $secret ], tolerance => undef);
$sink->secrets(path => '/signed/now', secrets => [$secret], tolerance => 300);
ask('/signed/now', @vector, body => '{"test": 2432232314}');
$sink->secrets(path => '/signed', secrets => [ 'whsec_' . 'A' x 32, $secret ], tolerance => undef);
ask('/signed', @vector, body => '{"test": 2432232314}');
ask('/signed', @vector, body => '{"test": 2432232315}');
ask('/signed');
is( join(', ', map { "$_->{signature}{verdict} [@{$_->{signature}{keys}}]" }
		  $sink->ledger(path => '/signed/now'), $sink->ledger(path => '/signed')),
	'too old [0], valid [1], no signature matches [], no id []', 'the verdict about each signature');

# TLS.
my $tls = <<'PYTHON';
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
for port in sys.argv[3:]:
    try:
        c = http.client.HTTPSConnection(sys.argv[2], int(port), context=context, timeout=10)
        c.request("POST", "/tls", b"secret", {"Webhook-Id": "tls"})
        r = c.getresponse()
        print(r.status, r.read())
    except ssl.SSLCertVerificationError as error:
        print(error.verify_code)
    except OSError as error:
        print(type(error).__name__)
PYTHON
my @kinds = qw(https https_expired https_wrong_host https_other_ca);
# 10: has expired, 62: name, 20: unknown issuer
is(python($tls, $sink->ca, 'localhost', map { $sink->port($_) } @kinds), "200 b''\n10\n62\n20", 'HTTPS: one certificate is good');
is(join(' ', map { "$_->{port} $_->{tls}" } $sink->ledger(path => '/tls')), 'https TLSv1.3', 'only there a request was sent');
my @failed = $sink->wait_for(3, kind => 'tls');
is(join(' ', sort map { $_->{port} } @failed), 'https_expired https_other_ca https_wrong_host', 'the others are in the ledger too');
# By address: of localhost's two the client takes the other where one is reset.
$sink->script(port => 'https', replies => [ 'reset', { raw => "HTTP/1.1 200 OK\r\n\r\n" }, 200 ]);
like(python($tls, $sink->ca, '127.0.0.1', ($sink->port('https')) x 3), qr/\A\w+Error\nSSLError\n200 b''\z/, 'TLS: a reset and plain text instead of a handshake');
$sink->script(path => '/tls', replies => [ 'reset', 'close', 'half', 200 ]);
like(python($tls, $sink->ca, '127.0.0.1', ($sink->port('https')) x 2), qr/\A(ConnectionResetError|RemoteDisconnected)\nRemoteDisconnected\z/, 'and a reset and an end inside of it');

# Mail.
my $mail = <<'PYTHON';
import smtplib, ssl, sys
ca, port, tls, user, password, *recipients = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
message = "Message-ID: <%s@journey>\r\nSubject: hi\r\n\r\n.leading dot\r\nend" % tls
try:
    if tls == "smtps":
        s = smtplib.SMTP_SSL("localhost", int(port), timeout=2, context=context)
    else:
        s = smtplib.SMTP("localhost", int(port), timeout=2)
    if tls == "starttls":
        s.starttls(context=context)
    if user:
        for mechanism in "PLAIN", "LOGIN":
            s.user, s.password = user, password
            s.auth(mechanism, getattr(s, "auth_" + mechanism.lower()))
    refused = s.sendmail("from@journey", recipients, message)
    s.quit()
    print("sent", *(f"{name} {code}" for name, (code, _) in refused.items()))
except smtplib.SMTPRecipientsRefused as error:
    print("refused", *(f"{name} {code}" for name, (code, _) in error.recipients.items()))
except smtplib.SMTPResponseException as error:
    print("no", error.smtp_code)
except smtplib.SMTPServerDisconnected:
    print("dropped")
except OSError as error:
    print(type(error).__name__)
except smtplib.SMTPException as error:
    print(error)
PYTHON
my $send = sub {
	my ($port, $kind, $user, $password, @to) = @_;
	return python($mail, $sink->ca, $sink->port($port), $kind, $user, $password, @to);
};
is($send->('smtp', 'plain', '', '', 'a@x', 'b@x'), 'sent', 'a mail');
($line) = $sink->ledger(kind => 'smtp', id => 'plain@journey');
is("$line->{sender} @{$line->{recipients}} $line->{status}", 'from@journey a@x b@x 250', 'the ledger has its envelope');
is($line->{body}, "Message-ID: <plain\@journey>\r\nSubject: hi\r\n\r\n.leading dot\r\nend\r\n", 'and its bytes');
is($send->('smtp', 'starttls', 'user', 'password', 'a@x'), 'sent', 'STARTTLS, and both ways to log in');
($line) = $sink->ledger(kind => 'smtp', id => 'starttls@journey');
is("$line->{tls} $line->{user}", 'TLSv1.3 user', 'under a name');
is($send->('smtps', 'smtps', 'user', 'password', 'a@x'), 'sent', 'TLS from the start');
is($send->('smtp', 'starttls', 'user', 'wrong', 'a@x'), 'no 535', 'a wrong password');
is(join(' ', map { "$_->{mechanism}:$_->{accepted}" } $sink->ledger(kind => 'auth')),
	'PLAIN:1 LOGIN:1 PLAIN:1 LOGIN:1 PLAIN:0', 'each attempt is in the ledger');
unlike(slurp_file($sink->ledger_file), qr/cGFzc3dvcmQ|"password"/, 'without the password');
is($send->($_, $_ eq 'smtp_expired' ? 'starttls' : 'smtps', '', '', 'a@x'), 'SSLCertVerificationError', "$_: refused")
  for qw(smtp_expired smtps_wrong_host);

$sink->script(recipient => 'full@x', replies => [ 452, 250 ]);
$sink->script(recipient => 'gone@x', replies => [550]);
is($send->('smtp', 'plain', '', '', 'full@x', 'gone@x'), 'refused full@x 452 gone@x 550', 'recipients that are refused');
is($send->('smtp', 'plain', '', '', 'full@x', 'gone@x'), 'sent gone@x 550', 'one for good, one for now');
($line) = ($sink->ledger(kind => 'smtp'))[-1];
is("@{$line->{recipients}} not @{$line->{rejected}}", 'full@x not gone@x', 'the ledger tells which');
for (
	[ { at => 'data', code => 451 }, 'no 451' ],
	[ { at => 'end', code => 451 }, 'no 451' ],
	[ { at => 'end', code => 554 }, 'no 554' ],
	[ { at => 'end', mode => 'close' }, 'dropped' ],
	[ { at => 'end', mode => 'hang' }, 'TimeoutError|dropped' ],
	[ { at => 'body', mode => 'reset' }, 'dropped|ConnectionResetError|BrokenPipeError' ],
	[ { at => 'rcpt', mode => 'hang' }, 'TimeoutError|dropped' ])
{
	my ($spec, $what) = @$_;
	$sink->script(recipient => 'odd@x', replies => [$spec]);
	like($send->('smtp', 'odd', '', '', 'odd@x'), qr/\A(?:$what)\z/, 'mail: ' . encode_json($spec));
}
# The bytes of a refused message came all the same, and of a dropped one.
is(join(' ', map { $_->{status} // 'none' } grep { $_->{complete} } $sink->ledger(kind => 'smtp', id => 'odd@journey')),
	'451 554 none none', 'the ledger has each message that was received');
for (
	[ { at => 'connect', mode => 'reset' }, 'dropped|ConnectionResetError' ],
	[ { at => 'greeting', code => 554 }, 'no 554' ],
	[ { at => 'greeting', delay => 0.1 }, 'sent' ],
	[ { at => 'starttls', code => 454 }, '.*454.*|no 454' ],
	[ { at => 'starttls', raw => "220 ok\r\nnot TLS\r\n" }, 'SSL\w*Error|ConnectionResetError' ],
	[ { hide => ['STARTTLS'] }, 'SMTPNotSupportedError' ],
	[ { at => 'auth', code => 454 }, 'no 454' ],
	[ { at => 'mail', code => 421 }, 'no 421' ])
{
	my ($spec, $what) = @$_;
	$sink->script(port => 'smtp', replies => [$spec]);
	like($send->('smtp', 'starttls', 'user', 'password', 'a@x'), qr/\A(?:$what)\z/, 'mail: ' . encode_json($spec));
}

# Speed: one client, many connections, a request on each and then every reply.
$sink->forget;
my $requests = $ENV{SINK_REQUESTS} // 20_000;
my @sockets = map { connected('http') } 1 .. 200;
my $wire = sub { request('/fast', id => $_[0], body => '{"customer": "c1", "tile": "mail"}' . ' ' x 300) };
my $used = sub {
	my @stat = split / /, slurp_file('/proc/' . $sink->pid . '/stat') =~ s/.*\) //sr;
	return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
};
my ($lines, $cpu, $done, $wrong) = ($sink->lines, $used->(), 0, 0);
$began = time;
while ($done < $requests)
{
	syswrite $_, $wire->($done++) for @sockets;
	for (@sockets)
	{
		sysread $_, my $got, 1000;
		$wrong++ unless $got =~ /\AHTTP\/1\.1 200 OK\r\nContent-Length: 0\r\n\r\n\z/;
	}
}
my $took = time - $began;
$cpu = $used->() - $cpu;
note sprintf('%d requests in %.2f s: %.0f/s; %.0f us of CPU each', $done, $took, $done / $took, 1e6 * $cpu / $done);
is($wrong, 0, 'each of many requests is answered');
is($sink->lines - $lines, $done, 'and has its line');
cmp_ok($cpu / $done, '<', 1 / 5000, 'in a time that allows for 5,000 in a second');

# The ledger as a table.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $loaded = $sink->load($node, 'postgres');
is( $node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT id), min(body_length), count(DISTINCT body_sha)
									 FROM sink WHERE path = '/fast'}),
	"$done|$done|334|1", 'the ledger as a table');
is($node->safe_psql('postgres', 'SELECT count(*) FROM sink'), $loaded, 'all of it');
is( $node->safe_psql('postgres', q{
		SELECT string_agg(concat_ws(' ', attempt, status, complete), ', ' ORDER BY seq)
		  FROM sink WHERE path = '/dunning' AND id = 'a'}),
	'1 503 t, 2 503 t, 3 200 t, 4 200 t', 'attempts and statuses');
is( $node->safe_psql('postgres', q{
		SELECT body_sha = encode(sha256(body), 'hex'), ended FROM sink
		 WHERE id IN ('first', 'half') ORDER BY seq}),
	"t|\nt|close", 'bodies that no JSON could hold, and how replies ended');
is( $node->safe_psql('postgres', q{SELECT recipients, rejected FROM sink
										  WHERE recipients::text <> '[]' AND rejected::text <> '[]'}),
	'["full@x"]|["gone@x"]', 'and mails');
$node->stop;

# It ends: killed, at the end of its input, of its time, and of its test.
my $killed = Sink->start(tls => 0);
is($killed->url('http', '/x'), 'http://127.0.0.1:' . $killed->port('http') . '/x', 'one without TLS');
$child = fork // die $!;
if (!$child)
{
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $killed->port('http'));
	local $SIG{PIPE} = 'IGNORE';
	my $sent = 0;
	while ($s && syswrite $s, request('/x', id => $sent++, body => 'x' x 1000))
	{
		last unless sysread $s, my $got, 1000;
	}
	POSIX::_exit(0);
}
$killed->wait_for(10);
$killed->kill9;
waitpid $child, 0;
$text = slurp_file($killed->ledger_file);
is(scalar(grep { !eval { decode_json($_); 1 } } split /\n/, $text), 0, 'a killed sink leaves whole lines');

my $short = Sink->start(tls => 0, total => 1);
my $pid = $short->pid;
is(waitpid($pid, 0), $pid, 'one ends when its time is over');
delete $short->{pid};

pipe $ready, $say or die $!;
$child = fork // die $!;
if (!$child)
{
	my $orphan = Sink->start(tls => 0, folder => "$PostgreSQL::Test::Utils::tmp_check/015_orphan");
	syswrite $say, $orphan->pid . "\n";
	kill 'KILL', $$;
}
chomp($pid = readline $ready);
waitpid $child, 0;
my $gone;
usleep(50_000) while kill(0, $pid) && !($gone = -e "/proc/$pid/stat" && slurp_file("/proc/$pid/stat") =~ /\) Z /) && time < $began + 170;
ok($gone || !kill(0, $pid), 'and one whose test was killed ends');

$sink->stop;
done_testing();
