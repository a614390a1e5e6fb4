# The worker fires timers: at their time, woken by commits, shared by several,
# in databases that come later, and at no cost where nothing is due.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server(
	'main',
	conf => qq{
autovacuum = off
checkpoint_timeout = 1h
bgwriter_lru_maxpages = 0
});

# A fresh extension: nobody works until a journey is activated.
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION journey');
is( $node->safe_psql(
		'one', 'SELECT pid IS NULL, why_idle FROM journey.worker WHERE sent IS NULL'),
	't|no journey was activated yet',
	'no worker before the first activation, and the view says why');
$node->safe_psql('postgres', 'DROP DATABASE one');

new_database($node, 'one');
is( $node->safe_psql(
		'one', q{SELECT count(*), min(datname) FROM pg_stat_activity
				  WHERE backend_type = 'journey scheduler'}),
	'1|one',
	'the scheduler shows in pg_stat_activity');
is( $node->safe_psql(
		'one', q{SELECT count(*) FROM pg_stat_activity
				  WHERE backend_type = 'journey launcher'}),
	'1',
	'so does the launcher');

is( $node->safe_psql(
		'one', q{
		CREATE ROLE regress_viewer;
		SELECT FROM journey_grant('regress_viewer', 'view');
		SET ROLE regress_viewer;
		SELECT database, why_idle IS NULL FROM journey.worker WHERE sent IS NULL;}),
	'one|t',
	'level view reads journey.worker');

# Timers, and a commit that sets an earlier one than the worker sleeps for.
my $due_in = q{SELECT journey_emit('%s', 'go', '{"hold": "%s"}')};
$node->safe_psql('one', sprintf($due_in, 'tomorrow', '1 day'));
$node->safe_psql('one', sprintf($due_in, 'soon', '300 ms'));
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'soon'",
	'a timer fires');
is( $node->safe_psql(
		'one', q{SELECT at >= due_at, at < due_at + '2 s'::interval, reason
				   FROM journey.transition
				  WHERE customer = 'soon' AND due_at IS NOT NULL}),
	't|t|timer',
	'not early, and soon: the commit woke the worker');
is( $node->safe_psql(
		'one', "SELECT state FROM journey.member WHERE customer = 'tomorrow'"),
	'active',
	'a timer of tomorrow does not');

# The queue.
$node->safe_psql('one',
	q{SELECT journey_enqueue('queued', 'go', '{"hold": "1 ms"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'queued'",
	'the queue is worked off');

# A database that comes later.
new_database($node, 'two');
$node->safe_psql('two', sprintf($due_in, 'x', '1 ms'));
wait_for($node, 'two',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'x'",
	'a database made later has its worker');

# Ended by an operator, it comes back.
my $pid = scheduler_pid($node, 'two');
$node->safe_psql('two', "SELECT pg_terminate_backend($pid)");
wait_for($node, 'two',
	"SELECT pid <> $pid FROM journey.worker WHERE sent IS NULL AND database = 'two'",
	'a terminated scheduler is started again');
$node->safe_psql('postgres', 'DROP DATABASE two');

# Idle: a new worker counts, keeps house and polls, and writes nothing.
$pid = scheduler_pid($node, 'one');
wait_for($node, 'one',
	"SELECT heartbeat > started_at + '4 s'::interval FROM journey.worker WHERE sent IS NULL",
	'the worker polls');
$node->safe_psql('one', 'VACUUM');
$node->safe_psql('one', 'CHECKPOINT');
my $cost = 'SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())';
my $before = $node->safe_psql('one', $cost);
$node->safe_psql('one', "SELECT pg_terminate_backend($pid)");
wait_for($node, 'one',
	"SELECT pid <> $pid AND heartbeat > started_at + '4 s'::interval FROM journey.worker WHERE sent IS NULL",
	'the worker polls again');
is($node->safe_psql('one', $cost), $before,
	'an idle worker uses no transaction id and writes no WAL');

# Several share the work.
$node->safe_psql('postgres', 'ALTER SYSTEM SET journey.workers = 4');
$node->safe_psql('postgres', 'ALTER SYSTEM SET journey.batch_size = 50');
$node->reload;
wait_for($node, 'one',
	'SELECT count(*) = 4 FROM journey.worker WHERE sent IS NULL AND why_idle IS NULL',
	'journey.workers more schedulers');
$node->safe_psql(
	'one', q{
	SELECT count(journey_emit('c' || i, 'go', '{"hold": "1 s"}'))
	  FROM generate_series(1, 5000) i});
wait_for($node, 'one',
	"SELECT count(*) = 5000 FROM journey.member WHERE customer LIKE 'c%' AND state = 'exited'",
	'they work off what is due');
is( $node->safe_psql(
		'one', q{SELECT count(*), max(n)
				   FROM (SELECT count(*) AS n FROM journey.transition
						  WHERE reason = 'timer' AND customer LIKE 'c%' GROUP BY member) t}),
	'5000|1',
	'no member twice');
cmp_ok($node->safe_psql('one', 'SELECT count(*) FROM journey.worker WHERE sent IS NULL AND moved > 0'),
	'>', 1, 'more than one of them moved members');
no_violations($node, 'one', 'the invariants hold', idle => 1);

# And fewer.
$node->safe_psql('postgres', 'ALTER SYSTEM SET journey.workers = 1');
$node->reload;
wait_for($node, 'one',
	'SELECT count(*) = 1 AND min(number) = 0 FROM journey.worker WHERE sent IS NULL',
	'the others leave');
$node->safe_psql('postgres', "ALTER SYSTEM SET journey.databases = 'two, three'");
$node->reload;
wait_for($node, 'one', 'SELECT why_idle FROM journey.worker WHERE sent IS NULL',
	'none where journey.databases leaves the database out',
	'the settings journey.databases and journey.workers leave it out');

$node->stop('fast');
done_testing();
