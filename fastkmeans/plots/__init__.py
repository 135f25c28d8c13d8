"""Pictures of clusterings, with matplotlib.

    clusters.py     scatter                        where clusters lie; cells=True draws Voronoi cells
    contents.py     sizes, profile                 how large they are, and what sets them apart
    silhouettes.py  silhouette                     how well rows fit into them
    curves.py       convergence, elbow, criteria   over the iterations of a fit; over k, of `select_k`
    animations.py   animation                      the iterations, as a GIF
    photos.py       quantised_photo                a photo in k colours
    style.py        figures, colours, numbers on axes      shown.py  rows and results as pictures take them
    plane.py        the two directions that are drawn      cells.py  the polygons of Voronoi cells

Each takes `ax=` and returns the Axes it drew on, whose `figure` is saved by ``ax.figure.savefig(path)``. Figures are
made without pyplot, so they need no display, belong to nobody but the caller, and need not be closed. Colours of
text, lines and surfaces are those of the Axes, so that any style of matplotlib's, dark ones too, goes through.
"""

from fastkmeans.plots.animations import Animation, animation
from fastkmeans.plots.clusters import scatter
from fastkmeans.plots.contents import profile, sizes
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
