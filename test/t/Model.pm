
=head1 NAME

Model - what journeys do, said a second time

=head1 DESCRIPTION

A naive model of DESIGN section 4: hashes in memory, nothing cached, nothing
indexed, nothing shared with the extension.  It is read beside DESIGN; comments
name the rule that a piece of code is.  012_model.pl runs the same story through
the model and through the extension, and what is in the tables must be equal.

Definitions are the documents themselves.  JSON values are hashes, arrays,
strings and undef; a number or boolean is a reference to its text.  The model
cannot run SQL: every expression of a definition has a twin in %TWIN, a function
of the scope that returns the value, or dies with an SQLSTATE.

Times are seconds since 1970.

=cut

package Model;

use strict;
use warnings;

use Digest::MD5 qw(md5);
use List::Util qw(first min max sum0);

our %TWIN;

# ---- JSON, as jsonb prints it ----

sub json_string
{
	my ($text) = @_;

	$text =~ s/(["\\])/\\$1/g;
	$text =~ s/\n/\\n/g;
	$text =~ s/\t/\\t/g;
	return qq{"$text"};
}

sub json
{
	my ($value) = @_;

	return 'null' unless defined $value;
	return json_string($value) unless ref $value;
	return $$value if ref $value eq 'SCALAR';
	return '[' . join(', ', map { json($_) } @$value) . ']'
	  if ref $value eq 'ARRAY';
	return '{' . join(', ',
		map { json_string($_) . ': ' . json($value->{$_}) }
		  sort { length $a <=> length $b || $a cmp $b } keys %$value) . '}';
}

# What ->> gives.
sub as_text
{
	my ($value) = @_;

	return undef unless defined $value;
	return $value unless ref $value;
	return ref $value eq 'SCALAR' ? $$value : json($value);
}

# ---- calendars: zones are offsets here, whose days all have 24 hours ----

our %ZONE = (
	'UTC' => 0,
	'Asia/Kolkata' => 5.5 * 3600,
	'America/Phoenix' => -7 * 3600);

use constant DAY => 86400;
use constant MAX_STEPS => 100;    # journey.max_steps
my @weekday = qw(thu fri sat sun mon tue wed);    # from 1970-01-01 on

my %unit = (
	second => 1, minute => 60, hour => 3600);

# (months, days, seconds) of an interval.
sub interval
{
	my ($text) = @_;
	my ($months, $days, $seconds) = (0, 0, 0);

	while ($text =~ /(-?\d+) (\w+?)s?\b/g)
	{
		if ($2 eq 'month') { $months += $1 }
		elsif ($2 eq 'day') { $days += $1 }
		else { $seconds += $1 * $unit{$2} }
	}
	return ($months, $days, $seconds);
}

# (year, month, day) of a number of days since 1970, and back, after Howard Hinnant.
sub civil
{
	my ($z) = @_;
	$z += 719468;
	my $era = int($z / 146097);
	my $doe = $z - $era * 146097;
	my $yoe = int(($doe - int($doe / 1460) + int($doe / 36524) - int($doe / 146096)) / 365);
	my $doy = $doe - (365 * $yoe + int($yoe / 4) - int($yoe / 100));
	my $mp = int((5 * $doy + 2) / 153);
	my $month = $mp < 10 ? $mp + 3 : $mp - 9;
	return ($yoe + $era * 400 + ($month <= 2), $month, $doy - int((153 * $mp + 2) / 5) + 1);
}

sub days_of
{
	my ($year, $month, $day) = @_;
	$year-- if $month <= 2;
	my $era = int($year / 400);
	my $yoe = $year - $era * 400;
	my $doy = int((153 * ($month > 2 ? $month - 3 : $month + 9) + 2) / 5) + $day - 1;
	return $era * 146097 + $yoe * 365 + int($yoe / 4) - int($yoe / 100) + $doy - 719468;
}

sub add_months
{
	my ($days, $months) = @_;
	my ($year, $month, $day) = civil($days);

	$month += $months - 1;
	$year += int($month / 12);
	$month = $month % 12 + 1;
	my $next = $month == 12 ? days_of($year + 1, 1, 1) : days_of($year, $month + 1, 1);
	return min(days_of($year, $month, $day), $next - 1);
}

# DESIGN 3: intervals are added in the member's zone.
sub add
{
	my ($at, $span, $zone) = @_;
	my ($months, $days, $seconds) = interval($span);
	my $local = $at + $ZONE{$zone};
	my $date = int($local / DAY);

	$date = add_months($date, $months) if $months;
	return $at + ($date - int($local / DAY) + $days) * DAY + $seconds;
}

sub later
{
	my ($self, $step, $member, $at, $span) = @_;
	return add($at, $span, $self->member_zone($step, $member));
}

sub time_of_day
{
	my ($text) = @_;
	my ($hour, $minute) = $text =~ /^(\d+):(\d+)$/;
	return $hour * 3600 + $minute * 60;
}

sub on_day
{
	my ($date, $days) = @_;
	return !$days || grep { $_ eq $weekday[ $date % 7 ] } @$days;
}

# The next moment, $at included, with that time of day; "asked at 09:00:00 is now".
sub next_time
{
	my ($at, $time, $days, $zone) = @_;

	for (my $date = int(($at + $ZONE{$zone}) / DAY);; $date++)
	{
		my $moment = $date * DAY + time_of_day($time) - $ZONE{$zone};
		return $moment if $moment >= $at && on_day($date, $days);
	}
}

# [from, to), named by the day on which it opens, perhaps over midnight: the end of
# the opening that $at is in, or undef; and the beginning of the next one.
sub opening
{
	my ($at, $span, $zone) = @_;
	my $today = int(($at + $ZONE{$zone}) / DAY);
	my ($from, $to) = map { time_of_day($_) } @$span{qw(from to)};
	my $end;

	$to += DAY if $to <= $from;
	for my $date ($today - 1, $today)
	{
		my $midnight = $date * DAY - $ZONE{$zone};
		$end = $midnight + $to
		  if on_day($date, $span->{days})
		  && $midnight + $from <= $at
		  && $at < $midnight + $to;
	}
	return ($end, next_time($at, $span->{from}, $span->{days}, $zone));
}

# ---- the world ----

sub new
{
	my ($class, %world) = @_;

	return bless {
		now => 0,
		journeys => {},    # by name
		names => [],       # in the order of their making
		traits => {},      # by customer
		members => [],
		events => [],
		actions => [],
		audience => {},    # name => {customer => 1}
		raised => [],
		fans => [],
		%world }, $class;
}

sub journey
{
	my ($self, $name) = @_;
	return $self->{journeys}{$name} // die "no journey $name";
}

sub definition
{
	my ($self, $member) = @_;
	return $self->journey($member->{journey})->{versions}[ $member->{version} - 1 ];
}

sub newest
{
	my ($journey) = @_;
	return $journey->{versions}[ $journey->{version} - 1 ];
}

sub tile
{
	my ($self, $member) = @_;
	return $self->definition($member)->{tiles}{ $member->{tile} };
}

sub edges_from
{
	my ($definition, $tile) = @_;
	my @edges = @{ $definition->{edges} };

	return map { { %{ $edges[$_] }, position => $_ } }
	  grep { $edges[$_]{from} eq $tile } 0 .. $#edges;
}

sub edges
{
	my ($self, $member) = @_;
	return edges_from($self->definition($member), $member->{tile});
}

# By which members' order is told, everywhere.
sub members_of
{
	my ($self, $customer) = @_;

	return sort { $a->{entered_at} <=> $b->{entered_at} || $a->{id} <=> $b->{id} }
	  grep { $_->{customer} eq $customer } @{ $self->{members} };
}

sub is_open { return $_[0]{state} ne 'exited' }

# Arrivals at the tile, in the log.
sub visits
{
	my ($member, $tile) = @_;
	return $member->{visits}{$tile} // 0;
}

# ---- asking authors' SQL (section 5) ----

sub zone
{
	my ($self, $step, $definition, $member) = @_;
	my $zone = $definition->{timezone} // return 'UTC';

	return $zone if exists $ZONE{$zone};
	my ($value) = $self->ask($step, $definition, $member, $zone, 'UTC');
	return defined $value && exists $ZONE{$value} ? $value : 'UTC';
}

sub member_zone
{
	my ($self, $step, $member) = @_;
	return $self->zone($step, $self->definition($member), $member);
}

# (value, undef) or (undef, SQLSTATE)
sub ask
{
	my ($self, $step, $definition, $member, $sql, $zone) = @_;
	my $twin = $TWIN{$sql} // die "no twin of $sql";
	my $value;

	$zone //= $self->zone($step, $definition, $member);
	my %scope = (
		model => $self,
		customer => $step->{customer},
		event => $step->{event} && $step->{event}{event},
		props => $step->{event} ? $step->{event}{props} : $step->{props} // {},
		traits => $self->{traits}{ $step->{customer} } // {},
		now => $step->{now},
		local_now => $step->{now} + $ZONE{$zone},
		context => $member ? $member->{context} : {},
		visits => $member ? visits($member, $member->{tile}) : 0,
		$member
		? (
			key => $member->{key},
			entered_at => $member->{entered_at},
			arrived_at => $member->{arrived_at},
			outcome => $member->{result}{outcome},
			response => $member->{result}{response})
		: ());
	return ($value, undef) if eval { $value = $twin->(\%scope); 1 };
	die $@ unless $@ =~ /^SQLSTATE (\w{5})/;
	return (undef, $1);
}

# Null is false, an error is not met (rule 12); the SQLSTATE goes to $$erred.
sub holds
{
	my ($self, $step, $member, $rule, $erred) = @_;

	return 1 unless defined $rule->{condition};
	my ($value, $error) = $self->ask($step, $step->{definition} // $self->definition($member),
		$member, $rule->{condition});
	$$erred = $error if $erred && $error;
	return $value;
}

# (value, SQLSTATE) of a template: "{{ sql }}" with its type, else text.
sub fill
{
	my ($self, $step, $member, $template) = @_;
	my $error;

	if (ref $template eq 'HASH')
	{
		my %value;
		for my $name (sort keys %$template)
		{
			($value{$name}, $error) = $self->fill($step, $member, $template->{$name});
			return (undef, $error) if $error;
		}
		return (\%value, undef);
	}
	return ($template, undef) if ref $template || !defined $template;
	return $self->ask($step, $self->definition($member), $member, $1)
	  if $template =~ /^\{\{ (.*?) \}\}$/;
	$template =~ s/\{\{ (.*?) \}\}/
		my ($value, $problem) = $self->ask($step, $self->definition($member), $member, $1);
		$error \/\/= $problem;
		as_text($value) \/\/ '' /ge;
	return $error ? (undef, $error) : ($template, undef);
}

# ---- rows of the log (DECISIONS 10) ----

sub row
{
	my ($self, $step, $member, $from, $to, $edge, $reason) = @_;

	push @{ $member->{log} },
	  {
		version => $member->{version},
		from => $from,
		to => $to,
		edge => $edge,
		reason => $reason,
		event => $step->{event},
		due_at => $step->{due_at},
		at => $step->{now}
	  };
	return;
}

# A row that moves nobody.
sub note
{
	my ($self, $step, $member, $reason) = @_;
	return $self->row($step, $member, $member->{tile}, $member->{tile}, undef, $reason);
}

# ---- timers ----

# The next thing that time does.
sub due_at
{
	my ($member) = @_;
	my @timers = grep { defined } values %{ $member->{timers} };

	return undef if $member->{state} =~ /exited|failed/;
	push @timers, $member->{expires_at} if defined $member->{expires_at};
	return min(@timers);
}

# ---- leaving ----

sub leave
{
	my ($self, $step, $member, $reason, $outcome) = @_;

	$self->row($step, $member, $member->{tile}, undef, undef, $reason);
	return $self->end_run($step, $member, $reason, $outcome);
}

# The end, wherever the member is.
sub end_run
{
	my ($self, $step, $member, $reason, $outcome) = @_;
	my $definition = $self->definition($member);

	@$member{qw(state outcome exited_at timers)} = ('exited', $outcome, $step->{now}, {});

	# A stop takes back what was not sent, an exit rule what quiet hours still hold.
	my @pending = grep { $_->{member} == $member && $_->{state} eq 'pending' } @{ $self->{actions} };
	@pending = grep { $_->{attempts} == 0 && $_->{next_attempt_at} > $step->{now} } @pending
	  if $reason ne 'stopped';
	if ($reason eq 'stopped' || $reason eq 'exit_rule' && $definition->{quiet_hours})
	{
		$self->cancel($_) for @pending;
	}

	# Whoever awaits this run hears of it, then everybody (rule 15); whom it awaits leaves, too.
	push @{ $self->{raised} },
	  { kind => 'result', member => $member->{parent}, child => $member, outcome => $outcome }
	  if $member->{parent};
	push @{ $self->{raised} },
	  {
		kind => 'event',
		event => '$journey_exited',
		props => { journey => $member->{journey}, key => $member->{key}, outcome => $outcome }
	  };
	my $child = $member->{child};
	if ($child && $child->{state} && is_open($child))
	{
		$child->{parent} = undef;
		$self->leave($step, $child, $reason, $outcome);
	}
	return;
}

sub cancel
{
	my ($self, $action) = @_;

	@$action{qw(state next_attempt_at)} = ('cancelled', undef);
	return;
}

# ---- errors (rule 12) ----

sub fail
{
	my ($self, $step, $member) = @_;

	$self->note($step, $member, 'failed');
	delete $member->{arriving};
	@$member{qw(state timers tries)} = ('failed', {}, 0);
	return;
}

# Classes 22 and 42 fail at once, others after three more attempts.
sub erred
{
	my ($self, $step, $member, $sqlstate) = @_;
	my $minutes = (1, 5, 30)[ $member->{tries} ];

	return $self->fail($step, $member) if $sqlstate =~ /^(22|42)/ || !$minutes;
	$member->{tries}++;
	$member->{timers} = { again => $step->{now} + 60 * $minutes };
	return $self->take_past_event($step, $member);
}

# ---- moving ----

# What a tile or a rule leads to: over that edge at once.  Only go_on takes it.
sub over
{
	my ($step, $edge, $reason) = @_;
	return $edge && { step => $step, edge => $edge, reason => $reason };
}

sub take
{
	my ($self, $step, $member, $edge, $reason) = @_;

	$self->row($step, $member, $edge->{from}, $edge->{to}, $edge->{position}, $reason);
	$self->put($step, $member, $edge->{to});

	# Rule 4: a wait on an event edge is a delay on the way.
	return unless $edge->{event} && $edge->{wait};
	my $arrival = $self->later($step, $member, $step->{now}, $edge->{wait});
	@$member{qw(state timers)} = ('in_transit', { arrival => $arrival }) if $arrival > $step->{now};
	return;
}

# Until the member waits, has failed or is gone.  Rule 11: not more than MAX_STEPS.
sub go_on
{
	my ($self, $member, $next) = @_;

	for (my $taken = 1; $next; $taken++)
	{
		my $step = $next->{step};
		$self->take($step, $member, @$next{qw(edge reason)});
		return $self->fail($step, $member) if $taken > MAX_STEPS;
		$next = $self->arrive($step, $member, 'step');
	}
	return;
}

# Over an edge that is no immediate step, and on from there.
sub take_and_go_on
{
	my ($self, $step, $member, $edge, $reason) = @_;

	$self->take($step, $member, $edge, $reason);
	return $self->go_on($member, $self->arrive($step, $member, 'step'));
}

# On a tile, with nothing done there yet.
sub put
{
	my ($self, $step, $member, $tile) = @_;

	# A child that it no longer awaits goes on alone.
	$member->{child}{parent} = undef if $member->{child};
	@$member{qw(tile arrived_at state ready_at timers tries awaits child)} =
	  ($tile, $step->{now}, 'active', undef, {}, 0, undef, undef);
	$member->{visits}{$tile}++;
	$member->{arriving} = 1;
	return;
}

# Rule 2.  $reason is what the member's next row will give.
sub arrive
{
	my ($self, $step, $member, $reason) = @_;
	my $tile = $self->tile($member);

	return if $member->{state} ne 'active';
	if ($tile->{max_visits} && visits($member, $member->{tile}) > ${ $tile->{max_visits} })
	{
		my $edge = $self->first_edge_on($step, $member, 'max_visits');
		return $edge
		  ? over($step, $edge, $reason)
		  : $self->leave($step, $member, 'max_visits', 'max_visits');
	}
	return $self->ask_tile($step, $member, $reason);
}

sub first_edge_on
{
	my ($self, $step, $member, $on) = @_;

	return first { ($_->{on} // '') eq $on && $self->holds($step, $member, $_) }
	$self->edges($member);
}

# The tile's effect; again after an error.
sub ask_tile
{
	my ($self, $step, $member, $reason) = @_;
	my $tile = $self->tile($member);
	my $effect = "do_$tile->{type}";

	return $self->$effect($step, $member, $tile, $reason);
}

sub do_branch
{
	my ($self, $step, $member, $tile, $reason) = @_;
	return $self->ready($step, $member, $reason);
}

sub do_entry { return do_branch(@_) }

sub do_exit
{
	my ($self, $step, $member, $tile) = @_;
	return $self->end_run($step, $member, 'exit', $tile->{outcome} // $member->{tile});
}

sub do_update_profile
{
	my ($self, $step, $member, $tile, $reason) = @_;
	my ($patch, $error) = $self->fill($step, $member, $tile->{set});

	return $self->erred($step, $member, $error) if $error;
	$self->merge_traits($member->{customer}, $patch);
	return $self->ready($step, $member, $reason);
}

# A null removes the trait; rule 15: raised only where something changed.
sub merge_traits
{
	my ($self, $customer, $patch) = @_;
	my $old = $self->{traits}{$customer} // {};
	my %new = (%$old, %$patch);
	my %changed;

	delete @new{ grep { !defined $new{$_} } keys %$patch };
	for my $trait (keys %$patch)
	{
		$changed{$trait} = [ $old->{$trait}, $new{$trait} ]
		  if json($old->{$trait}) ne json($new{$trait});
	}
	$self->{traits}{$customer} = \%new;
	push @{ $self->{raised} },
	  { kind => 'event', event => '$profile_changed', props => { changed => \%changed } }
	  if %changed;
	return;
}

# ---- sending ----

sub do_action
{
	my ($self, $step, $member, $tile, $reason) = @_;
	my $definition = $self->definition($member);
	my $zone = $self->zone($step, $definition, $member);
	my ($payload, $error) = $self->fill($step, $member, $tile->{payload} // {});
	my %action = (
		id => ++$self->{action_ids}, member => $member, tile => $member->{tile},
		customer => $member->{customer}, journey => $member->{journey},
		payload => $payload, tags => $tile->{tags} // [], created_at => $step->{now},
		state => 'pending', attempts => 0, next_attempt_at => $step->{now},
		destination => $tile->{destination});

	return $self->erred($step, $member, $error) if $error;
	if ($definition->{quiet_hours})
	{
		my ($end) = opening($step->{now}, $definition->{quiet_hours}, $zone);
		$action{next_attempt_at} = $end if defined $end;
	}
	@action{qw(zone quiet_hours)} = ($zone, $definition->{quiet_hours});
	$action{cap} = $definition->{cap} if has_tag(\%action, $definition->{cap});
	$action{expires_at} = add($step->{now}, $tile->{expires}, $zone) if $tile->{expires};
	@action{qw(state next_attempt_at)} = ('suppressed', undef)
	  if $self->is_capped($step, $definition->{cap}, \%action);
	push @{ $self->{actions} }, \%action;
	return $self->ready($step, $member, $reason) unless awaits($self->edges($member), $tile);

	return $self->result($step, $member, $reason, 'suppressed') if $action{state} eq 'suppressed';
	$member->{awaits} = \%action;
	$member->{timers} = { expiry => $action{expires_at} } if defined $action{expires_at};
	return $self->take_past_event($step, $member);
}

# Default true for tiles with an edge on: error.
sub awaits
{
	my $tile = pop;
	my @edges = @_;

	return ${ $tile->{await} } eq 'true' if $tile->{await};
	return 1 if $tile->{type} eq 'sub_journey';
	return grep { ($_->{on} // '') eq 'error' } @edges;
}

sub has_tag
{
	my ($action, $cap) = @_;
	return $cap && grep { $_ eq $cap->{tag} } @{ $action->{tags} };
}

# At most max of that tag in (now - per, now], but for those never sent.
sub is_capped
{
	my ($self, $step, $cap, $action) = @_;

	return unless has_tag($action, $cap);
	my ($months, $days, $seconds) = interval($cap->{per});
	my $since = $step->{now} - $days * DAY - $seconds;
	my $count = grep {
		my $other = $_;
		$other->{customer} eq $action->{customer}
		  && $other->{created_at} > $since && $other->{created_at} <= $step->{now}
		  && $other->{state} !~ /suppressed|cancelled/
		  && has_tag($other, $cap)
	} @{ $self->{actions} };
	return $count >= ${ $cap->{max} };
}

# What the tile awaited is in.
sub result
{
	my ($self, $step, $member, $reason, $outcome, $response) = @_;

	$member->{awaits} = undef;
	$member->{child} = undef;
	$member->{result} = { outcome => $outcome, response => $response };

	# Rule 8: it waits for the end of the pause.
	if ($self->journey($member->{journey})->{state} eq 'paused')
	{
		$member->{timers} = { result => $step->{now} };
		return;
	}
	return $self->after_result($step, $member, $reason);
}

# Not delivered is an error, and so is a child refused.
sub after_result
{
	my ($self, $step, $member, $reason) = @_;
	my $outcome = $member->{result}{outcome};

	if ($outcome =~ /^(dead|expired|cancelled)$/ && $self->tile($member)->{type} eq 'action'
		|| $outcome eq 'refused' && $self->tile($member)->{type} eq 'sub_journey')
	{
		my $edge = $self->first_edge_on($step, $member, 'error');
		return over($step, $edge, $reason) if $edge;
	}
	return $self->ready($step, $member, $reason);
}

# ---- sub-journeys ----

sub do_sub_journey
{
	my ($self, $step, $member, $tile, $reason) = @_;
	my ($key, $error) = ($member->{key}, undef);
	my $context;

	($key, $error) = $self->ask($step, $self->definition($member), $member, $tile->{key})
	  if defined $tile->{key};
	return $self->erred($step, $member, $error) if $error;
	($context, $error) = $self->fill($step, $member, $tile->{context} // {});
	return $self->erred($step, $member, $error) if $error;
	my %order = (kind => 'child', journey => $tile->{journey}, key => $key, context => $context);
	push @{ $self->{raised} }, \%order;
	return $self->ready($step, $member, $reason) unless awaits($tile);

	@order{qw(parent is_awaited)} = ($member, 1);
	$member->{child} = \%order;
	return $self->take_past_event($step, $member);
}

# ---- waiting ----

sub do_wait
{
	my ($self, $step, $member, $tile, $reason) = @_;

	if (defined $tile->{condition})
	{
		my $erred;
		return $self->ready($step, $member, $reason)
		  if $self->holds($step, $member, $tile, \$erred);
		return $self->erred($step, $member, $erred) if $erred;
	}
	my ($what, $value) = $self->hold($step, $member, $tile);
	return $self->erred($step, $member, $value) if $what eq 'erred';
	return over($step, $value, $reason) if $what eq 'past';
	return $self->ready($step, $member, $reason) if $what eq 'ready';
	$member->{timers} = {};
	$member->{tries} = 0;
	$member->{timers}{hold} = $value if $what eq 'until';
	$member->{timers}{recheck} = $self->later($step, $member, $step->{now}, $tile->{recheck})
	  if $tile->{recheck};
	return $self->take_past_event($step, $member);
}

# The chain for, until, at, window: ('until', time), ('forever'), ('ready'),
# ('past', edge) or ('erred', SQLSTATE).
sub hold
{
	my ($self, $step, $member, $tile) = @_;
	my $definition = $self->definition($member);
	my $zone = $self->zone($step, $definition, $member);
	my $end = $member->{arrived_at};
	my $error;

	if (defined $tile->{for})
	{
		my $for = $tile->{for};
		($for, $error) = $self->ask($step, $definition, $member, $for) if $TWIN{$for};
		return ('erred', $error // '22004') unless defined $for;
		$end = add($end, $for, $zone);
	}
	if (defined $tile->{until})
	{
		(my $until, $error) = $self->ask($step, $definition, $member, $tile->{until});
		return ('erred', $error // '22004') unless defined $until;
		return ('erred', '22008') if $until eq 'infinity';
		if ($until < $member->{arrived_at})
		{
			my $edge = $self->first_edge_on($step, $member, 'past');
			return ('past', $edge) if $edge;
		}
		$end = max($end, $until);
	}
	$end = next_time($end, $tile->{at}, $tile->{days}, $zone) if defined $tile->{at};
	$end = $self->into_window($step, $member, $tile, $end);

	# Asked again after an error, that may be outside the window.
	$end = $self->into_window($step, $member, $tile, $step->{now}) if $end <= $step->{now};
	return ('until', $end) if $end > $step->{now};
	return ('forever')
	  if defined $tile->{condition} && !grep { defined $tile->{$_} } qw(for until at window);
	return ('ready');
}

sub into_window
{
	my ($self, $step, $member, $tile, $at) = @_;

	return $at unless $tile->{window};
	my ($end, $next) = opening($at, $tile->{window},
		$self->member_zone($step, $member));
	return defined $end ? $at : $next;
}

# since: entry.  After the effect of an arrival and before edges without event.
sub take_past_event
{
	my ($self, $step, $member) = @_;

	return unless delete $member->{arriving};
	for my $edge ($self->edges($member))
	{
		next unless $edge->{event} && ($edge->{since} // '') eq 'entry';
		for my $event ($self->past_events($member, $edge->{event}, $step->{now}))
		{
			my %asking = (%$step, event => $event);
			return over(\%asking, $edge, 'event') if $self->holds(\%asking, $member, $edge);
		}
	}
	return;
}

sub past_events
{
	my ($self, $member, $name, $now) = @_;
	my %used = map { $_->{event}{id} => 1 }
	  grep { $_->{event} && $_->{event}{id} && $_->{reason} !~ /^(goal|failed|retried)$/ } @{ $member->{log} };

	return sort { $a->{at} <=> $b->{at} || $a->{id} <=> $b->{id} }
	  grep { $_->{customer} eq $member->{customer} && $_->{event} eq $name
		  && $_->{at} >= $member->{entered_at} && $_->{at} <= $now && !$used{ $_->{id} } }
	  @{ $self->{events} };
}

# ---- edges without event (rules 3, 5 and 12) ----

sub ready
{
	my ($self, $step, $member, $reason) = @_;

	@$member{qw(ready_at tries)} = ($step->{now}, 0);
	return $self->take_past_event($step, $member) // $self->try_edges($step, $member, $reason);
}

sub choose_by_time
{
	my ($self, $step, $member) = @_;
	my ($later, $erred);

	for my $edge ($self->edges($member))
	{
		next if $edge->{event} || $edge->{on};
		my $eligible = !$edge->{wait} ? $member->{ready_at}
		  : $self->later($step, $member, $member->{ready_at}, $edge->{wait});
		if ($eligible > $step->{now})
		{
			$later = min(grep { defined } $later, $eligible);
			next;
		}
		next unless $self->in_share($member, $edge);
		return $edge if $self->holds($step, $member, $edge, \$erred);
	}
	return (undef, $later, $erred);
}

sub try_edges
{
	my ($self, $step, $member, $reason) = @_;
	my ($edge, $later, $erred) = $self->choose_by_time($step, $member);

	return over($step, $edge, $reason) if $edge;
	return $self->stay($step, $member, $later, $erred);
}

sub stay
{
	my ($self, $step, $member, $later, $erred) = @_;

	$member->{timers} = { edge => $later };
	return if defined $later;
	return $self->erred($step, $member, $erred) if $erred;
	$self->leave($step, $member, 'no_path', 'no_path')
	  unless grep { $_->{event} } $self->edges($member);
	return;
}

# DECISIONS 23, in hundredths of a percent.
sub bucket
{
	my ($journey, $tile, $customer) = @_;
	return unpack('N', md5(join("\x1f", $journey, $tile, $customer))) % 10_000;
}

sub in_share
{
	my ($self, $member, $edge) = @_;

	return 1 unless $edge->{percent};
	my $from = 100 * sum0(map { ${ $_->{percent} } }
		grep { $_->{percent} && $_->{position} < $edge->{position} } $self->edges($member));
	my $bucket = bucket($member->{journey}, $member->{tile}, $member->{customer});
	return $from <= $bucket && $bucket < $from + 100 * ${ $edge->{percent} };
}

# ---- one event is one step (rule 1) ----

# What it means to one member, as it was before.
sub react
{
	my ($self, $step, $member) = @_;
	my $definition = $self->definition($member);
	my $event = $step->{event};
	my %reaction = (member => $member);
	my $goal = $definition->{goal};

	my $is_held = is_open($member) && $self->is_held($member, $step);
	return \%reaction if $event->{at} < $member->{entered_at};
	$reaction{goal} = 1
	  if $goal && $goal->{event} eq $event->{event} && !defined $member->{converted_at}
	  && (!$goal->{within} || $event->{at} <= add($member->{entered_at}, $goal->{within},
			$self->zone($step, $definition, $member)))
	  && $self->holds($step, $member, $goal);
	return \%reaction if $is_held || !is_open($member);
	$reaction{exit} = first { $self->exit_rule_met($step, $member, $_) }
	@{ $definition->{exit} // [] };
	return \%reaction if $reaction{exit} || $member->{state} ne 'active';

	my $tile = $self->tile($member);
	$reaction{reset} = first { $_->{event} eq $event->{event} && $self->holds($step, $member, $_) }
	@{ $tile->{reset} // [] };
	return \%reaction if $event->{at} < $member->{arrived_at};
	$reaction{edge} = first {
		($_->{event} // '') eq $event->{event} && $self->in_share($member, $_)
		  && $self->holds($step, $member, $_)
	}
	$self->edges($member);
	$reaction{ready} = !$reaction{edge} && !$reaction{reset} && !defined $member->{ready_at}
	  && defined $tile->{condition}
	  && $self->holds($step, $member, $tile);
	return \%reaction;
}

# Rule 8: during a pause only goals count; the rest is kept for the resume.  What is
# kept though this journey does not hear it does nothing but that time comes for the
# customer's members at once: see late_customers.
sub is_held
{
	my ($self, $member, $step) = @_;
	my $journey = $self->journey($member->{journey});
	my $pause = $journey->{pauses}[-1];

	return unless $journey->{state} eq 'paused';
	push @{ $pause->{held} }, $step->{event}
	  if ($self->members_hear($step->{event}{event}) || asks_always($self->definition($member)))
	  && !grep { $_ == $step->{event} } @{ $pause->{held} };
	return 1;
}

sub exit_rule_met
{
	my ($self, $step, $member, $rule) = @_;

	return if $rule->{event} && $rule->{event} ne ($step->{event} ? $step->{event}{event} : '');
	return $self->holds($step, $member, $rule);
}

sub carry_out
{
	my ($self, $step, $reaction) = @_;
	my $member = $reaction->{member};

	if ($reaction->{goal})
	{
		$member->{converted_at} = $step->{now};
		$self->note($step, $member, 'goal');
	}

	# A sub-journey's member can have exited with its parent meanwhile.
	return unless is_open($member);
	return $self->leave($step, $member, 'exit_rule', $reaction->{exit}{outcome})
	  if $reaction->{exit};
	if ($reaction->{reset})
	{
		$member->{context} = { %{ $member->{context} }, %{ $step->{event}{props} } };
		@$member{qw(arrived_at ready_at timers tries)} = ($step->{now}, undef, {}, 0);
	}
	return $self->take_and_go_on($step, $member, $reaction->{edge}, 'event') if $reaction->{edge};
	return $self->go_on($member, $self->ask_tile($step, $member, 'event')) if $reaction->{reset};
	return $self->go_on($member, $self->ready($step, $member, 'event')) if $reaction->{ready};
	return;
}

# Each sees the members as they were before the event.
sub happen
{
	my ($self, $event) = @_;
	my %step = (customer => $event->{customer}, now => $event->{at}, event => $event);
	my @todo = map { $self->react(\%step, $_) } $self->members_of($event->{customer});
	my @entries = map { $self->plan_entry(\%step, $_) } @{ $self->{names} };

	$self->carry_out(\%step, $_) for @todo;
	$self->carry_out_entry(\%step, $_) for @entries;
	return;
}

# ---- entering (DESIGN 3, entry_rules; section 5 for what is asked when) ----

sub entry_tile
{
	my ($definition) = @_;
	return first { $definition->{tiles}{$_}{type} eq 'entry' } keys %{ $definition->{tiles} };
}

# Only the first trigger that matches counts.
sub plan_entry
{
	my ($self, $step, $name) = @_;
	my $journey = $self->journey($name);

	return unless $journey->{state} eq 'active';
	my $definition = newest($journey);
	my %asking = (%$step, definition => $definition);
	my $trigger = first {
		($_->{event} // '') eq $step->{event}{event} && $self->holds(\%asking, undef, $_)
	}
	triggers($definition);

	return unless $trigger;
	return $self->plan_fan(\%asking, $name, $trigger) if defined $trigger->{customers};
	return $self->judge_entry(\%asking, $name, $self->entry_key(\%asking, $definition),
		$step->{event}{props}, defined $trigger->{position} ? $trigger : undef);
}

# customers: these enter instead, sorted, each in a step of its own after all of this one.
sub plan_fan
{
	my ($self, $step, $name, $trigger) = @_;
	my ($customers) = $self->ask($step, $step->{definition}, undef, $trigger->{customers});
	my %each = map { $_ => 1 } grep { defined && length } @{ $customers // [] };

	push @{ $self->{fans} }, { journey => $name, customers => [ sort keys %each ], event => $step->{event} };
	return;
}

sub entry_key
{
	my ($self, $step, $definition) = @_;

	return '' unless defined $definition->{key};
	my ($key) = $self->ask($step, $definition, undef, $definition->{key});
	return $key;
}

# What becomes of who would enter: nothing, a merge or a new run.
sub judge_entry
{
	my ($self, $step, $name, $key, $context, $edge) = @_;
	my $definition = newest($self->journey($name));
	my $rules = $definition->{entry_rules} // {};
	my $customer = $step->{customer};

	return unless defined $key;
	return if $rules->{only} && !$self->{audience}{ $rules->{only} }{$customer};
	my @runs = grep { $_->{journey} eq $name } $self->members_of($customer);
	my $inside = first { is_open($_) && $_->{key} eq $key } @runs;
	my %plan = (
		journey => $name, key => $key, context => $context, edge => $edge,
		held_out => $rules->{holdout} && bucket($name, '', $customer) < 100 * ${ $rules->{holdout} });

	if ($inside)
	{
		my $on_active = $rules->{on_active} // 'ignore';
		return if $on_active eq 'ignore';
		return { %plan, $on_active => $inside };
	}
	return if ($rules->{reentry} // '') eq 'never' && grep { $_->{key} eq $key } @runs;
	if ($rules->{cooldown} && @runs)
	{
		my $last = max(map { $_->{entered_at} } @runs);
		return if add($last, $rules->{cooldown}, $self->zone($step, $definition)) > $step->{now};
	}
	return \%plan;
}

sub carry_out_entry
{
	my ($self, $step, $plan) = @_;

	if ($plan->{merge})
	{
		$plan->{merge}{context} = { %{ $plan->{merge}{context} }, %{ $plan->{context} } }
		  if is_open($plan->{merge});
		return $plan->{merge};
	}
	$self->leave($step, $plan->{restart}, 'restarted', 'restarted')
	  if $plan->{restart} && is_open($plan->{restart});
	return $self->enter_run($step, $plan);
}

sub enter_run
{
	my ($self, $step, $plan) = @_;
	my $journey = $self->journey($plan->{journey});
	my $definition = newest($journey);
	my $entry = entry_tile($definition);
	my $member = {
		id => 1 + @{ $self->{members} }, journey => $plan->{journey},
		version => $journey->{version}, customer => $step->{customer}, key => $plan->{key},
		context => { %{ $plan->{context} } }, entered_at => $step->{now},
		timers => {}, log => [], parent => $plan->{parent}, result => {},
		pauses => scalar @{ $journey->{pauses} } };
	my %asking = %$step;

	delete $asking{definition};
	$step = \%asking;
	push @{ $self->{members} }, $member;
	$plan->{parent}{child} = $member if $plan->{parent};
	$self->put($step, $member, $entry);
	$member->{ready_at} = $step->{now};
	$member->{expires_at} = add($step->{now}, $definition->{max_duration},
		$self->zone($step, $definition, $member))
	  if $definition->{max_duration};

	# Entry and the move off the entry tile are one row.
	my ($edge, $later, $erred) = $plan->{held_out} ? () : $plan->{edge}
	  // $self->choose_by_time($step, $member);
	if ($edge)
	{
		$self->take_and_go_on($step, $member, $edge, 'entry');
		return $member;
	}
	$self->row($step, $member, undef, $entry, undef, 'entry');
	if ($plan->{held_out}) { $self->leave($step, $member, 'holdout', 'holdout') }
	else { $self->stay($step, $member, $later, $erred) }
	return $member;
}

# ---- what a step raised (rule 15): first in, first out, the same now ----

sub work_raised
{
	my ($self, $customer, $now) = @_;

	my $worked = 0;
	while (my $raised = shift @{ $self->{raised} })
	{
		next if $raised->{kind} eq 'event' && !$self->is_heard($raised->{event});
		if (++$worked > MAX_STEPS)
		{
			$self->drop($customer, $now, $raised, splice(@{ $self->{raised} }));
			last;
		}
		my $work = "work_$raised->{kind}";
		$self->$work($raised, $customer, $now);
	}
	return $self->work_fans;
}

# What those who enter so raise enters nobody else.
sub work_fans
{
	my ($self) = @_;
	my @fans = splice(@{ $self->{fans} });

	return if $self->{is_fanning};
	local $self->{is_fanning} = 1;
	for my $fan (@fans)
	{
		my ($name, $event) = @$fan{qw(journey event)};
		for my $customer (@{ $fan->{customers} })
		{
			my $definition = newest($self->journey($name));
			my %step = (
				customer => $customer, now => $event->{at}, event => $event, definition => $definition);
			$self->catch_up($customer);
			my $plan = $self->judge_entry(\%step, $name, $self->entry_key(\%step, $definition), $event->{props});
			$self->carry_out_entry(\%step, $plan) if $plan;
			$self->work_raised($customer, $event->{at});
		}
	}
	return;
}

# Rule 15: too many.  Whoever waits for one of those that are dropped fails.
sub drop
{
	my ($self, $customer, $now, @dropped) = @_;
	my %step = (customer => $customer, now => $now);

	for my $raised (@dropped)
	{
		my $parent = $raised->{kind} eq 'result' ? $raised->{member} : $raised->{parent};
		$self->fail(\%step, $parent) if $parent && awaits_that($parent, $raised->{child} // $raised);
	}
	$self->{raised} = [];
	return;
}

sub work_event
{
	my ($self, $raised, $customer, $now) = @_;
	my $name = $raised->{event};
	my %event = (customer => $customer, event => $name, props => $raised->{props}, at => $now);

	$self->log_event(\%event) if grep { $self->names_event($_, $name) } @{ $self->{names} };
	return $self->happen(\%event);
}

# Conditions without event are asked of a change of profile even where nobody names it.
sub is_heard
{
	my ($self, $event) = @_;
	my $hears = $event eq '$profile_changed' ? 'hears' : 'names_event';

	return grep { $self->$hears($_, $event) } @{ $self->{names} };
}

# Does the journey listen to it: its newest version for entries, all that ever were
# in force for members?
sub names_event
{
	my ($self, $name, $event) = @_;
	my $journey = $self->journey($name);

	return 1
	  if $journey->{state} eq 'active' && grep { ($_->{event} // '') eq $event } triggers(newest($journey));
	return members_name($journey, $event);
}

sub members_name
{
	my ($journey, $event) = @_;

	return grep { ($_->{event} // '') eq $event } map {
		my $tiles = $_->{tiles};
		($_->{goal} // (), @{ $_->{exit} // [] }, @{ $_->{edges} },
			map { @{ $_->{reset} // [] } } values %$tiles)
	} versions_in_force($journey);
}

# Members of whatever journey.
sub members_hear
{
	my ($self, $event) = @_;
	return grep { members_name($self->journey($_), $event) } @{ $self->{names} };
}

sub versions_in_force
{
	my ($journey) = @_;
	return @{ $journey->{versions} }[ 0 .. $journey->{version} - 1 ];
}

sub triggers
{
	my ($definition) = @_;
	my $entry = entry_tile($definition);

	return (@{ $definition->{tiles}{$entry}{on} // [] }, edges_from($definition, $entry));
}

sub log_event
{
	my ($self, $event) = @_;

	$event->{id} = 1 + @{ $self->{events} };
	push @{ $self->{events} }, $event;
	return;
}

sub work_child
{
	my ($self, $raised, $customer, $now) = @_;
	my $journey = $self->journey($raised->{journey});
	my $parent = $raised->{parent};
	my %step = (
		customer => $customer, now => $now, props => $raised->{context},
		definition => newest($journey));
	my $plan = $journey->{state} eq 'active'
	  && $self->judge_entry(\%step, $raised->{journey}, $raised->{key}, $raised->{context});

	# The parent may have gone on meanwhile; who merges into a run does not await it.
	return if $raised->{is_awaited} && !($parent && awaits_that($parent, $raised));
	if ($plan && !$plan->{merge})
	{
		$plan->{parent} = $parent;
		$self->carry_out_entry(\%step, $plan);
		return;
	}
	$self->carry_out_entry(\%step, $plan) if $plan;
	%step = (customer => $customer, now => $now);
	$self->go_on($parent, $self->result(\%step, $parent, 'step', 'refused')) if $parent;
	return;
}

# Whom or what a tile sub_journey waits for: the child, before its entry the order.
sub awaits_that
{
	my ($member, $child) = @_;
	return is_open($member) && $member->{child} && $member->{child} == $child;
}

sub work_result
{
	my ($self, $raised, $customer, $now) = @_;
	my $member = $raised->{member};
	my %step = (customer => $customer, now => $now);

	# It may have gone on without its child.
	return unless awaits_that($member, $raised->{child});
	return $self->go_on($member, $self->result(\%step, $member, 'step', $raised->{outcome}));
}

# ---- what time does ----

sub is_running
{
	my ($self, $member) = @_;
	return $self->journey($member->{journey})->{state} =~ /active|completed/;
}

# Never earlier than any arrival of the customer (DECISIONS 14).
sub clock
{
	my ($self, $customer) = @_;
	return max($self->{now}, map { $_->{arrived_at} }
		grep { $_->{state} eq 'active' } $self->members_of($customer));
}

# From due time to due time.  Who is due at the same moment: customer by customer, in
# the order of their first timers, since one can enter another (customers of triggers).
sub advance
{
	my ($self, $to) = @_;

	for (;;)
	{
		$self->catch_up($_) for $self->late_customers;
		my ($first) = sort { $a <=> $b } map { due_at($_) } $self->due_members($to);
		last unless defined $first;
		$self->{now} = max($self->{now}, $first);
		my %timers;
		my @customers = grep { !$timers{$_}++ } map { $_->{customer} }
		  sort { due_at($a) <=> due_at($b) || $a->{id} <=> $b->{id} } $self->due_members($self->{now});
		$self->fire_timers($_, $timers{$_}) for @customers;
	}
	$self->{now} = $to;
	return;
}

sub due_members
{
	my ($self, $by) = @_;

	return grep { defined due_at($_) && due_at($_) <= $by && $self->is_running($_) } @{ $self->{members} };
}

# At most so many of the customer's timers; what is due again at once comes after
# the others.
sub fire_timers
{
	my ($self, $customer, $most) = @_;

	$self->catch_up($customer);
	for (1 .. $most)
	{
		my ($member) = sort { due_at($a) <=> due_at($b) || $a->{entered_at} <=> $b->{entered_at} || $a->{id} <=> $b->{id} }
		  grep { $_->{customer} eq $customer } $self->due_members($self->{now});
		return unless $member;
		$self->fire($member);
	}
	return;
}

# Expiry, then exit rules without event, then the timer's own work.
sub fire
{
	my ($self, $member) = @_;
	my $now = $self->clock($member->{customer});
	my %step = (customer => $member->{customer}, now => $now, due_at => due_at($member));
	my $rule;

	if (defined $member->{expires_at} && $member->{expires_at} <= $now)
	{
		$self->leave(\%step, $member, 'expired', 'expired');
	}
	elsif ($rule = first { $self->exit_rule_met(\%step, $member, $_) }
		@{ $self->definition($member)->{exit} // [] })
	{
		$self->leave(\%step, $member, 'exit_rule', $rule->{outcome});
	}
	else { $self->go_on($member, $self->fire_timer(\%step, $member)) }
	return $self->work_raised($member->{customer}, $now);
}

sub fire_timer
{
	my ($self, $step, $member) = @_;
	my $tile = $self->tile($member);
	my $timers = $member->{timers};
	my %is_due = map { $_ => 1 }
	  grep { defined $timers->{$_} && $timers->{$_} <= $step->{now} } keys %$timers;

	if ($is_due{arrival})
	{
		@$member{qw(state arrived_at timers)} = ('active', $step->{now}, {});
		return $self->arrive($step, $member, 'timer');
	}
	return $self->try_edges($step, $member, 'timer') if defined $member->{ready_at};
	return $self->ask_tile($step, $member, 'timer') if $is_due{again};
	return $self->after_result($step, $member, 'timer') if $is_due{result};
	if ($is_due{expiry})
	{
		# Who has claimed it may still deliver it.
		my ($state, $lease_end) = @{ $member->{awaits} }{qw(state next_attempt_at)};
		if ($state eq 'in_flight' && $lease_end > $step->{now})
		{
			$timers->{expiry} = $lease_end;
			return;
		}
		$self->cancel($member->{awaits});
		$self->raise_end($member->{awaits}, 'expired');
		return $self->result($step, $member, 'timer', 'expired');
	}
	return $self->fire_wait($step, $member, $tile, %is_due);
}

# The hold's end counts for more than a recheck.  Who has missed the window is held
# anew, so the condition is asked then, as on arrival, where it is asked by time at all.
sub fire_wait
{
	my ($self, $step, $member, $tile, %is_due) = @_;
	my $timers = $member->{timers};

	if ($is_due{hold})
	{
		$timers->{hold} = $self->into_window($step, $member, $tile, $step->{now});
		return $self->ready($step, $member, 'timer') if $timers->{hold} <= $step->{now};
	}
	return unless defined $timers->{recheck};
	my $erred;
	return $self->ready($step, $member, 'timer')
	  if $self->holds($step, $member, $tile, \$erred);
	return $self->erred($step, $member, $erred) if $erred;
	$timers->{recheck} = $self->later($step, $member, $step->{now}, $tile->{recheck});
	return;
}

# ---- pauses (rule 8) ----

# Would the journey's versions do anything at that event?
sub hears
{
	my ($self, $name, $event) = @_;
	return $self->names_event($name, $event)
	  || grep { asks_always($_) } versions_in_force($self->journey($name));
}

# Does it ask conditions at whatever event?
sub asks_always
{
	my ($definition) = @_;

	return grep { !$_->{event} && defined $_->{condition} } @{ $definition->{exit} // [] },
	  grep { $_->{type} eq 'wait' } values %{ $definition->{tiles} };
}

# All that the customer's members missed, pause by pause.
sub catch_up
{
	my ($self, $customer) = @_;

	while (my $late = first { is_open($_) && ($self->is_stopped($_) || defined $self->next_pause($_)) }
		$self->members_of($customer))
	{
		if ($self->is_stopped($late))
		{
			$self->exit_stopped($customer);
			next;
		}
		my $pause = $self->next_pause($late);
		my @behind = grep { is_open($_) && $_->{journey} eq $late->{journey}
			  && $_->{pauses} == $late->{pauses} } $self->members_of($customer);
		my %was = map { $_ => where($_) } @behind;

		# Held in the order of their receipt, which the sort keeps; some were never logged.
		for my $event (sort { $a->{at} <=> $b->{at} }
			grep { $_->{customer} eq $customer } @{ $pause->{held} })
		{
			$self->replay($event, $self->moment($customer, $pause), @behind);
		}
		for my $member (@behind)
		{
			$member->{pauses}++;
			$self->put_off($member, $pause) if is_open($member) && where($member) eq $was{$member};
		}
		$self->work_raised($customer, $self->moment($customer, $pause));
	}
	return;
}

sub is_stopped
{
	my ($self, $member) = @_;
	return $self->journey($member->{journey})->{stopped};
}

sub exit_stopped
{
	my ($self, $customer) = @_;
	my %step = (customer => $customer, now => $self->clock($customer));

	$self->leave(\%step, $_, 'stopped', 'stopped')
	  for grep { is_open($_) && $self->is_stopped($_) } $self->members_of($customer);
	return $self->work_raised($customer, $step{now});
}

# The resume, but never earlier than what the customer's members have seen.
sub moment
{
	my ($self, $customer, $pause) = @_;
	return max($pause->{to}, map { $_->{arrived_at} }
		grep { is_open($_) && $_->{state} ne 'in_transit' } $self->members_of($customer));
}

# Customers for whom events are held: time works these off at once.  The others catch
# up with their next timer, event or verb, when it first matters.
sub late_customers
{
	my ($self) = @_;
	my %late;

	for my $member (grep { is_open($_) } @{ $self->{members} })
	{
		my @pauses = @{ $self->journey($member->{journey})->{pauses} };
		$late{ $member->{customer} } = 1
		  if defined $self->next_pause($member)
		  && grep { $_->{customer} eq $member->{customer} } map { @{ $_->{held} } } splice(@pauses, $member->{pauses});
	}
	return sort keys %late;
}

# The first pause that is over and that the member has not behind it.
sub next_pause
{
	my ($self, $member) = @_;
	my $journey = $self->journey($member->{journey});
	my $pause = $journey->{pauses}[ $member->{pauses} ];

	return $journey->{state} ne 'paused' && $pause && defined $pause->{to} ? $pause : undef;
}

# A member of which that is still the same was not moved and not reset.
sub where
{
	my ($member) = @_;
	return line(@$member{qw(tile state arrived_at ready_at)});
}

# By rule 1 without entry triggers; the goals were counted in time.
sub replay
{
	my ($self, $event, $now, @members) = @_;
	my %again = (%$event, at => $now);
	my %step = (customer => $event->{customer}, now => $now, event => \%again);
	my @todo = map { $self->react(\%step, $_) } grep { is_open($_) } @members;

	for my $reaction (@todo)
	{
		delete $reaction->{goal};
		$self->carry_out(\%step, $reaction);
	}
	return $self->work_raised($event->{customer}, $now);
}

sub put_off
{
	my ($self, $member, $pause) = @_;
	my $policy = $self->definition($member)->{on_resume} // 'keep';

	return if $member->{state} eq 'failed';
	return $self->shift_timers($member, $pause) if $policy eq 'shift';
	return $self->restart_wait($member, $self->moment($member->{customer}, $pause)) if $policy eq 'restart';
	return;
}

# All that was still to come, but for results, comes later by what the pause took.
sub shift_timers
{
	my ($self, $member, $pause) = @_;
	my $tile = $self->tile($member);
	my $timers = $member->{timers};
	my $span = $pause->{to} - max($pause->{from}, $member->{arrived_at});
	my %step = (customer => $member->{customer}, now => $pause->{to});

	return if $span <= 0;
	$member->{expires_at} += $span if defined $member->{expires_at};
	return unless $member->{state} eq 'in_transit' || defined $member->{ready_at} || $tile->{type} eq 'wait';
	for my $time (values %$timers, $member->{ready_at})
	{
		$time += $span if defined $time;
	}
	my $end = $timers->{hold} // return;
	$timers->{hold} = next_time($end, $tile->{at}, $tile->{days}, $self->member_zone(\%step, $member))
	  if defined $tile->{at};
	$timers->{hold} = $self->into_window(\%step, $member, $tile, $timers->{hold});

	# Where the hold would have ended without, the condition is asked at the latest.
	$timers->{recheck} = min($timers->{recheck}, $end)
	  if defined $timers->{recheck} && $timers->{hold} > $end;
	return;
}

sub restart_wait
{
	my ($self, $member, $now) = @_;
	my %step = (customer => $member->{customer}, now => $now);
	my $arrived_at = $member->{arrived_at};

	if ($member->{state} eq 'in_transit')
	{
		@$member{qw(arrived_at)} = ($now);
		$member->{timers}{arrival} += $now - $arrived_at;
	}
	elsif (defined $member->{ready_at})
	{
		@$member{qw(arrived_at ready_at)} = ($now, $now);
		$self->go_on($member, $self->try_edges(\%step, $member, 'timer'));
	}
	elsif ($self->tile($member)->{type} eq 'wait')
	{
		@$member{qw(arrived_at timers tries)} = ($now, {}, 0);
		$self->go_on($member, $self->ask_tile(\%step, $member, 'timer'));
	}
	return;
}

# ---- the verbs ----

sub emit
{
	my ($self, $customer, $name, $props, $at) = @_;

	# An event that nobody hears touches nobody.
	$self->catch_up($customer) if grep { $self->hears($_, $name) } @{ $self->{names} };
	my %event = (
		customer => $customer, event => $name, props => $props,
		at => $at // $self->clock($customer));
	$self->log_event(\%event);
	$self->happen(\%event);
	return $self->work_raised($customer, $event{at});
}

# What a verb does to a customer: all missed comes first, all raised last.
sub touch
{
	my ($self, $customer, $do) = @_;

	$self->catch_up($customer);
	my %step = (customer => $customer, now => $self->clock($customer));
	$do->(\%step);
	return $self->work_raised($customer, $step{now});
}

sub enter
{
	my ($self, $name, $customer, $context) = @_;
	my $definition = newest($self->journey($name));

	return $self->touch($customer, sub {
		my %step = (%{ $_[0] }, props => $context, definition => $definition);
		my $plan =
		  $self->judge_entry(\%step, $name, $self->entry_key(\%step, $definition), $context);
		$self->carry_out_entry(\%step, $plan) if $plan;
	});
}

sub inside
{
	my ($self, $name, $customer, $key) = @_;

	return grep { $_->{journey} eq $name && is_open($_) && (!defined $key || $_->{key} eq $key) }
	  $self->members_of($customer);
}

sub exit_members
{
	my ($self, $name, $customer, $outcome, $key) = @_;

	return $self->touch($customer, sub {
		$self->leave($_[0], $_, 'manual', $outcome) for $self->inside($name, $customer, $key);
	});
}

sub move
{
	my ($self, $name, $customer, $tile, $key) = @_;

	return $self->touch($customer, sub {
		my ($step) = @_;
		my ($member) = $self->inside($name, $customer, $key);
		$self->row($step, $member, $member->{tile}, $tile, undef, 'manual');
		$self->put($step, $member, $tile);
		$self->go_on($member, $self->arrive($step, $member, 'step'));
	});
}

sub identify
{
	my ($self, $customer, $traits) = @_;
	return $self->touch($customer, sub { $self->merge_traits($customer, $traits) });
}

sub retry_member
{
	my ($self, $name, $customer, $key) = @_;

	return $self->touch($customer, sub {
		my ($step) = @_;
		my ($member) = $self->inside($name, $customer, $key);
		my $ask = defined $member->{ready_at} ? 'try_edges' : 'ask_tile';
		$self->note($step, $member, 'retried');
		$member->{state} = 'active';
		if ($self->journey($name)->{state} eq 'paused') { $member->{timers} = { again => $step->{now} } }
		else { $self->go_on($member, $self->$ask($step, $member, 'step')) }
	});
}

# ---- the verbs of authors (rules 8 to 10) ----

sub create
{
	my ($self, $name, $definition) = @_;

	push @{ $self->{names} }, $name;
	$self->{journeys}{$name} =
	  { state => 'draft', versions => [$definition], version => 0, pauses => [] };
	return;
}

# A draft of the next version.
sub revise
{
	my ($self, $name, $definition) = @_;

	push @{ $self->journey($name)->{versions} }, $definition;
	return;
}

# Paused stays paused.
sub activate
{
	my ($self, $name) = @_;
	my $journey = $self->journey($name);

	$journey->{version} = @{ $journey->{versions} };
	$journey->{state} = 'active' unless $journey->{state} eq 'paused';
	return;
}

# Members go to the newest version, whose tiles and edges are those of theirs: no timer
# changes, and it is no visit.
sub migrate
{
	my ($self, $name) = @_;
	my $journey = $self->journey($name);

	for my $member (grep { $_->{journey} eq $name && is_open($_) } @{ $self->{members} })
	{
		my %step = (now => $self->clock($member->{customer}));
		$self->row(\%step, $member, $member->{tile}, undef, undef, 'migrated');
		$member->{version} = $journey->{version};
		$self->row(\%step, $member, undef, $member->{tile}, undef, 'migrated');
	}
	return;
}

sub pause
{
	my ($self, $name) = @_;
	my $journey = $self->journey($name);

	$journey->{state} = 'paused';
	push @{ $journey->{pauses} }, { from => $self->{now}, held => [] };
	return;
}

sub resume
{
	my ($self, $name) = @_;
	my $journey = $self->journey($name);

	$journey->{state} = 'active';
	$journey->{pauses}[-1]{to} = $self->{now};
	return;
}

sub complete
{
	my ($self, $name) = @_;

	$self->journey($name)->{state} = 'completed';
	return;
}

sub stop
{
	my ($self, $name) = @_;

	@{ $self->journey($name) }{qw(state stopped)} = ('completed', 1);
	$self->catch_up($_)
	  for sort keys %{ { map { $_->{customer} => 1 } grep { is_open($_) && $_->{journey} eq $name } @{ $self->{members} } } };
	$self->cancel($_)
	  for grep { $_->{journey} eq $name && $_->{state} eq 'pending' } @{ $self->{actions} };
	return;
}

# ---- deliveries ----

sub claim
{
	my ($self, $destination, $lease) = @_;

	for my $action (@{ $self->{actions} })
	{
		next unless $self->is_due($action, $destination);
		if (defined $action->{expires_at} && $action->{expires_at} <= $self->{now})
		{
			$self->cancel($action);
			$self->delivered($action, 'expired');
			next;
		}
		if ($self->journey($action->{journey})->{stopped})
		{
			$action->{error} = 'journey was stopped';
			$self->cancel($action);
			$self->delivered($action, 'cancelled');
			next;
		}
	}
	for my $action (sort { $a->{next_attempt_at} <=> $b->{next_attempt_at} || $a->{journey} cmp $b->{journey} }
		grep { $self->is_due($_, $destination) } @{ $self->{actions} })
	{
		my $held = $self->held_until($action);
		if (!defined $held)
		{
			@$action{qw(state next_attempt_at)} = ('suppressed', undef);
			$self->delivered($action, 'suppressed');
		}
		elsif ($held > $self->{now})
		{
			@$action{qw(state next_attempt_at)} = ('pending', $held);
		}
		else
		{
			@$action{qw(state next_attempt_at)} = ('in_flight', $self->{now} + $lease);
			$action->{attempts}++;
		}
	}
	return;
}

sub is_due
{
	my ($self, $action, $destination) = @_;

	return $action->{destination} eq $destination && $action->{state} =~ /pending|in_flight/
	  && $action->{next_attempt_at} <= $self->{now}
	  && $self->journey($action->{journey})->{state} ne 'paused';
}

# Until when quiet hours or a cap keep an action from leaving; undef: it is one too
# many for its cap.  Of those that count the one is asked that would be the last: by a
# twentieth of the span it may be late.
sub held_until
{
	my ($self, $action) = @_;
	my ($now, $cap, $zone) = ($self->{now}, @$action{qw(cap zone)});

	if ($action->{quiet_hours})
	{
		my ($end) = opening($now, $action->{quiet_hours}, $zone);
		return $end if defined $end;
	}
	return 0 unless $cap;
	my @got = sort { $b <=> $a } map { $_->{state} eq 'in_flight' ? $now : $_->{delivered_at} }
	  grep { $_ != $action && $_->{customer} eq $action->{customer}
		  && $_->{state} =~ /in_flight|delivered/ && has_tag($_, $cap) } @{ $self->{actions} };
	my $last = $got[ ${ $cap->{max} } - 1 ] // return 0;
	my $free = add($last, $cap->{per}, $zone);
	return 0 if $free <= $now;
	return $free - $now > (add($now, $cap->{per}, $zone) - $now) / 20 ? undef : $free;
}

# One action, told by what a user sees of it.
sub action
{
	my ($self, $which) = @_;
	my @found = grep { my $action = $_; !grep { action_name($action)->{$_} ne $which->{$_} } keys %$which }
	  @{ $self->{actions} };

	return @found == 1 ? $found[0] : undef;
}

sub action_name
{
	my ($action) = @_;

	return {
		map({ $_ => $action->{$_} } qw(journey customer tile created_at)),
		key => $action->{member}{key}, entered_at => $action->{member}{entered_at} };
}

sub ack
{
	my ($self, $which, $response) = @_;
	my $action = $self->action($which) // return;

	return unless $action->{state} eq 'in_flight';
	@$action{qw(state next_attempt_at delivered_at)} = ('delivered', undef, $self->{now});
	return $self->delivered($action, 'delivered', $response);
}

sub nack
{
	my ($self, $which, $retry_in) = @_;
	my $action = $self->action($which) // return;

	return unless $action->{state} eq 'in_flight';
	if ($self->journey($action->{journey})->{stopped})
	{
		$action->{error} = 'no';
		$self->cancel($action);
		return $self->delivered($action, 'cancelled');
	}
	@$action{qw(state next_attempt_at)} = ('pending', $self->{now} + $retry_in);
	return;
}

sub cancel_action
{
	my ($self, $which) = @_;
	my $action = $self->action($which) // return;

	return unless $action->{state} eq 'pending';
	$self->cancel($action);
	return $self->delivered($action, 'cancelled');
}

sub delivered
{
	my ($self, $action, $outcome, $response) = @_;
	my $customer = $action->{customer};
	my $member = $action->{member};

	my $awaits = sub { is_open($member) && ($member->{awaits} // 0) == $action };

	# Rule 8: an action that nobody awaits touches no member.
	return unless $awaits->() || $outcome ne 'suppressed' && $self->is_heard(end_event($outcome));
	return $self->touch($customer, sub {
		$self->raise_end($action, $outcome) if $outcome ne 'suppressed';
		$self->go_on($member, $self->result($_[0], $member, 'step', $outcome, $response)) if $awaits->();
	});
}

sub end_event
{
	my ($outcome) = @_;
	return $outcome eq 'delivered' ? '$action_delivered' : '$action_failed';
}

sub raise_end
{
	my ($self, $action, $outcome) = @_;
	my %props = (key => $action->{member}{key}, map { $_ => $action->{$_} } qw(journey tile destination));

	$props{error} = $outcome eq 'expired' ? 'expired' : $action->{error}
	  if $outcome eq 'expired' || $outcome eq 'cancelled' && defined $action->{error};
	push @{ $self->{raised} }, { kind => 'event', event => end_event($outcome), props => \%props };
	return;
}

# ---- what the tables must show, a line per row ----

sub runs
{
	my ($self) = @_;
	my %count;

	return map { [ join('|', @$_{qw(journey customer key)}, ++$count{ join('|', @$_{qw(journey customer key)}) }), $_ ] }
	  @{ $self->{members} };
}

sub line
{
	return join('|', map { $_ // '' } @_);
}

sub event_name
{
	my ($event, $member) = @_;

	# Who enters by another's event has it not in the own log.
	return undef unless $event && $event->{id} && $event->{customer} eq $member->{customer};
	return $event->{event} . (as_text($event->{props}{n}) // '');
}

sub dump_tables
{
	my ($self) = @_;
	my @lines;
	my %run;

	for ($self->runs)
	{
		my ($run, $member) = @$_;
		my $seq = 0;
		$run{$member} = $run;
		push @lines, line("member|$run", @$member{qw(version tile state entered_at arrived_at)},
			due_at($member), json($member->{context}), @$member{qw(outcome exited_at converted_at)});
		push @lines, line("move|$run", ++$seq, @$_{qw(version from to edge reason)},
			event_name($_->{event}, $member), @$_{qw(due_at at)})
		  for @{ $member->{log} };
	}
	push @lines, line("action|$run{$_->{member}}", @$_{qw(tile created_at next_attempt_at state attempts)},
		json($_->{payload}))
	  for @{ $self->{actions} };
	push @lines, line('customer', $_, json($self->{traits}{$_})) for keys %{ $self->{traits} };
	return [ sort @lines ];
}

1;
