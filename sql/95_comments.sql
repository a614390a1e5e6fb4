-- What the tables, views, columns and sequences are; functions have their comment beside them.

COMMENT ON SCHEMA journey IS 'Customer journeys: what verbs journey_* work on.';

-- What users may read

COMMENT ON TABLE journey.journey IS 'The journeys: one row each.';
COMMENT ON COLUMN journey.journey.id IS 'number in the storage tables; users go by name';
COMMENT ON COLUMN journey.journey.name IS 'what every verb calls it';
COMMENT ON COLUMN journey.journey.owner IS 'the role whose rights its expressions have';
COMMENT ON COLUMN journey.journey.state IS 'draft, active, paused or completed';
COMMENT ON COLUMN journey.journey.version IS 'the newest version that was activated; 1 in a draft that never was';
COMMENT ON COLUMN journey.journey.stopped IS 'completed by journey_stop: members found inside exit';
COMMENT ON COLUMN journey.journey.sweep_after IS 'transaction that completed or stopped it, until the worker has looked once more for members of older transactions';

COMMENT ON VIEW journey.version IS 'The versions of each journey and their definitions. A version never changes once it was activated.';
COMMENT ON COLUMN journey.version.journey IS 'name of the journey';
COMMENT ON COLUMN journey.version.version IS 'number, from 1';
COMMENT ON COLUMN journey.version.state IS 'draft, or active: new members enter the newest of these';
COMMENT ON COLUMN journey.version.definition IS 'the document';

COMMENT ON VIEW journey.tile IS 'The tiles of each version, read from its definition.';
COMMENT ON COLUMN journey.tile.journey IS 'name of the journey';
COMMENT ON COLUMN journey.tile.version IS 'version of the journey';
COMMENT ON COLUMN journey.tile.tile IS 'name of the tile';
COMMENT ON COLUMN journey.tile.type IS 'entry, wait, branch, action, webhook, update_profile, sub_journey or exit';
COMMENT ON COLUMN journey.tile.config IS 'the tile''s keys but for type';

COMMENT ON VIEW journey.edge IS 'The edges of each version, read from its definition.';
COMMENT ON COLUMN journey.edge.journey IS 'name of the journey';
COMMENT ON COLUMN journey.edge.version IS 'version of the journey';
COMMENT ON COLUMN journey.edge.position IS 'place in the list of edges, from 0; a lower one is asked first';
COMMENT ON COLUMN journey.edge.from_tile IS 'the tile it leaves';
COMMENT ON COLUMN journey.edge.to_tile IS 'the tile it leads to';
COMMENT ON COLUMN journey.edge.event IS 'the event that takes it; null: no event is needed';
COMMENT ON COLUMN journey.edge.condition IS 'SQL expression that must be true; null: always';
COMMENT ON COLUMN journey.edge.wait IS 'time to pass before the member arrives (with an event) or leaves (without)';
COMMENT ON COLUMN journey.edge.percent IS 'share of the customers that take it, 0 to 100';
COMMENT ON COLUMN journey.edge.label IS 'what an editor shows on it';
COMMENT ON COLUMN journey.edge.config IS 'the edge''s other keys, as journey_add_edge takes them';

COMMENT ON VIEW journey.member IS 'One customer''s run through one version of one journey, told apart by key.';
COMMENT ON COLUMN journey.member.id IS 'identifies the member; carries no order';
COMMENT ON COLUMN journey.member.journey IS 'name of the journey';
COMMENT ON COLUMN journey.member.version IS 'version of the journey that the member is on';
COMMENT ON COLUMN journey.member.customer IS 'whose run it is';
COMMENT ON COLUMN journey.member.key IS 'tells runs of one customer apart; empty where the journey has no key';
COMMENT ON COLUMN journey.member.tile IS 'where the member is, or is on its way to, or left the journey from';
COMMENT ON COLUMN journey.member.state IS 'active; in_transit: on its way to the tile until due_at; failed: an expression erred and the member stays where it is until it exits or journey_retry_member; exited';
COMMENT ON COLUMN journey.member.entered_at IS 'when it entered the journey';
COMMENT ON COLUMN journey.member.arrived_at IS 'when it came to the tile, or its wait was last reset';
COMMENT ON COLUMN journey.member.due_at IS 'when time alone moves it next; null: never';
COMMENT ON COLUMN journey.member.context IS 'props of the entry, merged with those of later events that reset a wait, and of entries where on_active is merge';
COMMENT ON COLUMN journey.member.outcome IS 'how it ended, once exited';
COMMENT ON COLUMN journey.member.exited_at IS 'when it exited';
COMMENT ON COLUMN journey.member.converted_at IS 'when it first met the goal';

