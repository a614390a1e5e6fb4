# A copy does not act: a restored dump, a database made from another, a standby.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', init => { allows_streaming => 1 });
new_database($node, 'one');
$node->safe_psql(
	'one', q{
	SELECT journey_emit('waiting', 'go', '{"hold": "3 s"}');
	SELECT count(journey_emit('c' || i, 'go', '{"hold": "1 day"}'))
	  FROM generate_series(1, 100) i;});

# A journey in the middle of a pause, with an event that its member is to get
# after it, a draft beside it, and somebody in an audience.
$node->safe_psql(
	'one', q{
	SELECT journey_create('asking', '{
		"tiles": {"start": {"type": "entry", "on": [{"event": "ask"}]}, "hold": {"type": "wait"},
				  "told": {"type": "exit"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "told", "event": "tell"},
				  {"from": "hold", "to": "done", "event": "end"}]}');
	SELECT journey_activate('asking');
	SELECT journey_emit('asked', 'ask');
	SELECT journey_pause('asking');
	SELECT journey_emit('asked', 'tell');
	SELECT journey_revise('asking');
	SELECT journey_drop_tile('asking', 'done');
	INSERT INTO journey.audience VALUES ('vip');
	INSERT INTO journey.audience_member VALUES ('vip', 'asked');});

my $copied = 'this database is a copy: SELECT journey_arm() lets its journeys act here';

# What the tables hold that neither worker nor test changes meanwhile.
sub contents
{
	my ($database) = @_;

	return $node->safe_psql($database, join ';', map { "SELECT '$_', t FROM journey.$_ t ORDER BY t::text" }
		  qw(journey version_row pause held destination audience audience_member access));
}

sub stays_idle
{
	my ($database, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for($node, $database,
		'SELECT why_idle FROM journey.worker WHERE sent IS NULL AND database = current_database()',
		"$what: stands idle and says why", $copied);
	my ($code, $out, $err) = $node->psql($database, 'SELECT journey_tick()');
	like($err, qr/the journeys of this database are not armed/,
		"$what: journey_tick refuses");
	$node->safe_psql($database,
		q{SELECT journey_emit('fresh', 'go', '{"hold": "1 ms"}')});
	is( $node->safe_psql(
			$database, "SELECT state FROM journey.member WHERE customer = 'fresh'"),
		'active',
		"$what: emit works");
	return;
}

sub acts_when_armed
{
	my ($database, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql(
			$database,
			"SELECT count(*) FROM journey.member WHERE customer IN ('fresh', 'waiting') AND state = 'active'"),
		'2',
		"$what: nothing has moved");
	$node->safe_psql($database, 'SELECT journey_arm()');
	wait_for($node, $database,
		"SELECT count(*) = 2 FROM journey.member WHERE customer IN ('fresh', 'waiting') AND state = 'exited'",
		"$what: armed, it acts");
	$node->safe_psql($database, "SELECT journey_resume('asking')");
	wait_for($node, $database,
		"SELECT tile = 'told' FROM journey.member WHERE customer = 'asked'",
		"$what: the event of the pause is not lost");
	no_violations($node, $database, "$what: the invariants hold", idle => 1);
	return;
}

# A dump, restored beside the original.
my $dump = $node->basedir . '/one.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('one') ],
	'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ],
	'pg_restore');
my $original = contents('one');
like($original, qr/^$_\|/m, "there is something in $_") for qw(pause held audience audience_member);
is(contents('restored'), $original, 'the tables came along');
stays_idle('restored', 'restored dump');

# A copy by CREATE DATABASE.
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE one');
stays_idle('copied', 'copied database');

# The original goes on, and its timer is due in the copies by now.
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'waiting'",
	'the original goes on');
acts_when_armed('restored', 'restored dump');
acts_when_armed('copied', 'copied database');

# New ids in the restored database do not collide with those that came along.
$node->safe_psql(
	'restored', q{
	SELECT count(journey_emit('d' || i, 'go', '{"hold": "1 day"}'))
	  FROM generate_series(1, 300) i});
is( $node->safe_psql(
		'restored', 'SELECT count(*) - count(DISTINCT id) FROM journey.member'),
	'0',
	'sequences were restored');

# A standby: to look at, not to act.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->safe_psql('one',
	q{SELECT journey_emit('handed', 'go', '{"hold": "3 s"}')});
$node->wait_for_catchup($standby);

is($standby->safe_psql('one', 'SELECT pid IS NULL, why_idle FROM journey.worker WHERE sent IS NULL'),
	't|the server is a standby', 'no worker on a standby');
is( $standby->safe_psql(
		'one', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'journey%'"),
	'0',
	'no launcher either');
is( $standby->safe_psql(
		'one', "SELECT inside > 0 FROM journey.tile_stats WHERE journey = 'holding' AND tile = 'hold'"),
	't',
	'the views can be read there');
my ($code, $out, $err) =
  $standby->psql('one', "\\set VERBOSITY verbose\nSELECT journey_emit('x', 'go')");
like($err, qr/ERROR:  25006:/, 'emit is refused with 25006');

# Promoted, it takes over.
$node->stop('immediate');
$standby->promote;
wait_for($standby, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'handed'",
	'after the promotion its timers fire');
is( $standby->safe_psql(
		'one', q{SELECT at >= due_at FROM journey.transition
				  WHERE customer = 'handed' AND due_at IS NOT NULL}),
	't',
	'not early');
no_violations($standby, 'one', 'the invariants hold', idle => 1);

$standby->stop('fast');
done_testing();
