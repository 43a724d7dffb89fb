"""References to raw samples that are not there."""

from __future__ import annotations

from tasks.evidence import Raw

SHA = "0" * 64
RAW = Raw(path="raw.parquet", sha256=SHA, rows=1)
