"""What the serving path imports, held against the lock: every distribution exact, and installed as locked."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tasks.core.files import digest
from tasks.environment.describe import installed
from tasks.evidence import DependencyEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks.core.records import Candidate

HOUSE_LOCK = Path(__file__).parents[2] / "infra" / "locks" / "cpu.txt"
OWN_LOCKS = ("requirements.lock", "requirements.txt")
OWN = {"launchgate"}
owners_of_modules = cache(packages_distributions)  # reads every file list, and no launch installs anything


def check_dependencies(candidate: Candidate, modules: Iterable[str]) -> DependencyEvidence:
    """Return how the imported top-level `modules` and the environment stand against the lock.

    The lock is the candidate's own (`lock:` in candidate.yaml, else requirements.lock or requirements.txt in its
    folder), on top of the house's, from which the environment is made.
    """
    lock = lock_of(candidate)
    locked, not_exact = read_lock(lock)
    house = locked if lock == HOUSE_LOCK else read_lock(HOUSE_LOCK)[0] | locked
    here = installed()
    imported = _distributions(modules, here)
    drifted = [
        f"{name} {here.get(name, 'not installed')} (locked: {requirement.specifier})"
        for name, requirement in sorted(locked.items())
        if name not in here or not requirement.specifier.contains(here[name], prereleases=True)
    ]
    drifted += [
        f"{name} {imported[name]} (locked: {house[name].specifier})"
        for name in sorted(imported.keys() & house.keys() - locked.keys())
        if not house[name].specifier.contains(imported[name], prereleases=True)
    ]
    return DependencyEvidence(
        lock=lock.name
        if lock.parent == candidate.folder
        else f"infra/locks/{lock.name}"
        if lock == HOUSE_LOCK
        else str(lock),
        lock_sha256=digest(lock),
        imported=imported,
        not_exact=tuple(not_exact),
        not_locked=tuple(sorted(imported.keys() - house.keys())),
        drifted=tuple(drifted),
    )


def lock_of(candidate: Candidate) -> Path:
    """Return the candidate's own lock where it has one, else the house's."""
    if candidate.lock is not None:
        return candidate.resolve(candidate.lock)
    own = (candidate.folder / name for name in OWN_LOCKS)
    return next((path for path in own if path.is_file()), HOUSE_LOCK)


def read_lock(path: Path) -> tuple[dict[str, Requirement], list[str]]:
    """Return the requirements that apply here by canonical name, and every line that does not fix one exact version."""
    exact: dict[str, Requirement] = {}
    loose: list[str] = []
    for number, line in _logical_lines(path):
        text = line.split(" #", 1)[0].split(" --hash", 1)[0].strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith(("-r ", "--requirement ")):
            more, more_loose = read_lock(path.parent / text.split(maxsplit=1)[1])
            exact |= more
            loose += more_loose
            continue
        if text.startswith("--"):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            loose.append(f"{path.name}:{number}: {text}")
            continue
        if requirement.marker and not requirement.marker.evaluate():
            continue
        if _is_exact(requirement):
            exact[canonicalize_name(requirement.name)] = requirement
        else:
            loose.append(f"{path.name}:{number}: {text}")
    return exact, loose


def _logical_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with the number that it begins at; one that ends in a backslash goes on in the next."""
    begun, parts = 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        begun = begun or number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield begun, " ".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, " ".join(parts)


def _is_exact(requirement: Requirement) -> bool:
    if requirement.url:
        return "#sha256=" in requirement.url
    parts = list(requirement.specifier)
    return len(parts) == 1 and parts[0].operator in {"==", "==="} and "*" not in parts[0].version


def _distributions(modules: Iterable[str], here: dict[str, str]) -> dict[str, str]:
    """Return name and version of the distributions that the modules belong to; the standard library has none."""
    owners = owners_of_modules()
    names = {
        canonicalize_name(owner)
        for module in modules
        if module not in sys.stdlib_module_names
        for owner in owners.get(module, [])
    }
    return {name: here[name] for name in sorted(names - OWN) if name in here}
