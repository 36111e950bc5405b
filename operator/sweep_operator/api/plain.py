"""Text that people and programs wrote, where it is to stand in one line for people to read.

A terminal obeys what it is sent: an escape sequence in a metric's name could clear the screen,
write into the clipboard or hide a line, a newline could begin one that looks like ours, and a mark
that turns the direction round could show another name than the one that is there.
"""

import re
import unicodedata


def plain(text: str) -> str:
    r"""The text with what isn't shown as a character written out: \n, \x1b, \u202e.

    Backslashes stay as they are: this is for eyes, and programs get JSON.
    """
    if text.isprintable():
        return text
    return "".join(each if _is_shown(each) else _written_out(each) for each in text)


def plain_lines(text: str) -> str:
    """The same of a text whose own lines and tabs stay: a file, or what a template made."""
    return re.sub(r"[^\t\r\n]+|\r(?!\n)", lambda found: plain(found[0]), text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
