"""What could not be read of a log: counted in full, shown by a few masked examples, and the first of it kept aside."""

from __future__ import annotations

import orjson

from tasks.data.redaction import mask

EXAMPLES = 5
KEPT_ROWS = 1_000
KEPT_BYTES = 10_000
SHOWN_CHARACTERS = 80
MASKED_CHARACTERS = 2_000


class Malformed:
    """Counts rows that could not be read; holds at most `KEPT_ROWS` of them, cut to `KEPT_BYTES` each."""

    def __init__(self) -> None:
        self.rows = 0
        self.examples: list[str] = []
        self._kept: list[bytes] = []

    def add(self, file: str, line: int | None, reason: str, content: bytes = b"", rows: int = 1) -> None:
        """Count `rows` rows of `file` as malformed; `line` counts from 1 and is None where the file has no lines."""
        self.rows += rows
        text = content[:KEPT_BYTES].decode(errors="replace")
        if len(self.examples) < EXAMPLES:
            place = file if line is None else f"{file}:{line}"
            shown = f" ({mask(text[:MASKED_CHARACTERS])[:SHOWN_CHARACTERS]})" if text else ""
            self.examples.append(f"{place}: {reason}{shown}")
        if len(self._kept) < KEPT_ROWS:
            self._kept.append(
                orjson.dumps({"file": file, "line": line, "reason": reason, "rows": rows, "content": text})
            )

    def follow(self, other: Malformed) -> None:
        """Add what a later file holds."""
        self.rows += other.rows
        self.examples += other.examples[: EXAMPLES - len(self.examples)]
        self._kept += other._kept[: KEPT_ROWS - len(self._kept)]

    def kept(self) -> bytes:
        """Return what was kept as JSON lines."""
        return b"".join(line + b"\n" for line in self._kept)
