# What the settings of retention say, the worker does: each log, members, actions,
# dedupe keys and failures by their own, and what is missing by journey.retention.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => q{
journey.retention = '20 days'
journey.transition_retention = '40 days'
journey.member_retention = '3 days'
journey.failure_retention = '5 days'
journey.dedupe_retention = '6 days'
});
new_database($node, 'one');

sub is_now
{
	my ($sql, $expected, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql('one', $sql), $expected, $what);
}

# Everything becomes that much older, the partitions too.
sub age
{
	my ($days) = @_;

	$node->safe_psql('one', qq{
		UPDATE journey.member_row SET exited_at = exited_at - interval '$days days';
		UPDATE journey.action SET created_at = created_at - interval '$days days', delivered_at = delivered_at - interval '$days days';
		UPDATE journey.failure_row SET at = at - interval '$days days';
		UPDATE journey.dedupe SET received_at = received_at - interval '$days days';});
	return;
}

# Rows of a day that is over, in a partition of it.
sub old_day
{
	my ($log, $prefix, $columns, $days) = @_;

	$node->safe_psql('one', qq{
		SET timezone = 'UTC';
		DO \$\$
		DECLARE
			day timestamptz := date_trunc('day', now()) - interval '$days days';
			leaf name := '${prefix}_' || to_char(day, 'YYYYMMDD');
		BEGIN
			PERFORM journey.make_leaf('journey.${prefix}_default', leaf);
			EXECUTE format('ALTER TABLE journey.${log} DETACH PARTITION journey.${prefix}_default');
			EXECUTE format('ALTER TABLE journey.${log} ATTACH PARTITION journey.%I FOR VALUES FROM (%L) TO (%L)', leaf, day, day + interval '1 day');
			EXECUTE format('ALTER TABLE journey.${log} ATTACH PARTITION journey.${prefix}_default DEFAULT');
		END
		\$\$;});
	return;
}

sub days_of
{
	my ($log) = @_;

	return "SELECT string_agg((current_date - (l.from_at AT TIME ZONE 'UTC')::date)::text, ' ' ORDER BY l.from_at DESC)
		FROM journey.leaf l WHERE l.log = '$log' AND l.from_at < now()";
}

$node->safe_psql('one', q{
	SELECT journey_maintain();
	SELECT journey_destination_create('mail', 'pull');
	SELECT journey_create('sending', '{"tiles": {"in": {"type": "entry", "on": [{"event": "go"}]},
		"send": {"type": "action", "destination": "mail"}, "out": {"type": "exit"}},
		"edges": [{"from": "in", "to": "send"}, {"from": "send", "to": "out"}]}');
	SELECT journey_activate('sending');
	SELECT journey_emit('ann', 'go', '{"hold": "soon"}', dedupe_key => 'k');
	SELECT journey_ack(id) FROM journey_claim('mail');});
for my $days (19, 22, 39, 42)
{
	old_day('event', 'event', '', $days);
	old_day('transition_row', 'transition', '', $days);
}
is_now(q{SELECT (SELECT count(*) FROM journey.member WHERE state = 'exited'), (SELECT count(*) FROM journey.action),
	(SELECT count(*) FROM journey.failure_row) > 0, (SELECT count(*) FROM journey.dedupe)}, '1|1|t|1', 'something of each');
my $counts = $node->safe_psql('one', 'TABLE journey.status; TABLE journey.tile_stats');

my ($code, $out, $err) = $node->psql('one', 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT journey_maintain(); COMMIT');
like($err, qr/^\S+ WARNING: +counts and partitions .* left as they are.*^HINT: .*READ COMMITTED/ms, 'under a transaction snapshot it says what it cannot do');
is_now(days_of('event'), '19 22 39 42', 'all events stay');
is_now(days_of('transition_row'), '19 22 39 42', 'and all transitions');

$node->safe_psql('one', 'SELECT journey_maintain()');
is_now(days_of('event'), '19', 'events by journey.retention');
is_now(days_of('transition_row'), '19 22 39', 'transitions by their own');
age(2);
$node->safe_psql('one', 'SELECT journey_maintain()');
is_now("SELECT count(*) FROM journey.member WHERE state = 'exited'", '1', 'members are kept for three days');
age(2);
$node->safe_psql('one', 'SELECT journey_maintain()');
is_now("SELECT string_agg(state, ' ') FROM journey.member", 'failed', 'and then those who have exited go');
is_now('SELECT count(*) > 0 FROM journey.failure_row', 't', 'failures are kept for five days');
age(1.5);
$node->safe_psql('one', 'SELECT journey_maintain()');
is_now('SELECT count(*) FROM journey.failure_row', '0', 'and go');
is_now('SELECT count(*) FROM journey.dedupe', '1', 'dedupe keys are kept for six days');
age(1);
$node->safe_psql('one', 'SELECT journey_maintain()');
is_now('SELECT count(*) FROM journey.dedupe', '0', 'and go');
is_now('SELECT count(*) FROM journey.action', '1', 'actions are kept where no setting says otherwise');
is($node->safe_psql('one', 'TABLE journey.status; TABLE journey.tile_stats'), $counts, 'the counts are what they were');

# The worker does it by itself; what nobody can reckon with means never.
$node->append_conf('postgresql.conf', "journey.action_retention = '1 day'\njourney.event_retention = '10000 years'");
old_day('event', 'event', '', 60);
$node->restart;
wait_for($node, 'one', 'SELECT count(*) = 0 FROM journey.action', 'the worker deletes old actions');
is_now(days_of('event'), '19 60', 'ten thousand years are for ever');
unlike(slurp_file($node->logfile), qr/could not keep partitions/, 'and no error');

for my $bad ('-1 day', 'soon', '30', '0')
{
	($code, $out, $err) = $node->psql('one', "ALTER SYSTEM SET journey.member_retention = '$bad'");
	like($err, qr/invalid value for parameter "journey.member_retention"/, "'$bad' is refused");
}

$node->stop;
done_testing();
