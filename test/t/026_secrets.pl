# Secrets of destinations: not in the server's log with an error, not in
# pg_stat_activity, not in a dump; and those that stand in files.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = new_server(
	'main',
	conf => qq{
log_statement = none
log_min_error_statement = debug5
log_error_verbosity = verbose
journey.secret_dir = '$folder'
});
new_database($node, 'shop');

# ---- the log ----

my $logged = -s $node->logfile;

sub run_logged
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('shop', $sql);

	return $err;
}

my $good = q{'{"url": "https://example.com", "user": "{{ secret }}"}'};
my $hook = q{'{"url": "https://example.com", "use": "{{ secret }}"}'};

like(run_logged("SELECT journey_destination_create('a', 'webhook', $hook, 'hush1')"),
	qr/unrecognized key "use"/, 'a key that is wrong');
run_logged("SELECT journey_destination_create('a', 'webhook', $good, '{\"hush2\": hush2}')");
run_logged("SELECT journey_destination_create('a', 'pigeon', $good, 'hush3')");
run_logged("SELECT journey_destination_create('a', 'webhook', $good, 'file:hush4/5')");
run_logged("DO \$\$ BEGIN PERFORM journey_destination_create('a', 'webhook', $hook, 'hush6'); END \$\$");
run_logged("SELECT journey_destination_create('a', 'webhook', $good, 'hush7'), 1 / (SELECT 0 FROM pg_sleep(0))");
run_logged("SELECT journey_destination_create('a', 'webhook', $good, 'hush8') \\; SELECT 1 / 0");
run_logged("SELECT journey_destination_create('b', 'webhook', '{\"url\": \"https://example.com\"}', 'hush9')");
run_logged("SELECT journey_destination_update('b', secret => E'hush10\\n')");
run_logged("SELECT journey_destination_update('nowhere', secret => 'hush11')");
run_logged("SET statement_timeout = 200; SELECT journey_destination_create('a', 'webhook', $good, 'hush12'), pg_sleep(60)");
my $log = slurp_file($node->logfile, $logged);
is(() = $log =~ /ERROR: /g, 10, 'each of the errors is in the log');
like($log, qr/division by zero/, 'as is one of the same statement that came later');
like($log, qr/STATEMENT:  SELECT journey_destination_create\(\.\.\.\)/, 'with what stands for the statement');
like($log, qr/used nowhere/, 'and a warning');
unlike($log, qr/hush/, 'no secret is');

# ---- pg_stat_activity ----

$node->safe_psql('shop', qq{
	SELECT journey_destination_create('held', 'webhook', $good, 'hush');
	BEGIN; SELECT FROM journey.destination WHERE name = 'held' FOR UPDATE; PREPARE TRANSACTION 'held';});
my $waiting = IPC::Run::start(
	[ 'psql', '-X', '-d', $node->connstr('shop'), '-c', "SELECT journey_destination_update('held', secret => 'hush')" ],
	'>', \my $out, '2>', \my $err);
