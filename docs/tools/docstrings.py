"""An extension of griffe, which reads sources without running them: names loaded lazily, types that are
prose, and citations."""

import ast
import re

import griffe

CITATION = re.compile(r"^\.\. \[(\d+)\] ", re.M)
TYPE_LINE = re.compile(r"^([\w*, ]+ : )(?=\S)", re.M)
NOT_PYTHON = "\N{ZERO WIDTH SPACE}"  # griffe reads types as expressions where it can, and "afk-mc2" as a difference


class Docstrings(griffe.Extension):
    """Knows the names in fastkmeans._HOMES, leaves types of parameters as they are written, numbers references."""

    def on_package(self, *, pkg, **kwargs):
        if pkg.name == "fastkmeans":
            for name, home in ast.literal_eval(str(pkg["_HOMES"].value)).items():
                pkg.set_member(name, griffe.Alias(name, f"fastkmeans.{home}.{name}"))

    def on_object(self, *, obj, **kwargs):
        if not obj.is_alias and obj.docstring is not None:
            text = TYPE_LINE.sub(rf"\1{NOT_PYTHON}", obj.docstring.value)
            obj.docstring.value = CITATION.sub(r"\1. ", text)
