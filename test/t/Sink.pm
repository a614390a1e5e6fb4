
=head1 NAME

Sink - the receiver of webhooks and mail, test/sink.py, as tests use it

  my $sink = Sink->start(dns => 1);
  $sink->script(path => '/hook', replies => [ 503, { status => 503, retry_after => 1 }, 200 ]);
  ... let $sink->url('http', '/hook') be called ...
  my @lines = $sink->wait_for(3, path => '/hook');
  $sink->load($node, 'postgres');    # the table sink, for the oracles
  $sink->stop;

What can be scripted is told in sink.py and, of replies, in sink_http.py and
sink_mail.py.  A sink ends with the test that started it, whatever becomes of it.

=cut

package Sink;

use strict;
use warnings;

use File::Basename;
use File::Path qw(remove_tree);
use IPC::Open2;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Socket;
use Time::HiRes qw(time usleep);

my $here = dirname(__FILE__);
my $json = JSON::PP->new->utf8->canonical;
my $started = 0;

# Start one.  Options: dns (1, or a port), addresses, ports {name: number}, tls
# (0 saves the 0.2 s that making certificates takes), user ("user:password"),
# cap (bytes of a body that the ledger keeps), idle and total (seconds after which
# it ends in any case), folder.
sub start
{
	my ($class, %option) = @_;
	my $self = bless { seen => [], read => 0 }, $class;

	$self->{folder} = $option{folder}
	  // "$PostgreSQL::Test::Utils::tmp_check/" . basename($0, '.pl') . '_sink' . ++$started;
	remove_tree($self->{folder});
	%option = (idle => 600, total => 3600, %option);
	my %port = %{ $option{ports} // {} };
	$port{dns} = $option{dns} if ($option{dns} // 0) > 1;
	my @command = ('python3', '-B', "$here/../sink.py", $self->{folder});
	push @command, '--dns' if $option{dns};
	push @command, '--no-tls' if exists $option{tls} && !$option{tls};
	push @command, map { ('--address', $_) } @{ $option{addresses} // [] };
	push @command, map { ('--port', "$_=$port{$_}") } sort keys %port;
	push @command, map { ("--$_", $option{$_}) } grep { exists $option{$_} } qw(user cap idle total);

	# Perl closes both pipes in what it starts later: the sink sees the end of its
	# input when this process ends, and not only when its servers do.
	$self->{pid} = open2($self->{out}, $self->{in}, @command);
	$self->{in}->autoflush(1);
	$self->{ready} = $self->answer;
	return $self;
}

sub pid { return $_[0]{pid}; }
sub ca { return $_[0]{ready}{ca}; }
sub ledger_file { return $_[0]{ready}{ledger}; }

sub port
{
	my ($self, $name) = @_;
	return $self->{ready}{ports}{$name} // die "the sink has no port $name";
}

# The url of a path at a port: http, https, https_expired, ..., smtp, smtps.
sub url
{
	my ($self, $name, $path) = @_;
	my ($scheme) = $name =~ /^(https?|smtps?)/ or die "no url leads to $name";
	my $host = $scheme eq 'http' ? '127.0.0.1' : 'localhost';
	return "$scheme://$host:" . $self->port($name) . ($path // '/');
}

sub answer
{
	my ($self) = @_;

	local $SIG{ALRM} = sub { die "the sink does not answer\n" };
	alarm $PostgreSQL::Test::Utils::timeout_default;
	my $line = readline $self->{out};
	alarm 0;
	die "the sink has ended\n" unless defined $line;
	my $answer = $json->decode($line);
	die "the sink: $answer->{error}\n" if $answer->{error};
	return $answer;
}

sub command
{
	my ($self, %command) = @_;
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } $json->encode(\%command), "\n";
	return $self->answer;
}

# script(path | id | recipient | port => ..., replies => [...], shared => 0 | 1)
sub script { my ($self, %rule) = @_; return $self->command(do => 'script', %rule); }

# secrets(secrets => ['whsec_...'], path => ..., tolerance => seconds)
sub secrets { my ($self, %which) = @_; return $self->command(do => 'secrets', %which); }

# Let go the replies that have hold => $name.
sub release { my ($self, $name) = @_; return $self->command(do => 'release', name => $name); }

# Forget scripts, secrets and the numbers of attempts; the ledger stays.
sub forget { my ($self) = @_; return $self->command(do => 'forget'); }

# How many lines the ledger has, at no cost.
sub lines { my ($self) = @_; return $self->command(do => 'status')->{lines}; }

# dns('name', A => [...], AAAA => [...]): the answers to one query after another.
sub dns
{
	my ($self, $name, %types) = @_;

	$self->command(do => 'dns', name => $name, type => $_, replies => $types{$_}) for sort keys %types;
	return;
}

# The ledger's lines with these fields (kind => 'http' unless told; undef: any),
# as hashes; body is the bytes.  Slow for many thousands: load() those.
sub ledger
{
	my ($self, %fields) = @_;

	$fields{kind} = 'http' unless exists $fields{kind};
	delete $fields{kind} unless defined $fields{kind};
	# As much as is there now: it may grow faster than this reads.
	open my $file, '<:raw', $self->ledger_file or die $!;
	sysseek $file, $self->{read}, 0;
	sysread $file, my $text, (-s $file) - $self->{read};
	for ($text =~ /[^\n]+\n/g)
	{
		$self->{read} += length;
		push @{ $self->{seen} }, { text => $_ };
	}
	# Decoding is slow: first by the looks, which for these are unmistakable.
	my @look = map { quotemeta(qq("$_": )) . '"?' . quotemeta($fields{$_}) . '[",}]' }
	  grep { /^(kind|id|path|port|of|name)\z/ && $fields{$_} =~ /\A[\w\/. -]+\z/ } keys %fields;
	my @lines;
	LINE: for my $seen (@{ $self->{seen} })
	{
		$seen->{text} =~ $_ or next LINE for @look;
		my $line = $seen->{line} //= decode($seen->{text});
		($line->{$_} // '') eq $fields{$_} or next LINE for keys %fields;
		push @lines, $line;
	}
	return @lines;
}

sub decode
{
	my ($text) = @_;
	my $body = $text =~ s/, "body_base64": "([^"]*)"\}$/}/ ? $1 : undef;
	my $line = $json->decode($text);
	$line->{body} = decode_base64($body) if defined $body;
	return $line;
}

# The same, once there are that many; dies where they do not come.
sub wait_for
{
	my ($self, $many, %fields) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my @lines = $self->ledger(%fields);
		return @lines if @lines >= $many;
		die scalar(@lines) . " of $many in the sink's ledger\n" if time > $until;
		usleep(20_000);
	}
}

# Put the requests and mails of the ledger, as it is now, into the table sink of
# that database, anew; ended and sent are of replies that were sent piece by piece.
sub load
{
	my ($self, $node, $database, $table) = @_;
	my $text = slurp_file($self->ledger_file);
	my $copy = "$self->{folder}/ledger.copy";

	$table //= 'sink';
	# What is after the last line feed is still being written.
	substr($text, 1 + rindex($text, "\n")) = '';
	open my $file, '>:raw', $copy or die $!;
	print $file $text;
	close $file or die $!;
	# JSON has neither of these two bytes, so each line is one value.
	return $node->safe_psql(
		$database, qq{
BEGIN;
DROP TABLE IF EXISTS $table;
CREATE TEMP TABLE line (line json) ON COMMIT DROP;
COPY line FROM '$copy' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');
CREATE TABLE $table AS
SELECT l.seq, l.kind, l.id, l.attempt, to_timestamp(l.at) AS at, l.mono, l.port, l.method, l.path,
	   l.headers, l.complete, l.body_sha, l.body_length, decode(l.body_base64, 'base64') AS body,
	   l.status, l.reply, l.signature->>'verdict' AS signature, l.signature->'keys' AS keys,
	   l.sender, l.recipients, l.rejected, l.connection, e.how AS ended, e.sent
  FROM line,
	   json_to_record(line) AS l(seq bigint, kind text, id text, attempt int, at float8, mono float8,
		   port text, method text, path text, headers json, complete bool, body_sha text,
		   body_length bigint, body_base64 text, status int, reply json, signature json,
		   sender text, recipients json, rejected json, connection int)
  LEFT JOIN (SELECT (line->>'of')::bigint AS seq, line->>'how' AS how, (line->>'sent')::bigint AS sent
			   FROM line WHERE line->>'kind' = 'end') e USING (seq)
 WHERE l.kind IN ('http', 'smtp');
COMMIT;
ANALYZE $table;
SELECT count(*) FROM $table;});
}

# The same sink as it was killed: whatever it was about to do, it does not.
sub kill9
{
	my ($self) = @_;

	kill 'KILL', $self->{pid};
	return $self->stop;
}

sub stop
{
	my ($self) = @_;

	return unless $self->{pid};
	close $self->{in};
	local $?;
	for my $try (1 .. 100)
	{
		last if waitpid($self->{pid}, 1) != 0;
		kill 'KILL', $self->{pid} if $try == 60;
		usleep(50_000);
	}
	delete $self->{pid};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($@, $!);
	$self->stop;
	return;
}

=head2 private_network(addresses => [...])

For tests of what a client does with names and addresses: to be called in BEGIN,
it starts the test anew in a network of its own that has nothing but loopback,
with those further IPv4 addresses on it (of the metadata service, of a public
host), and where 127.0.0.1 port 53 is everybody's name server.  There a sink with
dns => 53, ports and addresses like those gets what no real network may see.

Libcurl as Debian builds it cannot be told of a name server (it is not linked
with c-ares, so CURLOPT_DNS_SERVERS fails): it asks glibc, which reads
/etc/resolv.conf, and that knows of no port.  Hence a mount over that file, in a
namespace.  It needs no root where users may make namespaces, as in Debian.
Returns false where they may not, or where there is no file to mount over.

=cut

sub private_network
{
	my (%option) = @_;
	my @unshare = qw(unshare --map-current-user --keep-caps --mount --net);

	if (!$ENV{JOURNEY_PRIVATE_NETWORK})
	{
		return 0
		  if system("@unshare mount --bind /etc/hosts /etc/resolv.conf >/dev/null 2>&1");
		local $ENV{JOURNEY_PRIVATE_NETWORK} = $$;
		exec @unshare, $^X, (map { "-I$_" } @INC), $0, @ARGV or die "unshare: $!";
	}
	# The namespace is this process's alone, for exec keeps the process id.
	die "JOURNEY_PRIVATE_NETWORK is set\n" if $ENV{JOURNEY_PRIVATE_NETWORK} != $$;

	my $folder = PostgreSQL::Test::Utils::tempdir('network');
	my %file = (
		'resolv.conf' => "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n",
		'nsswitch.conf' => "passwd: files\ngroup: files\nhosts: files dns\n",
		'hosts' => "127.0.0.1 localhost\n::1 localhost\n");
	for my $name (sort keys %file)
	{
		append_to_file("$folder/$name", $file{$name});
		chmod 0644, "$folder/$name";
		next unless -e "/etc/$name";
		system_or_bail('mount', '--bind', "$folder/$name", "/etc/$name");
	}
	my $number = 0;
	set_interface('lo', undef);
	set_interface('lo:' . ++$number, $_) for @{ $option{addresses} // [] };
	return 1;
}

# Give an interface an address, or bring it up.  By ioctl: ip may be missing.
sub set_interface
{
	my ($name, $address) = @_;
	my ($SIOCSIFFLAGS, $SIOCSIFADDR, $SIOCSIFNETMASK, $IFF_UP) = (0x8914, 0x8916, 0x891c, 1);

	socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die $!;
	my @calls = $address
	  ? ([ $SIOCSIFADDR, pack_sockaddr_in(0, inet_aton($address)) ],
		[ $SIOCSIFNETMASK, pack_sockaddr_in(0, inet_aton('255.255.255.255')) ])
	  : ([ $SIOCSIFFLAGS, pack('s', $IFF_UP) ]);
	for my $call (@calls)
	{
		my $request = pack('a16 a24', $name, $call->[1]);
		ioctl($socket, $call->[0], $request) or die "$name: $!";
	}
	return;
}

1;
