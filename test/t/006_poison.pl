# A member whose step cannot be worked off is set aside alone.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
new_database($node, 'one');

# Broken by hand: a tile that the journey does not have.
$node->safe_psql(
	'one', q{
	BEGIN;
	SELECT count(journey_emit('c' || i, 'go', '{"hold": "1 s"}'))
	  FROM generate_series(1, 200) i;
	UPDATE journey.member_row SET tile = 99 WHERE customer IN ('c50', 'c150');
	COMMIT;});
wait_for($node, 'one',
	"SELECT count(*) = 198 FROM journey.member WHERE state = 'exited'",
	'the others are worked off');
wait_for($node, 'one',
	"SELECT count(*) = 2 FROM journey.member_row WHERE state = 'f' AND due_at IS NULL",
	'the broken ones are set aside');
is( $node->safe_psql(
		'one', "SELECT sum(count) FROM journey.failure WHERE journey = 'holding'"),
	'2',
	'and recorded');

# The worker is the same and goes on.
my $pid = scheduler_pid($node, 'one');
$node->safe_psql('one', q{SELECT journey_emit('next', 'go', '{"hold": "1 ms"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'next'",
	'the worker goes on');
is(scheduler_pid($node, 'one'), $pid, 'and was not restarted');
is( $node->safe_psql('one', 'SELECT why_idle IS NULL FROM journey.worker WHERE sent IS NULL'), 't',
	'it does not call itself idle');

$node->stop('fast');
done_testing();
