"""`openapi`: the API of this version, described; it needs no box."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box import __version__
from nanoscale_box.cli.printing import Printer
from nanoscale_box.wire.openapi import document


def openapi(options: Namespace, printer: Printer) -> int:
    """Print the document; `--json` changes nothing."""
    printer.data(document(__version__))
    return 0
