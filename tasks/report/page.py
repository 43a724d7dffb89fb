"""What the page shows, in the order it shows it, and the template that sets it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import BaseModel

from tasks.core.verdicts import WORST_FIRST
from tasks.evidence import Raw, Unmeasured
from tasks.gates import GATES
from tasks.report import numbers
from tasks.report.forecast import forecast
from tasks.report.review_section import grouped_rows, kind_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.core.verdicts import Check, Decision, GateResult, Outcome, Severity
    from tasks.evaluation.review import ReviewRow
    from tasks.evidence import Evidence
    from tasks.report.plots.gallery import Plot


HERE = Path(__file__).parent
Kind = TypeVar("Kind", bound=BaseModel)
MOST_REASONS = 4  # at a glance; the others are one click away


class GateView(NamedTuple):
    """A gate with the results of all variants; `outcome` is the worst of them."""

    name: str
    decides: str
    severity: Severity
    checklist: str
    outcome: Outcome
    results: tuple[GateResult, ...]

    @property
    def launch(self) -> GateResult | None:
        """The result of a gate that judges the launch as a whole."""
        return self.results[0] if self.results[0].variant is None else None

    @property
    def checks(self) -> list[tuple[str | None, Check]]:
        """Every check with its variant, worst first."""
        pairs = [(result.variant, check) for result in self.results for check in result.checks]
        return sorted(pairs, key=lambda pair: WORST_FIRST.index(pair[1].outcome))

    def of(self, variant: str) -> GateResult | None:
        """Return the result for a variant; None where the gate did not judge it."""
        return next((result for result in self.results if result.variant == variant), None)


class GateGroup(NamedTuple):
    """Gates under one heading."""

    title: str
    gates: tuple[GateView, ...]


def page(evidence: Evidence, decision: Decision, plots: list[Plot], to_read: Sequence[ReviewRow] = ()) -> str:
    """Return the report as HTML, with the requests that people are to read; what came with the data is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        name: getattr(numbers, name) for name in ("count", "share", "size", "plain", "quantity", "moment", "money")
    }
    environment.tests["measured"] = lambda value: not isinstance(value, Unmeasured)
    gates = gate_views(decision)
    return environment.get_template("template.html").render(
        evidence=evidence,
        decision=decision,
        plots=plots,
        reasons=[_named(reason, {*(each.name for each in evidence.variants), *GATES}) for reason in decision.reasons],
        most_reasons=MOST_REASONS,
        gates=gates,
        groups=grouped(gates),
        variants=[each.name for each in evidence.variants],
        forecasts={each.name: forecast(each, evidence.task) for each in evidence.variants},
        lacks=_lacks(evidence),
        reading=grouped_rows(to_read),
        kinds=[] if isinstance(evidence.review, Unmeasured) else kind_rows(evidence.review),
        raws=[raw for _, raw in found(evidence, Raw)],
        version=_version(),
    )


def gate_views(decision: Decision) -> list[GateView]:
    """Gather the decision's results by gate, in the order in which the gates stand in the decision."""
    views = []
    for name in dict.fromkeys(result.gate for result in decision.gates):
        results = tuple(result for result in decision.gates if result.gate == name)
        worst = min((result.outcome for result in results), key=WORST_FIRST.index)
        decides = GATES[name].DECIDES if name in GATES else ""
        views.append(GateView(name, decides, results[0].severity, results[0].checklist, worst, results))
    return views


def grouped(gates: list[GateView]) -> list[GateGroup]:
    """Group gates by what a reader should see first; a group without gates is left out."""
    open_gates = [gate for gate in gates if gate.outcome != "pass"]
    groups = (
        ("Blocking, not passed by every variant", [gate for gate in open_gates if gate.severity == "block"]),
        ("Warnings", [gate for gate in open_gates if gate.severity == "warn"]),
        ("Passed", [gate for gate in gates if gate.outcome == "pass"]),
    )
    return [GateGroup(title, tuple(members)) for title, members in groups if members]


def found(value: Any, kind: type[Kind], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Kind]]:
    """Yield every record of a kind inside `value`, with the names of the fields that lead to it."""
    if isinstance(value, kind):
        yield path, value
    elif isinstance(value, BaseModel):
        name = getattr(value, "name", None)
        here = (*path[:-1], name) if path and isinstance(name, str) else path
        for field in type(value).model_fields:
            yield from found(getattr(value, field), kind, (*here, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from found(item, kind, path)


def _named(reason: str, names: set[str]) -> tuple[list[str], str]:
    """Split the variant and the gate that a reason begins with from its sentence."""
    leading = []
    while ": " in reason and (head := reason.split(": ", 1))[0] in names:
        leading.append(head[0])
        reason = head[1]
    return leading, reason


def _lacks(evidence: Evidence) -> list[tuple[str, Unmeasured]]:
    """Return what was not measured; places that lack for one reason share it."""
    places: dict[Unmeasured, list[str]] = {}
    for path, lack in found(evidence, Unmeasured):
        place = " ".join(part.replace("_", " ") for part in path)
        places.setdefault(lack.model_copy(update={"stage": ""}), []).append(place)
    return [(", ".join(where), lack) for lack, where in places.items()]


def _version() -> str:
    try:
        return version("launchgate")
    except PackageNotFoundError:
        return ""
