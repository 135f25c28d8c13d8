"""Code that imports scikit-learn's k-means gets ours: patch_sklearn(), or python -m fastkmeans.patch script.py."""

import os
import runpy
import sys

NAMES = ("KMeans", "MiniBatchKMeans", "BisectingKMeans", "k_means", "kmeans_plusplus")
USAGE = """usage: python -m fastkmeans.patch script.py [arguments ...]
       python -m fastkmeans.patch -m module [arguments ...]"""
_places: list = []  # (module, name, what was there)


def patch_sklearn():
    """Put our estimators and functions in the place of scikit-learn's, in every module of scikit-learn.

    Code that imports them afterwards gets ours, as do pipelines, searches and SpectralClustering, which uses k_means.
    What was imported before stays as it was. Calling it again changes nothing.

    See Also
    --------
    unpatch_sklearn : put scikit-learn's back.
    """
    import sklearn.cluster

    import fastkmeans
    from fastkmeans.estimators import interop

    if _places:
        return
    for name in NAMES:
        interop.ORIGINALS[name] = getattr(sklearn.cluster, name)
    ours = {id(theirs): getattr(fastkmeans, name) for name, theirs in interop.ORIGINALS.items()}
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] != "sklearn" or module is None or ".tests" in module_name:
            continue
        for name in NAMES:
            theirs = vars(module).get(name)
            if id(theirs) in ours:
                _places.append((module, name, theirs))
                setattr(module, name, ours[id(theirs)])


def unpatch_sklearn():
    """Put scikit-learn's own objects back where `patch_sklearn` put ours."""
    if not _places:
        return
    from fastkmeans.estimators import interop

    while _places:
        module, name, theirs = _places.pop()
        setattr(module, name, theirs)
    interop.ORIGINALS.clear()


def main(arguments=None):
    """Patch, then run a script or a module as if it had been started by itself."""
    arguments = sys.argv[1:] if arguments is None else arguments
    as_module = arguments[:1] == ["-m"]
    if len(arguments) <= as_module or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    # As a script this module is __main__; the places are kept where others find them.
    from fastkmeans.patch import patch_sklearn

    patch_sklearn()
    sys.argv = arguments[as_module:]
    if as_module:
        sys.path.insert(0, "")
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
