"""Dask collections as rows: on a cluster, where they lie; with a scheduler of this process, in its memory.

On a cluster, blocks are persisted if the workers have room, and each pass is one task a worker thread, over the blocks
that lie there. Rows never travel but for those that are asked for, and centers go out with the tasks, which are made
anew from what the collection is made of when a worker is lost.
"""

import contextlib
import pickle
import sys
from itertools import chain

import numpy as np

from fastkmeans.sources.blocks import ArrayRows, computing_dtype
from fastkmeans.sources.facts import Facts, RemoteTable, look_at, look_at_weights
from fastkmeans.sources.questions import answers_of, forget, joined
from fastkmeans.sources.remote import RemoteRows
from fastkmeans.sources.sparse import is_sparse

PERSIST_SHARE = 0.6  # of the workers' memory, beyond which Dask begins to write blocks to disk
PAYLOAD_BYTES = 1 << 20  # from which a question is a task of its own, not a part of each
JOIN_BYTES, JOINED = 64 << 20, 8  # partials that come to the client, and how many become one at a time before
PASSES_A_LOOK = 32  # after which it is looked where blocks lie, as workers come and go
LOST = (
    "a part of the rows was lost with its worker, and Dask cannot make it again, as it was scattered from a client; "
    "make collections from files or functions (dask.array.from_zarr, from_delayed, dask.dataframe.read_parquet)"
)


def is_dask(X):
    """Whether X is a Dask array or data frame."""
    return (
        "dask" in sys.modules and type(X).__module__.split(".")[0].startswith("dask") and hasattr(X, "__dask_graph__")
    )


def current_client(collection):
    """The client that would compute the collection; None where a scheduler of this process would."""
    from dask.base import get_scheduler

    owner = getattr(get_scheduler(collections=[collection]), "__self__", None)
    return owner if type(owner).__module__.startswith("distributed") else None


def as_array(X):
    """X as a Dask array whose blocks hold whole rows."""
    if hasattr(X, "to_dask_array"):
        for column, dtype in X.dtypes.items():
            if getattr(dtype, "kind", "O") not in "biuf":
                raise TypeError(f"X column {column!r} has type {dtype}; k-means needs numbers: encode or drop it")
        X = X.to_dask_array()
    if is_sparse(X._meta):
        raise TypeError("X has sparse blocks; make them dense with X.map_blocks(lambda block: block.toarray())")
    return X.rechunk({1: -1}) if X.ndim == 2 and len(X.chunks[1]) > 1 else X


def known_sizes(X):
    """The rows of each block; None where Dask does not know them."""
    return None if np.isnan(X.chunks[0]).any() else list(map(int, X.chunks[0]))


