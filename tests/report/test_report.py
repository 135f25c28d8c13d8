"""The report: sound HTML that loads nothing, with the numbers of `describe`, warnings, and users' text escaped."""

import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import fastkmeans
from fastkmeans import cli
from fastkmeans.report import write_report
from fastkmeans.report.page import number, written
from tests.report.conftest import NAMES

VOID = {"meta", "img", "source", "br"}


class Page(HTMLParser):
    """Elements of a page in their order, (tag, attributes, text); tags must be closed in theirs."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(path.read_text("utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.elements if name == tag]


def cells(page, caption):
    """The texts of a table's cells, row by row."""
    rows, inside = [], False
    for tag, _, text in page.elements:
        if tag == "table":
            inside = text.strip().startswith(caption)
        elif inside and tag == "tr":
            rows.append([])
        elif inside and tag in ("th", "td"):
            rows[-1].append(text)
    return rows


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


@pytest.fixture
def without_pictures(monkeypatch):
    """Pages of words alone, which are sooner written."""
    monkeypatch.setattr("fastkmeans.report.report.pictures", lambda *arguments: [])


def report(tmp_path, model, X, **settings):
    write_report(model, X, tmp_path / "r.html", **settings)
    return Page(tmp_path / "r.html")


def warnings_of(page):
    return [text for _, text in page.all("li") if text.endswith(".")]


# ---- the page ---------------------------------------------------------------------------------------------


