"""Masking: no personal data of a known form gets through, in whatever disguise, and ordinary text stays as it is."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expectations.results import _shown as _quoted
from tasks.candidate.adapter import Adapter, AdapterError
from tasks.data.redaction import LONGEST, is_readable, mask, mask_id
from tasks.data.sampling.malformed import Malformed

if TYPE_CHECKING:
    from pathlib import Path

LEAKS = [
    # e-mail
    ("write to jane.doe@example.com please", "write to [email] please"),
    ("Jane.Doe+news@mail.example.co.uk.", "[email]."),
    ("<jane_doe@example.com>, o'neil@example.ie", "<[email]>, [email]"),
    ("jörg.müller@bücher.example", "[email]"),
    ("我的邮箱是foo@bar.com谢谢", "我的邮箱是[email]谢谢"),
    ("用户@例子.广告", "[email]"),
    ("mailto:jane@example.com?subject=hi", "mailto:[email]?subject=hi"),
    ("unsubscribe: https://x.example/u?email=jane%40example.com&x=1", "unsubscribe: https://x.example/u?email=[email]&x=1"),
    ("jane [at] example [dot] com, jane(at)example.com", "[email], [email]"),
    # telephone
    ("call +1 415-555-2671 now", "call [phone] now"),
    ("+44 20 7946 0958 / +49 (0)30 901820", "[phone] / [phone]"),
    ("my number is (415) 555-2671.", "my number is [phone]."),
    ("reach me on 415.555.2671 or 4155552671", "reach me on [phone] or [phone]"),
    ("tel: 555-0123", "tel: [phone]"),
    ("text me at 07911 123456", "text me at [phone]"),
    ("0171-1234567 ist mein Handy", "[phone] ist mein Handy"),
    ("📞 0912 345 678", "📞 [phone]"),
    ("appelez le 01 42 68 53 00", "appelez le [phone]"),
    ("+91 98765 43210 and 98765 43210", "[phone] and [phone]"),
    ("0049 171 1234567", "[phone]"),
    ("06.12.34.56.78, 415-555-2671/415-555-2672", "[phone], [phone]/[phone]"),
    ("WhatsApp:+919876543210,4155552671", "WhatsApp:[phone],[phone]"),
    ("+1 (415) 555-2671 ext. 12", "[phone]"),
    # cards
    ("card 4111 1111 1111 1111 exp 12/27", "card [card] exp 12/27"),
    ("4111-1111-1111-1111", "[card]"),
    ("4111111111111111", "[card]"),
    ("amex 3782 822463 10005 cvv 1234", "amex [card] cvv 1234"),
    ("5555.5555.5555.4444", "[card]"),
    ("5 1 0 5 1 0 5 1 0 5 1 0 5 1 0 0", "[card]"),
    ("4111 1111 1111 1111 123 is mine", "[card] 123 is mine"),
    ("4111111111111111 and 5555555555554444", "[card] and [card]"),
    ("4111 1111 1111 1111 5555 5555 5555 4444", "[card] [card]"),
    ("4222222222222", "[card]"),
    ("Visa4111111111111111", "Visa[card]"),
    ("6011\u00a01111\u00a01111\u00a01117", "[card]"),
    ("\uff14" + 15 * "\uff11", "[card]"),
    # accounts
    ("IBAN DE89 3704 0044 0532 0130 00 bitte", "IBAN [iban] bitte"),
    ("gb82west12345698765432", "[iban]"),
    ("to GB82-WEST-1234-5698-7654-32.", "to [iban]."),
    ("NL91 ABNA 0417 1643 00 and FR14 2004 1010 0505 0001 3M02 606", "[iban] and [iban]"),
    # handles
    ("@jane_doe thanks", "[handle] thanks"),
    ("RT @jane: so good", "RT [handle]: so good"),
    ("RT@jane so good", "RT[handle] so good"),
    (".@jane, (@joe) and @jörg_92!", ".[handle], ([handle]) and [handle]!"),
    ("@ユーザー さん", "[handle] さん"),
    ("谢谢@john", "谢谢[handle]"),
    ("on mastodon @jane@mastodon.social", "on mastodon [handle]"),
    ("https://medium.com/@jane.doe/post", "https://medium.com/[handle]/post"),
    ("\uff20jane", "[handle]"),
    # URLs
    ("https://user:p@ss@host.example/x", "https://[secret]@host.example/x"),
    ("postgresql://admin:s3cret@db:5432/x", "postgresql://[secret]@db:5432/x"),
    ("https://x.example/a?token=abc123&page=2", "https://x.example/a?token=[secret]&page=2"),
    ("https://x.example/#access_token=eyJhbGciOi.J9&state=1", "https://x.example/#access_token=[secret]&state=1"),
    ("https://s3.example/o?X-Amz-Signature=deadbeef&X-Amz-Expires=60", "https://s3.example/o?X-Amz-Signature=[secret]&X-Amz-Expires=60"),
    ("https://x.example/?a=1&amp;session_id=42&amp;b=2", "https://x.example/?a=1&amp;session_id=[secret]&amp;b=2"),
    ("www.x.example/go?u=a8Fk29dLq0Zx7Vb31MnP", "www.x.example/go?u=[secret]"),
    # addresses of machines
    ("from 203.0.113.7:8080 to 10.0.0.0/8", "from [ip]:8080 to [ip]/8"),
    ("http://192.168.1.1/admin", "http://[ip]/admin"),
    ("2001:db8::8a2e:370:7334 and [::1]:80", "[ip] and [[ip]]:80"),
    ("::ffff:203.0.113.7", "[ip]"),
]  # fmt: skip
ORDINARY = [
    "It cost $1,234,567.89, or 1.234.567,89 EUR; about 25,000 a month.",
    "2026-11-21 14:03:22, 21.11.2026, 11/21/2026, 20261121T140322Z",
    "from 10:30-11:30 or 10.30 - 11.30 on 03.04.2026",
    "the years 1999-2004, 2019/2020 and 1914 - 1918",
    "commit 4f9c1b2e7d3a5f60718293a4b5c6d7e8f9012345 and 0xDEADBEEF12345678",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "order 4155552671, invoice no 98765432101, tracking number 12345678901",
    "ISBN 978-3-16-148410-0, ISBN 0306406152",
    "a population of 1 400 000 000, or 7.900.000.000 people",
    "version 1.2.3.4 and v10.0.0.1, section 3.2.1.4, Chrome/120.0.6099.109",
    "pi is 3.14159265358979323846, e is 2.718281828459045",
    "unix time 1732197802 is 1732197802123 in milliseconds and 1732197802123456 in microseconds",
    "meet @ 5pm, or @5pm, or @ the park; @_@ and :@ !!",
    "10/10, 5 stars, 100%, 24/7, 9-5, 4x4, 1080p, 3.5 mm, 5'10\"",
    "std::vector<int> a::b Foo::bar 12:30:45 ratio 16:9",
    "the f@ck, sh@rp, root@server",
    "https://x.example/best-10-places-to-visit-in-2024-europe?page=2&sort=asc&author=bob#top",
    "PO 4500012345, serial 490154203237518, zip 90210-1234, 4155552671 dollars",
    "scores 2001 2002 2003 2004 and 1-2-3-4-5-6-7-8-9, order #112-1234567-1234567",
    "call 911 or text 150 characters, phone of 6.1 inches",
    "scores 12 345 67, 1-0 2-1 3-2, 0-0",
    "GB is Great Britain and DE12 is a postcode",
    "ab12 cdef 3456 7890 1234 5678",
    "40.7128, -74.0060",
    "",
    "日本語の文章です。שלום עולם 🙂🙃",
    "1234567",
    "123-45",
    "room 101-102-103, bus 12, 12, 12",
]


@pytest.mark.parametrize(("text", "masked"), LEAKS)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    """What it was is named in its place, and the words around it stay."""
    assert mask(text) == masked


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    """Prices, dates, hashes, versions, order numbers and emoticons are no personal data."""
    assert mask(text) == text


@given(st.text(max_size=200))
@example("@@@a@b.cd @ @@")
@example("https://a:b@c?token=[secret]&key=d")
def test_masking_twice_is_masking_once(text: str) -> None:
    """No text breaks it, and a mask is never masked again."""
    once = mask(text)
    assert mask(once) == once


@given(
    st.from_regex(r"[a-z][a-z0-9._+-]{0,20}[a-z0-9]@[a-z]{1,20}\.(com|org|co\.uk)", fullmatch=True),
    st.sampled_from([" ", "\n", ", ", ": ", " <", "(", '"', "=", "/", ";"]),
)
def test_no_address_gets_through(address: str, before: str) -> None:
    """Whatever stands before it, nothing of an address is left."""
    assert mask(f"mail{before}{address} today") == f"mail{before}[email] today"


@pytest.mark.parametrize(
    "text",
    ["a" * 50_000, "1" * 50_000, "1 " * 25_000, "@" * 50_000, "a@" * 25_000, "1:" * 25_000, "1-" * 25_000, "a." * 25_000, "a'" * 25_000,
     "(at) " * 10_000, "AA11 " * 10_000, "?a=" * 10_000, "://" * 10_000, "call 1" * 8_000],
)  # fmt: skip
def test_hostile_texts_take_no_time(text: str) -> None:
    """A pattern that backtracks would hang on one of these."""
    started = time.perf_counter()
    masked = mask(text)
    assert time.perf_counter() - started < 5
    assert len(masked) <= len(text)


def test_a_long_text_is_cut_between_words() -> None:
    """No half of an address is left over where the text ends."""
    text = "word " * (LONGEST // 5 - 1) + "jane.doe@example.com"
    assert mask(text).endswith("word …")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("r00042", "r00042"),
        ("4155552671", "4155552671"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("jane@example.com", "[email]"),
        ("@jane", "[handle]"),
        ("+14155552671", "[phone]"),
    ],
)
def test_an_id_stays_one(name: str, shown: str) -> None:
    """A request can be looked up by what is shown, unless its id is itself an address."""
    assert mask_id(name) == shown


@pytest.mark.parametrize(
    ("masked", "readable"),
    [("[handle] [email], !", False), ("[handle] no", True), ("", False), ("  ", False), ("!!!", True), ("[phone] 👍", True),
     ("[card] 5", True)],
)  # fmt: skip
def test_what_masking_leaves_is_told(masked: str, readable: bool) -> None:
    """Blanks and signs between masks are nothing to read."""
    assert is_readable(masked) is readable


def test_what_is_quoted_of_a_malformed_row_is_masked_before_it_is_cut() -> None:
    """An example shows no half of a number; what is kept aside is as it was logged."""
    malformed = Malformed()
    line = b'{"note": "a card for you, as it stands on your last bill: 4111 1111 1111 1111", "to": "jane@example.com"'
    malformed.add("a.jsonl", 3, "not JSON", line)
    assert malformed.examples[0].startswith("a.jsonl:3: not JSON (")
    assert "[card]" in malformed.examples[0]
    assert "4111" not in malformed.examples[0]
    assert b"4111 1111 1111 1111" in malformed.kept()


def test_what_an_adapter_quotes_of_a_request_is_masked(tmp_path: Path) -> None:
    """An exception's message becomes evidence, and reaches the decision and the report."""
    path = tmp_path / "adapter.py"
    path.write_text(
        "def build(checkpoint): ...\ndef decode(outputs): ...\n"
        "def encode(rows):\n    raise ValueError('can not read ' + rows['text'][0])\n"
    )
    with pytest.raises(AdapterError, match=r"ValueError: can not read write to \[email\] at adapter.py:4"):
        Adapter(path).encode(pd.DataFrame({"text": ["write to jane@example.com"]}))


def test_what_validation_quotes_is_masked() -> None:
    """Values that broke an expectation stand in its sentence; times and fractions stay as they are."""
    assert _quoted("jane@example.com") == "'[email]'"
    assert _quoted(4111111111111111) == "[card]"
    assert _quoted(0.41111111111111) == "0.41111111111111"
    assert _quoted(date(2026, 3, 4)) == "2026-03-04"
