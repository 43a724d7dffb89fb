"""The documentation is whole and true: what a user can name is in it, what it names is there, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from test_architecture import FLOORS

from flows.cli import app
from tasks.core.settings import Business, Measuring, NumberTolerance, Reviewing, Sampling
from tasks.core.verdicts import GateLimits
from tasks.decision.policy import POLICIES
from tasks.gates import GATES
from tasks.variants.recipes import RECIPES

ROOT = Path(__file__).parent.parent
README, DOCS, MAKEFILE = ROOT / "README.md", ROOT / "docs", ROOT / "Makefile"
MOST_WORDS = 1200
USERS_PAGES = [README, *sorted(DOCS.rglob("*.md"))]
PAGES = [*USERS_PAGES, ROOT / "CONTRIBUTING.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in USERS_PAGES)
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
OPTIONS = sorted(
    (name, option)
    for name, command in COMMANDS.items()
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("--") and option != "--help"
)
SECTIONS = {
    "sample": Sampling, "review": Reviewing, "numbers": NumberTolerance, "measure": Measuring, "business": Business,
}  # fmt: skip
POLICY_KEYS = [(section, key) for section, record in SECTIONS.items() for key in record.model_fields]
GATE_KEYS = [
    (name, key)
    for name, gate in GATES.items()
    for key in gate.Limits.model_fields
    if key not in GateLimits.model_fields
]
MADE_BY_USERS = ("candidates/fraud", "candidates/NAME")  # what the pages tell a user to make
PATH = re.compile(r"(?<![\w./:-])(?:candidates|expectations|flows|tasks|infra|tests|benchmarks|docs|\.ci)/[\w./*-]*")
MODULE = re.compile(r"(?<![\w./-])(?:flows|tasks|infra|expectations)(?:\.\w+)+")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def relative(page: Path) -> str:
    """Return a page's path as a message names it."""
    return page.relative_to(ROOT).as_posix()


def section(page: Path, heading: str) -> str:
    """Return the text under a heading of the second level, up to the next one."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{relative(page)} has no section '{heading}'"
    return found[1]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


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


@pytest.mark.parametrize("name", GATES)
def test_the_readme_links_each_gate_to_its_section(name: str) -> None:
    """The list of gates in the README has every gate, and leads to where it is explained."""
    assert f"[{name}](docs/gates.md#{name})" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "key"), POLICY_KEYS)
def test_every_key_of_a_policy_is_documented(name: str, key: str) -> None:
    """The page on policies has a key in the table of the policy's section that holds it."""
    headings = re.findall(rf"^## (`{name}`.*)$", (DOCS / "policies.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == 1, f"docs/policies.md has no section `{name}`"
    rows = re.findall(r"^\| (.+?) \|", section(DOCS / "policies.md", headings[0]), re.MULTILINE)
    assert f"`{key}`" in " ".join(rows), f"docs/policies.md lacks `{key}` in its section `{name}`"


@pytest.mark.parametrize(("name", "key"), GATE_KEYS)
def test_every_limit_of_a_gate_is_documented(name: str, key: str) -> None:
    """A gate's section has every key that a policy can set of it."""
    assert f"`{key}`" in section(DOCS / "gates.md", name), f"docs/gates.md lacks `{key}` in its section on {name}"


def test_the_readme_is_short() -> None:
    """The first page is read to its end."""
    words = len(README.read_text(encoding="utf-8").split())
    assert words <= MOST_WORDS, f"README.md has {words} words; move something to docs/"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there, and a heading that is in it."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{relative(page)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(there), f"{relative(page)} links to {target}#{anchor}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_paths_and_modules_exist(page: Path) -> None:
    """A path of the repository that a page names is there, and so is a module of it."""
    text = page.read_text(encoding="utf-8")
    for path in (name.rstrip(".") for name in PATH.findall(text)):
        if path.startswith(MADE_BY_USERS) or page.parent.joinpath(path).exists():
            continue
        assert any(ROOT.glob(path)), f"{relative(page)} names {path}, which is not there"
    for module in MODULE.findall(text):
        place = ROOT.joinpath(*module.split("."))
        assert place.is_dir() or place.with_suffix(".py").exists(), (
            f"{relative(page)} names {module}, which is not there"
        )


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_targets_of_make_exist(page: Path) -> None:
    """What a page tells a user to make has a rule."""
    rules = {
        rule.replace("%", "") for rule in re.findall(r"^([\w%-]+):", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    }
    code = "\n".join(found.strip("`") for found in CODE.findall(page.read_text(encoding="utf-8")))
    for target in re.findall(r"^(?:time )?make ([\w-]+)", code, re.MULTILINE):
        known = target in rules or any(rule.endswith("-") and target.startswith(rule) for rule in rules)
        assert known, f"{relative(page)} says `make {target}`, and the Makefile has no such target"


def test_make_help_names_every_target() -> None:
    """A newcomer who asks make what there is to make is told all of it."""
    text = MAKEFILE.read_text(encoding="utf-8")
    told = text.partition("\nhelp:\n")[2].partition("\n\n")[0]
    phony = set(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split()) - {"help"}
    assert {target for target in phony if f"make {target} " not in told} == set()


def test_the_page_on_the_house_has_its_floors() -> None:
    """The floors in docs/house.md are those that tests/test_architecture.py holds the imports to."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \|$", section(DOCS / "house.md", "Floors"), re.MULTILINE)
    told = {int(floor): set(re.findall(r"`([\w.]+)`", packages)) for floor, packages in rows}
    assert told == {floor: set(packages) for floor, packages in enumerate(FLOORS, start=1)}
