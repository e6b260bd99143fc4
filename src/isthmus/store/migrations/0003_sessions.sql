-- needs: 3
--
-- Sessions: temporary keys of roles and of federated users. An Isthmus that does not know them would take such a key for its
-- account's root, or for all that its user is, so it may not work beside one that does.

CREATE INDEX access_key_holder ON access_key (account, holder_id, seq);
CREATE INDEX access_key_expires ON access_key (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE sts_session (
    seq                 {numbered},
    id                  TEXT   NOT NULL UNIQUE,  -- its key's
    account             TEXT   NOT NULL,
    kind                TEXT   NOT NULL CHECK (kind IN ('assumed-role', 'federated-user')),
    name                TEXT   NOT NULL,
    policy              TEXT,
    policy_ids          TEXT   NOT NULL,         -- JSON: [unique id of a managed policy]
    tags                TEXT   NOT NULL,         -- JSON: {key: value}
    transitive_tag_keys TEXT   NOT NULL,         -- JSON: [key]
    source_identity     TEXT,
    version             BIGINT NOT NULL
);
CREATE INDEX sts_session_account ON sts_session (account);
