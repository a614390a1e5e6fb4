# What the README shows, pasted into psql, does what the README says.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $readme = slurp_file('README.md');

# The SQL of one section.
sub section
{
	my ($title) = @_;
	my ($text) = $readme =~ /^## \Q$title\E\n(.*?)(?=^## |\z)/ms
	  or die "README.md has no section \"$title\"";
	return join "\n", $text =~ /^```sql\n(.*?)^```/gms;
}

# As an editor that strips spaces leaves it.
sub without_blanks
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z//;
	return $text;
}

my $seen = 0;
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'journey'");
$node->start;

my $shown = $node->safe_psql('postgres', section('Getting Started'));
like($shown, qr/^ada\|1\|hold\|active\|/m, 'ada waits');
like($shown, qr/^bela\|2\|hold\|exited\|converted$/m, 'bela is out');
like($shown, qr/^ada\|discount\|.*"to": "ada\@example\.com"/m, 'ada gets a discount');
like($shown, qr/^hold\|wait\|2\|1\|1\|0\.50*$/m, 'the counts of the wait');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM journey.action'),
	'0', 'the clock was moved in a transaction that was rolled back');

$shown = $node->safe_psql('postgres', section('Testing Journeys'));
like($shown, qr/^discount\|2030-01-01 10:30:00\+00$/m, 'on a clock of its own');

$node->safe_psql('postgres', section('Emitting'));
is( $node->safe_psql('postgres', 'SELECT count(*) FROM journey.event WHERE at < now() - interval \'4 minutes\''),
	'1', 'the event that happened earlier');
$node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM journey.queue)');
is( $node->safe_psql('postgres', "SELECT count(*) FROM journey.event WHERE props = '{\"page\": \"/shoes\"}'"),
	'1', 'the event from the queue');

$shown = $node->safe_psql('postgres', section('Drawing Journeys'));
like($shown, qr/^error\|/m, 'a document that is wrong');

# The life cycle of the journey that was drawn there.
$shown = $node->safe_psql('postgres', section('Life Cycle'));
like($shown, qr/^cleo\|1\|hold$/m, 'who entered before stays on version 1');
like($shown, qr/^dana\|2\|morning$/m, 'who enters after is on version 2');
is(scalar(() = $shown =~ /^hold\|morning\|1$/mg), 2, 'migrated as the dry run said');
like($shown, qr/^cleo\|exited\|done$/m, 'moved on by hand');
is( $node->safe_psql('postgres', q{SELECT customer, version, payload, outcome
		FROM journey.action JOIN journey.member USING (customer, journey) WHERE journey = 'welcome'}),
	'cleo|2|{"text": "Hi cleo!"}|done', 'sent once, by version 2');
is( $node->safe_psql('postgres', q{SELECT j.state, m.outcome FROM journey.journey j
		JOIN journey.member m ON m.journey = j.name WHERE m.customer = 'dana'}),
	'completed|stopped', 'ended');

# The cart in edges alone.
my ($document) = $readme =~ /in edges alone\n\n```json\n(.*?)```/s;
is( $node->safe_psql('postgres', "SELECT count(*) FROM journey_validate(\$\$$document\$\$) WHERE severity = 'error'"),
	'0', 'the cart in edges is valid');

# The conditions and the customers shown are such.
$node->safe_psql('postgres', q{
	CREATE SCHEMA shop;
	CREATE TABLE shop.orders (customer text, paid bool);
	CREATE TABLE shop.follower (author text, follower text)});
my ($conditions) = $readme =~ /^Conditions are SQL expressions.*?```text\n(.*?)^```/ms;
my ($customers) = $readme =~ /^`customers`.*?`"(.*?)"`/m;
foreach ([ condition => split /\n/, $conditions ], [ customers => $customers ])
{
	my ($key, @expressions) = @$_;

	foreach my $expression (@expressions)
	{
		is( $node->safe_psql('postgres', qq{
				SELECT severity, message FROM journey_validate(jsonb_build_object('tiles', jsonb_build_object(
					'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(
						jsonb_build_object('event', 'X', '$key', \$\$$expression\$\$))),
					'done', jsonb_build_object('type', 'exit')),
				'edges', '[{"from": "start", "to": "done"}]'::jsonb))}),
			'', "$key: $expression");
	}
}

