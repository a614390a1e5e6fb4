# kill -9 of the sender and of the postmaster, at each point of a delivery and at
# random moments under load: what was committed is delivered, nothing is sent whose
# cause is lost, and what is sent twice was in flight, and has the same id and body.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Delivery;
use IPC::Run;
use Journey;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;
use Time::HiRes qw(time usleep);
use Time::Local;

my $destinations = 4;
my $at_once = 8;
my @seed = split ' ', $ENV{SEED} // time;
srand $seed[0];
note("SEED=$seed[0]");

# The application's commits are not flushed (and nobody else flushes them soon): what
# is claimed must be.
my $conf = qq{
recovery_init_sync_method = syncfs
restart_after_crash = on
synchronous_commit = off
wal_writer_delay = 10s
autovacuum = off
journey.http_max_in_flight = $at_once
};

sub new_sender
{
	my ($name, $sink, %params) = @_;
	my $node = new_server($name, %params,
		conf => "${conf}journey.http_allow = '127.0.0.1'\nfsync = $params{fsync}\n");

	$node->safe_psql('postgres', 'CREATE DATABASE one');
	$node->safe_psql('one', 'CREATE EXTENSION journey; CREATE TABLE emitted (customer text, n text)');
	for my $i (0 .. $destinations - 1)
	{
		my $config = sprintf '{"url": "%s", "breaker": {"failures": 0}}', $sink->url('http', "/d$i");

		$node->safe_psql('one', "SELECT journey_destination_create('d$i', 'webhook', '$config');" . add_sender("d$i"));
	}
	# One that keeps connections, and three that do not, so that there are always
	# new ones; and some that take their time.
	$sink->script(path => '/d1', replies => [ { status => 200, close => 1 } ]);
	$sink->script(path => '/d2', replies => [ { status => 200, close => 1, delay => 0.02 } ]);
	$sink->script(path => '/d3', replies => [ { status => 204, close => 1, delay => 0.005 } ]);
	wait_for_sender($node, 'one');
	return $node;
}

# When the server last said that it is ready, as seconds since 1970; 0: not since
# that place in its log.
sub ready_since
{
	my ($node, $offset) = @_;
	my $log = substr slurp_file($node->logfile), $offset;
	my ($year, $month, $day, $hour, $minute, $second, $rest) =
	  $log =~ /.*^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)(\.\d+) \S+ \[\d+\] LOG:  database system is ready to accept/ms
	  or return 0;
	return timegm($second, $minute, $hour, $day, $month - 1, $year) + $rest;
}

sub wait_until
{
	my ($what, $reached) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $until)
	{
		my $value = $reached->();
		return $value if $value;
		usleep(10_000);
	}
	die "$what does not come about";
}

sub all_delivered
{
	my ($node, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'one', q{SELECT count(*) FILTER (WHERE state <> 'delivered') = 0 FROM journey.action},
		"$what: all that was committed is delivered");
}

# What was in flight when a sender ended was claimed once more; of these some were
# sent twice.
sub twice
{
	my ($node, $sink) = @_;
	my %requests;

	$requests{ $_->{id} }++ for $sink->ledger;
	my $again = grep { $_ > 1 } values %requests;
	my $requests = 0;
	$requests += $_ for values %requests;
	my ($attempts, $actions) = split /\|/,
	  $node->safe_psql('one', 'SELECT sum(attempts), count(*) FROM journey.action');
	return ($attempts - $actions, $requests - keys %requests);
}

my $lost_before = 0;
my $twice_before = 0;

sub only_in_flight_twice
{
	my ($node, $sink, $what) = @_;
	my ($lost, $twice) = twice($node, $sink);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($lost - $lost_before, '<=', $at_once, "$what: claimed again is only what was in flight");
	cmp_ok($twice - $twice_before, '<=', $lost - $lost_before, "$what: and sent twice is only what was claimed again");
	($lost_before, $twice_before) = ($lost, $twice);
	return;
}

