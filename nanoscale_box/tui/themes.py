"""The box's own colours, dark and light; Textual's themes and the terminal's own palette are there as well."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="nanoscale-dark",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#e0af68",
    success="#9ece6a",
    warning="#e0af68",
    error="#f7768e",
    foreground="#c8d3f5",
    background="#16161e",
    surface="#1c1d28",
    panel="#2a2c3d",
    dark=True,
    variables={
        "footer-key-foreground": "#e0af68",
        "footer-background": "#1c1d28",
        "input-selection-background": "#7aa2f7 35%",
    },
)
LIGHT: Final = Theme(
    name="nanoscale-light",
    primary="#2457c5",
    secondary="#00728f",
    accent="#8f5e00",
    success="#1f7a36",
    warning="#8f5e00",
    error="#c02638",
    foreground="#24283b",
    background="#f7f7fa",
    surface="#eeeff4",
    panel="#dcdee8",
    dark=False,
    variables={"footer-key-foreground": "#8f5e00", "footer-background": "#eeeff4"},
)
