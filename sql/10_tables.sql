-- The tables.  Not run again by an upgrade: a change here needs a delta in sql/upgrade.
--
-- Hot: event, member_row, transition_row.  They have no trigger, no foreign key, and every unique key begins
-- with the customer.  src/store_*.c writes them directly and counts on the order of their columns.

CREATE SCHEMA journey;
REVOKE ALL ON SCHEMA journey FROM PUBLIC;

CREATE TABLE journey.journey (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE,
	owner name NOT NULL,
	state text NOT NULL,
	version smallint NOT NULL,
	stopped bool NOT NULL DEFAULT false,
	sweep_after bigint
);

-- The pauses of a journey, numbered from 1; resumed_at is null while it lasts.
CREATE TABLE journey.pause (
	journey int NOT NULL,
	number smallint NOT NULL,
	paused_at timestamptz NOT NULL,
	resumed_at timestamptz,
	PRIMARY KEY (journey, number)
);

-- Events that came for members of a paused journey, to be replayed to them after the pause.
CREATE TABLE journey.held (
	customer text COLLATE "C" NOT NULL,
	journey int NOT NULL,
	pause smallint NOT NULL,
	event_id bigint NOT NULL,
	at timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	event text COLLATE "C" NOT NULL,
	props jsonb NOT NULL,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	PRIMARY KEY (customer, journey, pause, seq)
);
CREATE INDEX held_journey ON journey.held (journey, customer);

CREATE TABLE journey.version_row (
	journey int NOT NULL,
	version smallint NOT NULL,
	state text NOT NULL,
	definition jsonb NOT NULL,
	tiles text[] NOT NULL,
	PRIMARY KEY (journey, version)
);

CREATE SEQUENCE journey.event_id CACHE 100;
CREATE SEQUENCE journey.member_id CACHE 100;
CREATE SEQUENCE journey.transition_id CACHE 100;

CREATE TABLE journey.event (
	id bigint NOT NULL,
	at timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	customer text COLLATE "C" NOT NULL,
	event text COLLATE "C" NOT NULL,
	props jsonb NOT NULL
) PARTITION BY RANGE (received_at);
CREATE TABLE journey.event_default PARTITION OF journey.event DEFAULT;
CREATE UNIQUE INDEX event_default_key ON journey.event_default (customer, at, id);
ALTER TABLE journey.event_default REPLICA IDENTITY USING INDEX event_default_key;

