"""Oracles of the best assignment within sizes: linear programs of scipy, and a proof that needs no algorithm."""

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import coo_array


def least_cost_by_matching(costs, size):
    """The least cost of clusters of exactly `size` rows: each center stands `size` times in an assignment problem."""
    rows, columns = linear_sum_assignment(np.repeat(costs, size, axis=1))
    return costs[rows, columns // size].sum()


def least_cost(costs, least, most):
    """The least cost of clusters of least to most rows, by the simplex method of HiGHS."""
    n, k = costs.shape
    every = np.arange(n * k)
    once = coo_array((np.ones(n * k), (every // k, every)))
    sizes = coo_array((np.ones(n * k), (every % k, every)))
    bounds = np.concatenate([np.full(k, float(most)), np.full(k, -float(least))])
    both = coo_array(np.vstack([sizes.toarray(), -sizes.toarray()]))
    found = linprog(costs.ravel(), A_ub=both, b_ub=bounds, A_eq=once, b_eq=np.ones(n), method="highs")
    assert found.status == 0, found.message
    return found.fun


def assert_best(costs, labels, least, most):
    """No assignment of these sizes costs less, up to rounding: prices prove it.

    Nodes are the clusters and one more that takes rows from some and gives them to others; edges are as long as what
    moving one row costs. Shortest paths (Bellman-Ford) end only if no cycle gains, and are the prices then.
    """
    n, k = costs.shape
    sizes = np.bincount(labels, minlength=k)
    assert least <= sizes.min() and sizes.max() <= most, f"sizes {sizes.min()} to {sizes.max()}, not {least} to {most}"
    lengths = np.full((k + 1, k + 1), np.inf)
    for a in np.flatnonzero(sizes):
        own = costs[labels == a]
        lengths[a, :k] = (own - own[:, [a]]).min(axis=0)
    lengths[np.flatnonzero(sizes < most), k] = 0
    lengths[k, np.flatnonzero(sizes > least)] = 0
    paths = np.zeros(k + 1)
    for _ in range(k + 1):
        paths = np.minimum(paths, (paths[:, None] + lengths).min(axis=0))
    slack = 1e-12 * max(1.0, np.abs(costs).max()) * (k + 1)
    gain = (paths - (paths[:, None] + lengths).min(axis=0)).max()
    assert gain <= slack, f"a round of moves gains {gain:g}"
    assert_proved(costs, labels, paths[k] - paths[:k], least, most, slack)


def assert_proved(costs, labels, prices, least, most, slack):
    """Reduced costs and complementary slackness: the proof that no assignment of these sizes costs less."""
    sizes = np.bincount(labels, minlength=len(prices))
    priced = costs + prices
    assert (priced[np.arange(len(costs)), labels] - priced.min(axis=1)).max() <= slack
    assert (prices[sizes < most] <= slack).all() and (prices[sizes > least] >= -slack).all()
