# Mails: what is built, read by a reader that shares nothing with the builder
# (Python's email package), and mails that arrive at the sink.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use JSON::PP;
use Journey;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sink;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $work = $PostgreSQL::Test::Utils::tmp_check;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $node = PostgreSQL::Test::Cluster->new('mail');

$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->start;

sub output_of
{
	my ($in, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \$in, '>', \$out, '2>', \$err) or die "@command: $err";
	chomp $out;
	return $out;
}

sub python { my ($in, @arguments) = @_; return output_of($in, 'python3', '-B', "$top/test/mail/mails.py", @arguments); }

sub write_file
{
	my ($name, $text) = @_;

	open my $file, '>:raw', $name or die "$name: $!";
	print $file $text;
	close $file or die $!;
	return $name;
}

# The builder as functions of SQL, without the extension.
sub build_module
{
	my $module = "$work/mail_drive.so";
	my @flags = map { split ' ', output_of('', 'pg_config', $_) } qw(--cppflags --cflags_sl);
	my @command = (split(' ', $ENV{CC} // 'gcc'), qw(-std=gnu99 -O1 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare),
		qw(-Wno-missing-field-initializers -shared), "-Wl,-Bsymbolic", @flags,
		'-I' . output_of('', qw(pg_config --includedir-server)), '-o', $module,
		"$top/test/mail/drive.c", glob("$top/src/mail*.c"), glob("$top/src/transfer*.c"), '-lcurl');
	my $said = '';

	@command = grep { !m{/mail_(request|sender)\.c$} } @command;
	IPC::Run::run(\@command, '>', \$said, '2>&1') or BAIL_OUT("@command: $said");
	$node->safe_psql(
		'postgres', qq{
CREATE FUNCTION mail_build(mail jsonb) RETURNS jsonb AS '$module', 'mail_test_build' LANGUAGE C;
CREATE FUNCTION mail_send(mail jsonb, "where" jsonb) RETURNS jsonb AS '$module', 'mail_test_send' LANGUAGE C;
CREATE FUNCTION try(mail jsonb) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	detail text;
BEGIN
	PERFORM mail_build(mail);
	RETURN 'built';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(detail, ''));
END \$\$;});
	return;
}

# The rows of a query about the mails given, in their order: mail is what each is.
sub each_mail
{
	my ($expression, @mails) = @_;
	my $file = write_file("$work/mails", join '', map { $json->encode($_) . "\n" } @mails);

	return split /\n/, $node->safe_psql(
		'postgres', qq{
CREATE TEMP TABLE line (n int GENERATED ALWAYS AS IDENTITY, mail jsonb);
COPY line (mail) FROM '$file' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');
SELECT $expression FROM line ORDER BY n});
}

sub mail
{
	return { from => 'shop@example.com', to => 'ada@example.com', text => "Hi\n", date => '2026-11-22 10:46:03+00', @_ };
}

# What the reader finds in them, as built.
sub read_mails
{
	my @built = each_mail('mail_build(mail)', @_);
	return map { $json->decode($_) } split /\n/, python(join("\n", @built) . "\n", 'read');
}

build_module();

# One with everything.
my ($found) = read_mails(
	mail(
		id => '7d9f0c1e-0000-4000-8000-0123456789ab',
		from => "Ada's Caf\x{e9} <shop\@Example.com>",
		reply_to => 'Help <help@example.com>',
		to => '"Doe, John" <john@example.com>, ada@example.com, Ada <ada@EXAMPLE.com>, J. R. "Bob" Dobbs <bob@x.org>,, Bob@x.org',
		subject => "\x{20ac}5 off: \x{65e5}\x{672c}\x{8a9e} \x{1f600} and a line that is long enough to need more than one line",
		text => "Hi \x{1f600}\n.\nFrom here\n",
		html => "<p>Gr\x{fc}\x{df}e</p>\n",
		headers => {
			'List-Unsubscribe' => '<https://example.com/u/' . 'x' x 200 . '>,  <mailto:u@example.com>',
			'List-Unsubscribe-Post' => 'List-Unsubscribe=One-Click',
			'X-Empty' => ' ',
			'X-Name' => "Gr\x{fc}\x{df}e" }));
is_deeply($found->{from}, [ [ "Ada's Caf\x{e9}", 'shop@Example.com' ] ], 'from');
is_deeply(
	$found->{to},
	[ [ 'Doe, John', 'john@example.com' ], [ '', 'ada@example.com' ], [ 'J. R. Bob Dobbs', 'bob@x.org' ],
		[ '', 'Bob@x.org' ] ],
	'to: each once, by the first of its names');
