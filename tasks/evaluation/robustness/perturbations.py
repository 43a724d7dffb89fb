"""The table of perturbations; adding one is one function and one entry in `KINDS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.evaluation.robustness.arrays import (
    blank_image,
    image_noise,
    image_shift,
    noise,
    other_scale,
    random_image,
    shift,
    with_a_gap,
    zeros,
)
from tasks.evaluation.robustness.numbers import far, last_digit
from tasks.evaluation.robustness.text import (
    BLANK_TEXTS,
    blanks,
    controls,
    emoji,
    gibberish,
    look_alikes,
    markup,
    mixed_languages,
    other_case,
    prompt,
    right_to_left,
    surrogate,
    too_long,
    typo,
    zero_width,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.evaluation.robustness.columns import Column, Draw


@dataclass(frozen=True)
class Kind:
    """One way to change a value, for columns that hold one of `of`.

    `preserving` leaves the meaning, and `garbage` leaves none; `traffic` is false of what an interface with types refuses
    before the model sees it, and `gap` of what it refuses in a column where production never lacks a value; `long` is answered one by one, as its size alone could exhaust a batch.
    """

    name: str
    of: tuple[str, ...]
    change: Callable[[Any, Draw, Column], Any]
    preserving: bool = False
    garbage: bool = False
    traffic: bool = True
    gap: bool = False
    long: bool = False


PROSE, TEXT, NUMBERS, ARRAYS = ("prose",), ("prose", "code"), ("integers", "floats"), ("arrays",)
IMAGES, LISTS = ("images",), ("arrays", "images", "lists")
ANY = (*TEXT, *NUMBERS, *LISTS, "booleans", "times", "bytes", "mappings")
KINDS: tuple[Kind, ...] = (
    Kind("typo in a word", PROSE, typo, preserving=True),
    Kind("other case", PROSE, other_case, preserving=True),
    Kind("blanks doubled", PROSE, blanks, preserving=True),
    Kind("zero-width space", PROSE, zero_width, preserving=True),
    Kind("look-alike letters", PROSE, look_alikes, preserving=True),
    Kind("emoji at the end", PROSE, emoji, preserving=True),
    Kind("other last digit", ("floats",), last_digit, preserving=True),
    Kind("integer as float", ("integers",), lambda value, _, __: float(value), preserving=True),
    Kind("noise", ARRAYS, noise, preserving=True),
    Kind("noise in the image", IMAGES, image_noise, preserving=True),
    Kind("image shifted", IMAGES, image_shift, preserving=True),
    Kind("empty", TEXT, lambda _, __, ___: "", garbage=True),
    Kind("only blanks", TEXT, lambda _, draw, __: draw.choice(BLANK_TEXTS), garbage=True),
    Kind("missing", ANY, lambda _, __, ___: None, gap=True),
    Kind("unknown value", ("code",), lambda _, draw, __: f"unseen-{draw.randrange(10**6)}"),
    Kind("gibberish", PROSE, gibberish, garbage=True),
    Kind("mixed languages", PROSE, mixed_languages),
    Kind("markup", PROSE, markup),
    Kind("like a prompt", PROSE, prompt),
    Kind("control characters", TEXT, controls),
    Kind("right-to-left marks", TEXT, right_to_left),
    Kind("lone surrogate", TEXT, surrogate, traffic=False),
    Kind("far out of range", NUMBERS, far),
    Kind("negative zero", ("floats",), lambda _, __, ___: -0.0),
    Kind("all zeros", ARRAYS, zeros, garbage=True),
    Kind("shifted", ARRAYS, shift),
    Kind("blank image", IMAGES, blank_image, garbage=True),
    Kind("random pixels", IMAGES, random_image, garbage=True),
    Kind("other scale", IMAGES, other_scale),
    Kind("infinity", ("floats",), lambda _, draw, __: draw.choice((float("-inf"), float("inf"))), traffic=False),
    Kind("not a number", ARRAYS, with_a_gap, traffic=False),
    Kind("text for a number", (*NUMBERS, "booleans"), lambda _, draw, __: draw.choice(("n/a", "12")), traffic=False),
    Kind("number for a text", TEXT, lambda _, draw, __: draw.randrange(100), traffic=False),
    Kind("empty list", LISTS, lambda value, _, __: value[:0], traffic=False),
    Kind("list cut short", LISTS, lambda value, _, __: value[: len(value) // 2], traffic=False),
    Kind("empty bytes", ("bytes",), lambda _, __, ___: b""),
    Kind("far too long", TEXT, too_long, long=True),
)
