"""The history of speed, memory and quality over commits: `asv run`, `asv publish`, `asv preview` (asv.conf.json).

asv imports this folder by itself, as a package called "asv", beside the version of fastkmeans that it has built. Each
file is a topic. Times are of a base list of sizes (common.SIZES) in float32 on all threads; laws.py varies type,
threads, columns and clusters one at a time. Peak memory is that of the whole process: Python, Numba and the rows count.

asv takes a benchmark for a new one where the text of its method or of `setup` has changed. These do not hold what `run`
and `prepare` do: a class that changes them is to count up its `version`.
"""
