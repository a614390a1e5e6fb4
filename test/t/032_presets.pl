# Presets: what each of them sends is what its service documents.
#
# Each case has a request as the service's own documentation shows it, at the address
# given; what arrives must have the same method, path, headers and body, with our
# values in it.  Only the host is another: the sink's.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use Journey;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $ascii = JSON::PP->new->ascii->canonical;
my $sink = Sink->start;
my $node = new_server(
	'presets',
	init => { extra => [ '--locale=C', '--encoding=UTF8' ] },
	conf => "journey.http_allow = 'localhost'\njourney.http_ca_file = '" . $sink->ca . "'\n");
my $iso = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\z/;
my $base = $sink->url('https', '');
my $signing = 'whsec_' . encode_base64('journey presets: 32 random bytes', '');
my $customer = "ada/l\x{f6}velace";
my $path_customer = 'ada%2Fl%C3%B6velace';

sub basic { return 'Basic ' . encode_base64(join(':', @_), ''); }

# Each: the preset; what is given besides; the secret; the payload; and what is to
# come: the host that the preset names, method, path, headers and body.  A Regexp in
# a body is a pattern for what is not known.
my @cases = (
	# https://www.braze.com/docs/api/endpoints/user_data/post_user_track/ and
	# https://www.braze.com/docs/api/objects_filters/event_object/
	{   preset => 'braze',
		url => "$base/users/track",
		secret => 'braze-key',
		payload => { name => 'cart_left', properties => { total => 12.5, items => [ 'a', 'b' ] } },
		path => '/users/track',
		headers => { Authorization => 'Bearer braze-key', 'Content-Type' => 'application/json' },
		body => {
			events => [
				{ external_id => $customer, name => 'cart_left', time => $iso, properties => { total => 12.5, items => [ 'a', 'b' ] } } ] } },
	{   preset => 'braze',
		url => "$base/users/track",
		secret => 'braze-key',
		payload => { name => 'cart_left' },
		path => '/users/track',
		body => { events => [ { external_id => $customer, name => 'cart_left', time => $iso, properties => {} } ] } },
	# https://www.braze.com/docs/api/endpoints/messaging/send_messages/post_send_triggered_campaigns/
	{   preset => 'braze_campaign',
		url => "$base/campaigns/trigger/send",
		secret => 'braze-key',
		payload => { campaign_id => 'c-1', properties => { cart => 'x' } },
		path => '/campaigns/trigger/send',
		headers => { Authorization => 'Bearer braze-key', 'Content-Type' => 'application/json' },
		body => {
			campaign_id => 'c-1',
			recipients => [ { external_user_id => $customer, trigger_properties => { cart => 'x' } } ] } },
	# https://docs.customer.io/integrations/api/track/tag/track-events/track/: timestamp in
	# seconds; basic authentication with site id and API key
	{   preset => 'customerio',
		host => 'https://track.customer.io',
		secret => { site_id => 'site', api_key => 'key' },
		payload => { name => 'purchase', data => { price => 23.45 } },
		path => "/api/v1/customers/$path_customer/events",
		headers => { Authorization => basic('site', 'key'), 'Content-Type' => 'application/json' },
		body => { name => 'purchase', data => { price => 23.45 }, timestamp => qr/\A\d{10}\z/ } },
	# https://docs.customer.io/integrations/api/track/tag/track-customers/identify/
	{   preset => 'customerio_identify',
		host => 'https://track.customer.io',
		secret => { site_id => 'site', api_key => 'key' },
		payload => { email => 'ada@example.com', plan => 'free' },
		method => 'PUT',
		path => "/api/v1/customers/$path_customer",
		headers => { Authorization => basic('site', 'key'), 'Content-Type' => 'application/json' },
		body => { email => 'ada@example.com', plan => 'free' } },
	# https://docs.customer.io/integrations/api/app/tag/send-messages/send-email/
	{   preset => 'customerio_email',
		host => 'https://api.customer.io',
		secret => 'app-key',
		payload => { to => 'ada@example.com', transactional_message_id => 44, data => { code => 'abc' } },
		path => '/v1/send/email',
		headers => { Authorization => 'Bearer app-key', 'Content-Type' => 'application/json' },
		body => {
			to => 'ada@example.com',
			transactional_message_id => 44,
			message_data => { code => 'abc' },
			identifiers => { id => $customer } } },
	# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send: of several
	# contents text/plain comes first, none is empty, custom_args are strings
	{   preset => 'sendgrid',
		host => 'https://api.sendgrid.com',
		secret => 'SG.key',
		payload => { to => 'ada@example.com', from => 'shop@example.com', subject => 'Hi', text => 'Hello', html => '<p>Hello' },
		path => '/v3/mail/send',
		headers => { Authorization => 'Bearer SG.key', 'Content-Type' => 'application/json' },
		body => {
			personalizations => [
				{ to => [ { email => 'ada@example.com' } ], custom_args => { action => qr/\A[0-9a-f-]{36}\z/, journey => qr/\Aj\d+\z/ } } ],
			from => { email => 'shop@example.com' },
			subject => 'Hi',
			content => [ { type => 'text/plain', value => 'Hello' }, { type => 'text/html', value => '<p>Hello' } ] } },
	{   preset => 'sendgrid',
		host => 'https://api.sendgrid.com',
		secret => 'SG.key',
		payload => { to => 'ada@example.com', from => 'shop@example.com', subject => 'Hi', html => '<p>Hello' },
		path => '/v3/mail/send',
		body => {
			personalizations => [
				{ to => [ { email => 'ada@example.com' } ], custom_args => { action => qr/./, journey => qr/./ } } ],
			from => { email => 'shop@example.com' },
			subject => 'Hi',
			content => [ { type => 'text/html', value => '<p>Hello' } ] } },
	# https://www.twilio.com/docs/sendgrid/ui/sending-email/how-to-send-an-email-with-dynamic-templates
	{   preset => 'sendgrid_template',
		host => 'https://api.sendgrid.com',
		secret => 'SG.key',
		payload => { to => 'ada@example.com', from => 'shop@example.com', template_id => 'd-1', data => { name => 'Ada' } },
		path => '/v3/mail/send',
		headers => { Authorization => 'Bearer SG.key', 'Content-Type' => 'application/json' },
		body => {
			personalizations => [
				{ to => [ { email => 'ada@example.com' } ], dynamic_template_data => { name => 'Ada' }, custom_args => { action => qr/./, journey => qr/./ } } ],
			from => { email => 'shop@example.com' },
			template_id => 'd-1' } },
	# https://www.twilio.com/docs/messaging/api/message-resource: a form; From or
	# MessagingServiceSid; MediaUrl once for each; basic authentication
	{   preset => 'twilio',
		host => 'https://api.twilio.com',
		secret => { account => 'AC123', token => 'tok' },
		payload => { to => '+15558675310', from => '+15017122661', text => "Hi \x{e9} & co", media => [ 'https://x.org/1', 'https://x.org/2' ] },
		path => '/2010-04-01/Accounts/AC123/Messages.json',
		headers => { Authorization => basic('AC123', 'tok'), 'Content-Type' => 'application/x-www-form-urlencoded' },
		form => {
			To => ['+15558675310'], From => ['+15017122661'], Body => [ "Hi \x{e9} & co" ],
			MediaUrl => [ 'https://x.org/1', 'https://x.org/2' ] } },
	{   preset => 'twilio',
		host => 'https://api.twilio.com',
		secret => { account => 'AC123', token => 'tok' },
		payload => { to => '+15558675310', service => 'MG1', text => 'Hi' },
		path => '/2010-04-01/Accounts/AC123/Messages.json',
		form => { To => ['+15558675310'], MessagingServiceSid => ['MG1'], Body => ['Hi'] } },
	# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: the whole
	# address is the secret
	{   preset => 'slack',
		secret => "$base/services/T00000000/B00000000/XXXX",
		payload => { text => 'A cart was left', blocks => [ { type => 'divider' } ] },
		path => '/services/T00000000/B00000000/XXXX',
		headers => { 'Content-Type' => 'application/json' },
		body => { text => 'A cart was left', blocks => [ { type => 'divider' } ] } },
	# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
	{   preset => 'signed',
		url => "$base/signed",
		secret => $signing,
		payload => { cart => 'x' },
		path => '/signed',
		headers => { 'Content-Type' => 'application/json' },
		signature => 'valid',
		body => {
			type => 'journey.send',
			timestamp => $iso,
			data => { id => qr/\A[0-9a-f-]{36}\z/, journey => qr/\Aj\d+\z/, tile => 'send', customer => $customer, payload => { cart => 'x' } } } });

