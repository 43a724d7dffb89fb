"""Versions and champions in a model registry: who is live, who was before, and the one step that changes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from infra.ledger.port import Champion, Promotion
from tasks.core.errors import InputError

ALIAS = "champion"
HISTORY = "champion."


class _Client(Protocol):
    """The part of MLflow's client that speaks to its registry."""

    def search_registered_models(self, filter_string: str | None = None) -> Any: ...

    def get_registered_model(self, name: str) -> Any: ...

    def create_registered_model(self, name: str) -> Any: ...

    def search_model_versions(self, filter_string: str | None = None) -> Any: ...

    def get_model_version(self, name: str, version: str) -> Any: ...

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None: ...

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None: ...

    def set_model_version_tag(
        self, name: str, version: str | None = None, key: str | None = None, value: Any = None
    ) -> None: ...

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: dict[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
    ) -> Any: ...


class Registry:
    """The versions of the models that launches registered."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    def register(self, model: str, run_id: str, source: str, tags: dict[str, str], description: str) -> str:
        """Return the version of `model` that run `run_id` made at `source`; it is made with its tags, once a run."""
        for version in self._client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'"):
            return str(version.version)
        if self._model(model) is None:
            try:
                self._client.create_registered_model(model)
            except Exception:
                if self._model(model) is None:  # else another launch made it in the same moment
                    raise
        created = self._client.create_model_version(model, source, run_id, tags=tags, description=description)
        return str(created.version)

    def promote(self, model: str, version: str) -> Promotion:
        """Move the alias to `version`, once: a version that was promoted before moves nothing.

        The promotion is in the history before the alias moves and marked as done after, so that one that was
        interrupted between is completed by promoting again.
        """
        tags = self._client.get_model_version(model, version).tags
        if "promoted_at" in tags:
            return Promotion(model=model, version=version, previous=tags.get("previous_champion"), changed=False)
        current = self._alias(model)
        entry = next((past for past in self.history(model) if past.version == version), None)
        if entry is None:
            entry = self._remember(self._read(model, version), previous=current)
        if current != version:
            self._client.set_registered_model_alias(model, ALIAS, version)
        self._client.set_model_version_tag(model, version, "promoted_at", _text(entry.promoted_at))
        return Promotion(model=model, version=version, previous=entry.previous, changed=current != version)

    def champion(self, model: str) -> Champion | None:
        """Return what the alias is on, None where there is no such model or alias.

        Raises InputError where the alias is on a version that no launch registered.
        """
        version = self._alias(model)
        return None if version is None else self._read(model, version)

    def history(self, model: str) -> tuple[Champion, ...]:
        """Return every champion that was promoted, the oldest first."""
        registered = self._model(model)
        tags = registered.tags if registered else {}
        return tuple(
            Champion.model_validate_json(value) for key, value in sorted(tags.items()) if key.startswith(HISTORY)
        )

    def _remember(self, champion: Champion, previous: str | None) -> Champion:
        """Add to the history: each entry is a tag of its own on the model, so that none overwrites another."""
        now = datetime.now(UTC)
        entry = champion.model_copy(update={"previous": previous, "promoted_at": now})
        if previous is not None:
            self._client.set_model_version_tag(entry.model, entry.version, "previous_champion", previous)
        key = f"{HISTORY}{now:%Y%m%dT%H%M%S.%f}Z.v{entry.version}"
        self._client.set_registered_model_tag(entry.model, key, entry.model_dump_json())
        return entry

    def _read(self, model: str, version: str) -> Champion:
        tags = self._client.get_model_version(model, version).tags
        try:
            return Champion(
                model=model,
                version=version,
                run_id=tags["launch_run"],
                variant=tags["variant"],
                decided_at=datetime.fromisoformat(tags["decided_at"]),
                previous=tags.get("previous_champion"),
                promoted_at=datetime.fromisoformat(tags["promoted_at"]) if "promoted_at" in tags else None,
            )
        except KeyError as error:
            raise InputError(
                f"the champion of {model} is version {version}, which no launch registered (it has no tag {error}); "
                f"move the alias '{ALIAS}' to a version that a launch registered, or remove it"
            ) from error

    def _alias(self, model: str) -> str | None:
        registered = self._model(model)
        version = registered.aliases.get(ALIAS) if registered else None
        return None if version is None else str(version)

    def _model(self, model: str) -> Any:
        """Return the registered model, None where there is none; a search is read first, since it does not raise."""
        if "'" in model:  # a quote would end the text in MLflow's search language, and no name holds one
            return None
        found = self._client.search_registered_models(f"name = '{model}'")
        return self._client.get_registered_model(model) if found else None


def _text(time: datetime | None) -> str:
    return (time or datetime.now(UTC)).isoformat()
