"""Personal data in a text, replaced by the name of what it was: `[email]`, `[phone]`, `[card]`, `[iban]`, `[ip]`, ...

Found is what has a form of its own: e-mail addresses, telephone and card numbers, IBANs, handles, IP addresses, and what
a URL carries of passwords and tokens. Names and street addresses have none and stay. Where a number may be personal or
not, a checksum or the numbering plans of `REGIONS` decide.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR", "JP", "MX")
LONGEST = 10_000  # characters; of a longer text the rest is cut off
UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts that set no blank between words
LETTER = rf"[^\W{UNSPACED}]"
WIDE_AT = "\uff20"
PLAIN_ID = re.compile(r"[\w:./-]*", re.ASCII)
PLACEHOLDER = re.compile(r"\[(?:secret|email|iban|card|ip|phone|handle)\]")

USERINFO = re.compile(r"(?<=://)[^\s/?#\"'<>]+@")
PARAMETER = re.compile(r"(?<=[?&;#])([\w.%\[\]-]+)=([^\s&#;\"'<>]+)")
SECRET_NAME = re.compile(
    r"token|secret|passw|passcode|pwd|auth(?!or)|session|signature|credential|api.?key|jwt|csrf|hmac|otp$"
    r"|(?:^|[_-])(?:key|sig|sid|code|pin|pass|ticket|nonce|invite|reset)$",
    re.IGNORECASE,
)
OPAQUE = re.compile(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{20,}")

EMAILS = tuple(
    re.compile(
        rf"(?<!{mark})(?<![.+%-])(?:{mark}|[.+-])(?:{mark}|[.+'-]|%(?!40))*(?:[@\uff20]|%40)(?:(?:{mark}|-)+\.)+(?:{mark}){{2,}}"
    )
    for mark in (LETTER, r"\w")
)
BRACKETED_EMAIL = re.compile(
    r"[\w.+-]++\s*[\[({]\s*at\s*[\])}]\s*[\w-]+(?:\s*(?:\.|[\[({]\s*(?:dot|\.)\s*[\])}])\s*[\w-]+)+", re.IGNORECASE
)
FEDERATED_HANDLE = re.compile(r"(?<!\w)[@\uff20]\w[\w.-]*+@(?:[\w-]+\.)+\w{2,}")
IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?=((?:[ \u00a0-]?[A-Z0-9]){11,30}))", re.IGNORECASE)
SHORTEST_IBAN = 15
DIGITS = re.compile(r"\d+")
CARD_RUN = re.compile(r"(?<!\d)\d(?:[ \u00a0.\u2010-\u2015-]?\d){12,}(?!\d)")
FRACTION = re.compile(r"(?!0\d)\d+\.\d+$")
WITHIN_NUMBER = re.compile(r"\d\.$")
CARD_LENGTHS = (13, 19)
CARD_GROUP = 4
CARD_STARTS = {13: ("4",), 14: ("30", "36", "38", "39"), 15: ("34", "37"), 16: ("2", "3", "4", "5", "6")}
CARD_GROUPS = ([4, 6, 5], [4, 6, 4], [6, 13])  # American Express, Diners Club, Maestro; all others come in fours
OCTET = 255
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:(?:\.\d{1,3}){3})?(?![\w:])", re.IGNORECASE)
VERSION = re.compile(r"(?:\b(?:v|ver|version|release|build|firmware|section|chapter)|§)[.:\s]*$", re.IGNORECASE)
HANDLE = re.compile(
    rf"(?:(?<![@\uff20\]])(?<!{LETTER})|(?<=\bRT)|(?<=\bvia)|(?<=\bcc))"
    r"[@\uff20](?=_*[^\W_])(?!\d+(?:[.:]\d+)*(?:[ap]m)?(?!\w))\w(?:[\w.-]*\w)?(?:@\w(?:[\w.-]*\w)?)?"
)

FEWEST_DIGITS, MOST_DIGITS = 7, 15  # of a telephone number (E.164 allows 15)
FEWEST_UNSPACED = 9  # of one that stands there without a blank or a dash, and without a word that says what it is
CUE = re.compile(
    r"(?:\b(?:tele(?:phone|fon|fono)|tel|t[ée]l|phone|mobile?|cell|fax|call|text|ring|dial|sms|whatsapp|handy|m[óo]vil)\b"
    r"|[☎📞📱📲]\ufe0f?)\W{0,3}(?:(?:me|us|him|her|them|number|no|nr|is|at|on)\b\W{0,3}){0,3}"
    r"(?<![\d.])(\+?\(?\d[\d ()./\u00a0\u2010-\u2015-]{4,18}\d)",
    re.IGNORECASE,
)
NO_PHONE_BEFORE = re.compile(
    r"(?:[$€£¥₹]\s?|\b(?:usd|eur|gbp)\s?|#\s?|\b(?:order|po|s/n|invoice|ref(?:erence)?|ticket|case|tracking|isbn|issn|sku|asin|item"
    r"|model|serial|part|id)\b\W{0,2}(?:(?:no|nr|number|id)\b\W{0,2})?)$",
    re.IGNORECASE,
)
MONEY_AFTER = re.compile(r"\s?(?:[$€£¥₹%]|(?:usd|eur|gbp|dollars|euros|pounds)\b)", re.IGNORECASE)
DATE = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2}))(?!\d|[-./]\d)")
ZIP_CODE = re.compile(r"\d{5}-\d{4}$")
TIMES = re.compile(r"\d{1,2}[.:]\d{2}\s*[-\u2010-\u2015]\s*\d{1,2}[.:]\d{2}$")
YEARS = re.compile(r"(?:1[5-9]|20)\d\d\s*[-/\u2010-\u2015]\s*(?:1[5-9]|20)?\d\d$")
UNIX_TIME = re.compile(r"1[5-9]\d{8}$")
THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+$")


def mask(text: str) -> str:
    """Return `text` with its personal data replaced; masking what is masked changes nothing."""
    text = _whole_words(text)
    text = USERINFO.sub("[secret]@", text)
    text = PARAMETER.sub(_parameter, text)
    if "@" in text or WIDE_AT in text or "%40" in text:
        text = FEDERATED_HANDLE.sub("[handle]", text)
        for pattern in EMAILS:
            text = pattern.sub("[email]", text)
    if "at" in text.lower():
        text = BRACKETED_EMAIL.sub("[email]", text)
    if any(letter.isdigit() for letter in text):
        text = _without(text, _ibans(text), "[iban]")
        text = CARD_RUN.sub(_card, text)
        text = IPV6.sub(_ipv6, text)
        text = IPV4.sub(_ipv4, text)
        text = _without(text, _phones(text), "[phone]")
    return HANDLE.sub("[handle]", text)


def mask_id(text: str) -> str:
    """Return a request's id with its personal data replaced; one of letters, digits and dashes is left as it is."""
    return text if PLAIN_ID.fullmatch(text) else mask(text)


