"""Data Docs: Great Expectations' own page of a validation, as one HTML file that loads nothing and shows no row's values.

Great Expectations renders every outcome; the frame around them, with the style, is `data_docs.html`, since its own loads both
from other hosts. What the rows hold is left out before it renders, and it escapes little, so that is done here.
"""

from __future__ import annotations

import datetime as dt
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from expectations.results import raised, words_of
from tasks.data.redaction import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from great_expectations.expectations.expectation import Expectation

    from tasks.evidence import ExpectationResult, ValidationEvidence

TITLES = {"production": "Production sample", "evaluation": "Evaluation set"}
COUNTS = ("element_count", "missing_count", "unexpected_count", "unexpected_percent")
HIDDEN = "values are not shown"
COLUMNS = {"In Words": "in_words", "Severity": "severity"}  # beside Great Expectations' own
CUSTOM = "meta_properties_to_render"


class WithColumns(ExpectationConfiguration):
    """A setting with columns of ours: Great Expectations 1.24 looks for them there, where its own check refuses them."""

    def to_domain_obj(self) -> Expectation:
        """Return the expectation, without the columns."""
        kwargs = {name: value for name, value in self.kwargs.items() if name != CUSTOM}
        return ExpectationConfiguration(type=self.type, kwargs=kwargs, description=self.description).to_domain_obj()


def data_docs_page(
    found: ExpectationSuiteValidationResult,
    asked: Sequence[Expectation],
    evidence: ValidationEvidence,
    id_column: str,
) -> str:
    """Return the page of what Great Expectations `found`; `evidence` has a result for each expectation that was `asked`.

    Its sentence and its severity stand beside each outcome. Failing rows are named by their ids alone.
    """
    told = {
        (words_of(expectation)["claim"], expectation.severity): result
        for expectation, result in zip(asked, evidence.results, strict=True)
    }
    shown = ExpectationSuiteValidationResult(
        success=bool(found.success),
        results=[
            _shown(outcome, config, told[words_of(config)["claim"], config.severity], id_column)
            for outcome in found.results
            if (config := outcome.expectation_config)
        ],
        suite_name=found.suite_name,
        statistics=found.statistics,
        meta={
            "great_expectations_version": found.meta["great_expectations_version"],
            "run_id": found.meta["batch_markers"]["ge_load_time"],
            "batch_spec": {"data_asset_name": evidence.dataset},
        },
    )
    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    document = renderer.render(shown)
    # the suite has no page that its name could link to
    del document.sections[0].content_blocks[0].subheader.string_template["styling"]["params"]["expectation_suite_name"]
    failed = [result.severity for result in evidence.results if not result.success]
    view: Any = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).parent))
    return str(
        view.render(
            document,
            template="data_docs.html",
            title=TITLES[evidence.dataset],
            rows=evidence.rows,
            critical=failed.count("critical"),
            warnings=len(failed) - failed.count("critical"),
        )
    )


def _shown(
    outcome: ExpectationValidationResult, config: ExpectationConfiguration, told: ExpectationResult, id_column: str
) -> ExpectationValidationResult:
    """Return a copy of an outcome with its counts, its sentence and its failing ids, and nothing else of the rows."""
    error, ids = raised(outcome), escape(id_column)
    result = {name: outcome.result[name] for name in COUNTS if name in outcome.result}
    if (seen := outcome.result.get("observed_value")) is not None:
        result["observed_value"] = seen if isinstance(seen, (int, float, dt.date)) else _safe(str(seen))
    if told.failing_ids:
        rest = [""] * (told.unexpected_rows - len(told.failing_ids))  # counted, beyond the few that the page lists
        result |= {
            "partial_unexpected_counts": [{"value": HIDDEN, "count": told.unexpected_rows}],
            "unexpected_index_list": [{"": HIDDEN, ids: escape(row)} for row in (*told.failing_ids, *rest)],
            "unexpected_index_column_names": [ids],
        }
    kwargs = _masked(config.kwargs)
    if "column" in kwargs:
        kwargs["column"] = escape(kwargs["column"])
    return ExpectationValidationResult(
        success=bool(outcome.success),
        expectation_config=WithColumns(
            type=config.type,
            kwargs={**kwargs, CUSTOM: COLUMNS},
            meta={"attributes": {"in_words": _safe(told.because), "severity": told.severity}},
            description=_safe(config.description) if config.description else None,
            severity=config.severity,
        ),
        result=result,
        exception_info={
            "raised_exception": error is not None,
            "exception_message": mask(error or ""),
            "exception_traceback": "",
        },
    )


def _safe(text: str) -> str:
    """Return a text without its personal data, as HTML."""
    return escape(mask(text))


def _masked(value: Any) -> Any:
    """Return a setting of an expectation with the personal data in its texts replaced."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, (list, tuple)) else value
