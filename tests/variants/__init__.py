"""Tests of fastkmeans/variants."""
