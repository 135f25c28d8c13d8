"""The chart of the documentation: which way of labelling wins where, by columns and clusters."""

COLOURS = ("#dddddd", "#8fb8de", "#9fd39a", "#f2b872", "#cfa8d8", "#e39b93")  # light: figures are written on them


def draw(path, times, ways, facts):
    """Write a heat map: a square is coloured by its fastest way and says how many times faster than dense it is.

    Parameters
    ----------
    path : str
    times : {columns: {k: {way: time / the dense one's}}}
    ways : list of str
    facts : dict
        Of machine.describe.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    clusters = sorted({k for own in times.values() for k in own})
    figure = Figure(figsize=(max(5.0, 1.6 + 0.62 * len(times)), 1.9 + 0.36 * len(clusters)), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(ways, COLOURS, strict=False))
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
    with rc_context({"svg.hashsalt": "fastkmeans", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None} if str(path).endswith("svg") else None, dpi=150)
