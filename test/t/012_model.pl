# Random stories, told to the extension and to the model: the tables must say the
# same.
#
#   JOURNEY_MODEL_RUNS=2000     how many stories
#   JOURNEY_MODEL_SEED=17       that one alone, or the first of the runs
#   JOURNEY_MODEL_WITHOUT=a,b   leave out those features (see Story.pm)
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Model;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story;
use Test::More;

my $runs = $ENV{JOURNEY_MODEL_RUNS} // ($ENV{JOURNEY_MODEL_SEED} ? 1 : 2000);
my $first = $ENV{JOURNEY_MODEL_SEED} // 1 + int(rand(1_000_000_000));
my $batch = 50;
my $most = $ENV{JOURNEY_MODEL_MOST} // 3;    # differences that are looked into

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nfsync = off");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION journey');
(my $look = slurp_file("$FindBin::RealBin/look.sql")) =~ s/^--.*\n//;

my $begin = <<'SQL';
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL journey.now = '2025-03-04 10:00:00+00';
SELECT journey_destination_create('mail', 'pull');
INSERT INTO journey.audience VALUES ('few');
INSERT INTO journey.audience_member VALUES ('few', 'ann'), ('few', 'bob');
SQL

# The story as a script; @look: what to do at a look.
sub script
{
	my ($operations, $at_look) = @_;

	return join("\n", $begin, map { $_->[0] eq 'look' ? $at_look : Story::statement($_) } @$operations)
	  . "\nROLLBACK;\n";
}

# Ask the extension: for each story the lines at each look, or its error.
sub told
{
	my @stories = @_;
	my $sql = <<'SQL';
CREATE FUNCTION pg_temp.sec(timestamptz) RETURNS text LANGUAGE sql
	RETURN trim_scale(extract(epoch FROM $1));
SQL
	my ($out, $err);

	# Each story's output begins with its number; what is between "look" and "end" counts.
	for my $i (0 .. $#stories)
	{
		$sql .= "\\echo story $i\n"
		  . script($stories[$i], "\\echo look\n$look;\n\\echo end\n");
	}
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0);
	my @told = map { { looks => [] } } @stories;
	my ($story, $in_look);
	for my $line (split /\n/, $out)
	{
		if ($line =~ /^story (\d+)$/) { ($story, $in_look) = ($told[$1], 0) }
		elsif ($line eq 'look') { $in_look = 1; push @{ $story->{looks} }, [] }
		elsif ($line eq 'end') { $in_look = 0 }
		elsif ($in_look) { push @{ $story->{looks}[-1] }, $line }
	}
	return ($err, @told);
}

# What differs first, as text; nothing where all is equal.
sub difference
{
	my ($told, @expected) = @_;

	for my $i (0 .. $#expected)
	{
		my %left = map { $_ => 1 } @{ $told->{looks}[$i] // [] };
		my @missing = grep { !delete $left{$_} } @{ $expected[$i] };
		next unless @missing || %left;
		return join("\n", "look $i:", map({ "  model  $_" } @missing), map({ "  tables $_" } sort keys %left));
	}
	return;
}

sub examine
{
	my @operations = @_;
	my @expected = eval { Story::expected(@operations) };

	return "the model: $@" if $@;
	my ($err, $told) = told(\@operations);
	$err = join("\n", grep { !/^WARNING|^HINT|^DETAIL|there is no transaction|current transaction is aborted/ } split /\n/, $err);
	return "error: $err" if $err =~ /ERROR|FATAL|PANIC|server closed/;
	return difference($told, @expected);
}

# An error is the same whatever the time and line.
sub kind_of
{
	my ($difference) = @_;

	return $difference =~ /^error: .*?(ERROR: .*?)$/m ? $1 : $difference =~ /^the model/ ? 'model' : 'difference';
}

# Leave out operations, then the looks before the last, while it differs still.
sub shrink
{
	my ($found, @operations) = @_;
	my $kind = kind_of($found);

	for (my $size = int(@operations / 2); $size >= 1; $size = int($size / 2))
	{
		for (my $i = @operations - $size; $i >= 0; $i -= $size)
		{
			my @less = @operations;
			splice(@less, $i, $size);
			my $still = examine(@less);
			next unless $still && kind_of($still) eq $kind;
			@operations = @less;
			$found = $still;
		}
	}
	return ($found, @operations);
}

note("JOURNEY_MODEL_SEED=$first JOURNEY_MODEL_RUNS=$runs");
my $differing = 0;
my $operations_total = 0;

for (my $next = $first; $next < $first + $runs && $differing < $most; $next += $batch)
{
	my @seeds = ($next .. ($next + $batch < $first + $runs ? $next + $batch : $first + $runs) - 1);
	my @stories = map { [ Story::tell($_) ] } @seeds;
	my ($err, @told) = told(@stories);

	for my $i (0 .. $#seeds)
	{
		last if $differing >= $most;
		my @expected = Story::expected(@{ $stories[$i] });
		$operations_total += @{ $stories[$i] };
		next if !difference($told[$i], @expected);
		my $found = examine(@{ $stories[$i] }) // "equal when told alone";
		my ($less, @operations) = shrink($found, @{ $stories[$i] });
		$differing++;
		diag("seed $seeds[$i] differs:\n$less\nthe story:\n",
			script(\@operations, 'TABLE journey.member;'));
	}
}
is($differing, 0, "$runs stories of the model and of the tables are equal");
note("$operations_total operations");
$node->stop('fast');
done_testing();
