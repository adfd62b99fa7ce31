"""HTML documents: each is one file that needs no network and runs no script but its own."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from mnv2bench.report.templates import environment

if TYPE_CHECKING:
    from markupsafe import Markup

STYLE, SCRIPT = "page.css", "page.js"
# No network at all, and of scripts only those whose text has one of these digests.
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; base-uri 'none'; form-action 'none'"
)


def html(template: str, programs: Sequence[str] = (), **values: object) -> str:
    """The document of a template in this package; each value is a text and is escaped, unless it is Markup.

    `programs` are scripts that run before the page's own.
    """
    from markupsafe import Markup

    style = _text(STYLE)
    scripts = [*map(inert_script, programs), _text(SCRIPT)]
    policy = POLICY.format(scripts=" ".join(map(_digest, scripts)), styles=_digest(style))
    return fragment(
        template, policy=policy, style=Markup(style), scripts=[Markup(script) for script in scripts], **values
    )


def fragment(template: str, **values: object) -> str:
    """The HTML of a template in this package; each value is a text and is escaped, unless it is Markup."""
    text: str = environment("mnv2bench.report.web", autoescape=True).get_template(template).render(**values)
    return text


def from_markdown(text: str) -> "Markup":
    """The HTML of a Markdown text of our own pages; HTML that stands in it stays text."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    # whatever came from a file was escaped for Markdown, and the renderer lets no HTML through
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    tokens = renderer.parse(text)
    for token in tokens:
        if token.type in ("th_open", "td_open"):
            token.attrs = {"class": "number"} if token.attrs.get("style") == "text-align:right" else {}
    return Markup(renderer.renderer.render(tokens, renderer.options, {}))


def inert_json(value: object) -> "Markup":
    """JSON for a script element that holds no program: nothing in it can end the element or begin a comment."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def inert_script(text: str) -> str:
    """A program as the content of a script element; no text in it can end the element."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@lru_cache(1)
def vega() -> str:
    """The programs that draw pictures in the browser, as one script. It takes a second to make."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script


def _text(name: str) -> str:
    return (files("mnv2bench.report.web") / name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
