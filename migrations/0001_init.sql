-- The control plane's whole state. Forward only; later migrations expand first and contract after.

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE clusters (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    project_id uuid NOT NULL REFERENCES projects (id),
    spec jsonb NOT NULL,
    status jsonb NOT NULL,
    generation bigint NOT NULL,
    -- Set by DELETE; the row goes when its brokers and their data are gone.
    deletion_requested_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Keys of people and programs, and of agents (role 'agent': bound to one broker, deleted with it).
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'operator', 'developer', 'viewer', 'agent')),
    project_id uuid REFERENCES projects (id),
    cluster_id uuid REFERENCES clusters (id) ON DELETE CASCADE,
    node_id integer,
    prefix text NOT NULL,
    -- SHA-256 of a token of 256 random bits.
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CHECK ((role = 'agent') = (cluster_id IS NOT NULL AND node_id IS NOT NULL))
);
CREATE INDEX api_keys_by_broker ON api_keys (cluster_id, node_id);

-- The cluster may be gone already, so nothing refers to it by key.
CREATE TABLE operations (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    cluster_id uuid NOT NULL,
    cluster_name text NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id),
    -- The generation that it brings into effect.
    generation bigint NOT NULL,
    state text NOT NULL,
    steps jsonb NOT NULL,
    error jsonb,
    actor text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX operations_by_cluster ON operations (cluster_id, id);
CREATE INDEX operations_unfinished ON operations (cluster_id) WHERE finished_at IS NULL;

-- The work queue: one row per cluster, due at run_at. Whoever leases it is the only one that acts on the cluster.
CREATE TABLE work (
    cluster_id uuid PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    run_at timestamptz NOT NULL,
    -- Counts signals, so that one that comes during a run is not lost.
    signals bigint NOT NULL DEFAULT 1,
    -- Failures in a row.
    failures integer NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_expires_at timestamptz
);
CREATE INDEX work_due ON work (run_at);

-- What the provider knows of a broker node.
CREATE TABLE broker_nodes (
    cluster_id uuid NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    node_id integer NOT NULL,
    host text NOT NULL,
    ready boolean NOT NULL DEFAULT false,
    PRIMARY KEY (cluster_id, node_id)
);

-- Ports of the local provider. A port belongs to one broker at a time.
CREATE TABLE local_ports (
    port integer PRIMARY KEY,
    cluster_id uuid NOT NULL,
    node_id integer NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('client', 'internal', 'admin')),
    UNIQUE (cluster_id, node_id, purpose),
    FOREIGN KEY (cluster_id, node_id) REFERENCES broker_nodes (cluster_id, node_id) ON DELETE CASCADE
);

-- The newest report of each broker's agent.
CREATE TABLE broker_reports (
    cluster_id uuid NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    node_id integer NOT NULL,
    incarnation uuid NOT NULL,
    -- The highest sequence of this incarnation; null until its first report.
    sequence bigint,
    received_at timestamptz NOT NULL,
    report jsonb,
    PRIMARY KEY (cluster_id, node_id)
);

-- Throughput over time; a background task deletes what is old.
CREATE TABLE broker_samples (
    cluster_id uuid NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    node_id integer NOT NULL,
    at timestamptz NOT NULL,
    bytes_in double precision,
    bytes_out double precision,
    messages_in double precision,
    PRIMARY KEY (cluster_id, node_id, at)
);
CREATE INDEX broker_samples_by_age ON broker_samples (at);

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    severity text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    project_id uuid REFERENCES projects (id),
    cluster_id uuid,
    cluster_name text,
    actor text
);
CREATE INDEX events_by_cluster ON events (cluster_id, id);
CREATE INDEX events_by_age ON events (at);

-- First answers to POSTs, by key and Idempotency-Key; a background task deletes what is older than a day.
CREATE TABLE idempotency (
    api_key_id uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    key text NOT NULL,
    -- SHA-256 of method, path, query and body.
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    location text,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Control planes that are alive, so that agents know where to report.
CREATE TABLE instances (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    seen_at timestamptz NOT NULL
);

-- Whoever waits for a cluster, an operation or an event is woken when the transaction that changed it commits.
CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('headrace_' || TG_TABLE_NAME, CASE TG_TABLE_NAME WHEN 'work' THEN '' ELSE to_jsonb(NEW) ->> 'id' END);
    RETURN NULL;
END
$$;
CREATE TRIGGER operations_notify AFTER INSERT OR UPDATE ON operations FOR EACH ROW EXECUTE FUNCTION notify_change();
CREATE TRIGGER events_notify AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION notify_change();
-- Only a signal wakes the workers, not a lease or its end.
CREATE TRIGGER work_notify_insert AFTER INSERT ON work FOR EACH ROW EXECUTE FUNCTION notify_change();
CREATE TRIGGER work_notify_update AFTER UPDATE ON work FOR EACH ROW
    WHEN (NEW.signals <> OLD.signals) EXECUTE FUNCTION notify_change();

INSERT INTO projects (id, name, created_at) VALUES (gen_random_uuid(), 'default', now());
