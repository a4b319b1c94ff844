"""Policies by name: the table in `policies.yaml`, and policies that users write."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel

from hilum.augment.policy import ViewPolicy
from hilum.errors import HilumError, HilumErrors

LIKE = "like"
"""Key of a written policy: the name of the one that it starts from."""


@dataclass(frozen=True)
class NamedPolicy:
    """A policy with its source.

    Attributes:
        policy: the ranges.
        made_for: "pretraining", "local" or "fine-tuning".
        source: the paper and where in it, or "Ours; …".
        left_out: what the source does and this does not, and why; empty for nothing.
    """

    policy: ViewPolicy
    made_for: str
    source: str
    left_out: str = ""


@cache
def named_policies() -> Mapping[str, NamedPolicy]:
    """All policies of the table, by name, in its order."""
    path = Path(__file__).with_name("policies.yaml")
    return MappingProxyType(
        {
            name: NamedPolicy(
                policy=_from_ranges(entry["ranges"], f"{path.name}: {name}"),
                made_for=entry["for"],
                source=entry["of"],
                left_out=entry.get("left_out", ""),
            )
            for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        }
    )


class _Named(Mapping[str, ViewPolicy]):
    """The table's policies; it is read when one is asked for, not when this module is imported."""

    def __getitem__(self, name: str) -> ViewPolicy:
        return named_policies()[name].policy

    def __iter__(self) -> Iterator[str]:
        return iter(named_policies())

    def __len__(self) -> int:
        return len(named_policies())


POLICIES: Mapping[str, ViewPolicy] = _Named()
"""Named policies, to be chosen in a study file or with --policy."""


def policy_of(policy: str | ViewPolicy, where: str = "policy") -> ViewPolicy:
    """The policy of this name, or the policy itself; `where` is named in errors.

    Raises:
        HilumError: there is none of this name.
    """
    if isinstance(policy, ViewPolicy):
        return policy
    if policy not in POLICIES:
        near = difflib.get_close_matches(policy, POLICIES, n=1)
        fix = f"Do you mean {near[0]}?" if near else "`hilum policies` lists them all."
        raise HilumError(where, expected=f"one of {', '.join(POLICIES)}", found=policy, fix=fix)
    return POLICIES[policy]


def parse_policy(content: object, where: object = "view policy") -> ViewPolicy:
    """A policy that a user wrote: ranges by name, and `like: NAME` for what they start from.

    Args:
        content: as read from YAML, such as {"like": "simclr", "flip": 0, "crop_area": [0.2, 1]}.
        where: named in errors.

    Raises:
        HilumErrors: everything that is wrong with it, a line each, as `KEY: what`.
    """
    if not isinstance(content, dict):
        known = ", ".join(field.name for field in fields(ViewPolicy))
        raise HilumErrors(where, [f"expected ranges by name; found {content!r}"], fix=f"its keys are like, {known}")
    ranges = dict(content)
    like = ranges.pop(LIKE, "none")
    problems = []
    if not isinstance(like, str) or like not in POLICIES:
        near = difflib.get_close_matches(str(like), POLICIES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problems.append(f"{LIKE}: {like!r} is not a named policy{hint}")
        like = "none"
    try:
        return _from_ranges(ranges, where, POLICIES[like], problems)
    except HilumErrors as error:
        raise HilumErrors(where, error.problems, fix="change the values named below.") from None


def read_policy(path: Path) -> ViewPolicy:
    """A policy that a user wrote to a YAML file; see `parse_policy`.

    Raises:
        HilumError: no such file, or no YAML.
        HilumErrors: everything that is wrong with the policy.
    """
    try:
        return parse_policy(yaml.safe_load(path.read_text(encoding="utf-8")), path)
    except OSError:
        raise HilumError(path, expected="a policy's file", found="no file", fix="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a YAML file", found=found, fix="Write {like: simclr, flip: 0}.") from None


def named_policy(policy: str) -> str | ViewPolicy:
    """A value of the command line: the name of a policy, or the path of one's YAML file.

    Raises:
        HilumError: no policy of this name, or nothing that can be read there.
    """
    if policy.endswith((".yaml", ".yml")):
        return read_policy(Path(policy))
    policy_of(policy)
    return policy


def as_written(policy: object) -> object:
    """A policy as its ranges by name, settings as a dictionary, to be printed or hashed; anything else as it is."""
    if isinstance(policy, BaseModel):
        return policy.model_dump()
    if isinstance(policy, ViewPolicy):
        return policy.ranges()
    return asdict(policy) if is_dataclass(policy) and not isinstance(policy, type) else policy


def _from_ranges(
    ranges: Mapping[str, Any], where: object, base: ViewPolicy | None = None, problems: list[str] | None = None
) -> ViewPolicy:
    known = [field.name for field in fields(ViewPolicy)]
    problems = list(problems or [])
    for name in ranges:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
            problems.append(f"{name}: is not a range of views; {hint}")
    values = {name: _value(value) for name, value in ranges.items()}
    policy = ViewPolicy()
    try:
        start = {} if base is None else base.ranges()
        policy = ViewPolicy(**start | {name: value for name, value in values.items() if name in known})
    except HilumErrors as error:
        problems += error.problems
    if problems:
        raise HilumErrors(where, problems, fix="change the values named below.")
    return policy


def _value(written: Any) -> Any:
    """Lists of YAML become pairs, and whole numbers floats: 0 and 0.0 are one policy."""
    if isinstance(written, list):
        return tuple(_value(each) for each in written)
    return float(written) if isinstance(written, int) and not isinstance(written, bool) else written
