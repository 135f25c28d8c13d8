"""Sizes that make small files many blocks."""

import pytest

from fastkmeans.sources import streamed
from fastkmeans.validation import rows as validation_of_rows


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few hundred rows."""
    monkeypatch.setattr(streamed, "LEAST_BLOCK", 1 << 10)
    monkeypatch.setattr(streamed, "MOST_BLOCK", 1 << 14)


@pytest.fixture
def tiny_budget(monkeypatch):
    """A budget that few rows are larger than."""
    monkeypatch.setattr(validation_of_rows, "LEAST_BUDGET", 1)
    return 1 << 15
