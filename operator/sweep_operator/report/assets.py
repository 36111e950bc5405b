"""What each page has in it: plotly.js, and the page's own script and style."""

import base64
from functools import cache
from hashlib import sha256
from importlib.resources import files

from plotly.offline import get_plotlyjs


@cache
def plotly_js() -> str:
    """The plotting library, with the line ends that an HTML parser leaves as they are."""
    text: str = get_plotlyjs()
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def own(name: str) -> str:
    """A file that stands beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def hash_of(script: str) -> str:
    """What a content security policy has for a script that may run."""
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"
