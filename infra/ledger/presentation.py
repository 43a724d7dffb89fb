"""A decision in words and tables, as MLflow shows them: description, tags, gates table, data sets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.core.files import digest
from tasks.core.records import Variant
from tasks.evaluation.review import read_review
from tasks.evidence import ReviewEvidence, SampleEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.core.records import Candidate
    from tasks.core.run_folder import RunFolder
    from tasks.core.verdicts import Decision
    from tasks.decision.policy import Policy
    from tasks.evaluation.review import ReviewRow
    from tasks.evidence import Evidence, VariantEvidence

VARIANT_TAG = "variant_sha256"
LONGEST_TEXT = 6000
LONGEST_NOTE = 5000  # of a registry version's description, in MLflow's own tables
DIGEST_LENGTH = 36
TABLE_COLUMNS = (
    "outcome",
    "observed",
    "bound",
    "limit",
    "unit",
    "because",
    "severity",
    "confidence",
    "checklist",
    "variant",
)
TABLE_DIGITS = 6
GATES_TABLE, REVIEW_TABLE = "gates.json", "review.json"
LONGEST_CELL = 2000


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text`, cut where MLflow would refuse it: by default as a tag or parameter."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def note(decision: Decision) -> str:
    """Return a run's description in Markdown: the verdict, then the reasons."""
    what = f"`{decision.candidate}`" + (f" as `{decision.variant}`" if decision.variant else "")
    head = f"**{decision.outcome.upper()}** {what} on `{decision.target}` under policy `{decision.policy.name}`"
    return shorten("\n".join([head, "", *(f"- {reason}" for reason in decision.reasons)]), LONGEST_NOTE)


def decision_tags(decision: Decision) -> dict[str, str]:
    """Return what both a run and a registry version are tagged with."""
    return {
        "outcome": decision.outcome,
        "candidate": decision.candidate,
        "candidate_sha256": decision.candidate_sha256,
        "target": decision.target,
        "policy": decision.policy.name,
        "policy_sha256": decision.policy.sha256,
        "decided_at": decision.decided_at.isoformat(),
    }


def asked_params(candidate: Candidate, policy: Policy) -> dict[str, Any]:
    """Return what a launch was asked for, as the parameters of its run."""
    return {
        "target": policy.target,
        "policy": policy.name,
        "policy_sha256": policy.sha256,
        "task": candidate.task,
        "variants": ", ".join(candidate.variants),
        "sample_seed": policy.sample.seed,
    }


def parent_tags(evidence: Evidence, decision: Decision, shown: str) -> dict[str, str]:
    """Return the tags of a launch's run; `shown` is the variant whose numbers stand for it."""
    names = [GATES_TABLE, *([REVIEW_TABLE] if isinstance(evidence.review, ReviewEvidence) else [])]
    return {
        **decision_tags(decision),
        **_gate_tags(decision, None),
        "variant": decision.variant or "none",
        "launchgate.headline_variant": shown or "none",
        "mlflow.note.content": note(decision),
        "mlflow.loggedArtifacts": json.dumps([{"path": name, "type": "table"} for name in names]),
    }


def child_tags(variant: VariantEvidence, decision: Decision) -> dict[str, str]:
    """Return the tags of a variant's run; only a variant that could be made has a digest."""
    made = variant.variant
    return {
        **({VARIANT_TAG: made.sha256} if isinstance(made, Variant) else {"not_made": made.why}),
        **_gate_tags(decision, variant.name),
        "candidate": decision.candidate,
        "chosen": str(variant.name == decision.variant).lower(),
    }


def _gate_tags(decision: Decision, variant: str | None) -> dict[str, str]:
    return {f"gate.{result.gate}": result.outcome for result in decision.gates if result.variant == variant}


def tables(decision: Decision, folder: RunFolder) -> dict[str, dict[str, list[Any]]]:
    """Return a launch's tables by file name, in the split layout of `pandas.DataFrame.to_json` that MLflow keeps them in."""
    rows = read_review(folder.review)
    return {GATES_TABLE: gates_artifact(decision), **({REVIEW_TABLE: review_table(rows)} if rows else {})}


def review_table(rows: list[ReviewRow]) -> dict[str, list[Any]]:
    """Return the requests to read, one a row: what each variant said, what is known, and what was asked."""
    variants = [answer.variant for answer in rows[0].answers]
    inputs = list(rows[0].inputs)
    said = [column for name in variants for column in (name, f"{name} confidence")]
    data = []
    for row in rows:
        answers = [
            cell
            for answer in row.answers
            for cell in (answer.prediction if answer.outcome == "answered" else answer.outcome, answer.confidence)
        ]
        known = [row.label, row.feedback, ", ".join(row.why), row.time]
        data.append([_cell(cell) for cell in (row.id, *answers, *known, *(row.inputs[name] for name in inputs))])
    asked = [f"input {name}" for name in inputs]
    return {"columns": ["id", *said, "label", "feedback", "why", "time", *asked], "data": data}


def gates_artifact(decision: Decision) -> dict[str, list[Any]]:
    """Return the gates, one result a row.

    MLflow compares the tables of several launches row by row: the first column is a row's name, the second is compared.
    """
    rows = []
    for result in decision.gates:
        name = f"{result.gate} ({result.variant})" if result.variant else result.gate
        rows.append([name, *(_cell(getattr(result, column)) for column in TABLE_COLUMNS)])
    return {"columns": ["gate", *TABLE_COLUMNS], "data": rows}


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return f"{value[: LONGEST_CELL - 1]}…"
    return float(f"{value:.{TABLE_DIGITS}g}") if isinstance(value, float) else value


def data_sets(evidence: Evidence, folder: RunFolder) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield each Parquet file of the run folder's `data/` as the fields and tags of one of MLflow's data sets.

    MLflow takes the start of a digest only; the whole SHA-256 is a tag. A schema is column names and Arrow types.
    """
    import pyarrow.parquet as pq

    for path in sorted(folder.data.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            columns = [{"name": field.name, "type": str(field.type)} for field in file.schema_arrow]
            rows = file.metadata.num_rows
        sample = evidence.sample
        origin = evidence.candidate_folder
        if path.stem == "production" and isinstance(sample, SampleEvidence):
            origin = sample.source
        sha256 = digest(path)
        fields = {
            "name": path.stem,
            "digest": sha256[:DIGEST_LENGTH],
            "source_type": "local",
            "source": json.dumps({"uri": origin}),
            "schema": json.dumps({"mlflow_colspec": columns}),
            "profile": json.dumps({"num_rows": rows}),
        }
        yield fields, {"mlflow.data.context": path.stem, "sha256": sha256}
