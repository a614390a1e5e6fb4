# kill -9 under load, of a scheduler and of the postmaster: nothing that was
# committed is lost, nothing happens twice, and timers that fell due meanwhile
# fire as soon as the server is back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server(
	'main',
	conf => qq{
fsync = on
restart_after_crash = on
});
new_database($node, 'one');
$node->safe_psql('one',
	'CREATE TABLE sent (customer text, id text, PRIMARY KEY (customer, id))');

# Each emit with a row of the application's own, in one transaction.
my $script = $node->basedir . '/emit.sql';
append_to_file(
	$script, q{
\set customer random(1, 500)
\set id random(1, 1000000000)
\set ms random(1, 400)
BEGIN;
INSERT INTO sent VALUES (:customer::text, :id::text);
SELECT journey_emit(:customer::text, 'go', jsonb_build_object('id', :id::text, 'hold', :ms || ' ms'));
COMMIT;
});

sub start_load
{
	my $log = '';

	return IPC::Run::start(
		[
			'pgbench', '-n', '-c', '4', '-T', '600', '-f', $script,
			'-h', $node->host, '-p', $node->port, 'one'
		],
		'>', \$log, '2>', \$log);
}

# Returns when the load has left its traces since then.
sub wait_for_load
{
	my $rows = $node->safe_psql('one', 'SELECT count(*) FROM sent');

	$node->poll_query_until('one', "SELECT count(*) > $rows + 300 FROM sent")
	  or die 'no load';
	return;
}

sub check_all
{
	my ($what) = @_;

	wait_for($node, 'one',
		"SELECT count(*) = 0 FROM journey.member WHERE state <> 'exited'",
		"$what: every member arrives");
	no_violations($node, 'one', "$what: the invariants hold", idle => 1);
	is( $node->safe_psql(
			'one', q{
			SELECT count(*) FROM sent s
			  FULL JOIN journey.member m ON m.customer = s.customer AND m.key = s.id
			 WHERE m.id IS NULL OR s.id IS NULL}),
		'0',
		"$what: a member for each row that the application committed, and no other");
	return;
}

# The scheduler.
for my $round (1 .. 3)
{
	my $load = start_load();

	wait_for_load();
	my $pid = scheduler_pid($node, 'one');
	kill(9, $pid);
	$load->finish;
	wait_for($node, 'one',
		"SELECT pid <> $pid FROM journey.worker WHERE sent IS NULL AND database = 'one'",
		"round $round: the server restarts and so does the scheduler");
	check_all("round $round");
}

# The postmaster, with a timer that falls due while the server is down.
my $load = start_load();
wait_for_load();
$node->safe_psql('one',
	q{SELECT journey_emit('waiting', 'go', '{"hold": "1 s", "id": "w"}')});
$node->safe_psql('one', q{INSERT INTO sent VALUES ('waiting', 'w')});
my @pids = split /\n/, $node->safe_psql('one', 'SELECT pid FROM pg_stat_activity');
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
$node->kill9;
$load->finish;
wait_until_gone($postmaster, @pids);
start_after_kill9($node);
my $ready = $node->safe_psql('one', 'SELECT clock_timestamp()');
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'waiting'",
	'a timer fires after the restart');
is( $node->safe_psql(
		'one', qq{
		SELECT at >= due_at,
			   at <= greatest(due_at, '$ready') + interval '2 s'
		  FROM journey.transition
		 WHERE customer = 'waiting' AND due_at IS NOT NULL}),
	't|t',
	'not early, and within two seconds of when the server is ready');
check_all('postmaster');

$node->stop('fast');
done_testing();
