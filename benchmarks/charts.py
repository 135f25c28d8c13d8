"""The charts: of libraries, of growth, of convergence, and of which way of labelling wins where.

Each function draws figures of one kind; `save` writes them. matplotlib is imported where something is drawn.
"""

import math

WAY_COLOURS = ("#dddddd", "#8fb8de", "#9fd39a", "#f2b872", "#cfa8d8", "#e39b93")  # light: figures are written on them
PEER_COLOURS = {  # by Okabe and Ito, whom colour-blind readers can tell apart; we are the dark one
    "fastkmeans": "#000000",
    "dense": "#777777",
    "sklearn": "#e69f00",
    "elkan": "#c9b458",
    "sklearnex": "#56b4e9",
    "faiss": "#009e73",
    "superkmeans": "#d55e00",
    "geokmeans": "#cc79a7",
    "scipy": "#0072b2",
    "numpy": "#a08060",
    "torch": "#b03060",
}
PANEL_WIDTH, PANEL_HEIGHT, MOST_ACROSS = 3.6, 2.6, 3  # inches, inches, panels
LEGEND_WIDTH = 1.2  # inches a name


def save(figure, path):
    """Write a figure; a .svg with the same bytes for the same figure."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "fastkmeans", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None} if str(path).endswith("svg") else None, dpi=150)


def _panels(titles, height=PANEL_HEIGHT):
    """A figure with axes for each title, and a flat list of these."""
    from matplotlib.figure import Figure

    across = min(MOST_ACROSS, len(titles))
    down = math.ceil(len(titles) / across)
    figure = Figure(figsize=(PANEL_WIDTH * across, height * down + 0.4), layout="constrained")
    flat = list(figure.subplots(down, across, squeeze=False).flat)
    for axes, title in zip(flat, titles, strict=False):
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in flat[len(titles) :]:
        axes.set_axis_off()
    return figure, flat


def _legend(figure, names):
    from matplotlib.lines import Line2D

    shown = [name for name in PEER_COLOURS if name in names]
    handles = [Line2D([], [], color=PEER_COLOURS[name], marker="o", markersize=3, label=name) for name in shown]
    across = min(len(shown), int(figure.get_figwidth() / LEGEND_WIDTH))
    figure.legend(handles=handles, loc="outside lower center", ncols=across, frameon=False, fontsize=8)


def _short(value):
    """3000000 as 3M."""
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 5e3 else f"{value:g}"


def bars(panels, unit):
    """Bars of every library, fastest first, panel by panel: {title: {library: (middle, least, most)}}."""
    longest = max(len(own) for own in panels.values())
    figure, flat = _panels(panels, height=0.9 + 0.2 * longest)
    for axes, own in zip(flat, panels.values(), strict=False):
        for place, (name, (middle, least, most)) in enumerate(sorted(own.items(), key=lambda item: -item[1][0])):
            reach = [[middle - least], [most - middle]]
            axes.barh(place, middle, xerr=reach, color=PEER_COLOURS[name], height=0.7, error_kw={"lw": 0.8})
            axes.text(most, place, f" {middle:.3g}", va="center", fontsize=7)
        names = sorted(own, key=lambda name: -own[name][0])
        axes.set_yticks(range(len(names)), names)
        axes.set_xscale("log")
        axes.set_xlim(right=8 * max(most for _, _, most in own.values()))
        axes.set_xlabel(unit, fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def times_ours(lines):
    """A row of dots for each workload, at how many times longer than we a library takes: {title: {library: times}}."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.27 * len(lines)), layout="constrained")
    axes = figure.subplots()
    for place, own in enumerate(lines.values()):
        for name, times in own.items():
            axes.plot(times, place, "o", color=PEER_COLOURS[name], markersize=6 if name == "fastkmeans" else 5)
    axes.axvline(1, color=PEER_COLOURS["fastkmeans"], lw=0.8)
    axes.set_yticks(range(len(lines)), list(lines), fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("time an iteration / ours (log)", fontsize=8)
    axes.grid(True, axis="x", lw=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _legend(figure, {name for own in lines.values() for name in own})
    return figure


def growth(panels, exponents):
    """Times against what grows, both on log axes, panel by panel: {title: {library: [(value, ms)]}}.

    `exponents`, {title: {library: of the power of what grows}}, are written beside the names.
    """
    figure, flat = _panels(panels, height=1.2 * PANEL_HEIGHT)
    for axes, (title, own) in zip(flat, panels.items(), strict=False):
        for name, points in own.items():
            label = f"{name} {exponents[title][name]:.2f}" if name in exponents.get(title, {}) else name
            line = {"color": PEER_COLOURS[name], "marker": "o", "markersize": 3, "lw": 1.2, "label": label}
            axes.plot(*zip(*sorted(points), strict=True), **line)
        axes.set(xscale="log", yscale="log")
        values = sorted({value for points in own.values() for value, _ in points})
        axes.set_xticks(values, [_short(value) for value in values], fontsize=6)
        axes.minorticks_off()
        axes.set_ylabel("ms an iteration", fontsize=7)
        axes.grid(True, which="major", lw=0.3)
        axes.legend(fontsize=6, frameon=False, title="grows with the power", title_fontsize=6)
    return figure


def speed_up(panels):
    """How many times faster than one thread, panel by panel: {title: {library: [(threads, ms)]}}."""
    figure, flat = _panels(panels)
    for axes, own in zip(flat, panels.values(), strict=False):
        most = max(threads for points in own.values() for threads, _ in points)
        axes.plot([1, most], [1, most], color="#cccccc", lw=1, ls="--")
        for name, points in own.items():
            threads, times = zip(*sorted(points), strict=True)
            gains = [times[0] / ms for ms in times]
            axes.plot(threads, gains, color=PEER_COLOURS[name], marker="o", markersize=3, lw=1.2)
        axes.set_xlabel("threads", fontsize=7)
        axes.set_ylabel("times faster than on one", fontsize=7)
        axes.set_xticks(sorted({threads for points in own.values() for threads, _ in points}))
    _legend(figure, {name for own in panels.values() for name in own})
    return figure


def convergence(panels):
    """Inertia above the best of all against seconds: {title: {library: [(seconds, inertia) by iterations]}}."""
    figure, flat = _panels(panels)
    for axes, own in zip(flat, panels.values(), strict=False):
        best = min(inertia for points in own.values() for _, inertia in points)
        for name, points in own.items():
            seconds, inertias = zip(*points, strict=True)
            above = [100 * (inertia / best - 1) for inertia in inertias]
            axes.plot(seconds, above, color=PEER_COLOURS[name], marker="o", markersize=3, lw=1.2)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(bottom=-0.2)
        axes.set_xlabel("seconds, seeding included", fontsize=7)
        axes.set_ylabel("inertia, % above the best", fontsize=7)
        axes.grid(True, which="major", lw=0.3)
    _legend(figure, {name for own in panels.values() for name in own})
    return figure


def ways_map(times, ways, facts):
    """A heat map: a square is coloured by its fastest way and says how many times faster than dense it is.

    Parameters
    ----------
    times : {columns: {k: {way: time / the dense one's}}}
    ways : list of str
    facts : dict
        Of machine.describe.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    clusters = sorted({k for own in times.values() for k in own})
    figure = Figure(figsize=(max(5.0, 1.6 + 0.62 * len(times)), 1.9 + 0.36 * len(clusters)), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(ways, WAY_COLOURS, strict=False))
    for x, own in enumerate(times.values()):
        for k, ratios in own.items():
            y, fastest = clusters.index(k), min(ratios, key=ratios.get)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colours[fastest], edgecolor="white"))
            axes.text(x, y, f"{1 / ratios[fastest]:.1f}", ha="center", va="center", fontsize=8)
    axes.set(xlim=(-0.5, len(times) - 0.5), ylim=(-0.5, len(clusters) - 0.5), xlabel="columns", ylabel="clusters")
    axes.set_xticks(range(len(times)), [str(d) for d in times])
    axes.set_yticks(range(len(clusters)), [str(k) for k in clusters])
    axes.set_title(f"The fastest way, and how many times faster than the dense one\n{facts['cpu']}, "
                   f"{facts['threads']} threads, {facts['date']}", fontsize=9)  # fmt: skip
    patches = [Patch(facecolor=colours[way], label=way) for way in ways]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(ways), frameon=False)
    return figure
