"""Terraform with an unmodified AWS provider against a real server: each case applies, plans nothing more, and destroys."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.clients.roles import EXTERNAL_ID, ROLE, allow, arn, client, document, lend, may_accept
from tests.clients.server import Server, account

pytestmark = pytest.mark.extended

SCRIPT = Path(__file__).parents[1] / "terraform" / "run-terraform.sh"
CASES = ("same_account", "cross_account", "cross_region")
CHECKS = {"with the provider's own checks": "1", "without the provider's own checks": ""}
AT_ONCE = 3
"""Runs side by side: each waits most of its time, because the provider pauses, but holds some 700 MB."""
RUN_SECONDS = 1_500
PROVIDER = "registry.terraform.io/hashicorp/aws"
USUAL_MIRRORS = ("~/.terraform.d/plugins", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins")

Run = Callable[[str, str], subprocess.CompletedProcess[str]]


def mirrors() -> Iterable[Path]:
    """Where a provider mirror may lie, those that the environment names first."""
    named = (os.environ.get(name, "") for name in ("ISTHMUS_TF_MIRROR", "TF_PLUGIN_MIRROR"))
    yield from (Path(name) for name in named if name)
    yield from (Path(name).expanduser() for name in USUAL_MIRRORS)
    yield from (found.parent for found in Path("/opt").glob("*/registry.terraform.io"))


def mirror() -> Path | None:
    """The first place that has the AWS provider, unpacked or packed."""
    return next((place for place in mirrors() if any((place / PROVIDER).rglob("terraform-provider-aws*"))), None)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """What the script needs to run here."""
    terraform, plugins = shutil.which(os.environ.get("TERRAFORM", "terraform")), mirror()
    if terraform is None:
        pytest.skip("There is no terraform on the PATH.")
    if plugins is None:
        pytest.skip("There is no mirror with Terraform's AWS provider; name one in ISTHMUS_TF_MIRROR.")
    return {**os.environ, "TERRAFORM": terraform, "TF_PLUGIN_MIRROR": str(plugins)}


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, server: Server, environment: dict[str, str]) -> Iterator[Run]:
    """Start every case that was asked for, side by side; a test waits for its own."""

    def run(case: str, checks: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, server.endpoint, case],
            env={**environment, "STRICT": CHECKS[checks]},
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )

    started: dict[tuple[str, str], Future[subprocess.CompletedProcess[str]]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def ended(case: str, checks: str) -> subprocess.CompletedProcess[str]:
            if (case, checks) not in started:
                started[case, checks] = pool.submit(run, case, checks)
            return started[case, checks].result()

        started |= {each: pool.submit(run, *each) for each in asked_for(request)}
        yield ended


def asked_for(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """The case and checks of every run that this session's tests want."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and is_case(item)]
    return [(str(item.callspec.params["case"]), str(item.callspec.params["checks"])) for item in items]


def is_case(item: pytest.Function) -> bool:
    return item.originalname == "test_a_case_applies_plans_nothing_more_and_destroys"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("checks", CHECKS)
def test_a_case_applies_plans_nothing_more_and_destroys(runs: Run, case: str, checks: str) -> None:
    done = runs(case, checks)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PASS {case}" in done.stdout


EXPECTED = {
    ("ec2", "DescribeVpcs", "InvalidVpcID.NotFound"),
    ("iam", "GetUser", "InvalidAction"),
}
"""A VPC that was just deleted is looked for until it is gone; without its own checks the provider asks
iam first, and then sts."""


def test_the_provider_is_refused_only_what_it_expects(runs: Run, server: Server, request: pytest.FixtureRequest) -> None:
    for case, checks in asked_for(request) or [("same_account", "without the provider's own checks")]:
        runs(case, checks)
    lines = server.audit()
    assert {line["action"] for line in lines} >= {"CreateVpc", "DescribeVpcs", "DeleteVpc"}
    refused = {(line["service"], line["action"], line["code"]) for line in lines if line["status"] >= 400}
    assert refused <= EXPECTED


# --- a provider that assumes a role -----------------------------------------------------------------------------------

ROLE_CASE = "assume_role"
MAKES_VPCS = ("ec2:CreateVpc", "ec2:DeleteVpc", "ec2:Describe*", "ec2:ModifyVpcAttribute")
TEAMS = {"StringEquals": {"aws:RequestTag/team": "net"}}


@pytest.fixture
def variables(server: Server) -> dict[str, str]:
    """What the case is told: a user who makes VPCs and asks for connections to an account, and a role that accepts there."""
    asking, accepting = account(), account()
    role_arn = f"arn:aws:iam::{accepting}:role/{ROLE}"
    iam = client(server, asking, "iam")
    iam.create_user(UserName="terraform")
    mine = (*may_make_vpcs(asking), *may_ask_for_any(asking, accepting), allow("sts:AssumeRole", resource=role_arn))
    iam.put_user_policy(UserName="terraform", PolicyName="peering", PolicyDocument=document(*mine))
    key = iam.create_access_key(UserName="terraform")["AccessKey"]
    lend(server, accepting, asking, *may_make_vpcs(accepting), *may_accept(accepting, asking))
    return {
        "access_key": key["AccessKeyId"],
        "secret_key": key["SecretAccessKey"],
        "role_arn": role_arn,
        "external_id": EXTERNAL_ID,
    }


def may_make_vpcs(owner: str) -> list[dict[str, Any]]:
    tag_new = {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}
    return [allow(*MAKES_VPCS), allow("ec2:CreateTags", resource=arn("vpc", "*", owner), **tag_new)]


def may_ask_for_any(asking: str, accepting: str) -> list[dict[str, Any]]:
    """Terraform knows no VPC's id beforehand, so the policy names accounts, and a tag."""
    connections, create = arn("vpc-peering-connection", "*", asking), "ec2:CreateVpcPeeringConnection"
    theirs = {"ArnLike": {"ec2:AccepterVpc": arn("vpc", "*", accepting)}}
    return [
        allow(create, resource=arn("vpc", "*", asking)),
        allow(create, resource=connections, **theirs, **TEAMS),
        allow("ec2:CreateTags", resource=connections, **TEAMS),
        allow("ec2:DeleteVpcPeeringConnection", resource=connections, StringEquals={"ec2:ResourceTag/team": "net"}),
    ]


def run_with(server: Server, environment: dict[str, str], variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    told = {f"TF_VAR_{name}": value for name, value in variables.items()}
    return subprocess.run(
        [SCRIPT, server.endpoint, ROLE_CASE],
        env={**environment, **told, "STRICT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )


@pytest.mark.rule("I120", "I201")
def test_a_provider_that_assumes_a_role_peers_with_the_roles_account(
    server: Server, environment: dict[str, str], variables: dict[str, str]
) -> None:
    done = run_with(server, environment, variables)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.rule("I120", "I138", "I176")
@pytest.mark.parametrize(
    ("broken", "words"),
    [({"external_id": "isthmus-43"}, "Cannot assume IAM Role"), ({"team": "web"}, "UnauthorizedOperation")],
)
def test_a_provider_is_refused_where_one_condition_is_broken(
    server: Server, environment: dict[str, str], variables: dict[str, str], broken: dict[str, str], words: str
) -> None:
    done = run_with(server, environment, {**variables, **broken})
    assert done.returncode == 1
    assert words in done.stdout