wait_for($node, 'shop', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'", 'an update waits');
is($node->safe_psql('shop', "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
	'SELECT journey_destination_update(...)', 'a superuser sees what stands for the statement');
$node->safe_psql('shop', "ROLLBACK PREPARED 'held'");
ok($waiting->finish, 'the update went on');

# ---- files: each role's in a folder of its own ----

my $role = $node->safe_psql('shop', 'SELECT current_user');
mkdir "$folder/$role" or die $!;

sub file
{
	my ($name, $mode, $text) = @_;

	open(my $handle, '>', "$folder/$role/$name") or die $!;
	print $handle $text;
	close $handle;
	chmod $mode, "$folder/$role/$name";
}

# What a destination that reads a whole secret, or a part of one, says of a file.
sub said
{
	my ($name, $part) = @_;
	my $err = run_logged(sprintf(
			q{SELECT journey_destination_update('held', '{"url": "https://example.com", "user": "{{ %s }}"}', 'file:%s')},
			$part // 'secret', $name));

	$err =~ s/^psql:\S+ //mg;
	return $err;
}

file('good', 0600, "token\n");
file('bare', 0400, 'token');
file('read_by_all', 0644, "token\n");
file('read_by_group', 0640, "token\n");
file('written_by_group', 0620, "token\n");
file('empty', 0600, "\n");
file('two_lines', 0600, "a\nb\n");
file('long', 0600, 'x' x 70000);
file('latin', 0600, "t\xf6ken\n");
file('object', 0600, qq({"key": "token"}\n));
mkdir "$folder/$role/folder";
symlink "$folder/$role/good", "$folder/$role/link";

# What cannot be used says no more than that.
sub cannot { my ($name) = @_; return qr/\AWARNING:  nothing can be sent to destination "held" yet: secret file "$name" cannot be read\Z/; }

is(said('good'), '', 'a file');
is(said('bare'), '', 'a file without a line end');
is(said('link'), '', 'a link to a file');
like(said($_), cannot($_), "not: $_")
  for qw(missing read_by_all read_by_group written_by_group empty two_lines long latin folder);
is(said('object', 'secret.key'), '', 'an object');
like(said('object', 'secret.other'), qr/ERROR: .*has no text "other"/, 'an object without that name');

# Another's file cannot be named, whatever the role's name.
my $own = q{'{"url": "https://example.com", "user": "{{ secret }}"}'};
for my $other ('other', "../$role", "../$role/x", '.', '..', "x/../$role", "$folder/$role")
{
	(my $quoted = $other) =~ s/"/""/g;
	$node->safe_psql('shop', qq{CREATE ROLE "$quoted"; SELECT journey_grant('$other', 'operate');});
	my $complaint = run_logged(qq{SET ROLE "$quoted"; SELECT journey_destination_create('of $other', 'webhook', $own, 'file:good')});
	like($complaint, $other eq 'other' ? qr/secret file "good" cannot be read/ : qr/ERROR: .*names a file, but the role's name can be no folder's/,
		"role $other does not get it");
}
like(run_logged("SELECT journey_destination_update('held', $own, 'file:../$role/good')"), qr/names a file outside of journey\.secret_dir/, 'nor does a path');
said('missing');
is($node->safe_psql('shop', "SELECT secret FROM journey.secret WHERE destination = 'held'"),
	'file:missing', 'its name is all that the database has');

# ---- dumps ----

$node->safe_psql('shop', qq{
	SELECT journey_destination_create('named', 'webhook', $good, 'hush');
	SELECT journey_destination_create('signing', 'webhook', '{"url": "https://example.com"}',
		'whsec_' || encode(repeat('hush', 6)::bytea, 'base64'));});
my ($dump, $complaints) = run_command([ 'pg_dump', '-d', $node->connstr('shop') ]);
like($dump, qr/COPY journey\.destination /, 'a dump has the destinations');
unlike($dump, qr/hush|aHVzaGh1c2h|file:/, 'and no secret');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
{
	my $file = "$folder/dump.sql";
	open(my $handle, '>', $file) or die $!;
	print $handle $dump;
	close $handle;
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $file ], 'it can be restored');
}
is($node->safe_psql('copy', 'SELECT string_agg(name, \' \' ORDER BY name) FROM journey.destination WHERE needs_secret'),
	'b held named of other signing', 'the copy knows which need a secret');
is($node->safe_psql('copy', 'SELECT count(*) FROM journey.secret'), '0', 'and has none');
my ($status, $stdout, $stderr) = $node->psql('copy', "SELECT journey_destination_update('named', $good)");
like($stderr, qr/destination "named" needs a secret/, 'to change such a one the secret must be given again');
$node->safe_psql('copy', "SELECT journey_destination_update('named', secret => 'other')");
is($node->safe_psql('copy', 'SELECT destination, secret FROM journey.secret'), 'named|other', 'and then it is there');

done_testing();
