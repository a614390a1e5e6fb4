# What is rolled back leaves nothing, what is prepared waits for its commit and
# holds up nobody else.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
new_database($node, 'one');

my $count = q{
	SELECT (SELECT count(*) FROM journey.member),
		   (SELECT count(*) FROM journey.event),
		   (SELECT count(*) FROM journey.transition),
		   (SELECT count(*) FROM journey.action)};

$node->safe_psql(
	'one', q{
	BEGIN;
	SELECT journey_emit('a', 'go', '{"hold": "1 ms"}');
	ROLLBACK;});
is($node->safe_psql('one', $count), '0|0|0|0', 'a rollback leaves nothing');

$node->safe_psql(
	'one', q{
	BEGIN;
	SAVEPOINT s;
	SELECT journey_emit('a', 'go', '{"hold": "1 ms"}');
	ROLLBACK TO s;
	SELECT journey_emit('b', 'go', '{"hold": "1 day"}');
	SAVEPOINT t;
	SELECT journey_emit('b', 'hurry');
	ROLLBACK TO t;
	COMMIT;});
is( $node->safe_psql(
		'one', 'SELECT customer, state, tile FROM journey.member'),
	'b|active|hold',
	'a savepoint undoes what came after it, and that alone');

# An event that was undone does not keep the next one from being the first.
$node->safe_psql('one', q{SELECT journey_emit('b', 'hurry')});
is( $node->safe_psql(
		'one', "SELECT state FROM journey.member WHERE customer = 'b'"),
	'exited',
	'the same event again moves the member');

# Released savepoints: the worker hears of the timer set in them.
$node->safe_psql(
	'one', q{
	BEGIN;
	SAVEPOINT s;
	SAVEPOINT t;
	SELECT journey_emit('c', 'go', '{"hold": "1 ms"}');
	RELEASE t;
	RELEASE s;
	COMMIT;});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'c'",
	'a timer set in a released savepoint fires');
is( $node->safe_psql(
		'one', q{SELECT at < due_at + interval '2 s' FROM journey.transition
				  WHERE customer = 'c' AND due_at IS NOT NULL}),
	't',
	'and the commit woke the worker');

# Two-phase commit.
$node->safe_psql('one', q{SELECT journey_emit('held', 'go', '{"hold": "1 s"}')});
$node->safe_psql(
	'one', q{
	BEGIN;
	SELECT journey_emit('new', 'go', '{"hold": "1 ms"}');
	SELECT journey_emit('held', 'hurry');
	PREPARE TRANSACTION 'p';});
$node->safe_psql('one', q{SELECT journey_emit('free', 'go', '{"hold": "2 s"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'free'",
	'a prepared transaction does not hold up others');
is( $node->safe_psql(
		'one', "SELECT customer, state FROM journey.member WHERE customer IN ('held', 'new')"),
	'held|active',
	'its own customers wait for its end');
$node->safe_psql('one', "COMMIT PREPARED 'p'");
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'new'",
	'after COMMIT PREPARED its timers fire');
is( $node->safe_psql(
		'one', q{SELECT string_agg(reason, ' ' ORDER BY seq) FROM journey.transition
				  WHERE customer = 'held'}),
	'entry event',
	'its event moved the member, not the timer that was due meanwhile');

# Rolled back, the timer fires that the transaction had kept.
$node->safe_psql('one', q{SELECT journey_emit('kept', 'go', '{"hold": "1 s"}')});
$node->safe_psql(
	'one', q{
	BEGIN;
	SELECT journey_emit('kept', 'hurry');
	PREPARE TRANSACTION 'q';});
$node->safe_psql('one', q{SELECT journey_emit('later', 'go', '{"hold": "2 s"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'later'",
	'another goes on');
$node->safe_psql('one', "ROLLBACK PREPARED 'q'");
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'kept'",
	'after ROLLBACK PREPARED the timer fires');
is( $node->safe_psql(
		'one', q{SELECT string_agg(reason, ' ' ORDER BY seq) FROM journey.transition
				  WHERE customer = 'kept'}),
	'entry timer',
	'and nothing of the event is left');

no_violations($node, 'one', 'the invariants hold', idle => 1);
$node->stop('fast');
done_testing();
