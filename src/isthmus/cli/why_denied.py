# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus why-denied`: how a decision of policies came about, statement by statement."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from isthmus.cli import show
from isthmus.cli.ask import Target, json_option, target_options

VERDICTS: Final[Mapping[str, str]] = {
    "matches": "matches",
    "action": "is about other actions",
    "resource": "is about other resources",
    "principal": "is about other callers",
    "unreadable": "cannot be read",
}


@click.command("why-denied")
@click.argument("caller", required=False)
@click.argument("action", required=False)
@click.argument("resources", nargs=-1)
@click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help="What the request says (repeatable).")
@click.option("--region", metavar="REGION", help="The Region that is called. Default: the first resource's.")
@click.option(
    "--message", metavar="TEXT", help="The encoded message of a refusal, or the whole refusal, in place of all that."
)
@target_options
@json_option
def why_denied(
    caller: str | None,
    action: str | None,
    resources: Sequence[str],
    *,
    pairs: Sequence[str],
    region: str | None,
    message: str | None,
    wants_json: bool,
    **where: str | None,
) -> None:
    """Tell why CALLER may or may not do ACTION on RESOURCES.

    CALLER is an ARN or an access key id, ACTION is like ec2:DeleteVpc, RESOURCES are ARNs, or none for `*`. The policies
    and objects are those of now. What only a request says is given with --context; the encoded message of a refusal
    brings it along.

    \b
    Examples:
      isthmus why-denied arn:aws:iam::111111111111:user/ann ec2:DescribeVpcs
      isthmus why-denied AKIA... ec2:DeleteVpc arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1234abcd
      isthmus why-denied AKIA... ec2:DescribeVpcs --context aws:SourceIp=10.0.0.1
      isthmus why-denied --message "$TEXT" --json
    """
    if bool(message) == bool(caller and action) or (message and (resources or pairs or region)):
        raise click.UsageError("Say either CALLER, ACTION and RESOURCES, or --message.")
    given: dict[str, Any] = {"caller": caller, "action": action, "resources": list(resources), "context": _said(pairs)}
    if region:
        given["region"] = region
    with Target(where["endpoint"], where["token_file"], where["data"]).open() as ask:
        told = ask("POST", "why-denied", {"message": message} if message else given)
    if wants_json:
        show.as_json(told)
    else:
        _print(told)


def _said(pairs: Sequence[str]) -> dict[str, Any]:
    """Return what a request says; a key that is named several times has several values (I90)."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--context takes KEY=VALUE, not {pair!r}.")
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _print(told: Mapping[str, Any]) -> None:
    allowed = "allowed now" if "refused" in told else "allowed"
    for check in told["checks"]:
        word = allowed if check["allowed"] else "denied"
        click.echo(f"{click.style(word, bold=True)}: {told['caller']}")
        click.echo(f"  {check['action']} on {check['resource']} {check['reason']}".rstrip())
        shown = ""
        for each in check["statements"]:
            layer = each["layer"] + (f" of the {each['level']}" if each["level"] else "")
            if layer != shown:
                shown = layer
                click.echo(f"  {layer}")
            click.echo(f"    {_line(each)}")
        if not check["statements"]:
            click.echo("  no policy binds this caller" if check["allowed"] else "  no policy says anything")
    for note in told["notes"]:
        click.echo(f"note: {note}")


def _line(each: Mapping[str, Any]) -> str:
    name = (
        f"{_policy(each['policy'], each['name'])}, statement {each['statement']}{' ' + each['sid'] if each['sid'] else ''}"
    )
    return f"{'->' if each['decides'] else '  '} {each['effect']:5}  {name}: {_verdict(each)}"


def _policy(policy: str, name: str) -> str:
    """Name a policy as people know it: the ARN of a service control policy has an id instead of the name."""
    return (policy or "policy") if policy.endswith(name) else f"{name} ({policy})"


def _verdict(each: Mapping[str, Any]) -> str:
    return "; ".join(map(_condition, each.get("conditions", ()))) or VERDICTS[each["verdict"]]


def _condition(condition: Mapping[str, Any]) -> str:
    said = "has no value" if condition["said"] is None else f"is {condition['said']}"
    return f"{condition['operator']} does not hold: {condition['key']} {said}, asked for {', '.join(condition['values'])}"
