"""Changes of text: each changes what its name says and nothing else."""

from __future__ import annotations

from support.perturbed_values import TEXT, changed


def test_a_typo_swaps_two_letters_inside_of_a_word() -> None:
    """The first letters stay, and so do all the characters; short words have none."""
    typo = changed("typo in a word", TEXT)
    assert sorted(typo) == sorted(TEXT)
    assert sum(a != b for a, b in zip(typo, TEXT, strict=True)) == 2
    assert [word[0] for word in typo.split()] == [word[0] for word in TEXT.split()]
    assert changed("typo in a word", "so it is") == "so it is"


def test_harmless_changes_keep_what_is_read() -> None:
    """What is undone gives the text again."""
    assert changed("other case", TEXT).lower() == TEXT.lower()
    assert changed("other case", TEXT.upper()) == TEXT.lower()
    assert changed("blanks doubled", TEXT).split() == TEXT.split()
    assert changed("blanks doubled", f" {TEXT}") == TEXT.replace(" ", "  ")
    assert changed("zero-width space", TEXT).replace("\u200b", "") == TEXT
    assert changed("emoji at the end", TEXT).startswith(f"{TEXT} ")


def test_look_alikes_are_in_one_word() -> None:
    """The words around it stay."""
    pairs = zip(changed("look-alike letters", TEXT).split(), TEXT.split(), strict=True)
    (found,) = [(a, b) for a, b in pairs if a != b]
    assert len(found[0]) == len(found[1])
