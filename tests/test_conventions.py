"""Rules of the house as tests: layers, where Numba may be, docstrings, exports, file lengths, light imports."""

import ast
import importlib
import inspect
import re

import pytest

import fastkmeans
from tests.checks import ROOT, run_python

PACKAGE = ROOT / "fastkmeans"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
ALL_FILES = sorted(
    [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
)
MOST_LINES = 400

# Higher may import lower. Modules at the package's root that are not named here are fronts.
LAYERS = {
    "kernels": 0,
    "engine": 1,
    "sources": 2,
    "checkpoint": 3,
    "validation": 4,
    "result": 4,
    "persistence": 5,
    "progress": 5,
    "serving": 5,
    "sampled": 5,
    "lazily": 5,
    "asking": 6,
    "restarts": 6,
    "api": 7,
    "variants": 8,
    "estimators": 8,
}
FRONT = 9
# result.py's methods, labels of lazily.py and functions of fronts are conveniences over what lies above: lazily,
# inside the function.
LAZY_UPWARD = {"result", "lazily", "engine/threads"}
# The record that callbacks get is defined by the engine and named again by result.py.


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "/".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(name):
    return LAYERS.get(name.split("/")[0], FRONT) if name else FRONT + 1


def imports_of(path):
    """(module, names, whether inside a function) of every import statement."""
    tree = ast.parse(path.read_text())
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, [], id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, [alias.name for alias in node.names], id(node) in inner


def package_imports(path):
    """(imported module as a path below the package, whether inside a function)."""
    for module, names, lazy in imports_of(path):
        if module == "fastkmeans":
            for name in names:
                yield fastkmeans._HOMES.get(name, name), lazy
        elif module.startswith("fastkmeans."):
            yield module.removeprefix("fastkmeans.").replace(".", "/"), lazy


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downward(path):
    own = name_of(path)
    for imported, lazy in package_imports(path):
        if lazy and own in LAZY_UPWARD:
            continue
        same_folder = own.split("/")[0] == imported.split("/")[0]
        fronts = layer_of(own) == layer_of(imported) == FRONT
        assert same_folder or fronts or layer_of(imported) < layer_of(own), f"{own} imports {imported}, above it"


def test_folders_have_no_import_cycles():
    graph = {}
    for path in FILES:
        graph[name_of(path)] = {name for name, lazy in package_imports(path) if not lazy} - {name_of(path)}
    done = set()

    def visit(name, trail):
        assert name not in trail, f"a cycle: {' -> '.join([*trail, name])}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize(
    "path", [path for path in ALL_FILES if path.parent.name != "asv"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_what_is_imported_is_there(path):
    """A name imported inside a function would else be missed until that function runs.

    The classes in benchmarks/asv import each other as a folder of their own; a test of the benchmarks runs them all.
    """
    for module, names, _ in imports_of(path):
        if module.split(".")[0] in ("fastkmeans", "benchmarks", "tests"):
            home = importlib.import_module(module)
            for name in names:
                if not hasattr(home, name):
                    importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_numba_stays_in_the_kernels(path):
    own = name_of(path)
    for module, _, lazy in imports_of(path):
        top = module.split(".")[0]
        if top == "numba":
            # Fronts may ask for the version, inside a function.
            assert own.startswith("kernels") or (lazy and layer_of(own) >= FRONT), f"{own} imports numba"
        if top == "llvmlite" and not own.startswith("kernels"):
            assert lazy, f"{own} imports llvmlite at once"
        if top in ("sklearn", "dask", "matplotlib", "pyarrow", "pandas", "polars", "PIL", "zarr", "h5py"):
            assert lazy or layer_of(own) >= LAYERS["estimators"], f"{own} imports {top} at once"


def test_no_fastmath_and_no_parallel_kernels():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                assert node.arg not in ("fastmath", "parallel"), f"{name_of(path)}: {node.arg}="


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_open_with_a_docstring(path):
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no opening docstring"


# ---- what is public ---------------------------------------------------------------------------------------


def public_callables():
    """(name, callable) of exported functions and of the methods of exported classes."""
    for name in fastkmeans.__all__:
        thing = getattr(fastkmeans, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            for method, function in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function


def documented_parameters(docstring):
    section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n[A-Z][a-z]+\n-+\n|\Z)", inspect.cleandoc(docstring), re.S)
    if section is None:
        return []
    lines = re.findall(r"^([\w*][\w*, ]*?)(?: :.*)?$", section[1], re.M)
    return [name.strip() for line in lines for name in line.split(",")]


PUBLIC = dict(public_callables())


def test_every_exported_name_exists():
    assert len(set(fastkmeans.__all__)) == len(fastkmeans.__all__)
    for name in fastkmeans.__all__:
        assert getattr(fastkmeans, name) is not None
    assert set(fastkmeans.__all__) <= set(dir(fastkmeans))
    with pytest.raises(AttributeError, match="no attribute 'kmean'"):
        _ = fastkmeans.kmean


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_all_lists_of_modules_name_what_exists(path):
    name = ".".join(["fastkmeans", *filter(None, name_of(path).split("/"))])
    if name.endswith("__main__") or "__all__" not in path.read_text():
        return
    module = importlib.import_module(name)
    assert all(hasattr(module, entry) for entry in module.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_list_the_parameters_of_the_signature(name):
    function = PUBLIC[name]
    assert function.__doc__, "no docstring"
    signature = [p.name for p in inspect.signature(function).parameters.values() if p.name != "self"]
    found = documented_parameters(function.__doc__)
    if found or "." not in name:  # methods of one line may refer to the function they call
        assert found == signature


def test_public_parameters_are_keywords_after_the_first_two():
    for name in ("fit", "kmeans_plusplus"):
        kinds = [parameter.kind for parameter in inspect.signature(getattr(fastkmeans, name)).parameters.values()]
        assert set(kinds[2:]) == {inspect.Parameter.KEYWORD_ONLY}


# ---- imports ----------------------------------------------------------------------------------------------


def test_importing_the_package_is_light():
    heavy = ("numba", "llvmlite", "sklearn", "scipy", "pandas", "matplotlib", "dask", "pyarrow", "tqdm", "click")
    code = f"import sys, fastkmeans; dir(fastkmeans); print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_a_fit_needs_no_optional_package():
    code = """
import sys
for name in ("sklearn", "scipy", "pandas", "polars", "pyarrow", "matplotlib", "PIL", "joblib", "dask"):
    sys.modules[name] = None
import fastkmeans
print(fastkmeans.fit([[0.0], [1.0], [9.0]], 2, random_state=0).inertia)
"""
    assert run_python(code).strip() == "0.5"
