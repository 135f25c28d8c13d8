"""Workers that die while a fit runs: it ends, with the bits of one that nothing happened to."""

import os
import signal
import time

import numpy as np
import pytest

import fastkmeans
from tests.checks import assert_same_bits
from tests.cluster.conftest import new_cluster

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
CHUNKS, ROWS, COLUMNS, CLUSTERS = 8, 20_000, 8, 20


def make(number):
    """A block, made by a function as those of files are."""
    rng = np.random.default_rng(number)
    return (rng.normal(size=(ROWS, COLUMNS)) + 3 * rng.integers(0, 5, (ROWS, 1))).astype(np.float32)


@pytest.fixture
def rows():
    blocks = [dask.delayed(make)(number) for number in range(CHUNKS)]
    return da.concatenate([da.from_delayed(block, (ROWS, COLUMNS), np.float32) for block in blocks])


@pytest.fixture(scope="module")
def expected():
    X = [make(number) for number in range(CHUNKS)]
    return fit_of(None, blocks=X)


SETTINGS = {"max_iter": 12, "tol": 0, "random_state": 0}


def fit_of(rows, blocks=None, **settings):
    settings = SETTINGS | {"init": make(0)[:CLUSTERS]} | settings
    if blocks is not None:
        return fastkmeans.fit_batches(lambda: iter(blocks), CLUSTERS, **settings)
    return fastkmeans.fit(rows, CLUSTERS, **settings)


def assert_same(found, expected):
    assert_same_bits(found.centers, expected.centers)
    assert (found.inertia, found.n_iter) == (expected.inertia, expected.n_iter)
    assert [stats.n_moved for stats in found.history] == [stats.n_moved for stats in expected.history]


@pytest.fixture
def client():
    with new_cluster() as cluster, distributed.Client(cluster) as client:
        yield client


def kill_one(client):
    pids = client.run(os.getpid)
    os.kill(pids[min(pids)], signal.SIGKILL)


class Killer:
    """A callback that kills a worker after some of the iterations."""

    def __init__(self, client, iterations, wait=False):
        self.client, self.iterations, self.wait, self.killed = client, iterations, wait, 0

    def __call__(self, stats):
        if stats.phase == "lloyd" and stats.iteration in self.iterations:
            if self.wait:
                self.client.wait_for_workers(2)
            kill_one(self.client)
            self.killed += 1


def test_a_worker_killed_between_iterations(client, rows, expected):
    killer = Killer(client, [4])
    assert_same(fit_of(rows, callback=killer), expected)
    assert killer.killed == 1


def test_five_kills_in_a_row(client, rows, expected):
    killer = Killer(client, [3, 4, 5, 6, 7], wait=True)
    assert_same(fit_of(rows, callback=killer), expected)
    assert killer.killed == 5


def slowly(block):
    """Passes of long blocks, so that a worker dies at work."""
    time.sleep(0.05)
    return block


def test_a_worker_killed_at_work(client, rows, expected, monkeypatch):
    import threading

    monkeypatch.setattr("fastkmeans.sources.dask_rows.PERSIST_SHARE", 0.0)  # each pass makes the blocks again
    killed = []

    def kill_soon(stats):
        if stats.iteration == 3:
            killed.append(threading.Timer(0.1, kill_one, [client]))
            killed[0].start()

    found = fit_of(rows.map_blocks(slowly, meta=np.empty((0, COLUMNS), np.float32)), callback=kill_soon)
    assert killed and not killed[0].is_alive()
    assert_same(found, expected)


def test_a_worker_lost_for_good(client, rows, expected):
    def scale_down(stats):
        if stats.iteration == 4:
            client.cluster.scale(1)
            while len(client.nthreads()) > 1:
                time.sleep(0.05)

    assert_same(fit_of(rows, callback=scale_down), expected)
    assert len(client.nthreads()) == 1


def test_a_worker_lost_while_rows_are_drawn(client, rows):
    """The states of k-means|| are made again by all passes that wrote to them."""
    settings = {"init": "k-means||"}
    expected = fit_of(rows, **settings)

    def kill(stats):
        if stats.phase == "seeding":
            steps.append(stats)
            if len(steps) == 3:
                kill_one(client)

    steps = []
    assert_same(fit_of(rows, callback=kill, **settings), expected)
    assert len(steps) > 3


def test_rows_scattered_from_a_client_are_lost_with_their_workers(client):
    futures = [client.scatter(make(number)) for number in range(4)]
    rows = da.concatenate([da.from_delayed(future, (ROWS, COLUMNS), np.float32) for future in futures])

    def kill_all(stats):
        if stats.iteration == 2:
            for pid in client.run(os.getpid).values():
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(RuntimeError, match="was lost with its worker, and Dask cannot make it again"):
        fit_of(rows, callback=kill_all)


def test_a_fit_goes_on_from_its_checkpoint(client, rows, expected, tmp_path):
    path = tmp_path / "run.npz"
    first = fit_of(rows, checkpoint=path, callback=lambda stats: stats.iteration < 5)
    assert first.n_iter == 5
    assert_same(fit_of(rows, checkpoint=path), expected)


def test_blocks_that_lie_on_one_worker_are_shared_out(client, rows, expected):
    def kept():
        from fastkmeans.sources.questions import kept

        return sum(map(len, kept.fits.values()))

    on_one = client.persist(rows, workers=[min(client.nthreads())], allow_other_workers=True)
    distributed.wait(on_one)
    shares = []
    assert_same(fit_of(on_one, callback=lambda stats: shares.append(list(client.run(kept).values()))), expected)
    assert shares[-1] == [CHUNKS // 2] * 2


def test_workers_keep_nothing_of_a_fit(client, rows):
    fit_of(rows)

    def kept():
        from fastkmeans.sources.questions import kept

        return len(kept.fits)

    assert set(client.run(kept).values()) == {0}


def test_two_threads_a_worker_and_the_trimming_threshold(expected):
    with (
        new_cluster(n_workers=1, threads_per_worker=2, env={"MALLOC_TRIM_THRESHOLD_": "65536"}) as cluster,
        distributed.Client(cluster),
    ):
        blocks = [dask.delayed(make)(number) for number in range(CHUNKS)]
        rows = da.concatenate([da.from_delayed(block, (ROWS, COLUMNS), np.float32) for block in blocks])
        assert_same(fit_of(rows), expected)
