"""Budgets of the product's text: short files, short functions, few broad excepts, no stubs, no shell."""

from __future__ import annotations

import ast
import re
from statistics import median, quantiles

from tests.house.tree import PRODUCT, ROOT, TESTS, Function, Source, length, sources

BROAD = {"Exception", "BaseException"}
# Spelled in two pieces, so that this file does not hold what it forbids.
POSTPONED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
SHELLS = {
    "os.system",
    "os.popen",
    "asyncio.create_subprocess_shell",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}
PROOFS = re.compile(r"^(?:assert|expect|check|raises|warns|fail|until|wait_for|run_state_machine)")


def test_files_are_short() -> None:
    lengths = {source.path: len(source.lines) for source in sources(PRODUCT)}
    assert median(lengths.values()) <= 120
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def test_functions_are_short() -> None:
    lengths = {
        f"{source.at(function)} {function.name}": length(function)
        for source in sources(PRODUCT)
        for function in source.functions
    }
    assert quantiles(lengths.values(), n=10)[-1] <= 30
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}


def test_every_module_opens_with_one_sentence() -> None:
    assert [
        str(source.path) for source in (*sources(PRODUCT), *sources(TESTS)) if not opens_with_a_sentence(source)
    ] == []


def test_broad_excepts_are_two_at_most_and_say_why() -> None:
    broad = [source_line for source in sources(PRODUCT) for source_line in broad_excepts(source)]
    assert len(broad) <= 2, broad
    assert [place for place, line in broad if "#" not in line] == []


def test_nothing_is_postponed() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    texts = [(source.path, source.text) for source in (*sources(PRODUCT), *sources(TESTS))]
    texts += [(path.relative_to(ROOT), path.read_text()) for path in scripts]
    found = [f"{path}: {hit.group()}" for path, text in texts for hit in POSTPONED.finditer(text)]
    assert found == []


def test_nothing_is_a_stub() -> None:
    stubs = [
        source.at(node)
        for source in sources(PRODUCT)
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node)
    ]
    assert stubs == []


def test_no_command_goes_through_a_shell() -> None:
    calls = [
        source.at(node)
        for source in (*sources(PRODUCT), *sources(TESTS))
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Call) and asks_for_a_shell(node)
    ]
    assert calls == []


def test_every_test_proves_something() -> None:
    empty = [
        f"{source.at(function)} {function.name}"
        for source in sources(TESTS)
        for function in source.functions
        if function.name.startswith("test") and not proves_something(function, source)
    ]
    assert empty == []


def opens_with_a_sentence(source: Source) -> bool:
    """A docstring whose first paragraph starts like a sentence and ends like one."""
    first = (ast.get_docstring(source.syntax) or "").split("\n\n")[0].rstrip()
    return bool(re.match(r"[A-Z0-9`\"*]", first)) and first.endswith((".", ":"))


def broad_excepts(source: Source) -> list[tuple[str, str]]:
    """Each place where any exception at all is caught and kept, or suppressed, with its line."""
    found: list[ast.excepthandler | ast.Call] = []
    for node in ast.walk(source.syntax):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or names_broadly(node.type)) and swallows(node):
            found.append(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            found += [node for argument in node.args if names_broadly(argument)]
    return [(source.at(node), source.lines[node.lineno - 1]) for node in found]


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether what was caught may stay caught: a handler that tidies up and raises again hides nothing."""
    last = handler.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def names_broadly(caught: ast.expr) -> bool:
    """Whether an except clause names one of the roots of all exceptions."""
    return any(isinstance(node, ast.Name) and node.id in BROAD for node in ast.walk(caught))


def asks_for_a_shell(call: ast.Call) -> bool:
    """Whether a call hands its command to a shell, by name or by argument."""
    called = ast.unparse(call.func)
    shell = [keyword.value for keyword in call.keywords if keyword.arg == "shell"]
    starts_a_process = called.startswith("subprocess.") or called.endswith("Popen")
    return called in SHELLS or (starts_a_process and any(ast.unparse(value) != "False" for value in shell))


def proves_something(function: Function, source: Source) -> bool:
    """Whether a test asserts, expects an exception, waits for something, or hands over to a helper that does."""
    helpers = {helper.name: helper for helper in source.functions if helper is not function}
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if PROOFS.match(called):
                return True
            if called in helpers and any(isinstance(inner, ast.Assert) for inner in ast.walk(helpers[called])):
                return True
    return False
