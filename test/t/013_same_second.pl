# Fifty thousand members due in the same second: each moves exactly once, in
# bounded memory, by journey_tick in batches and by workers.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $members = 50_000;
my $node = new_server('main', conf => "journey.workers = 2\n");
new_database($node, 'worker');

# All are due at the same moment; an action and a second hold follow, which ends
# in one second again.
my $journey = <<'JSON';
{
  "tiles": {
    "start": {"type": "entry"},
    "hold": {"type": "wait", "until": "(context->>'at')::timestamptz"},
    "send": {"type": "action", "destination": "outbox", "payload": {"to": "{{ customer }}"}},
    "more": {"type": "wait", "for": "2 seconds"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "send"},
    {"from": "send", "to": "more"},
    {"from": "more", "to": "done"}
  ]
}
JSON
my $draw = "SELECT journey_destination_create('outbox', 'pull');
	SELECT journey_create('burst', \$json\$$journey\$json\$);
	SELECT journey_activate('burst')";
my $enter = "SELECT count(journey_enter('burst', 'c' || i, jsonb_build_object('at', %s))) FROM generate_series(1, $members) i";

# What must hold once all is over.
sub all_moved_once
{
	my ($database, $how) = @_;

	is( $node->safe_psql($database, q{
			SELECT count(*), count(DISTINCT customer), count(*) FILTER (WHERE state = 'exited' AND outcome = 'done') FROM journey.member}),
		"$members|$members|$members", "$how: everybody is through");
	is( $node->safe_psql($database, q{
			SELECT from_tile, to_tile, count(*), count(DISTINCT member), bool_and(at >= due_at)
			  FROM journey.transition GROUP BY 1, 2 ORDER BY min(seq)}),
		join("\n", "start|hold|$members|$members|", "hold|send|$members|$members|t",
			"send|more|$members|$members|t", "more|done|$members|$members|t"),
		"$how: over each edge once, and not early");
	is( $node->safe_psql($database, 'SELECT count(*), count(DISTINCT customer), count(DISTINCT id) FROM journey.action'),
		"$members|$members|$members", "$how: each was sent one message");
	no_violations($node, $database, "$how: what was written holds together");
	return;
}

# By hand, in batches, on a clock of its own; no worker serves this database.
$node->append_conf('postgresql.conf', "journey.databases = 'worker'");
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE hand');
$node->safe_psql('hand', "CREATE EXTENSION journey; $draw");
my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
my @rows = split /\n/, $node->safe_psql('hand', join ";\n",
	q{SET journey.now = '2025-03-04 10:00Z'},
	sprintf($enter, q{'2025-03-04 11:00Z'}),
	q{SET journey.now = '2025-03-04 11:00Z'},
	'SELECT journey_tick(1000), journey_tick(1000)', $memory,
	'SELECT count(*), sum(journey_tick(1000)) FROM generate_series(1, 47)', $memory,
	'SELECT journey_tick(1000), journey_tick(1000)', $memory,
	q{SET journey.now = '2025-03-04 11:00:02Z'},
	'SELECT journey_tick(100000), journey_tick(100000)', $memory);
is($rows[0], $members, 'by hand: all entered');
is("$rows[1] $rows[3] $rows[5]", '1000|1000 47|47000 1000|0', 'by hand: a thousand at a time, and then none');
cmp_ok($rows[4] - $rows[2], '<', 2 * 1024 * 1024, 'by hand: 47 batches need no more memory than two');
is($rows[7], "$members|0", 'by hand: all in one batch');
cmp_ok($rows[8] - $rows[6], '<', 16 * 1024 * 1024, 'by hand: which gives its memory back');
all_moved_once('hand', 'by hand');

# By two workers, which share them.
$node->safe_psql('worker', $draw);
is($node->safe_psql('worker', sprintf($enter, q{(SELECT now() + interval '5 seconds')})), $members, 'workers: all entered');
wait_for($node, 'worker', q{SELECT count(pid) = 2 FROM journey.worker WHERE sent IS NULL AND database = current_database()}, 'workers: there are two');
my @pids = split /\n/, $node->safe_psql('worker', 'SELECT pid FROM journey.worker WHERE sent IS NULL AND database = current_database() AND pid IS NOT NULL');
my %before = map { $_ => resident($_) } @pids;
wait_for($node, 'worker',
	"SELECT count(*) = $members AND bool_and(state = 'exited') FROM journey.member", 'workers: all are through');
all_moved_once('worker', 'workers');
is( $node->safe_psql('worker', 'SELECT count(DISTINCT due_at) FROM journey.transition WHERE from_tile = \'hold\''),
	'1', 'workers: they were due at one moment');
foreach my $pid (@pids)
{
	cmp_ok(resident($pid) - $before{$pid}, '<', 64 * 1024, "workers: the memory of one is bounded");
}
is( $node->safe_psql('worker', 'SELECT count(pid) FROM journey.worker WHERE sent IS NULL AND database = current_database() AND pid IN (' . join(',', @pids) . ')'),
	scalar @pids, 'workers: they are the same processes');

# A process's own memory in kB: what it has resident, less what it shares.
sub resident
{
	my ($pid) = @_;

	my $status = slurp_file("/proc/$pid/status");
	my ($anonymous) = $status =~ /^RssAnon:\s+(\d+) kB/m or die "no RssAnon of $pid";
	return $anonymous;
}

$node->stop;
done_testing();