def is_readable(masked: str) -> bool:
    """Tell whether masking left something of a text to read."""
    rest, found = PLACEHOLDER.subn(" ", masked)
    if not found:
        return bool(masked.strip())
    return any(unicodedata.category(letter)[0] in "LNS" for letter in rest)


def _whole_words(text: str) -> str:
    """Return the text, cut before the first word that goes beyond the longest that is looked at."""
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(maxsplit=1)[0] + " …"


def _parameter(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    if PLACEHOLDER.fullmatch(value):
        return found[0]
    return f"{name}=[secret]" if SECRET_NAME.search(name) or OPAQUE.search(value) else found[0]


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where an IBAN of its country is: the longest that begins at a place, whatever words follow it."""
    from stdnum import iban

    for found in IBAN.finditer(text):
        start, last = found.start(), found.end(1)
        for end in range(last, start + SHORTEST_IBAN - 1, -1):
            whole = not text[end : end + 1].isalnum()
            if whole and text[end - 1].isalnum() and iban.is_valid(text[start:end].replace("\u00a0", " ")):
                yield start, end
                break


def _card(found: re.Match[str]) -> str:
    """Replace the card numbers in a run of digits: in fours or as a card's own groups, with the check digit right."""
    text = found[0]
    if FRACTION.match(text):
        return text
    groups = [group.span() for group in DIGITS.finditer(text)]
    spans = []
    first = 0
    while first < len(groups):
        lasts = range(min(len(groups), first + CARD_LENGTHS[1]) - 1, first - 1, -1)
        last = next((last for last in lasts if _is_card(text, groups[first : last + 1])), None)
        if last is not None:
            spans.append((groups[first][0], groups[last][1]))
            first = last
        first += 1
    return _without(text, spans, "[card]")


def _is_card(text: str, groups: list[tuple[int, int]]) -> bool:
    from stdnum import luhn

    sizes = [end - start for start, end in groups]
    fewest, most = CARD_LENGTHS
    if not fewest <= sum(sizes) <= most:
        return False
    digits = "".join(str(int(digit)) for start, end in groups for digit in text[start:end])
    fours = all(size % CARD_GROUP == 0 for size in sizes) or (
        set(sizes[:-1]) == {CARD_GROUP} and sizes[-1] < CARD_GROUP
    )
    grouped = len(sizes) == 1 or fours or sizes in CARD_GROUPS or set(sizes) == {1}
    separators = {text[before[1] : after[0]] for before, after in pairwise(groups)}
    fraction = groups[0][0] > 0 and text[groups[0][0] - 1] == "."
    issued = digits.startswith(CARD_STARTS.get(len(digits), ("4", "5", "6")))
    plausible = grouped and issued and len(separators) <= 1 and not fraction and len(set(digits)) > 1
    return bool(plausible and luhn.is_valid(digits))


def _ipv4(found: re.Match[str]) -> str:
    version = VERSION.search(found.string[max(0, found.start() - 12) : found.start()])
    return "[ip]" if not version and all(int(part) <= OCTET for part in found[0].split(".")) else found[0]


def _ipv6(found: re.Match[str]) -> str:
    if not any(letter.isdigit() for letter in found[0]):
        return found[0]
    try:
        IPv6Address(found[0])
    except ValueError:
        return found[0]
    return "[ip]"


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Yield where telephone numbers are: after a word that announces one, with a country code, or by a region's plan."""
    if sum(letter.isdigit() for letter in text) < FEWEST_DIGITS:
        return
    from phonenumbers import Leniency, PhoneNumberMatcher

    for cue in CUE.finditer(text):
        if FEWEST_DIGITS <= _digits(cue[1]) <= MOST_DIGITS and not _is_other(cue[1]):
            yield cue.span(1)
    for match in PhoneNumberMatcher(text, None, Leniency.POSSIBLE):
        yield match.start, match.end
    for region in REGIONS:
        for match in PhoneNumberMatcher(text, region, Leniency.STRICT_GROUPING):
            before = text[max(0, match.start - 20) : match.start]
            bare = match.raw_string.isdigit()
            short = _digits(match.raw_string) < (FEWEST_UNSPACED if bare else FEWEST_DIGITS)
            part = WITHIN_NUMBER.search(before) or re.match(r"\.\d", text[match.end : match.end + 2])
            money = MONEY_AFTER.match(text, match.end)
            if not (short or part or money or _is_other(match.raw_string) or NO_PHONE_BEFORE.search(before)):
                yield match.start, match.end


def _is_other(number: str) -> bool:
    """Tell whether digits are a date, a range of times or years, a count, one digit over and over, and so no telephone number."""
    number = number.strip(" ().")
    if len(set(re.sub(r"\D", "", number))) == 1:
        return True
    return any(form.match(number) for form in (DATE, TIMES, YEARS, THOUSANDS, FRACTION, UNIX_TIME, ZIP_CODE))


def _digits(text: str) -> int:
    return sum(letter.isdigit() for letter in text)


def _without(text: str, spans: Iterable[tuple[int, int]], name: str) -> str:
    """Return the text with `name` in place of each span; spans that overlap are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    edges = [(0, 0), *merged, (len(text), len(text))]
    return name.join(text[before[1] : after[0]] for before, after in pairwise(edges))
