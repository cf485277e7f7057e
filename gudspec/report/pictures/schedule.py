"""σ, γ and log SNR of some components against time, as in GUD (arXiv:2410.02667), Fig. 2."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gudspec.process.paths import SoftLinear
from gudspec.report.noising import noising
from gudspec.report.pictures.canvas import ACCENT, SOFT, figure, legend, lines, panel
from gudspec.report.view import View

__all__ = ["schedule"]


def schedule(view: View, title: str) -> Figure:
    """The path at its nominal parameters; where the schedule aims at a log SNR, that is dashed."""
    curves = noising(view.experiment, view.statistics)
    made = figure(f"{title}: noising schedule", 10.2, 4.0)
    noise, state, signal = made.subplots(1, 3)
    for axes, rows, name in (
        (noise, curves.sigma, "noise level σ(t)"),
        (state, curves.gamma, "noising state γ(t) = log(σ²/α²)"),
        (signal, curves.log_snr, "log SNR(t) = log Σ − γ(t)"),
    ):
        lines(panel(axes, name), curves.t, rows)
    noise.set_ylim(-0.02, 1.04)
    path = view.process.path
    if isinstance(path, SoftLinear):
        reached = float((path.log_variance - path.ends(view.at)[1]).max())
        _target(signal, -path.denoise, f"at least {-path.denoise:.3g} at t = 0", above=False)
        _target(signal, reached, f"at most {reached:.3g} at t = 1", above=True)
    else:
        signal.axhline(0, color=SOFT, linewidth=0.8, zorder=0.5)
    few = len(curves.names)
    legend(made, curves.names, f"{few} of {curves.of}, from the first generated to the last")
    return made


def _target(axes: Axes, height: float, name: str, *, above: bool) -> None:
    """A level that log SNR is to reach: named in the corner that falling lines leave free."""
    axes.axhline(height, color=ACCENT, linewidth=1, linestyle=(0, (3, 3)), zorder=0.5)
    axes.annotate(
        name.replace("-", "−"),
        (0.02 if above else 0.98, height),
        (0, 3 if above else -4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if above else "right",
        va="bottom" if above else "top",
        fontsize=8,
        color=ACCENT,
    )