is_deeply($found->{reply_to}, [ [ 'Help', 'help@example.com' ] ], 'reply to');
is($found->{subject}, "\x{20ac}5 off: \x{65e5}\x{672c}\x{8a9e} \x{1f600} and a line that is long enough to need more than one line", 'subject');
is($found->{message_id}, '<7d9f0c1e-0000-4000-8000-0123456789ab@Example.com>', 'Message-ID from the stable id');
is($found->{date}, '2026-11-22T10:46:03+00:00', 'date');
is($found->{type}, 'multipart/alternative', 'both parts are alternatives');
is_deeply($found->{parts}, { 'text/plain' => "Hi \x{1f600}\n.\nFrom here\n", 'text/html' => "<p>Gr\x{fc}\x{df}e</p>\n" }, 'both parts');
is($found->{headers}{'list-unsubscribe'}, '<https://example.com/u/' . 'x' x 200 . '>, <mailto:u@example.com>', 'a link is not encoded');
is($found->{headers}{'x-name'}, "Gr\x{fc}\x{df}e", 'a further header that is not ASCII');
is_deeply(
	$found->{names},
	[ qw(Date From Reply-To To Subject Message-ID X-Name List-Unsubscribe List-Unsubscribe-Post MIME-Version Content-Type) ],
	'header lines: none twice, none that is empty');

# The same mail is the same bytes, and another has another boundary.
my @twins = each_mail('md5(mail_build(mail)::text)', map { mail(html => 'x', id => $_) } qw(a a b));
is($twins[0], $twins[1], 'a mail that is built again is the same');
isnt($twins[0], $twins[2], 'and another is not');

# What is shorter.
my @encoded = map { $_->{encodings}{'text/plain'} } read_mails(
	mail(text => "plain\n"), mail(text => "Gr\x{fc}\x{df}e aus K\x{f6}ln, wo es immer regnet\n"), mail(text => "\x{65e5}\x{672c}\x{8a9e}" x 30));
is("@encoded", 'quoted-printable quoted-printable base64', 'each text is encoded by what is shorter');

# A part of which its writer hoped that it ends the message, or begins another.
my ($boundary, $another) =
  map { decode_base64($_) =~ /boundary="([^"]+)"/ ? $1 : die 'no boundary' }
  each_mail(q{mail_build(mail)->>'message'}, mail(html => 'x'), mail(html => 'x', id => 'b'));
isnt($boundary, $another, 'each mail has a boundary of its own');
my $attack = "x\n--$boundary--\n\n--$boundary\nContent-Type: text/html\n\nmine\n.\nQUIT\n";
($found) = read_mails(mail(text => $attack, html => $attack));
is_deeply($found->{parts}, { 'text/plain' => $attack, 'text/html' => $attack }, 'a part cannot hold the boundary');

