"""Relatives of k-means, each a function of its own, made of the verbs, passes and sources that `fit` is made of."""
