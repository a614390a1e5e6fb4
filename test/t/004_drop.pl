# Commands that need the workers out of their way.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server('main', conf => 'journey.workers = 2');

sub in_time
{
	my ($database, $sql, $seconds, $what) = @_;
	my $begun = time();
	my ($code, $out, $err) = $node->psql($database, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($err, '', "$what: no complaint");
	cmp_ok(time() - $begun, '<', $seconds, "$what: in time");
	return;
}

sub keep_busy
{
	my ($database) = @_;

	$node->safe_psql(
		$database, q{
		SELECT count(journey_emit('c' || i, 'go', '{"hold": "1 ms"}'))
		  FROM generate_series(1, 3000) i});
	return;
}

my $workers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'journey scheduler'};

# DROP EXTENSION, and a new one in the same database.
new_database($node, 'one');
keep_busy('one');
in_time('one', 'DROP EXTENSION journey', 2, 'DROP EXTENSION');
wait_for($node, 'postgres', "$workers", 'the workers notice and leave', 0);
$node->safe_psql('postgres', 'DROP DATABASE one');

new_database($node, 'one');
my $psql = $node->background_psql('one');
$psql->query_safe('BEGIN');
$psql->query_safe('DROP EXTENSION journey');
wait_for($node, 'postgres', $workers, 'they stay while it is not committed', 2);
$psql->query_safe('ROLLBACK');
$psql->quit;
keep_busy('one');
wait_for($node, 'one',
	"SELECT count(*) = 3000 FROM journey.member WHERE state = 'exited'",
	'rolled back, they go on');

keep_busy('one');
in_time('one', 'SET client_min_messages = warning; ALTER EXTENSION journey UPDATE',
	2, 'ALTER EXTENSION');

# A database that somebody needs empty, from another one.
keep_busy('one');
in_time('postgres', 'ALTER DATABASE one RENAME TO uno', 5, 'RENAME');
wait_for_scheduler($node, 'uno');
pass('the workers come back');

keep_busy('uno');
in_time('postgres', 'CREATE DATABASE duo TEMPLATE uno', 5, 'TEMPLATE');
wait_for_scheduler($node, 'uno');
pass('the workers come back');

keep_busy('uno');
$node->safe_psql('postgres',
	"SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION ''");
in_time('postgres', 'ALTER DATABASE uno SET TABLESPACE elsewhere', 5, 'TABLESPACE');
wait_for_scheduler($node, 'uno');
pass('the workers come back');

# A command that fails lets them come back too.
$node->psql('postgres', 'ALTER DATABASE uno RENAME TO duo');
wait_for_scheduler($node, 'uno');
pass('they come back after a command that failed');

# Who may not do it cannot send them away.
my $pid = scheduler_pid($node, 'uno');
$node->safe_psql('postgres', 'CREATE ROLE regress_nobody CREATEDB');
$node->psql('postgres', 'SET ROLE regress_nobody; DROP DATABASE uno');
is(scheduler_pid($node, 'uno'), $pid, 'a stranger does not move them');

keep_busy('uno');
in_time('postgres', 'DROP DATABASE uno', 5, 'DROP DATABASE');
in_time('postgres', 'DROP DATABASE duo', 5, 'DROP DATABASE of a copy');
wait_for($node, 'postgres', $workers, 'nobody is left', 0);

# Again and again, while workers come.
for my $round (1 .. 5)
{
	$node->safe_psql('postgres', 'CREATE DATABASE brief');
	$node->safe_psql(
		'brief', q{
		CREATE EXTENSION journey;
		SELECT journey_arm();});
	my ($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE brief');
	is($err, '', "round $round of a database that is dropped as workers start");
}
wait_for($node, 'postgres', $workers, 'nobody is left', 0);
ok(!$node->log_contains('PANIC|TRAP|server process .* was terminated'),
	'nothing crashed');

my $begun = time();
$node->stop('fast');
cmp_ok(time() - $begun, '<', 5, 'the server stops in time');
done_testing();
