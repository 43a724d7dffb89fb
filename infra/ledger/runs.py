"""The runs of launches: which there are, which belong together, which one a user means, and what data they used."""

from __future__ import annotations

from typing import Any, Protocol

from infra.ledger.port import PREFIX_LENGTH
from tasks.core.errors import InputError

PARENT_TAG = "mlflow.parentRunId"
KIND_TAG = "launchgate.kind"
FOLDER_TAG = "launchgate.folder"
LISTED_RUNS = 5
ATTEMPTS = 3
DECIDED = f"tags.`{KIND_TAG}` != 'watch'"  # a watch is no launch, so a launch's name does not mean it


class _Client(Protocol):
    """The part of MLflow's client that searches."""

    def search_experiments(self) -> Any: ...

    def log_inputs(self, run_id: str, datasets: list[Any]) -> None: ...

    def get_run(self, run_id: str) -> Any: ...

    def search_runs(
        self,
        experiment_ids: list[str],
        filter_string: str = "",
        *,
        max_results: int = 1000,
        order_by: list[str] | None = None,
    ) -> Any: ...


class Runs:
    """The runs of all experiments."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    def launches(self, condition: str = "") -> list[Any]:
        """Return the newest parent runs that meet a condition in MLflow's search language."""
        experiments = [item.experiment_id for item in self._client.search_experiments()]
        query = f"tags.`{KIND_TAG}` LIKE '%'" + (f" and {condition}" if condition else "")
        return list(self._client.search_runs(experiments, query, max_results=LISTED_RUNS, order_by=["start_time DESC"]))

    def models(self) -> dict[str, str]:
        """Return the id of each experiment that holds launches, by its name, which is the model's."""
        query = f"tags.`{KIND_TAG}` LIKE '%'"
        found = sorted((str(each.name), str(each.experiment_id)) for each in self._client.search_experiments())
        return {name: key for name, key in found if self._client.search_runs([key], query, max_results=1)}

    def children(self, run_id: str) -> dict[str, Any]:
        """Return a launch's child runs under the names of their variants."""
        experiment = self._client.get_run(run_id).info.experiment_id
        found = self._client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{run_id}'", order_by=["start_time ASC"])
        return {str(child.info.run_name): child for child in found}

    def log_inputs(self, run_id: str, data_sets: list[Any], refusal: type[Exception]) -> None:
        """Note which data a run used, again where another launch wrote the same data set at the same moment."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._client.log_inputs(run_id, data_sets)
            except refusal:
                if attempt == ATTEMPTS:
                    raise
        return None

    def find(self, run: str) -> str:
        """Return the id of a launch from its id, a unique start of it, its name, or its candidate's folder (the latest).

        Raises InputError that lists the last launches where none or several match.
        """
        if len(run) >= PREFIX_LENGTH and run.isalnum():
            matches = [str(item.info.run_id) for item in self.launches(f"attributes.run_id LIKE '{run}%'")]
            if len(matches) > 1:
                raise InputError(f"several runs start with '{run}': {', '.join(matches)}; give more of the id")
            if matches:
                return matches[0]
        if "'" not in run:  # a quote would end the text in MLflow's search language, and no name holds one
            for condition in (f"attributes.run_name = '{run}'", f"tags.`{FOLDER_TAG}` = '{run}'"):
                for item in self.launches(f"{condition} and {DECIDED}"):
                    return str(item.info.run_id)
        last = [
            f"{item.info.run_id[:8]} ({item.info.run_name}, {item.data.tags.get('outcome', item.info.status.lower())})"
            for item in self.launches(DECIDED)
        ]
        raise InputError(
            f"no run is called '{run}' in the ledger; the last ones are {', '.join(last) or 'none'}; "
            f"give an id, its first {PREFIX_LENGTH} or more characters, or a name"
        )
