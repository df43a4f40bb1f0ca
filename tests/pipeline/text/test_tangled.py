"""Pages that would cost an HTML parser far more than they are long, however they hide it."""

from __future__ import annotations

import pytest

from pipeline.text import html_nesting
from pipeline.text.cleaning import html_to_text

TOO_MUCH = {
    "deep": "<div>" * 20_000,
    "deep, with ends in comments": "<div><!--</div>-->" * 20_000,
    "deep, with ends in scripts": "<div><script></div></script>" * 20_000,
    "deep, with ends in quotes": "<div><br title='</div>'>" * 20_000,
    "deep, with ends of what is not open": "<div></section>" * 20_000,
    "attributes": "<a " + "".join(f"x{n}=1 " for n in range(2_000)) + ">",
    "attributes with tags in quotes": "<a " + "".join(f'x{n}="<>" ' for n in range(2_000)) + ">",
    "attributes with other quotes": "<a " + "".join(f'x{n}="\'>" ' for n in range(2_000)) + ">",
    "attributes without blanks": "<a" + "".join(f"/x{n}='>'" for n in range(2_000)) + ">",
    "attributes like tags": "<a " + "".join(f"<b{n} " for n in range(2_000)) + ">",
    "attributes behind a quote": '<p>x=" </p><!-- " --><a ' + "y='>' " * 2_000 + ">",
    "formatting that nothing closes": "".join(f"<p><b x={n}>a" for n in range(2_000)),
    "the same, closed in comments": "".join(f"<p><b x={n}>a<!--</b>-->" for n in range(2_000)),
    "few formats, many paragraphs": "".join(f"<i x={n}>" for n in range(20)) + "<p>a" * 100_000,
    "names of tags": "".join(f"<x{n}></x{n}>" for n in range(30_000)),
    "names of ends": "".join(f"</x{n}>" for n in range(30_000)),
    "names of attributes": "".join(
        "<p " + " ".join(f"x{n}" for n in range(at, at + 100)) + ">" for at in range(0, 30_000, 100)
    ),
    "names of attributes without blanks": "".join(
        "<p " + "".join(f"x{n}='a'" for n in range(at, at + 60)) + ">"
        for at in range(0, 30_000, 60)
    ),
    "many tags": "<br>" * 400_000,
}
SOUND = {
    "a mail": "<table><tr><td style='a'><p><b>Hello</b> <a href='b'>you</a></td></tr></table>"
    * 200,
    "formats round all of it": "<font><b><i>" + "<p>word</p>" * 5_000 + "</i></b></font>",
    "formats alike that nothing closes": "<p><b>word" * 3_000,
    "a picture in an attribute": f"<p><img src='data:image/png;base64,{'A/b+' * 20_000}'></p>",
    "words in a comment": f"<p>a</p><!-- <a {'word ' * 2_000}-->",
    "words in a script": f"<p>a</p><script>if (a <b) {{ {'word ' * 2_000} }}</script>",
    "a comment that is empty": "<!--><p>a</p>" * 1_000,
    "a text with signs": "<p>1 > 0, a=\"b\", x='y' & so on</p>" * 1_000,
    "names of attributes' values": "".join(
        f"<p style='x{n}:1' class=c{n}>a</p>" for n in range(30_000)
    ),
    "a list": "<ul>" + "<li>word" * 20_000 + "</ul>",
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_a_parser_would_choke_on_is_told(what: str) -> None:
    assert html_nesting.too_tangled(TOO_MUCH[what])
    assert "<p" not in html_to_text(TOO_MUCH[what])


@pytest.mark.parametrize("what", SOUND)
def test_what_it_reads_well_is_left_to_it(what: str) -> None:
    assert len(SOUND[what]) > 4_000
    assert not html_nesting.too_tangled(SOUND[what])


def test_lines_of_pre_within_pre_are_kept_once() -> None:
    assert html_to_text("<pre>a\nb<pre>c\nd</pre>e\n</pre>") == "a\nb\n\nc\nd\n\ne"
