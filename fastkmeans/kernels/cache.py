"""Where compiled kernels are kept between processes, safely.

Numba's own `cache=True` fails at import where nothing is writable, does not notice an edited helper, raises
on a truncated file, and its shared index can hand one process another's kernel. Here there is no index: one
file per (package source, versions, CPU, function, signature), a digest in front, an atomic rename behind.
Whatever cannot be read is a miss; whatever cannot be written is skipped. The files are pickles, and reading
one runs its code, so a folder that anybody else may write to is never read.
"""

import hashlib
import os
import pickle
import stat
import sys
import uuid
from functools import cache
from pathlib import Path

import llvmlite
import numba
from numba.core import caching, compiler

PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = PACKAGE / "_kernel_cache"
DIGEST_BYTES = 32
CODE_SETTINGS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")


@cache
def package_stamp():
    """A digest of all that a compiled kernel depends on besides its signature: sources, versions, Numba's settings."""
    versions = (numba.__version__, llvmlite.__version__, sys.version_info[:3], getattr(sys, "abiflags", ""))
    settings = [(name, getattr(numba.config, name, None)) for name in CODE_SETTINGS]
    digest = hashlib.sha256(repr((versions, settings)).encode())
    kernels = PACKAGE / "kernels"
    for path in sorted(kernels.rglob("*.py")):
        digest.update(str(path.relative_to(kernels)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def private_folder(folder, create=False):
    """`folder` if it exists, belongs to us or root, and nobody else may write to it; else None."""
    try:
        if create:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
    except OSError:
        return None
    if os.name != "nt":
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return None
    return str(folder)


def user_folder():
    """The folder that FASTKMEANS_CACHE_DIR names, else `fastkmeans` in the user's cache folder."""
    named = os.environ.get("FASTKMEANS_CACHE_DIR")
    if named:
        return named
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "fastkmeans")


@cache
def _folders():
    own, shipped = private_folder(user_folder(), create=True), private_folder(SHIPPED)
    writable = own if own and os.access(own, os.W_OK | os.X_OK) else None
    return [folder for folder in (own, shipped) if folder], writable


def cache_folder():
    """The folder that new kernels are written to, or None where there is no safe writable one."""
    return _folders()[1]


def frozen_values(function):
    """Globals and closure cells that compilation freezes into the code, told apart by value where simple."""

    def plain(value):
        simple = isinstance(value, (int, float, str, bytes, tuple, type(None)))
        return repr(value) if simple else type(value).__name__

    cells = [plain(cell.cell_contents) for cell in function.__closure__ or ()]
    names = [(name, plain(function.__globals__.get(name))) for name in function.__code__.co_names]
    return cells, names


class KernelCache(caching._Cache):
    """The cache object of one function; Numba calls load_overload before compiling, save_overload after."""

    def __init__(self, function, options):
        self._function, self._options = function, options
        self._enabled = True

    @property
    def cache_path(self):
        return cache_folder()

    def enable(self):
        self._enabled = True

    def disable(self):
        self._enabled = False

    def flush(self):
        pass

    def _file_name(self, signature, codegen):
        function = self._function
        options = sorted(map(str, self._options.items()))
        key = (
            function.__module__,
            function.__qualname__,
            str(signature),
            frozen_values(function),
            codegen.magic_tuple(),
            options,
            package_stamp(),
        )
        return f"{function.__name__}-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.nbk"

    def load_overload(self, sig, target_context):
        """The compiled kernel for `sig`, or None (missing, damaged, of another signature)."""
        if not self._enabled:
            return None
        target_context.refresh()
        name = self._file_name(sig, target_context.codegen())
        for folder in _folders()[0]:
            try:
                content = Path(folder, name).read_bytes()
                digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
                if hashlib.sha256(body).digest() != digest:
                    continue
                result = compiler.CompileResult._rebuild(target_context, *pickle.loads(body))
                wanted = getattr(sig, "args", sig)  # a function called by address brings its whole signature
                if str(result.signature.args) == str(tuple(wanted)):
                    return result
            except Exception:  # noqa: BLE001, S112 - any unreadable file is a miss: the kernel is compiled
                continue
        return None

    def save_overload(self, sig, data):
        """Write the compiled kernel for `sig`; silently not, where that is impossible."""
        folder = cache_folder()
        if not self._enabled or folder is None or data.library.has_dynamic_globals:
            return
        path = os.path.join(folder, self._file_name(sig, data.library.codegen))
        temporary = f"{path}.{uuid.uuid4().hex[:8]}"
        try:
            body = caching.dumps(data._reduce())
            Path(temporary).write_bytes(hashlib.sha256(body).digest() + body)
            os.replace(temporary, path)
        except Exception:  # noqa: BLE001 - a full or read-only disk costs the cache, never the fit
            try:
                os.unlink(temporary)
            except OSError:
                pass


def attach(dispatcher):
    """Give a Numba dispatcher this cache; return it."""
    dispatcher._cache = KernelCache(dispatcher.py_func, dispatcher.targetoptions)
    return dispatcher
