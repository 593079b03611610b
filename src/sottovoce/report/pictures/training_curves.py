"""Curves of a run: interactive in the page (Bokeh, shipped inside it), and as PNG for a paper (matplotlib)."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sottovoce.report.report_data import Curve, ReportData

if TYPE_CHECKING:
    from bokeh.plotting import figure

# Okabe and Ito's palette, with lightness adjusted for a contrast of at least 3:1 on both white and black.
PALETTE = ("#3b8bc9", "#d5711f", "#2a9d74", "#b85f9d", "#8a7a00", "#6f7bd0")
_INK = "#808890"


@dataclass(frozen=True)
class Plot:
    """One set of axes.

    Args:
        title: title of the plot.
        curves: curves that are drawn as solid lines.
        stages: names of all stages of the run, in order; they determine the colors.
        dashed: targets of the solid curves, drawn as dashed lines.
        percent: whether the values are fractions that are shown in percent.
    """

    title: str
    curves: Sequence[Curve]
    stages: Sequence[str]
    dashed: Sequence[Curve] = ()
    percent: bool = False


def plots_of_run(report: ReportData) -> list[Plot]:
    """The plots of a run: sparsity, losses, accuracy, development scores, multipliers and time, as far as they are logged."""
    losses = [c for c in report.curve("loss") if c.name not in ("loss", "loss/budget")]
    accuracy = [c for c in report.curves if c.name.endswith("/accuracy")]
    order = list(dict.fromkeys(c.stage for c in report.curves))
    found = [
        Plot("Sparsity against its target", report.curve("sparsity"), order, report.curve("target"), percent=True),
        *(Plot(f"Loss: {name}", [c for c in losses if c.name == f"loss/{name}"], order) for name in _names(losses)),
        Plot("Training accuracy", accuracy, order, percent=True),
        *(Plot(f"On development data: {n}", report.curve(f"dev/{n}"), order) for n in _names(report.curve("dev"))),
        Plot("Multipliers", [*report.curve("l1"), *report.curve("l2")], order),
        Plot("Milliseconds a step", report.curve("ms_per_step"), order),
    ]
    return [p for p in found if any(len(c.steps) > 1 for c in p.curves)]


def _names(curves: Sequence[Curve]) -> list[str]:
    return list(dict.fromkeys(c.name.partition("/")[2] for c in curves))


@dataclass(frozen=True)
class _Line:
    curve: Curve
    label: str
    color: str
    dashed: bool


def _lines(plot: Plot) -> list[_Line]:
    """How each curve is drawn. Colors stand for stages; on a plot of several quantities, each curve has its own color."""
    several = len({c.name for c in plot.curves}) > 1
    lines = []
    for dashed, curves in ((False, plot.curves), (True, plot.dashed)):
        for number, curve in enumerate(curves):
            words = [curve.stage, *([curve.name] if several else []), *(["target"] if dashed else [])]
            color = number if several else plot.stages.index(curve.stage)
            lines.append(_Line(curve, " · ".join(words), PALETTE[color % len(PALETTE)], dashed))
    return lines


def interactive_plots(all_plots: Sequence[Plot]) -> tuple[str, list[str]]:
    """A script, and one ``<div>`` for each plot. The script draws once `browser_code` has been loaded."""
    from bokeh.embed import components

    script, divs = components([_figure(p) for p in all_plots])
    return script, list(divs)


def browser_code() -> str:
    """The code of BokehJS, which is written into the page so that the page needs no network."""
    from bokeh.resources import Resources

    return Resources(mode="inline", components=["bokeh"], minified=True).render_js()


def _figure(plot: Plot) -> figure:
    from bokeh.models import HoverTool, NumeralTickFormatter
    from bokeh.models.annotations import Title
    from bokeh.plotting import figure

    axes = figure(
        height=260,
        sizing_mode="stretch_width",
        x_axis_label="step",
        tools="pan,xbox_zoom,reset",
        toolbar_location="above",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
    )
    for each in _lines(plot):
        line = axes.line(
            list(each.curve.steps),
            list(each.curve.values),
            color=each.color,
            line_width=1.5 if each.dashed else 2,
            line_dash="dashed" if each.dashed else "solid",
            legend_label=each.label,
        )
        value = "@y{0.0 %}" if plot.percent else "@y{0.0000}"
        axes.add_tools(HoverTool(renderers=[line], tooltips=[(each.label, f"{value} at step @x")], mode="vline"))
    axes.title = Title(text=plot.title, text_color=_INK)
    axes.xaxis.axis_label_text_color = _INK
    for axis in (*axes.xaxis, *axes.yaxis):
        axis.major_label_text_color = axis.axis_line_color = axis.major_tick_line_color = _INK
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
    if plot.percent:
        axes.yaxis[0].formatter = NumeralTickFormatter(format="0 %")
    axes.grid.grid_line_color, axes.grid.grid_line_alpha = _INK, 0.2
    axes.legend.background_fill_alpha = axes.legend.border_line_alpha = 0
    axes.legend.label_text_color, axes.legend.click_policy = _INK, "hide"
    axes.legend.orientation, axes.legend.location = "horizontal", "left"
    axes.legend.margin, axes.legend.spacing = 0, 14
    axes.add_layout(axes.legend[0], "below")
    axes.toolbar.logo, axes.toolbar.autohide = None, True
    return axes


def plots_picture(all_plots: Sequence[Plot]) -> bytes:
    """The same plots as the bytes of one PNG."""
    from matplotlib.figure import Figure

    columns = min(2, max(len(all_plots), 1))
    lines = -(-max(len(all_plots), 1) // columns)
    sheet = Figure(figsize=(6 * columns, 3 * lines), layout="constrained")
    for place, plot in enumerate(all_plots):
        axes = sheet.add_subplot(lines, columns, place + 1)
        for line in _lines(plot):
            values = [(100 if plot.percent else 1) * v for v in line.curve.values]
            style = "--" if line.dashed else "-"
            axes.plot(list(line.curve.steps), values, color=line.color, linestyle=style, label=line.label)
        axes.set_title(plot.title + (" (%)" if plot.percent else ""), fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.2)
        axes.legend(fontsize=7, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=150)
    return file.getvalue()


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
