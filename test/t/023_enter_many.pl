# journey_enter_many from a query: all enter, in memory that does not grow with
# their number.  JOURNEY_ENTER_MANY says how many, a million for instance.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $n = $ENV{JOURNEY_ENTER_MANY} // 50_000;
my $node = new_server('main');
new_database($node, 'one');
$node->safe_psql('one', "CREATE TABLE people AS SELECT 'customer-' || i AS id FROM generate_series(1, $n) i");

my $enter = q{SELECT journey_enter_many('holding', ARRAY(SELECT id FROM people%s), '{"hold": "1 day", "list": "spring"}')};
my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
my $began = time;
my @rows = split /\n/, $node->safe_psql('one', join ";\n",
	'BEGIN', sprintf($enter, ' LIMIT 1000'), $memory, sprintf($enter, ''), $memory, 'COMMIT');
my $took = time - $began;

is("$rows[0] $rows[2]", '1000 ' . ($n - 1000), 'all entered, and who was inside did not enter again');
cmp_ok($rows[3] - $rows[1], '<', 4 * 1024 * 1024, 'the memory is bounded');
is( $node->safe_psql('one', q{
		SELECT count(*), count(DISTINCT customer), count(*) FILTER (WHERE context->>'list' = 'spring') FROM journey.member}),
	"$n|$n|$n",
	'each once, with the context');
is($node->safe_psql('one', 'SELECT entered, active FROM journey.status'), "$n|$n", 'the counts are exact');
no_violations($node, 'one', 'the invariants hold');
note(sprintf '%d customers in %.1f s: %.0f per s', $n, $took, $n / $took);

$node->stop;
done_testing();
