"""Which k the values of a criterion speak for; None where they speak for none."""

import numpy as np


def difference_curve(ks, inertias):
    """How far the curve of inertia, scaled to the unit square, lies below the line from its start to its end.

    Parameters
    ----------
    ks, inertias : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (m,)
        NaN if there are fewer than three values, or all are equal.
    """
    fall = inertias.max() - inertias.min()
    if len(ks) < 3 or not fall > 0.0:
        return np.full(len(ks), np.nan)
    heights = (inertias - inertias.min()) / fall
    return heights.max() - heights - _unit_ks(ks)


def _unit_ks(ks):
    ks = np.asarray(ks, np.float64)
    return (ks - ks[0]) / (ks[-1] - ks[0])


def elbow(ks, inertias, sensitivity=1.0):
    """The k at which inertia stops falling fast, by Kneedle: equal to that of kneed's `KneeLocator`.

    The first local maximum of the `difference_curve` after which this falls, before it rises again, by more than
    `sensitivity` mean steps of k in the unit square.

    References
    ----------
    .. [1] V. Satopaa et al., "Finding a 'kneedle' in a haystack: detecting knee points in system behavior", ICDCS
       workshops 2011. doi:10.1109/ICDCSW.2011.20
    """
    curve = difference_curve(ks, inertias)
    if np.isnan(curve).any():
        return None
    before, after = np.append(curve[0], curve[:-1]), np.append(curve[1:], curve[-1])
    maxima, minima = (curve >= before) & (curve >= after), (curve <= before) & (curve <= after)
    step = np.abs(np.diff(_unit_ks(ks)).mean())
    peak = None  # the maximum that is waiting for its fall
    for i in range(len(ks) - 1):
        if maxima[i]:
            peak = i
        if minima[i]:
            peak = None
        if peak is not None and curve[i + 1] < curve[peak] - sensitivity * step:
            return int(ks[peak])
    return None


def largest(ks, values):
    """The k of the largest value, the first on a tie; None at an end of the range, beyond which it may lie yet.

    2 clusters are no such end, as most criteria need two.
    """
    defined = np.flatnonzero(~np.isnan(values))
    if len(defined) == 0:
        return None
    best = int(np.nanargmax(values))
    at_end = best == defined[-1] or (best == defined[0] and ks[best] > 2)
    return None if at_end else int(ks[best])


def smallest(ks, values):
    """The k of the smallest value; otherwise as `largest`."""
    return largest(ks, -values)


def first_within_error(ks, gaps, errors):
    """The rule of the gap statistic: the first k whose gap is at least the next one's less its error; None if none is.

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in a data set via the gap
       statistic", J. R. Stat. Soc. B 63(2), 2001. doi:10.1111/1467-9868.00293
    """
    for at in range(len(ks) - 1):
        if gaps[at] >= gaps[at + 1] - errors[at + 1]:
            return int(ks[at])
    return None


def last_within_error(ks, values, errors):
    """The largest k that is within one standard error of the best: few clusters are stable for being few.

    None if that is the last k, or no value is defined.
    """
    if np.isnan(values).all():
        return None
    best = int(np.nanargmax(values))
    at = int(np.flatnonzero(values >= values[best] - errors[best])[-1])
    return int(ks[at]) if at < len(ks) - 1 else None


RULES = {
    "elbow": elbow,
    "simplified_silhouette": largest,
    "silhouette": largest,
    "calinski_harabasz": largest,
    "davies_bouldin": smallest,
    "bic": smallest,
    "aic": smallest,
    "gap": first_within_error,
    "stability": last_within_error,
}
"""How each criterion suggests a k. Inertia falls with every k, and suggests none."""


def suggest(ks, table, names):
    """{criterion: k or None} of the criteria with these names."""
    ks, found = np.asarray(ks), {}
    for name in names:
        rule = RULES.get(name)
        values = [table["inertia" if name == "elbow" else name]]
        if name in ("gap", "stability"):
            values.append(table[f"{name}_error"])
        found[name] = None if rule is None else rule(ks, *values)
    return found
