"""The DHCP options set that every Region of an account has by default. It is derived, not stored."""

from hashlib import blake2s

from msgspec import Struct

from isthmus.domain import ids
from isthmus.domain.filters import FilterTable


class DhcpOptions(Struct, frozen=True):
    """A DHCP options set: keys with their values, in order."""

    id: str
    account: str
    region: str
    configurations: tuple[tuple[str, tuple[str, ...]], ...]
    seq: int = 0
    version: int = 0


def default_id(installation: str, account: str, region: str) -> str:
    """Return the id of the default set: always the same for one account and Region of one installation (S516, S594)."""
    digest = blake2s(f"{installation}/{account}/{region}".encode(), person=b"dhcpopts")
    return ids.new_id("dhcp-options", digest.hexdigest()[:17])


def default_set(installation: str, account: str, region: str) -> DhcpOptions:
    """Return the default set of an account in a Region (S594)."""
    domain_name = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return DhcpOptions(
        id=default_id(installation, account, region),
        account=account,
        region=region,
        configurations=(("domain-name", (domain_name,)), ("domain-name-servers", ("AmazonProvidedDNS",))),
    )


FILTERS: FilterTable[DhcpOptions] = FilterTable(
    {
        "dhcp-options-id": lambda item: (item.id,),
        "key": lambda item: (key for key, _ in item.configurations),
        "owner-id": lambda item: (item.account,),
        "value": lambda item: (value for _, values in item.configurations for value in values),
    }
)
