-- Idempotency keys of the gateway's routes. docs/store.md explains each column and state.
-- Times are milliseconds of Unix time by this database's clock.
CREATE TABLE idempotency_keys (
    route TEXT NOT NULL,
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'unknown')),
    fence BIGINT NOT NULL,
    owner TEXT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    ends_at_ms BIGINT NOT NULL,
    status BIGINT,
    kept BOOLEAN NOT NULL,
    headers BYTEA,
    body BYTEA,
    PRIMARY KEY (route, caller, key)
);

CREATE INDEX idempotency_keys_ends ON idempotency_keys (ends_at_ms);
CREATE INDEX idempotency_keys_leases ON idempotency_keys (lease_until_ms) WHERE state = 'running';
