"""Silhouettes, and descriptions of clusterings."""
