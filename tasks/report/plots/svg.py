"""A matplotlib figure as SVG: once in the page's colours (CSS variables), once in colours of its own."""

from __future__ import annotations

import copy
import io
import re
import warnings
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from tasks.report.numbers import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"

# Each role is drawn in a colour that nothing else uses, which is then replaced: by the CSS variable of the same name in
# the page, by the second colour in a file that stands alone.
ROLES = {
    "paper": ("#fefdf1", "#ffffff"),
    "ink": ("#010a01", "#1d2026"),
    "muted": ("#010a02", "#5b616c"),
    "rule": ("#010a03", "#e2e4e8"),
    "limit": ("#010a04", "#b3261e"),
    "series-1": ("#010b01", "#2b6cb0"),
    "series-2": ("#010b02", "#b8500f"),
    "series-3": ("#010b03", "#117a68"),
    "series-4": ("#010b04", "#7b4bb3"),
    "series-5": ("#010b05", "#8a6a00"),
    "series-6": ("#010b06", "#a83268"),
}
COLOUR = {role: sentinel for role, (sentinel, _) in ROLES.items()}
_SENTINEL = re.compile("|".join(COLOUR.values()))
SERIES = tuple(COLOUR[role] for role in ROLES if role.startswith("series"))

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "launchgate",
    "text.parse_math": False,  # a slice may be called $x$
    "text.usetex": False,
    "text.color": COLOUR["ink"],
    "font.size": 11,
    "font.family": "DejaVu Sans",  # comes with matplotlib; only measures the text, the page's own font draws it
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": COLOUR["rule"],
    "axes.labelcolor": COLOUR["muted"],
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": COLOUR["rule"],
    "grid.linewidth": 0.7,
    "xtick.color": COLOUR["muted"],
    "ytick.color": COLOUR["muted"],
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.3,
    "legend.borderaxespad": 0,
}


def render(figure: Figure, name: str, title: str, description: str) -> tuple[str, str]:
    """Return the figure as SVG for the page and as SVG that stands alone.

    `name` begins every id in it, so that several figures share one page; `title` and `description` are for readers who
    do not see it.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # measured with another font than drawn with
        if layout := figure.get_layout_engine():  # by hand, since `savefig` draws all of it once more to do it
            layout.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314  our own output of a moment ago
    _tidy(root, name)
    for tag, text in (("desc", description), ("title", title)):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = printable(text)
        root.insert(0, element)
    labels = {"aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-desc"}
    root.attrib |= {"role": "img", "stroke-linejoin": "round", **labels}
    page = _coloured(root, {sentinel: f"var(--{role})" for role, (sentinel, _) in ROLES.items()})
    root.set("font-family", _FONT)
    root.insert(2, ET.Element(f"{{{_SVG}}}rect", {"width": "100%", "height": "100%", "fill": ROLES["paper"][1]}))
    return page, _coloured(root, dict(ROLES.values()))


def _tidy(root: ET.Element, name: str) -> None:
    """Drop what a page has no use for, shorten coordinates, and make ids this figure's own."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    text = " ".join(value for element in root.iter() for key, value in element.attrib.items() if key != "id")
    for element in root.iter():
        if (own := element.get("id")) is not None:
            if f"#{own}" in text:
                element.set("id", f"{name}-{own}")
            else:
                del element.attrib["id"]
        for key, value in element.attrib.items():
            element.set(key, _attribute(key, value, name))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]


def _attribute(key: str, value: str, name: str) -> str:
    if key == f"{{{_XLINK}}}href":
        return value.replace("#", f"#{name}-", 1)
    if key == "clip-path":
        return value.replace("url(#", f"url(#{name}-")
    if key == "style":
        return re.sub(r"font-family: [^;]+;? ?", "", value)
    if key in ("d", "x", "y", "transform", "points"):
        return re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", value).replace("\n", " ").strip()
    return value


def _coloured(root: ET.Element, colours: dict[str, str]) -> str:
    """Serialise the tree with each sentinel colour replaced; only attributes are touched, never text from data."""
    tree = copy.deepcopy(root)
    for element in tree.iter():
        for key in ("style", "fill", "stroke"):
            if key in element.attrib:
                element.set(key, _SENTINEL.sub(lambda match: colours[match[0]], element.attrib[key]))
    return ET.tostring(tree, encoding="unicode")