# Random ones.
my $seed = $ENV{MAIL_SEED} // time;
my $made = write_file("$work/made", python('', 'make', $seed, $ENV{MAIL_MANY} // 600) . "\n");
my $built = write_file(
	"$work/built",
	join '',
	map { "$_\n" } each_mail('mail_build(mail)', map { $json->decode($_)->{made} } split /\n/, slurp_file($made)));
my $differences = python('', 'compare', $made, $built);
like($differences, qr/\A\d+ compared\z/, "random mails are read as they were written (seed $seed)");

# What is refused, all of it with 22023.
my $other = 'is not a mail address';
my @refused = (
	[ 'a line break in to', { to => "ada\@example.com\nBcc: eve\@example.com" }, '"to" of the mail holds a line break' ],
	[ 'CR in to', { to => "ada\@example.com\rX: y" }, '"to" of the mail holds a line break' ],
	[ 'a line break in a name', { to => "\"Ada\r\nBcc: eve\@example.com\" <ada\@example.com>" }, '"to" of the mail holds a line break' ],
	[ 'in from', { from => "Shop\n <a\@b.c>" }, '"from" of the mail holds a line break' ],
	[ 'in reply_to', { reply_to => "a\@b.c\n" }, '"reply_to" of the mail holds a line break' ],
	[ 'in the sender', { sender => "a\@b.c>\r\nRCPT TO:<eve\@x.y" }, '"sender" of the mail holds a line break' ],
	[ 'a bracket in the sender', { sender => "a\@b.c> SIZE=1" }, "\"sender\" of the mail $other" ],
	[ 'in the subject', { subject => "Hi\nBcc: eve\@example.com" }, 'header "Subject" of the mail holds a line break' ],
	[ 'CR in the subject', { subject => "Hi\rBcc: eve\@example.com" }, 'header "Subject" of the mail holds a line break' ],
	[ 'in a header', { headers => { 'X-A' => "b\r\nBcc: e\@x.y" } }, 'header "X-A" of the mail holds a line break' ],
	[ 'ESC in a header', { headers => { 'X-A' => "b\x1b[0m" } }, 'header "X-A" of the mail holds a control character' ],
	[ 'a header\'s name of two lines', { headers => { "X\nBcc" => 'a@b.c' } }, 'a header of the mail has a name' ],
	[ 'a name with a colon', { headers => { 'Bcc: a@b.c, X' => 'a@b.c' } }, 'a header of the mail has a name' ],
	[ 'a name with a blank', { headers => { 'Bcc ' => 'a@b.c' } }, 'a header of the mail has a name' ],
	[ 'no name', { headers => { '' => 'a@b.c' } }, 'a header of the mail has a name' ],
	[ 'a name not ASCII', { headers => { "X-\x{e9}" => 'a@b.c' } }, 'a header of the mail has a name' ],
	(   map { [ "header $_", { headers => { $_ => 'a@b.c' } }, "header \"$_\" of the mail cannot be set" ] }
		  qw(Bcc bcc CC To From Reply-To Subject Date Message-Id MIME-Version Content-Type content-transfer-encoding Return-Path Resent-To)),
	[ 'a word too long', { headers => { 'X-A' => 'x' x 998 } }, 'header "X-A" of the mail holds a word of more than' ],
	[ 'a header too long', { headers => { 'X-A' => 'x ' x 5000 } }, 'header "X-A" of the mail is longer than' ],
	[ 'a subject too long', { subject => 'x ' x 5000 }, 'header "Subject" of the mail is longer than' ],
	[ 'no recipient', { to => '' }, '"to" of the mail holds no address' ],
	[ 'null as recipient', { to => undef }, '"to" of the mail holds no address' ],
	[ 'commas only', { to => ' , ,' }, '"to" of the mail holds no address' ],
	[ 'no from', { from => '' }, '"from" of the mail holds no address' ],
	[ 'two from', { from => 'a@b.c, d@e.f' }, '"from" of the mail holds more than one address' ],
	[ 'two senders', { sender => 'a@b.c, d@e.f' }, '"sender" of the mail holds more than one address' ],
	[ '101 recipients', { to => join ',', map { "a$_\@x.y" } 1 .. 101 }, '"to" of the mail holds more than 100 addresses' ],
	[ 'neither text nor html', { text => '' }, 'the mail has neither text nor html' ],
	[ 'too much text', { text => 'x' x (10 * 1024 * 1024 + 1) }, 'the mail is longer than' ],
	[ 'too much html', { html => 'x' x (10 * 1024 * 1024 + 1) }, 'the mail is longer than' ],
	[ 'an id with a bracket', { id => 'a>' }, 'the mail has an id' ],
	[ 'an id of two lines', { id => "a\nb" }, 'the mail has an id' ],
	(   map { [ "the address $_->[0]", { to => $_->[0] }, "\"to\" of the mail $other: $_->[1]" ] }
		  [ 'ada', 'it has no @' ], [ 'ada@', 'its domain' ], [ '@example.com', 'its part before' ],
		[ 'ada@@example.com', 'its part before' ], [ 'a@b@c', 'its part before' ], [ '.a@b', 'its part before' ],
		[ 'a.@b', 'its part before' ], [ 'a..b@c', 'its part before' ], [ "\x{e9}va\@b.c", 'its part before the @ is not ASCII' ],
		[ "a\@b\x{fc}cher.example", 'its domain is not ASCII' ], [ "Name <a\@b\x{fc}cher.example>", 'its domain is not ASCII' ],
		[ 'a@[127.0.0.1]', 'it has what' ], [ 'a@-b.c', 'its domain' ], [ 'a@b-.c', 'its domain' ], [ 'a@b..c', 'its domain' ],
		[ 'a@b.c.', 'its domain' ], [ 'a@b_c', 'its domain' ], [ '"a b"@c', 'after a name' ], [ 'ada (work) <a@b>', 'it has what' ],
		[ 'a@b (work)', 'it has what' ], [ 'team: a@b, c@d;', 'it has what' ], [ '<@x,@y:a@b>', 'it has what' ],
		[ 'Ada <a@b', 'its < has no >' ], [ 'Ada <a@b> x', 'it has what' ], [ 'Ada a@b', 'after a name' ], [ 'a@b c@d', 'after a name' ],
		[ 'a@b <c@d>', 'a name with an @' ], [ '"Ada <a@b>', 'its quote has no end' ], [ '"Ada\\', 'its quote has no end' ],
		[ 'Ada <>', 'it has no @' ], [ 'a@b;c@d', 'it has what' ], [ 'a\\@b', 'it has what' ], [ '<<a@b>>', 'it has what' ],
		[ 'x' x 65 . '@b', 'its part before the @ is too long' ], [ 'a@' . 'x' x 64 . '.c', 'its domain is not one' ],
		[ 'x' x 64 . '@' . 'abc.' x 62 . 'com', 'it is too long' ],
		[ '"' . 'x' x 501 . '" <a@b>', 'its name is too long' ]),
);
my @said = each_mail('try(mail)', map { mail(%{ $_->[1] }) } @refused);
for my $i (0 .. $#refused)
{
	my ($name, undef, $message) = @{ $refused[$i] };
	like($said[$i], qr/\A22023 \Q$message\E/, "refused: $name");
}

# And what is not.
my @taken = (
	{ to => 'ada@localhost' }, { to => 'x' x 64 . '@' . 'x' x 63 . '.com' }, { to => join ',', map { "a$_\@x.y" } 1 .. 100 },
	{ to => join ',', map { "a$_\@x.y, A <a$_\@X.Y>" } 1 .. 100 }, { sender => '' }, { text => 'x' x (10 * 1024 * 1024) },
	{ text => undef, html => 'x' }, { headers => { 'X-A' => 'x' x 990 } }, { to => '<ada@example.com>' }, { to => "o'neil+x=1\@b.c" });
is_deeply([ each_mail('try(mail)', map { mail(%$_) } @taken) ], [ map { 'built' } @taken ], 'what is right is taken');

# To the sink: real servers, real TLS.
my $sink = Sink->start;

# What comes of a mail sent there: the outcome, its status and the error.
sub sent
{
	my ($where, %mail) = @_;
	my %default = (ca => $sink->ca, allow => 'localhost', user => 'user', password => 'password');
	my $file = write_file("$work/where", $json->encode({ %default, %$where }));
	my ($said) = each_mail(qq{mail_send(mail, pg_read_file('$file')::jsonb)}, mail(%mail));
	my $answer = $json->decode($said);

	unlike($answer->{error}, qr/password/, 'an error does not show the password');
	return "$answer->{outcome} $answer->{status} $answer->{error}";
}

# The mail with that id as it arrived: the ledger's line, with what was read in it.
sub arrived
{
	my ($id) = @_;
	my @lines = grep { $_->{complete} } $sink->ledger(kind => 'smtp', id => "$id\@example.com");

	return undef unless @lines == 1;
	my $line = $lines[0];
	$line->{read} = $json->decode(python('{"message": "' . encode_base64($line->{body}, '') . '"}', 'read'));
	return $line;
}

my %letter = (
	to => "\"D\x{f6}e, J\x{f6}hn\" <john\@example.com>, ada\@example.org",
	subject => "\x{20ac}5 off, \x{65e5}\x{672c}\x{8a9e} and more, " . 'for a subject that does not fit into one line ' x 3 . '.',
	text => "Hi J\x{f6}hn\n.\n..\n.x\nFrom here " . 'x' x 2000 . "\n\ttrailing \t\n" . "\x{1f600}" x 100 . "\n",
	html => "<p>" . "\x{e9}" x 1000 . "</p>\n.\n");
for my $case (
	[ 'by STARTTLS', 'starttls', { url => $sink->url('smtp') }, 1 ],
	[ 'by TLS', 'tls', { url => $sink->url('smtps') }, 1 ],
	[ 'plainly, where that is asked for', 'plain', { url => $sink->url('smtp'), tls => 'none' }, 0 ])
{
	my ($name, $id, $where, $tls) = @$case;

	like(sent($where, %letter, id => $id), qr/\Aok 250 /, "sent $name");
	my $line = arrived($id) // {};
	my $seen = $line->{read} // {};
	is(defined $line->{tls} ? 1 : 0, $tls, "$name: encrypted or not");
	is($line->{user}, 'user', "$name: with the user's name");
	is($line->{sender}, 'shop@example.com', "$name: the envelope's sender");
	is_deeply($line->{recipients}, [ 'john@example.com', 'ada@example.org' ], "$name: the envelope's recipients");
	is_deeply($seen->{to}, [ [ "D\x{f6}e, J\x{f6}hn", 'john@example.com' ], [ '', 'ada@example.org' ] ], "$name: names");
	is($seen->{subject}, $letter{subject}, "$name: subject");
	is_deeply($seen->{parts}, { 'text/plain' => $letter{text}, 'text/html' => $letter{html} }, "$name: both parts");
	cmp_ok($seen->{longest} // 1000, '<=', 76, "$name: no line is long");
}
like(sent({ url => $sink->url('smtps') }, id => 'alone', text => "one\n.\n", subject => 'x'), qr/\Aok/, 'one part alone');
is_deeply((arrived('alone') // {})->{read}{parts}, { 'text/plain' => "one\n.\n" }, 'arrives as it was');
like(sent({ url => $sink->url('smtps') }, id => 'empty', sender => ''), qr/\Aok/, 'an empty sender of the envelope');
is((arrived('empty') // {})->{sender}, '', 'is the empty one');
like(sent({ url => $sink->url('smtps') }, id => 'other', sender => 'bounces@example.net'), qr/\Aok/, 'another sender of the envelope');
is((arrived('other') // {})->{sender}, 'bounces@example.net', 'is it');

# What does not arrive.
my @failed = (
	[ 'a server without STARTTLS', { port => 'smtp', at => 'ehlo', hide => ['STARTTLS'] }, {}, qr/\Atls / ],
	[ 'a wrong password', undef, { password => 'guessed' }, qr/\Asmtp reply 535 / ],
	[ 'a place that is not allowed', undef, { allow => 'example.com' }, qr/\Arefused 0 / ],
	[ 'another certificate', undef, { url => $sink->url('smtps_wrong_host') }, qr/\Atls 0 / ],
	[ 'an old certificate', undef, { url => $sink->url('smtp_expired') }, qr/\Atls / ],
	[ 'no certificate that we trust', undef, { ca => undef }, qr/\Atls / ],
	[ 'a sender that is refused for now', { port => 'smtp', at => 'mail', code => 451 }, {}, qr/\Asmtp reply 451 / ],
	[ 'a recipient that is not there', { recipient => 'ada@example.org', at => 'rcpt', code => 550 }, {}, qr/\Asmtp reply 550 / ],
	[ 'a recipient later', { recipient => 'ada@example.org', at => 'rcpt', code => 450 }, {}, qr/\Asmtp reply 450 / ],
	[ 'a server that is full', { recipient => 'ada@example.org', at => 'data', code => 452 }, {}, qr/\Asmtp reply 452 / ],
	[ 'a message that is refused', { recipient => 'ada@example.org', at => 'end', code => 554 }, {}, qr/\Asmtp reply 554 / ],
	[ 'a message refused for now', { recipient => 'ada@example.org', at => 'end', code => 421 }, {}, qr/\Asmtp reply 421 / ]);
for my $case (@failed)
{
	my ($name, $script, $where, $expected) = @$case;
	my $before = grep { $_->{complete} && $_->{status} && $_->{status} < 300 } $sink->ledger(kind => 'smtp');

	$sink->forget;
	if ($script)
	{
		my %reply = %$script;
		my ($by) = grep { exists $reply{$_} } qw(port recipient);
		my $whom = delete $reply{$by};
		$sink->script($by => $whom, replies => [ \%reply ]);
	}
	like(sent({ url => $sink->url('smtp'), %$where }, %letter, id => 'never'), $expected, "not sent: $name");
	is(scalar(grep { $_->{complete} && $_->{status} && $_->{status} < 300 } $sink->ledger(kind => 'smtp')),
		$before, "$name: nothing was taken");
}

# From an event to the mail, by the worker.
my $live = new_server(
	'live',
	init => { extra => [ '--locale=C', '--encoding=UTF8' ] },
	conf => "journey.http_allow = 'localhost'\njourney.http_ca_file = '" . $sink->ca . "'\n");
my $ascii = JSON::PP->new->ascii->canonical;
my $journey = $ascii->encode(
	{
		tiles => {
			start => { type => 'entry', on => [ { event => 'order' } ] },
			write => {
				type => 'action',
				destination => "{{ }}",
				payload => { to => "{{ context->'to' }}", map { ($_ => "{{ context->>'$_' }}") } qw(subject text html) },
				retry => { max => 3, first => '1 second' } },
			done => { type => 'exit', outcome => 'written' },
			bounced => { type => 'exit', outcome => 'bounced' } },
		edges => [ { from => 'start', to => 'write' }, { from => 'write', to => 'done' }, { from => 'write', to => 'bounced', on => 'error' } ] });

sub live
{
	my ($database, $sql) = @_;
	return $live->safe_psql($database, $sql);
}

# A destination, and a journey of its name that writes there what the event says.
sub letterbox
{
	my ($database, $name, $secret, %config) = @_;
	my $config = $ascii->encode(
		{ url => $sink->url('smtp', ''), user => 'user', password => '{{ secret }}', from => "Caf\x{e9} Ada <shop\@example.com>", %config });
	my $definition = $journey =~ s/"\{\{ \}\}"/"$name"/r =~ s/"order"/"order $name"/r;

	return live(
		$database, qq{
SELECT journey_destination_create('$name', 'smtp', \$\$$config\$\$, '$secret');
SELECT journey_create('$name', \$\$$definition\$\$);
SELECT journey_activate('$name');});
}

sub order
{
	my ($database, $name, $customer, %props) = @_;
	my $props = $ascii->encode({ to => "$customer\@example.org", subject => 'Hi', text => "Hi\n", %props });
	return live($database, "SELECT journey_emit('$customer', 'order $name', \$\$$props\$\$)");
}

# Its end: state, attempts and the outcome of the member.
sub ended
{
	my ($database, $customer) = @_;
	my $where = "FROM journey.action JOIN journey.member m ON m.id = action.member WHERE action.customer = '$customer'";

	wait_for($live, $database, "SELECT count(*) > 0 $where AND action.state IN ('delivered', 'dead') AND m.state = 'exited'",
		"$customer: it ends");
	return split /\|/, live($database, "SELECT action.id, action.state, attempts, outcome, last_error, action.response, extract(epoch FROM date_trunc('second', action.created_at))::bigint $where");
}

sub seconds_of
{
	my ($line) = @_;
	return live('postgres', "SELECT extract(epoch FROM timestamptz '" . ($line->{read}{date} // '-infinity') . "')::bigint");
}

live('postgres', 'CREATE EXTENSION journey');
letterbox('postgres', 'letters', 'password', sender => 'bounces@example.net', reply_to => 'help@example.com',
	headers => { 'List-Unsubscribe' => '<https://example.com/u?who={{ customer }}>', 'X-None' => "{{ payload->>'none' }}" });
$sink->forget;
order('postgres', 'letters', 'ada', %letter, subject => $letter{subject}, to => $letter{to});
my ($id, $state, $attempts, $outcome, $error, $response, $created) = ended('postgres', 'ada');
my $line = arrived($id) // {};
is("$state $attempts $outcome", 'delivered 1 written', 'a mail is delivered');
is(decode_json($response // 'null')->{status}, 250, 'and says what the server said');
is($line->{sender}, 'bounces@example.net', 'with the sender that the destination says');
is_deeply($line->{read}{from}, [ [ "Caf\x{e9} Ada", 'shop@example.com' ] ], 'from whom the destination says');
is_deeply($line->{read}{reply_to}, [ [ '', 'help@example.com' ] ], 'with answers to whom it says');
is($line->{read}{subject}, $letter{subject}, 'subject');
is_deeply($line->{read}{parts}, { 'text/plain' => $letter{text}, 'text/html' => $letter{html} }, 'text and html');
is($line->{read}{headers}{'list-unsubscribe'}, '<https://example.com/u?who=ada>', 'a further header');
ok(!exists $line->{read}{headers}{'x-none'}, 'but none whose value is null');
is(seconds_of($line), $created, 'dated when the member moved');
ok(defined $line->{tls}, 'encrypted');

order('postgres', 'letters', 'eve', to => "eve\@example.org\nBcc: bob\@example.org");
($id, $state, $attempts, $outcome, $error) = ended('postgres', 'eve');
is("$state $attempts $outcome", 'dead 1 bounced', 'a mail that cannot be is dead');
is($error, '"to" of the mail holds a line break or another control character', 'and why is said');

order('postgres', 'letters', 'many', to => [ 'ada@example.org', "Jos\x{e9} <jose\@example.org>", undef, 'ada@example.org' ]);
($id, $state) = ended('postgres', 'many');
$line = arrived($id) // {};
is($state, 'delivered', 'a list of addresses');
is_deeply([ sort @{ $line->{recipients} // [] } ], [ 'ada@example.org', 'jose@example.org' ], 'goes to each once');
is_deeply($line->{read}{to}, [ [ '', 'ada@example.org' ], [ "Jos\x{e9}", 'jose@example.org' ] ], 'and names them');
for my $case ([ 'two' => [ 'a@example.org, b@example.org' ], '"to" of the mail holds more than one address' ],
	[ 'number' => [ 'a@example.org', 7 ], '"to" of the mail is a list with an item that is not a text' ],
	[ 'nobody' => [], '"to" of the mail holds no address' ])
{
	my ($customer, $to, $expected) = @$case;

	order('postgres', 'letters', $customer, to => $to);
	($id, $state, $attempts, $outcome, $error) = ended('postgres', $customer);
	is("$state $error", "dead $expected", "a list: $customer");
}

$sink->script(recipient => 'gone@example.org', replies => [ { at => 'rcpt', code => 550, text => '5.1.1 nobody here' } ]);
order('postgres', 'letters', 'gone');
($id, $state, $attempts, $outcome, $error, $response) = ended('postgres', 'gone');
is("$state $attempts $outcome", 'dead 1 bounced', 'what a server refuses is dead');
like($error, qr/550/, 'with its reply');
is(decode_json($response || '{}')->{status}, 550, 'for the error edge too');

$sink->script(recipient => 'busy@example.org', replies => [ { at => 'end', code => 451 }, { at => 'end', code => 250 } ]);
order('postgres', 'letters', 'busy', html => '<p>x');
($id, $state, $attempts, $outcome) = ended('postgres', 'busy');
is("$state $attempts $outcome", 'delivered 2 written', 'what a server puts off is sent again');
my @tries = $sink->ledger(kind => 'smtp', id => "$id\@example.com");
is_deeply([ map { $_->{status} } @tries ], [ 451, 250 ], 'it came twice');
is($tries[0]{body_sha}, $tries[1]{body_sha}, 'the same mail, to the byte');

# One that waited.
live('postgres', q{SELECT journey_destination_pause('letters')});
order('postgres', 'letters', 'late');
live('postgres', q{UPDATE journey.action SET created_at = created_at - interval '2 hours' WHERE customer = 'late'});
live('postgres', q{SELECT journey_destination_resume('letters')});
($id, $state, undef, undef, undef, undef, $created) = ended('postgres', 'late');
cmp_ok(seconds_of(arrived($id) // {}) - $created, '>', 7000, 'a mail that waited is dated when it leaves');

letterbox('postgres', 'plain', 'password', tls => 'none', headers => {});
order('postgres', 'plain', 'paul');
($id, $state) = ended('postgres', 'paul');
ok($state eq 'delivered' && !defined((arrived($id) // { tls => 1 })->{tls}), 'plainly, where the destination says so');
letterbox('postgres', 'wrong', 'guessed');
order('postgres', 'wrong', 'wendy');
($id, $state, $attempts, $outcome, $error) = ended('postgres', 'wendy');
like("$state $error", qr/\Adead .*535/, 'a wrong password is said');
unlike(live('postgres', 'SELECT string_agg(a::text, chr(10)) FROM journey.action a'), qr/guessed/, 'but not shown');

# Another encoding than mails have.
live('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
live('latin', 'CREATE EXTENSION journey');
letterbox('latin', 'letters', 'password');
order('latin', 'letters', 'lea', subject => "Gr\x{fc}\x{df}e", text => "\x{e9}t\x{e9}\n");
($id, $state) = ended('latin', 'lea');
$line = arrived($id) // {};
is($line->{read}{subject}, "Gr\x{fc}\x{df}e", 'a database of another encoding: subject');
is($line->{read}{parts}{'text/plain'}, "\x{e9}t\x{e9}\n", 'text');
is_deeply($line->{read}{from}, [ [ "Caf\x{e9} Ada", 'shop@example.com' ] ], 'name');
no_violations($live, 'postgres', 'no rule is broken');
$live->stop;
$sink->stop;

done_testing();