COMMENT ON TABLE journey.event IS 'What customers did: the log, append-only, in partitions by received_at.';
COMMENT ON COLUMN journey.event.id IS 'identifies the event; carries no order';
COMMENT ON COLUMN journey.event.at IS 'when it happened, as the application says';
COMMENT ON COLUMN journey.event.received_at IS 'when the server was told, by its own clock';
COMMENT ON COLUMN journey.event.customer IS 'who did it';
COMMENT ON COLUMN journey.event.event IS 'what';
COMMENT ON COLUMN journey.event.props IS 'its properties, a JSON object';

COMMENT ON VIEW journey.transition IS 'Every recorded move of a member: the log, append-only.';
COMMENT ON COLUMN journey.transition.id IS 'identifies the row; carries no order';
COMMENT ON COLUMN journey.transition.member IS 'member.id';
COMMENT ON COLUMN journey.transition.seq IS '1, 2, … for each member';
COMMENT ON COLUMN journey.transition.journey IS 'name of the journey';
COMMENT ON COLUMN journey.transition.version IS 'version of the journey the member was on';
COMMENT ON COLUMN journey.transition.customer IS 'whose run it is';
COMMENT ON COLUMN journey.transition.from_tile IS 'the tile it left; null: it entered and stays on the entry tile, or came from another version. Goal, failed and retried rows name the member''s tile twice';
COMMENT ON COLUMN journey.transition.to_tile IS 'the tile it went to; null: it exited from from_tile, or went to another version';
COMMENT ON COLUMN journey.transition.edge IS 'position of the edge it took; null: none';
COMMENT ON COLUMN journey.transition.reason IS 'entry, event, timer, step, exit_rule, restarted, expired, no_path, max_visits, stopped, manual, goal, failed, retried, holdout or migrated';
COMMENT ON COLUMN journey.transition.event_id IS 'the event that caused the step';
COMMENT ON COLUMN journey.transition.due_at IS 'when it was due, where a timer caused the step';
COMMENT ON COLUMN journey.transition.at IS 'when it moved: the event''s time, or when the timer was worked off';

COMMENT ON TABLE journey.action IS 'The outbox: one row for each thing to deliver.';
COMMENT ON COLUMN journey.action.id IS 'random, the same in every attempt: receivers drop what they have seen';
COMMENT ON COLUMN journey.action.member IS 'member.id';
COMMENT ON COLUMN journey.action.journey IS 'name of the journey';
COMMENT ON COLUMN journey.action.tile IS 'the tile that made it';
COMMENT ON COLUMN journey.action.customer IS 'for whom';
COMMENT ON COLUMN journey.action.destination IS 'where it goes';
COMMENT ON COLUMN journey.action.payload IS 'what is sent';
COMMENT ON COLUMN journey.action.tags IS 'the tile''s tags';
COMMENT ON COLUMN journey.action.state IS 'pending, in_flight (claimed, until next_attempt_at), delivered, dead (no attempt left, or too old), cancelled or suppressed (one over the cap)';
COMMENT ON COLUMN journey.action.attempts IS 'how often it was claimed; retry sets how often it may be';
COMMENT ON COLUMN journey.action.next_attempt_at IS 'pending: from when it may be claimed (the end of quiet hours, the next attempt); in_flight: until when it is leased; null: it has ended';
COMMENT ON COLUMN journey.action.last_error IS 'what the last attempt failed of; expired: it was cancelled because expires_at had come';
COMMENT ON COLUMN journey.action.response IS 'what the destination answered';
COMMENT ON COLUMN journey.action.created_at IS 'time of the move that made it';
COMMENT ON COLUMN journey.action.delivered_at IS 'when it was acknowledged';
COMMENT ON COLUMN journey.action.expires_at IS 'from then on it is not sent; null: no such time';
COMMENT ON COLUMN journey.action.retry IS 'its tile''s retry schedule: max attempts, and first, longest (seconds) and factor of the time between them; null: the default';

