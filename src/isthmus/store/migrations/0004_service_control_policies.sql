-- needs: 4
--
-- Service control policies: what the accounts of the organization may do at most. An Isthmus that does not know them would let
-- them do more, so it may not work beside one that does.

CREATE TABLE organization (
    seq     {numbered},
    id      TEXT   NOT NULL UNIQUE CHECK (id = 'organization'),  -- there is one
    account TEXT   NOT NULL,                                     -- that manages it
    version BIGINT NOT NULL
);

CREATE TABLE service_control_policy (
    seq         {numbered},
    id          TEXT   NOT NULL UNIQUE,
    name        TEXT   NOT NULL UNIQUE,
    description TEXT   NOT NULL,
    document    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);

CREATE TABLE service_control_attachment (
    seq       {numbered},
    account   TEXT   NOT NULL,  -- empty: all of them
    policy_id TEXT   NOT NULL,  -- one of the above, or the vendor's
    version   BIGINT NOT NULL,
    UNIQUE (account, policy_id)
);
CREATE INDEX service_control_attachment_policy ON service_control_attachment (policy_id);
