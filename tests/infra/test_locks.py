"""The locks install with `--no-deps`, so they must name all that their own packages need, wherever they are installed."""

from __future__ import annotations

import tomllib
from importlib.metadata import requires
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = Path(__file__).parents[2] / "infra" / "locks"
ELSEWHERE = {"nvidia", "cuda", "triton"}  # torch's own builds ask for them; the CPU's does without


def locked(name: str) -> dict[str, Requirement]:
    """Return the requirements of a lock by canonical name."""
    lines = (line.split("#")[0].strip() for line in (LOCKS / name).read_text().splitlines())
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("name", ["cpu.txt", "test.txt", "gpu.txt", "mlserver.txt"])
def test_every_version_is_exact(name: str) -> None:
    """No line leaves a choice of version; one is left out where its project has no wheel, as pyproject.toml says."""
    project = tomllib.loads((LOCKS.parents[1] / "pyproject.toml").read_text())["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    markers = {canonicalize_name(item.name): item.marker for item in map(Requirement, wanted)}
    for requirement in locked(name).values():
        (version,) = requirement.specifier
        assert version.operator == "=="
        assert "*" not in version.version
        assert requirement.marker == markers.get(canonicalize_name(requirement.name))


@pytest.mark.parametrize("python", ["3.11.0", "3.11.14", "3.12.0", "3.13.0", "3.14.0"])
@pytest.mark.parametrize("lock", [("cpu.txt",), ("cpu.txt", "test.txt")])
def test_a_lock_holds_what_its_packages_need(python: str, lock: tuple[str, ...]) -> None:
    """Some packages need another one on older or newer Pythons only; a lock made on one Python can lack it on others."""
    environment = {key: str(value) for key, value in default_environment().items()} | {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "extra": "",
    }
    names = set().union(*map(locked, lock))
    lacking = {
        f"{name} needs {wanted.name}"
        for name in names
        for wanted in map(Requirement, requires(name) or ())
        if (wanted.marker is None or wanted.marker.evaluate(environment))
        and canonicalize_name(wanted.name) not in names
        and canonicalize_name(wanted.name).partition("-")[0] not in ELSEWHERE
    }
    assert not lacking
