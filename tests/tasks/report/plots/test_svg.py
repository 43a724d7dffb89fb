"""The colours of plots on the page."""

from __future__ import annotations

import re

import pytest

from tasks.report.page import HERE
from tasks.report.plots.svg import ROLES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme: str) -> None:
    """Text has at least 4.5:1 against both grounds, and lines at least 3:1 against the page, in light and in dark."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[scheme == "dark"]))
    for text in ("ink", "muted", "link", "pass", "fail", "inconclusive", "unmeasured"):
        for ground in ("paper", "raised"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (scheme, text, ground)
    for role in ROLES:
        if role.startswith("series") or role == "limit":
            assert contrast(colours[role], colours["paper"]) >= 3, (scheme, role)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, success criterion 1.4.3)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