# Within two seconds after the server is ready what was in flight is sent again, or, if
# nothing was, what was not claimed yet.
sub soon_delivered
{
	my ($node, $sink, $ready, $what) = @_;
	my %again = map { $_ => 1 } split /\n/, $node->safe_psql('one', 'SELECT id FROM journey.action WHERE attempts > 1');
	my @since = sort { $a->{at} <=> $b->{at} } grep { $_->{at} > $ready } $sink->ledger;
	my ($first) = map { $_->{at} } (grep { $again{ $_->{id} } } @since), @since;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok(($first // time) - $ready, '<=', 2, "$what: delivery goes on within two seconds");
}

sub pids
{
	my ($node) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	return ($postmaster, split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'));
}

# ---- each point ----

# What processes lose when they are killed is what they had not written; the kernel's
# pages stay, so there is no need to wait for the disk.

my $sink = Sink->start(tls => 0);
my $node = new_sender('points', $sink, failpoints => 1, fsync => 'off');
my $round = 0;
my $many = 3 * $at_once;
my @acknowledged;

# A multiple of what is under way at once, in one transaction.  The server may be gone
# before it says that it has committed.
sub emit_some
{
	$round++;
	eval {
		$node->safe_psql('one', qq{
			SET synchronous_commit = on;
			SELECT count(journey_emit('c' || i, 'd' || i % $destinations, '{"n": "$round"}'))
			  FROM generate_series(1, $many) i});
		push @acknowledged, $round;
	};
	return;
}

my %points;
for my $file (glob "$FindBin::RealBin/../../src/*.c")
{
	$points{$_} = 1 for slurp_file($file) =~ /\bJOURNEY_FP(?:_INSIDE)?\("(\w+)"\)/g;
}
my @points = sort keys %points;
my @actions = qw(kill abort postmaster error);
cmp_ok(scalar @points, '>=', 8, 'the points of a delivery: ' . join ', ', @points);

for my $point (@points)
{
	for my $action (@actions)
	{
		my $what = "$point=$action";
		my $nth = $point =~ /commit/ ? 1 : 1 + int rand 4;
		my $offset = -s $node->logfile;
		my @pids = pids($node);

		arm($node, $action eq 'error' ? "$point=error:58000\@$nth!" : "$point=$action\@$nth!");
		emit_some();
		my ($hit) = eval { wait_until($what, sub { hits($node, name => $point, action => $action) }) };
		ok($hit, "$what: it was hit");
		if ($action eq 'postmaster')
		{
			wait_until_gone(@pids);
			start_after_kill9($node);
		}
		if ($action ne 'error')
		{
			my $ready = wait_until("$what: a restart", sub { ready_since($node, $offset) });
			all_delivered($node, $what);
			soon_delivered($node, $sink, $ready, $what);
		}
		else
		{
			all_delivered($node, $what);
		}
		only_in_flight_twice($node, $sink, $what);
	}
}
my %kept = map { split /\|/ } split /\n/,
  $node->safe_psql('one', q{SELECT payload->>'n', count(*) FROM journey.action GROUP BY 1});
is(join(' ', grep { ($kept{$_} // 0) != $many } @acknowledged), '', 'nothing that was acknowledged is lost');
is(join(' ', grep { $kept{$_} != $many } sort keys %kept), '', 'nor any transaction halved');
cmp_ok(scalar @acknowledged, '>=', $round / 2, 'most are');
ledger_agrees($node, 'one', $sink, 'after all points');

# Coverage: in the file where each process says what it is about to do.
my %done = map { ("$_->{name}=$_->{action}" => 1) } hits($node);
is(join(' ', grep { !$done{$_} } map { my $p = $_; map { "$p=$_" } @actions } @points),
	'', 'every point was hit with every action');
$node->stop('fast');
$sink->stop;

# ---- random moments, the library that is shipped ----

$sink = Sink->start(tls => 0);
$node = new_sender('moments', $sink, fsync => 'on');
($lost_before, $twice_before) = (0, 0);
isnt($node->psql('postgres', q{SET journey.failpoints = ''}), 0, 'the library that is shipped has no failpoints');

my $script = $node->basedir . '/emit.sql';
append_to_file($script, qq{
\\set customer random(1, 200)
\\set n random(1, 1000000000)
\\set to random(0, $destinations - 1)
BEGIN;
INSERT INTO emitted VALUES (:customer::text, :n::text);
SELECT journey_emit(:customer::text, 'd' || :to, jsonb_build_object('n', :n::text));
COMMIT;
});

sub start_load
{
	my $log = '';

	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', '3', '-R', '150', '-T', '600', '-f', $script, '-h', $node->host, '-p', $node->port, 'one' ],
		'>', \$log, '2>', \$log);
}

for my $how (qw(sender postmaster immediate sender postmaster immediate))
{
	my $what = "a random moment, $how";
	my $load = start_load();
	my $wanted = $sink->lines + 40 + int rand 60;

	wait_until("$what: load", sub { $sink->lines > $wanted });
	usleep(rand 50_000);
	my $offset = -s $node->logfile;
	my @pids = pids($node);
	my $ready;
	if ($how eq 'sender')
	{
		kill 9, sender_pid($node, 'one');
		$ready = wait_until("$what: a restart", sub { ready_since($node, $offset) });
	}
	elsif ($how eq 'postmaster')
	{
		$node->kill9;
		wait_until_gone(@pids);
		start_after_kill9($node);
		$ready = ready_since($node, $offset);
	}
	else
	{
		$node->stop('immediate');
		$node->start;
		$ready = ready_since($node, $offset);
	}
	$load->finish;

	# There is something to deliver in any case.
	$node->safe_psql('one', q{
		BEGIN;
		INSERT INTO emitted VALUES ('last', 'last');
		SELECT journey_emit('last', 'd0', '{"n": "last"}');
		COMMIT;}) if $how eq 'sender';
	all_delivered($node, $what);
	soon_delivered($node, $sink, $ready, $what) if $how eq 'sender';
	only_in_flight_twice($node, $sink, $what);
	is( $node->safe_psql('one', q{
			SELECT count(*) FROM (SELECT customer, n, count(*) FROM emitted GROUP BY 1, 2) e
			  FULL JOIN (SELECT customer, payload->>'n' AS n, count(*) FROM journey.action GROUP BY 1, 2) a
			 USING (customer, n, count)
			 WHERE e.n IS NULL OR a.n IS NULL}),
		'0', "$what: an action for each row that the application still has, and no other");
	ledger_agrees($node, 'one', $sink, $what);
}
cmp_ok($twice_before, '>', 0, 'something was in flight at these moments');

$node->stop('fast');
done_testing();
