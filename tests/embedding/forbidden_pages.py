"""NumPy's arrays beside pages that nobody may touch: a kernel that leaves an array ends the process. And scarce memory.

NumPy asks a handler for the memory of every array (NEP 49). This one maps pages for each, the array at the end of
them, and a page behind that may not be read or written; or the array at their beginning, and such a page before.
Memory is filled with ones in every bit, which make NaN and -1: what a kernel reads before anybody wrote it shows.
"""

import ctypes
import ctypes.util
import mmap
from contextlib import contextmanager

PAGE, PROT_NONE = mmap.PAGESIZE, 0
SET_HANDLER, DEFAULT_HANDLER = 304, 306  # PyDataMem_... in NumPy's table of functions
ADDRESS, SIZE = ctypes.c_void_p, ctypes.c_size_t
MALLOC = ctypes.CFUNCTYPE(ADDRESS, ADDRESS, SIZE)
CALLOC = ctypes.CFUNCTYPE(ADDRESS, ADDRESS, SIZE, SIZE)
REALLOC = ctypes.CFUNCTYPE(ADDRESS, ADDRESS, ADDRESS, SIZE)
FREE = ctypes.CFUNCTYPE(None, ADDRESS, ADDRESS, SIZE)


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("context", ADDRESS),
        ("malloc", MALLOC), ("calloc", CALLOC), ("realloc", REALLOC), ("free", FREE),
    ]  # fmt: skip


class ForbiddenPages:
    """Memory of which each piece touches a forbidden page, behind it or before."""

    def __init__(self, behind=True):
        self.behind, self.pieces, self.taken = behind, {}, 0
        self.libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        self.libc.mmap.argtypes = [ADDRESS, SIZE, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        self.libc.mmap.restype = ADDRESS
        self.libc.munmap.argtypes = [ADDRESS, SIZE]
        self.libc.mprotect.argtypes = [ADDRESS, SIZE, ctypes.c_int]
        own = MALLOC(self._malloc), CALLOC(self._calloc), REALLOC(self._realloc), FREE(self._free)
        self.handler = _Handler(b"forbidden pages", 1, None, *own)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # arrays that outlive the interpreter give memory back to us

    def _take(self, size, fill):
        size = max(1, size)
        room = -(-size // PAGE) * PAGE
        base = self.libc.mmap(None, room + PAGE, mmap.PROT_READ | mmap.PROT_WRITE,
                              mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)  # fmt: skip
        if base in (None, ADDRESS(-1).value):
            return None
        at = base + room - size if self.behind else base + PAGE
        self.libc.mprotect(base + room if self.behind else base, PAGE, PROT_NONE)
        if fill:
            ctypes.memset(at, fill, size)
        self.pieces[at] = base, room + PAGE, size
        self.taken += 1
        return at

    def _malloc(self, context, size):
        return self._take(size, 255)

    def _calloc(self, context, count, size):
        return self._take(count * size, 0)

    def _realloc(self, context, old, size):
        new = self._take(size, 255)
        if old and new:
            ctypes.memmove(new, old, min(size, self.pieces[old][2]))
            self._free(context, old, 0)
        return new

    def _free(self, context, address, size):
        if address:
            base, room, _ = self.pieces.pop(address)
            self.libc.munmap(base, room)

    @contextmanager
    def used(self):
        """All arrays that this thread makes meanwhile lie so; NumPy keeps the handler as long as they live."""
        with _installed(self.handler):
            yield self


class ScarceMemory:
    """NumPy's own memory, of which there is no more once some was taken `left` times."""

    def __init__(self):
        self.left = 0
        place = ctypes.cast(_numpy_table()[DEFAULT_HANDLER], ctypes.POINTER(ADDRESS))[0]
        pointer = ctypes.PYFUNCTYPE(ADDRESS, ADDRESS, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
        usual = _Handler.from_address(pointer(place, b"mem_handler"))
        own = (kind(self._unless_none_is_left(give, kind)) for kind, give in (
            (MALLOC, usual.malloc), (CALLOC, usual.calloc), (REALLOC, usual.realloc)
        ))  # fmt: skip
        # Freeing stays in C: arrays are freed while an exception is on its way, when no Python code may run.
        self.handler = _Handler(b"scarce memory", 1, None, *own, usual.free)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    def _unless_none_is_left(self, give, kind):
        give = ctypes.PYFUNCTYPE(kind._restype_, *kind._argtypes_)(ctypes.cast(give, ADDRESS).value)  # keeps the GIL

        def given(*arguments):
            self.left -= 1
            return give(*arguments) if self.left >= 0 else None

        return given

    @contextmanager
    def used(self):
        """All arrays that this thread makes meanwhile are of it."""
        with _installed(self.handler):
            yield self


def _numpy_table():
    """The functions that NumPy offers to other libraries."""
    from numpy._core import _multiarray_umath

    pointer = ctypes.PYFUNCTYPE(ADDRESS, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    return ctypes.cast(pointer(_multiarray_umath._ARRAY_API, None), ctypes.POINTER(ADDRESS))


@contextmanager
def _installed(handler):
    capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ADDRESS, ctypes.c_char_p, ADDRESS)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_numpy_table()[SET_HANDLER])
    before = set_handler(capsule(ctypes.addressof(handler), b"mem_handler", None))
    try:
        yield
    finally:
        set_handler(before)
