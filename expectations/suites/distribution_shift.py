"""An expectation that Great Expectations lacks: a column is still distributed as in a reference, by effect size.

Its own ones compare by p-values, which every difference passes below with enough rows, or by a divergence without bounds.
This one fails where the lower bound of the distance is over the limit, as the gate `drift` does; rows count by their weight,
and those of a cluster as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.suites.checks import WARNING, words
from tasks.data.drift import Reference, compare_columns
from tasks.data.weighting import cluster_codes
from tasks.evidence import DriftColumn
from tasks.statistics import distance_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from great_expectations.expectations.expectation import Expectation

    from tasks.core.records import Columns

METRIC = "table.distance_from_reference"


def shift_column(name: str) -> str:
    """Return the name of the derived column that holds what is compared."""
    return f"shift of {name}"


def keeps_distributions(
    references: Sequence[Reference],
    columns: Columns,
    weight: str | None,
    cluster: str | None = None,
    *,
    max_distance: float,
    confidence: float,
) -> list[Expectation]:
    """Return an expectation a reference, each a warning; all share one level (Bonferroni).

    They look at the columns that `shift_column` names, and `weight` and `cluster` are the columns of the rows' weights and
    clusters, if there are any.
    """
    limit = f"{100 * max_distance:g}%"
    return [
        ExpectColumnToKeepItsDistribution(
            compared=shift_column(reference.column),
            reference=reference.model_dump(mode="json"),
            weight=weight,
            cluster=cluster,
            max_distance=max_distance,
            confidence=1 - (1 - confidence) / len(references),
            severity=WARNING,
            description=(
                claim := f"'{reference.column}' is distributed as in the evaluation set, up to a distance of {limit}"
            ),
            meta=words(
                (reference.column,) if reference.column in (*columns.input, columns.label) else columns.input,
                claim,
                f"'{reference.column}' has moved from the evaluation set by over {limit}",
                "evaluate on requests like these, or find out what changed upstream",
            ),
        )
        for reference in references
    ]


class DistanceFromReference(TableMetricProvider):
    """How far a column lies from a reference, as the fields of a `DriftColumn`."""

    metric_name = METRIC
    value_keys = ("compared", "reference", "weight", "cluster")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls: Any,  # noqa: N805  Great Expectations makes it a class method
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],  # noqa: ARG002  same
        runtime_configuration: dict[str, Any],  # noqa: ARG002  same
    ) -> dict[str, Any]:
        rows, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        weight, cluster = metric_value_kwargs["weight"], metric_value_kwargs["cluster"]
        reference = Reference.model_validate(metric_value_kwargs["reference"])
        weights = None if weight is None else rows[weight].to_numpy()
        clusters = None if cluster is None else cluster_codes(rows[cluster])
        return compare_columns(reference, rows[metric_value_kwargs["compared"]], weights, clusters).model_dump()


class ExpectColumnToKeepItsDistribution(BatchExpectation):
    """Expect that the distance of a column from a reference is not shown to be over a limit.

    `reference` holds the fields of a `Reference`; `confidence` is that of the lower bound.
    """

    compared: str
    reference: dict[str, Any]
    weight: str | None = None
    cluster: str | None = None
    max_distance: float
    confidence: float

    metric_dependencies: ClassVar[tuple[str, ...]] = (METRIC,)
    success_keys: ClassVar[tuple[str, ...]] = (
        "compared",
        "reference",
        "weight",
        "cluster",
        "max_distance",
        "confidence",
    )

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002  Great Expectations asks for it
        execution_engine: Any = None,  # noqa: ARG002  same
    ) -> dict[str, Any]:
        found = DriftColumn.model_validate(metrics[METRIC])
        rows = found.evaluation_rows, found.production_effective_rows
        if not all(rows):
            return {"success": False, "result": {"observed_value": "one of the two has no values to compare"}}
        bounds = distance_interval(found.distance, *rows, self.confidence, found.excess)
        told = f"by {100 * found.distance:.3g}%, {found.in_words()}"
        return {"success": bounds.low <= self.max_distance, "result": {"observed_value": told}}
