"""Pictures of clusterings, with matplotlib.

    clusters.py     scatter (cells=True draws Voronoi cells), sizes, profile     of a result
    silhouettes.py  silhouette                                                   of labels
    curves.py       convergence; elbow and criteria                              of a history; of `select_k`
    animations.py   animation                                                    of the iterations, a GIF
    photos.py       quantised_photo                                              of a photo in k colours
    style.py        figures, colours, numbers on axes      shown.py  rows and results as pictures take them
    plane.py        the two directions that are drawn      cells.py  the polygons of Voronoi cells

Each takes `ax=` and returns the Axes it drew on, whose `figure` is saved by ``ax.figure.savefig(path)``. Figures are
made without pyplot, so they need no display, belong to nobody but the caller, and need not be closed. Colours of
text, lines and surfaces are those of the Axes, so that any style of matplotlib's, dark ones too, goes through.
"""

from fastkmeans.plots.animations import Animation, animation
from fastkmeans.plots.clusters import profile, scatter, sizes
from fastkmeans.plots.curves import convergence, criteria, elbow
from fastkmeans.plots.photos import quantised_photo
from fastkmeans.plots.silhouettes import silhouette

__all__ = [
    "Animation",
    "animation",
    "convergence",
    "criteria",
    "elbow",
    "profile",
    "quantised_photo",
    "scatter",
    "silhouette",
    "sizes",
]