sub literal { my ($text) = @_; return '$lit$' . $text . '$lit$'; }

# The config to give: the preset's own address, but for its host.
sub config_of
{
	my ($case) = @_;
	my %config = (preset => $case->{preset});
	my $own = $node->safe_psql('postgres', "SELECT config->>'url' FROM journey.destination_preset WHERE name = '$case->{preset}'");

	if ($case->{host})
	{
		like($own, qr/\A\Q$case->{host}\E\//, "$case->{preset}: its host is the service's");
		$config{url} = $own =~ s/\A\Q$case->{host}\E/$base/r;
	}
	$config{url} = $case->{url} if $case->{url};
	return $ascii->encode(\%config);
}

sub send_one
{
	my ($name, $case) = @_;
	my $secret = ref $case->{secret} ? $ascii->encode($case->{secret}) : $case->{secret};
	my $definition = $ascii->encode(
		{
			tiles => {
				start => { type => 'entry' },
				send => { type => 'action', destination => $name, payload => $case->{payload} },
				done => { type => 'exit' } },
			edges => [ { from => 'start', to => 'send' }, { from => 'send', to => 'done' } ] });
	my $who = $ascii->encode([$customer]);

	$node->safe_psql(
		'postgres', join ";\n",
		"SELECT journey_destination_create('$name', 'webhook', " . literal(config_of($case)) . ", " . literal($secret) . ")",
		"SELECT journey_create('$name', " . literal($definition) . ")",
		"SELECT journey_activate('$name')",
		"SELECT journey_enter('$name', " . literal($who) . "::jsonb->>0, '{}')");
	wait_for($node, 'postgres', "SELECT state IN ('delivered', 'dead') FROM journey.action WHERE journey = '$name'", "$case->{preset}: sent");
	return split /\|/, $node->safe_psql('postgres', "SELECT id, state, last_error FROM journey.action WHERE journey = '$name'");
}

# Where a value is not as expected, the path to it; each Regexp is a pattern.
sub difference
{
	my ($found, $expected, $path) = @_;
	my @below;

	if (ref $expected eq 'HASH' && ref $found eq 'HASH')
	{
		my %all = (%$found, %$expected);
		@below = map {
			!exists $found->{$_} ? "$path.$_ is missing"
			  : !exists $expected->{$_} ? "$path.$_ is not documented"
			  : difference($found->{$_}, $expected->{$_}, "$path.$_")
		} sort keys %all;
	}
	elsif (ref $expected eq 'ARRAY' && ref $found eq 'ARRAY' && @$found == @$expected)
	{
		@below = map { difference($found->[$_], $expected->[$_], "$path\[$_]") } 0 .. $#$found;
	}
	elsif (ref $expected eq 'Regexp')
	{
		@below = "$path is " . $json->encode($found) if ref $found || $found !~ $expected;
	}
	elsif ($json->encode($found) ne $json->encode($expected))
	{
		@below = "$path is " . $json->encode($found);
	}
	return @below;
}

# A form's values by name, each a list.
sub form_of
{
	my ($body) = @_;
	my %form;

	for my $pair (split /&/, $body)
	{
		my ($name, $value) = map { s/\+/ /gr =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split /=/, $pair, 2;
		utf8::decode($value);
		push @{ $form{$name} }, $value;
	}
	return \%form;
}

$node->safe_psql('postgres', 'CREATE EXTENSION journey');
$sink->secrets(path => '/signed', secrets => [$signing]);
my $n = 0;
for my $case (@cases)
{
	my $preset = $case->{preset};
	my ($id, $state, $error) = send_one('j' . ++$n, $case);
	my ($line) = $sink->ledger(id => $id);

	is($state, 'delivered', "$preset: taken") or diag($error);
	$line //= { body => '' };
	my %header = map { (lc $_ => $line->{headers}{$_}) } keys %{ $line->{headers} // {} };
	is($line->{method}, $case->{method} // 'POST', "$preset: method");
	is($line->{target}, $case->{path}, "$preset: path");
	is($header{ lc $_ }, $case->{headers}{$_}, "$preset: $_") for sort keys %{ $case->{headers} // {} };
	is_deeply(
		$case->{form} ? form_of($line->{body}) : [ difference(eval { $json->decode($line->{body}) }, $case->{body}, 'body') ],
		$case->{form} // [], "$preset: body")
	  or diag($line->{body});
	is($line->{signature}{verdict}, $case->{signature}, "$preset: signature") if $case->{signature};
}

# None is left out.
my %seen = map { $_->{preset} => 1 } @cases;
is($node->safe_psql('postgres', 'SELECT string_agg(name, chr(32) ORDER BY name COLLATE "C") FROM journey.destination_preset'),
	join(' ', sort keys %seen), 'each preset is checked');
$node->stop;
$sink->stop;
done_testing();
