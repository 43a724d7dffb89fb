"""Make all that this candidate needs: the data, and the pretrained net's weights. A second run finds it done.

`python candidates/pronounce/prepare.py`
"""

from __future__ import annotations

import ast
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE.parent / "preparation"),
    str(HERE.parents[1]),
]  # the data's scripts; tasks, also where it is not installed

from package_cache import PackageFile, fetch  # noqa: E402
from pronounce_data import prepare_data  # noqa: E402
from up_to_date import is_current, write_stamp  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest, write_whole  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

BUILD = HERE / "build"
CHECKPOINT = BUILD / "checkpoint"
PACKAGE = PackageFile(
    requirement="g2p-en==2.1.0",
    filename="g2p_en-2.1.0-py3-none-any.whl",
    sha256="2a7aabf1fc7f270fcc3349881407988c9245173c2413debbe5432f4a4f31319f",
    source=False,
)
# where the adapter's modules hold what, and its name in the package; the package's gates stand in torch's order
WEIGHTS = {
    "encoder.embedding.weight": "enc_emb",
    "encoder.gru.weight_ih_l0": "enc_w_ih",
    "encoder.gru.weight_hh_l0": "enc_w_hh",
    "encoder.gru.bias_ih_l0": "enc_b_ih",
    "encoder.gru.bias_hh_l0": "enc_b_hh",
    "step.embedding.weight": "dec_emb",
    "step.cell.weight_ih": "dec_w_ih",
    "step.cell.weight_hh": "dec_w_hh",
    "step.cell.bias_ih": "dec_b_ih",
    "step.cell.bias_hh": "dec_b_hh",
    "step.head.weight": "fc_w",
    "step.head.bias": "fc_b",
}


def make_checkpoint(package: Path) -> None:
    """Write the checkpoint: the package's weights as safetensors, and its phonemes in the order of their tokens."""
    import numpy as np
    from safetensors.numpy import save

    with zipfile.ZipFile(package) as wheel:
        with wheel.open("g2p_en/checkpoint20.npz") as stream:
            arrays: Mapping[str, np.ndarray] = np.load(stream)
            weights = save({name: arrays[source] for name, source in WEIGHTS.items()})
        phonemes = _phonemes(wheel.read("g2p_en/g2p.py").decode("utf-8"))
    write_whole(CHECKPOINT / "model.safetensors", weights)
    write_whole(CHECKPOINT / "phonemes.json", f"{json.dumps(phonemes)}\n".encode())


def _phonemes(source: str) -> list[str]:
    """Return the strings of the lists that the package's code assigns to `self.phonemes`, without running that code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.phonemes":
            lists = [part for part in ast.walk(node.value) if isinstance(part, ast.List)]
            return [symbol for part in lists for symbol in ast.literal_eval(part)]
    raise InputError(f"{PACKAGE.filename} names no phonemes; the package holds other code than expected")


def main() -> int:
    """Make what is missing or out of date, or say that there was nothing to do."""
    try:
        made = prepare_data()
        inputs = [PACKAGE.sha256, digest(HERE / "prepare.py")]
        if not is_current(BUILD / "stamp", inputs, CHECKPOINT):
            package, fetched = fetch(PACKAGE)
            print(f"{'fetched' if fetched else 'found'} {package} ({package.stat().st_size / 1e6:.1f} MB)")
            make_checkpoint(package)
            write_whole(BUILD / "checkpoint.sha256", f"{digest(CHECKPOINT)}\n".encode())
            write_stamp(BUILD / "stamp", inputs, CHECKPOINT)
            size = sum(item.stat().st_size for item in CHECKPOINT.iterdir())
            print(f"wrote the weights to {CHECKPOINT} ({size / 1e6:.1f} MB)")
            made = True
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("pronounce is ready" if made else "nothing to do: pronounce and its data are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