class DaskTable(RemoteTable):
    """A Dask array and the weights of its rows, looked at: sizes are known, and values of weights are sound.

    Parameters
    ----------
    X : dask array, data frame
    weights : dask array or series, array-like or None
    check_weights : callable
        Raises what is wrong with the sum of the weights.
    """

    def __init__(self, X, weights, check_weights):
        self.given, self.rows = X, as_array(X)
        if self.rows.ndim != 2:
            self.shape, self.ndim = self.rows.shape, self.rows.ndim
            return
        self.client = current_client(self.rows)
        sizes = known_sizes(self.rows)
        if sizes is not None:
            self._persist(sum(sizes))
        looks = None
        if sizes is None:
            looks = self.compute([_later(look_at)(block) for block in self.rows.to_delayed().ravel()])
            sizes = [n for n, *_ in looks]
            self._persist(sum(sizes))
        self.sizes, self.shape = sizes, (sum(sizes), self.rows.shape[1] if looks is None else looks[0][1])
        self.dtype = self.rows.dtype if looks is None else np.result_type(*(dtype for *_, dtype in looks))
        self.nbytes = self.shape[0] * self.shape[1] * self.dtype.itemsize
        self.weights = self.weight_sums = None
        self.largest = 1.0
        if weights is not None:
            self._take_weights(weights, check_weights)

    def _persist(self, n):
        self.persisted = False
        if self.client is None:
            return
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        limits = [worker["memory_limit"] or np.inf for worker in workers]
        if n * self.rows.shape[1] * self.rows.dtype.itemsize <= PERSIST_SHARE * sum(limits):
            self.rows, self.persisted = self.client.persist(self.rows), True

    def _take_weights(self, weights, check_weights):
        import dask.array as da

        if hasattr(weights, "to_dask_array"):
            weights = weights.to_dask_array()
        if not is_dask(weights):
            weights = da.from_array(np.asarray(weights, np.float64), chunks=-1)
        if weights.ndim != 1 or not (np.isnan(weights.shape[0]) or weights.shape[0] == self.shape[0]):
            raise ValueError(
                f"sample_weight has shape {weights.shape}, but X has {self.shape[0]} rows: Sample weights must be 1D "
                f"array of shape ({self.shape[0]},)"
            )
        if known_sizes(weights) is not None:
            weights = weights.rechunk((tuple(self.sizes),))
        elif weights.npartitions != len(self.sizes):
            raise ValueError(
                f"sample_weight has {weights.npartitions} blocks of unknown size, but X has {len(self.sizes)}; both "
                "must be cut alike"
            )
        firsts = np.cumsum([0, *self.sizes])
        looks = self.compute(
            [
                _later(look_at_weights)(block, n, number, int(firsts[number]))
                for number, (block, n) in enumerate(zip(weights.to_delayed(), self.sizes, strict=True))
            ]
        )
        for look in looks:
            if isinstance(look, str):
                raise ValueError(look)
        check_weights(sum(total for total, *_ in looks))
        if not all(ones for *_, ones in looks):
            self.weights = self.client.persist(weights) if self.persisted else weights
            self.weight_sums = [total for total, *_ in looks]
            self.largest = max(largest for _, largest, _ in looks)

    def compute(self, tasks):
        """The values of delayed tasks."""
        if self.client is not None:
            return self.client.gather(self.client.compute(tasks))
        import dask

        return list(dask.compute(*tasks))

    # ---- as a source

    @property
    def distant(self):
        return self.client is not None

    def as_source(self, weights, **settings):
        return (LocalRows if self.client is None else ClusterRows)(self, **settings)

    def batches(self):
        """A function that gives the blocks, computed here one after the other."""
        blocks = self.rows.to_delayed().ravel()
        weights = [None] * len(blocks) if self.weights is None else self.weights.to_delayed()

        def make():
            import dask

            for block, own in zip(blocks, weights, strict=True):
                yield dask.compute(block)[0] if own is None else dask.compute(block, own)

        return make

    def arrays(self):
        """(blocks that have rows, all weights or None), computed into memory."""
        blocks = [block for block in self.compute(list(self.rows.to_delayed().ravel())) if len(block)]
        if self.weights is None:
            return blocks, None
        return blocks, np.concatenate(self.compute(list(self.weights.to_delayed()))).astype(np.float64)

    def facts(self):
        """What a source needs to know of the blocks that have rows."""
        sums = [] if self.weight_sums is None else self.weight_sums
        return Facts(
            [n for n in self.sizes if n], self.shape[1], self.dtype,
            [own for own, n in zip(sums, self.sizes, strict=False) if n], self.largest,
        )  # fmt: skip


def _later(function):
    from dask import delayed

    return delayed(function, pure=False)


class LocalRows(ArrayRows):
    """Blocks in memory, as the source that they would be on a cluster."""

    streamed = True
    why_dense = RemoteRows.why_dense

    def __init__(self, table, *, budget, **settings):
        blocks, weights = table.arrays()
        settings["dtype"] = settings.get("dtype") or computing_dtype(table.dtype)
        super().__init__(blocks, weights, **settings)
        self.integers, self.budget = table.dtype.kind in "iub", budget


def _same(block):
    return block


def asked(*question):
    """(the worker that this runs on, what its blocks answer)."""
    from distributed import get_worker

    return get_worker().address, answers_of(*question)


def as_one(question, parts, n_blocks):
    """As `asked`, of what several have answered."""
    return None, joined(question, [answers for _, answers in parts], n_blocks)