COMMENT ON COLUMN journey.action.seq IS 'number of the member''s transition that made it, from 1: the order of a member''s actions';
COMMENT ON COLUMN journey.action.limits IS 'what its journey said of quiet hours and cap, asked again whenever it is claimed: {zone, quiet: {from, to}, cap: {tag, max, per}}; {webhook: true} for that of a webhook tile; null: neither. behind: true where its next_attempt_at is that of another of its member''s, behind which an ordered destination keeps it';
COMMENT ON TABLE journey.destination IS 'Where actions go.';
COMMENT ON COLUMN journey.destination.name IS 'what action tiles call it';
COMMENT ON COLUMN journey.destination.kind IS 'webhook (HTTP), smtp (mail), sql (a function), each sent to by a worker; or pull: a consumer claims its actions with journey_claim';
COMMENT ON COLUMN journey.destination.config IS 'settings of that kind; never a secret';
COMMENT ON COLUMN journey.destination.id IS 'number of the destination';
COMMENT ON COLUMN journey.destination.owner IS 'who made it: its templates and functions run as that role';
COMMENT ON COLUMN journey.destination.needs_secret IS 'whether it has a secret, without which nothing is sent: a restored dump has none';
COMMENT ON COLUMN journey.destination.paused_at IS 'since when journey_destination_pause() holds its actions; null: not';
COMMENT ON COLUMN journey.destination.disabled IS 'why nothing is sent until journey_destination_resume(): what the receiver said; null: it is not disabled';
COMMENT ON COLUMN journey.destination.breaker IS 'closed: attempts are made; open: none until breaker_until, because too many failed in a row; half_open: one is tried';
COMMENT ON COLUMN journey.destination.breaker_until IS 'when an open breaker lets one attempt through; null: it is not open';
COMMENT ON COLUMN journey.destination.problem IS 'the last error of those that opened the breaker; null: it is closed';

COMMENT ON VIEW journey.destination_preset IS 'Ready-made configurations: journey_destination_create takes "preset" in its config.';
COMMENT ON COLUMN journey.destination_preset.name IS 'what "preset" calls it';
COMMENT ON COLUMN journey.destination_preset.kind IS 'kind of the destinations it is for';
COMMENT ON COLUMN journey.destination_preset.config IS 'the configuration; keys given beside "preset" replace its keys';
COMMENT ON COLUMN journey.destination_preset.description IS 'what it does, the payload it takes, what is to be given besides, and where the service documents the format';

COMMENT ON TABLE journey.secret IS 'Internal. Secrets of destinations; not dumped, and nobody reads it but superusers: neither a level nor pg_read_all_data. A publication FOR ALL TABLES has it.';
COMMENT ON COLUMN journey.secret.destination IS 'name of the destination';
COMMENT ON COLUMN journey.secret.secret IS 'text, a JSON object of named texts, or file:<name>, the file <role that owns the destination>/<name> of journey.secret_dir';

COMMENT ON TABLE journey.delivery_total IS 'Internal. What became of attempts at each destination; journey.delivery adds the parts.';
COMMENT ON COLUMN journey.delivery_total.destination IS 'name of the destination';
COMMENT ON COLUMN journey.delivery_total.part IS 'which of several rows that are counted in side by side; 0: that of the worker that sends, for its times';
COMMENT ON COLUMN journey.delivery_total.delivered IS 'attempts that delivered';
COMMENT ON COLUMN journey.delivery_total.failed IS 'attempts that failed and were, or will be, repeated';
COMMENT ON COLUMN journey.delivery_total.dead IS 'actions that came to nothing';
COMMENT ON COLUMN journey.delivery_total.p50 IS 'milliseconds that half of the last 1000 attempts took at most; part 0 alone';
COMMENT ON COLUMN journey.delivery_total.p99 IS 'the same of 99 percent';

COMMENT ON TABLE journey.audience IS 'The audiences: named sets of customers.';
COMMENT ON COLUMN journey.audience.name IS 'what journeys call it';
COMMENT ON COLUMN journey.audience.owner IS 'role as which the query runs: whoever created it';
COMMENT ON COLUMN journey.audience.query IS 'gives the customers, each once';
COMMENT ON COLUMN journey.audience.refresh IS 'how often the query is run; null: on demand';
COMMENT ON COLUMN journey.audience.source IS 'source.id of the table whose trigger keeps the audience up to date row by row; null: only the query does';
COMMENT ON COLUMN journey.audience.source_columns IS 'then: the column of that table that names the customer, and the others that the query reads';
COMMENT ON COLUMN journey.audience.members IS 'how many customers the last good refresh gave';
COMMENT ON COLUMN journey.audience.refreshed_at IS 'when it was last refreshed well';
COMMENT ON COLUMN journey.audience.refresh_at IS 'when it is refreshed next; null: on demand';
COMMENT ON COLUMN journey.audience.error IS 'why the last refresh failed, so that the members of the one before stand; null: it did not';
COMMENT ON COLUMN journey.audience.error_at IS 'when it failed';

