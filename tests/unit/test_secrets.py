"""A check over the source: secrets, signatures and tokens are compared by `hmac.compare_digest` and by nothing else (I9).

What is compared is told by its name, of a variable, of an attribute or of a key, inside whatever makes another form of it:
`token.encode()`, `headers.get("x-amz-security-token")`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parents[2] / "src" / "isthmus"
FILES: Final = sorted(path for path in SOURCE.rglob("*.py") if "shapes" not in path.parts)
SECRET: Final = re.compile(r"secret|signature|token(?!s)|seal|password", re.IGNORECASE)
COMPARING: Final = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def names(value: ast.expr) -> Iterator[str]:
    """The names that a value comes from: of variables, of attributes, and of keys that are written out."""
    for node in ast.walk(value):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                yield name


def tells_nothing(side: ast.expr) -> bool:
    """Whether a side of a comparison is a length, or nothing at all: that is no secret's value."""
    match side:
        case ast.Constant(value="" | b"") | ast.Call(func=ast.Name(id="len")):
            return True
    return False


def comparisons(source: str) -> Iterator[str]:
    """The comparisons of a module, as written, in which something is named like a secret, but for literals."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not any(isinstance(each, COMPARING) for each in node.ops):
            continue
        sides = [node.left, *node.comparators]
        values = [each for each in sides if not isinstance(each, ast.Constant)]
        if any(map(tells_nothing, sides)):
            continue
        if any(SECRET.search(name) for each in values for name in names(each)):
            yield ast.unparse(node)


@pytest.mark.rule("I9")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_but_compare_digest_compares_a_secret(path: Path) -> None:
    assert list(comparisons(path.read_text())) == []


@pytest.mark.parametrize(
    "code",
    [
        "key.secret == given",
        "signature != self.sign(text)",
        "token.encode() == other",
        "headers.get('x-amz-security-token') != x",
        "(key_id, secret) in known",
        "given in {row.session_token for row in rows} or a == row['secret']",
        "f'Bearer {token}' == authorization",
    ],
)
def test_a_comparison_of_a_secret_is_found(code: str) -> None:
    assert list(comparisons(code))


@pytest.mark.parametrize(
    "code",
    [
        "hmac.compare_digest(a.secret, b)",
        "token is None",
        "token != ''",
        "len(secret) == LENGTH",
        "name == 'token'",
        "tokens == []",
        "a == b",
    ],
)
def test_what_compares_no_secret_is_let_be(code: str) -> None:
    assert not list(comparisons(code))


@pytest.mark.rule("I9")
def test_compare_digest_compares_signatures_session_tokens_page_tokens_and_the_admins_token() -> None:
    users = {str(path.relative_to(SOURCE)) for path in FILES if "hmac.compare_digest(" in path.read_text()}
    assert users >= {"wire/sigv4.py", "gateway/authenticate.py", "gateway/admin.py", "domain/pages.py"}
