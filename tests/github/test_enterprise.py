"""Two settings name where GitHub is; nothing else in the product does."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.github.stand import Stand

PRODUCT = Path(__file__).parents[2] / "nanoscale_box"
ALLOWED = {
    "config.py",  # the defaults
    "adapters/git_lfs.py",  # the first line of every LFS pointer, wherever it lies
    "cli/commands.py",  # an example of a URL, in the help
    "tui/screens/new_project.py",  # the same, in a form
}
# The sandbox is a stand-in for somebody else's system; it says on its pages which one it is not.
OUTSIDE = {"sandbox"}


def texts(path: Path) -> list[tuple[int, str]]:
    """Every text of a module that may become part of an address, docstrings not among them."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]


def test_only_the_defaults_name_the_public_github() -> None:
    found = [
        f"{path.relative_to(PRODUCT)}:{line}"
        for path in sorted(PRODUCT.rglob("*.py"))
        if str(path.relative_to(PRODUCT)) not in ALLOWED and path.relative_to(PRODUCT).parts[0] not in OUTSIDE
        for line, text in texts(path)
        if "github.com" in text.replace("docs.github.com", "")
    ]
    assert found == []


async def test_everything_a_connection_and_a_deployment_ask_goes_to_the_two_addresses(connected: Stand) -> None:
    await connected.create()
    status = await connected.client.github_status()
    assert connected.sandbox.api_url == f"{connected.sandbox.url}/api/v3" and status.connected
    assert connected.heads.remotes[-1].url.startswith(connected.sandbox.url)
