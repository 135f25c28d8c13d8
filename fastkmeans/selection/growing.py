"""Growing: clusters are split in two where their rows ask for it, and all are fitted again, until none does.

G-means asks whether the rows of a cluster, along the line through the two centers that it would be split into, are
normally distributed; X-means, whether two clusters have the lower BIC.
"""

import math

import numpy as np

from fastkmeans.engine.bisecting import split_rows
from fastkmeans.engine.moments import measure
from fastkmeans.engine.seeding import SEEDINGS
from fastkmeans.selection.criteria import Measured, bic
from fastkmeans.selection.path import scatter

LEAST_ROWS = 8  # from which the distribution of the statistic is known
FAR_TAIL = 20.0
SURE = 100.0  # beyond this the fit of its tail turns back up; p is below 1e-160 there


def anderson_darling(values):
    """The statistic A^2 of normality with mean and variance estimated, for any n; 0 for values all equal.

    With sorted, standardised y_i and F the normal distribution, -n - sum (2 i - 1) (log F(y_i) + log(1 - F(y_{n+1-i})))
    / n. That of `scipy.stats.anderson`.

    References
    ----------
    .. [1] T. Anderson, D. Darling, "A test of goodness of fit", JASA 49(268), 1954.
    """
    n, spread = len(values), values.std(ddof=1)
    if not spread > 0.0:
        return 0.0
    y = np.sort((values - values.mean()) / spread)
    odd = 2 * np.arange(1, n + 1) - 1
    return float(-n - (odd * (log_normal_tail(-y) + log_normal_tail(y[::-1]))).sum() / n)


def log_normal_tail(y):
    """The log of the chance that a standard normal number is larger than y, for an array of y."""
    z = y / math.sqrt(2)
    far = np.maximum(z, FAR_TAIL)  # where erfc nears 0: by its asymptotic series
    logs = -(far**2) - np.log(2 * math.sqrt(math.pi) * far) + np.log1p(-0.5 / far**2 + 0.75 / far**4)
    near = z < FAR_TAIL
    logs[near] = np.log([0.5 * math.erfc(value) for value in z[near].tolist()])
    return logs


def normality_p(values):
    """The chance of an `anderson_darling` statistic as large as that of the values, if they are normal.

    References
    ----------
    .. [1] R. D'Agostino, M. Stephens, "Goodness-of-fit techniques", 1986, table 4.9.
    """
    n = len(values)
    a = anderson_darling(values) * (1 + 0.75 / n + 2.25 / n**2)
    if a < 0.2:
        return 1 - math.exp(-13.436 + 101.14 * a - 223.73 * a**2)
    if a < 0.34:
        return 1 - math.exp(-8.318 + 42.796 * a - 59.938 * a**2)
    if a < 0.6:
        return math.exp(0.9177 - 4.279 * a - 1.38 * a**2)
    return math.exp(1.2937 - 5.709 * a + 0.0186 * a**2) if a < SURE else 0.0


class GMeans:
    """Splits the clusters whose rows are not normal, those first that are so most clearly.

    References
    ----------
    .. [1] G. Hamerly, C. Elkan, "Learning the k in k-means", NIPS 2003.
    """

    def __init__(self, alpha):
        self.alpha = alpha

    def gain(self, rows, moments, way, run):
        """How clearly the rows ask for the split `run`; 0 or less if they do not."""
        if rows.n < LEAST_ROWS:
            return 0.0
        sq_dists = np.empty((rows.n, 2), rows.dtype)
        rows.reduce(way.prepare(run.centers).transform_pass(), row_state=(sq_dists,))
        sq_dists = sq_dists.astype(np.float64) ** 2
        # |x - a|^2 - |x - b|^2 is where x lies along the line through a and b, but for place and scale.
        along = sq_dists[:, 0] - sq_dists[:, 1]
        return anderson_darling(along) if normality_p(along) < self.alpha else 0.0


class XMeans:
    """Splits the clusters whose rows have the lower BIC as two.

    References
    ----------
    .. [1] D. Pelleg, A. Moore, "X-means: extending k-means with efficient estimation of the number of clusters", ICML
       2000.
    """

    def gain(self, rows, moments, way, run):
        """By how much the split `run` lowers the BIC of the rows."""
        total = scatter(rows, moments)
        weights = rows.weights_of(np.arange(rows.n))
        sides = np.bincount(run.labels, weights, 2)
        one = Measured(total, total, sides.sum(), run.centers[:1], np.array([sides.sum()]))
        two = Measured(run.inertia, total, sides.sum(), run.centers, sides)
        gain = bic(one) - bic(two)
        return 0.0 if math.isnan(gain) else gain


RULES = {"g-means": GMeans, "x-means": XMeans}


def growing_rule(method, alpha, kind):
    """The rule of a growing method for rows of this kind; None for a path."""
    if method not in RULES:
        return None
    if kind.metric == "cosine":
        raise ValueError(
            f"method={method!r} models rows that fill the space, as unit rows do not; metric='euclidean' does"
        )
    if kind.streamed:
        raise ValueError(f"method={method!r} needs the rows in memory; take some of the rows, or raise memory_budget")
    if method == "x-means":
        return XMeans()
    if kind.weighted:
        raise ValueError("method='g-means' tests single rows; leave sample_weight out, or take 'x-means'")
    return GMeans(alpha)


def grow(fitter, rule, most, random):
    """{k: Fitted} of every round, from one cluster to where no cluster asks for a split, or `most` clusters are there.

    Parameters
    ----------
    fitter : Fitter
        That keeps labels, over rows in memory.
    rule : GMeans or XMeans
    most : int
        No more clusters than this: the clearest splits are made.
    random : Generator
    """
    current = fitter.fit(fitter.source.take([0]), "started by itself")
    rounds = {1: current}
    while not fitter.stopped:
        k = len(current.centers)
        splits = [_split(fitter, np.flatnonzero(current.labels == label), rule, random) for label in range(k)]
        gains = np.array([gain for gain, _ in splits])
        best = np.argsort(-gains, kind="stable")[: most - k]
        wanted = set(best[gains[best] > 0.0].tolist())
        if not wanted:
            break
        parts = [splits[label][1] if label in wanted else current.centers[[label]] for label in range(k)]
        current = fitter.fit(np.concatenate(parts), f"started from {k} clusters, of which {len(wanted)} were split")
        rounds[k + len(wanted)] = current
    return rounds


def _split(fitter, numbers, rule, random):
    """(gain, two centers) of splitting the cluster of these rows."""
    source = fitter.source
    weights = source.weights_of(numbers) if source.weighted else None
    if len(numbers) < 2 or (weights is not None and not weights.sum() > 0.0):
        return 0.0, None
    rows = source.gathered(numbers, weights)
    moments = measure(rows)
    start = rows.take(SEEDINGS["auto"](rows, 2, random))
    way, run = split_rows(
        rows, moments, lambda: start, 0, n_init=1, max_iter=fitter.max_iter, tol=fitter.tol * moments.mean_variance,
        callback=None,
    )  # fmt: skip
    if len(np.unique(run.labels)) < 2:
        return 0.0, None
    return rule.gain(rows, moments, way, run), run.centers
