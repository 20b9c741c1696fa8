-- Clusters of several brokers.

ALTER TABLE broker_nodes
    -- The line of the broker's configuration that says how it comes to its cluster; empty for one that begins alone. It is
    -- read at the very first start only, so it is written once and stays: a cluster that grows restarts nobody for it.
    ADD COLUMN joining text,
    -- What was last seen of the broker from outside.
    ADD COLUMN sighting jsonb;

-- Until now every cluster had one broker, which began alone.
UPDATE broker_nodes SET joining = '';
