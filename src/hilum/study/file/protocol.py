"""`protocol: published`: the paper's own rules instead of Hilum's, where a study of a paper departs from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

PUBLISHED = "published"


def published_overrides(content: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """What a study file's section `published` puts in place, as `KEY=VALUE`; nothing under Hilum's own protocol.

    Args:
        content: of the file.
        overrides: `KEY=VALUE`; `protocol=published` among them asks for the paper's rules, too.
    """
    asked = [override.partition("=")[2].strip() for override in overrides if override.startswith("protocol=")]
    protocol = asked[-1] if asked else content.get("protocol")
    section = content.get("published")
    if protocol != PUBLISHED or not isinstance(section, Mapping):
        return []
    return [f"{key}={as_flow(value)}" for key, value in section.items()]


def as_flow(value: Any) -> str:
    """A value as one line of YAML."""
    return yaml.safe_dump(value, default_flow_style=True, width=1_000_000, allow_unicode=True).split("\n...")[0].strip()
