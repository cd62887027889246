"""Ruby, PHP and Rust, with the tools the host has."""

from __future__ import annotations

import re
from typing import Final

from nanoscale_box.core.plan_model import Command, Found, PlanKind, Tree, argv
from nanoscale_box.core.plan_texts import json_of, string, table, text_of, toml_of

_RUBY_ENTRIES: Final = ("app.rb", "main.rb", "server.rb")
_GEM: Final = re.compile(r"^\s*gem[\s(]+[\"']([\w-]{1,100})[\"']", re.MULTILINE)
_PHP_ROOTS: Final = ("public", "web", ".")
_BINARY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def ruby(tree: Tree) -> Found | None:
    """Recognise Rails, a Rack app, or a plain program; gems go into a folder of the release's own."""
    gems = frozenset(_GEM.findall(text_of(tree, "Gemfile") or ""))
    bundled = "Gemfile" in tree.files
    entry = next((entry for entry in _RUBY_ENTRIES if entry in tree.files), None)
    if not bundled and (entry is None or "index.html" in tree.files):
        return None
    words = ("bundle", "exec") if bundled else ()
    run: Command | None = None
    if "config/application.rb" in tree.files and "rails" in gems:
        run, starts = argv(*words, "rails", "server", "--binding", "$HOST", "--port", "$PORT"), ", Rails"
    elif "config.ru" in tree.files and "puma" in gems:
        run, starts = argv(*words, "puma", "--bind", "tcp://$HOST:$PORT"), ", config.ru with puma"
    elif "config.ru" in tree.files:
        run, starts = argv(*words, "rackup", "--host", "$HOST", "--port", "$PORT"), ", config.ru"
    elif entry:
        run, starts = argv(*words, "ruby", entry), f", {entry}" if bundled else ""
    else:
        starts = ""
    return Found(
        kind=PlanKind.RUBY,
        why="Gemfile" if bundled else str(entry),
        starts=starts,
        install=(argv("bundle", "install"),) if bundled else (),
        run=run,
        env={"RACK_ENV": "production", "RAILS_ENV": "production", "BUNDLE_PATH": "vendor/bundle"},
    )


def php(tree: Tree) -> Found | None:
    """Recognise a PHP site by its index.php, served by PHP's own server."""
    root = next((root for root in _PHP_ROOTS if _in(root, "index.php") in tree.files), None)
    if root is None:
        return None
    composed = json_of(tree, "composer.json")
    needed = [name for name in table(composed, "require") if name != "php" and not name.startswith("ext-")]
    install = argv("composer", "install", "--no-dev", "--no-interaction", "--optimize-autoloader")
    return Found(
        kind=PlanKind.PHP,
        why=_in(root, "index.php"),
        install=(install,) if needed else (),
        run=argv("php", "-S", "$HOST:$PORT", "-t", root),
        env={"PHP_CLI_SERVER_WORKERS": "4"},
    )


def rust(tree: Tree) -> Found | None:
    """Recognise a crate with one binary: src/main.rs, or the only `[[bin]]`."""
    manifest = toml_of(tree, "Cargo.toml")
    if manifest is None:
        return None
    binaries = manifest.get("bin")
    named = [string(one, "name") for one in binaries if isinstance(one, dict)] if isinstance(binaries, list) else []
    name = string(table(manifest, "package"), "name") if "src/main.rs" in tree.files and not named else None
    name = named[0] if len(named) == 1 else name
    if name is None or not _BINARY.fullmatch(name):
        return Found(kind=PlanKind.RUST, why="Cargo.toml")
    locked = ("--locked",) if "Cargo.lock" in tree.files else ()
    return Found(
        kind=PlanKind.RUST,
        why=f"Cargo.toml, binary {name}",
        build=(argv("cargo", "build", "--release", "--bin", name, *locked),),
        run=argv(f"target/release/{name}"),
    )


def _in(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