COMMENT ON TABLE journey.audience_member IS 'Who is in which audience.';
COMMENT ON COLUMN journey.audience_member.audience IS 'name of the audience';
COMMENT ON COLUMN journey.audience_member.customer IS 'who';

COMMENT ON TABLE journey.pause IS 'The pauses of each journey.';
COMMENT ON COLUMN journey.pause.journey IS 'journey.id';
COMMENT ON COLUMN journey.pause.number IS '1, 2, … for each journey';
COMMENT ON COLUMN journey.pause.paused_at IS 'when it began, by the clock of the session';
COMMENT ON COLUMN journey.pause.resumed_at IS 'when it ended; null: it lasts';

COMMENT ON TABLE journey.held IS 'Events that came while a journey was paused, kept for its members until these have caught up.';
COMMENT ON COLUMN journey.held.customer IS 'who did it';
COMMENT ON COLUMN journey.held.journey IS 'journey.id';
COMMENT ON COLUMN journey.held.pause IS 'pause.number';
COMMENT ON COLUMN journey.held.event_id IS 'event.id';
COMMENT ON COLUMN journey.held.at IS 'when it happened';
COMMENT ON COLUMN journey.held.received_at IS 'when the server was told';
COMMENT ON COLUMN journey.held.event IS 'what';
COMMENT ON COLUMN journey.held.props IS 'its properties, a JSON object';
COMMENT ON COLUMN journey.held.seq IS 'the order in which they came';

COMMENT ON TABLE journey.customer IS 'What is known about customers where no table of the user''s own is bound.';
COMMENT ON COLUMN journey.customer.customer IS 'who';
COMMENT ON COLUMN journey.customer.traits IS 'the profile, a JSON object';
COMMENT ON COLUMN journey.customer.updated_at IS 'when it was last changed';

COMMENT ON TABLE journey.queue IS 'Events of journey_enqueue that no worker has taken yet.';
COMMENT ON COLUMN journey.queue.id IS 'the id the event will have';
COMMENT ON COLUMN journey.queue.customer IS 'who did it';
COMMENT ON COLUMN journey.queue.event IS 'what';
COMMENT ON COLUMN journey.queue.props IS 'its properties, a JSON object';
COMMENT ON COLUMN journey.queue.at IS 'when it happened: as given, else when it was enqueued';
COMMENT ON COLUMN journey.queue.dedupe_key IS 'as given to journey_enqueue';
COMMENT ON COLUMN journey.queue.received_at IS 'when the server was told';

COMMENT ON VIEW journey.failure IS 'Errors in authors'' SQL and other things that kept a member from moving: one line for each journey, version, tile, edge, sqlstate and minute.';
COMMENT ON COLUMN journey.failure.journey IS 'name of the journey';
COMMENT ON COLUMN journey.failure.version IS 'version of the journey';
COMMENT ON COLUMN journey.failure.tile IS 'where it happened; null: at none';
COMMENT ON COLUMN journey.failure.edge IS 'position of the edge; null: none';
COMMENT ON COLUMN journey.failure.sqlstate IS 'code of the error';
COMMENT ON COLUMN journey.failure.minute IS 'when, to the minute';
COMMENT ON COLUMN journey.failure.count IS 'how often in that minute';
COMMENT ON COLUMN journey.failure.last_customer IS 'the customer it happened to last';
COMMENT ON COLUMN journey.failure.message IS 'text of the last error';
COMMENT ON COLUMN journey.failure.source IS 'what erred where it is no journey, as watch of orders or audience vip; null: a journey';

COMMENT ON VIEW journey.status IS 'Each journey at a glance, all versions together, exact in every snapshot.';
COMMENT ON COLUMN journey.status.journey IS 'name of the journey';
COMMENT ON COLUMN journey.status.state IS 'draft, active, paused or completed';
COMMENT ON COLUMN journey.status.version IS 'newest version';
COMMENT ON COLUMN journey.status.active IS 'members inside now, failed ones too: entered - exited';
COMMENT ON COLUMN journey.status.entered IS 'members that ever entered';
COMMENT ON COLUMN journey.status.exited IS 'members that left';
COMMENT ON COLUMN journey.status.converted IS 'members that met the goal';
COMMENT ON COLUMN journey.status.failed IS 'members inside that an error holds';

