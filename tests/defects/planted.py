"""The planted failures: for every gate at least one candidate that the gate must fail, and the clean twins it must pass.

Each is the base in `base/` with one change, and the twin is the same candidate without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from . import changes, kinds, pictures
from .candidate import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.core.records import Target

YAML, ADAPTER = "candidate.yaml", "adapter.py"
FP32, INT8_STATIC, INT8_DYNAMIC = "fp32", "int8-static", "int8-dynamic"
RETURN_NET = "    return net.eval()\n"


@dataclass(frozen=True)
class Clean:
    """A candidate without a failure in it; every gate must pass every variant of it, those of times where it is `timed`.

    `champion` names the clean candidate that is launched first under the same model name, so that it is live by then;
    `timed` says that failures which show in times have it as their twin, so that it is measured in full; `gate` names the
    only gate of time that it is held to, and measured for.
    """

    name: str
    recipe: Recipe
    champion: str | None = None
    timed: bool = False
    gate: str | None = None


@dataclass(frozen=True)
class Planted:
    """A candidate with one failure in it, which `gate` must fail on `variant` (None for a gate of the whole launch).

    `twin` names the clean candidate that it differs from by that failure alone; `also` lists the other gates that
    can't help but fail, because the failure shows there too, `earlier` those of them that block at a stage before.
    `environment` holds variables that are set meanwhile. `brief` lists what its gate asks for in full and this failure shows
    without.
    """

    gate: str
    name: str
    failure: str
    recipe: Recipe
    twin: str = "clean"
    variant: str | None = FP32
    target: Target = "cpu"
    champion: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    brief: tuple[str, ...] = ()


def adapter(**changed: str) -> dict[str, dict[str, str]]:
    """Return the change of one text of the adapter."""
    return {ADAPTER: {changed["old"]: changed["new"]}}


def variants(*names: str) -> dict[str, dict[str, str]]:
    """Return the change that asks for these variants alone."""
    return {YAML: {"variants: [fp32]": f"variants: [{', '.join(names)}]"}}


def lock(text: str) -> Recipe:
    """Return the recipe with a requirements.txt of its own."""
    return Recipe(added={"requirements.txt": text})


WIDE = {ADAPTER: {"WIDTH = 16": "WIDTH = 32"}}
QUANTIZED = Recipe(
    files=WIDE | variants(INT8_STATIC),
    evaluation=changes.only("shop", "app"),
    weights=changes.mail_apart(scale=1),
)

LOOKED_UP = Recipe(  # of fewer rows, since each takes 4 ms
    files={ADAPTER: changes.LOOKED_UP}, evaluation=changes.first_rows(300), log=changes.every(2)
)

CLEAN = (
    Clean("clean", Recipe(), timed=True),
    Clean("looked-up", LOOKED_UP, gate="capacity"),
    Clean("fills-its-cache", Recipe(files={ADAPTER: changes.FILLED_CACHE}), gate="memory-leak"),
    Clean("quantized", QUANTIZED),
    Clean("retrained", Recipe(seed=1), champion="clean"),
    Clean("rated", kinds.RATED),
    Clean("spelt", kinds.SPELT),
    Clean("pictured", pictures.PICTURED),
)

PLANTED = (
    Planted(
        "pinned-dependencies",
        "range-in-lock",
        "its requirements.txt asks for a range, numpy>=1.26",
        lock("numpy>=1.26\n"),
        variant=None,
    ),
    Planted(
        "pinned-dependencies",
        "drifted",
        "its requirements.txt pins numpy 1.26.4, and another version is installed",
        lock("numpy==1.26.4\n"),
        variant=None,
    ),
    Planted(
        "sample-size",
        "short-log",
        "its log holds 200 requests",
        Recipe(log=changes.every(15)),
        variant=None,
    ),
    Planted(
        "sample-size",
        "confident-labels",
        "only answers that the model was sure of were labelled",
        Recipe(log=changes.label_confident_answers),
        variant=None,
    ),
    Planted(
        "data-quality",
        "nulls",
        "one request in twenty was logged without its text",
        Recipe(log=changes.without_text(every=20)),
        variant=None,
    ),
    Planted(
        "data-quality",
        "empty-window",
        "logging stopped two months ago, so the window holds no request",
        Recipe(log=changes.earlier(days=60)),
        variant=None,
        also=("sample-size",),
    ),
    Planted(
        "data-quality",
        "old-schema",
        "the log still has yesterday's schema, where the text was called body",
        Recipe(log=changes.rename(text="body")),
        variant=None,
        also=("drift",),
    ),
    Planted(
        "data-quality",
        "vanished-column",
        "the log has no status from the middle of the window on",
        Recipe(log=changes.vanish_halfway("status")),
        variant=None,
    ),
    Planted(
        "data-quality",
        "vanished-slice",
        "the log has no source from the middle of the window on",
        Recipe(log=changes.vanish_halfway("source")),
        variant=None,
    ),
    Planted(
        "drift",
        "longer-inputs",
        "requests are ten times as long as those that it was evaluated on",
        Recipe(log=changes.longer(times=10)),
        variant=None,
    ),
    Planted(
        "export-parity",
        "dropout-in-training",
        "build leaves dropout in training mode",
        Recipe(files=adapter(old=RETURN_NET, new="    net.eval()\n    net.dropout.train()\n    return net\n")),
        variant=None,
    ),
    Planted(
        "export-parity",
        "norm-in-training",
        "build leaves batch norm in training mode",
        Recipe(files=adapter(old=RETURN_NET, new="    net.eval()\n    net.norm.train()\n    return net\n")),
        variant=None,
    ),
    Planted(
        "export-parity",
        "baked-shape",
        "forward loops over the rows in Python, so the graph keeps the batch size that it was exported with",
        Recipe(files={ADAPTER: changes.LOOP_OVER_ROWS}),
        variant=None,
        also=("error-rate", "production-accuracy", "slice-accuracy", "coverage"),
    ),
    Planted(
        "export-parity",
        "other-semantics",
        "it averages by scatter_reduce, which the exporter writes as a scatter that keeps the last word",
        Recipe(files={ADAPTER: changes.SCATTERED_MEAN}),
        variant=None,
        also=("production-accuracy", "robustness"),
    ),
    Planted(
        "execution-provider",
        "no-gpu",
        "it is launched for a GPU that is not there",
        Recipe(),
        target="cuda",
        environment={"CUDA_VISIBLE_DEVICES": "-1"},
    ),
    Planted(
        "error-rate",
        "not-a-number",
        "the average of an empty text, one in 300, is zero by zero",
        Recipe(files=adapter(old="present.sum(1).clamp(min=1)", new="present.sum(1)")),
        also=("robustness",),
    ),
    Planted(
        "error-rate",
        "encode-raises",
        "encode raises on texts of over 18 words",
        Recipe(
            files=adapter(
                old="    words = np.zeros(",
                new='    if max(map(len, buckets)) > 18:\n        raise ValueError("too long")\n    words = np.zeros(',
            )
        ),
        also=("robustness", "coverage"),
    ),
    Planted(
        "batch-invariance",
        "batch-statistics",
        "activations are centred on the mean of the batch",
        Recipe(
            files=adapter(old="self.norm(self.hidden(mean))", new="self.norm(self.hidden(mean - mean.mean(0) / 2))")
        ),
    ),
    Planted(
        "batch-invariance",
        "dynamic-scales",
        "dynamic int8 takes its scales from the whole batch, padding and neighbours included",
        Recipe(
            files=WIDE | variants(INT8_DYNAMIC),
            evaluation=changes.only("shop", "app"),
            weights=changes.mail_apart(scale=1),
        ),
        twin="quantized",
        variant=INT8_DYNAMIC,
    ),
    Planted(
        "repeatability",
        "unseeded-random",
        "the forward pass adds noise",
        Recipe(files=adapter(old="self.hidden(mean)", new="self.hidden(mean + 0.01 * torch.randn_like(mean))")),
        also=("batch-invariance",),
        earlier=("export-parity",),
    ),
    Planted(
        "repeatability",
        "salted-hash",
        "encode keeps eight words of a set, whose order follows Python's salted hash",
        Recipe(
            files=adapter(
                old="for word in text.casefold().split()]", new="for word in list(set(text.casefold().split()))[:8]]"
            )
        ),
    ),
    Planted(
        "quantization-loss",
        "outliers-in-a-slice",
        "features that only mail uses are a thousand times larger, so int8 has no steps left for them",
        Recipe(files=QUANTIZED.files, evaluation=QUANTIZED.evaluation, weights=changes.mail_apart(scale=1000)),
        twin="quantized",
        variant=INT8_STATIC,
    ),
    Planted(
        "production-accuracy",
        "hardly-trained",
        "it was trained on twenty messages",
        Recipe(training=changes.first_rows(20)),
        also=("calibration", "silent-failures"),
    ),
    Planted(
        "production-gap",
        "one-domain",
        "it was trained and evaluated without the messages of the app, which production has too",
        Recipe(training=changes.only("shop", "mail"), evaluation=changes.only("shop", "mail")),
        also=("calibration", "silent-failures", "drift", "slice-accuracy"),
    ),
    Planted(
        "production-gap",
        "another-scale",
        "it rates messages from 0 to 10, and production's labels go to 5",
        kinds.RATED_TO_FIVE,
        twin="rated",
        also=("production-accuracy", "slice-accuracy"),
    ),
    Planted(
        "slice-accuracy",
        "one-language",
        "one request in six is German, a language that it has never seen and that no column names",
        Recipe(log=changes.in_german(every=6)),
        also=("calibration", "silent-failures"),
    ),
    Planted(
        "coverage",
        "answers-when-sure",
        "it abstains wherever it is not sure, and is right on the rest",
        Recipe(
            files=adapter(
                old='"prediction": LABELS[probability.argmax(axis=1)]',
                new='"prediction": np.where(probability.max(axis=1) > 0.8, LABELS[probability.argmax(axis=1)], None)',
            )
        ),
    ),
    Planted(
        "calibration",
        "overconfident-head",
        "it was trained on a hundred messages, and its logits are twenty times too large, so every answer sounds certain",
        Recipe(training=changes.first_rows(100), weights=changes.louder(20, "head.weight", "head.bias")),
        also=("silent-failures", "slice-accuracy", "production-accuracy"),
    ),
    Planted(
        "silent-failures",
        "confident-noise",
        "it was never shown mail, whose words kept large random embeddings, so noise decides there and sounds certain",
        Recipe(
            training=changes.only("shop", "app"),
            evaluation=changes.only("shop", "app"),
            weights=changes.loud_words("mail", scale=50),
        ),
        also=("calibration", "drift", "slice-accuracy", "production-gap", "robustness"),
    ),
    Planted(
        "silent-failures",
        "stutter",
        "where it is not sure it repeats its last letter until the most steps are taken",
        kinds.STUTTERING,
        twin="spelt",
        also=("production-accuracy", "slice-accuracy", "quantization-loss"),
    ),
    Planted(
        "robustness",
        "empty-text",
        "encode raises on a text without a word, and its log never holds one",
        Recipe(
            log=changes.never_empty,
            files=adapter(
                old="    words = np.zeros(",
                new='    if not all(buckets):\n        raise ValueError("no words")\n    words = np.zeros(',
            ),
        ),
    ),
    Planted(
        "robustness",
        "place-by-place",
        "it reads images place by place, so one that is moved by a pixel says the opposite",
        pictures.PLACE_BY_PLACE,
        twin="pictured",
    ),
    Planted(
        "review-sample",
        "nothing-to-read",
        "its messages are nothing but handles, so masking leaves nothing of them that a person could read",
        Recipe(
            files=adapter(old="text.casefold().split()", new='text.casefold().replace("@", "").split()'),
            evaluation=changes.as_handles,
            log=changes.as_handles,
        ),
        variant=None,
    ),
    Planted(
        "review-sample",
        "endless-slices",
        "it declares the page as a slice, which has 300 values, so nobody can read something of each",
        Recipe(files={YAML: {"slices: [source]": "slices: [source, page]"}}, log=changes.with_page(values=300)),
        variant=None,
    ),
    Planted(
        "champion-regression",
        "worse-retrain",
        "it was retrained on a tenth of the champion's messages",
        Recipe(training=changes.first_rows(150)),
        twin="retrained",
        champion="clean",
        also=("calibration", "silent-failures"),
    ),
    Planted(
        "latency-slo",
        "stalls",
        "one call in a hundred stalls 300 ms",
        Recipe(
            files={
                ADAPTER: {
                    "from zlib import crc32\n": "from itertools import count\nfrom time import sleep\nfrom zlib import crc32\n",
                    "WIDTH = 16\n": "WIDTH = 16\nCALLS = count(1)\n",
                    "    buckets = [": "    if next(CALLS) % 100 == 0:\n        sleep(0.3)\n    buckets = [",
                }
            }
        ),
        brief=("load_seconds",),
    ),
    Planted(
        "latency-slo",
        "queues",
        "two calls in a row of every 100 take 95 ms, within the budget of a call, and requests that come meanwhile wait for both",
        Recipe(
            files={
                ADAPTER: {
                    "from zlib import crc32\n": "from itertools import count\nfrom time import sleep\nfrom zlib import crc32\n",
                    "WIDTH = 16\n": "WIDTH = 16\nCALLS = count(1)\n",
                    "    buckets = [": "    if next(CALLS) % 100 < 2:\n        sleep(0.095)\n    buckets = [",
                }
            }
        ),
        brief=("latency_calls", "latency_seconds"),
    ),
    Planted(
        "capacity",
        "locked",
        "each message is looked up elsewhere, which takes 4 ms, under a lock that all sessions share",
        replace(LOOKED_UP, files={ADAPTER: changes.locked(changes.LOOKED_UP)}),
        twin="looked-up",
    ),
    Planted(
        "batch-profile",
        "all-pairs",
        "a layer compares every message of the batch with every other one",
        Recipe(files={ADAPTER: changes.ALL_PAIRS}, weights=changes.with_pairs),
    ),
    Planted(
        "cold-start",
        "lazy-load",
        "encode fetches its dictionary at the first request, which takes a second",
        Recipe(
            files={
                ADAPTER: {
                    "from zlib import crc32\n": "from time import sleep\nfrom zlib import crc32\n",
                    "WIDTH = 16\n": "WIDTH = 16\nFETCHED = []\n",
                    "    buckets = [[": "    if not FETCHED:\n        sleep(1)\n        FETCHED.append(True)\n    buckets = [[",
                }
            }
        ),
    ),
    Planted(
        "memory-per-request",
        "dense-from-64",
        "encode takes another path from batches of 64 on, with a dense row of 6 MB a request",
        Recipe(
            files=adapter(
                old='    return {"words": words}\n',
                new='    if len(rows) >= 64:\n        np.ones((len(rows), 1_500_000), np.float32)\n    return {"words": words}\n',
            )
        ),
        also=("batch-profile",),
    ),
    Planted(
        "memory-leak",
        "keeps-outputs",
        "decode appends every output to a list",
        Recipe(
            files={
                ADAPTER: {
                    "WIDTH = 16\n": "WIDTH = 16\nKEPT = []\n",
                    '    logits = outputs["logits"]': '    KEPT.append(outputs)\n    logits = outputs["logits"]',
                }
            }
        ),
    ),
    Planted(
        "memory-leak",
        "keeps-records",
        "encode keeps a record of 100 bytes of every message, beside a cache that fills and stays",
        Recipe(
            files={
                ADAPTER: changes.FILLED_CACHE
                | {
                    "    buckets = [[": changes.FILL_CACHE
                    + "    KEPT.extend(bytes(100) for _ in texts)\n    buckets = [["
                }
            }
        ),
        twin="fills-its-cache",
    ),
    Planted(
        "memory-leak",
        "forgets-to-free",
        "encode asks the C library for 100 bytes a message and never gives them back",
        Recipe(
            files={
                ADAPTER: {
                    "from zlib import crc32\n": "import ctypes\nfrom zlib import crc32\n",
                    "WIDTH = 16\n": "WIDTH = 16\nLIBRARY = ctypes.CDLL(None)\n",
                    "    buckets = [": "    [LIBRARY.malloc(100) for _ in texts]\n    buckets = [",
                }
            }
        ),
    ),
    Planted(
        "unit-cost",
        "slow",
        "a request that comes alone waits 15 ms for others to share a batch with",
        Recipe(
            files={
                ADAPTER: {
                    "from zlib import crc32\n": "from time import sleep\nfrom zlib import crc32\n",
                    "    buckets = [": "    sleep(0.015 if len(rows) == 1 else 0)\n    buckets = [",
                }
            }
        ),
        brief=("latency_calls",),
    ),
)
