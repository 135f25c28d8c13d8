"""A Dask array: clustered block by block where its blocks lie, with labels that are a Dask array too.

Without --workers, blocks are computed into this process. With --workers 2, a cluster of two processes on this machine
is started and works on them; the result has the same bits.
"""

import time

import dask.array as da
import numpy as np
from shared import options

import fastkmeans

COLUMNS, CLUSTERS, BLOCKS = 16, 32, 8


def make_block(number, n):
    """Rows around the same centers in every block, made by its number: a lost block can be made again."""
    centers = np.random.default_rng(0).normal(scale=3.0, size=(CLUSTERS, COLUMNS)).astype(np.float32)
    random = np.random.default_rng([1, number])
    return centers[random.integers(CLUSTERS, size=n)] + random.standard_normal((n, COLUMNS), dtype=np.float32)


def array(n):
    """A lazy array of BLOCKS blocks."""
    return da.map_blocks(
        lambda block_id: make_block(block_id[0], n // BLOCKS),
        chunks=((n // BLOCKS,) * BLOCKS, (COLUMNS,)),
        dtype=np.float32,
        meta=np.empty((0, COLUMNS), np.float32),
    )


def main():
    arguments = options(__doc__, rows=800_000, workers=0)
    X = array(arguments.rows)
    local = cluster(X)
    if arguments.workers:
        from dask.distributed import Client, LocalCluster

        with LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None) as workers:
            with Client(workers):
                remote = cluster(X)
        assert np.array_equal(remote.centers, local.centers) and remote.inertia == local.inertia


def cluster(X):
    began = time.perf_counter()
    result = fastkmeans.fit(X, CLUSTERS, random_state=0)
    print(f"{X.shape[0]:,} rows in {X.numblocks[0]} blocks: {time.perf_counter() - began:.2f} s, {result}")
    print(f"labels: {result.labels}")
    sizes = da.bincount(result.labels, minlength=CLUSTERS).compute()
    print(f"clusters of {sizes.min():,} to {sizes.max():,} rows")
    assert sizes.sum() == X.shape[0]
    return result


if __name__ == "__main__":
    main()
