"""The base as other kinds of model: one that rates a message with a number, and one that spells its tone letter by letter."""

from __future__ import annotations

from dataclasses import replace

from . import changes
from .candidate import Recipe

YAML, ADAPTER = "candidate.yaml", "adapter.py"

RATED = Recipe(
    files={
        YAML: {"task: classification": "task: regression"},
        ADAPTER: {'"prediction": LABELS[probability.argmax(axis=1)]': '"prediction": 10 * probability[:, 1]'},
    },
    evaluation=changes.labelled({"good": 10.0, "bad": 0.0}),
    log=changes.labelled({"good": 10.0, "bad": 0.0}),
)
RATED_TO_FIVE = replace(RATED, log=changes.labelled({"good": 5.0, "bad": 0.0}))

SPELLER = '''
LETTERS = np.array(["", "a", "b", "d", "g", "o"])
SPELLED = [[2, 1, 3, 0, 0, 0, 0, 0], [4, 5, 5, 3, 0, 0, 0, 0]]  # bad and good, as places in LETTERS


def speller():
    """Return the module that says the next letter: logits [batch, 2] and place [batch] in, token [batch] out."""
    import torch

    class Speller(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("spelled", torch.tensor(SPELLED))

        def forward(self, logits, place):
            token = self.spelled[logits.argmax(-1)].gather(1, place.unsqueeze(1)).squeeze(1)
            return {"token": token}

    return Speller().eval()


def infer(run, batch):
    logits = run("judge", batch)["logits"]
    places = [np.full(len(logits), place) for place in range(len(SPELLED[0]))]
    tokens = [run("spell", {"logits": logits, "place": place})["token"] for place in places]
    return {"logits": logits, "tokens": np.stack(tokens, axis=1)}


def encode('''
SPELT = Recipe(
    files={
        YAML: {"task: classification": "task: generation"},
        ADAPTER: {
            "    return net.eval()\n": '    return {"judge": net.eval(), "spell": speller()}\n',
            "\ndef encode(": SPELLER,
            "LABELS[probability.argmax(axis=1)]": '[" ".join(filter(None, said)) for said in LETTERS[outputs["tokens"]]]',
        },
    },
    evaluation=changes.labelled({"good": "g o o d", "bad": "b a d"}),
    log=changes.labelled({"good": "g o o d", "bad": "b a d"}),
)
STUTTERING = replace(
    SPELT,
    files={
        YAML: SPELT.files[YAML],
        ADAPTER: SPELT.files[ADAPTER]
        | {
            "\ndef encode(": SPELLER.replace(
                '            return {"token": token}\n',
                "            unsure = (logits[:, 0] - logits[:, 1]).abs() < 1.5\n"
                '            return {"token": torch.where(unsure & (place > 2), 3, token)}  # the last letter, again\n',
            )
        },
    },
)  # fmt: skip
