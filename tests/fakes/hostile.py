"""Text that means harm: what breaks out of shells, selectors, terminals, pages, logs or formats."""

import random
from collections.abc import Sequence

KINDS: dict[str, Sequence[str]] = {
    "shell": [
        "; touch /tmp/owned", "$(id)", "`id`", "| sh", "&& id",
        "'", '"', "\\", "*", "~", "!!",
    ],
    "kubelet": ["$(HOME)", "$$(HOME)", "$", "$$", "$(", "$(SWEEP_RUN_ID)"],
    "macro": ["${args}", "${args_json}", "${param:x}", "${envvar:HOME}", "${", "}", "$${args}"],
    "terminal": [
        "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "\x90q\x9c",
        "\x1bP+q\x1b\\", "\r", "\b\b\b", "\x7f", "\x0e", "\x05",
    ],
    "line": ["\n", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\nerror: all is lost"],
    "nul": ["\0", "a\0b"],
    "direction": ["\u202e", "\u2066", "\u200f", "\u061c", "\u202etxt.exe"],
    "hidden": ["\u200b", "\ufeff", "\U000e0041", "\u2060", "\u00ad"],
    "html": [
        "<script>alert(1)</script>", "</script>", "<!--", "]]>", '"><img src=x onerror=alert(1)>',
        "&lt;", "<b>", "javascript:alert(1)", "</title>", "</style>", "%{x}", "<extra></extra>",
    ],
    "template": ["{{ .Values }}", "{{7*7}}", "{%raw%}", "#{1}", "<%= 1 %>"],
    "selector": ["a=b,c!=d", "in (x)", "!x", ",metadata.name=other", "app in (a,b)"],
    "path": [
        "../../../etc/passwd", "..", ".", "/",
        "%2e%2e%2f", "a/../b", "\\\\host\\x", "?watch=1", "#",
    ],
    "json": ['{"a":', '"}', "]", "\\u0000", '","b":"', "null", "NaN", "1e999"],
    "yaml": [
        "- a", "&a *a", "!!python/object:os.system", "a: b",
        "--- ", "% x", "? x", "yes", "1e3",
    ],
    "format": ["%s%n%x", "{0.__class__}", "{}", "%(name)s", "%d"],
    "formula": ["=1+1", "@SUM(A1)", "+1", "-1+cmd|'/c calc'!A0", "=HYPERLINK(1)"],
    "flag": ["--help", "-rf", "--", "-", "--=x"],
    "wide": ["\U0001f600", "日本語", "e\u0301" * 9, "\U0001f468\u200d\U0001f469", "ﷺ\U0010ffff"],
    "long": ["x" * 3_000, "é" * 1_000, "a\n" * 500],
    "empty": ["", " ", "\t", "\u00a0"],
}  # fmt: skip

SURROGATES = ("\ud800", "\udfff", "\ud83d", "a\udc00b")
"""Halves of pairs: JSON has them, and no file, API server or argument does."""


def hostile(count: int = 1000, seed: int = 8, *, surrogates: bool = False) -> list[str]:
    """So many texts, the same each time: each trick alone, then two to four of them in a row."""
    chance = random.Random(seed)
    tricks = [trick for kind in KINDS.values() for trick in kind]
    if surrogates:
        tricks += SURROGATES
    mixed = ["".join(chance.choices(tricks, k=chance.randint(2, 4))) for _ in range(count)]
    return [*tricks, *mixed][:count]
