"""Values of a log as text."""

from __future__ import annotations

from typing import Any

import orjson


def text_of(value: Any) -> str | None:
    """Return a value as text: text and null as they are, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()
