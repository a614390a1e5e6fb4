
=head1 NAME

Story - random journeys, and what happens to their customers

=head1 DESCRIPTION

A story is a list of operations, each [verb, arguments...], that begins with the
making of journeys.  The same list is played to the model (play) and printed as
SQL (script); it is plain data, so that operations can be left out of it.

Operations are made one by one while the model plays them, so that they can refer
to what there is: acknowledge an action that waits, set the clock to a timer.

=cut

package Story;

use strict;
use warnings;

use Model;

# What may occur; JOURNEY_MODEL_WITHOUT names those that shall not.
our %on = map { $_ => 1 } qw(
  late until at window wait_condition recheck since await expires cap quiet sub
  max_visits max_duration exit_any merge never cooldown holdout only customers
  internal pause on_resume complete stop version migrate move retry identify
  errors retryable timezone claim past loop);
delete @on{ split /,/, $ENV{JOURNEY_MODEL_WITHOUT} // '' };

my @customers = qw(ann bob cas);
my @events = qw(A B C);
my $start = 1741082400;    # Tuesday 4 March 2025, 10:00 UTC

sub chance { return rand() < $_[0] }
sub pick { return $_[ rand @_ ] }
sub number { my ($low, $high) = @_; return $low + int(rand($high - $low + 1)) }
sub num { my $n = shift; return \"$n" }

# ---- SQL and its twins ----

sub sql
{
	my ($sql, $twin) = @_;
	$Model::TWIN{$sql} //= $twin;
	return $sql;
}

sub sqlstate { die "SQLSTATE $_[0]\n" }

# A cast to int.
sub int_of
{
	my ($value) = @_;
	my $text = Model::as_text($value) // return undef;
	sqlstate('22P02') unless $text =~ /^-?\d+$/;
	return $text;
}

sub compare { my ($a, $op, $b) = @_; return undef unless defined $a && defined $b;
	return $op eq '>=' ? $a >= $b : $op eq '<' ? $a < $b : $a == $b }

# (props->'x')::text::int < n: a string has its quotes there, and a null is a word.
sub json_int_less
{
	my ($props, $n) = @_;
	return undef unless exists $props->{x};
	return compare(int_of(Model::json($props->{x})), '<', $n);
}

sub same { my ($a, $b) = @_; return undef unless defined $a && defined $b; return $a eq $b }

sub did
{
	my ($scope, $event, $since) = @_;
	return grep { $_->{customer} eq $scope->{customer} && $_->{event} eq $event
		&& (!defined $since || $_->{at} >= $since) && $_->{at} <= $scope->{now} }
	  @{ $scope->{model}{events} };
}

# A condition.  Few of them err.
sub condition
{
	my $n = number(0, 5);
	my $event = pick(@events);
	my $customer = pick(@customers);
	my @menu = (
		sub { sql("coalesce(props->>'x', '0') >= '$n'",
			sub { (Model::as_text($_[0]{props}{x}) // '0') ge $n }) },
		sub { sql("(props->'x')::text::int < $n",
			sub { json_int_less($_[0]{props}, $n) }) },
		sub { sql("props->>'k' = key", sub { same(Model::as_text($_[0]{props}{k}), $_[0]{key}) }) },
		sub { sql("props->>'k' = context->>'k'",
			sub { same(map { Model::as_text($_[0]{$_}{k}) } qw(props context)) }) },
		sub { sql("coalesce(context->>'x', '9') < '$n'",
			sub { (Model::as_text($_[0]{context}{x}) // '9') lt $n }) },
		sub { sql("coalesce(traits->>'v', '') >= '$n'",
			sub { (Model::as_text($_[0]{traits}{v}) // '') ge $n }) },
		sub { sql("traits ? 'w'", sub { exists $_[0]{traits}{w} }) },
		sub { sql("visits < 3", sub { $_[0]{visits} < 3 }) },
		sub { sql("key <> 'a'", sub { defined $_[0]{key} ? $_[0]{key} ne 'a' : undef }) },
		sub { sql("customer <> '$customer'", sub { $_[0]{customer} ne $customer }) },
		sub { sql("now - entered_at < interval '$n hours'",
			sub { compare(defined $_[0]{entered_at} ? $_[0]{now} - $_[0]{entered_at} : undef, '<', 3600 * $n) }) },
		sub { sql("arrived_at = now", sub { compare($_[0]{arrived_at}, '=', $_[0]{now}) }) },
		sub { sql("coalesce(outcome, 'none') = 'delivered'",
			sub { ($_[0]{outcome} // 'none') eq 'delivered' }) },
		sub { sql("event = '$event'", sub { same($_[0]{event}, $event) }) },
		sub { sql("event IS NULL", sub { !defined $_[0]{event} }) },
		sub { sql("journey_did(customer, '$event', entered_at)",
			sub { did($_[0], $event, $_[0]{entered_at}) > 0 }) },
		sub { sql("journey_count(customer, '$event') >= $n", sub { did($_[0], $event) >= $n }) },
		sub { sql("extract(hour FROM local_now) < 12",
			sub { $_[0]{local_now} % 86400 < 43200 }) });
	my @faulty = (
		sub { sql("(props->>'x')::int >= $n", sub { compare(int_of($_[0]{props}{x}), '>=', $n) }) },
		sub { sql("10 / (context->>'x')::int > $n",
			sub { my $x = int_of($_[0]{context}{x}); return unless defined $x;
				sqlstate('22012') if $x == 0; return int(10 / $x) > $n }) });
	# An error that asking again can mend.
	my @passing = (
		sub { sql("CASE WHEN now < entered_at + interval '$n hours' THEN (SELECT x FROM generate_series(1, 2) x) = 1 ELSE true END",
			sub { defined $_[0]{entered_at} && $_[0]{now} < $_[0]{entered_at} + 3600 * $n ? sqlstate('21000') : 1 }) });
	my $kind = rand;

	return pick(@passing)->() if $on{retryable} && $kind < 0.03;
	return pick(@faulty)->() if $on{errors} && $kind < 0.10;
	return pick(@menu)->();
}

sub maybe_condition
{
	my ($share) = @_;
	return chance($share) ? (condition => condition()) : ();
}

sub span
{
	return pick('10 minutes', '30 minutes', '1 hour', '6 hours', '1 day', '2 days', '90 minutes',
		'1 day 2 hours', '7 days', '1 month');
}

sub short_span { return pick('5 minutes', '30 minutes', '2 hours', '1 day') }

sub value
{
	return pick(
		'{{ key }}', '{{ visits }}', 'Hi {{ customer }}!', '{{ props->\'x\' }}', '{{ context->\'x\' }}',
		'{{ traits->\'v\' }}', '{{ outcome }}', '{{ response->\'r\' }}', '{{ event }}', num(number(0, 9)));
}

my %template_twin = (
	'key' => sub { $_[0]{key} },
	'visits' => sub { num($_[0]{visits}) },
	'customer' => sub { $_[0]{customer} },
	"props->'x'" => sub { $_[0]{props}{x} },
	"context->'x'" => sub { $_[0]{context}{x} },
	"traits->'v'" => sub { $_[0]{traits}{v} },
	'outcome' => sub { $_[0]{outcome} },
	"response->'r'" => sub { $_[0]{response} && $_[0]{response}{r} },
	'event' => sub { $_[0]{event} });
sql($_, $template_twin{$_}) for keys %template_twin;

# ---- definitions ----

sub outcome { return pick(qw(won lost gone)) }

sub tod { return sprintf('%02d:%02d', number(0, 23), pick(0, 0, 30)) }

sub days { return chance(0.4) ? (days => [ (grep { chance(0.6) } qw(mon tue wed thu fri sat)), 'sun' ]) : () }

sub day_span
{
	my ($from, $to) = (tod(), tod());
	$to = tod() while $to eq $from;
	$to = '24:00' if chance(0.1) && $from ne '00:00';
	return (from => $from, to => $to);
}

sub wait_tile
{
	my %tile = (type => 'wait');

	if (chance(0.75))
	{
		$tile{for} = chance(0.7) ? span()
		  : chance(0.6) ? sql("visits * interval '1 hour'", sub { $_[0]{visits} . ' hours' })
		  : sql("(context->>'hold')::interval", sub { Model::as_text($_[0]{context}{hold}) });
	}
	if ($on{until} && chance(0.2))
	{
		$tile{until} = chance(0.5)
		  ? sql("(context->>'until')::timestamptz",
			sub { my $at = Model::as_text($_[0]{context}{until}) // return; $at =~ /^infinity/ ? 'infinity' : parse_time($at) })
		  : sql("entered_at + interval '3 hours'", sub { $_[0]{entered_at} + 10800 });
	}
	if ($on{at} && chance(0.2)) { %tile = (%tile, at => tod(), days()) }
	if ($on{window} && chance(0.2)) { $tile{window} = { day_span(), days() } }
	if ($on{wait_condition} && chance(0.2))
	{
		$tile{condition} = condition();
		$tile{recheck} = pick('2 hours', '5 hours', '1 day') if $on{recheck} && chance(0.5);
	}
	if (chance(0.3))
	{
		$tile{reset} = [ map { { event => pick(@events), maybe_condition(0.5) } } 1 .. number(1, 2) ];
	}
	return \%tile;
}

sub action_tile
{
	my %tile = (
		type => 'action', destination => 'mail',
		payload => { map { $_ => value() } grep { chance(0.4) } qw(a b c) });

	$tile{tags} = [qw(promo)] if chance(0.3);
	if ($on{await} && chance(0.4)) { $tile{await} = \'true' }
	if ($on{expires} && chance(0.2)) { $tile{expires} = short_span() }
	return \%tile;
}

sub some_tile
{
	my ($i, $names) = @_;
	my $kind = rand;

	return wait_tile() if $kind < 0.50;
	return action_tile() if $kind < 0.68;
	return { type => 'branch' } if $kind < 0.80;
	if ($on{sub} && $kind < 0.9 && $i + 1 < @$names)
	{
		my %tile = (type => 'sub_journey', journey => $names->[ number($i + 1, $#$names) ]);
		$tile{await} = chance(0.5) ? \'true' : \'false' if chance(0.5);
		$tile{key} = sql("coalesce(context->>'k', 'none')",
			sub { Model::as_text($_[0]{context}{k}) // 'none' }) if chance(0.3);
		$tile{context} = { x => value(), k => pick('a', 'b', '{{ key }}') } if chance(0.6);
		return \%tile;
	}
	return { type => 'update_profile', set => { pick(qw(v w)) => chance(0.2) ? undef : value() } };
}

# Edges of a tile.  The last without event leads to the next tile, so that all can
# be reached; those at once lead forward only, so that loops have a wait.
sub edges_of
{
	my ($name, $tile, $position, @tiles) = @_;
	my @forward = @tiles[ $position + 1 .. $#tiles ];
	my $next = $tiles[ $position + 1 ];
	my @edges;
	my $is_entry = $tile->{type} eq 'entry';

	my $listens = $is_entry ? number(0, 1) : $tile->{type} eq 'wait' ? number(0, 3) : number(0, 2);

	# By percent is not mixed with others; the last tile gets one more edge below.
	if ($tile->{type} eq 'branch' && $position < $#tiles - 2 && chance(0.4))
	{
		my $share = number(0, 100);
		return (
			{ from => $name, to => pick(@forward), percent => num($share) },
			{ from => $name, to => $next, percent => num(100 - $share) });
	}

	for (1 .. $listens)
	{
		next if $tile->{type} =~ /branch|update_profile/ && chance(0.7);
		push @edges,
		  {
			from => $name, to => pick(@tiles[ 1 .. $#tiles ]), event => pick(@events),
			maybe_condition(0.4), chance(0.2) ? (wait => span()) : (),
			$on{since} && !$is_entry && chance(0.2) ? (since => 'entry') : ()
		  };
	}
	push @edges, { from => $name, to => pick(@forward), on => 'past', maybe_condition(0.3) }
	  if $on{past} && defined $tile->{until} && chance(0.6);
	push @edges, { from => $name, to => pick(@forward), on => 'error', maybe_condition(0.3) }
	  if $on{await} && $tile->{type} =~ /action|sub_journey/
	  && ${ $tile->{await} // \'true' } eq 'true' && chance(0.2);
	if ($on{max_visits} && !$is_entry && chance(0.1))
	{
		$tile->{max_visits} = num(number(1, 2));
		push @edges, { from => $name, to => pick(@forward), on => 'max_visits', maybe_condition(0.3) }
		  if chance(0.6);
	}
	push @edges, { from => $name, to => pick(@forward), condition => condition(),
		chance(0.2) ? (wait => span()) : () } while chance(0.4);
	push @edges, { from => $name, to => pick(@tiles[ 1 .. $#tiles ]), condition => condition(), wait => short_span() }
	  if chance(0.15);
	# A loop that its waits may not hold up (rule 11).
	push @edges, { from => $name, to => pick(@tiles[ 1 .. $position ]), condition => condition() }
	  if $on{loop} && (defined $tile->{until} || $tile->{window}) && chance(0.2);
	push @edges, { from => $name, to => $next, maybe_condition(0.1), chance(0.2) ? (wait => span()) : () };
	return @edges;
}

sub rule
{
	return { event => pick(@events), maybe_condition(0.6), @_ };
}

sub trigger
{
	my ($i, $names) = @_;

	if ($on{internal} && $i > 0 && chance(0.2))
	{
		my $other = $names->[ number(0, $i - 1) ];
		return { fan(0.1), event => '$journey_exited', condition => sql("props->>'journey' = '$other'",
			sub { same($_[0]{props}{journey}, $other) }) };
	}
	return { event => '$profile_changed', condition => sql("props->'changed' ? 'v'",
		sub { exists $_[0]{props}{changed} && exists $_[0]{props}{changed}{v} }) }
	  if $on{internal} && chance(0.05);
	return { event => pick('$action_delivered', '$action_failed'), fan(0.1),
		chance(0.5) ? (condition => sql("props->>'tile' <> 't1'", sub { $_[0]{props}{tile} ne 't1' })) : () }
	  if $on{internal} && chance(0.05);
	return { event => pick(@events), maybe_condition(0.2), fan(0.07) };
}

# Others enter instead.
sub fan
{
	my ($share) = @_;

	return unless $on{customers} && chance($share);
	return (customers => pick(
		sql("ARRAY['cas', 'ann', NULL, 'ann']", sub { [qw(cas ann)] }),
		sql("ARRAY[props->>'k', 'bob']", sub { [ Model::as_text($_[0]{props}{k}), 'bob' ] }),
		sql("CASE WHEN traits ? 'w' THEN ARRAY[customer, 'cas'] END",
			sub { exists $_[0]{traits}{w} ? [ $_[0]{customer}, 'cas' ] : undef }),
		sql("ARRAY[((props->>'x')::int + 1)::text]", sub {
			my $x = int_of($_[0]{props}{x});
			[ defined $x ? $x + 1 : undef ] })));
}

sub definition
{
	my ($i, $names) = @_;
	my @middle = map { "t$_" } 1 .. number(1, 6);
	my @tiles = ('start', @middle, 'end', 'out');
	my %tiles = (
		start => { type => 'entry', on => [ map { trigger($i, $names) } 1 .. number(1, 2) ] },
		map({ $_ => some_tile($i, $names) } @middle),
		end => { type => 'exit' },
		out => { type => 'exit', outcome => outcome() });
	my @edges = map { edges_of($tiles[$_], $tiles{ $tiles[$_] }, $_, @tiles[ 0 .. $#tiles ]) } 0 .. $#middle + 1;
	my %rules;
	my %definition = (tiles => \%tiles, edges => \@edges);

	push @edges, { from => $middle[-1], to => 'out', event => pick(@events) };
	if (chance(0.4))
	{
		$definition{key} = chance(0.5)
		  ? sql("props->>'k'", sub { Model::as_text($_[0]{props}{k}) })
		  : sql("coalesce(props->>'k', '')", sub { Model::as_text($_[0]{props}{k}) // '' });
	}
	$rules{on_active} = pick('ignore', 'restart', $on{merge} ? 'merge' : ()) if chance(0.5);
	$rules{reentry} = pick(qw(never after_exit)) if $on{never} && chance(0.2);
	$rules{cooldown} = span() if $on{cooldown} && chance(0.2);
	$rules{holdout} = num(number(10, 60)) if $on{holdout} && chance(0.1);
	$rules{only} = 'few' if $on{only} && chance(0.05);
	$definition{entry_rules} = \%rules if %rules;
	$definition{timezone} = pick('Asia/Kolkata', 'America/Phoenix',
		sql("traits->>'tz'", sub { Model::as_text($_[0]{traits}{tz}) }))
	  if $on{timezone} && chance(0.4);
	$definition{on_resume} = pick(qw(keep shift restart)) if $on{on_resume} && chance(0.6);
	$definition{max_duration} = span() if $on{max_duration} && chance(0.2);
	$definition{goal} = { event => pick(@events), maybe_condition(0.3), chance(0.5) ? (within => span()) : () }
	  if chance(0.3);
	$definition{exit} = [ map {
		$on{exit_any} && chance(0.3) ? { condition => condition(), outcome => outcome() }
		: rule(outcome => outcome()) } 1 .. number(1, 2) ]
	  if chance(0.4);
	$definition{quiet_hours} = { day_span() } if $on{quiet} && chance(0.2);
	$definition{cap} = { tag => 'promo', max => num(number(1, 2)), per => pick('2 hours', '1 day') }
	  if $on{cap} && chance(0.3);
	return \%definition;
}

# ---- operations ----

sub props
{
	my ($n) = @_;
	my %props = (n => num($n));

	$props{x} = chance(0.1) ? 'bad' : num(number(0, 5)) if chance(0.8);
	$props{k} = pick(qw(a b)) if chance(0.7);
	$props{hold} = pick('20 minutes', '3 hours', '1 day') if chance(0.7);
	$props{until} = $_[1] if $on{until} && chance(0.7);
	return \%props;
}

# A moment from now on, often one at which something is due.
sub moment
{
	my ($model) = @_;
	my $now = $model->{now};
	my @due = grep { defined && $_ >= $now && $_ < $now + 3 * 86400 } map { Model::due_at($_) } @{ $model->{members} };

	if (@due && chance(0.4))
	{
		my $due = pick(@due);
		return pick($due, $due, $due + 1, $due > $now ? $due - 1 : $due);
	}
	return $now + pick(0, 1, 60, 300, 600, 1800, 3600, 3 * 3600, 20 * 3600, number(1, 50_000));
}

sub open_members { my ($model) = @_; return grep { Model::is_open($_) } @{ $model->{members} } }

sub next_operation
{
	my ($model, $n) = @_;
	my @members = open_members($model);
	my $kind = rand;
	my $member = @members ? pick(@members) : undef;
	my ($name) = pick(@{ $model->{names} });
	my $journey = $model->{journeys}{$name};
	my $customer = pick(@customers);

	my ($paused) = grep { $model->{journeys}{$_}{state} eq 'paused' } @{ $model->{names} };
	# Who has a pause to catch up with may be elsewhere when it comes to that.
	my %is_late = map { $_->{customer} => 1 } grep { defined $model->next_pause($_) } @members;
	my ($failed) = grep { $_->{state} eq 'failed' && !$is_late{ $_->{customer} } } @members;

	return [ 'resume', $paused ] if $paused && chance(0.15);
	return [ 'retry_member', @$failed{qw(journey customer key)} ] if $failed && $on{retry} && chance(0.1);
	return [ 'advance', moment($model) ] if $kind < 0.25;
	return [ 'clock', moment($model) ] if $kind < 0.33;
	return [ 'emit', $customer, pick(@events), props($n, time_text(moment($model))),
		$on{late} && chance(0.15) ? $model->{now} - pick(0, 60, 1800, 7200, 86400) : undef ]
	  if $kind < 0.75;
	return [ 'enter', $name, $customer, props($n, time_text(moment($model))) ]
	  if $kind < 0.79 && $journey->{state} eq 'active';
	return [ 'exit_members', $member->{journey}, $member->{customer}, outcome(), chance(0.5) ? $member->{key} : undef ]
	  if $kind < 0.81 && $member;
	return [ 'identify', $customer, traits() ] if $kind < 0.86 && $on{identify};
	return [ 'move', @$member{qw(journey customer)},
		pick(grep { $_ ne 'start' } sort keys %{ $model->definition($member)->{tiles} }), $member->{key} ]
	  if $kind < 0.87 && $on{move} && $member && !$is_late{ $member->{customer} };
	if ($kind < 0.93 && $on{claim})
	{
		my @flying = grep { $_->{state} eq 'in_flight' && $model->action(Model::action_name($_)) } @{ $model->{actions} };
		return [ 'claim', 'mail', 3600 ] unless @flying;
		my $which = Model::action_name(pick(@flying));
		return [ 'nack', $which, pick(0, 60, 3600) ] if chance(0.3);
		return [ 'ack', $which, { r => num(number(1, 9)) } ];
	}
	return [ 'pause', $name ] if $kind < 0.96 && $on{pause} && $journey->{state} eq 'active';
	return [ 'complete', $name ] if $kind < 0.964 && $on{complete} && $journey->{state} eq 'active';
	return [ 'stop', $name ] if $kind < 0.968 && $on{stop} && $journey->{state} eq 'active';
	return [ 'republish', $name ]
	  if $on{migrate} && $journey->{state} eq 'active' && chance(0.3)
	  && !grep { $_->{journey} eq $name
		  && ($_->{version} != $journey->{version} || $is_late{ $_->{customer} }) } @members;
	return [ 'publish', $name, definition($journey->{index}, $model->{names}) ]
	  if $on{version} && $journey->{state} =~ /active|paused/;
	return [ 'advance', moment($model) ];
}

sub traits
{
	my %traits;
	$traits{v} = chance(0.2) ? undef : num(number(0, 5)) if chance(0.6);
	$traits{w} = chance(0.5) ? undef : pick(qw(p q)) if chance(0.4);
	$traits{tz} = pick('Asia/Kolkata', 'America/Phoenix', 'Mars/Base', undef) if $on{timezone} && chance(0.4);
	return \%traits;
}

# ---- playing ----

sub new_model
{
	return Model->new(now => $start, audience => { few => { ann => 1, bob => 1 } });
}

sub play
{
	my ($model, $operation) = @_;
	my ($verb, @arguments) = @$operation;

	if ($verb eq 'clock') { $model->{now} = $arguments[0] }
	elsif ($verb eq 'publish') { $model->revise(@arguments); $model->activate($arguments[0]) }
	elsif ($verb eq 'republish')
	{
		$model->revise($arguments[0], Model::newest($model->journey($arguments[0])));
		$model->activate($arguments[0]);
		$model->migrate($arguments[0]);
	}
	elsif ($verb eq 'journey')
	{
		$model->create(@arguments);
		$model->{journeys}{ $arguments[0] }{index} = $#{ $model->{names} };
	}
	elsif ($verb ne 'look') { $model->$verb(@arguments) }
	return;
}

# The story of that seed, and what the model says at each "look".
sub tell
{
	my ($seed) = @_;

	srand($seed);
	my $model = new_model();
	my @names = map { "j$_" } 1 .. pick(1, 1, 2, 3);
	my @operations;
	my $do = sub { push @operations, $_[0]; play($model, $_[0]); };

	for my $i (0 .. $#names) { $do->([ 'journey', $names[$i], definition($i, \@names) ]) }
	$do->([ 'activate', $_ ]) for reverse @names;
	my $n = number(8, 30);
	for my $i (1 .. $n)
	{
		my $operation = next_operation($model, $i);
		$do->($operation);
		$do->(['look']) if $i == $n || chance(0.08);
	}
	return @operations;
}

# What the model says at each "look".
sub expected
{
	my @operations = @_;
	my $model = new_model();
	my @looks;

	for my $operation (@operations)
	{
		play($model, $operation);
		push @looks, $model->dump_tables if $operation->[0] eq 'look';
	}
	return @looks;
}

# ---- as SQL ----

sub time_text
{
	my ($at) = @_;
	my ($year, $month, $day) = Model::civil(int($at / 86400));
	my $rest = $at % 86400;

	return sprintf('%04d-%02d-%02d %02d:%02d:%02d+00', $year, $month, $day,
		$rest / 3600, $rest / 60 % 60, $rest % 60);
}

sub parse_time
{
	my ($text) = @_;
	my ($year, $month, $day, $hour, $minute, $second) =
	  $text =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)\+00$/ or sqlstate('22007');
	return Model::days_of($year, $month, $day) * 86400 + $hour * 3600 + $minute * 60 + $second;
}

sub literal
{
	my ($text) = @_;
	return 'NULL' unless defined $text;
	$text =~ s/'/''/g;
	return "'$text'";
}

sub action_id
{
	my ($which) = @_;
	return sprintf(
		q{(SELECT a.id FROM journey.action a JOIN journey.member m ON m.customer = a.customer AND m.id = a.member
		WHERE a.journey = %s AND a.customer = %s AND a.tile = %s AND a.created_at = %s AND m.key = %s AND m.entered_at = %s)},
		map { literal($_) } @$which{qw(journey customer tile)}, time_text($which->{created_at}),
		$which->{key}, time_text($which->{entered_at}));
}

sub statement
{
	my ($verb, @arguments) = @{ $_[0] };
	my ($first, $second, $third, $fourth) = @arguments;
	my %sql = (
		journey => sub { sprintf('journey_create(%s, %s)', literal($first), literal(Model::json($second))) },
		advance => sub { sprintf('journey_advance_to(%s)', literal(time_text($first))) },
		clock => sub { sprintf("set_config('journey.now', %s, true)", literal(time_text($first))) },
		emit => sub { sprintf('journey_emit(%s, %s, %s, %s)', literal($first), literal($second),
			literal(Model::json($third)), literal(defined $fourth ? time_text($fourth) : undef)) },
		enter => sub { sprintf('journey_enter(%s, %s, %s)', literal($first), literal($second), literal(Model::json($third))) },
		exit_members => sub { sprintf('journey_exit(%s)', join(', ', map { literal($_) } @arguments)) },
		move => sub { sprintf('journey_move(%s)', join(', ', map { literal($_) } @arguments)) },
		retry_member => sub { sprintf('journey_retry_member(%s)', join(', ', map { literal($_) } @arguments)) },
		identify => sub { sprintf('journey_identify(%s, %s)', literal($first), literal(Model::json($second))) },
		claim => sub { sprintf("count(*) FROM journey_claim(%s, 1000, interval '%d s')", literal($first), $second) },
		ack => sub { sprintf('journey_ack(%s, %s)', action_id($first), literal(Model::json($second))) },
		nack => sub { sprintf("journey_nack(%s, 'no', interval '%d s')", action_id($first), $second) },
		republish => sub { sprintf('journey_revise(%1$s); SELECT journey_activate(%1$s);'
			. " SELECT count(*) FROM journey_migrate(%1\$s, '{}', false)", literal($first)) },
		publish => sub { sprintf('journey_revise(%1$s); SELECT journey_update(%1$s, %2$s); SELECT journey_activate(%1$s)',
			literal($first), literal(Model::json($second))) });

	return "SELECT " . ($sql{$verb} ? $sql{$verb}->() : "journey_$verb(" . join(', ', map { literal($_) } @arguments) . ')') . ';';
}

1;
