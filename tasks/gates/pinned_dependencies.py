"""Every distribution that the serving path imports is pinned exactly in the lock, and the environment matches the lock.

An update that nobody asked for changes numbers without a word, so nothing that serves may be a range, be missing from
the lock, or have drifted from it. All of it is known exactly: there is no interval here.
"""

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import DependencyEvidence, Evidence, Unmeasured
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict

NAME = "pinned-dependencies"
CHECKLIST = "week 5-6"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("review",)
NEEDS = "the distributions that the serving path imports, and the lock"
DECIDES = "whether all that serves is pinned exactly in the lock and installed as the lock says"

NAMES_SHOWN = 5


class Limits(GateLimits):
    """Nothing to set but the severity: one loose pin is one too many."""


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on the launch's dependencies."""
    found = evidence.dependencies
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found)
    return verdict(NAME, CHECKLIST, limits, checks)


def _checks(found: DependencyEvidence) -> tuple[Check, ...]:
    if found.lock_sha256 is None:
        because = f"There is no lock at {found.lock}; write one that pins each distribution with =="
        return (Check(name="lock", outcome="fail", because=because),)
    if not found.imported:
        return (unmeasured("imports", "No import of the serving path was seen; serve the variant once and look again"),)
    return (
        _count("exact pins", "not pinned exactly", "pin them with ==", found.not_exact),
        _count("in the lock", f"missing from {found.lock}", "add them to the lock with ==", found.not_locked),
        _count("as locked", "installed in another version than locked", "install from the lock", found.drifted),
    )


def _count(name: str, wrong: str, remedy: str, names: tuple[str, ...]) -> Check:
    more = ", …" if len(names) > NAMES_SHOWN else ""
    named = f" ({', '.join(names[:NAMES_SHOWN])}{more})" if names else ""
    question = Question(name, f"The number of distributions {wrong}{named}", "", remedy)
    return exactly_at_most(question, len(names), 0)
