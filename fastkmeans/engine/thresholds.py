"""Which way of labelling is fastest, by columns and clusters, on machines of each vector set that was measured.

{vector set: {columns up to: ((clusters from, way), ...)}}; more columns than any band has are taken as the last one's,
other vector sets as the first one.
Written by `python -m benchmarks.thresholds --write`, each on the machine named.
"""

# fmt: off
WAYS = {
    # 2026-11-25, AMD EPYC (znver4), 2 threads
    "zen4": {
        2: ((1, "dense"), (16, "boxes")),
        3: ((1, "dense"), (16, "boxes")),
        4: ((1, "dense"), (192, "boxes")),
        6: ((1, "dense"), (1024, "bounds")),
        8: ((1, "dense"), (2048, "bounds")),
        16: ((1, "dense"), (1024, "bounds")),
        24: ((1, "dense"), (512, "bounds")),
        32: ((1, "dense"), (512, "bounds")),
        64: ((1, "dense"), (256, "bounds")),
        128: ((1, "dense"), (128, "bounds")),
        256: ((1, "dense"), (96, "bounds")),
        512: ((1, "dense"), (32, "screened"), (64, "bounds")),
        1024: ((1, "dense"), (32, "bounds")),
    },
    # 2026-11-26, AMD EPYC (znver5), 2 threads
    "avx512": {
        2: ((1, "dense"), (32, "boxes")),
        3: ((1, "dense"), (64, "boxes")),
        4: ((1, "dense"), (1024, "boxes")),
        6: ((1, "dense"), (2048, "bounds")),
        8: ((1, "dense"), (2048, "bounds")),
        16: ((1, "dense"), (1024, "bounds")),
        24: ((1, "dense"), (512, "bounds")),
        32: ((1, "dense"), (512, "bounds")),
        64: ((1, "dense"), (256, "bounds")),
        128: ((1, "dense"), (128, "bounds")),
        256: ((1, "dense"), (96, "bounds")),
        512: ((1, "dense"), (64, "bounds")),
        1024: ((1, "dense"), (64, "bounds")),
    },
}
