"""Which way of labelling is fastest, by columns and clusters.

{columns up to: ((clusters from, way), ...)}; more columns than any band has are taken for the last one's. Until
`python -m benchmarks.thresholds --write` has measured every way, these are the bands of one rule: bounds from 96
clusters and 2,000 center values on.
"""

WAYS = {
    2: ((1, "dense"), (1000, "bounds")),
    3: ((1, "dense"), (667, "bounds")),
    4: ((1, "dense"), (500, "bounds")),
    6: ((1, "dense"), (334, "bounds")),
    8: ((1, "dense"), (250, "bounds")),
    12: ((1, "dense"), (167, "bounds")),
    16: ((1, "dense"), (125, "bounds")),
    24: ((1, "dense"), (96, "bounds")),
    32: ((1, "dense"), (96, "bounds")),
    64: ((1, "dense"), (96, "bounds")),
    128: ((1, "dense"), (96, "bounds")),
    256: ((1, "dense"), (96, "bounds")),
    512: ((1, "dense"), (96, "bounds")),
    1024: ((1, "dense"), (96, "bounds")),
}
