"""The kernel cache: no folder, damaged files, edited sources and foreign folders cost a compilation, never a fit."""

import os
import shutil
import stat

import pytest

from fastkmeans.kernels import cache
from fastkmeans.warmup import let_others_read
from tests.checks import ROOT, run_python

# A kernel of few lines stands for all; `hits` counts what was read from the cache.
TINY = """
import os
from pathlib import Path
import numpy as np
from fastkmeans.kernels import cache, update

hits = []
load = cache.KernelCache.load_overload

def counted(self, *given):
    result = load(self, *given)
    hits.append(result is not None)
    return result

cache.KernelCache.load_overload = counted
assert update.count_empty(np.array([0.0, 1.0, 0.0])) == 2
print(sum(hits), len(hits), cache.cache_folder())
"""


def run_tiny(folder, root=ROOT, **environment):
    """(kernels read, kernels wanted, the folder) of a new process that runs one small kernel."""
    read, wanted, used = run_python(TINY, root=root, FASTKMEANS_CACHE_DIR=folder, **environment).split()
    return int(read), int(wanted), used


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_second_process_reads_what_the_first_wrote(tmp_path):
    folder = tmp_path / "kernels"
    assert run_tiny(folder) == (0, 1, str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 or os.name == "nt"
    assert len(files_in(folder)) == 1
    assert run_tiny(folder) == (1, 1, str(folder))


@pytest.mark.parametrize("damage", ["cut", "empty", "one bit", "text", "a folder"])
def test_a_damaged_file_is_compiled_again(tmp_path, damage):
    run_tiny(tmp_path / "kernels")
    (path,) = files_in(tmp_path / "kernels")
    content = bytearray(path.read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"cut": content[:-20], "empty": b"", "text": b"no kernel"}.get(damage, content))
    assert run_tiny(tmp_path / "kernels")[0] == 0
    if damage != "a folder":
        assert run_tiny(tmp_path / "kernels")[0] == 1, "the damaged file was not replaced"


def test_an_edited_source_is_compiled_again(tmp_path):
    """Also a file that the kernel does not name: what a kernel inlines is part of it."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT / "fastkmeans", copy / "fastkmeans", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "kernels"
    run_tiny(folder, root=copy)
    assert run_tiny(folder, root=copy)[0] == 1
    for name in ("distances.py", "simd/arithmetic.py"):
        with open(copy / "fastkmeans" / "kernels" / name, "a") as file:
            file.write("\n# an edit\n")
        assert run_tiny(folder, root=copy)[0] == 0
        assert run_tiny(folder, root=copy)[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="modes differ there")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path, mode):
    folder = tmp_path / "kernels"
    run_tiny(folder)
    folder.chmod(mode)
    before = files_in(folder)
    assert run_tiny(folder) == (0, 1, "None")
    assert files_in(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another owner")
def test_a_folder_of_another_user_is_not_used(tmp_path):
    folder = tmp_path / "kernels"
    run_tiny(folder)
    os.chown(folder, 12345, 12345)
    assert run_tiny(folder) == (0, 1, "None")


def test_a_cache_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert run_tiny(tmp_path / "file" / "kernels") == (0, 1, "None")
    read = run_tiny(None, HOME=tmp_path / "file", XDG_CACHE_HOME=None)
    assert read == (0, 1, "None")


def test_a_disk_that_is_full(tmp_path):
    full = TINY.replace(
        "hits = []", "hits = []\ndef fail(*given): raise OSError(28, 'no space')\nPath.write_bytes = fail"
    )
    folder = tmp_path / "kernels"
    assert run_python(full, FASTKMEANS_CACHE_DIR=folder).split()[:2] == ["0", "1"]
    assert files_in(folder) == []


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTKMEANS_CACHE_DIR", str(tmp_path))
    assert cache.user_folder() == str(tmp_path)
    monkeypatch.delenv("FASTKMEANS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.user_folder() == str(tmp_path / "fastkmeans")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache.user_folder() == str(tmp_path / ".cache" / "fastkmeans")


def test_frozen_globals_are_part_of_the_name():
    scale = 1

    def kernel(x):
        return x * scale

    one = cache.frozen_values(kernel)
    scale = 2
    assert cache.frozen_values(kernel) != one


def test_a_fit_without_any_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    code = "import fastkmeans; print(fastkmeans.fit([[0.0], [1.0], [9.0]], 2, random_state=0).inertia)"
    assert run_python(code, FASTKMEANS_CACHE_DIR=tmp_path / "file" / "kernels").strip() == "0.5"


def test_compiling_in_two_processes_at_once(tmp_path):
    """Both write the same file by an atomic rename; nothing half-written stays."""
    from concurrent.futures import ThreadPoolExecutor

    folder = tmp_path / "kernels"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: run_tiny(folder), range(3)))
    assert len(files_in(folder)) == 1
    assert run_tiny(folder)[0] == 1


def test_three_processes_compile_for_other_types_at_once(tmp_path):
    """Numba's shared index could give one process the kernel of another; here there is none."""
    from concurrent.futures import ThreadPoolExecutor

    folder = tmp_path / "kernels"
    code = """
import fastkmeans, numpy as np
X = np.arange(12, dtype=np.{dtype}).reshape(6, 2) ** 2
result = fastkmeans.fit(X, 2, random_state=0)
print(result.centers.dtype, result.labels.tolist(), result.inertia)
"""
    orders = (("float32", "float64"), ("float64", "float32"), ("int16", "float64"))

    def in_turn(dtypes):
        return [run_python(code.format(dtype=dtype), FASTKMEANS_CACHE_DIR=folder).split(" ", 1) for dtype in dtypes]

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(in_turn, orders))
    for dtypes, results in zip(orders, found, strict=True):
        for dtype, (computed, values) in zip(dtypes, results, strict=True):
            assert computed == ("float64" if dtype == "float64" else "float32")
            assert values == found[0][0][1]
    count = len(files_in(folder))
    for dtype in ("float32", "float64", "int16"):  # all is there, and right
        assert in_turn([dtype])[0][1] == found[0][0][1]
    assert len(files_in(folder)) == count


