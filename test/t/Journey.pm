
=head1 NAME

Journey - servers with workers, and what must hold in their databases

=cut

package Journey;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use File::Path qw(remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(new_server new_database wait_for wait_for_scheduler
  scheduler_pid no_violations wait_until_gone start_after_kill9 arm hits);

my $here = dirname(__FILE__);

# A journey whose members wait as long as the event that enters them says, in
# props->>'hold', and exit.
my $holding = <<'JSON';
{
  "key": "coalesce(props->>'id', '')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "(context->>'hold')::interval"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "event": "hurry"},
    {"from": "hold", "to": "done"}
  ]
}
JSON

# A server that preloads the library, its workers serving all databases.  With
# failpoints => 1 its library has those (src/failpoint.h), see arm().
sub new_server
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name,
		$params{failpoints} ? (install_path => build_with_failpoints()) : ());

	$node->init(%{ $params{init} // {} });
	$node->append_conf('postgresql.conf', slurp_file("$here/../journey.conf"));
	$node->append_conf('postgresql.conf', "journey.databases = '*'");
	$node->append_conf('postgresql.conf', $params{conf}) if $params{conf};
	$node->start;
	return $node;
}

my $with_failpoints;

sub build_with_failpoints
{
	return $with_failpoints if $with_failpoints;
	my $folder = "$PostgreSQL::Test::Utils::tmp_check/" . basename($0, '.pl') . '_failpoints';
	remove_tree($folder);
	chomp($with_failpoints = `$here/../failpoints $folder`);
	die 'no library with failpoints' if $? != 0;
	return $with_failpoints;
}

# Set journey.failpoints for all processes of a server; each gets to know of it as
# soon as it looks at its settings.  What ends processes should do so once: end it
# with !.
sub arm
{
	my ($node, $points) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET journey.failpoints = '$points'");
	$node->reload;
	return;
}

# What has happened at failpoints: hashes with name, action, pid and at.
sub hits
{
	my ($node, %fields) = @_;
	my $file = $node->data_dir . '/journey.failpoints';

	my @lines = map { my %hit; @hit{qw(name action pid at)} = split ' '; \%hit }
	  split /\n/, -e $file ? slurp_file($file) : '';
	return grep { my $hit = $_; !grep { $hit->{$_} ne $fields{$_} } keys %fields } @lines;
}

# A database with the extension and the journey "holding", active.
sub new_database
{
	my ($node, $database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql(
		$database, qq{
		CREATE EXTENSION journey;
		SELECT journey_create('holding', \$json\$$holding\$json\$);
		SELECT journey_activate('holding');});
	wait_for_scheduler($node, $database);
	return;
}

# As poll_query_until, of a server that may be restarting: psql then ends before
# it has read the query, and writing to it raises.
sub poll
{
	my ($node, $database, $query, $value) = @_;

	for (1 .. 10)
	{
		my $reached = eval { $node->poll_query_until($database, $query, $value // 't') || 0 };
		return $reached if defined $reached;
	}
	return 0;
}

# Wait until the query gives t, or the value given.
sub wait_for
{
	my ($node, $database, $query, $what, $value) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll($node, $database, $query, $value), $what);
}

sub wait_for_scheduler
{
	my ($node, $database) = @_;

	poll($node, $database,
		"SELECT count(*) > 0 FROM journey.worker WHERE sent IS NULL AND database = current_database() AND pid IS NOT NULL AND why_idle IS NULL"
	) or die "no scheduler in $database";
	return;
}

sub scheduler_pid
{
	my ($node, $database) = @_;

	return $node->safe_psql($database,
		"SELECT min(pid) FROM journey.worker WHERE sent IS NULL AND database = current_database()");
}

# None of the invariants is violated, and, where the server is idle, no timer
# is overdue.
sub no_violations
{
	my ($node, $database, $what, %params) = @_;
	my $sql = slurp_file("$here/invariants.sql");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$sql .= <<'SQL' if $params{idle};
UNION ALL
SELECT 'I7 overdue', m.id || ' ' || m.due_at
  FROM journey.member m
 WHERE m.due_at < clock_timestamp() - interval '2 seconds'
SQL
	return is($node->safe_psql($database, $sql), '', $what);
}

# Start a server whose postmaster was killed and whose processes are gone.  Where
# nobody asks for its exit status its pid still looks alive to pg_ctl.
sub start_after_kill9
{
	my ($node) = @_;

	unlink $node->data_dir . '/postmaster.pid';
	unlink glob($node->host . '/.s.PGSQL.' . $node->port . '*');
	$node->{_pid} = undef;
	$node->start;
	return;
}

# Wait until none of the processes is left.  One that ended and that nobody has
# asked for its exit status counts as gone.
sub wait_until_gone
{
	my @pids = @_;

	for (1 .. 20 * $PostgreSQL::Test::Utils::timeout_default)
	{
		@pids = grep { kill(0, $_) && !is_zombie($_) } @pids;
		return 1 unless @pids;
		usleep(50_000);
	}
	die "still running: @pids";
}

sub is_zombie
{
	my ($pid) = @_;

	open(my $stat, '<', "/proc/$pid/stat") or return 0;
	my $line = <$stat> // '';
	return $line =~ /\) Z /;
}

1;
