# With the real pg_cron: the jobs that journeys have, who owns them, what they do at their minute; a server that
# preloads pg_cron alone; a copy of a database with jobs in it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Where a server cannot have it, whoever runs the tests says so.
my ($lib) = run_command([ 'pg_config', '--pkglibdir' ]);
if (!-f "$lib/pg_cron.so")
{
	plan skip_all => 'JOURNEY_WITHOUT_PG_CRON is set' if $ENV{JOURNEY_WITHOUT_PG_CRON};
	die "This server lacks pg_cron ($lib/pg_cron.so): install postgresql-NN-cron, build it from source,"
	  . " or set JOURNEY_WITHOUT_PG_CRON=1 to go without this test.\n";
}

# pg_cron runs jobs over libpq, or in background workers.
sub cron_server
{
	my ($name, $preload, $how) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'");
	$node->append_conf('postgresql.conf', "cron.database_name = 'shop'");
	$node->append_conf('postgresql.conf', "cron.host = '" . $node->host . "'");
	$node->append_conf('postgresql.conf', "cron.use_background_workers = $how");
	$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
	$node->append_conf('postgresql.conf', "journey.databases = ''") if $preload =~ /journey/;
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $_") foreach ('shop', 'other');
	$node->safe_psql('postgres', 'CREATE ROLE ann; CREATE ROLE ops; CREATE ROLE somebody LOGIN');
	return $node;
}