def test_kernels_of_two_vector_sets_do_not_mix(tmp_path):
    code = """
import fastkmeans, numpy as np
X = np.random.default_rng(0).normal(size=(3000, 20)).astype(np.float32)
print(fastkmeans.fit(X, 30, init=np.arange(30), max_iter=3).labels.sum())
"""
    folder, counts, sums = tmp_path / "kernels", [], set()
    for name in ("plain", "avx2", "plain", "avx2"):
        sums.add(run_python(code, FASTKMEANS_CACHE_DIR=folder, FASTKMEANS_VECTOR_SET=name))
        counts.append(len(files_in(folder)))
    assert len(sums) == 1
    assert counts[0] < counts[1] == counts[2] == counts[3]


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "NUMBA_OPT"])
def test_kernels_of_other_settings_of_numba_do_not_mix(tmp_path, setting):
    folder = tmp_path / "kernels"
    run_tiny(folder)
    assert run_tiny(folder, **{setting: "1"})[0] == 0
    assert run_tiny(folder, **{setting: "1"})[0] == 1
    assert run_tiny(folder)[0] == 1


def copy_of_the_package(folder):
    shutil.copytree(ROOT / "fastkmeans", folder / "fastkmeans", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_an_image_brings_its_kernels(tmp_path):
    """Warmed into the package's own folder, then read-only and without a folder of the user's."""
    tree = copy_of_the_package(tmp_path / "image")
    shipped = tree / "fastkmeans" / "_kernel_cache"
    run_tiny(shipped, root=tree)
    for path in (*files_in(shipped), shipped):
        path.chmod(0o555)
    (tmp_path / "file").write_text("in the way")
    nowhere = tmp_path / "file" / "kernels"
    assert run_tiny(nowhere, root=tree) == (1, 1, "None")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_another_user_with_nothing_to_write_to(tmp_path):
    """As in a container: the package belongs to root, the home does not exist, the process is nobody."""
    warm = "import numba; numba.njit(lambda x: x.sum())(np.ones(3))"  # the interpreter may lie in root's home
    code = TINY.replace("assert", f"{warm}\nos.setgid(65534); os.setuid(65534)\nassert", 1)
    tree = copy_of_the_package(tmp_path / "image")
    for folder in (tree, tree.parent, tree.parent.parent, tree.parent.parent.parent):
        folder.chmod(0o755)
    shipped = tree / "fastkmeans" / "_kernel_cache"
    run_tiny(shipped, root=tree)
    nowhere = {"HOME": "/nonexistent", "XDG_CACHE_HOME": None, "FASTKMEANS_CACHE_DIR": None}
    assert run_python(code, root=tree, cwd="/", **nowhere).split() == ["0", "1", "None"]  # private, as made
    let_others_read(shipped)
    assert run_python(code, root=tree, cwd="/", **nowhere).split() == ["1", "1", "None"]
    named = nowhere | {"FASTKMEANS_CACHE_DIR": shipped}
    assert run_python(code, root=tree, cwd="/", **named).split() == ["1", "1", "None"]


def test_disabled_compilation_is_said_plainly():
    with pytest.raises(AssertionError, match="NUMBA_DISABLE_JIT is set; unset it"):
        run_python("from fastkmeans import fit", NUMBA_DISABLE_JIT="1")
