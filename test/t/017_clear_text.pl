# What is not encrypted leaves only for what the allow-list names: in a network of
# the test's own, where a public address leads to the sink.
use strict;
use warnings;

use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $public;

BEGIN
{
	$public = '8.8.8.8';
	Sink::private_network(addresses => [$public])
	  or plan(skip_all => 'no namespaces for users here');
}

my $top = "$FindBin::RealBin/../..";
my $drive = PostgreSQL::Test::Utils::tempdir('drive') . '/drive';
my @cc = split ' ', $ENV{CC} // 'gcc';
my $sink = Sink->start(addresses => [ '127.0.0.1', $public ]);
my $port = $sink->port('http');
my $mail = $sink->port('smtp');

system_or_bail(@cc, '-std=gnu99', map({ "-Wl,--wrap=$_" } qw(malloc calloc realloc strdup strndup)),
	'-o', $drive, "$top/test/transfer/drive.c", glob("$top/src/transfer*.c"), qw(-lcurl -lpthread -ldl));

# The outcomes of a script's requests, each "outcome arrived".
sub drive
{
	my ($allow, @script) = @_;
	my $said = '';

	IPC::Run::run([ $drive, '-a', $allow ], '<', \join("wait\n", @script), '>', \$said,
		IPC::Run::timeout(60)) or BAIL_OUT("drive: $said");
	return map { /outcome=([^\t]*).*\tarrived=(\d)/ ? "$1 $2" : () } split /\n/, $said;
}

my $web = "go\turl=http://$public:$port/hook\tbody=x\ttotal_ms=5000\n";
my @message = ("from=a\@x.test", "to=b\@y.test", "body=Subject: x", 'total_ms=5000');
my $plain = join("\t", 'go', "url=smtp://$public:$mail/x", 'tls=plain', @message) . "\n";
my $starttls = join("\t", 'go', "url=smtp://$public:$mail/x", 'tls=starttls', @message) . "\n";
my $https = 'go	url=https://' . $public . ':' . $sink->port('https') . "/hook\tbody=x\ttotal_ms=5000\n";

is_deeply([ drive('127.0.0.1', $web, $plain) ], [ 'refused 0', 'refused 0' ], 'a public address in clear text');
is_deeply([ drive($public, $web, $plain) ], [ 'ok 1', 'ok 1' ], 'one that is listed');
is_deeply([ drive("$public:$port", $web, $plain) ], [ 'ok 1', 'refused 0' ], 'with its port');
is_deeply([ drive('127.0.0.1', $starttls, $https) ], [ 'tls 0', 'tls 0' ],
	'with TLS it is reached, where nobody can prove to be that');
is_deeply([ drive($public, $web, "allow\tlist=127.0.0.1\n", $web, "allow\tlist=$public\n", $web) ],
	[ 'ok 1', 'refused 0', 'ok 1' ], 'a kept connection obeys a new list');
my @arrived = grep { ($_->{path} // '') eq '/hook' } $sink->ledger(kind => 'http');
is(scalar @arrived, 4, 'the sink has heard of no others');

$sink->stop;
done_testing();
