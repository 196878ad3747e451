"""Curves as SVG: lines over two logarithmic axes, readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 200, 36, 44
#: Told apart without colours as well: each has its own dashes.
_COLOURS = (
    *("#3b82c4", "#d97706", "#2f9e63", "#b0489d"),
    *("#7a7f87", "#c0392b", "#0f8b8d", "#8b6d1f"),
)
_DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 5", "1 5", "12 6", "3 1")
_GREY = "#808890"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture of some lines; both axes are logarithmic, and all values above 0."""

    name: str
    title: str
    across: str
    up: str
    lines: Mapping[str, Points]


def svg(chart: Chart) -> str:
    """Draw *chart*."""
    points = [point for line in chart.lines.values() for point in line]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    look = f'font-family="sans-serif" font-size="12" fill="{_GREY}" role="img"'
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {look}>',
        f"<title>{escape(chart.title)}</title>",
        _text(_LEFT, 20, chart.title, size=14),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, chart.across, anchor="middle"),
        _text(_LEFT - 8, _TOP - 6, chart.up, anchor="end"),
    ]
    for value in across.marks():
        x = across.place(value)
        body.append(_rule(x, _TOP, x, _HEIGHT - _BOTTOM))
        body.append(_text(x, _HEIGHT - _BOTTOM + 16, _short(value), anchor="middle"))
    for value in up.marks():
        y = up.place(value)
        body.append(_rule(_LEFT, y, _WIDTH - _RIGHT, y))
        body.append(_text(_LEFT - 8, y + 4, _short(value), anchor="end"))
    for number, (name, line) in enumerate(chart.lines.items()):
        body += _line(number, name, [(across.place(x), up.place(y)) for x, y in line])
    return "\n".join([*body, "</svg>", ""])


class _Axis:
    """Places values between two pixels, by their logarithms."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self._low = math.floor(math.log10(min(values)) * 2) / 2
        self._high = max(math.ceil(math.log10(max(values)) * 2) / 2, self._low + 0.5)
        self._first, self._last = first, last

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._first + share * (self._last - self._first), 1)

    def marks(self) -> Iterator[float]:
        # Few decades leave room for a mark at 3 in each.
        steps = (1, 3) if self._high - self._low <= 3 else (1,)
        for power in range(math.floor(self._low), math.ceil(self._high) + 1):
            for step in steps:
                value = float(step * 10.0**power)
                if self._low - 1e-9 <= math.log10(value) <= self._high + 1e-9:
                    yield value


def _line(number: int, name: str, places: Points) -> list[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    dashes = _DASHES[number % len(_DASHES)]
    path = " ".join(f"{x},{y}" for x, y in places)
    y = _TOP + 8 + 18 * number
    x = _WIDTH - _RIGHT + 16
    style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"'
    return [
        f'<polyline points="{path}" {style}/>',
        *(f'<circle cx="{at}" cy="{up}" r="3" fill="{colour}"/>' for at, up in places),
        f'<line x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}" {style}/>',
        _text(x + 34, y + 4, name),
    ]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_GREY}" stroke-opacity="0.25"/>'


def _text(x: float, y: float, content: str, *, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(content)}</text>'
    )


def _short(value: float) -> str:
    for bound, unit in ((1e6, "M"), (1e3, "k")):
        if value >= bound:
            return f"{value / bound:g}{unit}"
    return f"{value:g}"
