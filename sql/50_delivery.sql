-- Actions on their way out.

-- Configurations for services that many use, each checked against what the service documents.  A preset's address
-- is left out where each customer of the service has his own.
CREATE OR REPLACE VIEW journey.destination_preset AS
SELECT p.name, p.kind, p.config, p.description
  FROM (VALUES
	('signed', 'webhook', $$
		{"signed": true,
		 "body": {"type": "journey.{{ tile }}", "timestamp": "{{ created_at }}",
				  "data": {"id": "{{ id }}", "journey": "{{ journey }}", "tile": "{{ tile }}",
						   "customer": "{{ customer }}", "payload": "{{ payload }}"}}}
	$$::jsonb, 'A webhook of your own by Standard Webhooks: {type, timestamp, data}, signed. Give "url"; the secret is whsec_ and the base64 of 24 to 64 random bytes. Format: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md'),

	('braze', 'webhook', $$
		{"headers": {"Authorization": "Bearer {{ secret }}"},
		 "body": {"events": [{"external_id": "{{ customer }}", "name": "{{ payload->>'name' }}",
							  "time": "{{ created_at }}",
							  "properties": "{{ coalesce(payload->'properties', '{}'::jsonb) }}"}]}}
	$$, 'Braze: records a custom event. Payload {name, properties}. Give "url": https://<your REST endpoint>/users/track; the secret is a REST API key with users.track. Format: https://www.braze.com/docs/api/endpoints/user_data/post_user_track/'),

	('braze_campaign', 'webhook', $$
		{"headers": {"Authorization": "Bearer {{ secret }}"},
		 "body": {"campaign_id": "{{ payload->>'campaign_id' }}",
				  "recipients": [{"external_user_id": "{{ customer }}",
								  "trigger_properties": "{{ coalesce(payload->'properties', '{}'::jsonb) }}"}]}}
	$$, 'Braze: sends an API-triggered campaign. Payload {campaign_id, properties}. Give "url": https://<your REST endpoint>/campaigns/trigger/send; the secret is a REST API key with campaigns.trigger.send. Format: https://www.braze.com/docs/api/endpoints/messaging/send_messages/post_send_triggered_campaigns/'),

	('customerio', 'webhook', $$
		{"url": "https://track.customer.io/api/v1/customers/{{ customer }}/events",
		 "user": "{{ secret.site_id }}", "password": "{{ secret.api_key }}",
		 "body": {"name": "{{ payload->>'name' }}", "data": "{{ coalesce(payload->'data', '{}'::jsonb) }}",
				  "timestamp": "{{ extract(epoch FROM created_at)::bigint }}"}}
	$$, 'Customer.io: tracks an event. Payload {name, data}. The secret is {"site_id": …, "api_key": …}; in the EU "url" begins with https://track-eu.customer.io. Format: https://docs.customer.io/integrations/api/track/'),

	('customerio_identify', 'webhook', $$
		{"url": "https://track.customer.io/api/v1/customers/{{ customer }}", "method": "PUT",
		 "user": "{{ secret.site_id }}", "password": "{{ secret.api_key }}"}
	$$, 'Customer.io: adds or updates a person; the payload is the attributes. The secret is {"site_id": …, "api_key": …}; in the EU "url" begins with https://track-eu.customer.io. Format: https://docs.customer.io/integrations/api/track/'),

	('customerio_email', 'webhook', $$
		{"url": "https://api.customer.io/v1/send/email",
		 "headers": {"Authorization": "Bearer {{ secret }}"},
		 "body": {"to": "{{ payload->>'to' }}", "transactional_message_id": "{{ payload->'transactional_message_id' }}",
				  "message_data": "{{ coalesce(payload->'data', '{}'::jsonb) }}",
				  "identifiers": {"id": "{{ customer }}"}}}
	$$, 'Customer.io: sends a transactional mail. Payload {to, transactional_message_id, data}. The secret is an App API key; in the EU "url" is https://api-eu.customer.io/v1/send/email. Format: https://docs.customer.io/journeys/transactional-api-examples/'),

	('sendgrid', 'webhook', $$
		{"url": "https://api.sendgrid.com/v3/mail/send",
		 "headers": {"Authorization": "Bearer {{ secret }}"},
		 "body": {"personalizations": [{"to": [{"email": "{{ payload->>'to' }}"}],
										"custom_args": {"action": "{{ id }}", "journey": "{{ journey }}"}}],
				  "from": {"email": "{{ payload->>'from' }}"}, "subject": "{{ payload->>'subject' }}",
				  "content": "{{ jsonb_path_query_array(jsonb_build_array(jsonb_build_object('type', 'text/plain', 'value', payload->'text'), jsonb_build_object('type', 'text/html', 'value', payload->'html')), '$[*] ? (@.value != null)') }}"}}
	$$, 'SendGrid: sends a mail. Payload {to, from, subject, text, html}, one of the last two may be left out. The secret is an API key with Mail Send. Format: https://docs.sendgrid.com/api-reference/mail-send/mail-send'),

	('sendgrid_template', 'webhook', $$
		{"url": "https://api.sendgrid.com/v3/mail/send",
		 "headers": {"Authorization": "Bearer {{ secret }}"},
		 "body": {"personalizations": [{"to": [{"email": "{{ payload->>'to' }}"}],
										"dynamic_template_data": "{{ coalesce(payload->'data', '{}'::jsonb) }}",
										"custom_args": {"action": "{{ id }}", "journey": "{{ journey }}"}}],
				  "from": {"email": "{{ payload->>'from' }}"}, "template_id": "{{ payload->>'template_id' }}"}}
	$$, 'SendGrid: sends a mail by a dynamic template. Payload {to, from, template_id, data}. The secret is an API key with Mail Send. Format: https://docs.sendgrid.com/api-reference/mail-send/mail-send'),

	('twilio', 'webhook', $$
		{"url": "https://api.twilio.com/2010-04-01/Accounts/{{ secret.account }}/Messages.json",
		 "user": "{{ secret.account }}", "password": "{{ secret.token }}",
		 "content_type": "application/x-www-form-urlencoded",
		 "body": {"To": "{{ payload->>'to' }}", "From": "{{ payload->>'from' }}",
				  "MessagingServiceSid": "{{ payload->>'service' }}",
				  "Body": "{{ payload->>'text' }}", "MediaUrl": "{{ payload->'media' }}"}}
	$$, 'Twilio: sends an SMS, MMS or WhatsApp message. Payload {to, from, text, media}, or service (a Messaging Service) instead of from. The secret is {"account": "AC…", "token": …}. Twilio knows no idempotency: one sent twice arrives twice. Format: https://www.twilio.com/docs/messaging/api/message-resource'),

	('slack', 'webhook', $$
		{"url": "{{ secret }}", "rate": {"max": 1, "per": "1 second"}}
	$$, 'Slack: posts a message to a channel. The payload is the message, {text} or with blocks. The secret is the address of an incoming webhook, https://hooks.slack.com/services/…. Format: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks')
	) AS p (name, kind, config, description);

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_create(
	name text,
	kind text,
	config jsonb DEFAULT '{}',
	secret text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_create(text, text, jsonb, text) IS
'Make a destination for actions (name of 1 to 128 bytes), owned by the caller. kind: webhook, smtp, sql, or pull, from which applications take actions with journey_claim and which has neither configuration nor secret. config: its keys; with "preset" those of journey.destination_preset, where not given otherwise. secret: a text, a JSON object of texts, or file:<name>, which is <role>/<name> of journey.secret_dir, the role being the owner; {{ secret }} and {{ secret.name }} stand for it in url, headers, user and password. No template, view, error or level shows it; log_statement, log_min_duration_statement and auto_explain log it with the statement, and pg_stat_statements keeps that of a DO: a file is in none of them. Errors: a name that is taken, another kind or preset, and what is wrong with the configuration, with its path: keys, values, SQL that the caller may not run, a secret that is missing or does not fit. A warning says where journey.http_allow keeps everything from it, as far as its URL tells. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_update(
	name text,
	config jsonb DEFAULT NULL,
	secret text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_update(text, jsonb, text) IS
'Give a destination another configuration (null: the one it has), another secret (null: the one it has; empty: none), or both; its kind and owner stay. What is in flight is not touched, what is pending goes by the new ones, at once: an open breaker is closed. One that is paused stays so; one that was disabled (410) does, unless its URL is another now. A warning says where journey.http_allow keeps everything from it. Errors: as those of journey_destination_create; 42704 no such destination. For level operate, and only for members of the role that owns it: who changes where it goes could have its secret sent to himself.';

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_pause(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_pause'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_pause(text) IS
'Send nothing more to a destination until journey_destination_resume: its actions stay pending, what is in flight ends. Nothing happens where it is paused. Errors: 42704 no such destination. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_resume(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_resume'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_resume(text) IS
'Send to a destination again that was paused, or disabled because its receiver wanted no more (410); an open breaker is closed. Errors: 42704 no such destination. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_drop(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_drop(text) IS
'Remove a destination with its secret, its counts, and the right of authors to send there. What was sent stays in journey.action. Errors: 42704 no such destination; 2BP01 where a journey may yet send there, by a draft, the version that is entered or one with members inside, or where actions are pending or in flight. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_claim(
	destination text,
	max int DEFAULT 100,
	lease interval DEFAULT '5 minutes')
RETURNS SETOF journey.action
AS 'MODULE_PATHNAME', 'journey_claim'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.journey_claim(text, int, interval) IS
'Take at most max actions of a destination that are due, oldest first: they are in flight until journey_ack or journey_nack, or until the lease has passed, when they can be claimed again; after the last attempt of their retry schedule (10) they are dead instead. Those whose expires_at has come, and those of stopped journeys, are cancelled instead, those of paused journeys left. Commit before acting on them. Those that would leave in the quiet hours of their journey wait for their end, and one too many for its cap is suppressed. Nothing while journey.delivery is off, or the destination is paused or disabled; an error in a copy of the database that is not armed (see journey_arm). Errors: 42704 no such destination, 42809 it is not of kind pull, 22023 max or lease not positive, 42501. For level operate, and roles that were granted the destination.';

CREATE OR REPLACE FUNCTION @extschema@.journey_ack(id uuid, response jsonb DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_ack'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_ack(uuid, jsonb) IS
'Say that a claimed action was delivered, with what came back (at most journey.max_props bytes). A member that awaits it goes on at once, with outcome delivered and that response. False where it is not in flight. Errors: 42809 its destination is not of kind pull: the worker that sends there answers for it.';

CREATE OR REPLACE FUNCTION @extschema@.journey_nack(
	id uuid,
	error text DEFAULT NULL,
	retry_in interval DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_nack'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_nack(uuid, text, interval) IS
'Say that a claimed action was not delivered, and why (at most 4096 bytes). It can be claimed again after retry_in; null: when the retry schedule of its tile says (by default 30 seconds, doubling to 6 hours, with jitter). After the schedule''s last attempt (10) it is dead, with retry_in too, and a member that awaits it goes on with outcome dead. One of a stopped journey is cancelled. False where it is not in flight. Errors: 42809 its destination is not of kind pull, 22023 retry_in is negative.';

CREATE OR REPLACE FUNCTION @extschema@.journey_retry(id uuid)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_retry'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_retry(uuid) IS
'Send an action after all that is dead or was cancelled, at once, under the same id, with all attempts of its schedule before it; one that had expired does not expire again. A member that awaited it has gone on and hears nothing more of it. False where it is in another state, or there is none. Errors: 55000 its journey was stopped, 42704 its destination does not exist any more. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_cancel(id uuid)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_cancel'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_cancel(uuid) IS
'Do not send an action that is pending, also between two attempts. A member that awaits it goes on at once, with outcome cancelled. False where it is in another state (what is in flight cannot be called back), or there is none. For level operate.';
