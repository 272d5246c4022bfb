# SPDX-License-Identifier: GPL-2.0-only
"""Bars beside the peer, as SVG.

One row per figure: how much of the peer's cost ours is, on a scale of powers
of two with the peer in the middle.  Shorter is cheaper; the mark is the goal.
"""
import math
from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, RIGHT = 22, 190, 420, 170
LOWEST, HIGHEST = 1 / 16, 64
GOOD, BAD, INK, FAINT = "#3b7a57", "#b5533c", "#222", "#ccc"


def x_of(ratio):
    ratio = min(max(ratio, LOWEST), HIGHEST)
    return LEFT + WIDTH * (math.log2(ratio / LOWEST)
                           / math.log2(HIGHEST / LOWEST))


def text(x, y, words, anchor="start", ink=INK):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'fill="{ink}">{escape(words)}</text>')


def line(x, y0, y1, ink, width=1):
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y0}" y2="{y1}" '
            f'stroke="{ink}" stroke-width="{width}"/>')


def label(ratio):
    return f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"


def bars(metrics):
    """Return: an SVG document; every metric has a ratio."""
    height = ROW * len(metrics) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" '
           f'width="{LEFT + WIDTH + RIGHT}" height="{height}" '
           'font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           text(10, 18, "Instructions beside KVM (1 = the same; "
                        "the mark is the goal)")]
    ratio = LOWEST
    while ratio <= HIGHEST:
        x = x_of(ratio)
        out.append(line(x, 34, height - 14, INK if ratio == 1 else FAINT))
        out.append(text(x, 30, label(ratio), "middle"))
        ratio *= 4
    for n, m in enumerate(metrics):
        y = 40 + ROW * n
        goal = m.get("goal")
        good = m["ratio"] <= (goal if goal is not None else 1)
        end = x_of(m["ratio"])
        out.append(text(LEFT - 8, y + 13, m["name"], "end"))
        out.append(f'<rect x="{LEFT}" y="{y + 3}" '
                   f'width="{max(end - LEFT, 1):.1f}" height="{ROW - 8}" '
                   f'fill="{GOOD if good else BAD}"/>')
        if goal is not None:
            out.append(line(x_of(goal), y, y + ROW - 2, INK, 2))
        out.append(text(LEFT + WIDTH + 8, y + 13,
                        f"{m['ratio']:.2f}  ({m['value']:.0f} : "
                        f"{m['peer_value']:.0f})"))
    out.append("</svg>\n")
    return "\n".join(out)
