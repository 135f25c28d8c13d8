"""The report in a browser: it loads nothing, complains of nothing, fits a phone, and needs no mouse.

`python -m pytest -m browser`; needs Chromium.
"""

import pytest

from tests.report.browser import Browser, find_browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="there is no Chromium here"),
]
WIDTHS = (375, 768, 1280)
TOO_WIDE = """[...document.querySelectorAll("body *")]
  .filter((element) => !element.closest(".scroll") && element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 80))"""
TEXTS = "h1, h2, h3, p, a, li, dt, dd, th, td, caption, button, summary, figcaption"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The report of 120 clusters of 30 columns with long names."""
    import numpy as np

    import fastkmeans
    from fastkmeans.report import write_report

    X = np.random.default_rng(0).normal(size=(2_000, 30)) * np.geomspace(1, 1e6, 30)
    path = tmp_path_factory.mktemp("large") / "report.html"
    names = [f"a_column_whose_name_is_far_too_long_for_a_phone_{j}" for j in range(30)]
    write_report(fastkmeans.fit(X, 120, max_iter=2, random_state=0), X, path, names=names, title="T" * 200)
    return path


def focused(browser):
    """The tag and the text of what the keyboard is at."""
    return browser.run("[document.activeElement.tagName, document.activeElement.textContent]")


def tab_to(browser, tag, text):
    for _ in range(90):
        browser.press("Tab")
        if focused(browser) == [tag, text]:
            return
    raise AssertionError(f"the keyboard does not reach {tag} {text!r}")


def column(browser, number, table=0):
    """The texts of a column of a table; the first is that of the clusters."""
    rows = f"[...document.querySelectorAll('table.sortable')[{table}].tBodies[0].rows]"
    return browser.run(f"{rows}.map(row => row.cells[{number}].textContent)")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("which", ["written", "large"])
def test_the_page_fits_loads_nothing_and_complains_of_nothing(browser, request, which, dark):
    path = request.getfixturevalue(which)
    for width in WIDTHS:
        browser.open(path.as_uri(), width=width, dark=dark)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(TOO_WIDE) == []
        assert browser.requests() == [path.as_uri()]
        assert browser.complaints() == []
        assert browser.run("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
        shown = browser.run("document.images[0].currentSrc === document.querySelector('source').srcset")
        assert shown == dark


def test_script_in_names_does_not_run(browser, written):
    browser.open(written.as_uri())
    assert browser.run("window.hit === undefined")
    assert "<script>window.hit = 1</script>" in browser.run("document.querySelector('table').textContent")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_it_is_on(browser, large, dark):
    """At least 4.5 to 1, which WCAG's level AA asks of text."""
    browser.open(large.as_uri(), dark=dark)
    lowest = browser.run(
        """((texts) => {
      const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const surface = (element) => {
        for (; element; element = element.parentElement) {
          const colour = parse(getComputedStyle(element).backgroundColor);
          if (colour.length === 3 || colour[3] > 0) return colour;
        }
      };
      let lowest = 21;
      for (const element of document.querySelectorAll(texts)) {
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(surface(element))];
        lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
      }
      return lowest;
    })"""
        + f"({TEXTS!r})"
    )
    assert lowest >= 4.5


@pytest.mark.parametrize("key", ["Enter", " "])
def test_tables_are_sorted_by_the_keyboard(browser, large, key):
    browser.open(large.as_uri())
    assert column(browser, 0) == [str(j) for j in range(120)]
    tab_to(browser, "BUTTON", "Rows")
    browser.press(key)
    sizes = [int(text.replace(",", "")) for text in column(browser, 1)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]
    state = "document.activeElement.closest('th').getAttribute('aria-sort')"
    assert browser.run(state) == "descending"
    assert browser.run("document.querySelector('[role=status]').textContent") == "sorted by Rows, descending"
    browser.press(key)
    assert [int(text.replace(",", "")) for text in column(browser, 1)] == sizes[::-1]
    assert browser.run(state) == "ascending"
    tab_to(browser, "BUTTON", "Stands out by")
    browser.press(key)
    texts = column(browser, 8)
    assert texts == browser.run(f"{texts!r}.sort((a, b) => a.localeCompare(b))")
    assert browser.run("document.querySelectorAll('[aria-sort=ascending], [aria-sort=descending]').length") == 1


def test_large_row_numbers_are_sorted_as_numbers(browser, large):
    browser.open(large.as_uri())
    tab_to(browser, "BUTTON", "Row")
    browser.press("Enter")
    rows = [int(text.replace(",", "")) for text in column(browser, 0, table=1)]
    assert rows == sorted(rows) and rows[0] < 1000 <= rows[-1]


def test_details_open_by_the_keyboard_and_the_focus_is_seen(browser, written):
    browser.open(written.as_uri())
    tab_to(browser, "SUMMARY", "What ran, and why")
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert browser.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    assert not browser.run("document.activeElement.parentElement.open")
    browser.press("Enter")
    assert browser.run("document.activeElement.parentElement.open")


def test_wide_tables_are_scrolled_by_the_keyboard(browser, large):
    browser.open(large.as_uri(), width=375)
    reached = browser.run("[...document.querySelectorAll('.scroll')].every(region => region.tabIndex === 0)")
    assert reached
    assert browser.run("(e => e.scrollWidth > e.clientWidth)(document.querySelector('.scroll'))")
