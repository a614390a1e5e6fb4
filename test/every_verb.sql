-- Each verb once; for tests that change what surrounds them.
SELECT public.journey_destination_create('outbox', 'pull');
SELECT public.journey_destination_create('hook', 'webhook', '{"preset": "signed", "url": "https://hooks.example/in"}', 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
SELECT public.journey_destination_update('hook', '{"url": "https://hooks.example/in", "headers": {"X-Customer": "{{ customer }}"}}');
SELECT public.journey_destination_pause('hook'), public.journey_destination_resume('hook');
SELECT public.journey_destination_drop('hook');
SELECT name, kind FROM journey.destination_preset;
SELECT public.journey_create('probe', '{
  "goal": {"event": "bought"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "came", "condition": "traits->>''name'' = ''Ann''"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "tell": {"type": "action", "destination": "outbox"},
    "mark": {"type": "update_profile", "set": {"told": true}},
    "done": {"type": "exit"}},
  "edges": [
    {"from": "start", "to": "hold"}, {"from": "hold", "to": "tell", "condition": "journey_did(customer, ''came'')"},
    {"from": "tell", "to": "mark"}, {"from": "mark", "to": "done"}]}');
SELECT public.journey_update('probe', public.journey_definition('probe'));
SELECT * FROM public.journey_validate(public.journey_definition('probe'));
SELECT public.journey_activate('probe');
SELECT public.journey_duplicate('probe', 'drawn');
SELECT public.journey_add_tile('drawn', 'late', 'exit', '{"outcome": "late"}');
SELECT public.journey_add_edge('drawn', 'hold', 'late', 'slept', 'true', '1 hour', config => '{"label": "late"}');
SELECT public.journey_drop_edge('drawn', 'hold', 'late');
SELECT public.journey_add_edge('drawn', 'hold', 'late', percent => 10.5);
SELECT public.journey_drop_tile('drawn', 'late');
SELECT public.journey_delete('drawn');
SELECT public.journey_revise('probe');
SELECT public.journey_delete('probe');
SELECT public.journey_identify('ann', '{"name": "Ann"}');
SELECT FROM public.journey_emit('ann', 'came', dedupe_key => 'k');
SELECT FROM public.journey_emit('ann', 'came', dedupe_key => 'k');
SELECT public.journey_emit_batch('{ann}', '{bought}', '{"{}"}');
SELECT FROM public.journey_enqueue('ann', 'looked');
SELECT FROM public.journey_enter('probe', 'bob');
SELECT public.journey_enter_many('probe', '{cleo}', '{"a": 1}');
SELECT public.journey_exit('probe', 'cleo');
SELECT public.journey_tick();
SELECT public.journey_advance_to(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '2 hours'::interval);
SELECT public.journey_ack(id) FROM public.journey_claim('outbox', 1);
SELECT public.journey_nack(id, 'no') FROM public.journey_claim('outbox', 1);
SELECT public.journey_cancel(id), public.journey_retry(id) FROM journey.action;
SELECT FROM public.journey_enter('probe', 'eve');
SELECT public.journey_pause('probe');
SELECT FROM public.journey_emit('eve', 'bought');
SELECT public.journey_resume('probe');
SELECT public.journey_tick();
SELECT public.journey_revise('probe');
SELECT public.journey_drop_tile('probe', 'hold');
SELECT public.journey_add_tile('probe', 'nap', 'wait', '{"for": "(traits->>''nap'')::interval"}');
SELECT public.journey_add_edge('probe', 'start', 'nap'), public.journey_add_edge('probe', 'nap', 'tell');
SELECT public.journey_activate('probe');
SELECT FROM public.journey_enter('probe', 'dora');
SELECT public.journey_identify('dora', '{"nap": "1 hour"}');
SELECT public.journey_retry_member('probe', 'dora');
SELECT * FROM public.journey_migrate('probe', '{"hold": "nap"}', dry_run => true);
SELECT * FROM public.journey_migrate('probe', '{"hold": "nap"}');
SELECT public.journey_move('probe', 'dora', 'tell');
CREATE TABLE public.probed (id int, customer text);
SELECT public.journey_watch('public.probed', 'customer', 'came', '{id,old.id,$changed,$operation}', 'new.id OPERATOR(pg_catalog.>) 0');
SELECT public.journey_watch('public.probed', 'id,customer', 'row_{operation}', mode => 'queued', always => true);
INSERT INTO public.probed VALUES (1, 'ann'), (0, 'bob');
SELECT public.journey_tick();
SELECT public.journey_unwatch('public.probed', 'came');
SELECT public.journey_unwatch('public.probed');
SELECT public.journey_complete('probe');
SELECT public.journey_stop('probe');
CREATE TABLE public.bound (id pg_catalog.text PRIMARY KEY, name pg_catalog.text);
INSERT INTO public.bound VALUES ('ann', 'Ann');
SELECT public.journey_bind_profile('public.bound', 'id');
SELECT public.journey_identify('ann', '{"name": "Anne"}');
SELECT public.journey_unbind_profile();
DROP TABLE public.bound;
SELECT journey.journey_did('ann', 'came'), journey.journey_count('ann', 'came'), journey.journey_last_props('ann', 'came');
SELECT journey.journey_escape_html('<b>');
SELECT public.journey_audience_create('everybody', 'VALUES (''ann''), (''bob'')', '1 hour');
SELECT * FROM public.journey_audience_refresh('everybody');
SELECT public.journey_audience_update('everybody', 'VALUES (''ann''), (''cy'')', '2 hours');
SELECT journey.journey_in_audience('ann', 'everybody');
SELECT public.journey_audience_drop('everybody');
SELECT public.journey_grant('pg_monitor', 'view');
SELECT public.journey_revoke('pg_monitor', 'view');
SELECT public.journey_arm();
SELECT public.journey_maintain();
SELECT public.journey_forget('dora');
SELECT journey, state, entered, exited, converted FROM journey.status;
SELECT tile, entered, inside FROM journey.tile_stats;
SELECT count(*) FROM journey.failure;
SELECT database, why_idle FROM journey.worker;