COMMENT ON VIEW journey.tile_stats IS 'Each tile of each version in numbers, exact in every snapshot.';
COMMENT ON COLUMN journey.tile_stats.journey IS 'name of the journey';
COMMENT ON COLUMN journey.tile_stats.version IS 'version of the journey';
COMMENT ON COLUMN journey.tile_stats.tile IS 'name of the tile';
COMMENT ON COLUMN journey.tile_stats.type IS 'type of the tile';
COMMENT ON COLUMN journey.tile_stats.entered IS 'arrivals, those on their way to it too';
COMMENT ON COLUMN journey.tile_stats.inside IS 'members there now: entered - departed';
COMMENT ON COLUMN journey.tile_stats.departed IS 'departures; arrival at an exit tile is one';
COMMENT ON COLUMN journey.tile_stats.errors IS 'times a member failed there';
COMMENT ON COLUMN journey.tile_stats.conversion_rate IS 'share of the members that passed the tile that met the goal, 0 to 1; null without a goal';

COMMENT ON VIEW journey.upcoming IS 'Members that time will move, by hour.';
COMMENT ON COLUMN journey.upcoming.journey IS 'name of the journey';
COMMENT ON COLUMN journey.upcoming.hour IS 'start of the hour';
COMMENT ON COLUMN journey.upcoming.members IS 'how many are due in it';

COMMENT ON VIEW journey.delivery IS 'Each destination: what is to leave, what became of what was sent, and why nothing leaves.';
COMMENT ON COLUMN journey.delivery.destination IS 'name of the destination';
COMMENT ON COLUMN journey.delivery.kind IS 'webhook, smtp, sql or pull';
COMMENT ON COLUMN journey.delivery.state IS 'active; paused: by journey_destination_pause(); disabled: the receiver wants no more; open or half_open: the breaker, as in breaker';
COMMENT ON COLUMN journey.delivery.pending IS 'actions that wait to be sent, again those that failed';
COMMENT ON COLUMN journey.delivery.due IS 'those of them that could leave now; not those of paused journeys';
COMMENT ON COLUMN journey.delivery.in_flight IS 'actions that somebody has claimed and not answered for';
COMMENT ON COLUMN journey.delivery.delivered IS 'actions that were delivered, ever';
COMMENT ON COLUMN journey.delivery.failed IS 'attempts that failed and were, or will be, repeated';
COMMENT ON COLUMN journey.delivery.dead IS 'actions that came to nothing, ever: refused for good, out of attempts, or expired';
COMMENT ON COLUMN journey.delivery.oldest IS 'when the oldest pending one was made';
COMMENT ON COLUMN journey.delivery.p50 IS 'milliseconds that half of the last 1000 attempts took at most; null for kind pull';
COMMENT ON COLUMN journey.delivery.p99 IS 'the same of 99 percent';
COMMENT ON COLUMN journey.delivery.breaker IS 'closed: attempts are made; open: none until breaker_until, because too many failed in a row; half_open: one is tried';
COMMENT ON COLUMN journey.delivery.breaker_until IS 'when an open breaker lets one attempt through; null: it is not open';
COMMENT ON COLUMN journey.delivery.why IS 'why nothing leaves; null: nothing is in the way';
COMMENT ON COLUMN journey.worker.database IS 'name of the database';
COMMENT ON COLUMN journey.worker.kind IS 'scheduler, sender, or caller: of functions, for a destination of kind sql';
COMMENT ON COLUMN journey.worker.number IS 'among the workers of that kind in that database, from 0; of a caller: the id of its destination';
COMMENT ON COLUMN journey.worker.pid IS 'process id; null: it stands idle';
COMMENT ON COLUMN journey.worker.started_at IS 'when it started';
COMMENT ON COLUMN journey.worker.heartbeat IS 'when it last looked for something due';
COMMENT ON COLUMN journey.worker.moved IS 'members moved and queue rows worked off since it started; null: not of a scheduler';
COMMENT ON COLUMN journey.worker.sent IS 'attempts to deliver that were answered for since it started; null: of a scheduler';
COMMENT ON COLUMN journey.worker.why_idle IS 'why there is none, or it stands idle';

-- Storage

COMMENT ON TABLE journey.version_row IS 'Behind journey.version.';
COMMENT ON COLUMN journey.version_row.journey IS 'journey.id';
COMMENT ON COLUMN journey.version_row.version IS 'number, from 1';
COMMENT ON COLUMN journey.version_row.state IS 'draft or active';
COMMENT ON COLUMN journey.version_row.definition IS 'the document';
COMMENT ON COLUMN journey.version_row.tiles IS 'names of the tiles in the document''s order; the first is tile 0';

