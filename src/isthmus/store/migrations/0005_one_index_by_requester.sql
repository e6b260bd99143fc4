-- One index of what a VPC has asked for, where there were two: every request wrote into both, at a random place (ADR 32).
--
-- At most one live connection per ordered pair (S242): to a live one the expression gives 0, to every other a number of its
-- own. The whole identity of the accepter counts: a request that named the wrong account or Region is another request.

DROP INDEX peering_requester;
DROP INDEX peering_live_pair;
CREATE UNIQUE INDEX peering_asked ON peering (
    requester_vpc_id,
    (CASE WHEN (
        state = 'pending-acceptance' OR state = 'active' OR state = 'provisioning' OR state = 'initiating-request'
    ) THEN 0 ELSE seq END),
    accepter_vpc_id,
    accepter_account,
    accepter_region
);
