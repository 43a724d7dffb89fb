"""The contract of `decision.json`: the schema in the repository is that of the code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from support.report_example import launch

from tasks.core.verdicts import Decision

SCHEMA = Path(__file__).parent.parent / "docs" / "decision.schema.json"


def test_the_schema_in_the_docs_is_the_code_s() -> None:
    """A change of the decision's fields shows up as a change of the published schema."""
    assert json.loads(SCHEMA.read_text()) == Decision.model_json_schema(by_alias=True, mode="serialization")


def test_a_decision_is_valid_under_the_schema() -> None:
    """What `--json` prints is accepted by a JSON Schema validator, and has the schema's version under `schema`."""
    _, decision = launch("reject")
    written = json.loads(decision.model_dump_json(by_alias=True))
    jsonschema.validate(written, json.loads(SCHEMA.read_text()))
    assert written["schema"] == 1
    assert {"gate", "variant", "severity", "outcome", "observed", "bound", "limit", "because"} <= written["gates"][
        0
    ].keys()
