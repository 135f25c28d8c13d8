"""Selection: what `select_k` found, as arrays, a table to read, and a data frame."""

from dataclasses import dataclass, field

import numpy as np

from fastkmeans.sources.frames import pandas_for

__all__ = ["Selection"]

SHORT = {
    "simplified_silhouette": "simplified", "calinski_harabasz": "calinski", "davies_bouldin": "davies",
    "simplified_silhouette_error": "+-", "silhouette_error": "+-", "gap_error": "+-", "stability_error": "+-",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Clusterings for several numbers of clusters, and what criteria say of them.

    Attributes
    ----------
    method : {"path", "g-means", "x-means"}
    ks : tuple of int
        Ascending; for the growing methods the number of clusters after each round.
    results : dict of int to KMeansResult
        The clustering at each k.
    table : dict of str to ndarray of shape (len(ks),)
        Inertia and the values of each criterion, NaN where it is not defined; of estimates the standard errors too, as
        "silhouette_error", "gap_error" and "stability_error". "elbow" is how far inertia lies below the line from the
        first to the last k, both scaled to the unit square.
    suggestions : dict of str to int or None
        The k that each criterion speaks for; None where it speaks for none.
    """

    method: str
    ks: tuple
    results: dict = field(default_factory=dict)
    table: dict = field(default_factory=dict)
    suggestions: dict = field(default_factory=dict)

    @property
    def result(self):
        """The clustering that a growing method ended at; of a path, which has one for each k, only if k is one."""
        if self.method == "path" and len(self.ks) > 1:
            raise ValueError("a path has a clustering for each k: choose one, selection.results[k]")
        return self.results[self.ks[-1]]

    def to_frame(self):
        """The table as a pandas data frame, a row for each k.

        Returns
        -------
        pandas.DataFrame
            Its index is named "k".
        """
        pandas = pandas_for("to_frame")
        return pandas.DataFrame(dict(self.table), index=pandas.Index(self.ks, name="k"))

    def __repr__(self):
        return f"Selection(method={self.method!r}, ks={_range(self.ks)}, suggestions={dict(self.suggestions)})"

    def __str__(self):
        columns = [("k", [str(k) for k in self.ks])]
        for name, values in self.table.items():
            suggested = self.suggestions.get(name)
            own = [_number(value) + ("*" if k == suggested else " ") for k, value in zip(self.ks, values, strict=True)]
            columns.append((SHORT.get(name, name) + " ", own))
        widths = [max(len(title), *map(len, own)) for title, own in columns]
        rows = zip(*([title, *own] for title, own in columns), strict=True)
        lines = [" ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", *self._in_words()])

    def _in_words(self):
        """What the suggestions come to, in a line or several."""
        if self.method != "path":
            yield f"{self.method} ended at k={self.ks[-1]}."
            return
        voices = {}
        for name, k in self.suggestions.items():
            voices.setdefault(k, []).append(name)
        silent = [name for name in voices.pop(None, []) if name != "inertia"]
        if len(voices) == 1:
            k, names = voices.popitem()
            yield f"k={k}: {', '.join(names)}." + (" One voice is no agreement." if len(names) == 1 else "")
        elif voices:
            yield "The criteria disagree; each looks for something else:"
            for k in sorted(voices):
                yield f"  k={k}: {', '.join(voices[k])}"
        if silent:
            yield f"No suggestion within these ks: {', '.join(silent)}."


def _number(value):
    """Four digits, or a dash."""
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}"


def _range(ks):
    """The ks, short where they are consecutive."""
    consecutive = len(ks) > 2 and ks == tuple(range(ks[0], ks[-1] + 1))
    return f"{ks[0]}..{ks[-1]}" if consecutive else str(list(ks))
