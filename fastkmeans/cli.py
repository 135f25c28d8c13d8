"""The command line: fit, predict, report, info, warmup, demo. Options in, one-line errors and exit codes out.

Nothing slow is imported before a command needs it. Exit codes: 0 done, 1 the data or the fit, 2 usage, 130 Ctrl-C.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

import click

from fastkmeans import __version__

TABLES = (".npy", ".csv", ".txt")
LABELS_A_WRITE = 1 << 16
PATH = click.Path(path_type=Path)


class OneLineErrors(click.Group):
    """A group whose commands end with one line on stderr, never a traceback, where data or files are at fault."""

    def invoke(self, ctx):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", UserWarning)
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of our output has gone: Click ends quietly
        except (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError) as error:
            if isinstance(error, click.exceptions.Exit | click.exceptions.Abort):
                raise
            click.echo(f"fastkmeans: error: {_one_line(error)}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("fastkmeans: interrupted", err=True)
            ctx.exit(130)


def _one_line(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return " ".join(str(error).split()) or type(error).__name__


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"fastkmeans: warning: {' '.join(str(message).split())}", err=True)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fastkmeans")
def main():
    """Exact k-means at the speed of the machine.

    FILEs of rows are .npy, .npz, .csv, .tsv, .txt, .parquet, .arrow, .h5 or .zarr, or folders of such: one row a point,
    one column a feature. Those that are larger than memory are read block by block in every pass.
    """


# ---- fit --------------------------------------------------------------------------------------------------


@main.command()
@click.argument("file", type=PATH)
@click.option("-k", "--n-clusters", type=int, required=True, help="How many clusters.")
@click.option("-o", "--output", type=PATH, help="Write the model, an .npz that predict and fastkmeans.load read.")
@click.option("--labels", type=PATH, help="Write the labels, to .npy, .csv or .txt.")
@click.option("--centers", type=PATH, help="Write the centers, to .npy, .csv or .txt.")
@click.option("--weights", type=PATH, help="A file with one weight >= 0 for each row.")
@click.option("--key", help="Which array of an .npz FILE.")
@click.option(
    "--init",
    default="auto",
    show_default=True,
    help="auto, k-means++, k-means||, afk-mc2, random, or a file: centers or a model.",
)
@click.option("--n-init", type=int, help="Runs, of which the best is kept.  [default: 10 for random, else 1]")
@click.option("--max-iter", type=int, default=300, show_default=True, help="Most iterations of a run.")
@click.option(
    "--tol", type=float, default=1e-4, show_default=True, help="Stop when centers move less; 0: when labels stay."
)
@click.option("--seed", type=int, help="The same seed gives the same bits.  [default: drawn]")
@click.option(
    "--algorithm",
    default="auto",
    show_default=True,
    help="How rows are labelled: auto, dense, screened, boxes or bounds, all exact.",
)
@click.option("--metric", default="euclidean", show_default=True, help="euclidean or cosine.")
@click.option("--threads", type=int, help="Threads to use.  [default: all that this process may]")
@click.option("--memory-budget", type=float, help="GB that rows may take in memory.  [default: half of what is free]")
@click.option("--checkpoint", type=PATH, help="Keep the state in this .npz, and go on from it if it is there.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--explain", is_flag=True, help="Tell which way the iterations went, why, and what it saved.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def fit(file, n_clusters, output, labels, centers, weights, key, init, n_init, max_iter, tol, seed, algorithm, metric,
        threads, memory_budget, checkpoint, quiet, explain, as_json):  # fmt: skip
    """Cluster the rows of FILE."""
    _check_outputs([(output, (".npz",)), (labels, TABLES), (centers, TABLES)], inputs=(file, weights))
    from fastkmeans import api
    from fastkmeans.sources.stored import open_rows
    from fastkmeans.warmup import count_kernels

    X = open_rows(file, key=key)
    kernels, began = count_kernels(), time.perf_counter()
    result = api.fit(
        X, n_clusters, init=_read_init(init), n_init="auto" if n_init is None else n_init, max_iter=max_iter, tol=tol,
        sample_weight=_read_weights(weights), random_state=seed, algorithm=algorithm, metric=metric,
        n_threads=threads, verbose=int(not quiet and sys.stderr.isatty()), checkpoint=checkpoint,
        memory_budget=None if memory_budget is None else int(memory_budget * 1e9),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if output is not None:
        result.save(output)
    if labels is not None:
        _write_table(labels, result.labels)
    if centers is not None:
        _write_table(centers, result.centers)
    summary = _summary(X, result, seconds, count_kernels() - kernels)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        written = [str(path) for path in (output, labels, centers) if path is not None]
        _print_summary(summary, written)
        if explain:
            click.echo(f"\n{result.plan}")


def _summary(X, result, seconds, compiled):
    import numpy as np

    sizes = np.bincount(result.labels, minlength=len(result.centers))
    return {
        "rows": len(result.labels),
        "columns": result.centers.shape[1],
        "clusters": len(result.centers),
        "iterations": result.n_iter,
        "converged": result.converged,
        "inertia": result.inertia,
        "seconds": seconds,
        "kernels_compiled": compiled,
        "largest_cluster": int(sizes.max()),
        "smallest_cluster": int(sizes.min()),
        "stored_type": X.dtype.name,
        "computing_type": result.centers.dtype.name,
        "plan": result.plan,
    }


def _print_summary(summary, written):
    ended = "converged" if summary["converged"] else "not converged: raise --max-iter for more"
    sizes = f"{summary['smallest_cluster']:,} to {summary['largest_cluster']:,} rows"
    lines = {
        "rows": f"{summary['rows']:,} x {summary['columns']:,} columns of {summary['stored_type']}",
        "clusters": f"{summary['clusters']:,}, of {sizes}",
        "iterations": f"{summary['iterations']:,}, {ended}",
        "inertia": f"{summary['inertia']:.8g}",
        "time": f"{summary['seconds']:.3g} s",
    }
    if summary["kernels_compiled"]:
        lines["time"] += ", compiling included, which happens once (or ahead: fastkmeans warmup)"
    if written:
        lines["written"] = ", ".join(written)
    _print_pairs(lines)


def _print_pairs(lines):
    width = max(map(len, lines))
    for name, text in lines.items():
        click.echo(f"{name:<{width}}  {text}")


# ---- predict ----------------------------------------------------------------------------------------------


@main.command()
@click.argument("model", type=PATH)
@click.argument("file", type=PATH)
@click.option("--labels", type=PATH, help="Write the labels to .npy, .csv or .txt.  [default: to stdout, one a line]")
@click.option("--key", help="Which array of an .npz FILE.")
@click.option("--threads", type=int, help="Threads to use.  [default: all that this process may]")
def predict(model, file, labels, key, threads):
    """Label rows by the centers of a model.

    MODEL is a file that fit wrote; every row of FILE gets the number of its nearest center.
    """
    _check_outputs([(labels, (*TABLES, ".parquet"))], inputs=(model, file))
    from fastkmeans.persistence import load
    from fastkmeans.sources.stored import open_rows

    fitted, rows = load(model), open_rows(file, key=key)
    if labels is not None and Path(labels).suffix.lower() in (".npy", ".parquet"):
        fitted.predict(rows, n_threads=threads, out=labels)
        return
    found = fitted.predict(rows, n_threads=threads)
    if labels is not None:
        _write_table(labels, found)
        return
    for piece in _label_lines(found):
        sys.stdout.write(piece)
    sys.stdout.flush()  # here, where a reader that has gone is noticed


# ---- report -----------------------------------------------------------------------------------------------


@main.command()
@click.argument("model", type=PATH)
@click.argument("file", type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("report.html"), show_default=True, help="The page to write.")
@click.option("--weights", type=PATH, help="The file of weights that fit was given.")
@click.option("--key", help="Which array of an .npz FILE.")
@click.option("--names", help="Names of the columns, with commas between them.  [default: those of FILE, or numbers]")
@click.option("--title", help="The heading of the page.")
@click.option("--threads", type=int, help="Threads to use.  [default: all that this process may]")
def report(model, file, output, weights, key, names, title, threads):
    """Write a page about a clustering: sizes, quality, typical and unusual rows, pictures.

    MODEL is a file that fit wrote, FILE the rows that it was given, or others of as many columns. The page is one HTML
    file that loads nothing.
    """
    _check_outputs([(output, (".html", ".htm"))], inputs=(model, file, weights))
    from fastkmeans.persistence import load
    from fastkmeans.report import write_report
    from fastkmeans.sources.stored import open_rows

    write_report(
        load(model), open_rows(file, key=key), output, names=names and [name.strip() for name in names.split(",")],
        title=title, sample_weight=_read_weights(weights), n_threads=threads,
    )  # fmt: skip
    click.echo(output)


# ---- info, warmup, demo -----------------------------------------------------------------------------------


@main.command()
def info():
    """Show the CPU, threads, tiles, cache, versions."""
    import llvmlite
    import numba
    import numpy as np

    from fastkmeans.engine.machine import cpu_name, vector_set
    from fastkmeans.engine.threads import available_threads
    from fastkmeans.kernels.cache import cache_folder
    from fastkmeans.kernels.packing import SHAPES, tile_shape
    from fastkmeans.warmup import count_kernels, why_no_cache

    def tiles(dtype):
        wide_from = SHAPES[vector_set()][2]
        few, many = (tile_shape(vector_set(), dtype, d) for d in (1, wide_from))
        few, many = ("{} x {} vectors of {}".format(*map(len, shape)) for shape in (few, many))
        return few if few == many else f"{few}; {many} from {wide_from} columns"

    folder = cache_folder()
    _print_pairs({
        "fastkmeans": __version__,
        "CPU": cpu_name(),
        "vector set": vector_set(),
        "threads": str(available_threads()),
        "float32 tile": tiles(np.float32),
        "float64 tile": tiles(np.float64),
        "kernel cache": f"{folder} ({count_kernels()} kernels)" if folder else f"none: {why_no_cache()}",
        "Python": sys.version.split()[0],
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
    })  # fmt: skip


@main.command()
@click.option("--into", type=PATH, help="The cache folder to fill.  [default: the one that info shows]")
def warmup(into):
    """Compile all kernels into the kernel cache.

    Later processes load them from there instead of compiling them when first used. A folder named by --into is made
    readable for everybody, as images are built by root and used by others; it is used where root or the user owns it.
    """
    if into is not None:
        os.environ["FASTKMEANS_CACHE_DIR"] = str(into.absolute())  # read once, when the kernels are imported
    from fastkmeans.warmup import compile_all, let_others_read

    count, seconds, folder = compile_all()
    if into is not None:
        let_others_read(folder)
    click.echo(f"{count} kernels compiled in {seconds:.1f} s, kept in {folder}")


@main.command()
@click.option("--output", type=PATH, default=Path("fastkmeans-demo"), show_default=True, help="Folder for pictures.")
@click.option("--rows", type=int, default=1_000_000, show_default=True, help="How many synthetic points.")
@click.option("--seed", type=int, default=0, show_default=True)
def demo(output, rows, seed):
    """Time two clusterings and draw them.

    A million points and the pixels of a photo: how long, how near to this machine's limit, and how much faster than
    plain NumPy. Pictures of both go to the output folder.
    """
    from fastkmeans import demo

    demo.run(output, rows, seed, progress=sys.stderr.isatty(), say=click.echo)


# ---- files ------------------------------------------------------------------------------------------------


def _check_outputs(outputs, inputs):
    """Raise before the work, not after it, where a result could not be written or would replace an input."""
    for path, suffixes in outputs:
        if path is None:
            continue
        if path.suffix.lower() not in suffixes:
            raise click.BadParameter(f"{path} must end in {' or '.join(suffixes)}")
        if not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: there is no folder {path.parent}")
        for given in inputs:
            if given is not None and path.exists() and given.exists() and path.samefile(given):
                raise click.BadParameter(f"{path} is an input, which would be replaced")


def _read_init(init):
    """The name of a seeding, or the centers in the file that `init` names (a model's own, too)."""
    from fastkmeans.persistence import load
    from fastkmeans.sources.files import READERS, read_table

    path = Path(init)
    if path.suffix.lower() not in READERS:
        return init
    return load(path).centers if path.suffix.lower() == ".npz" else read_table(path)


def _read_weights(path):
    if path is None:
        return None
    from fastkmeans.sources.files import read_table

    weights = read_table(path)
    return weights[:, 0] if weights.ndim == 2 and weights.shape[1] == 1 else weights


def _label_lines(labels):
    """The labels as text, one a line, in pieces of moderate size."""
    for start in range(0, len(labels), LABELS_A_WRITE):
        yield "\n".join(map(str, labels[start : start + LABELS_A_WRITE].tolist())) + "\n"


def _write_table(path, array):
    """Write labels or centers in the format of the suffix, whole or not at all."""
    import numpy as np

    from fastkmeans.sources.archives import write_whole

    def write(file):
        if path.suffix.lower() == ".npy":
            np.save(file, array)
        elif array.ndim == 1:
            file.writelines(piece.encode() for piece in _label_lines(array))
        else:
            delimiter = "," if path.suffix.lower() == ".csv" else " "
            digits = "%.9g" if array.dtype == np.float32 else "%.17g"  # what reads back as the same number
            np.savetxt(file, array, fmt=digits, delimiter=delimiter)

    write_whole(path, write)
