"""Every command, option and gate is in the documentation: what cannot be looked up is not there for its user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.cli import app
from tasks.decision.policy import POLICIES
from tasks.gates import GATES
from tasks.variants.recipes import RECIPES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
OPTIONS = sorted(
    (name, option)
    for name, command in COMMANDS.items()
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("--") and option != "--help"
)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented(name: str) -> None:
    """The command stands in the text as a user types it."""
    assert re.search(rf"\blaunchgate {name}\b", TEXT), f"README.md and docs/ never say `launchgate {name}`"


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_is_documented(name: str, option: str) -> None:
    """The option stands in the text."""
    assert re.search(rf"{option}\b", TEXT), f"README.md and docs/ never say {option} (of `launchgate {name}`)"


@pytest.mark.parametrize("name", [*GATES, *(path.stem for path in POLICIES.glob("*.yaml")), *RECIPES])
def test_every_gate_policy_and_variant_is_documented(name: str) -> None:
    """What a user can name stands in the text under that name."""
    assert re.search(rf"(?<![\w-]){name}(?![\w-])", TEXT), f"README.md and docs/ never say {name}"


def test_links_inside_of_the_documentation_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"
