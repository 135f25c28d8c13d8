"""Benchmarks: what is fast, how fast, beside whom. Not installed with the package.

  python -m benchmarks.compare --suite dense     whole fits beside other libraries (and memory, seeding, ways, startup)
  python -m benchmarks.kernels                   single kernels, one thread
  pytest benchmarks/pytest --benchmark-only      kernels and fits, for a quick before and after
  asv run                                        the history over commits (asv.conf.json)

datasets.py names the workloads, machine.py measures the machine they ran on, peers.py calls each library alike,
report.py prints and writes tables; suite_*.py hold one question each.
"""
