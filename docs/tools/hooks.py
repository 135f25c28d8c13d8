"""Hooks of mkdocs: what pages link to in the checkout, outside docs/, becomes part of the site.

So one relative link serves readers of the repository and of the site. Pages keep the paths of the repository
(benchmarks/results/x.md, CHANGELOG.md), sources become pages of code, a folder is its README.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, InclusionLevel

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(\]\()([^)\s#]+)([^)\s]*\))")


def target(folder, link):
    """The path in the checkout that a link on a page in `folder` names, or None if it leads elsewhere."""
    path = posixpath.normpath(posixpath.join(folder, link))
    if re.match(r"[a-z]+:|/|\.\.", link if ":" in link else path):
        return None
    if (ROOT / path).is_dir():
        path += "/README.md"
    return path if (ROOT / path).is_file() else None


def place(path):
    """Where on the site a file of the checkout is."""
    if path == "README.md":
        return "index.md"
    path = path.removeprefix("docs/")
    return path.removesuffix(".py") + "-source.md" if path.endswith(".py") else path


def links_of(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    return filter(None, (target(posixpath.dirname(path), link) for _, link, _ in LINK.findall(text)))


def on_files(files, config):
    """Add the files outside docs/ that pages link to, and those that these link to."""
    waiting = ["CHANGELOG.md", *("docs/" + file.src_uri for file in files.documentation_pages())]
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        uri = place(path)
        if path.endswith(".md"):
            waiting += links_of(path)
        if files.get_file_from_path(uri) is not None:
            continue
        if path.endswith(".py"):
            code = (ROOT / path).read_text(encoding="utf-8")
            what = {"content": f"# {path}\n\n~~~~python\n{code}~~~~\n"}
        else:
            what = {"abs_src_path": str(ROOT / path)}
        files.append(File.generated(config, uri, inclusion=InclusionLevel.NOT_IN_NAV, **what))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the checkout into links between files of the site."""
    uri = page.file.src_uri
    path = uri if page.file.generated_by else "docs/" + uri

    def moved(match):
        before, link, after = match.groups()
        found = target(posixpath.dirname(path), link)
        return match[0] if found is None else before + posixpath.relpath(place(found), posixpath.dirname(uri)) + after

    return LINK.sub(moved, markdown)
