-- The yardstick's tables: ours, with the same columns and the same indexes.
CREATE SCHEMA yard;
CREATE SEQUENCE yard.event_id CACHE 100;
CREATE SEQUENCE yard.member_id CACHE 100;
CREATE SEQUENCE yard.transition_id CACHE 100;
CREATE TABLE yard.event (LIKE journey.event_default INCLUDING ALL);
CREATE TABLE yard.member (LIKE journey.member_row INCLUDING ALL);
CREATE TABLE yard.transition (LIKE journey.transition_default INCLUDING ALL);
CREATE TABLE yard.action (LIKE journey.action INCLUDING ALL);
