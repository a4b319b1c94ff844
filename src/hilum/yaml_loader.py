"""PyYAML's safe loader, in C if libyaml is available (as in the wheels): ten times as fast, with equal results."""

from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

__all__ = ["SafeLoader", "key_lines", "load_yaml", "parse_value"]


def load_yaml(text: str) -> Any:
    """Parse YAML as `yaml.safe_load` does.

    Raises:
        yaml.YAMLError: Invalid YAML, or tags of Python objects.
    """
    return yaml.load(text, Loader=SafeLoader)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key of nested mappings, from 1, by its path.

    Raises:
        yaml.YAMLError: Invalid YAML.

    Example:
        >>> key_lines("any:\\n  lr:\\n    values: 1\\n")[("any", "lr")]
        2
    """
    lines: dict[tuple[str, ...], int] = {}

    def walk(node: yaml.Node | None, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                own = (*path, str(key.value))
                lines.setdefault(own, key.start_mark.line + 1)
                walk(value, own)

    walk(yaml.compose(text, Loader=SafeLoader), ())
    return lines


def parse_value(text: str) -> Any:
    """Parse the VALUE of KEY=VALUE: YAML, with numbers such as 1e-4, which YAML 1.1 reads as text.

    Raises:
        yaml.YAMLError: Invalid YAML.

    Example:
        >>> parse_value("1e-4"), parse_value("[a, 2]"), parse_value("null")
        (0.0001, ['a', 2], None)
    """
    value = load_yaml(text)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
