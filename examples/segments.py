"""Segments of customers, each counting by what it spends: weights, columns with names, and a description of the
segments.

The customers are generated: five kinds of them. Columns are put on one scale first: logarithms, then unit variance.
Where each customer counts as one, two of three segments part those who spend little; by revenue, those who spend.
"""

import numpy as np
from shared import options

import fastkmeans

NAMES = ["days since the last order", "orders a year", "basket", "share returned", "share on sale"]
KINDS = [  # how many, and the middle of each column
    (0.45, (200, 1.5, 40, 0.05, 0.50)),
    (0.25, (60, 4.0, 60, 0.08, 0.30)),
    (0.15, (30, 9.0, 45, 0.30, 0.40)),
    (0.10, (20, 15.0, 90, 0.05, 0.10)),
    (0.05, (40, 6.0, 900, 0.02, 0.02)),
]


def customers(n, random):
    """(n, 5) columns named as above."""
    shares, middles = zip(*KINDS, strict=True)
    kinds = random.choice(len(KINDS), size=n, p=shares)
    return np.array(middles)[kinds] * random.lognormal(sigma=0.3, size=(n, len(NAMES)))


def main():
    arguments = options(__doc__, rows=20_000)
    random = np.random.default_rng(0)
    table = customers(arguments.rows, random)
    revenue = table[:, 1] * table[:, 2]

    logs = np.log(table)
    X = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    by_customer = fastkmeans.fit(X, 3, n_init=10, random_state=0)
    by_revenue = fastkmeans.fit(X, 3, n_init=10, sample_weight=revenue, random_state=0)

    for title, result in (("every customer counts as one", by_customer), ("by revenue", by_revenue)):
        print(f"\n{title}\n{'customers':>10} {'revenue':>8}   " + "  ".join(f"{name:>25}" for name in NAMES))
        means = np.exp(result.centers * logs.std(axis=0) + logs.mean(axis=0))
        for segment in np.argsort(-np.bincount(result.labels, revenue)):
            own = result.labels == segment
            share = revenue[own].sum() / revenue.sum()
            print(f"{own.sum():10,} {share:8.1%}   " + "  ".join(f"{value:25.2f}" for value in means[segment]))
    print(f"\n{fastkmeans.describe(X, by_revenue, names=NAMES, sample_weight=revenue)}")


if __name__ == "__main__":
    main()
