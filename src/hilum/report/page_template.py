"""Rendering of the page templates in `hilum/report/templates`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import hilum
from hilum.report.render.formats import unbroken

Filters = Mapping[str, Callable[..., Any]]
_NONE: Filters = MappingProxyType({})


def render_template(name: str, filters: Filters = _NONE, **values: Any) -> str:
    """Render a template; text is escaped, and undefined names are errors.

    Args:
        name: File name of the template.
        filters: Filters of this template besides `unbroken`.
        **values: Values of the template besides `version`.
    """
    environment = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"unbroken": unbroken, **filters}
    return environment.get_template(name).render(version=hilum.__version__, **values)
