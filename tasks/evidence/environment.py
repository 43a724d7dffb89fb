"""Where a launch ran, and what its serving path imports."""

from __future__ import annotations

from tasks.core.records import Record, Sha256


class Environment(Record):
    """Where the evidence was taken; two equal digests mean the same libraries on the same kind of hardware."""

    python: str
    platform: str
    cpu: str
    cores: int
    memory_bytes: int
    gpu: str | None
    packages: dict[str, str]
    sha256: Sha256


class DependencyEvidence(Record):
    """What the serving path imports, held against the lock."""

    lock: str
    lock_sha256: Sha256 | None
    imported: dict[str, str]
    not_exact: tuple[str, ...]
    not_locked: tuple[str, ...]
    drifted: tuple[str, ...]
