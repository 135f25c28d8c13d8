"""Sparse rows: how kernels know them, how they become a tile, and their exact distances to centers.

Rows are compressed (CSR): where each row begins, the columns of its stored values in ascending order, and the
values in the computing type. Kernels get them by address, as they get other rows, so that whatever only packs
tiles reads them too. `values` are the stored ones or, for cosine, those of unit rows, from place `at` on.
"""

from functools import cache

import numpy as np

from fastkmeans.kernels.distances import defined_sq_dist
from fastkmeans.kernels.jit import address_of, inline, jit
from fastkmeans.kernels.packing import tile_shape, turner
from fastkmeans.kernels.simd import vector_view

COMPRESSED = -1  # no dtype code: such rows are no tile as they lie, and have no strides
CANCELS = 1e10 * 2.0**-53, 1e-3  # shares of a center's squared length, a feature and at most, below which sums cancel


@inline
def stored_rows(rows, stop, like):
    """Of the rows before `stop`: where each begins, the columns, the values."""
    begins = vector_view(rows[0], stop + 1, np.int64(0))
    count = begins[stop]
    return begins, vector_view(rows[1], count, np.int32(0)), vector_view(rows[2], count, like)


@inline
def read_values(values, first, last, cosine, out, at):
    """out[at:] = the values of a row, those of its unit row for cosine; return its squared length as stored."""
    squares, scale = 0.0, 1.0
    for q in range(first, last):
        squares += np.float64(values[q]) * np.float64(values[q])
    if cosine and squares > 0.0:
        scale = np.sqrt(squares)
    lane = values.dtype.type
    for q in range(first, last):
        # Rounded to the computing type first, as the definition has it, wherever `out` is wider.
        out[at + q - first] = lane(np.float64(values[q]) / scale)
    return squares


def _read(place, start, count, room, d, cosine, shift, shifted, tile, stride):
    """What packing.pack_tile documents, for sparse rows."""
    begins, columns, values = stored_rows(place, start + count, tile.dtype.type(0))
    for q in range(room * stride):
        tile[q] = 0
    for i in range(count):
        squares, length = 0.0, 1.0
        first, last = begins[start + i], begins[start + i + 1]
        if cosine:
            for q in range(first, last):
                squares += np.float64(values[q]) * np.float64(values[q])
            length = np.sqrt(squares) if squares > 0.0 else 1.0
        for q in range(first, last):
            tile[i * stride + columns[q]] = np.float64(values[q]) / length
        if shifted:
            for feature in range(d):
                tile[i * stride + feature] -= shift[feature]
    return 0


@cache
def sparse_reader(dtype):
    """The address of the compiled code that reads sparse rows into tiles of the computing type `dtype`."""
    array = np.empty(1, dtype)
    return address_of(_read, (0,) * 5, 0, 0, 0, 0, 0, array, 0, array, 0, result=0)


def describe_sparse_rows(begins, columns, values, d, vector_set):
    """The integers by which kernels know sparse rows: begins in int64, columns in int32, values as computed with."""
    place = (begins.ctypes.data, columns.ctypes.data, values.ctypes.data, COMPRESSED, 0)
    dtype = values.dtype
    return (*place, sparse_reader(dtype), turner(dtype, tile_shape(vector_set, dtype, d)))


@jit
def exact_sq_dist(values, at, columns, first, last, centers, j, limit, dense):
    """The definition's squared distance of a row to center j; `dense` (d,) float64 is all zeros before and after."""
    for q in range(first, last):
        dense[columns[q]] = values[at + q - first]
    sq_dist = defined_sq_dist(dense, centers, j, centers.shape[1], limit)
    for q in range(first, last):
        dense[columns[q]] = 0.0
    return sq_dist


@inline
def own_sq_dist(values, at, columns, first, last, centers, j, norm, dense):
    """The squared distance of a row to center j of squared length `norm`, from the stored values where that is safe.

    What the center has in other columns is its squared length less what it has in the row's. `norm` and `covered`
    are sums of one order, so that nothing is left of equal supports; where so much cancels that more than 1e-10 of
    the distance may be rounding, all features are looked at.
    """
    inside, covered = 0.0, 0.0
    for q in range(first, last):
        center = np.float64(centers[j, columns[q]])
        difference = np.float64(values[at + q - first]) - center
        inside += difference * difference
        covered += center * center
    sq_dist = inside + max(0.0, norm - covered)
    a_feature, most = CANCELS
    if sq_dist < norm * min(a_feature * (centers.shape[1] + last - first), most):
        sq_dist = exact_sq_dist(values, at, columns, first, last, centers, j, np.inf, dense)
    return sq_dist


@jit
def own_sparse_distances(
    rows,
    start,
    stop,
    labels,  # in     (stop - start,)
    centers,  # in     (k, d)
    center_norms,  # in     (k,)
    cosine,
    unit,  # scratch (most stored values of a row,)
    dense,  # scratch (d,) zeros
    sq_dists,  # out    (stop - start,)
):
    """sq_dists[i] = squared distance of row start + i to its label's center."""
    begins, columns, stored = stored_rows(rows, stop, unit.dtype.type(0))
    for i in range(stop - start):
        first, last, j = begins[start + i], begins[start + i + 1], labels[i]
        read_values(stored, first, last, cosine, unit, 0)
        sq_dists[i] = own_sq_dist(unit, 0, columns, first, last, centers, j, center_norms[j], dense)
