"""Compiled code: the only folder with Numba in it. Kernels are serial, release the GIL, and work on a row range.

    rows (address, strides, dtype)        one slab = rows [start, stop), the task of one thread
      |  packing.pack_tile                convert, normalise (cosine), shift
    tile: rows, one after another         in L1; or the stored rows themselves, where they are a tile already
      |  packing.turn_tile
    columns: groups of rows, feature by feature, a row in every lane
      |  assign.two_best                  groups of rows x panels of centers, in a register tile
    best, second, nearest                 one a row
      |  settle                           rows not proved certain: measured by the definition of nearest
    labels
      |  accumulate                       from the tile, still in cache
    cluster sums, cluster weights         float64, one copy a slab; update.py makes centers of them

  shape   a register tile: (centers, vectors of rows, lanes), as tuples whose lengths are types
  group   vectors x lanes rows; a tile is some groups
  panel   as many centers as a register tile has, feature-major, bias first

Sparse rows have centers in the lanes instead (sparse.py, sparse_slab.py, sparse_trials.py): no tile is packed.

Groups of centers that bounds do not rule out (bounds.py) are swept for candidates, which are then measured: in the
computing type (candidates.py) or in bytes (screen.py). Without bounds, all centers are one group.

Rows of few features may lie in the order of space instead (ordering.py, box_rows.py): boxes.py labels blocks of them.

nearest.py keeps the scores of a group of rows and finds the nearest few centers of each.

slab.py puts the steps together; small_fit.py puts whole fits together, few_rows.py many of them. seeding.py measures
rows against trial centers, trials.py draws and takes them, plus_plus.py puts whole steps together. stats.py,
transform.py and gather.py are the other passes. jit.py and cache.py compile and keep; simd/ is the vocabulary.
"""
