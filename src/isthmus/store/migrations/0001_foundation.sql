-- The foundation: accounts, VPCs with what belongs to them, peering connections, tags, the journal.
--
-- {numbered}, {identity} and {clustered} are the words that differ between engines; everything else is common SQL. A row's
-- number is given by the database ({identity}) or, where its server may know it before the database does, drawn from a sequence
-- that all such tables share ({numbered}).
-- Instants are milliseconds since the epoch, in service time; booleans are 0 and 1; CIDR blocks are canonical text.

CREATE TABLE server_state (
    id                       INTEGER PRIMARY KEY CHECK (id = 1),
    installation             TEXT    NOT NULL,            -- a random name; ids and tokens that must stay stable hang on it
    clock_offset             BIGINT  NOT NULL DEFAULT 0,  -- service time minus wall time, in milliseconds
    authorization_generation BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE account (
    seq        {numbered},
    id         TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL
);

CREATE TABLE access_key (
    seq           {numbered},
    id            TEXT   NOT NULL UNIQUE,
    account       TEXT   NOT NULL REFERENCES account (id),
    secret        TEXT   NOT NULL,
    status        TEXT   NOT NULL CHECK (status IN ('Active', 'Inactive')),
    session_token TEXT,
    expires_at    BIGINT,
    created_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL
);
CREATE INDEX access_key_account ON access_key (account, seq);

CREATE TABLE vpc (
    seq                                  {numbered},
    id                                   TEXT    NOT NULL UNIQUE,
    account                              TEXT    NOT NULL,
    region                               TEXT    NOT NULL,
    dhcp_options_id                      TEXT    NOT NULL,
    instance_tenancy                     TEXT    NOT NULL,
    is_default                           INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    enable_dns_support                   INTEGER NOT NULL CHECK (enable_dns_support IN (0, 1)),
    enable_dns_hostnames                 INTEGER NOT NULL CHECK (enable_dns_hostnames IN (0, 1)),
    enable_network_address_usage_metrics INTEGER NOT NULL CHECK (enable_network_address_usage_metrics IN (0, 1)),
    created_at                           BIGINT  NOT NULL,
    version                              BIGINT  NOT NULL
);
CREATE INDEX vpc_place ON vpc (account, region, seq);

CREATE TABLE vpc_cidr_block (
    seq                  {numbered},
    id                   TEXT    NOT NULL UNIQUE,
    account              TEXT    NOT NULL,
    region               TEXT    NOT NULL,
    vpc_id               TEXT    NOT NULL REFERENCES vpc (id),
    prefix               TEXT    NOT NULL,
    is_primary           INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    ipv6_pool            TEXT    NOT NULL,
    network_border_group TEXT    NOT NULL,
    version              BIGINT  NOT NULL,
    UNIQUE (vpc_id, prefix)
);
CREATE UNIQUE INDEX vpc_cidr_block_primary ON vpc_cidr_block (vpc_id) WHERE is_primary = 1;
CREATE UNIQUE INDEX vpc_cidr_block_provided ON vpc_cidr_block (prefix) WHERE ipv6_pool <> '';
CREATE INDEX vpc_cidr_block_prefix ON vpc_cidr_block (prefix);

CREATE TABLE route_table (
    seq            {numbered},
    id             TEXT    NOT NULL UNIQUE,
    account        TEXT    NOT NULL,
    region         TEXT    NOT NULL,
    vpc_id         TEXT    NOT NULL REFERENCES vpc (id),
    association_id TEXT    NOT NULL,
    is_main        INTEGER NOT NULL CHECK (is_main IN (0, 1)),
    version        BIGINT  NOT NULL
);
CREATE INDEX route_table_place ON route_table (account, region, seq);
CREATE INDEX route_table_vpc ON route_table (vpc_id, account, region, seq);
CREATE UNIQUE INDEX route_table_main ON route_table (vpc_id) WHERE is_main = 1;

CREATE TABLE security_group (
    seq         {numbered},
    id          TEXT   NOT NULL UNIQUE,
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    vpc_id      TEXT   NOT NULL REFERENCES vpc (id),
    name        TEXT   NOT NULL,
    description TEXT   NOT NULL,
    version     BIGINT NOT NULL
);
CREATE INDEX security_group_place ON security_group (account, region, seq);
CREATE INDEX security_group_vpc ON security_group (vpc_id, account, region, seq);
CREATE UNIQUE INDEX security_group_name ON security_group (vpc_id, lower(name));

CREATE TABLE security_group_rule (
    seq                 {numbered},
    id                  TEXT    NOT NULL UNIQUE,
    account             TEXT    NOT NULL,
    region              TEXT    NOT NULL,
    group_id            TEXT    NOT NULL REFERENCES security_group (id),
    vpc_id              TEXT    NOT NULL,
    is_egress           INTEGER NOT NULL CHECK (is_egress IN (0, 1)),
    ip_protocol         TEXT    NOT NULL,
    from_port           INTEGER,
    to_port             INTEGER,
    cidr                TEXT,
    referenced_group_id TEXT,
    description         TEXT,
    version             BIGINT  NOT NULL,
    CHECK ((cidr IS NULL) <> (referenced_group_id IS NULL))
);
CREATE INDEX security_group_rule_place ON security_group_rule (account, region, seq);
CREATE INDEX security_group_rule_group ON security_group_rule (group_id, account, region, seq);

CREATE TABLE network_acl (
    seq        {numbered},
    id         TEXT    NOT NULL UNIQUE,
    account    TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    vpc_id     TEXT    NOT NULL REFERENCES vpc (id),
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    version    BIGINT  NOT NULL
);
CREATE INDEX network_acl_place ON network_acl (account, region, seq);
CREATE INDEX network_acl_vpc ON network_acl (vpc_id, account, region, seq);
CREATE UNIQUE INDEX network_acl_default ON network_acl (vpc_id) WHERE is_default = 1;

CREATE TABLE network_acl_entry (
    seq            {numbered},
    id             TEXT    NOT NULL UNIQUE,
    account        TEXT    NOT NULL,
    region         TEXT    NOT NULL,
    network_acl_id TEXT    NOT NULL REFERENCES network_acl (id),
    is_egress      INTEGER NOT NULL CHECK (is_egress IN (0, 1)),
    rule_number    INTEGER NOT NULL,
    protocol       TEXT    NOT NULL,
    rule_action    TEXT    NOT NULL CHECK (rule_action IN ('allow', 'deny')),
    prefix         TEXT    NOT NULL,
    version        BIGINT  NOT NULL,
    UNIQUE (network_acl_id, is_egress, rule_number)
);

-- A connection. Blocks and options of both sides live in the row: a Describe reads one row, and what an ended connection
-- shows does not depend on VPCs that may be gone. No foreign key to the VPCs: EC2 keeps connections to VPCs that never were.
-- States are compared one by one: for a list of more than two SQLite builds a table of its own at every write, which doubled
-- the cost of an insert.
CREATE TABLE peering (
    seq                {numbered},
    id                 TEXT    NOT NULL UNIQUE,
    requester_account  TEXT    NOT NULL,
    requester_region   TEXT    NOT NULL,
    requester_vpc_id   TEXT    NOT NULL,
    requester_blocks   TEXT    NOT NULL,
    requester_options  INTEGER NOT NULL,
    accepter_account   TEXT    NOT NULL,
    accepter_region    TEXT    NOT NULL,
    accepter_vpc_id    TEXT    NOT NULL,
    accepter_blocks    TEXT    NOT NULL,
    accepter_options   INTEGER NOT NULL,
    accepter_exists    INTEGER NOT NULL CHECK (accepter_exists IN (0, 1)),
    state              TEXT    NOT NULL CHECK (
        state = 'pending-acceptance' OR state = 'active' OR state = 'provisioning' OR state = 'initiating-request'
        OR state = 'failed' OR state = 'deleted' OR state = 'expired' OR state = 'rejected' OR state = 'deleting'),
    created_at         BIGINT  NOT NULL,
    expires_at         BIGINT  NOT NULL,
    due_at             BIGINT,
    due_state          TEXT,
    ended_at           BIGINT,
    ended_by           TEXT    NOT NULL,
    version            BIGINT  NOT NULL,
    CHECK ((due_at IS NULL) = (due_state IS NULL)),
    CHECK ((ended_at IS NOT NULL) = (
        state = 'failed' OR state = 'deleted' OR state = 'expired' OR state = 'rejected')),
    CHECK ((ended_by <> '') = (state = 'deleted' OR state = 'deleting'))
);
CREATE INDEX peering_requester ON peering (requester_vpc_id, seq);
CREATE INDEX peering_accepter ON peering (accepter_vpc_id, seq);
-- Quotas count these (S243). Partial, so that a request pays for neither.
CREATE INDEX peering_established_requester ON peering (requester_vpc_id) WHERE (state = 'active' OR state = 'provisioning');
CREATE INDEX peering_established_accepter ON peering (accepter_vpc_id) WHERE (state = 'active' OR state = 'provisioning');
CREATE INDEX peering_due ON peering (due_at, seq) WHERE due_at IS NOT NULL;
-- At most one live connection per ordered pair (S242). The whole identity of the accepter counts: a request that named the
-- wrong account or Region is another request.
CREATE UNIQUE INDEX peering_live_pair ON peering (requester_vpc_id, accepter_vpc_id, accepter_account, accepter_region)
    WHERE (
        state = 'pending-acceptance' OR state = 'active' OR state = 'provisioning' OR state = 'initiating-request');
-- At most one established connection per unordered pair (S242).
CREATE UNIQUE INDEX peering_established_pair ON peering (
    (CASE WHEN requester_vpc_id < accepter_vpc_id THEN requester_vpc_id ELSE accepter_vpc_id END),
    (CASE WHEN requester_vpc_id < accepter_vpc_id THEN accepter_vpc_id ELSE requester_vpc_id END)
) WHERE (state = 'active' OR state = 'provisioning');

-- Who sees a connection, and until when: one row per (account, Region). No foreign key to the connection: to forget one
-- connection the database would look through everybody's views, since no index begins with their number.
CREATE TABLE peering_view (
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    peering_seq BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    hide_at     BIGINT,
    PRIMARY KEY (account, region, peering_seq)
) {clustered};
CREATE INDEX peering_view_state ON peering_view (account, region, state, peering_seq);
CREATE INDEX peering_view_hide ON peering_view (hide_at) WHERE hide_at IS NOT NULL;

-- Tags belong to an account and a Region, not to the object: the two sides of a connection have their own (S295).
CREATE TABLE tag (
    seq           {identity},
    account       TEXT   NOT NULL,
    region        TEXT   NOT NULL,
    resource_id   TEXT   NOT NULL,
    resource_seq  BIGINT NOT NULL,
    resource_type TEXT   NOT NULL,
    key           TEXT   NOT NULL,
    value         TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    UNIQUE (account, region, resource_id, key)
);
CREATE INDEX tag_place ON tag (account, region, seq);
CREATE INDEX tag_search ON tag (account, region, resource_type, key, value, resource_seq);

-- What changed, by whom: one row for every unit of work that changed something, and one for every step of the service.
CREATE TABLE journal (
    seq        {identity},
    at         BIGINT NOT NULL,
    request_id TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    changes    TEXT   NOT NULL   -- JSON: [[resource id, state before, state after], ...]
);
