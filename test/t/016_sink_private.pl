# A network of the test's own: names that change their answers, and addresses that
# no client of ours may reach, all of them the sink's.
use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my ($public, $metadata) = ('203.0.113.7', '169.254.169.254');

BEGIN
{
	Sink::private_network(addresses => [ '203.0.113.7', '169.254.169.254' ])
	  or plan(skip_all => 'no namespaces for users here');
}

use Journey;

my $sink = Sink->start(
	dns => 53,
	tls => 0,
	ports => { http => 80 },
	addresses => [ '127.0.0.1', $public, $metadata ]);

$sink->dns('rebind.test', A => [ $public, '127.0.0.1' ], AAAA => [ [] ]);
$sink->dns('flip.test', A => [ [ $public, $metadata ] ]);
$sink->dns('none.test', A => [ { rcode => 2 } ]);

# By what libcurl asks too: getaddrinfo of glibc, in a server's program.
my $node = new_server('main');
my $ask = sub {
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"CREATE TEMP TABLE t (a text); COPY t FROM PROGRAM 'getent ahostsv4 $name | cut -d\" \" -f1 | sort -u || true'; SELECT string_agg(a, ' ') FROM t"
	);
};
is($ask->('rebind.test'), $public, 'the first answer');
is($ask->('rebind.test'), '127.0.0.1', 'the second is another');
is($ask->('flip.test'), "$metadata $public", 'several addresses in one answer');
is($ask->('none.test'), '', 'a name server that fails');
is($ask->('other.test'), '', 'a name that does not exist');
is($ask->('localhost'), '127.0.0.1', 'and localhost as ever');
cmp_ok(scalar $sink->ledger(kind => 'dns', name => 'rebind.test', type => 'A'),
	'>=', 2, 'the queries are in the ledger');

# Where a redirect to the metadata service would arrive.
for my $address ($public, $metadata)
{
	my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => 80, Timeout => 5);
	ok($socket, "$address is here");
	print $socket "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n\r\n";
	my ($line) = $sink->wait_for(1, to => "$address:80");
	is($line->{path}, '/latest/meta-data/', 'and what is asked of it is in the ledger');
}
is(IO::Socket::INET->new(PeerAddr => '198.51.100.1', PeerPort => 80, Timeout => 5),
	undef, 'there is no way out');

$node->stop;
$sink->stop;
done_testing();
