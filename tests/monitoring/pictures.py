"""Draws what the panels have shown in a run: a picture for each row of the dashboard, and one of the alerts.

    pictures.py DATA FOLDER    DATA is what run.py has written; the same data make the same pictures
"""

import json
import math
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {
    "svg.hashsalt": "capykeys", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e6e6e6",
    "axes.titlesize": 9, "axes.titleweight": "bold", "axes.titlelocation": "left", "path.simplify_threshold": 0.5,
}
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: E402

UNITS = {
    "s": lambda value: f"{value / 86400:.0f} d" if value >= 86400 else f"{value:g} s" if value >= 1 else f"{value * 1e3:g} ms",
    "percentunit": lambda value: f"{value * 100:g} %",
    "reqps": lambda value: f"{value:g}/s",
    "ops": lambda value: f"{value:g}/s",
    "short": lambda value: f"{value:g}",
}
# Of many lines, those that matter most are named.
LEGEND = 7
COLOURS = [*pyplot.get_cmap("tab10").colors, *pyplot.get_cmap("Dark2").colors]


def with_gaps(points, step):
    """A line breaks where there was nothing."""
    before = None
    for at, value in points:
        if before is not None and at - before > 1.5 * step:
            yield (before + step) / 60, math.nan
        yield at / 60, value
        before = at


def minutes(axes, data):
    axes.set_xlim(0, data["length"] / 60)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))


def marks(axes, events):
    """When something was done, but not what the alerts made of it."""
    done = [(at, text) for at, text in events[1:-1] if not text.endswith(("fires", "clears", "of faults"))]
    for at, _ in done:
        axes.axvline(at / 60, color="#888888", linewidth=0.7, linestyle=":")
    return done


def draw(axes, panel, data):
    series = sorted(panel["series"].items(), key=lambda one: -sum(value for _, value in one[1] if value == value))
    for index, (name, points) in enumerate(series):
        times, values = zip(*with_gaps(points, data["step"]))
        label = name if index < LEGEND else None
        axes.plot(times, values, linewidth=1, color=COLOURS[index % len(COLOURS)], label=label)
    axes.set_title(panel["title"])
    minutes(axes, data)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: UNITS[panel["unit"]](value)))
    marks(axes, data["events"])
    if series:
        more = len(series) - LEGEND
        # Two long names beside each other would leave little of the panel.
        ncols = 2 if max(len(name) for name, _ in series) < 26 else 1
        axes.legend(fontsize=6, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.14), ncols=ncols,
                    title=f"and {more} more" if more > 0 else None, title_fontsize=6)
    else:
        axes.text(0.5, 0.5, "no data: see docs/monitoring.md", transform=axes.transAxes, ha="center", color="#888888")


def draw_alerts(axes, panel, data):
    names = sorted(panel["series"], key=lambda name: panel["series"][name][0][0], reverse=True)
    for line, name in enumerate(names):
        axes.plot(*zip(*with_gaps([(at, line) for at, _ in panel["series"][name]], data["step"])),
                  color="#c0392b", linewidth=6, solid_capstyle="butt")
    axes.set_yticks(range(len(names)), names)
    minutes(axes, data)
    done = marks(axes, data["events"])
    for number, (at, _) in enumerate(done, 1):
        axes.text(at / 60, len(names) - 0.4, f"{number}", ha="center")
    axes.set_xlabel("\n".join(f"{number}  {text}" for number, (_, text) in enumerate(done, 1)), loc="left")


def main(source, folder):
    data = json.loads(pathlib.Path(source).read_text())
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for panel in data["panels"]:
        rows.setdefault(panel["row"], []).append(panel)
    for row, panels in rows.items():
        is_alerts = row == "Alerts"
        across = 1 if is_alerts else min(3, len(panels))
        down = -(-len(panels) // across)
        size = (9, 4) if is_alerts else (4 * across, 3.2 * down)
        figure, grid = pyplot.subplots(down, across, figsize=size, squeeze=False, layout="constrained")
        for axes, panel in zip(grid.flat, panels):
            (draw_alerts if is_alerts else draw)(axes, panel, data)
        for axes in list(grid.flat)[len(panels):]:
            axes.set_axis_off()
        name = row.lower().replace(",", "").replace(" ", "-")
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
        print(folder / f"{name}.svg")


if __name__ == "__main__":
    main(*sys.argv[1:])
