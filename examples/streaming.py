"""Rows in files that are larger than the memory they may take: fitted block by block, and labelled into a file.

Writes --rows rows to four .npy files, fits them with a tenth of their size as budget, and checks that labels are those
of the centers, and the inertia within 2 % of that of a fit in memory, which starts from other rows.
"""

import time

import numpy as np
from shared import options

import fastkmeans

COLUMNS, CLUSTERS, FILES = 16, 32, 4


def write(folder, n):
    """Files of rows around centers that lie as close as the rows of each."""
    random = np.random.default_rng(0)
    centers = random.normal(scale=1.0, size=(CLUSTERS, COLUMNS)).astype(np.float32)
    for number in range(FILES):
        rows = centers[random.integers(CLUSTERS, size=n // FILES)]
        rows += random.standard_normal(rows.shape, dtype=np.float32)
        np.save(folder / f"part-{number}.npy", rows)


def main():
    arguments = options(__doc__, rows=1_000_000)
    folder = arguments.output / "rows"
    folder.mkdir(exist_ok=True)
    write(folder, arguments.rows)

    rows = fastkmeans.open_rows(folder)
    budget = rows.nbytes // 10
    print(f"{rows}: {rows.nbytes / 1e6:.0f} MB, of which {budget / 1e6:.0f} may be in memory")
    began = time.perf_counter()
    streamed = fastkmeans.fit(rows, CLUSTERS, memory_budget=budget, random_state=0)
    print(f"streamed   {time.perf_counter() - began:6.2f} s   inertia {streamed.inertia:.6g}")
    print(f"  {streamed.plan.splitlines()[0]}")

    began = time.perf_counter()
    fastkmeans.predict(rows, streamed.centers, out=arguments.output / "labels.npy")
    print(f"labels to a file {time.perf_counter() - began:.2f} s")

    X = rows.load()
    began = time.perf_counter()
    whole = fastkmeans.fit(X, CLUSTERS, random_state=0)
    print(f"in memory  {time.perf_counter() - began:6.2f} s   inertia {whole.inertia:.6g}")
    assert np.array_equal(np.load(arguments.output / "labels.npy"), streamed.labels)
    assert np.array_equal(fastkmeans.predict(X, streamed.centers), streamed.labels)
    assert abs(streamed.inertia / whole.inertia - 1) < 0.02


if __name__ == "__main__":
    main()
