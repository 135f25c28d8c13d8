"""Choosing the number of clusters: fits of many k in one call, and what criteria say of each.

choose       select_k: the settings, the order of work
path         a clustering for every k, each from its neighbours
growing      G-means and X-means: clusters split where their rows ask for it
criteria     the registry: numbers that a clustering comes to; clusters and silhouettes measure what these need
references   the gap statistic
stability    agreement over bootstraps
suggestions  which k the values of a criterion speak for
record       Selection, what comes back
"""

from fastkmeans.selection.choose import select_k
from fastkmeans.selection.record import Selection

__all__ = ["Selection", "select_k"]
