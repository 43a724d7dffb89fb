"""The page that shows a data set's quality: every expectation with its outcome, one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

if TYPE_CHECKING:
    from tasks.evidence import ExpectationResult, ValidationEvidence

TITLES = {"production": "Production sample", "evaluation": "Evaluation set"}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}: data quality</title>
<style>
:root {
  --paper: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --soft: #5d636b; --line: #dddfe2; --code: #f0f1f3;
  --fail: #b3261e; --warn: #8a5a00; --pass: #1b6e3c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --card: #1d2024; --ink: #e6e8ea; --soft: #9aa1a9; --line: #343a40; --code: #2a2e33;
    --fail: #ff8a80; --warn: #f0b849; --pass: #6fd08c;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 54rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { margin: .25rem 0 0; color: var(--soft); }
ol { list-style: none; margin: 0; padding: 0; }
li { background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--tone); border-radius: .4rem;
  padding: .6rem .8rem; margin: .5rem 0; overflow-wrap: anywhere; }
.fail { --tone: var(--fail); } .warn { --tone: var(--warn); } .pass { --tone: var(--pass); }
.outcome { color: var(--tone); font-weight: 600; }
.because { margin: 0; }
.facts { margin: .15rem 0 0; color: var(--soft); font-size: .85rem; }
details { margin-top: .3rem; font-size: .85rem; }
summary { cursor: pointer; color: var(--soft); }
code { background: var(--code); border-radius: .2rem; padding: .05rem .3rem; font-size: .85em; white-space: pre-wrap; }
</style>
</head>
<body>
<h1>{{ title }}: data quality</h1>
<p class="verdict">{{ verdict }}</p>
{% for heading, results in groups %}{% if results %}
<h2>{{ heading }} ({{ results | length }})</h2>
<ol>
{% for result in results %}
<li class="{{ result | tone }}">
<p class="because"><span class="outcome">{{ "holds" if result.success else "fails" }}:</span> {{ result.because }}</p>
<p class="facts">{{ result.severity }} · {{ result.expectation }}{% if result.column %} · column <code>{{ result.column }}</code>{% endif %}
 · {{ "{:,}".format(result.unexpected_rows) }} unexpected of {{ "{:,}".format(result.checked_rows) }} checked rows</p>
{% if result.failing_ids %}<details{% if not result.success %} open{% endif %}>
<summary>{{ "the first " if result.failing_ids | length < result.unexpected_rows }}{{ result.failing_ids | length }} failing ids</summary>
{% for id in result.failing_ids %}<code>{{ id }}</code> {% endfor %}
</details>{% endif %}
</li>
{% endfor %}
</ol>
{% endif %}{% endfor %}
</body>
</html>
"""


def page(evidence: ValidationEvidence) -> str:
    """Return the page as HTML, failures first; whatever comes from the data is escaped."""
    failed = [result for result in evidence.results if not result.success]
    critical = [result for result in failed if result.severity == "critical"]
    others = [result for result in failed if result.severity != "critical"]
    held = [result for result in evidence.results if result.success]
    verdict = (
        f"{evidence.rows:,} rows, {evidence.evaluated_expectations} expectations evaluated: "
        f"{_count(len(critical), 'critical failure')}, {_count(len(others), 'warning')}."
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["tone"] = _tone
    return environment.from_string(PAGE).render(
        title=TITLES[evidence.dataset],
        verdict=verdict,
        groups=(("Critical failures", critical), ("Warnings", others), ("What holds", held)),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tone(result: ExpectationResult) -> str:
    if result.success:
        return "pass"
    return "fail" if result.severity == "critical" else "warn"
