"""pytest-benchmark files: `pytest benchmarks/pytest --benchmark-only`, with --benchmark-compare for before and after.

FASTKMEANS_BENCH_TINY=1 makes the fits small, for tests.
"""
