"""Nobody's text becomes HTML or script."""

import json

import pytest

from sweep_operator.report.markup import Markup, element, joined, json_text, raw


def test_text_is_escaped_in_an_element_and_in_its_attributes() -> None:
    made = element("p", "<b> & 'c'", title='"><script>')
    assert made == '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt; &amp; &#x27;c&#x27;</p>'


def test_what_was_made_here_is_not_escaped_again() -> None:
    assert element("p", element("b", "x"), ["y", element("i", "z")]) == "<p><b>x</b>y<i>z</i></p>"


def test_what_string_operations_make_of_markup_is_text() -> None:
    made = element("b", "x") + "<i>"
    assert not isinstance(made, Markup)
    assert joined(made) == "&lt;b&gt;x&lt;/b&gt;&lt;i&gt;"


def test_attributes_that_are_not_there_are_left_out() -> None:
    made = element("th", scope="col", class_=None, hidden=False, inert=True, data_x=0)
    assert made == '<th scope="col" inert data-x="0"></th>'


@pytest.mark.parametrize("content", ["</script>", "</SCRIPT ", "<!-- <script>"])
def test_a_script_that_would_end_itself_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match="would end it"):
        raw("script", content)


def test_json_in_a_script_can_not_end_it_and_says_the_same() -> None:
    thing = ["</script><script>alert(1)</script>", "<!--", "&lt;", "\u2028", "\ud800"]
    text = json_text(thing)
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == thing


def test_json_has_no_numbers_that_browsers_do_not_read() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text([float("nan")])
