"""A Dask cluster of two processes on this machine."""

import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

# Of the cluster's own, as its processes are killed.
OF_DASK = (
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::RuntimeWarning:asyncio",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/cluster/" in item.path.as_posix():
            for warning in OF_DASK:
                item.add_marker(pytest.mark.filterwarnings(warning))


# What Dask would set in this process, and so for all tests after these.
dask.config.set({"distributed.nanny.pre-spawn-environ": {}})
OF_WORKERS = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}


def new_cluster(env=None, **settings):
    return distributed.LocalCluster(
        env=OF_WORKERS | (env or {}),
        **{
            "n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1",
            "silence_logs": 50, "memory_limit": "2GB",
        } | settings,
    )  # fmt: skip


@pytest.fixture(scope="session")
def cluster():
    with new_cluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client
