# Times of day in the zones of the world: for every zone that the server knows
# and every change of its clock from 2020 to 2030, members that arrive around
# the change are due at the moments that a second reckoning finds, one that goes
# by AT TIME ZONE alone.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
my $begin = <<'SQL';
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
SET LOCAL journey.now = '2035-01-01';
SQL

$node->safe_psql('postgres', 'CREATE EXTENSION journey');

# Each line is a name and t, or a member that is due at a wrong time.
my $said = $node->safe_psql('postgres',
	$begin . slurp_file("$FindBin::RealBin/zones.sql") . 'ROLLBACK;');
my %verdict = map { /^([A-Za-z ]+)\|([tf]?)$/ ? ($1 => $2) : () } split /\n/, $said;

is($verdict{$_}, 't', $_)
  for 'changes', 'moments found', 'arrivals', 'zones', 'members', 'no failures',
  'due when they should be', 'Monday is never early', 'Monday is a Monday at nine',
  'Monday is never skipped';
diag($said) if grep { $_ ne 't' } values %verdict;

# Nights that are known: what the wait says, the zone, the arrival, and when it
# is over.
my @known = (
	# Put forward at two, by an hour and by half an hour; put back at two.
	['"at": "02:30"', 'America/New_York', '2025-03-09 06:59:59', '2025-03-09 07:00:00'],
	['"at": "02:30"', 'America/New_York', '2025-03-09 07:00:00', '2025-03-09 07:00:00'],
	['"at": "02:30"', 'America/New_York', '2025-03-09 07:00:01', '2025-03-10 06:30:00'],
	['"at": "01:30"', 'America/New_York', '2025-11-02 05:00:00', '2025-11-02 05:30:00'],
	['"at": "01:30"', 'America/New_York', '2025-11-02 05:30:01', '2025-11-03 06:30:00'],
	['"at": "01:30"', 'America/New_York', '2025-11-02 06:30:00', '2025-11-03 06:30:00'],
	['"at": "02:15"', 'Australia/Lord_Howe', '2025-10-04 10:00:00', '2025-10-04 15:30:00'],
	['"at": "01:45"', 'Australia/Lord_Howe', '2025-04-05 14:00:00', '2025-04-05 14:45:00'],
	['"at": "01:45"', 'Australia/Lord_Howe', '2025-04-05 14:50:00', '2025-04-06 15:15:00'],

	# At midnight.
	['"at": "00:00"', 'America/Havana', '2025-03-09 04:00:00', '2025-03-09 05:00:00'],
	['"at": "00:30", "days": ["sun"]', 'America/Havana', '2025-03-08 20:00:00', '2025-03-09 05:00:00'],
	['"at": "00:30"', 'America/Havana', '2025-11-02 04:00:00', '2025-11-02 04:30:00'],
	['"at": "00:15"', 'Africa/Cairo', '2024-04-25 12:00:00', '2024-04-25 22:00:00'],
	['"at": "00:15"', 'Asia/Beirut', '2022-03-26 12:00:00', '2022-03-26 22:00:00'],
	['"at": "00:15"', 'America/Santiago', '2024-09-07 12:00:00', '2024-09-08 04:00:00'],
	['"at": "23:30", "days": ["sat"]', 'America/Santiago', '2024-04-06 12:00:00', '2024-04-07 02:30:00'],
	['"at": "23:30", "days": ["sat"]', 'America/Santiago', '2024-04-07 03:00:00', '2024-04-14 03:30:00'],

	# Samoa had no Friday 30 December 2011, Kwajalein no Saturday 21 August 1993.
	['"at": "09:00"', 'Pacific/Apia', '2011-12-29 20:00:00', '2011-12-30 19:00:00'],
	['"at": "09:00", "days": ["fri"]', 'Pacific/Apia', '2011-12-29 20:00:00', '2012-01-05 19:00:00'],
	['"at": "00:00"', 'Pacific/Apia', '2011-12-29 20:00:00', '2011-12-30 10:00:00'],
	['"window": {"from": "22:00", "to": "02:00", "days": ["thu"]}', 'Pacific/Apia',
		'2011-12-30 09:59:00', '2011-12-30 09:59:00'],
	['"window": {"from": "22:00", "to": "02:00", "days": ["thu"]}', 'Pacific/Apia',
		'2011-12-30 10:00:00', '2012-01-05 08:00:00'],
	['"window": {"from": "22:00", "to": "02:00", "days": ["fri"]}', 'Pacific/Apia',
		'2011-12-30 10:00:00', '2012-01-06 08:00:00'],
	['"at": "09:00", "days": ["sat"]', 'Pacific/Kwajalein', '1993-08-20 22:00:00', '1993-08-27 21:00:00'],

	# A window keeps open when its beginning comes again, and is not open twice.
	['"window": {"from": "01:30", "to": "04:00"}', 'America/New_York', '2025-11-02 06:15:00', '2025-11-02 06:15:00'],
	['"window": {"from": "00:30", "to": "01:30"}', 'America/New_York', '2025-11-02 06:15:00', '2025-11-03 05:30:00'],
	['"window": {"from": "02:15", "to": "02:45"}', 'America/New_York', '2025-03-09 06:00:00', '2025-03-10 06:15:00'],
	['"window": {"from": "02:15", "to": "03:45"}', 'America/New_York', '2025-03-09 06:00:00', '2025-03-09 07:00:00'],

	# Beyond the tables of the zones.
	['"at": "02:30"', 'America/New_York', '2499-03-08 06:00:00', '2499-03-08 07:00:00']);

my $sql = $begin . "SET LOCAL journey.now = '2500-01-01';\n";
my @expected;
for my $i (0 .. $#known)
{
	my ($wait, $zone, $at, $due) = @{ $known[$i] };
	$sql .= <<"SQL";
SELECT journey_create('known$i', \$json\${
	"timezone": "$zone",
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "arrive"}]},
		"wait": {"type": "wait", $wait},
		"done": {"type": "exit"}
	},
	"edges": [{"from": "start", "to": "wait"}, {"from": "wait", "to": "done"}]
}\$json\$);
SELECT journey_activate('known$i');
SELECT journey_emit('$i', 'arrive', '{}', '$at+00');
SQL
	push @expected, "$i|$wait|$zone|$at|$due";
}
$sql .= <<'SQL';
SELECT 'got ' || customer || ' ' || coalesce(due_at, exited_at)
  FROM journey.member WHERE journey = 'known' || customer;
ROLLBACK;
SQL

my %got = $node->safe_psql('postgres', $sql) =~ /^got (\d+) (.*)\+00$/mg;
is("$_|" . join('|', @{ $known[$_] }[0 .. 2]) . '|' . ($got{$_} // 'nothing'),
	$expected[$_], "$known[$_][1] $known[$_][2]")
  for 0 .. $#known;

$node->stop;
done_testing();
