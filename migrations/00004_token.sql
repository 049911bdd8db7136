-- One OAuth token for the whole fleet, sealed: the key that opens it is derived from the client secret, which is never in the database.

-- +goose Up
CREATE UNLOGGED TABLE chorus.tokens (
    key          text PRIMARY KEY,       -- names a PISTE application without naming it
    generation   bigint NOT NULL DEFAULT 0,
    rejected     bigint NOT NULL DEFAULT 0, -- the latest generation that the portal refused
    sealed       bytea,
    expires_at   timestamptz NOT NULL DEFAULT '-infinity',
    refreshed_at timestamptz,
    refreshed_by text,
    failures     integer NOT NULL DEFAULT 0, -- in a row
    failure      text,                    -- the last one's code
    retry_at     timestamptz NOT NULL DEFAULT '-infinity'
);
GRANT SELECT, INSERT, UPDATE ON chorus.tokens TO chorus_worker;
GRANT SELECT (key, generation, rejected, expires_at, refreshed_at, refreshed_by, failures, failure, retry_at) ON chorus.tokens TO chorus_operator;