class ClusterRows(RemoteRows):
    """The rows of a DaskTable whose client has workers."""

    def __init__(self, table, **settings):
        super().__init__(table.facts(), **settings)
        self.table, self.client, filled = table, table.client, np.flatnonzero(table.sizes)
        self.groups, self.passes, self.last_asked = None, 0, None
        self.row_blocks = self._blocks_of(table.rows, filled)
        self.weight_blocks = [None] * len(filled)
        if table.weights is not None:
            self.weight_blocks = self._blocks_of(table.weights, filled)

    def _blocks_of(self, array, filled):
        """The blocks that have rows: futures where they are persisted, else what makes them."""
        from distributed import futures_of

        if not self.table.persisted:
            blocks = array.to_delayed().ravel()
            return [blocks[i] for i in filled]
        futures = {future.key: future for future in futures_of(array)}
        keys = np.array(array.__dask_keys__(), object).reshape(array.numblocks[0], -1)
        return [futures[tuple(keys[i])] for i in filled]

    def close(self):
        """Let the workers forget what they keep for the rows."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # they keep the states of a few fits only
            self.client.run(forget, self.fit, on_error="ignore")

    def answers(self, question, numbers):
        if not numbers:
            return {}
        found = self._gather(*self._ask(pickle.dumps(question), numbers))
        return {number: answer for answers in found for _, number, answer in answers}

    def merged(self, kernel, question):
        question = self._sent(pickle.dumps(question))
        workers, parts = self._ask(question, range(len(self.places)))
        while len(parts) > JOINED and len(parts) * kernel.partial_bytes > JOIN_BYTES:
            parts = [
                self.client.submit(as_one, question, parts[i : i + JOINED], len(self.places), pure=False)
                for i in range(0, len(parts), JOINED)
            ]
            workers = [None] * len(parts)
        return self.root_of(kernel, chain.from_iterable(self._gather(workers, parts)))

    def _sent(self, question):
        """A question as tasks take it: large ones are sent once, and workers have them from each other."""
        return self.client.submit(bytes, question, pure=False) if len(question) > PAYLOAD_BYTES else question

    def _ask(self, question, numbers):
        """(workers, futures of the answers) of sets of the blocks with these numbers; all go out in one message."""
        wanted = set(numbers)
        groups = [(worker, [number for number in own if number in wanted]) for worker, own in self._groups()]
        workers, groups = zip(*((worker, own) for worker, own in groups if own), strict=True)
        arguments = [
            [question] * len(groups),
            [[self.places[number] for number in own] for own in groups],
            [[self.row_blocks[number] for number in own] for own in groups],
            [[self.weight_blocks[number] for number in own] for own in groups],
            [len(self.places)] * len(groups),
        ]
        if self.table.persisted:  # tasks run where their blocks lie
            return workers, self.client.map(asked, *arguments, pure=False)
        return workers, self.client.compute([_later(asked)(*own) for own in zip(*arguments, strict=True)])

    def _groups(self):
        """[(worker, its blocks)], a set for each of its threads; blocks that are made in each pass, each by itself."""
        if not self.table.persisted:
            return [(None, [number]) for number in range(len(self.places))]
        self.passes += 1
        if self.groups is None or self.passes % PASSES_A_LOOK == 0:
            from distributed import wait

            wait(self.row_blocks)
            where, threads = self.client.who_has(self.row_blocks), self.client.nthreads()
            by_worker = {worker: [] for worker in threads}
            for number, future in enumerate(self.row_blocks):
                workers = [worker for worker in where.get(future.key, ()) if worker in threads]
                by_worker.setdefault(min(workers, default=None), []).append(number)
            self._level(by_worker, threads)
            self.groups = [
                (worker, list(map(int, part)))
                for worker, own in by_worker.items()
                if own
                for part in np.array_split(own, min(len(own), threads.get(worker, len(own))))
            ]
        return self.groups

    def _level(self, by_worker, threads):
        """Move blocks from workers that have more rows than their share to those that have less, as new ones have."""
        sizes, share = self.facts.sizes, self.n / sum(threads.values())
        spare = {worker: share * threads[worker] - sum(sizes[i] for i in by_worker[worker]) for worker in threads}
        for worker in sorted(threads, key=spare.get):
            for number in by_worker[worker][::-1]:
                target, n = max(spare, key=spare.get), sizes[number]
                if min(spare[target], -spare[worker]) <= n / 2:
                    continue
                for blocks in (self.row_blocks, self.weight_blocks):
                    if blocks[number] is not None:
                        blocks[number] = self.client.submit(
                            _same, blocks[number], pure=False, workers=[target], allow_other_workers=True
                        )
                by_worker[worker].remove(number)
                by_worker[target] = sorted([*by_worker[target], number])
                spare[worker], spare[target] = spare[worker] + n, spare[target] - n

    def _gather(self, workers, futures):
        from concurrent.futures import CancelledError

        # Letting go of futures is a message, and a client waits 10 ms from one to the next: those of the pass before
        # are let go of now, while this one is under way, not before it.
        self.last_asked = futures
        try:
            answers = self.client.gather(futures)
        except CancelledError:
            raise RuntimeError(LOST) from None
        if any(worker not in (None, own) for worker, (own, _) in zip(workers, answers, strict=True)):
            self.groups = None  # a worker is gone, and its blocks are somewhere else now
        return [own for _, own in answers]
