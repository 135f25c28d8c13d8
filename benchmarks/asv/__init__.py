"""The history of speed, memory and quality over commits: `asv run`, `asv publish`, `asv preview` (asv.conf.json).

asv imports this folder by itself, as a package called "asv", beside the version of fastkmeans that it has built.
"""
