"""Links in the documentation lead somewhere: to a file that is there, and to a heading in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("helm/*/README.md")]
LINK = re.compile(r"\]\(([^)#:\s]*)(#[^)\s]+)?\)")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target, anchor in LINK.findall(re.sub(r"`[^`]*`", "", page.read_text())):
        found = (page.parent / target).resolve() if target else page
        if not found.exists():
            dead.append(target)
        elif anchor and found.suffix == ".md" and anchor[1:] not in anchors(found):
            dead.append(f"{target}{anchor}")
    assert dead == []
