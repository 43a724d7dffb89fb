"""The production sample and the evaluation set meet their expectations, and the log can be read.

A critical expectation that failed rejects, a warning is only named. Where an expectation allows a share of rows to break
it, that share is a limit here, and is held anew to what the sample showed. A suite that evaluated nothing, that holds nothing
critical, or that saw no rows can't pass, since nothing could have failed it. The rate of malformed rows is a rate like
any other: its exact upper bound is held to the limit.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Evidence, ExpectationResult, SampleEvidence, Share, Unmeasured, ValidationEvidence
from tasks.gates.comparisons import rate_at_most
from tasks.gates.verdict import Question, absent, exactly_at_most, verdict

NAME = "data-quality"
CHECKLIST = "week 3-4"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("data",)
NEEDS = "the expectation suites run on the production sample and on the evaluation set, and the log's malformed rows"
DECIDES = "whether the production log and the evaluation set are what their expectations say"

SHOWN = 3


class Limits(GateLimits):
    """How much of the log may be malformed, faulty, or there twice."""

    max_malformed_rate: Annotated[float, Field(gt=0, lt=1, description="largest share of log rows that can't be read")]
    max_faulty_rate: Annotated[
        float,
        Field(ge=0, lt=1, description="largest share of requests whose time, status or an input is missing or wrong"),
    ]
    max_slice_missing_rate: Annotated[
        float, Field(ge=0, lt=1, description="largest share of requests without the value of a declared slice")
    ]
    max_repeated_rate: Annotated[
        float, Field(ge=0, lt=1, description="largest share of requests that were logged more than once")
    ]


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on the launch's data."""
    suites = (evidence.production_quality, evidence.evaluation_quality)
    checks = tuple(absent(suite) if isinstance(suite, Unmeasured) else _expectations(suite, limits) for suite in suites)
    sample = evidence.sample
    malformed = absent(sample) if isinstance(sample, Unmeasured) else _malformed(sample, limits)
    warnings = [
        result
        for suite in suites
        if not isinstance(suite, Unmeasured)
        for result in suite.results
        if result.severity == "warning" and not result.success
    ]
    note = f"warnings: {_say(warnings)}" if warnings else ""
    return verdict(NAME, CHECKLIST, limits, (*checks, malformed), note=note)


def _expectations(suite: ValidationEvidence, limits: Limits) -> Check:
    name = f"{suite.dataset} expectations"
    critical = [result for result in suite.results if result.severity == "critical"]
    empty = {
        "the data set has no rows; widen the window or look at the filter before it": suite.rows == 0,
        "the suite evaluated nothing; give it expectations": suite.evaluated_expectations == 0 or not suite.results,
        "the suite has nothing critical, so nothing could fail; make some expectations critical": not critical,
    }
    for why, holds in empty.items():
        if holds:
            return Check(name=name, outcome="fail", because=f"The {suite.dataset} data can't be trusted: {why}")
    failed = [result for result in critical if not _holds(result, limits)]
    question = Question(
        name,
        f"The number of broken critical expectations of the {suite.dataset} data ({suite.rows:,} rows)",
        "",
        f"mend the data: {_say(failed)}",
    )
    return exactly_at_most(question, len(failed), 0)


def _holds(result: ExpectationResult, limits: Limits) -> bool:
    """Tell whether an expectation holds under these limits, whatever those were that the suite was run with."""
    if result.limit is None or not result.checked_rows:
        return result.success
    allowed: float = getattr(limits, result.limit)
    return result.unexpected_rows <= allowed * result.checked_rows


def _say(results: list[ExpectationResult]) -> str:
    more = f" and {len(results) - SHOWN} more" if len(results) > SHOWN else ""
    return "; ".join(result.because for result in results[:SHOWN]) + more


def _malformed(sample: SampleEvidence, limits: Limits) -> Check:
    examples = f", such as {sample.malformed_examples[0]}" if sample.malformed_examples else ""
    question = Question(
        "malformed rows",
        "The share of malformed log rows",
        "share",
        f"mend the service that writes the log{examples}",
        "log rows",
    )
    # a row that can't be read is none of the log's rows
    malformed = Share(events=sample.malformed_rows, trials=sample.log_rows + sample.malformed_rows)
    return rate_at_most(question, malformed, limits.max_malformed_rate, limits.confidence)
