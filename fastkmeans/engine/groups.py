"""Groups of neighbouring centers, packed for a sweep in the computing type or in bytes."""

import weakref
from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.machine import multiplies_bytes, vector_set
from fastkmeans.kernels.candidates import TERMS, pack_groups, panel_centers, rows_shape, score_sweeper
from fastkmeans.kernels.packing import row_stride
from fastkmeans.kernels.screen import (
    LEAST_FEATURES,
    MOST_FEATURES,
    pack_words,
    row_rounder,
    word_sweeper,
    words_of,
)

POWER_STEPS = 8


def neighbours_in_runs(centers, size):
    """Lists of up to `size` centers that lie together: halves along the direction of largest spread, and so on.

    By einsum and not by BLAS, whose threads would wait for each other at each of many small products: 8.8 ms for 1000 x
    384 where BLAS takes 5.3, and milliseconds more at each that finds a core busy.
    """

    def split(numbers):
        if len(numbers) <= size:
            return [numbers]
        points = centers[numbers] - centers[numbers].mean(axis=0)
        tiny = np.finfo(points.dtype).tiny
        points /= max(points.max(), -points.min(), tiny)
        direction = points[np.argmax(np.einsum("ij,ij->i", points, points))]
        for _ in range(POWER_STEPS):
            direction = np.einsum("ij,i->j", points, np.einsum("ij,j->i", points, direction))
            direction /= max(np.sqrt(np.einsum("i,i", direction, direction)), tiny)
        by_place = numbers[np.argsort(np.einsum("ij,j->i", points, direction), kind="stable")]
        half = -(-len(numbers) // size) // 2 * size
        return split(by_place[:half]) + split(by_place[half:])

    return split(np.arange(len(centers)))


def screens(d):
    """Whether rows of d features can be swept in bytes on this machine."""
    return multiplies_bytes() and LEAST_FEATURES <= d <= MOST_FEATURES


@dataclass(frozen=True)
class Sweep:
    """How panels of centers are swept: with which compiled code, over rows of which form."""

    in_bytes: bool
    shape: tuple
    scores: np.dtype
    depth: int
    """Numbers of a row that are multiplied: its features, or its words of four bytes."""

    stride: int
    addresses: tuple
    """Of the sweep, and of what rounds rows to bytes (0 if nothing does)."""

    @property
    def width(self):
        """Centers of a panel."""
        return panel_centers(self.shape)

    @classmethod
    def of(cls, dtype, d, in_bytes):
        """The sweep for rows of d features and computing type `dtype`."""
        scores = np.dtype(np.float32 if in_bytes else dtype)
        shape = rows_shape(vector_set(), scores)
        if in_bytes:
            return cls(True, shape, scores, words_of(d), words_of(d), (word_sweeper(shape), row_rounder(dtype)))
        return cls(False, shape, scores, d, row_stride(d), (score_sweeper(scores, shape), 0))


class Groups:
    """Which center is in which group, and the centers of every group packed in whole panels.

    Parameters
    ----------
    way : assigner, its centers prepared
    size : centers of a group; whole panels are taken
    first : the first center that is in a group
    in_bytes : whether to sweep in bytes
    """

    def __init__(self, way, size, first=0, *, in_bytes):
        # Not held: the way holds its groups, and all that it knows of rows would wait for the collector of cycles.
        self.way, self.size = weakref.proxy(way), size
        self.runs = neighbours_in_runs(way.centers[first:], size)
        self.group_of = np.full(len(way.centers), -1, np.int32)
        for group, run in enumerate(self.runs):
            self.group_of[run + first] = group
        self.first = first
        self.middle = np.zeros(row_stride(way.d), way.dtype)
        self.middle[: way.d] = way.centers.mean(axis=0, dtype=np.float64) - way.shift
        self.sweep_by(in_bytes)

    def sweep_by(self, in_bytes):
        """Sweep in bytes, or in the computing type, from the next pack() on."""
        way, self.sweep = self.way, Sweep.of(self.way.dtype, self.way.d, in_bytes)
        width = self.sweep.width
        panels = -(-self.size // width)
        self.order = np.full((len(self.runs), panels * width), -1, np.int32)
        for group, run in enumerate(self.runs):
            self.order[group, : len(run)] = run + self.first
        self.order = self.order.reshape(-1)
        packed = np.zeros(len(self.order) * (self.sweep.depth + 1), np.int32 if in_bytes else way.dtype)
        self.packed = packed, np.zeros(len(self.order) * TERMS, self.sweep.scores)
        self.unit = float(np.finfo(way.dtype).eps) / 2 if way.shifted else 0.0
        self.middle_length = float(np.linalg.norm(self.middle.astype(np.float64)))
        self.description = (
            self.sweep.addresses,
            (self.middle, self.sweep.stride, self.sweep.depth, panels, self.unit, self.middle_length),
        )

    def pack(self):
        """Pack the centers that the way holds."""
        way = self.way
        if self.sweep.in_bytes:
            row = np.zeros(len(self.middle), way.dtype)
            pack_words(
                way.centers, self.order, way.shift, self.middle, self.unit, self.middle_length, row,
                np.empty(len(row), np.uint8), *self.packed, self.sweep.width,
            )  # fmt: skip
        else:
            pack_groups(way.centers, self.order, way.shift, way.slack, way.tiny, *self.packed, self.sweep.width)

    def moves(self, known, at_once):
        """(how far the centers of each group, and each center, have moved at most from `known`), rounded up."""
        moved, drift = np.zeros(len(known), np.float32), np.zeros(len(self.runs))
        for first in range(0, len(known), at_once):
            some = slice(first, first + at_once)
            way = self.way.centers[some].astype(np.float64) - known[some]
            with np.errstate(over="ignore"):  # infinite movements leave nothing of a bound
                moved[some] = np.sqrt(np.einsum("ij,ij->i", way, way)) * (1 + 1e-6)
        np.maximum.at(drift, self.group_of, moved)
        return drift, moved
