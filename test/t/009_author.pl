# What authors wrote runs in the worker as their own, and changes nothing there.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use Test::More;

my $node = new_server('main', conf => "journey.condition_timeout = '200ms'");
new_database($node, 'one');

$node->safe_psql(
	'one', q{
	CREATE ROLE author;
	SELECT journey_grant('author', 'author');
	CREATE SCHEMA shop AUTHORIZATION author;
	CREATE TABLE public.secret AS SELECT 1 AS a;
	CREATE TABLE public.going AS SELECT 1 AS a;
	GRANT SELECT ON public.secret, public.going TO author;
	GRANT author TO CURRENT_USER;
	SET ROLE author;
	CREATE TABLE shop.written (a int);
	CREATE FUNCTION shop.run(command text) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE command; RETURN true; END $$;
	CREATE FUNCTION shop.setting(name text) RETURNS text LANGUAGE sql IMMUTABLE AS
	'SELECT current_setting(name)';
	CREATE FUNCTION shop.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';});

# A journey for each condition, which the worker asks once its wait is over.
sub activate
{
	my (%conditions) = @_;
	my $sql = "SET ROLE author;\n";

	for my $name (sort keys %conditions)
	{
		$sql .= qq{
	SELECT journey_create('$name', jsonb_build_object(
		'tiles', '{"start": {"type": "entry"}, "hold": {"type": "wait", "for": "10 ms"},
			"yes": {"type": "exit"}, "no": {"type": "exit"}}'::jsonb,
		'edges', jsonb_build_array('{"from": "start", "to": "hold"}'::jsonb,
			jsonb_build_object('from', 'hold', 'to', 'yes', 'condition', \$c\$$conditions{$name}\$c\$),
			'{"from": "hold", "to": "no"}'::jsonb)));
	SELECT journey_activate('$name');};
	}
	$node->safe_psql('one', $sql);
	return;
}

# Enter everybody into these, and see what the worker makes of it.
sub results
{
	my @names = @_;
	my $names = join ', ', map { "'$_'" } @names;

	$node->safe_psql('one',
		"SELECT journey_enter(name, 'ann') FROM unnest(ARRAY[$names]) AS name");
	$node->poll_query_until('one',
		"SELECT count(*) = " . @names . " FROM journey.member WHERE journey IN ($names) AND outcome IS NOT NULL")
	  or die 'the worker has not worked them off';
	return $node->safe_psql('one', qq{
		SELECT concat_ws(' ', m.journey, m.outcome, string_agg(f.sqlstate, ','))
		  FROM journey.member m LEFT JOIN journey.failure f ON f.journey = m.journey
		 WHERE m.journey IN ($names) GROUP BY m.journey, m.outcome ORDER BY m.journey});
}

my %safe = (
	a_user => q{current_user = 'author'},
	b_zero => q{1 / (visits - 1) = 1},
	c_secret => q{exists (select from public.secret)},
	d_gone => q{exists (select from public.going)},
	e_bomb => q{(select count(*) from generate_series(1, visits * 1000000000::bigint)) > 0},
	f_settings => q{to_char(now, 'OF') || (interval '1 day 1 hour')::text = '+001 day 01:00:00'},
	g_true => q{exists (select from pg_class)});
activate(%safe);
$node->safe_psql('one', q{
	REVOKE SELECT ON public.secret FROM author;
	DROP TABLE public.going;});
my $pid = scheduler_pid($node, 'one');
is( results(sort keys %safe), join("\n",
		'a_user yes', 'b_zero no 22012', 'c_secret no 42501', 'd_gone no 42P01',
		'e_bomb no 57014', 'f_settings yes', 'g_true yes'),
	'conditions are asked as the author; what errs or takes too long is set aside');

# With functions of their own, if a superuser allows that.
$node->append_conf('postgresql.conf', "journey.condition_functions = 'any'");
$node->reload;
my $path = q{shop.setting('search_path') = 'pg_catalog, journey, pg_temp'};
my %any = (
	h_user => q{shop.who() = 'author'},
	i_role => q{shop.run('SET ROLE NONE')},
	j_session => q{shop.run('RESET SESSION AUTHORIZATION')},
	k_write => q{shop.run('INSERT INTO shop.written VALUES (1)')},
	l_temporary => q{shop.run('CREATE TEMP TABLE t (a int)')},
	m_path => q{shop.run('SET search_path = shop')},
	n_path => $path,
	o_read_write => q{shop.run('SET transaction_read_only = off')},
	p_timeout => q{shop.run('SET statement_timeout = 1')},
	q_path => "(select $path)");
$node->poll_query_until('one', "SHOW journey.condition_functions", 'any');
activate(%any);
is( results(sort keys %any), join("\n",
		'h_user yes', 'i_role no 42501', 'j_session no 42501', 'k_write no 25006',
		'l_temporary no 25006', 'm_path yes', 'n_path yes', 'o_read_write no 25001',
		'p_timeout yes', 'q_path yes'),
	'their functions are contained');

is(scheduler_pid($node, 'one'), $pid, 'the worker is the same');
$node->safe_psql('one', q{SELECT journey_emit('next', 'go', '{"hold": "1 ms"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'next'", 'and goes on');
is($node->safe_psql('one', 'SELECT count(*) FROM shop.written'), '0', 'nothing was written');
no_violations($node, 'one', 'the invariants hold');

$node->stop('fast');
done_testing();
