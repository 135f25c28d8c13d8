"""A page about a clustering: `write_report`.

report.py     what there is to say of a model and rows, and the file
pictures.py   pictures of it, for light and dark pages
page.py       HTML: everything that comes from a user is escaped there
template.html the page around it: its style and its script
"""

from fastkmeans.report.report import write_report

__all__ = ["write_report"]
