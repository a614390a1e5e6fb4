# Audiences: the worker refreshes those that are due, and is in nobody's way; what
# is kept in real time stays right under many at once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
new_database($node, 'shop');

# One statement at a time: what psql gives.
sub sql
{
	return $node->safe_psql('shop', shift);
}

# By interval.  A minute is the shortest, so the time of the next is set by hand.
sql(q{
	CREATE TABLE public.buyer (name text, spent int);
	INSERT INTO buyer VALUES ('ann', 10), ('bob', 2000);
	SELECT journey_audience_create('vip', 'SELECT name FROM public.buyer GROUP BY 1 HAVING sum(spent) >= 1000', '1 hour');
	SELECT journey_audience_create('poor', 'SELECT name FROM public.buyer GROUP BY 1 HAVING 1000 / sum(spent) > 1', '1 hour');
	SELECT journey_create('care', '{
		"exit": [{"audience_left": "vip", "outcome": "left"}],
		"tiles": {"start": {"type": "entry", "on": [{"audience": "vip"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]}');
	SELECT journey_activate('care');});
my $due = q{UPDATE journey.audience SET refresh_at = clock_timestamp()};
my $inside = q{SELECT string_agg(customer, ' ' ORDER BY customer) FROM journey.audience_member WHERE audience = '%s'};

is(sql(sprintf($inside, 'vip')), 'bob', 'the first refresh is part of its creation');
sql("UPDATE buyer SET spent = 5000 WHERE name = 'ann'; $due");
wait_for($node, 'shop', sprintf($inside, 'vip'), 'the worker refreshes what is due', 'ann bob');
wait_for($node, 'shop', "SELECT state FROM journey.member WHERE journey = 'care'",
	'and those who enter it enter the journey', 'active');
is(sql(q{SELECT refresh_at > clock_timestamp() + '59 minutes'::interval FROM journey.audience WHERE name = 'vip'}),
	't', 'the next time is an hour later');

# One that fails is recorded and holds nobody else up.
sql("UPDATE buyer SET spent = 0 WHERE name = 'ann'; $due");
wait_for($node, 'shop', sprintf($inside, 'vip'), 'the others are refreshed', 'bob');
wait_for($node, 'shop', q{SELECT error FROM journey.audience WHERE name = 'poor'},
	'one that fails says why', 'division by zero');
is(sql(q{SELECT source, sqlstate, count FROM journey.failure WHERE source IS NOT NULL}),
	'audience poor|22012|1', 'once, in journey.failure too');
is(sql(q{SELECT outcome FROM journey.member WHERE journey = 'care'}), 'left', 'who left it left the journey');

# Somebody whom another transaction holds is left for the next time, and the
# worker waits for nobody.
sql(q{SELECT journey_enter('care', 'bob')});
my $holder = $node->background_psql('shop');
$holder->query_safe(q{BEGIN; SELECT journey_emit('bob', 'looked');});
$holder->query_safe(q{SELECT customer FROM journey.member_row WHERE customer = 'bob' FOR UPDATE});
sql("UPDATE buyer SET spent = 5000 WHERE name = 'ann'; UPDATE buyer SET spent = 1 WHERE name = 'bob'; $due");
wait_for($node, 'shop', sprintf($inside, 'vip'), 'the worker goes on without him', 'ann bob');
$holder->query_safe('COMMIT');
$holder->quit;
wait_for($node, 'shop', sprintf($inside, 'vip'), 'and comes back for him', 'ann');

# In real time, by several sessions at once, with a worker, refreshes and emits.
sql(q{
	CREATE TABLE public.customers (id int PRIMARY KEY, spent int);
	INSERT INTO customers SELECT i, 0 FROM generate_series(1, 200) AS i;
	SELECT journey_audience_create('live', 'SELECT id FROM public.customers WHERE spent >= 1000', '1 hour');
	SELECT journey_create('real', '{
		"key": "now::text",
		"exit": [{"audience_left": "live", "outcome": "left"}],
		"tiles": {"start": {"type": "entry", "on": [{"audience": "live"}]}, "hold": {"type": "wait", "for": "100 ms"}, "held": {"type": "wait"}, "done": {"type": "exit"}},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "held"}, {"from": "held", "to": "done", "event": "end"}]}');
	SELECT journey_activate('real');});
is(sql(q{SELECT source IS NOT NULL FROM journey.audience WHERE name = 'live'}), 't', 'it is live');
my $script = $node->basedir . '/changes.sql';
append_to_file($script, q{
\set id random(1, 200)
\set spent random(0, 2000)
\set what random(1, 20)
UPDATE customers SET spent = :spent WHERE id = :id;
\if :what = 1
DELETE FROM customers WHERE id = :id;
INSERT INTO customers VALUES (:id, :spent) ON CONFLICT DO NOTHING;
\elif :what = 2
UPDATE journey.audience SET refresh_at = clock_timestamp() WHERE name = 'live';
\else
SELECT journey_emit((:id)::text, 'looked');
\endif
});
$node->command_ok(
	[ 'pgbench', '-n', '-c', '6', '-t', '150', '-f', $script, 'shop' ],
	'changes by many at once, none of which fails');
is(sql(q{
	SELECT count(*) FROM (SELECT id::text FROM customers WHERE spent >= 1000) AS a (c)
	  FULL JOIN (SELECT customer FROM journey.audience_member WHERE audience = 'live') AS m (c) USING (c)
	 WHERE a.c IS NULL OR m.c IS NULL}),
	'0', 'exactly those are in it whom the query gives');
cmp_ok(sql(q{SELECT count(*) FROM journey.event WHERE event LIKE '$audience%' AND props->>'audience' = 'live'}),
	'>', 100, 'many have entered and left it');
is(sql(q{
	SELECT count(*) FROM (
		SELECT event, lag(event) OVER (PARTITION BY customer ORDER BY at, id) AS before
		  FROM journey.event WHERE event LIKE '$audience%' AND props->>'audience' = 'live') AS e
	 WHERE event = coalesce(before, '$audience_left')}),
	'0', 'each customer has entered and left it in turn');
is(sql(q{
	SELECT count(*) FROM journey.audience_member a
	  FULL JOIN (SELECT customer, count(*) AS n FROM journey.member WHERE journey = 'real' AND state <> 'exited' GROUP BY 1) AS m USING (customer)
	 WHERE coalesce(a.audience, 'live') = 'live' AND (a.customer IS NULL OR m.n IS DISTINCT FROM 1)}),
	'0', 'and is in the journey once, exactly while in it');
is(sql(q{SELECT count(*) FROM journey.failure_row WHERE source IS DISTINCT FROM 'audience poor'}), '0', 'nothing has failed');
no_violations($node, 'shop', 'the invariants hold');

$node->stop;
done_testing();