# Lapsed customers are asked to come back; with whatever else stands in "on".
sub winback
{
	my ($schedule, @more) = @_;
	my $on = join(', ', qq({"schedule": "$schedule", "audience": "lapsed", "condition": "customer <> 'bob'"}), @more);

	return qq(\$json\${
		"tiles": {"start": {"type": "entry", "on": [$on]}, "hold": {"type": "wait", "for": "1 second"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]}\$json\$);
}

my @customers = map { "('lapsed', '$_')" } qw(bob eve joe);
my $audience = "INSERT INTO journey.audience (name) VALUES ('lapsed');
	INSERT INTO journey.audience_member (audience, customer) VALUES " . join(', ', @customers);

# The command of a job that runs the statement, as quote_literal() writes it.
sub job_command
{
	my ($statement) = @_;
	my $body = "BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'journey')"
	  . " THEN $statement; END IF; END";
	my $e = $body =~ s/\\/\\\\/g ? 'E' : '';

	return "DO $e'" . ($body =~ s/'/''/gr) . "'";
}

# How many jobs have names as ours have, and how many of these are ours.
sub jobs
{
	my ($node) = @_;

	return $node->safe_psql('shop', q{SELECT count(*), count(*) FILTER (WHERE command ~ 'CALL journey\.run_schedule')
		FROM cron.job WHERE jobname LIKE 'journey: %' AND jobname <> 'journey: maintain'});
}

sub fails
{
	my ($node, $sql, $pattern, $what) = @_;
	my ($code, $out, $err) = $node->psql('shop', $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($err, $pattern, $what);
}

my $main = cron_server('main', 'journey, pg_cron', 'off');
my $alone = cron_server('alone', 'pg_cron', 'on');
my $owner = $main->safe_psql('shop', 'SELECT current_user');

# ---- not there ----

$main->safe_psql('other', 'CREATE EXTENSION journey');
is( $main->safe_psql('other', 'SELECT path, message FROM journey_validate(' . winback('* * * * *') . ") WHERE path LIKE '%schedule'"),
	'tiles.start.on[0].schedule|"on[0].schedule" of tile "start": entry by schedule needs the extension pg_cron, which is not in this database',
	'pg_cron is in another database');

# ---- jobs ----

$main->safe_psql(
	'shop', "
	CREATE EXTENSION pg_cron;
	CREATE EXTENSION journey;
	$audience;
	SELECT journey_grant('ann', 'author'), journey_grant('ops', 'operate')");
my $version = $main->safe_psql('shop', "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'");
note("pg_cron $version");
my $has_seconds = $version >= 1.5;

# Other people's jobs, two of them with names like ours; one of a database that is not ours.
$main->safe_psql(
	'shop', q{
	SELECT cron.schedule('journey: nightly', '0 1 * * *', 'SELECT 1'), cron.schedule('journey: ops #1', '0 2 * * *', 'SELECT 2');
	SELECT cron.schedule_in_database('journey: tick', '0 3 * * *', 'SELECT journey_tick()', 'other');
	GRANT USAGE ON SCHEMA cron TO somebody;
	SET ROLE somebody;
	SELECT cron.schedule('journey: winback #0', '0 4 * * *', 'SELECT 4'), cron.schedule('journey: maintain', '0 5 * * *', 'SELECT 5')});
my $others = "SELECT string_agg(j::text, ';' ORDER BY jobid) FROM cron.job j WHERE command ~ '^SELECT (\\d|journey_tick)'";
my $others_before = $main->safe_psql('shop', $others);

is( $main->safe_psql('shop', 'SELECT count(*) FROM journey_validate(' . winback('0 9 * * 1') . ')'),
	'0', 'a cron line that pg_cron takes');
is( $main->safe_psql('shop', 'SELECT severity, path, message FROM journey_validate(' . winback('61 * * * *') . ')'),
	'error|tiles.start.on[0].schedule|"on[0].schedule" of tile "start": invalid schedule: 61 * * * *',
	'and one that it does not');
is( $main->safe_psql('shop', 'SELECT hint <> \'\' FROM journey_validate(' . winback('every day') . ')'),
	't', 'with a hint');
is( $main->safe_psql('shop', 'SET default_transaction_read_only = on; SELECT count(*) FROM journey_validate(' . winback('0 9 * * 1') . ')'),
	'0', 'asked in a transaction that cannot write');
is( $main->safe_psql('shop', 'SET default_transaction_read_only = on; SELECT count(*) FROM journey_validate(' . winback('x') . ')'),
	'1', 'and a wrong line there');
is( $main->safe_psql('shop', 'SELECT message FROM journey_validate(' . winback('2 seconds') . ')'),
	'"on[0].schedule" of tile "start" must not be a line by seconds', 'a line by seconds is not for authors');
is(jobs($main), '4|0', 'to be asked makes no job');

# ann writes it, ops puts it in force: the job is the extension's owner's.
$main->safe_psql('shop', "SET ROLE ann; SELECT journey_create('winback', " . winback('0 9 * * 1') . ')');
is(jobs($main), '4|0', 'nor does a draft');
$main->safe_psql('shop', "BEGIN; SET LOCAL ROLE ops; SELECT journey_activate('winback'); ROLLBACK");
is(jobs($main), '4|0', 'nor an activation that is rolled back');
$main->safe_psql('shop', "SET ROLE ops; SELECT journey_activate('winback')");
my $whole = 'schedule, command, nodename, nodeport, database, username, active';
is( $main->safe_psql('shop', "SELECT $whole FROM cron.job WHERE jobname = 'journey: winback #0' AND username <> 'somebody'"),
	"0 9 * * 1|" . job_command("CALL journey.run_schedule('winback', 0)") . '|' . join('|', $main->host, $main->port, 'shop', $owner, 't'),
	'activated by another role, the job is that of the owner of the extension');
is( $main->safe_psql('shop', "SELECT $whole FROM cron.job WHERE jobname = 'journey: maintain' AND username <> 'somebody'"),
	'17 * * * *|' . job_command('PERFORM journey.maintain() WHERE journey.is_armed()') . '|' . join('|', $main->host, $main->port, 'shop', $owner, 't'),
	'housekeeping has one, too');

my $mine = "FROM cron.job WHERE jobname LIKE 'journey: winback #%' AND username <> 'somebody'";
my $id = $main->safe_psql('shop', "SELECT jobid $mine");
$main->safe_psql(
	'shop', "SET ROLE ann; SELECT journey_revise('winback');
	SELECT journey_update('winback', " . winback('0 10 * * 1', '{"event": "e"}', '{"schedule": "@daily", "audience": "lapsed"}') . ')');
is($main->safe_psql('shop', "SELECT jobid, schedule $mine"), "$id|0 9 * * 1", 'a draft changes nothing');
$main->safe_psql('shop', "SET ROLE ann; SELECT journey_activate('winback')");
is( $main->safe_psql('shop', "SELECT jobid = $id, jobname, schedule, command $mine ORDER BY jobname"),
	"t|journey: winback #0|0 10 * * 1|" . job_command("CALL journey.run_schedule('winback', 0)") . "\n"
	  . "f|journey: winback #2|\@daily|" . job_command("CALL journey.run_schedule('winback', 2)"),
	'its activation does: one job is changed, one comes');
$main->safe_psql('shop', "SET ROLE ops; SELECT journey_pause('winback')");
is($main->safe_psql('shop', "SELECT count(*) $mine"), '2', 'a paused journey keeps them');
$main->safe_psql('shop', "SET ROLE ops; SELECT journey_resume('winback'); SELECT journey_complete('winback')");
is($main->safe_psql('shop', "SELECT count(*) $mine"), '0', 'a completed one has none');
$main->safe_psql(
	'shop', "SET ROLE ann; SELECT journey_revise('winback');
	SELECT journey_update('winback', " . winback('0 11 * * 1') . "); SELECT journey_activate('winback')");
is($main->safe_psql('shop', "SELECT jobname, schedule $mine"), 'journey: winback #0|0 11 * * 1', 'until it is active again');
$main->safe_psql('shop', "SET ROLE ops; SELECT journey_stop('winback')");
is($main->safe_psql('shop', "SELECT count(*) $mine"), '0', 'nor has a stopped one');
$main->safe_psql('shop', "SELECT journey_create('drawn', " . winback('* * * * *') . "); SELECT journey_delete('drawn')");
is(jobs($main), '4|0', 'nor a draft that is deleted');

fails($main, "SELECT journey_create('bad', " . winback('0 25 * * *') . "); SELECT journey_activate('bad')",
	qr/invalid schedule: 0 25/, 'a wrong line is an error of the activation');
fails($main, "SELECT journey_create('ops', " . winback('0 9 * * *', '{"schedule": "0 10 * * *", "audience": "lapsed"}') . "); SELECT journey_activate('ops')",
	qr/another job of pg_cron has the name "journey: ops #1"/, 'so is a name that is taken');
is($main->safe_psql('shop', "SELECT state FROM journey.journey WHERE name = 'ops'"), 'draft', 'the journey is a draft still');
is(jobs($main), '4|0', 'without jobs');

# Names: quotes, and two long ones that differ at their end only.
$main->safe_psql(
	'shop', q{SELECT journey_create(name, definition), journey_activate(name)
		FROM unnest(ARRAY['it''s "\\', repeat('x', 127) || 'a', repeat('x', 127) || 'b']) name, (SELECT } . winback('0 9 * * 1') . q{::jsonb) d (definition)});
is( $main->safe_psql(
		'shop', q{SELECT count(DISTINCT jobname), bool_and(octet_length(jobname::text) <= 63) FROM cron.job j WHERE command LIKE '%CALL journey.run_schedule%'}),
	'3|t', 'long names make no two jobs the same');
is( $main->safe_psql('shop', q{SELECT string_agg(command, ' ' ORDER BY jobid) FROM cron.job WHERE jobname LIKE '%it''s%'}),
	job_command(q{CALL journey.run_schedule(E'it''s "\\\\', 0)}), 'a name is quoted');
$main->safe_psql('shop', "SELECT journey_stop(name) FROM journey.journey WHERE name LIKE 'xxx%' OR name LIKE 'it%'");

# What a DBA did to our jobs: the line and what was deleted is put right, what is switched off stays off.
$main->safe_psql('shop', "SELECT journey_revise('winback'), journey_activate('winback')");
$main->safe_psql('shop', "SELECT cron.alter_job(jobid, schedule => '1 1 * * *', active => false) $mine");
$main->safe_psql('shop', "SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = 'journey: maintain' AND username = '$owner'");
$main->safe_psql('shop', "SELECT journey_maintain()");
is($main->safe_psql('shop', "SELECT schedule, active $mine"), '0 11 * * 1|f', 'maintenance puts the line right');
is($main->safe_psql('shop', "SELECT count(*) FROM cron.job WHERE jobname = 'journey: maintain' AND username = '$owner'"), '1', 'and what is missing');
is( $main->safe_psql('shop', 'SELECT xmin, ctid, jobid FROM cron.job ORDER BY jobid'),
	$main->safe_psql('shop', "SELECT journey_maintain(); SELECT xmin, ctid, jobid FROM cron.job ORDER BY jobid") =~ s/^\n//r,
	'where all is right nothing is written');
my ($code, $out, $err) = $main->psql('shop', "
	SELECT cron.unschedule('journey: maintain'); SELECT cron.schedule('journey: maintain', '9 9 * * *', 'SELECT 9');
	SELECT journey_maintain(); SELECT cron.unschedule('journey: maintain'); SELECT journey_maintain();");
like($err, qr/^\S+ WARNING: +journey: the job "journey: maintain" of pg_cron is not as it should be: another job/,
	'a name that is taken does not stop maintenance');
unlike($err, qr/ERROR/, 'nothing else went wrong');
is($main->safe_psql('shop', $others), $others_before, "through all this, others' jobs stay as they were");

# Audiences that are refreshed by interval have one job for all of them.
my $refreshed = "SELECT schedule, command, username FROM cron.job WHERE jobname = 'journey: audiences'";
$main->safe_psql('shop', "CREATE TABLE buyer AS SELECT 'eve'::text AS id; GRANT SELECT ON buyer TO ann");
$main->safe_psql('shop', "SET ROLE ann; SELECT journey_audience_create('once', 'SELECT id FROM public.buyer')");
is($main->safe_psql('shop', $refreshed), '', 'an audience without interval needs no job');
$main->safe_psql('shop', "SET ROLE ann; SELECT journey_audience_create('daily', 'SELECT id FROM public.buyer', '1 day')");
is( $main->safe_psql('shop', $refreshed), "* * * * *|" . job_command('PERFORM journey.refresh_due() WHERE journey.is_armed()') . "|$owner",
	'one with an interval does');
$main->safe_psql('shop', "SET ROLE ops; SELECT journey_audience_drop('daily')");
is($main->safe_psql('shop', $refreshed), '', 'until it is dropped');

# Two at once: neither waits for the other, and no job gets lost.
$main->safe_psql('shop', "SELECT journey_create(name, definition) FROM unnest('{one, two}'::text[]) name, (SELECT " . winback('0 9 * * 1') . '::jsonb) d (definition)');
my $session = $main->background_psql('shop');
$session->query_safe("BEGIN");
$session->query_safe("SELECT journey_activate('one')");
$main->safe_psql('shop', "SET lock_timeout = '10s'; SELECT journey_activate('two'); SELECT journey_complete('winback')");
$session->query_safe('COMMIT');
$session->quit;
is( $main->safe_psql('shop', "SELECT string_agg(jobname::text, ', ' ORDER BY jobname) FROM cron.job WHERE command LIKE '%CALL journey.%'"),
	'journey: one #0, journey: two #0', 'two activations at the same time');
$main->safe_psql('shop', "SELECT journey_stop('one'), journey_stop('two')");

# ---- a minute ----

# main: jobs over libpq, of a journey of ann's.
# No definition may have a line by seconds, but a DBA may give a job one, as here, so that no test waits for a minute.
my $often = $has_seconds ? '2 seconds' : '* * * * *';
my $oftener = "SELECT cron.alter_job(jobid, schedule => '$often') FROM cron.job WHERE command ~ 'CALL journey\\.run_schedule'";
$main->safe_psql(
	'shop', "SET ROLE ann; SELECT journey_revise('winback'); SELECT journey_update('winback', " . winback('* * * * *') . ");
	SELECT journey_create('paused', " . winback('* * * * *') . ");
	SELECT journey_activate('winback'), journey_activate('paused'), journey_pause('paused')");
$main->safe_psql('shop', $oftener);
$main->safe_psql('shop', "SELECT cron.schedule('users own', '$often', 'SELECT 42')");

# alone: nothing of ours is preloaded; the timers are worked off by a job.
$alone->safe_psql(
	'shop', "CREATE EXTENSION pg_cron; CREATE EXTENSION journey; $audience;
	CREATE TABLE buyer AS SELECT 'old'::text AS id;
	SELECT journey_audience_create('buyers', 'SELECT DISTINCT id FROM public.buyer', '1 minute');
	UPDATE journey.audience SET refresh_at = now() WHERE name = 'buyers';
	INSERT INTO buyer VALUES ('new');
	SELECT journey_create('winback', " . winback('* * * * *') . "), journey_activate('winback'), journey_enter('winback', 'zoe');
	SELECT cron.schedule('journey', '$often', 'SELECT journey_tick()');");
$alone->safe_psql('shop', $oftener);
is($alone->safe_psql('shop', "SHOW shared_preload_libraries"), 'pg_cron', 'nothing of ours is preloaded');

# copy: a dump of main, with its jobs and another server's port in them.
my $dump = $main->basedir . '/shop.sql';
$main->safe_psql('shop', "SELECT cron.schedule('journey', '$often', 'SELECT journey_tick()')");
$main->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, '-d', $main->connstr('shop') ], 'main is dumped');
$main->safe_psql('shop', "SELECT cron.unschedule('journey')");
my $copy = cron_server('copy', 'pg_cron', 'on');
$copy->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $copy->connstr('shop') ], 'and restored');
is( $copy->safe_psql('shop', "SELECT nodeport, jobname FROM cron.job WHERE jobname LIKE 'journey: %ed #0' OR jobname LIKE 'journey: winback%' AND username <> 'somebody' ORDER BY 2"),
	$main->port . "|journey: paused #0\n" . $main->port . '|journey: winback #0', 'the copy has the jobs, which name the original');

sub ran
{
	my ($node, $job) = @_;

	return $node->poll_query_until('shop', "SELECT count(*) > 0 FROM cron.job_run_details d JOIN cron.job j USING (jobid)
		WHERE j.jobname = '$job' AND j.username <> 'somebody' AND d.status IN ('succeeded', 'failed') AND d.database = 'shop'
		  AND d.start_time > pg_postmaster_start_time()");
}

ok(ran($main, 'journey: winback #0'), 'main: the job runs');
is( $main->safe_psql('shop', "SELECT string_agg(DISTINCT customer, ' ' ORDER BY customer) FROM journey.member WHERE journey = 'winback'"),
	'eve joe', 'who is in the audience and meets the condition has entered');
ok(ran($main, 'journey: paused #0'), 'main: so does that of a paused journey');
is($main->safe_psql('shop', "SELECT count(*) FROM journey.member WHERE journey = 'paused'"), '0', 'which enters nobody');
is( $main->safe_psql('shop', "SELECT DISTINCT status, username, database FROM cron.job_run_details WHERE command LIKE '%run_schedule(%'"),
	"succeeded|$owner|shop", 'as the owner of the extension, without errors');
ok(ran($main, 'users own'), "main: users' own jobs run");

ok(ran($alone, 'journey: winback #0'), 'alone: the job runs, in a background worker');
ok( $alone->poll_query_until('shop', "SELECT bool_and(state = 'exited') FROM journey.member WHERE customer = 'zoe'"),
	'alone: journey_tick() works off the timers');
ok( $alone->poll_query_until('shop', "SELECT count(*) = 2 FROM journey.audience_member WHERE audience = 'buyers'"),
	'alone: audiences are refreshed');
is( $alone->safe_psql('shop', "SELECT string_agg(DISTINCT customer, ' ' ORDER BY customer) FROM journey.member"),
	'eve joe zoe', 'and who is in the audience has entered');
is( $alone->safe_psql('shop', "SELECT DISTINCT status FROM cron.job_run_details WHERE status NOT IN ('starting', 'running')"),
	'succeeded', 'without errors');
no_violations($_, 'shop', $_->name . ': the invariants hold') foreach ($main, $alone);

# ---- a copy ----

ok(ran($copy, 'journey: winback #0'), 'copy: the job runs');
ok(ran($copy, 'journey'), 'copy: and that which ticks');
is($copy->safe_psql('shop', 'SELECT count(*) FROM journey.member'), '0', 'but nobody has entered');
is( $copy->safe_psql('shop', "SELECT DISTINCT status, return_message ~ 'not armed' FROM cron.job_run_details
		WHERE start_time > pg_postmaster_start_time() AND status IN ('succeeded', 'failed') AND command ~ 'journey' ORDER BY 1"),
	"failed|t\nsucceeded|f", 'the tick says why, the others are silent');
$copy->safe_psql('shop', "SELECT cron.unschedule('journey'); SELECT journey_complete('paused')");
is( $copy->safe_psql('shop', "SELECT count(*) FROM cron.job WHERE jobname = 'journey: paused #0'"),
	'1', 'nothing is changed in a database that is not armed');
my $of_others = "SELECT string_agg(j::text, ';' ORDER BY jobid) FROM cron.job j WHERE command ~ '^SELECT \\d'";
$others_before = $copy->safe_psql('shop', $of_others);
$copy->safe_psql('shop', 'SELECT journey_arm()');
is( $copy->safe_psql('shop', "SELECT jobname, nodename, nodeport, username FROM cron.job WHERE command ~ '^DO ' ORDER BY jobname"),
	join("\n", map { join('|', "journey: $_", $copy->host, $copy->port, $owner) } ('maintain', 'winback #0')),
	'once it is armed it has jobs of its own');
is($copy->safe_psql('shop', $of_others), $others_before, "and others' jobs are as they were");
like($copy->safe_psql('shop', "SELECT journey.enter_scheduled('winback', 0)"), qr/^[02]$/, 'which enter its members');
is( $copy->safe_psql('shop', "SELECT string_agg(DISTINCT customer, ' ' ORDER BY customer) FROM journey.member"),
	'eve joe', 'here');
$copy->stop('fast');

# What an extension that was dropped has left behind goes with the first activation of the next; others' jobs stay.
my $tick = "SELECT string_agg(j::text, ';' ORDER BY jobid) FROM cron.job j WHERE command ~ 'journey_tick'";
my $tick_before = $alone->safe_psql('shop', $tick);
my $named = "SELECT string_agg(jobname::text, ', ' ORDER BY jobname) FROM cron.job WHERE jobname LIKE 'journey: %'";
my $left_behind = $alone->safe_psql('shop', "SELECT string_agg(command, ';' ORDER BY jobid) FROM cron.job WHERE jobname LIKE 'journey: %'");
$alone->safe_psql(
	'shop', 'DROP TABLE buyer; DROP EXTENSION journey; CREATE SCHEMA journey;
	CREATE TABLE public.stolen (as_role name);
	CREATE FUNCTION journey.maintain() RETURNS bool LANGUAGE sql AS $$INSERT INTO public.stolen SELECT current_user; SELECT true$$;
	CREATE FUNCTION journey.refresh_due() RETURNS bool LANGUAGE sql AS $$INSERT INTO public.stolen SELECT current_user; SELECT true$$;
	CREATE FUNCTION journey.is_armed() RETURNS bool LANGUAGE sql AS $$SELECT true$$;
	CREATE PROCEDURE journey.run_schedule(text, int) LANGUAGE sql AS $$INSERT INTO public.stolen SELECT current_user$$;');
like($left_behind, qr/maintain.*refresh_due|run_schedule/s, 'jobs outlive the extension');
$alone->safe_psql('shop', $left_behind);
is($alone->safe_psql('shop', 'SELECT count(*) FROM public.stolen'), '0', 'but call nothing of whoever makes its schema anew');
$alone->safe_psql('shop', 'DROP SCHEMA journey CASCADE; DROP TABLE public.stolen; CREATE EXTENSION journey');
is($alone->safe_psql('shop', $named), 'journey: audiences, journey: maintain, journey: winback #0', 'jobs outlive the extension');
$alone->safe_psql('shop', "SELECT journey_create('plain', " . winback('0 9 * * *') =~ s/\{"schedule".*?\}/{"event": "e"}/r . "), journey_activate('plain')");
is($alone->safe_psql('shop', $named), 'journey: maintain', 'but not the next activation');
is($alone->safe_psql('shop', $tick), $tick_before, "a user's job stays");
$alone->stop('fast');

# ---- gone ----

# Jobs of superusers are not allowed: the journey that needs one hears of it, others are as always.  (With such jobs
# there, pg_cron 1.6.4 crashes at its start.)
$main->safe_psql('shop', "DELETE FROM cron.job WHERE username = '$owner'");
$main->append_conf('postgresql.conf', 'cron.enable_superuser_jobs = off');
$main->restart;
like( $main->safe_psql('shop', 'SELECT message FROM journey_validate(' . winback('0 9 * * *') . ')'),
	qr/"on\[0\].schedule" of tile "start": cannot schedule jobs as superuser/, 'no jobs of superusers: validation says so');
($code, $out, $err) = $main->psql('shop', "SELECT journey_create('plain', " . winback('0 9 * * *') =~ s/\{"schedule".*?\}/{"event": "e"}/r . "), journey_activate('plain')");
is($code, 0, 'a journey without schedule is activated');
like($err, qr/WARNING: +journey: the job "journey: maintain" of pg_cron is not as it should be: cannot schedule/, 'with a warning');

# The extension is there, but its library runs the jobs of another database.
$main->append_conf('postgresql.conf', "cron.enable_superuser_jobs = on\ncron.database_name = 'other'");
$main->restart;
is( $main->safe_psql('shop', 'SELECT message, hint FROM journey_validate(' . winback('0 9 * * *') . ')'),
	'"on[0].schedule" of tile "start": entry by schedule needs pg_cron, which runs the jobs of database "other" and not of this one'
	  . "|Set cron.database_name to 'shop' and restart the server.",
	'pg_cron runs the jobs of another database: validation says so');
fails($main, "SELECT journey_create('late', " . winback('0 9 * * *') . "); SELECT journey_activate('late')",
	qr/pg_cron, which runs the jobs of database "other"/, 'and so does activation');
is($main->safe_psql('shop', "SELECT journey_maintain(); SELECT count(*) FROM cron.job WHERE username = '$owner' AND jobname LIKE 'journey: %'"),
	"\n0", 'no job is made that nobody would run');

# The extension is there, its library is not loaded.
$main->append_conf('postgresql.conf', "shared_preload_libraries = 'journey'");
$main->restart;
is( $main->safe_psql('shop', 'SELECT message FROM journey_validate(' . winback('0 9 * * *') . ')'),
	'"on[0].schedule" of tile "start": entry by schedule needs pg_cron, which is not loaded', 'pg_cron is not loaded: validation says so');
is( $main->safe_psql('shop', "SELECT journey_stop('winback'); SELECT journey_maintain(); SELECT journey_arm();
	SELECT count(*) FROM journey_validate(" . winback('0 9 * * *') . ')') =~ s/\n//gr,
	'1', 'everything else goes on');
is($main->safe_psql('shop', 'SELECT journey.enter_scheduled(\'winback\', 0)'), '0', 'nobody enters a stopped journey');

# Neither is there.
$main->safe_psql('shop', 'DROP EXTENSION pg_cron');
is($main->safe_psql('shop', "SELECT journey_stop('paused'); SELECT journey_maintain()"), "\n", 'nor does its end disturb');

$main->stop('fast');
done_testing();
