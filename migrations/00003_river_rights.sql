-- River's tables live in their own schema; only the worker touches them.

-- +goose Up
GRANT USAGE ON SCHEMA river TO chorus_worker;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA river TO chorus_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA river TO chorus_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA river TO chorus_worker;

-- Jobs live for seconds and are rewritten twice: vacuum them by number, not by share.
ALTER TABLE river.river_job SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
