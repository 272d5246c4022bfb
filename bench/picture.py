# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of the figures, as SVG.

bars()   one row per figure: how much of the peer's cost ours is, on a scale of
         powers of two with the peer in the middle.  Shorter is cheaper; the
         mark is the goal.
pairs()  one row per figure with two bars, ours and the peer's, of one scale
         from zero: what should not change from row to row.
"""
import math
from xml.sax.saxutils import escape

ROW, TOP, LEFT, WIDTH, RIGHT = 22, 40, 190, 420, 190
LOWEST, HIGHEST = 1 / 16, 64
GOOD, BAD, PEER = "#3b7a57", "#b5533c", "#8a8a8a"
INK, FAINT = "#222", "#ccc"


def x_of(ratio):
    ratio = min(max(ratio, LOWEST), HIGHEST)
    return LEFT + WIDTH * (math.log2(ratio / LOWEST)
                           / math.log2(HIGHEST / LOWEST))


def text(x, y, words, anchor="start"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'fill="{INK}">{escape(words)}</text>')


def line(x, y0, y1, ink, width=1):
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y0}" y2="{y1}" '
            f'stroke="{ink}" stroke-width="{width}"/>')


def bar(y, height, end, ink):
    return (f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" '
            f'height="{height}" fill="{ink}"/>')


def label(ratio):
    return f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.4g}"


def document(rows, title, inside):
    """Return: the whole SVG document, of lines and blocks of them."""
    height = ROW * rows + TOP + 20
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" '
         f'width="{LEFT + WIDTH + RIGHT}" height="{height}" '
         'font-family="sans-serif" font-size="12">',
         '<rect width="100%" height="100%" fill="white"/>',
         text(10, 16, title), *inside, "</svg>", ""])


def bars(title, metrics, goals, missed):
    """Return: an SVG document; every metric has a ratio, and those whose names
    are in @missed stand out."""
    out = []
    ratio = LOWEST
    while ratio <= HIGHEST:
        x = x_of(ratio)
        out.append(line(x, 34, TOP + ROW * len(metrics),
                        INK if ratio == 1 else FAINT))
        out.append(text(x, 30, label(ratio), "middle"))
        ratio *= 4
    for n, m in enumerate(metrics):
        y = TOP + ROW * n
        goal = goals.get(m["name"])
        out.append(text(LEFT - 8, y + 15, m["name"], "end"))
        out.append(bar(y + 4, ROW - 8, x_of(m["ratio"]),
                       BAD if m["name"] in missed else GOOD))
        if goal is not None:
            out.append(line(x_of(goal), y + 1, y + ROW - 1, INK, 2))
        out.append(text(LEFT + WIDTH + 8, y + 15,
                        f"{m['ratio']:.2f}  ({number(m['value'])} : "
                        f"{number(m['peer_value'])})"))
    return document(len(metrics), f"Instructions beside {title} "
                    "(1: the same; the mark: the goal)", out)


def pairs(title, metrics):
    """Return: an SVG document; figures of one unit share a scale."""
    most = {}
    for m in metrics:
        most[m["unit"]] = max(most.get(m["unit"], 1), m["value"],
                              m["peer_value"] or 0)
    out = []
    for n, m in enumerate(metrics):
        y = TOP + ROW * n
        scale = WIDTH / most[m["unit"]]
        out.append(text(LEFT - 8, y + 15, m["name"], "end"))
        out.append(bar(y + 3, 8, LEFT + m["value"] * scale, GOOD))
        words = number(m["value"])
        if m["peer_value"] is not None:
            out.append(bar(y + 12, 6, LEFT + m["peer_value"] * scale, PEER))
            words += " : " + number(m["peer_value"])
        out.append(text(LEFT + WIDTH + 8, y + 15, words))
    return document(len(metrics), f"{title} (green: lending, grey: KVM; "
                    "instructions)", out)
