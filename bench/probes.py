"""What a server should refuse or leave out, asked once: who is cheaper because it does not look is named.

Each probe returns what is wrong, or nothing. They are asked of ours too.
"""

from collections.abc import Callable, Mapping

from bench import sign
from bench.load import Answer
from bench.seed import CONNECTION_ID, VPC_ID, found
from bench.servers import Server

REGION = "ap-southeast-2"
UNKNOWN_CONNECTION = "pcx-0123456789abcdef0"
UNKNOWN_VPC = "vpc-0123456789abcdef0"


def vpc(server: Server, block: str) -> str:
    """A new VPC."""
    return found(VPC_ID, server.call(REGION, "CreateVpc", CidrBlock=block))


def connection(server: Server, requester: str, accepter: str) -> Answer:
    """Ask for a connection."""
    return server.call(REGION, "CreateVpcPeeringConnection", VpcId=requester, PeerVpcId=accepter)


def describe(server: Server, **parameters: str) -> Answer:
    """Describe connections."""
    return server.call(REGION, "DescribeVpcPeeringConnections", **parameters)


def takes_a_wrong_signature(server: Server) -> bool:
    """A request signed with another secret is refused (AuthFailure)."""
    keys = sign.Keys(server.recipe.keys.account, server.recipe.keys.access_key_id, "not-the-secret")
    request = sign.signed(server.address, keys, REGION, {"Action": "DescribeVpcPeeringConnections"})
    return server.send([request])[0].status == 200


def finds_an_unknown_id(server: Server) -> bool:
    """An id that is not there is an error (InvalidVpcPeeringConnectionID.NotFound)."""
    return describe(server, VpcPeeringConnectionId__1=UNKNOWN_CONNECTION).status == 200


def takes_an_unknown_requester(server: Server) -> bool:
    """A requester VPC that is not there is an error (InvalidVpcID.NotFound)."""
    return connection(server, UNKNOWN_VPC, vpc(server, "10.1.0.0/24")).status == 200


def connects_overlapping_blocks(server: Server) -> bool:
    """A connection of overlapping blocks fails (S241)."""
    answer = connection(server, vpc(server, "10.2.0.0/24"), vpc(server, "10.2.0.0/24"))
    if answer.status != 200:
        return False
    shown = describe(server, VpcPeeringConnectionId__1=found(CONNECTION_ID, answer))
    return b"<code>failed</code>" not in shown.body


def connects_a_pair_twice(server: Server) -> bool:
    """The same request again answers with the connection that is there (S242)."""
    pair = vpc(server, "10.3.0.0/24"), vpc(server, "10.4.0.0/24")
    first, second = (found(CONNECTION_ID, connection(server, *pair)) for _ in range(2))
    return first != second


def ignores_the_filter(server: Server) -> bool:
    """`status-code=active` shows active connections only."""
    connection(server, vpc(server, "10.5.0.0/24"), vpc(server, "10.6.0.0/24"))
    return b"pending-acceptance" in describe(server, Filter__1__Name="status-code", Filter__1__Value__1="active").body


def ignores_max_results(server: Server) -> bool:
    """MaxResults=5 shows at most five."""
    requester = vpc(server, "10.7.0.0/24")
    for number in range(6):
        connection(server, requester, vpc(server, f"10.8.{number}.0/24"))
    return len(CONNECTION_ID.findall(describe(server, MaxResults="5").body)) > 5


def takes_an_unknown_parameter(server: Server) -> bool:
    """A parameter that the action does not have is refused (UnknownParameter)."""
    return describe(server, NoSuchParameter="1").status == 200


PROBES: Mapping[str, Callable[[Server], bool]] = {
    "accepts a wrong signature": takes_a_wrong_signature,
    "answers an unknown connection id with success": finds_an_unknown_id,
    "accepts a requester VPC that does not exist": takes_an_unknown_requester,
    "connects VPCs whose blocks overlap": connects_overlapping_blocks,
    "makes a second connection for the same pair": connects_a_pair_twice,
    "ignores the filter status-code": ignores_the_filter,
    "ignores MaxResults": ignores_max_results,
    "accepts a parameter that does not exist": takes_an_unknown_parameter,
}


def probe(server: Server) -> list[str]:
    """What this server answers wrongly, in words."""
    return [f"{server.name} {words}" for words, is_wrong in PROBES.items() if is_wrong(server)]
