# Random stories, told to the extension and to the model: the tables must say the
# same.
#
#   JOURNEY_MODEL_RUNS=2000     how many stories
#   JOURNEY_MODEL_SEED=17       that one alone, or the first of the runs (else 1)
#   JOURNEY_MODEL_MOST=3        stop after so many that differ, each made small
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
my $first = $ENV{JOURNEY_MODEL_SEED} // 1;
my $batch = 50;
my $most = $ENV{JOURNEY_MODEL_MOST} // 3;    # differences that are looked into

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
jit = off
plan_cache_mode = force_generic_plan
log_statement = none
restart_after_crash = on
CONF
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
	$sql .= "PREPARE look AS $look;\n";
	my ($out, $err);

	# Each story's output begins with its number; what is between "look" and "end" counts.
	for my $i (0 .. $#stories)
	{
		$sql .= "\\echo story $i\n"
		  . script($stories[$i], "\\echo look\nEXECUTE look;\n\\echo end\n");
	}
	eval { $node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0); 1 }
	  or $err = "server closed the connection: $@";
	$node->poll_query_until('postgres', 'SELECT true') if $err =~ /server closed/;
	my @told = map { { looks => [] } } @stories;
	my ($story, $in_look);
	for my $line (split /\n/, $out // '')
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
		my %left;
		$left{$_}++ for @{ $told->{looks}[$i] // [] };
		my @missing = grep { --($left{$_} //= 0) < 0 } @{ $expected[$i] };
		my @more = grep { $left{$_} > 0 } sort keys %left;
		next unless @missing || @more;
		return join("\n", "look $i:", map({ "  model  $_" } @missing), map({ "  tables $_" } @more));
	}
	return;
}

sub examine
{
	my @operations = @_;

	# What is left of a story may be none any more.
	local $SIG{__WARN__} = sub { die @_ };
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

	return $difference =~ /^error: .*?(ERROR: .*?)$/m ? $1 : $difference =~ /^(the model|error)/ ? $1 : 'difference';
}

# Leave out what can be left out while it differs still: operations, then parts of
# the journeys.  Not for ever.
sub shrink
{
	my ($found, @operations) = @_;
	my $kind = kind_of($found);
	my $tries = 500;
	my $try = sub {
		return if --$tries < 0;
		my $still = examine(@_);
		return unless $still && kind_of($still) eq $kind;
		($found, @operations) = ($still, @_);
		return 1;
	};

	for (my $size = int(@operations / 2); $size >= 1; $size = int($size / 2))
	{
		for (my $i = @operations - $size; $i >= 0; $i -= $size)
		{
			my @less = @operations;
			splice(@less, $i, $size);
			$try->(@less);
		}
	}
	for my $i (0 .. $#operations)
	{
		next unless ref $operations[$i][2] eq 'HASH' && $operations[$i][2]{tiles};
		for (my $part = 0; $part < parts($operations[$i][2]);)
		{
			my ($verb, $name, $definition) = @{ $operations[$i] };
			my @less = @operations;
			$less[$i] = [ $verb, $name, without_part($definition, $part) ];
			$part++ unless $try->(@less);
		}
	}
	return ($found, @operations);
}

# What a definition might do without, each told by its container and key or index:
# edges, tiles, and keys of the journey, its tiles and edges.
sub parts_of
{
	my ($definition) = @_;
	my @edges = @{ $definition->{edges} };
	my $tiles = $definition->{tiles};

	return (
		map({ [ $definition->{edges}, $_ ] } reverse 0 .. $#edges),
		map({ [ $definition, $_ ] } grep { !/^(tiles|edges)$/ } sort keys %$definition),
		map({ [ $tiles, $_ ] } sort keys %$tiles),
		map({ my $tile = $tiles->{$_}; map { [ $tile, $_ ] } grep { $_ ne 'type' } sort keys %$tile }
			sort keys %$tiles),
		map({ my $edge = $_; map { [ $edge, $_ ] } grep { !/^(from|to)$/ } sort keys %$edge } @edges));
}

sub parts { return scalar(my @parts = parts_of($_[0])) }

sub without_part
{
	my ($definition, $n) = @_;
	my $copy = copy($definition);
	my ($container, $key) = @{ (parts_of($copy))[$n] };

	if (ref $container eq 'ARRAY') { splice(@$container, $key, 1) }
	else { delete $container->{$key} }
	$copy->{edges} = [ grep { $copy->{tiles}{ $_->{from} } && $copy->{tiles}{ $_->{to} } } @{ $copy->{edges} } ];
	return $copy;
}

sub copy
{
	my ($value) = @_;

	return { map { $_ => copy($value->{$_}) } keys %$value } if ref $value eq 'HASH';
	return [ map { copy($_) } @$value ] if ref $value eq 'ARRAY';
	return $value;
}

note("JOURNEY_MODEL_SEED=$first JOURNEY_MODEL_RUNS=$runs");
my $differing = 0;
my $operations_total = 0;
my $warnings = '';
$SIG{__WARN__} = sub { $warnings .= $_[0]; diag($_[0]) };

for (my $next = $first; $next < $first + $runs && $differing < $most; $next += $batch)
{
	note("$differing differ before seed $next") if $next > $first && ($next - $first) % 1000 == 0;
	my @seeds = ($next .. ($next + $batch < $first + $runs ? $next + $batch : $first + $runs) - 1);
	my @stories = map { [ Story::tell($_) ] } @seeds;
	my ($err, @told) = told(@stories);

	# A crash ends the batch: each by itself.
	@told = map { (told($_))[1] } @stories if $err =~ /server closed/;
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
is($warnings, '', 'the model warns of nothing');
note("$operations_total operations");
$node->stop('fast');
done_testing();
