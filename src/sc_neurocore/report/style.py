"""One look for all figures: colours that colour-blind readers can tell apart, and calm axes.

The colours are those of Okabe and Ito, "Color Universal Design" (2008). Where two series must be
told apart, their markers or dashes differ too.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, Final, Generic, ParamSpec
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure, FigureBase

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"
INK: Final = "#24292F"
SOFT: Final = "#6B7280"
PALE: Final = "#E4E7EB"

SERIES: Final = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"), (SKY, "v"))
"""Colour and marker of the lines of a plot, in turn."""

ON_DARK: Final = "#FDFDFD"
ON_PALE: Final = "#202428"
"""Letters on coloured cells, and the ends of grey scales: the same on light and dark pages."""

THEME: Final = {"#ffffff": "--figure", INK: "--ink", SOFT: "--soft", PALE: "--line"}
"""The colours that follow the page's theme, by the names that its style sheet gives them."""

WIDTH: Final = 5.0
"""Width of a figure in inches; all share it, so that their letters have one size on a page."""

# Any, because the stubs of matplotlib name every setting of their own version.
_SETTINGS: Final[Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 9,
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "sc-neurocore",
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}

_Parameters = ParamSpec("_Parameters")


@contextmanager
def _house_style() -> Iterator[None]:
    """Have figures look the same everywhere, and no matplotlibrc speak for them.

    Matplotlib reads one in the current folder, which may be one that somebody sent: it could have
    all words set by LaTeX.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


class Drawing(Generic[_Parameters]):
    """A function that draws data onto a figure, called as one that returns the figure.

    `drawing(data)` makes a figure of the house's style; `drawing.onto(part, data)` draws the same
    onto a part of a larger one.
    """

    def __init__(
        self, draw: Callable[Concatenate[FigureBase, _Parameters], None], height: float
    ) -> None:
        self._draw = draw
        self._height = height
        functools.update_wrapper(self, draw)

    def __call__(self, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> Figure:
        """Return the data as a figure of its own."""
        figure = new_figure(WIDTH, self._height)
        self.onto(figure, *args, **kwargs)
        return figure

    def onto(
        self, target: FigureBase, *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> None:
        """Draw the data onto a figure or a part of one."""
        with _house_style():
            self._draw(target, *args, **kwargs)


def drawing(
    height: float,
) -> Callable[[Callable[Concatenate[FigureBase, _Parameters], None]], Drawing[_Parameters]]:
    """Make a `Drawing` of a function whose first parameter is the figure; height in inches."""
    return lambda draw: Drawing(draw, height)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the house's style; sizes in inches."""
    with _house_style():
        return Figure(figsize=(width, height))


_COLOUR: Final = re.compile(r"#[0-9a-f]{6}\b")
_NAMES: Final = {colour.lower(): name for colour, name in THEME.items()}


def _of_theme(found: re.Match[str]) -> str:
    colour = found.group()
    return f"var({_NAMES[colour]}, {colour})" if colour in _NAMES else colour


_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"


def to_svg(figure: Figure, key: str, description: str, themed: bool = False) -> str:
    """Render a figure as an `<svg>` element to stand in a page.

    Args:
        figure: The figure.
        key: A word that no other figure of the page has; it keeps their element ids apart.
        description: What the figure shows, for readers who cannot see it.
        themed: Whether ink and paper take the colours of the page that it stands in, see `THEME`.
    """
    buffer = io.BytesIO()
    with _house_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(buffer.getvalue())
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{key}-{value}")
            elif name == f"{{{_XLINK}}}href":
                element.set(name, value.replace("#", f"#{key}-", 1))
            elif "url(#" in value:
                element.set(name, re.sub(r"url\(#", f"url(#{key}-", value))
            elif themed and name == "style":
                element.set(name, _COLOUR.sub(_of_theme, value))
    title = ElementTree.Element(f"{{{_SVG}}}title", {"id": f"{key}-title"})
    title.text = description
    root.insert(0, title)
    for size in ("width", "height"):
        del root.attrib[size]  # the page decides; the viewBox keeps the proportions
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title")
    return ElementTree.tostring(root, encoding="unicode")