CREATE TABLE journey.member_row (
	id bigint NOT NULL,
	run bigint NOT NULL,
	entered_at timestamptz NOT NULL,
	arrived_at timestamptz NOT NULL,
	due_at timestamptz,
	ready_at timestamptz,
	exited_at timestamptz,
	converted_at timestamptz,
	journey int NOT NULL,
	seq int NOT NULL,
	version smallint NOT NULL,
	tile smallint NOT NULL,
	state "char" NOT NULL,
	tries "char" NOT NULL,
	customer text COLLATE "C" NOT NULL,
	key text COLLATE "C" NOT NULL,
	context jsonb,
	outcome text COLLATE "C",
	holds_until timestamptz,
	shifted bigint,
	parent bigint,
	awaits uuid,
	result jsonb,
	pauses smallint
);
CREATE UNIQUE INDEX member_row_key ON journey.member_row (customer, journey, key, run);
CREATE INDEX member_row_due ON journey.member_row (journey, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX member_row_failed ON journey.member_row (journey) WHERE state = 'f';
ALTER TABLE journey.member_row REPLICA IDENTITY USING INDEX member_row_key;

CREATE TABLE journey.transition_row (
	id bigint NOT NULL,
	member bigint NOT NULL,
	event_id bigint,
	due_at timestamptz,
	at timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	xact bigint NOT NULL,
	seq int NOT NULL,
	journey int NOT NULL,
	edge int,
	version smallint NOT NULL,
	from_tile smallint,
	to_tile smallint,
	reason "char" NOT NULL,
	customer text COLLATE "C" NOT NULL
) PARTITION BY RANGE (received_at);
CREATE TABLE journey.transition_default PARTITION OF journey.transition_row DEFAULT;
CREATE UNIQUE INDEX transition_default_key ON journey.transition_default (customer, member, seq);
CREATE INDEX transition_default_xact ON journey.transition_default USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
ALTER TABLE journey.transition_default REPLICA IDENTITY USING INDEX transition_default_key;

-- What has left leaves dead entries where a claim looks first, so it is vacuumed early.
CREATE TABLE journey.action (
	id uuid NOT NULL,
	member bigint NOT NULL,
	journey text COLLATE "C" NOT NULL,
	tile text COLLATE "C" NOT NULL,
	customer text COLLATE "C" NOT NULL,
	destination text COLLATE "C" NOT NULL,
	payload jsonb NOT NULL,
	tags text[],
	state text COLLATE "C" NOT NULL,
	attempts int NOT NULL,
	next_attempt_at timestamptz,
	last_error text,
	response jsonb,
	created_at timestamptz NOT NULL,
	delivered_at timestamptz,
	expires_at timestamptz,
	retry jsonb,
	seq int NOT NULL,
	limits jsonb,
	PRIMARY KEY (customer, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
CREATE INDEX action_id ON journey.action (id);
-- src/outbox.c reads it: the rows of a paused journey are stepped over at once.
CREATE INDEX action_next ON journey.action (destination, journey, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE journey.destination (
	name text COLLATE "C" PRIMARY KEY,
	kind text NOT NULL,
	config jsonb NOT NULL,
	id int GENERATED ALWAYS AS IDENTITY,
	owner name NOT NULL DEFAULT current_user,
	needs_secret bool NOT NULL DEFAULT false,
	paused_at timestamptz,
	disabled text,
	breaker text NOT NULL DEFAULT 'closed',
	breaker_until timestamptz,
	problem text
);

-- Never dumped, and read by nobody: what a destination identifies itself and signs with.
-- Who may read all tables (pg_read_all_data) sees no row, nor what ANALYZE would keep.
CREATE TABLE journey.secret (
	destination text COLLATE "C" PRIMARY KEY,
	secret text NOT NULL
);
ALTER TABLE journey.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE journey.secret ALTER COLUMN secret SET STATISTICS 0;

-- What became of attempts; in parts, so that those who count do not wait for each other.
CREATE TABLE journey.delivery_total (
	destination text COLLATE "C" NOT NULL,
	part bigint NOT NULL,
	delivered bigint NOT NULL,
	failed bigint NOT NULL,
	dead bigint NOT NULL,
	p50 double precision,
	p99 double precision,
	PRIMARY KEY (destination, part)
);

-- The user's tables that have our trigger; its argument is this id.  Which trigger it is: journey.source_place.
CREATE TABLE journey.source (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relation text NOT NULL,
	owner name NOT NULL,
	trigger oid,
	missing_since timestamptz
);

CREATE TABLE journey.watch (
	source int NOT NULL,
	event text COLLATE "C" NOT NULL,
	owner name NOT NULL,
	customer_columns text[] NOT NULL,
	props text[],
	condition text,
	mode text NOT NULL,
	operations text[] NOT NULL,
	always bool NOT NULL,
	PRIMARY KEY (source, event)
);

-- The user's own table of customers, where one is bound.
CREATE TABLE journey.profile (
	one bool PRIMARY KEY DEFAULT true CHECK (one),
	source int NOT NULL,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	key_columns text[] NOT NULL,
	traits_column text
);

CREATE TABLE journey.audience (
	name text COLLATE "C" PRIMARY KEY,
	owner name,
	query text,
	refresh interval,
	source int,
	source_columns text[],
	members bigint,
	refreshed_at timestamptz,
	refresh_at timestamptz,
	error text,
	error_at timestamptz
);

CREATE TABLE journey.audience_member (
	audience text COLLATE "C" NOT NULL,
	customer text COLLATE "C" NOT NULL,
	PRIMARY KEY (customer, audience)
);
-- Whichever of the two a plan uses that was made when the table was empty, it finds one row.
CREATE INDEX audience_member_audience ON journey.audience_member (audience, customer);

CREATE TABLE journey.customer (
	customer text COLLATE "C" PRIMARY KEY,
	traits jsonb NOT NULL,
	updated_at timestamptz NOT NULL
);

CREATE TABLE journey.queue (
	id bigint PRIMARY KEY,
	customer text COLLATE "C" NOT NULL,
	event text COLLATE "C" NOT NULL,
	props jsonb NOT NULL,
	at timestamptz NOT NULL,
	dedupe_key text COLLATE "C",
	received_at timestamptz NOT NULL
);
CREATE INDEX queue_lane ON journey.queue (customer, received_at, id);
CREATE INDEX queue_order ON journey.queue (received_at, id);
CREATE INDEX queue_at ON journey.queue (at);

CREATE TABLE journey.dedupe (
	customer text COLLATE "C" NOT NULL,
	dedupe_key text COLLATE "C" NOT NULL,
	event_id bigint NOT NULL,
	received_at timestamptz NOT NULL,
	PRIMARY KEY (customer, dedupe_key)
);
CREATE INDEX dedupe_received ON journey.dedupe (received_at);

CREATE TABLE journey.failure_row (
	at timestamptz NOT NULL,
	journey int,
	version smallint,
	tile smallint,
	edge int,
	sqlstate text NOT NULL,
	customer text COLLATE "C",
	message text NOT NULL,
	source text
);
CREATE INDEX failure_row_at ON journey.failure_row USING brin (at);

-- Counts of transition rows below the watermark, by tile; the views add the rows above (sql/60_views.sql).  Who
-- forgets a customer adds that customer's rows in a part of its own, so that nobody waits: see sql/62_forget.sql.
CREATE TABLE journey.tile_total (
	journey int NOT NULL,
	version smallint NOT NULL,
	tile smallint NOT NULL,
	part bigint NOT NULL DEFAULT 0,
	entered bigint NOT NULL,
	departed bigint NOT NULL,
	errors bigint NOT NULL,
	passed bigint NOT NULL,
	converted bigint NOT NULL,
	PRIMARY KEY (journey, version, tile, part)
);
CREATE TABLE journey.watermark (
	one bool PRIMARY KEY DEFAULT true CHECK (one),
	xact bigint NOT NULL
);

-- Of customers who were forgotten: how many actions they had been sent; in parts, as tile_total.
CREATE TABLE journey.forgotten_row (
	journey text COLLATE "C" NOT NULL,
	tile text COLLATE "C" NOT NULL,
	destination text COLLATE "C" NOT NULL,
	part bigint NOT NULL DEFAULT 0,
	delivered bigint NOT NULL,
	PRIMARY KEY (journey, tile, destination, part)
);

-- Added to a transaction id of this cluster it gives transition_row.xact.  Made by this script and never dumped: in
-- a database restored elsewhere, where transaction ids begin anew, new rows still come after all old ones, because
-- no server uses up 2^24 ids a second.  A file-level copy keeps it, and the ids.
CREATE TABLE journey.generation (
	one bool PRIMARY KEY DEFAULT true CHECK (one),
	base bigint NOT NULL
);
INSERT INTO journey.generation (base)
SELECT extract(epoch FROM clock_timestamp())::bigint * 16777216 - pg_current_xact_id()::text::bigint;

CREATE TABLE journey.access (
	role name NOT NULL,
	level text NOT NULL CHECK (level IN ('emit', 'author', 'view', 'operate')),
	destination text COLLATE "C" NOT NULL DEFAULT '',
	PRIMARY KEY (role, level, destination)
);

CREATE TABLE journey.armed (
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	PRIMARY KEY (system_identifier, database)
);

-- One command each: all of them update the same row of pg_extension.
DO $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN
		SELECT c.oid
		  FROM pg_class c
		 WHERE c.relnamespace = 'journey'::regnamespace AND c.relkind IN ('r', 'S')
		   AND c.relname NOT IN ('generation', 'secret')
	LOOP
		PERFORM pg_extension_config_dump(relation, '');
	END LOOP;
END
$$;
