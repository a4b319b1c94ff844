"""Web page: one self-contained HTML file with its style and script."""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from hilum.serving.limits import Limits


def page_of(card: dict[str, Any], limits: Limits) -> tuple[str, str]:
    """Build the page of a model and its Content-Security-Policy.

    Args:
        card: Model card of `hilum.serving.responses.card_of`.
        limits: Limits of the server.

    Returns:
        HTML; and a policy that allows only the page's style and script (by hash), and requests to this server.
    """
    folder = files(__name__)
    html, style, script = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    bounds = {"images": limits.images, "bytes": limits.upload_bytes}
    content = json.dumps({"card": card, "limits": bounds}, ensure_ascii=False).replace("<", "\\u003c")
    page = html.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script).replace("/*CONTENT*/", content)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
