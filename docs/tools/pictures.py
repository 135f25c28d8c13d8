"""python docs/tools/pictures.py: draw the pictures of docs/pictures.md anew, by running its blocks in docs/."""

import os
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]


def main():
    text = (DOCS / "pictures.md").read_text(encoding="utf-8")
    os.chdir(DOCS)
    Path("pictures").mkdir(exist_ok=True)
    namespace = {}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(code, namespace)  # noqa: S102


if __name__ == "__main__":
    main()
