"""Kernels and fits by pytest-benchmark: `pytest benchmarks --benchmark-only`, with --benchmark-compare for a baseline.

Baselines lie in benchmarks/baselines; --benchmark-save=NAME adds one. FASTKMEANS_BENCH_TINY=1 makes the fits small, for
tests.
"""
