"""Fits, seeding and predict on a few seconds' worth of rows."""

import os

import pytest

import fastkmeans
from benchmarks.datasets import first_centers, load

TINY = os.environ.get("FASTKMEANS_BENCH_TINY") == "1"
SIZES = [(400, 2, 4)] if TINY else [(1_000_000, 2, 8), (200_000, 32, 100), (50_000, 128, 500)]
ROUNDS = 1 if TINY else 5


@pytest.fixture(params=SIZES, ids=lambda size: "{}x{}-k{}".format(*size))
def workload(request):
    n, d, k = request.param
    rows = load(f"blobs:{n}:{d}:{k}")
    return rows, k, first_centers(rows, k)


def measure(benchmark, call):
    benchmark.pedantic(call, rounds=ROUNDS, warmup_rounds=1)  # the warm-up compiles


def test_five_iterations(benchmark, workload):
    rows, k, init = workload
    measure(benchmark, lambda: fastkmeans.fit(rows, k, init=init, max_iter=5, tol=0))


def test_seeding(benchmark, workload):
    rows, k, _ = workload
    measure(benchmark, lambda: fastkmeans.kmeans_plusplus(rows, k, random_state=0))


def test_predict(benchmark, workload):
    rows, _, init = workload
    measure(benchmark, lambda: fastkmeans.predict(rows, init))


def test_small_fit(benchmark):
    rows = load("blobs:300:2:4")
    fastkmeans.fit(rows, 4, random_state=0)
    benchmark(lambda: fastkmeans.fit(rows, 4, random_state=0))
