"""Labels of a few rows by the definition itself: a server's one row, where preparing a sweep would take longest."""

import numpy as np

from fastkmeans.kernels.jit import jit

CENTERS_AT_ONCE = 8  # independent sums, since one sum in order waits for each addition


@jit
def label_few(
    rows,  # in     (n, d) float32 or float64
    centers,  # in     (k, d)
    limit,  # the size of values whose squares may overflow
    labels,  # out    (n,) int32
):
    """Write the labels; return whether every value can be used."""
    n, d = rows.shape
    k = len(centers)
    good = True
    for i in range(n):
        for feature in range(d):
            good &= abs(rows[i, feature]) <= limit
    for j in range(k):
        for feature in range(d):
            good &= abs(centers[j, feature]) <= limit
    if not good:
        return False
    for i in range(n):
        best, label = np.inf, 0
        whole = k - k % CENTERS_AT_ONCE
        for j in range(0, whole, CENTERS_AT_ONCE):
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
            for feature in range(d):
                x = np.float64(rows[i, feature])
                d0, d1 = x - centers[j, feature], x - centers[j + 1, feature]
                d2, d3 = x - centers[j + 2, feature], x - centers[j + 3, feature]
                d4, d5 = x - centers[j + 4, feature], x - centers[j + 5, feature]
                d6, d7 = x - centers[j + 6, feature], x - centers[j + 7, feature]
                s0, s1, s2, s3 = s0 + d0 * d0, s1 + d1 * d1, s2 + d2 * d2, s3 + d3 * d3
                s4, s5, s6, s7 = s4 + d4 * d4, s5 + d5 * d5, s6 + d6 * d6, s7 + d7 * d7
            sums = (s0, s1, s2, s3, s4, s5, s6, s7)
            for c in range(CENTERS_AT_ONCE):
                if sums[c] < best:
                    best, label = sums[c], j + c
        for j in range(whole, k):
            total = 0.0
            for feature in range(d):
                difference = np.float64(rows[i, feature]) - centers[j, feature]
                total += difference * difference
            if total < best:
                best, label = total, j
        labels[i] = label
    return True
