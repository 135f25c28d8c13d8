"""Awkward inputs, each with a name; outcomes of scikit-learn's KMeans and ours are compared (test_awkward.py)."""
