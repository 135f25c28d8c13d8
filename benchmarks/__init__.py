"""Benchmarks: what is fast, how fast, beside whom. Not installed with the package.

  python -m benchmarks.compare                   us beside other libraries: iterations, convergence, growth (--quick)
  python -m benchmarks.compare --suite NAME      one question each: suite_NAME.py
  python -m benchmarks.readme NUMBERS.json       the README's tables and chart from a recorded run
  python -m benchmarks.kernels                   single kernels, one thread
  python -m benchmarks.thresholds                which way of labelling wins where: the planner's table
  pytest benchmarks --benchmark-only             kernels and fits, for a quick before and after
  asv run                                        the history over commits (asv.conf.json)

datasets.py names the workloads, machine.py measures the machine they ran on, peers.py calls each library alike,
rounds.py runs them in turn, report.py prints and writes tables, charts.py draws.
"""