def test_headings_go_down_one_by_one(page):
    levels = [int(tag[1]) for tag, _, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_links_lead_to_the_sections(page):
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert [attributes["href"] for attributes, _ in page.all("a")] == [f"#{name}" for name in ids]
    labelled = [attributes.get("aria-labelledby") for attributes, _ in page.all("section")]
    assert labelled == ids


def test_nothing_is_loaded(page, written):
    for _, attributes, _ in page.elements:
        for name in ("src", "srcset", "href", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
    policy = next(a["content"] for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert not page.all("link") and "@import" not in written.read_text("utf-8")


def test_pictures_have_words_and_a_dark_form(page):
    pictures, dark = page.all("img"), page.all("source")
    assert len(pictures) == len(dark) == len(page.all("figcaption")) == 5
    for (light, _), (other, _) in zip(pictures, dark, strict=True):
        assert len(light["alt"]) > 20
        assert other["media"] == "(prefers-color-scheme: dark)" and other["srcset"] != light["src"]


def test_tables_say_what_heads_what(page):
    heads = page.all("th")
    assert {attributes["scope"] for attributes, _ in heads} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table")) == 4 + 3
    regions = [attributes for attributes, _ in page.all("div") if attributes.get("class") == "scroll"]
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)
    buttons = page.all("button")
    assert len(buttons) == 9 + 2 * (4 + 3) and all(attributes["type"] == "button" for attributes, _ in buttons)


def test_what_users_name_is_escaped(page, written):
    assert page.all("h1")[0][1] == page.all("title")[0][1] == "Tom & <b>Jerry</b>"
    assert len(page.all("script")) == 1 and not page.all("b")
    source = written.read_text("utf-8")
    assert "<script>window.hit" not in source and "income &lt;script&gt;" in source
    heads = cells(page, "Rows farthest")[0]
    assert heads[-3:] == [NAMES[0], NAMES[1][:23] + "…", NAMES[2][:23] + "…"]
    assert NAMES[1] in {attributes.get("title") for _, attributes, _ in page.elements}
    drivers = [row[-1] for row in cells(page, "Clusters")[1:]]
    assert all(any(name in text for name in NAMES) for text in drivers)


# ---- its numbers ------------------------------------------------------------------------------------------


def test_the_tables_have_the_numbers_of_describe(page, clustering):
    X, result = clustering
    found = fastkmeans.describe(X, result)
    rows = cells(page, "Clusters")[1:]
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert [int(row[1]) for row in rows] == [cluster.size for cluster in found.clusters]
    for column, name in ((3, "radius"), (4, "mean_distance"), (6, "separation"), (7, "silhouette")):
        expected = [getattr(cluster, name) for cluster in found.clusters]
        np.testing.assert_allclose([float(row[column]) for row in rows], expected, rtol=2e-3)
    for cluster in found.clusters:
        rows = cells(page, f"Typical rows of cluster {cluster.index}")[1:]
        assert [int(row[0]) for row in rows] == list(cluster.exemplars)
        np.testing.assert_allclose([list(map(float, row[2:])) for row in rows], X[list(cluster.exemplars)], rtol=1e-3)
    assert [int(row[0].replace(",", "")) for row in cells(page, "Rows farthest")[1:]] == [
        row.row for row in found.outliers
    ]
    assert [int(row[0].replace(",", "")) for row in cells(page, "Rows nearly")[1:]] == [
        row.row for row in found.ambiguous
    ]


def test_the_summary_is_of_the_model(page, clustering):
    X, result = clustering
    facts = dict(zip([text for _, text in page.all("dt")], [text for _, text in page.all("dd")], strict=True))
    assert (facts["Rows"], facts["Columns"], facts["Clusters"]) == ("400", "3", "4")
    assert float(facts["Inertia"].replace(",", "")) == pytest.approx(result.inertia, rel=1e-5)
    assert facts["Iterations"] == f"{result.n_iter}, converged"
    assert page.all("pre")[0][1] == result.plan


def test_equal_input_gives_equal_bytes(tmp_path, written, clustering):
    X, result = clustering
    write_report(result, X, tmp_path / "again.html", names=NAMES, title="Tom & <b>Jerry</b>", n_threads=1)
    assert (tmp_path / "again.html").read_bytes() == written.read_bytes()


def test_numbers_are_written_to_their_digits():
    for value, told in (
        (0, "0"), (12.0, "12"), (-3_000_000, "-3,000,000"), (3.93, "3.930"), (0.5, "0.5000"), (123.456, "123.5"),
        (-1234.5, "-1,234"), (1.5e-7, "1.500e-07"), (2.5e20, "2.500e+20"), (999.96, "1000."),
    ):  # fmt: skip
        assert written(value) == told
    assert written(17811.7652, 6) == "17811.8"
    assert number(np.nan).key is None and number(np.inf).key is None and number(2).key == 2.0


# ---- warnings ---------------------------------------------------------------------------------------------


def test_a_good_fit_has_no_warnings(page):
    assert warnings_of(page) == [] and "warnings" not in [a.get("id") for a, _ in page.all("h2")]


def test_a_fit_that_stopped_and_tiny_clusters_are_told(without_pictures, tmp_path):
    X = np.random.default_rng(0).normal(size=(300, 2))
    X[7] = 40.0
    told = warnings_of(report(tmp_path, fastkmeans.fit(X, 3, init=[0, 1, 7], max_iter=1), X))
    assert told[0] == "The fit did not converge: it stopped after 1 iteration. Raise max_iter."
    assert told[1].startswith("1 cluster with hardly any rows") and "one): 2. " in told[1]
    assert len(told) == 2


def test_empty_clusters_are_told(without_pictures, tmp_path):
    X = np.repeat([[0.0], [1.0], [5.0]], 4, axis=0)
    with pytest.warns(fastkmeans.TooFewDistinctRows):
        model = fastkmeans.fit(X, 5, random_state=0)
    told = warnings_of(report(tmp_path, model, X))
    assert len(told) == 1 and told[0].startswith("2 clusters without rows: ")


def test_other_rows_and_other_weights_are_told(without_pictures, tmp_path, clustering):
    X, model = clustering
    page = report(tmp_path, model, X[::2])
    assert warnings_of(page)[0].startswith("These are not the rows that were fitted")
    assert sum(int(row[1]) for row in cells(page, "Clusters")[1:]) == 200
    weights = np.linspace(0.1, 5, len(X))
    weighted = fastkmeans.fit(X, 4, init=model.centers, sample_weight=weights)
    assert warnings_of(report(tmp_path, weighted, X))[0].startswith("The model has an inertia of")
    page = report(tmp_path, weighted, X, sample_weight=weights)
    assert warnings_of(page) == []
    expected = np.bincount(weighted.labels, weights)
    np.testing.assert_allclose([float(row[2]) for row in cells(page, "Clusters")[1:]], expected, rtol=1e-3)


def test_columns_of_other_scales_are_told(without_pictures, tmp_path, clustering):
    X, _ = clustering
    X = X * [1, 1, 1000]
    told = warnings_of(report(tmp_path, fastkmeans.fit(X, 4, random_state=0), X, names=["a", "b", "<i>"]))
    assert len(told) == 1 and told[0].startswith("Columns differ in scale: <i> spreads ")
    unit = fastkmeans.fit(X, 4, random_state=0, metric="cosine")
    assert not any("scale" in line for line in warnings_of(report(tmp_path, unit, X)))


# ---- any rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d", "k", "dtype"),
    [(1, 1, 1, "f8"), (5, 1, 5, "f2"), (30, 2, 2, ">i2"), (30, 8, 1, "f4"), (90, 20, 35, "f8"), (5, 40, 2, "i1")],
)
def test_any_shape_and_dtype(tmp_path, n, d, k, dtype):
    X = (np.random.default_rng(0).normal(size=(n, d)) * 50).astype(dtype)
    page = report(tmp_path, fastkmeans.fit(X, k, random_state=0), X)
    assert len(cells(page, "Clusters")) == k + 1
    assert len(cells(page, "Rows farthest")[0]) == 4 + min(d, 6)


def test_rows_of_frames_and_files(without_pictures, tmp_path, clustering):
    pandas = pytest.importorskip("pandas")
    X, model = clustering
    frame = pandas.DataFrame(X, columns=["x", "y", "z"])
    assert cells(report(tmp_path, model, frame), "Rows farthest")[0][-3:] == ["x", "y", "z"]
    np.save(tmp_path / "rows.npy", X)
    assert cells(report(tmp_path, model, tmp_path / "rows.npy"), "Rows farthest")[0][-1] == "column 2"
    if pytest.importorskip("pyarrow"):
        frame.to_parquet(tmp_path / "rows.parquet")
        assert cells(report(tmp_path, model, tmp_path / "rows.parquet"), "Rows farthest")[0][-3:] == ["x", "y", "z"]


def test_what_cannot_be_reported_is_refused_and_nothing_is_written(tmp_path, clustering, monkeypatch):
    X, model = clustering
    path = tmp_path / "r.html"
    with pytest.raises(ValueError, match="X has 2 columns, but the model has centers of 3"):
        write_report(model, X[:, :2], path)
    with pytest.raises(TypeError, match="KMeansResult.*got str"):
        write_report("m.npz", X, path)
    with pytest.raises(ValueError, match="names has 1 entries"):
        write_report(model, X, path, names=["a"])
    with pytest.raises(ValueError, match="sample_weight"):
        write_report(model, X, path, sample_weight=[1.0])
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="toarray"):
        write_report(model, sparse.csr_matrix(X), path)
    np.save(tmp_path / "rows.npy", X)
    monkeypatch.setattr("fastkmeans.validation.rows.default_budget", lambda: 100)
    with pytest.raises(TypeError, match="larger than memory"):
        write_report(model, tmp_path / "rows.npy", path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install \"\.\[plots\]\""):
        write_report(model, X, path)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npy"]