# What is sent: to doc/receive.py, at ports that are free here.
my %free = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } 8080, 2525;
s/127\.0\.0\.1:(8080|2525)/127.0.0.1:$free{$1}/g for my $sending = section('Sending');
my $received = "$PostgreSQL::Test::Utils::tmp_check/received";
my $receiver = IPC::Run::start([ 'python3', 'doc/receive.py', @free{ 8080, 2525 } ], '>', $received);
until (IO::Socket::INET->new("127.0.0.1:$free{2525}"))
{
	$receiver->pumpable or die 'doc/receive.py has ended';
	usleep(10_000);
}
my ($allow, $greet) = split /^(?=SELECT journey_destination_create\('crm')/m, $sending;
$node->safe_psql('postgres', $allow);
$node->poll_query_until('postgres', q{SELECT setting = '127.0.0.1' FROM pg_settings WHERE name = 'journey.http_allow'});
$shown = $node->safe_psql('postgres', $greet);
like($shown, qr/^[0-9a-f-]{36}\|ada\|\{"text": "Hello ada"\}$/m, 'claimed');
is( $node->safe_psql('postgres', q{SELECT customer, state, attempts, last_error FROM journey.action
		WHERE journey = 'hello' ORDER BY 1}),
	"ada|delivered|1|\nbela|cancelled|1|cancelled by journey_cancel()", 'acknowledged, and to be tried again, but called back');
ok( $node->poll_query_until('postgres', q{SELECT outcome = 'done' FROM journey.member WHERE journey = 'greeting'}),
	'the greeting is over');
is( $node->safe_psql('postgres', q{SELECT tile, state, attempts, response FROM journey.action
		WHERE journey = 'greeting' ORDER BY seq}),
	qq{mail|delivered|1|{"body": "taken", "status": 250}\nreport|delivered|1|{"body": {"taken": true}, "status": 200}},
	'a mail, then a webhook');
my ($request) = $readme =~ /the webhook\n\n```text\n(.*?)```/s;
my $came = slurp_file($received);
foreach my $text ($request, $came)
{
	$text =~ s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g;
	$text =~ s/^(webhook-timestamp: )\d+$/$1TIME/m;
	$text =~ s/^(webhook-signature: v1,)[\w+\/]{43}=$/$1SIGNATURE/m;
	$text =~ s/^(Host: 127\.0\.0\.1:)\d+$/${1}8080/m;
}
ok(index($came, $request) >= 0, 'the receiver prints the webhook that is shown') or diag($came);
like($came, qr/^Subject: Welcome, Ada!$/m, 'and the mail');

# The six journeys: where a block is followed by one of text, that is what psql
# prints.  All of the section is one session.
my ($journeys) = $readme =~ /^## Six Journeys\n(.*?)(?=^## )/ms
  or die "README.md has no six journeys";
my @blocks;
while ($journeys =~ /^```(sql|text)\n(.*?)^```/gms)
{
	if ($1 eq 'sql') { push @blocks, { sql => $2 }; }
	else { $blocks[-1]{text} = $2; }
}
my $session = join '', map { "\\echo == $_\n$blocks[$_]{sql}" } 0 .. $#blocks;
my ($printed, $complaints);
is( $node->psql('postgres', $session, stdout => \$printed, stderr => \$complaints,
		on_error_stop => 1, extra_params => [ '-P', 'format=aligned', '-P', 'tuples_only=off' ]),
	0, 'the six journeys run');
is($complaints, '', 'without a complaint');
my %printed = map { /^(\d+)\n(.*)/s ? ($1 => $2) : () } split /^== /m, $printed;
my @shown = grep { defined $blocks[$_]{text} } 0 .. $#blocks;
is(scalar @shown, 6, 'each of the six shows what comes out');
foreach my $n (@shown)
{
	is(without_blanks($printed{$n}), without_blanks($blocks[$n]{text}), 'journey ' . ++$seen . ' comes out as shown');
}

# All of it, in the order in which it is read.
my ($from_here) = $readme =~ /^(## Getting Started\n.*)/ms;
$from_here =~ s/127\.0\.0\.1:(8080|2525)/127.0.0.1:$free{$1}/g;
$node->safe_psql('postgres', 'CREATE DATABASE reader');
is( $node->psql('reader', join("\n", $from_here =~ /^```sql\n(.*?)^```/gms),
		stdout => \$printed, stderr => \$complaints, on_error_stop => 1),
	0, 'all that is shown can be pasted');
is($complaints, '', 'without a complaint, either');
like($printed, qr/^discount\|2030-01-01 10:30:00\+00$/m, 'the test of a customer who has no row in the bound table shows one');
is(scalar(() = $printed =~ /\|2030-01-01 /g), 1, 'and no other');

# Keys of the language: every one that is read is in the tables.
my $source = join '', map { slurp_file($_) } glob 'src/definition*.c';
my %keys = map { $_ => 1 } $source =~ /\{"(\w+)", read_/g;
my ($language) = $readme =~ /^### The Journey\n(.*?)^### Row by Row/ms;
cmp_ok(scalar keys %keys, '>', 40, 'keys were found');
is(join(' ', grep { $language !~ /`$_`|`\{[^`]*\b$_\b/ } sort keys %keys),
	'', 'keys that the README leaves out');

# Settings: every one is in the table, with its default.
my $settings = $node->safe_psql('postgres', q{
	LOAD 'journey';
	SELECT name FROM pg_settings WHERE name LIKE 'journey.%' ORDER BY name});
my @listed = sort $readme =~ /^`(journey\.\w+)` \| [^|]*\| .*$/gm;
my %listed = map { $_ => 1 } @listed;
is(join(' ', grep { !$listed{$_} } split /\n/, $settings), '', 'settings that the README leaves out');

# Verbs: every one is in the reference.
my $verbs = $node->safe_psql('postgres', q{
	SELECT DISTINCT proname FROM pg_proc WHERE proname LIKE 'journey\_%' AND pronamespace = 'public'::regnamespace});
is(join(' ', grep { $readme !~ /^`$_\(/m } split /\n/, $verbs), '', 'functions that the README leaves out');

$receiver->kill_kill;
done_testing();
