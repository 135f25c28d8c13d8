"""Groups of neighbouring centers, packed for a sweep in the computing type or in bytes."""

from dataclasses import dataclass

import numpy as np

from fastkmeans.engine.machine import multiplies_bytes, vector_set
from fastkmeans.kernels.candidates import TERMS, pack_groups, score_sweeper
from fastkmeans.kernels.packing import row_stride, tile_shape
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
    """Lists of up to `size` centers that lie together: halves along the direction of largest spread, and so on."""

    def split(numbers):
        if len(numbers) <= size:
            return [numbers]
        points = centers[numbers] - centers[numbers].mean(axis=0)
        tiny = np.finfo(points.dtype).tiny
        points /= max(points.max(), -points.min(), tiny)
        direction = points[np.argmax(np.einsum("ij,ij->i", points, points))]
        for _ in range(POWER_STEPS):
            direction = points.T @ (points @ direction)
            direction /= max(np.sqrt(direction @ direction), tiny)
        by_place = numbers[np.argsort(points @ direction, kind="stable")]
        half = -(-len(numbers) // size) // 2 * size
        return split(by_place[:half]) + split(by_place[half:])

    return split(np.arange(len(centers)))


def screens(d):
    """Whether rows of d features can be swept in bytes on this machine."""
    return multiplies_bytes() and LEAST_FEATURES <= d <= MOST_FEATURES


@dataclass(frozen=True)
class Sweep:
    """How groups are swept: with which compiled code, over rows of which form."""

    in_bytes: bool
    shape: tuple
    scores: np.dtype
    depth: int
    """Numbers of a row that are multiplied: its features, or its words of four bytes."""

    stride: int
    group_places: int
    addresses: tuple
    """Of the sweep, of what turns its rows to columns, of what rounds rows to bytes (0 if nothing does)."""

    @property
    def step(self):
        """Rows that are swept together."""
        return len(self.shape[1]) * len(self.shape[2])

    @classmethod
    def of(cls, dtype, d, group_places, in_bytes):
        """The sweep for rows of d features and computing type `dtype`."""
        if not in_bytes:
            shape = tile_shape(vector_set(), dtype, d)
            return cls(False, shape, dtype, d, row_stride(d), group_places, (*score_sweeper(dtype, shape), 0))
        shape, depth = tile_shape(vector_set(), np.float32, d), words_of(d)
        stride = depth if depth < 8 else -(-depth // 8) * 8
        addresses = (*word_sweeper(shape), row_rounder(dtype))
        return cls(True, shape, np.dtype(np.float32), depth, stride, group_places, addresses)


class Groups:
    """Which center is in which group, and the centers of every group packed in whole panels.

    Parameters
    ----------
    way : assigner, its centers prepared
    count, panels : how many groups, and panels of each
    first : the first center that is in a group
    in_bytes : whether to sweep in bytes
    """

    def __init__(self, way, count, panels, first=0, *, in_bytes):
        self.way, self.count, self.panels, self.m = way, count, panels, len(way.shape[0])
        size = panels * self.m
        self.order = np.full(count * size, -1, np.int32)
        self.group_of = np.full(len(way.centers), -1, np.int32)
        self.runs = neighbours_in_runs(way.centers[first:], size)
        for group, run in enumerate(self.runs):
            self.order[group * size : group * size + len(run)] = run + first
            self.group_of[run + first] = group
        self.middle = np.zeros(row_stride(way.d), way.dtype)
        self.middle[: way.d] = way.centers.mean(axis=0, dtype=np.float64) - way.shift
        self.sweep_by(in_bytes)

    def sweep_by(self, in_bytes):
        """Sweep in bytes, or in the computing type, from the next pack() on."""
        way, places = self.way, len(self.order)
        self.sweep = Sweep.of(way.dtype, way.d, self.panels * self.m, in_bytes)
        n_panels = places // self.m
        packed = np.int32 if in_bytes else way.dtype
        self.packed = (
            np.zeros(n_panels * (self.sweep.depth + 1) * self.m, packed),
            np.zeros(places * TERMS, self.sweep.scores),
        )
        self.unit = float(np.finfo(way.dtype).eps) / 2 if way.shifted else 0.0
        self.middle_length = float(np.linalg.norm(self.middle.astype(np.float64)))
        self.description = (
            self.sweep.addresses,
            (self.middle, self.sweep.stride, self.sweep.depth, self.panels, self.unit, self.middle_length),
        )

    def pack(self):
        """Pack the centers that the way holds."""
        way = self.way
        if self.sweep.in_bytes:
            row = np.zeros(len(self.middle), way.dtype)
            pack_words(
                way.centers, self.order, way.shift, self.middle, self.unit, self.middle_length, row,
                np.empty(len(row), np.uint8), *self.packed, self.sweep.shape,
            )  # fmt: skip
        else:
            pack_groups(way.centers, self.order, way.shift, way.slack, way.tiny, *self.packed, way.shape)

    def moves(self, known, at_once):
        """(how far the centers of each group, and each center, have moved at most from `known`), rounded up."""
        moved, drift = np.zeros(len(known), np.float32), np.zeros(self.count)
        for first in range(0, len(known), at_once):
            some = slice(first, first + at_once)
            way = self.way.centers[some].astype(np.float64) - known[some]
            moved[some] = np.sqrt(np.einsum("ij,ij->i", way, way)) * (1 + 1e-6)
        np.maximum.at(drift, self.group_of, moved)
        return drift, moved
