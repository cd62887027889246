"""What docs/terminal.md says shows something is there to show it."""

from __future__ import annotations

import re
from typing import Final

from tests.house.tree import ROOT

PAGE: Final = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")


def test_every_named_test_and_picture_is_there() -> None:
    missing, file = [], ""
    for told in re.findall(r"`([^`\n]*\.py(?:::\w+)?|::\w+)`", PAGE):
        path, _, name = told.partition("::")
        file = path or file
        folder = ROOT if file.startswith("tests/") else ROOT / "tests" / "tui"
        text = (folder / file).read_text(encoding="utf-8") if (folder / file).is_file() else ""
        if not text or (name and f"def {name}(" not in text):
            missing.append(told)
    assert missing == []
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "picture" in line]
    pictures = {name for row in rows for list_ in re.findall(r"pictures? (`[a-z-]+`(?:(?:, | and )`[a-z-]+`)*)", row)
                for name in re.findall(r"`([a-z-]+)`", list_)}  # fmt: skip
    stored = {path.stem.rsplit("-", 1)[0] for path in (ROOT / "tests" / "tui" / "snapshots").glob("*.svg")}
    assert len(pictures) > 5 and pictures <= stored
