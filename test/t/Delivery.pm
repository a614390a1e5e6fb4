
=head1 NAME

Delivery - what must hold of the outbox and of what a receiver saw of it

=cut

package Delivery;

use strict;
use warnings;

use Exporter 'import';
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(quoted add_sender ledger_agrees sender_pid wait_for_sender secrets_in);

sub quoted
{
	my ($text) = @_;
	return "'" . ($text =~ s/'/''/gr) . "'";
}

# A journey that sends to the destination of the same name what enters by the event
# of that name, and exits with outcome sent or failed.
sub add_sender
{
	my ($name, %tile) = @_;
	my $more = join '', map { qq(, "$_": $tile{$_}) } sort keys %tile;

	return qq{
		SELECT journey_create('$name', \$json\${
			"key": "coalesce(props->>'n', '')",
			"tiles": {
				"start": {"type": "entry", "on": [{"event": "$name"}]},
				"send": {"type": "action", "destination": "$name",
						 "payload": {"n": "{{ props->>'n' }}", "to": "{{ customer }}"}$more},
				"sent": {"type": "exit"},
				"failed": {"type": "exit"}},
			"edges": [
				{"from": "start", "to": "send"},
				{"from": "send", "to": "failed", "on": "error"},
				{"from": "send", "to": "sent"}]}\$json\$);
		SELECT journey_activate('$name');};
}

sub sender_pid
{
	my ($node, $database) = @_;

	return $node->safe_psql('postgres',
		"SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'journey sender' AND datname = '$database'");
}

sub wait_for_sender
{
	my ($node, $database) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for($node, 'postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'journey sender' AND datname = '$database'",
		'there is a sender');
}

# Each of them returns what violates it; sink is the ledger, loaded.
my %oracle = (
	'I5: each move to the tile has its row, and no other has one' => q{
		SELECT t.journey || ' ' || t.customer || ' ' || count(a.id)
		  FROM journey.transition t
		  FULL JOIN journey.action a ON a.customer = t.customer AND a.member = t.member AND a.tile = t.to_tile
		 WHERE t.to_tile = 'send' OR t.to_tile IS NULL
		 GROUP BY t.journey, t.customer, t.member
		HAVING count(a.id) <> 1 OR t.member IS NULL},
	'I6: no ghosts: what arrived has its row' => q{
		SELECT s.id FROM sink s LEFT JOIN journey.action a ON a.id::text = s.id
		 WHERE a.id IS NULL AND s.method IS NOT NULL},
	'I6: nothing lost: what is delivered has arrived, whole' => q{
		SELECT a.id::text FROM journey.action a
		 WHERE a.state = 'delivered'
		   AND NOT EXISTS (SELECT FROM sink s WHERE s.id = a.id::text AND s.complete)},
	'each attempt brings the same body: the payload' => q{
		SELECT s.id FROM sink s JOIN journey.action a ON a.id::text = s.id
		 WHERE s.complete
		 GROUP BY s.id, a.payload
		HAVING count(DISTINCT s.body_sha) > 1 OR min(convert_from(s.body, 'UTF8'))::jsonb <> a.payload},
	'and the same id, under both names' => q{
		SELECT s.id FROM sink s
		 WHERE s.headers->>'webhook-id' IS DISTINCT FROM s.id
			OR s.headers->>'idempotency-key' IS DISTINCT FROM s.id},
	'nothing is sent oftener than it was claimed' => q{
		SELECT a.id || ' ' || a.attempts || ' ' || count(*)
		  FROM sink s JOIN journey.action a ON a.id::text = s.id
		 GROUP BY a.id, a.attempts, a.destination
		HAVING count(*) > a.attempts * CASE WHEN a.destination ~ '<resent>' THEN 2 ELSE 1 END});

# The receiver's ledger and the outbox agree.  resent: a pattern for destinations that
# end kept connections before they answer, where an attempt can be two requests.
sub ledger_agrees
{
	my ($node, $database, $sink, $what, %params) = @_;
	my $resent = $params{resent} // '^$';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$sink->load($node, $database) if $sink;
	is($node->safe_psql($database, $oracle{$_} =~ s/<resent>/$resent/r), '', "$what: $_")
	  for sort keys %oracle;
	return no_violations($node, $database, "$what: the invariants hold");
}

# Where the pattern is found: of tables, views and materialized views that are not
# journey.secret, in a dump, and in the server's log.
sub secrets_in
{
	my ($node, $database, $pattern) = @_;
	my @found = map { "the log: $_" } slurp_file($node->logfile) =~ /^(.*(?:$pattern).*)$/mg;

	my $tables = $node->safe_psql($database, qq{
		SELECT format('SELECT %L WHERE EXISTS (SELECT FROM %s t WHERE t::text ~ %L)', c.oid::regclass, c.oid::regclass, '$pattern')
		  FROM pg_class c
		 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace IN ('journey'::regnamespace, 'public'::regnamespace)
		   AND c.oid <> 'journey.secret'::regclass});
	push @found, split /\n/, $node->safe_psql($database, join ' UNION ALL ', split /\n/, $tables);
	my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, $database ]);
	push @found, 'nothing is dumped' unless $out =~ /COPY journey\.action/;
	push @found, 'a dump' if $out =~ /$pattern/;
	return join "\n", @found;
}

1;
