"""What a clustering comes to by each criterion: numbers from inertia, centers, weights and distances, no rows.

Weights of rows count as repetitions. Clusters without rows are left out, k is the number of the others. NaN where a
criterion is not defined.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastkmeans.validation import check_name

CHEAP = (
    "inertia", "elbow", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "bic", "aic",
)  # fmt: skip
CRITERIA = (*CHEAP, "silhouette", "gap", "stability")
EUCLIDEAN_ONLY = ("bic", "aic", "gap")  # models of rows that fill the space, as unit rows do not
UNWEIGHTED_ONLY = ("silhouette", "gap", "stability")
IN_MEMORY_ONLY = ("silhouette", "gap")


@dataclass(frozen=True)
class Kind:
    """What decides which criteria are defined for the rows."""

    metric: str
    weighted: bool
    streamed: bool
    sparse: bool

    def lacks(self, name):
        """Why the criterion is not for these rows, and what to do; None if it is."""
        if self.metric == "cosine" and name in EUCLIDEAN_ONLY:
            return "models rows that fill the space, as unit rows do not; leave it out, or take metric='euclidean'"
        if self.weighted and name in UNWEIGHTED_ONLY:
            return "is defined for single rows; leave it out, or sample_weight"
        if self.streamed and name in IN_MEMORY_ONLY:
            return "needs the rows in memory; leave it out, take some of the rows, or raise memory_budget"
        if self.sparse and (name == "gap" or (name == "silhouette" and self.metric == "euclidean")):
            return "needs dense rows; leave it out, or pass X.toarray()"
        return None


def chosen(criteria, kind):
    """The names of criteria that the user asked for: None for the cheap ones, "all" for all, as far as defined."""
    if criteria is None or (isinstance(criteria, str) and criteria == "all"):
        return [name for name in (CHEAP if criteria is None else CRITERIA) if kind.lacks(name) is None]
    names = [criteria] if isinstance(criteria, str) else list(criteria)
    for name in names:
        check_name(name, CRITERIA, "criteria")
        reason = kind.lacks(name)
        if reason is not None:
            raise ValueError(f"criteria={name!r} {reason}")
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Measured:
    """What criteria are computed from, of one clustering."""

    inertia: float
    total_scatter: float
    """The inertia of all rows in one cluster."""

    total_weight: float
    centers: np.ndarray
    """(k, d) float64, of the clusters that hold rows."""

    cluster_weights: np.ndarray

    @property
    def k(self):
        return len(self.centers)

    @property
    def d(self):
        return self.centers.shape[1]


def calinski_harabasz(m):
    """The variance ratio: scatter between clusters, a degree of freedom, over that within; larger is better.

    ((T - W) / (k - 1)) / (W / (n - k)), with W the inertia and T the scatter of all rows. scikit-learn's
    `calinski_harabasz_score` where centers are the means of their rows, as they are where a fit ran to its end (tol=0);
    else within about `tol` of it. NaN for k = 1, k = n and inertia 0 (for which scikit-learn gives 1).

    References
    ----------
    .. [1] T. Calinski, J. Harabasz, "A dendrite method for cluster analysis", Comm. Stat. 3(1), 1974.
    """
    if m.k < 2 or m.total_weight <= m.k or not m.inertia > 0.0:
        return math.nan
    between = max(m.total_scatter - m.inertia, 0.0)
    return (between / (m.k - 1)) / (m.inertia / (m.total_weight - m.k))


def davies_bouldin(m, mean_distances):
    """The mean, over clusters, of how much each overlaps with the one it overlaps with most; smaller is better.

    Of two clusters the sum of the mean distances of their rows to their centers, over the distance of these.
    scikit-learn's `davies_bouldin_score` where centers are the means of their rows (tol=0). NaN for k = 1.

    References
    ----------
    .. [1] D. Davies, D. Bouldin, "A cluster separation measure", IEEE PAMI 1(2), 1979. doi:10.1109/TPAMI.1979.4766909
    """
    if m.k < 2:
        return math.nan
    worst = np.empty(m.k)
    for i, center in enumerate(m.centers):
        apart = np.sqrt(((m.centers - center) ** 2).sum(axis=1))
        apart[apart == 0.0] = np.inf  # its own, and as scikit-learn has it those of equal centers
        worst[i] = ((mean_distances + mean_distances[i]) / apart).max()
    return float(worst.mean())


def log_likelihood(m):
    """The log-likelihood of the rows under k spherical Gaussians of one variance, each row from that of its cluster.

    With R rows in d columns, R_j of them in cluster j, and inertia W, the variance is W / (d (R - k)), and

        l = sum_j R_j log(R_j / R) - R d / 2 log(2 pi variance) - d (R - k) / 2

    The paper takes W / (R - k) for the variance and R / 2 for the factor of log(2 pi), which is this for d = 1. NaN for
    R <= k and inertia 0.

    References
    ----------
    .. [1] D. Pelleg, A. Moore, "X-means: extending k-means with efficient estimation of the number of clusters", ICML
       2000.
    """
    left = m.total_weight - m.k
    if left <= 0.0 or not m.inertia > 0.0:
        return math.nan
    variance = m.inertia / (m.d * left)
    shares = m.cluster_weights / m.total_weight
    mixing = float(m.cluster_weights @ np.log(shares))
    return mixing - 0.5 * m.total_weight * m.d * math.log(2 * math.pi * variance) - 0.5 * m.d * left


def n_parameters(m):
    """k - 1 shares, k centers of d columns, and a variance."""
    return m.k - 1 + m.k * m.d + 1


def bic(m):
    """The Bayesian information criterion, -2 l + p log R; smaller is better. See `log_likelihood`, `n_parameters`.

    References
    ----------
    .. [1] G. Schwarz, "Estimating the dimension of a model", Ann. Stat. 6(2), 1978.
    """
    return -2 * log_likelihood(m) + n_parameters(m) * math.log(m.total_weight)


def aic(m):
    """The Akaike information criterion, -2 l + 2 p; smaller is better. See `log_likelihood`, `n_parameters`.

    References
    ----------
    .. [1] H. Akaike, "A new look at the statistical model identification", IEEE Trans. Autom. Control 19(6), 1974.
    """
    return -2 * log_likelihood(m) + 2 * n_parameters(m)