COMMENT ON TABLE journey.member_row IS 'Behind journey.member. Not exited: run is 0, and the unique key allows one of that customer, journey and key.';
COMMENT ON COLUMN journey.member_row.id IS 'from journey.member_id';
COMMENT ON COLUMN journey.member_row.run IS '0 while inside, then id';
COMMENT ON COLUMN journey.member_row.entered_at IS 'when it entered';
COMMENT ON COLUMN journey.member_row.arrived_at IS 'when it came to the tile, or its wait was last reset';
COMMENT ON COLUMN journey.member_row.due_at IS 'when time alone moves it next; null: never';
COMMENT ON COLUMN journey.member_row.ready_at IS 'when edges without an event begin to count; null: the tile still holds it, or has not had its effect';
COMMENT ON COLUMN journey.member_row.exited_at IS 'when it exited';
COMMENT ON COLUMN journey.member_row.converted_at IS 'when it first met the goal';
COMMENT ON COLUMN journey.member_row.journey IS 'journey.id';
COMMENT ON COLUMN journey.member_row.seq IS 'seq of its last transition';
COMMENT ON COLUMN journey.member_row.version IS 'version it is on';
COMMENT ON COLUMN journey.member_row.tile IS 'number of the tile, from 0';
COMMENT ON COLUMN journey.member_row.state IS 'a active, t in transit, f failed, x exited';
COMMENT ON COLUMN journey.member_row.tries IS 'how often the tile was asked again after an error';
COMMENT ON COLUMN journey.member_row.customer IS 'whose run it is';
COMMENT ON COLUMN journey.member_row.key IS 'tells runs apart';
COMMENT ON COLUMN journey.member_row.context IS 'null: {}';
COMMENT ON COLUMN journey.member_row.outcome IS 'how it ended';
COMMENT ON COLUMN journey.member_row.holds_until IS 'when the tile''s hold ends, where something else is due earlier; infinity: no time ends it; null: due_at says it';
COMMENT ON COLUMN journey.member_row.shifted IS 'microseconds by which pauses have put its max_duration off; null: none';
COMMENT ON COLUMN journey.member_row.parent IS 'id of the member of the same customer whose sub_journey tile awaits it; null: none';
COMMENT ON COLUMN journey.member_row.awaits IS 'the action whose result the tile awaits; null: none';
COMMENT ON COLUMN journey.member_row.result IS 'outcome and response of the last tile that awaited a result';
COMMENT ON COLUMN journey.member_row.pauses IS 'pauses of the journey that it has behind it; null: none';

COMMENT ON TABLE journey.transition_row IS 'Behind journey.transition, in partitions by received_at.';
COMMENT ON COLUMN journey.transition_row.id IS 'from journey.transition_id';
COMMENT ON COLUMN journey.transition_row.member IS 'member_row.id';
COMMENT ON COLUMN journey.transition_row.event_id IS 'the event that caused the step';
COMMENT ON COLUMN journey.transition_row.due_at IS 'when the timer that caused the step was due';
COMMENT ON COLUMN journey.transition_row.at IS 'when it moved';
COMMENT ON COLUMN journey.transition_row.received_at IS 'the server''s clock; chooses the partition';
COMMENT ON COLUMN journey.transition_row.xact IS 'id of the writing transaction plus journey.generation.base: what is folded goes by it';
COMMENT ON COLUMN journey.transition_row.seq IS '1, 2, … for each member';
COMMENT ON COLUMN journey.transition_row.journey IS 'journey.id';
COMMENT ON COLUMN journey.transition_row.edge IS 'position of the edge; null: none';
COMMENT ON COLUMN journey.transition_row.version IS 'version the member was on';
COMMENT ON COLUMN journey.transition_row.from_tile IS 'number of the tile left';
COMMENT ON COLUMN journey.transition_row.to_tile IS 'number of the tile gone to';
COMMENT ON COLUMN journey.transition_row.reason IS 'a letter; journey.transition has their names';
COMMENT ON COLUMN journey.transition_row.customer IS 'whose run it is';

COMMENT ON TABLE journey.dedupe IS 'Dedupe keys of the last journey.dedupe_retention.';
COMMENT ON COLUMN journey.dedupe.customer IS 'who did it';
COMMENT ON COLUMN journey.dedupe.dedupe_key IS 'as given to journey_emit';
COMMENT ON COLUMN journey.dedupe.event_id IS 'the event that the first call made';
COMMENT ON COLUMN journey.dedupe.received_at IS 'when the server was told';

