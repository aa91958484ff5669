#!/usr/bin/env python3
"""Draws how calls and seconds grow with venues, from the tables that the benchmarks print.

    cargo test --release --test suite -- --ignored --nocapture bench_within_quotas | tee target/growth.txt
    benches/planner.sh | tee -a target/growth.txt
    benches/growth.py target/growth.txt docs/growth.svg

The same tables give the same drawing. A benchmark that didn't run isn't drawn. A later row replaces an earlier one for the
same number of venues, so a benchmark can be repeated for some (`BENCH_VENUES=1000`) and its output appended.
"""

import math
import pathlib
import sys

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 76, 30, 46, 46
STYLE = """
svg { font: 15px system-ui, -apple-system, "Segoe UI", sans-serif; color-scheme: light dark }
.back { fill: #fff } text { fill: #1f2328 } .quiet { fill: #57606a } .title { font-weight: 600 }
.grid { stroke: #d8dee4 } .line { fill: none; stroke-width: 2.5 } .bound { stroke-dasharray: 6 5; stroke-width: 2 }
.apply { stroke: #0550ae } .full { stroke: #953800 } .pure { stroke: #116329 }
.dot.apply { fill: #0550ae } .dot.full { fill: #953800 } .dot.pure { fill: #116329 }
text.apply, text.full, text.pure { stroke: none } text.apply { fill: #0550ae } text.full { fill: #953800 } text.pure { fill: #116329 }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #30363d }
.apply { stroke: #79c0ff } .full { stroke: #ffa657 } .pure { stroke: #7ee787 }
.dot.apply { fill: #79c0ff } .dot.full { fill: #ffa657 } .dot.pure { fill: #7ee787 }
text.apply { fill: #79c0ff } text.full { fill: #ffa657 } text.pure { fill: #7ee787 }
}
"""


def read_rows(text):
    """The cells of all rows of tables."""
    for line in text.splitlines():
        if line.lstrip().startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_measurements(text):
    """For each thing measured: its unit, and by number of venues the value and, where there is one, the bound."""
    found = {}

    def add(name, venues, value, bound=None):
        found.setdefault(name, {})[int(venues)] = (float(value), bound and float(bound))

    for cells in read_rows(text):
        if not cells[0].isdigit():
            continue
        if len(cells) == 9 and cells[1] in ("first apply", "no change, full"):
            name = "apply" if cells[1] == "first apply" else "full"
            add(f"{name} seconds", cells[0], cells[4], cells[5])
            add(f"{name} calls", cells[0], float(cells[2]) + float(cells[3]))
        elif len(cells) == 4 and cells[3].endswith(" ms"):
            add("pure seconds", cells[0], float(cells[3].removesuffix(" ms")) / 1000)
    return found


class Panel:
    """A chart with logarithmic axes."""

    def __init__(self, top, title, unit, series):
        self.top, self.title, self.unit, self.series = top, title, unit, series
        venues = [count for _, _, points in series for count in points]
        values = [value for _, _, points in series for point in points.values() for value in point if value]
        self.venues = (10 ** math.floor(math.log10(min(venues))), 10 ** math.ceil(math.log10(max(venues))))
        self.values = (10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values))))

    def x(self, venues):
        low, high = map(math.log10, self.venues)
        return LEFT + (math.log10(venues) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        low, high = map(math.log10, self.values)
        return self.top + HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def draw(self):
        yield f'<text class="title" x="{LEFT}" y="{self.top + 22}">{self.title}</text>'
        for (first, last), x_of_mark in ((self.venues, True), (self.values, False)):
            mark = first
            while mark <= last * 1.0001:
                yield from self.draw_mark(mark, x_of_mark)
                mark *= 10
        yield f'<text class="quiet" x="{WIDTH - RIGHT}" y="{self.top + HEIGHT - 6}" text-anchor="end">venues</text>'
        for name, label, points in self.series:
            yield from self.draw_series(name, points)
        yield from self.draw_labels()

    def draw_mark(self, mark, of_venues):
        text = f"{mark:,.0f}" if mark >= 1 else f"{mark:g}"
        if of_venues:
            x = self.x(mark)
            yield f'<line class="grid" x1="{x:.1f}" y1="{self.top + TOP}" x2="{x:.1f}" y2="{self.top + HEIGHT - BOTTOM}"/>'
            yield f'<text class="quiet" x="{x:.1f}" y="{self.top + HEIGHT - BOTTOM + 20}" text-anchor="middle">{text}</text>'
        else:
            y = self.y(mark)
            yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
            yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{text}{self.unit}</text>'

    def draw_series(self, name, points):
        def path(values):
            return " ".join(f"{self.x(venues):.1f},{self.y(value):.1f}" for venues, value in values)

        bounds = [(venues, bound) for venues, (_, bound) in sorted(points.items()) if bound]
        if bounds:
            yield f'<polyline class="line bound {name}" points="{path(bounds)}"/>'
        values = [(venues, value) for venues, (value, _) in sorted(points.items())]
        yield f'<polyline class="line {name}" points="{path(values)}"/>'
        for venues, value in values:
            yield f'<circle class="dot {name}" cx="{self.x(venues):.1f}" cy="{self.y(value):.1f}" r="4"/>'

    def draw_labels(self):
        """What each line is, in the upper left, where no line that grows can be."""
        y = self.top + TOP + 18
        for name, label, points in self.series:
            last = max(points)
            value = f"{points[last][0]:,.3g}" if points[last][0] < 1000 else f"{points[last][0]:,.0f}"
            yield f'<text class="{name}" x="{LEFT + 10}" y="{y}">{label}: {value}{self.unit} for {last:,}</text>'
            y += 19
        if any(bound for _, _, points in self.series for _, bound in points.values()):
            yield f'<text class="quiet" x="{LEFT + 10}" y="{y}">dashed: the bound</text>'


def draw(found):
    def chosen(kind, *names):
        return [(name, label, found[f"{name} {kind}"]) for name, label in names if f"{name} {kind}" in found]

    apply, full = ("apply", "first apply"), ("full", "full plan")
    seconds = chosen("seconds", apply, full, ("pure", "planning alone"))
    panels = [("Seconds", " s", seconds), ("Calls to AWS and HubSpot", "", chosen("calls", apply, full))]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        raise SystemExit("there is no table of a benchmark in it")
    height = HEIGHT * len(panels)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    yield "<title>How seconds and calls grow with the number of venues</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>'
    for place, (title, unit, series) in enumerate(panels):
        yield from Panel(place * HEIGHT, title, unit, series).draw()
    yield "</svg>"


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    target.write_text("\n".join(draw(read_measurements(source.read_text()))) + "\n")


if __name__ == "__main__":
    main()
