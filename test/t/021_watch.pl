# Watched tables: a million rows in one COPY, in bounded memory; rows that
# replication brings are nobody's events.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# No workers: they would take from the queue what is counted here.
my $node = new_server('main', init => { allows_streaming => 'logical' },
	conf => "journey.databases = ''\nshared_buffers = '16MB'\nmax_wal_size = '4GB'");
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql(
	'one', q{
	CREATE EXTENSION journey;
	SELECT journey_create('shop', '{
		"tiles": {"start": {"type": "entry", "on": [{"event": "ordered", "condition": "(props->>''n'')::int % 10 = 0"}]},
				  "hold": {"type": "wait", "for": "1 day"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "paid"},
				  {"from": "hold", "to": "done"}]}');
	SELECT journey_activate('shop');
	CREATE TABLE orders (n int, customer int, at timestamptz DEFAULT now());
	CREATE TABLE later (n int, customer int, at timestamptz DEFAULT now());
	CREATE TABLE aside (n int, customer int, at timestamptz DEFAULT now());
	SELECT journey_watch('orders', 'customer', 'ordered', condition => 'new.n > 0');
	SELECT journey_watch('later', 'customer', 'paid', mode => 'queued');
	SELECT journey_watch('aside', 'customer', 'seldom');});

# What the backend has had in memory at most, in kB.
my $peak = q{SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)')};

sub copy
{
	my ($table, $from, $to) = @_;

	return sprintf(q{COPY %s (n, customer) FROM PROGRAM 'seq %d %d | awk "{print \\$1, \\$1 %% 200000}"' (DELIMITER ' ')},
		$table, $from, $to);
}

# The server itself remembers a row to be looked at in some 20 bytes.
sub copies_a_million
{
	my ($table, $limit, $what) = @_;
	my @peaks = split /\n/, $node->safe_psql('one', join ";\n",
		copy($table, 1, 100_000), $peak, copy($table, 100_001, 1_000_000), $peak);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('one', "SELECT count(*) FROM $table"), 1_000_000, "$what: all rows are there");
	cmp_ok($peaks[1] - $peaks[0], '<', $limit * 1024, "$what: memory is bounded");
	return;
}

copies_a_million('aside', 4, 'nobody listens');
is($node->safe_psql('one', 'SELECT count(*) FROM journey.event'), 0, 'nobody listens: nothing is logged');

copies_a_million('orders', 48, 'inline');
is( $node->safe_psql(
		'one', 'SELECT count(*), count(DISTINCT customer) FROM journey.event'),
	'1000000|200000',
	'inline: all were logged');
is($node->safe_psql('one', 'SELECT count(*) FROM journey.member'),
	20_000, 'inline: they entered who was to');

copies_a_million('later', 48, 'queued');
is($node->safe_psql('one', 'SELECT count(*) FROM journey.queue'),
	1_000_000, 'queued: all are in the queue');
is($node->safe_psql('one', 'SELECT journey_tick(20000)'),
	20_000, 'queued: and are taken from it');
is( $node->safe_psql(
		'one', q{SELECT count(*) > 0 FROM journey.member WHERE state = 'exited'}),
	't',
	'queued: and move');
is($node->safe_psql('one', 'SELECT count(*) FROM journey.failure'), 0, 'without errors');
no_violations($node, 'one', 'nothing is violated');

# Replication, of rows that were there and of new ones (RELIABILITY P11).
$node->safe_psql('postgres', 'CREATE DATABASE origin');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql(
	'origin', q{
	CREATE TABLE orders (id int PRIMARY KEY, customer int);
	INSERT INTO orders VALUES (1, 1);
	CREATE PUBLICATION p FOR TABLE orders;
	SELECT pg_create_logical_replication_slot('s', 'pgoutput');});
$node->safe_psql(
	'copy', q{
	CREATE EXTENSION journey;
	CREATE TABLE orders (id int PRIMARY KEY, customer int);
	SELECT journey_watch('orders', 'customer', 'order_{operation}', operations => '{insert,update,delete}', always => true);});
my $connection = $node->connstr('origin');
$node->safe_psql('copy',
	"CREATE SUBSCRIPTION s CONNECTION \$\$$connection\$\$ PUBLICATION p WITH (create_slot = false)");
wait_for($node, 'copy', 'SELECT count(*) FROM orders', 'the first row is copied', 1);
$node->safe_psql('origin', 'INSERT INTO orders VALUES (2, 2); UPDATE orders SET customer = 3 WHERE id = 1');
wait_for($node, 'copy', 'SELECT sum(customer) FROM orders', 'changes are replicated', 5);
is($node->safe_psql('copy', 'SELECT count(*) FROM journey.event'), 0, 'and are no events');
$node->safe_psql('copy', 'DELETE FROM orders WHERE id = 2');
is($node->safe_psql('copy', 'SELECT customer, event FROM journey.event'),
	'2|order_deleted', 'what happens here is one');
$node->safe_psql('copy', 'ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s');

$node->stop;
done_testing();
