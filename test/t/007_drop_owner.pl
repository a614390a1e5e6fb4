# A journey whose owner was dropped: its conditions cannot be asked any more, and
# nobody else's journey is the worse for it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Journey;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
new_database($node, 'one');

my $asking = <<'JSON';
{
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ask"}]},
    "hold": {"type": "wait", "for": "2 s"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "condition": "length(customer) > 0"}
  ]
}
JSON

$node->safe_psql(
	'one', qq{
	CREATE ROLE regress_author;
	SELECT journey_grant('regress_author', 'author');
	SET ROLE regress_author;
	SELECT journey_create('asking', \$json\$$asking\$json\$);
	SELECT journey_activate('asking');
	RESET ROLE;
	BEGIN;
	SELECT journey_emit('x', 'ask');
	SELECT journey_revoke('regress_author', 'author');
	DROP OWNED BY regress_author;
	DROP ROLE regress_author;
	COMMIT;});

wait_for($node, 'one',
	"SELECT state = 'failed' FROM journey.member WHERE customer = 'x'",
	'its member fails');
is( $node->safe_psql(
		'one', "SELECT DISTINCT sqlstate FROM journey.failure WHERE journey = 'asking'"),
	'42704',
	'because the role is gone');
$node->safe_psql('one', q{SELECT journey_emit('y', 'go', '{"hold": "1 ms"}')});
wait_for($node, 'one',
	"SELECT state = 'exited' FROM journey.member WHERE customer = 'y'",
	'the worker goes on');
no_violations($node, 'one', 'the invariants hold', idle => 1);

$node->stop('fast');
done_testing();