COMMENT ON TABLE journey.failure_row IS 'Behind journey.failure, one row for each failure, append-only.';
COMMENT ON COLUMN journey.failure_row.at IS 'when, by the clock of the step';
COMMENT ON COLUMN journey.failure_row.journey IS 'journey.id; null: see source';
COMMENT ON COLUMN journey.failure_row.version IS 'version of the journey';
COMMENT ON COLUMN journey.failure_row.tile IS 'number of the tile; null: at none';
COMMENT ON COLUMN journey.failure_row.edge IS 'position of the edge; null: none';
COMMENT ON COLUMN journey.failure_row.sqlstate IS 'code of the error';
COMMENT ON COLUMN journey.failure_row.customer IS 'to whom it happened';
COMMENT ON COLUMN journey.failure_row.message IS 'text of the error';
COMMENT ON COLUMN journey.failure_row.source IS 'see journey.failure';

COMMENT ON TABLE journey.tile_total IS 'What the rows of transition_row below the watermark add up to. The views add the rows above it.';
COMMENT ON COLUMN journey.tile_total.journey IS 'journey.id';
COMMENT ON COLUMN journey.tile_total.version IS 'version of the journey';
COMMENT ON COLUMN journey.tile_total.tile IS 'number of the tile; -1: the journey as a whole';
COMMENT ON COLUMN journey.tile_total.part IS '0: from the log; else what the transaction of that number added when it forgot customers, until the next fold';
COMMENT ON COLUMN journey.tile_total.entered IS 'arrivals';
COMMENT ON COLUMN journey.tile_total.departed IS 'departures; for tile -1 exits';
COMMENT ON COLUMN journey.tile_total.errors IS 'rows of reason failed';
COMMENT ON COLUMN journey.tile_total.passed IS 'members that were there at least once, where the journey has a goal';
COMMENT ON COLUMN journey.tile_total.converted IS 'those of them that met the goal; for tile -1 members that met it';

COMMENT ON TABLE journey.watermark IS 'How far the log is folded into tile_total. Empty before the first fold. A fold locks the table, and journey_forget keeps folds away by it.';
COMMENT ON COLUMN journey.watermark.one IS 'there is one row';
COMMENT ON COLUMN journey.watermark.xact IS 'rows of transition_row below this are in tile_total';

COMMENT ON TABLE journey.generation IS 'Makes transaction ids comparable over dump and restore. Never dumped.';
COMMENT ON COLUMN journey.generation.one IS 'there is one row';
COMMENT ON COLUMN journey.generation.base IS 'added to a transaction id it gives transition_row.xact; larger in each later database';

COMMENT ON TABLE journey.access IS 'Which role was given which level, by journey_grant.';
COMMENT ON COLUMN journey.access.role IS 'name of the role';
COMMENT ON COLUMN journey.access.level IS 'emit, author, view or operate';
COMMENT ON COLUMN journey.access.destination IS 'one that an author may use; empty: the level itself';

COMMENT ON TABLE journey.armed IS 'In which database of which cluster the journeys act. A dump brings the row of another one along; journey_arm adds this one''s.';
COMMENT ON COLUMN journey.armed.system_identifier IS 'of the cluster';
COMMENT ON COLUMN journey.armed.database IS 'OID of the database';

COMMENT ON TABLE journey.event_default IS 'Events of times for which journey_maintain() has made no partition.';
COMMENT ON TABLE journey.transition_default IS 'Transitions of times for which journey_maintain() has made no partition.';
COMMENT ON SEQUENCE journey.destination_id_seq IS 'Numbers of destinations.';
COMMENT ON SEQUENCE journey.event_id IS 'Ids of events and queue rows.';
COMMENT ON SEQUENCE journey.member_id IS 'Ids of members.';
COMMENT ON SEQUENCE journey.transition_id IS 'Ids of transitions.';
COMMENT ON SEQUENCE journey.journey_id_seq IS 'Numbers of journeys.';
COMMENT ON SEQUENCE journey.held_seq_seq IS 'Numbers of held events.';
COMMENT ON SEQUENCE journey.source_id_seq IS 'Numbers of sources.';

