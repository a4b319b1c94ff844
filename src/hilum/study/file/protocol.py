"""`protocol: published`: settings of the reproduced paper in place of Hilum's."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

PUBLISHED = "published"


def published_overrides(content: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """Return the overrides of the section `published` as `KEY=VALUE`; empty with `protocol: hilum`.

    Args:
        content: Content of the study file.
        overrides: `KEY=VALUE` of the command line; `protocol=published` among them has the same effect.
    """
    protocols = [override.partition("=")[2].strip() for override in overrides if override.startswith("protocol=")]
    protocol = protocols[-1] if protocols else content.get("protocol")
    section = content.get("published")
    if protocol != PUBLISHED or not isinstance(section, Mapping):
        return []
    return [f"{key}={as_flow(value)}" for key, value in section.items()]


def as_flow(value: Any) -> str:
    """Return a value as one line of YAML."""
    return yaml.safe_dump(value, default_flow_style=True, width=1_000_000, allow_unicode=True).split("\n...")[0].strip()