# ---- the command ------------------------------------------------------------------------------------------


def test_the_command_writes_the_page(tmp_path, clustering, monkeypatch):
    X, model = clustering
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", X)
    model.save("m.npz")
    done = CliRunner().invoke(cli.main, ["report", "m.npz", "rows.npy", "--names", "a, b,c", "--title", "mine"])
    assert (done.exit_code, done.stdout) == (0, "report.html\n")
    page = Page(tmp_path / "report.html")
    assert page.all("h1")[0][1] == "mine" and cells(page, "Rows farthest")[0][-3:] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["m.npz", "narrow.npy"], 1, "X has 2 columns, but the model has centers of 3"),
        (["m.npz", "rows.npy", "-o", "r.txt"], 2, "must end in .html"),
        (["m.npz", "rows.npy", "-o", "none/r.html"], 1, "there is no folder"),
        (["m.npz", "none.npy"], 1, "No such file"),
        (["rows.npy", "rows.npy"], 1, "not a fastkmeans model file"),
    ],
)
def test_the_command_ends_with_one_line_where_input_is_at_fault(tmp_path, clustering, monkeypatch, words, code, told):
    X, model = clustering
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", X)
    np.save("narrow.npy", X[:, :2])
    model.save("m.npz")
    done = CliRunner().invoke(cli.main, ["report", *words])
    assert done.exit_code == code and told in done.stderr
    assert not list(tmp_path.glob("*.html"))