-- How counts, partitions and rights are worked out
COMMENT ON VIEW journey.horizon IS 'Internal. Up to which transaction the log is folded, and up to which it could be.';
COMMENT ON VIEW journey.unfolded IS 'Internal. The rows of transition_row not in tile_total yet; settled: they may be folded.';
COMMENT ON VIEW journey.recent_move IS 'Internal. The unfolded rows counted by what they have in common.';
COMMENT ON VIEW journey.recent_goal IS 'Internal. First visits of tiles in the unfolded rows, and conversions, of journeys with a goal.';
COMMENT ON VIEW journey.recent IS 'Internal. What the unfolded rows add to tile_total.';
COMMENT ON VIEW journey.exit_bound IS 'Internal. Members on their way to an exit tile, not to be counted as departed from it yet.';
COMMENT ON VIEW journey.tile_count IS 'Internal. tile_total as of now, in every snapshot.';
COMMENT ON VIEW journey.leaf IS 'Internal. The partitions of event and transition_row and their bounds.';
COMMENT ON VIEW journey.default_end IS 'Internal. Before which time all rows of the DEFAULT partitions were received.';
COMMENT ON VIEW journey.privilege IS 'What each level of journey_grant allows: the whole matrix.';
COMMENT ON VIEW journey.grantable IS 'Internal. Every object of the extension that has privileges, and who has which.';

COMMENT ON TABLE journey.source IS 'Behind journey_watch, journey_bind_profile and journey_audience_create: the tables that have the trigger of journey.';
COMMENT ON COLUMN journey.source.id IS 'number of the table, the trigger''s argument';
COMMENT ON COLUMN journey.source.relation IS 'what the table was called when its trigger was last looked for';
COMMENT ON COLUMN journey.source.owner IS 'whose it was then';
COMMENT ON COLUMN journey.source.trigger IS 'OID of the trigger; after a restore another''s, until journey_maintain has found it again';
COMMENT ON COLUMN journey.source.missing_since IS 'when the trigger was first not found, as while a dump is being restored; after a day, or with the table, the source is forgotten';
COMMENT ON VIEW journey.source_place IS 'Internal. Where the trigger of each source is, and what its table is called now.';

COMMENT ON TABLE journey.watch IS 'The events that changed rows of watched tables emit: see journey_watch.';
COMMENT ON COLUMN journey.watch.source IS 'source.id of the table';
COMMENT ON COLUMN journey.watch.event IS 'name of the event, perhaps with {operation} or {column} in it';
COMMENT ON COLUMN journey.watch.owner IS 'role as which the condition is asked: whoever made the watch';
COMMENT ON COLUMN journey.watch.customer_columns IS 'the columns that name the customer';
COMMENT ON COLUMN journey.watch.props IS 'what the event''s props hold; null: every column';
COMMENT ON COLUMN journey.watch.condition IS 'SQL that must hold for the row; null: true';
COMMENT ON COLUMN journey.watch.mode IS 'inline: in the transaction of the change; queued: by a worker';
COMMENT ON COLUMN journey.watch.operations IS 'which changes count: insert, update, delete';
COMMENT ON COLUMN journey.watch.always IS 'log the event even while no live journey names it';

COMMENT ON TABLE journey.profile IS 'The user''s own table of customers that conditions read: see journey_bind_profile. At most one row.';
COMMENT ON COLUMN journey.profile.one IS 'always true';
COMMENT ON COLUMN journey.profile.source IS 'source.id of the table';
COMMENT ON COLUMN journey.profile.schema_name IS 'schema of the table';
COMMENT ON COLUMN journey.profile.table_name IS 'name of the table';
COMMENT ON COLUMN journey.profile.key_columns IS 'the columns that name the customer';
COMMENT ON COLUMN journey.profile.traits_column IS 'the jsonb column that is traits; null: the whole row is';

COMMENT ON VIEW journey.house_job IS 'Internal. The jobs that pg_cron is to do for all journeys together.';
COMMENT ON VIEW journey.wanted_job IS 'Internal. The jobs that pg_cron is to do for the journeys and audiences there are: journey.sync_jobs.';

COMMENT ON TABLE journey.forgotten_row IS 'Storage of journey.forgotten.';
COMMENT ON COLUMN journey.forgotten_row.journey IS 'name of the journey';
COMMENT ON COLUMN journey.forgotten_row.tile IS 'name of the tile';
COMMENT ON COLUMN journey.forgotten_row.destination IS 'where it was sent';
COMMENT ON COLUMN journey.forgotten_row.part IS 'as in tile_total';
COMMENT ON COLUMN journey.forgotten_row.delivered IS 'how many actions';

COMMENT ON VIEW journey.forgotten IS 'What customers whom journey_forget has erased had been sent: numbers only.';
COMMENT ON COLUMN journey.forgotten.journey IS 'name of the journey';
COMMENT ON COLUMN journey.forgotten.tile IS 'name of the tile';
COMMENT ON COLUMN journey.forgotten.destination IS 'where it was sent';
COMMENT ON COLUMN journey.forgotten.delivered IS 'how many actions were delivered';
