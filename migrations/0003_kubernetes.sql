-- Brokers on Kubernetes: their ports are the same everywhere, and are not taken from this machine's.

ALTER TABLE broker_nodes
    ADD COLUMN client_port integer,
    ADD COLUMN internal_port integer,
    ADD COLUMN admin_port integer,
    -- Where clients outside reach the broker, by listener.
    ADD COLUMN external jsonb,
    -- How often it has begun again with an empty disk because it was asked to.
    ADD COLUMN replaced integer NOT NULL DEFAULT 0;
