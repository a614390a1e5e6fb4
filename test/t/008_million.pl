# A million emits in one transaction work, in bounded memory; what they wrote
# holds together.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
new_database($node, 'one');

my $emit = q{SELECT count(journey_emit('c' || i %% 400000,
	CASE WHEN i %% 3 = 0 THEN 'hurry' ELSE 'go' END, '{"hold": "1 day"}'))
	FROM generate_series(%d, %d) i};
my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';

my @rows = split /\n/, $node->safe_psql('one', join ";\n",
	'BEGIN', sprintf($emit, 1, 100_000), $memory,
	sprintf($emit, 100_001, 1_000_000), $memory, 'COMMIT');

is("$rows[0] $rows[2]", '100000 900000', 'all were taken');
cmp_ok($rows[3] - $rows[1], '<', 16 * 1024 * 1024,
	'the memory of the last 900,000 is bounded');
is($node->safe_psql('one', 'SELECT count(*) FROM journey.event'),
	1_000_000, 'all were logged');
is( $node->safe_psql('one', q{
		SELECT entered = (SELECT count(*) FROM journey.member),
			   active = (SELECT count(*) FROM journey.member WHERE state <> 'exited')
		  FROM journey.status}),
	't|t', 'the counts are exact');
no_violations($node, 'one');

$node->stop;
done_testing();
