-- needs: 2
--
-- IAM: users, groups, roles, instance profiles, policies, and keys that belong to users. An Isthmus that does not know this
-- would take a user's key for its account's root, so it may not work beside one that does.
--
-- Objects name each other by unique id. Where an id may be of several kinds (a user's, a group's or a role's; a policy of the
-- account or of the vendor) there is no foreign key; `isthmus check` looks.

ALTER TABLE access_key ADD COLUMN holder_id TEXT NOT NULL DEFAULT '';  -- whose it is; empty: the account's root

CREATE TABLE iam_user (
    seq         {numbered},
    id          TEXT   NOT NULL UNIQUE,
    account     TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    boundary_id TEXT,
    tags        TEXT   NOT NULL,  -- JSON: {key: value}
    version     BIGINT NOT NULL
);
CREATE UNIQUE INDEX iam_user_name ON iam_user (account, lower(name));
CREATE INDEX iam_user_account ON iam_user (account, seq);
CREATE INDEX iam_user_boundary ON iam_user (boundary_id) WHERE boundary_id IS NOT NULL;

CREATE TABLE iam_group (
    seq        {numbered},
    id         TEXT   NOT NULL UNIQUE,
    account    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    path       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE UNIQUE INDEX iam_group_name ON iam_group (account, lower(name));
CREATE INDEX iam_group_account ON iam_group (account, seq);

CREATE TABLE iam_membership (
    seq      {numbered},
    account  TEXT   NOT NULL,
    group_id TEXT   NOT NULL REFERENCES iam_group (id),
    user_id  TEXT   NOT NULL REFERENCES iam_user (id),
    version  BIGINT NOT NULL,
    UNIQUE (user_id, group_id)
);
CREATE INDEX iam_membership_group ON iam_membership (group_id, seq);
CREATE INDEX iam_membership_account ON iam_membership (account);

CREATE TABLE iam_role (
    seq                  {numbered},
    id                   TEXT    NOT NULL UNIQUE,
    account              TEXT    NOT NULL,
    name                 TEXT    NOT NULL,
    path                 TEXT    NOT NULL,
    created_at           BIGINT  NOT NULL,
    trust_policy         TEXT    NOT NULL,  -- users and roles by unique id (I54)
    description          TEXT,
    max_session_duration INTEGER NOT NULL CHECK (max_session_duration BETWEEN 3600 AND 43200),
    boundary_id          TEXT,
    last_used_at         BIGINT,
    last_used_region     TEXT,
    tags                 TEXT    NOT NULL,
    version              BIGINT  NOT NULL,
    CHECK ((last_used_at IS NULL) = (last_used_region IS NULL))
);
CREATE UNIQUE INDEX iam_role_name ON iam_role (account, lower(name));
CREATE INDEX iam_role_account ON iam_role (account, seq);
CREATE INDEX iam_role_boundary ON iam_role (boundary_id) WHERE boundary_id IS NOT NULL;

CREATE TABLE iam_instance_profile (
    seq        {numbered},
    id         TEXT   NOT NULL UNIQUE,
    account    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    path       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    role_id    TEXT REFERENCES iam_role (id),
    tags       TEXT   NOT NULL,
    version    BIGINT NOT NULL
);
CREATE UNIQUE INDEX iam_instance_profile_name ON iam_instance_profile (account, lower(name));
CREATE INDEX iam_instance_profile_account ON iam_instance_profile (account, seq);
CREATE INDEX iam_instance_profile_role ON iam_instance_profile (role_id, seq);

CREATE TABLE iam_policy (
    seq             {numbered},
    id              TEXT    NOT NULL UNIQUE,
    account         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    path            TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    description     TEXT,
    default_version INTEGER NOT NULL,
    latest_version  INTEGER NOT NULL,
    tags            TEXT    NOT NULL,
    version         BIGINT  NOT NULL,
    CHECK (default_version BETWEEN 1 AND latest_version)
);
CREATE UNIQUE INDEX iam_policy_name ON iam_policy (account, lower(name));
CREATE INDEX iam_policy_account ON iam_policy (account, seq);

CREATE TABLE iam_policy_version (
    seq        {numbered},
    account    TEXT    NOT NULL,
    policy_id  TEXT    NOT NULL REFERENCES iam_policy (id),
    number     INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    version    BIGINT  NOT NULL,
    UNIQUE (policy_id, number)
);
CREATE INDEX iam_policy_version_account ON iam_policy_version (account);

CREATE TABLE iam_inline_policy (
    seq      {numbered},
    account  TEXT   NOT NULL,
    owner_id TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    document TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    UNIQUE (owner_id, name)
);
CREATE INDEX iam_inline_policy_owner ON iam_inline_policy (owner_id, seq);
CREATE INDEX iam_inline_policy_account ON iam_inline_policy (account);

CREATE TABLE iam_attachment (
    seq       {numbered},
    account   TEXT   NOT NULL,
    owner_id  TEXT   NOT NULL,
    policy_id TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    UNIQUE (owner_id, policy_id)
);
CREATE INDEX iam_attachment_owner ON iam_attachment (owner_id, seq);
CREATE INDEX iam_attachment_policy ON iam_attachment (account, policy_id, seq);

CREATE TABLE iam_account_alias (
    seq     {numbered},
    account TEXT   NOT NULL UNIQUE,
    name    TEXT   NOT NULL UNIQUE,
    version BIGINT NOT NULL
);
