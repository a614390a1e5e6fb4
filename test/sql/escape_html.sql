-- Text for HTML, in psql and in templates of tiles and of destinations.
BEGIN;
\ir test/helpers.sql
SELECT text, journey.journey_escape_html(text) AS html
  FROM unnest(ARRAY['', 'plain', '<b onclick="x(''y'')">Tom & Jérry</b>', '&amp;', NULL, '1 < 2 > 0']) AS text;
SELECT length(journey.journey_escape_html(repeat('<', 100000))) AS long;
SELECT provolatile, proisstrict, proparallel FROM pg_proc WHERE oid = 'journey.journey_escape_html'::regproc;
SELECT journey_destination_create('letters', 'smtp', '{"url": "smtp://mail.example.com", "from": "a@example.com", "html": "<p>{{ journey_escape_html(payload->>''name'') }}"}');
CALL draw('greeting', '{"tiles": {"start": {"type": "entry", "on": [{"event": "came"}]},
	"tell": {"type": "action", "destination": "letters", "payload": {"html": "<p>Dear {{ journey_escape_html(context->>''name'') }},"}}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "tell"}, {"from": "tell", "to": "done"}]}');
CALL emit('12:00', 'ann', 'came', '{"name": "<Ann> & \"Bob\""}');
SELECT payload FROM journey.action;
ROLLBACK;
