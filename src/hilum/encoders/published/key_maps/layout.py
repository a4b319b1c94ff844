"""What a native key layout is, and how a file of that layout becomes a body's weights: completely or not at all.

A map is total. Every tensor of the file is used, or is dropped under a pattern that says why; every weight of the body
comes from the file, or is one that such files are known to lack and that has a neutral value. Anything else is a
problem, and is named.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hilum.encoders.positions import Interpolation
from hilum.encoders.published.key_maps.native_names import native_names
from hilum.errors import HilumErrors

Shapes = Mapping[str, torch.Size]
Change = Callable[[Tensor, torch.Size | None], Tensor]
"""A tensor of the file, and the shape that the body wants (None where it has no such key), to the body's tensor."""


@dataclass(frozen=True)
class Use:
    """Tensors of the file that the body needs.

    Attributes:
        pattern: of their native keys behind the layout's prefix; a regular expression for the whole key.
        key: of the body, as a template for the pattern's groups.
        change: to apply to each; None: as it is.
        part, of: where several native tensors are joined along the first axis to one of the body's: the place of this
            one, and how many there are.
    """

    pattern: str
    key: str
    change: Change | None = None
    part: int = 0
    of: int = 1


@dataclass(frozen=True)
class Layout:
    """A way in which public files name the weights of a body.

    Attributes:
        title: what such files are, and where their public definition is.
        sign: pattern of a native key behind the prefix that every such file has.
        uses: what the body needs.
        drops: pattern of whole native keys to the reason for leaving them out.
        neutral: pattern of the body's keys that such files may lack, to the value that changes nothing.
        classifier: pattern of native keys, prefix included, of a classifier behind the encoder; "" for none. It is left
            out, and how many classes it has tells whose file it is.
        periods: pattern of the native key of a rotary embedding's periods, which the encoder keeps beside its weights.
        angles: pattern of native keys of the sines and cosines of a rotary embedding, with the group (cos|sin). They
            are compared with the architecture's.
        positions: how the code that such files are made for resizes learnt positions, where that is not how the
            architecture's family does; None for the family's way.
        prefix: pattern in front of all keys that are used.
        finish: last changes, on tensors by the body's keys, given the body's shapes; names problems in ValueError.
    """

    title: str
    sign: str
    uses: tuple[Use, ...]
    drops: Mapping[str, str] = field(default_factory=dict)
    neutral: Mapping[str, float] = field(default_factory=dict)
    classifier: str = ""
    periods: str = ""
    angles: str = ""
    positions: Interpolation | None = None
    prefix: str = ""
    finish: Callable[[dict[str, Tensor], Shapes], dict[str, Tensor]] | None = None

    def fits(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether a file with these keys looks like one of this layout."""
        sign = re.compile(self.prefix + self.sign)
        return any(sign.fullmatch(key) for key in tensors)

    @property
    def left_out(self) -> dict[str, str]:
        """Pattern of whole native keys that are not used to the reason."""
        behind = {self.classifier: "the classifier of the original task"} if self.classifier else {}
        turned = {self.angles: "angles of the rotary embedding, equal to the architecture's"} if self.angles else {}
        selected = (
            {self.periods: "periods of the rotary embedding, which are kept beside the weights"} if self.periods else {}
        )
        return {**self.drops, **behind, **turned, **selected}


@dataclass(frozen=True)
class Mapped:
    """A file's tensors under the body's keys.

    Attributes:
        tensors: by the body's keys; shapes are not compared yet.
        origins: native keys of each of the body's keys.
        dropped: native key to the reason.
        neutral: the body's keys that the file lacks and that got a neutral value.
    """

    tensors: dict[str, Tensor]
    origins: dict[str, list[str]]
    dropped: dict[str, str]
    neutral: list[str]


@dataclass(frozen=True)
class _Piece:
    native: str
    tensor: Tensor
    use: Use


def map_keys(
    layout: Layout, tensors: Mapping[str, Tensor], wanted: Shapes, where: object, *, norm_absent: str = ""
) -> Mapped:
    """Bring a file's tensors under the body's keys.

    Args:
        layout: of the file.
        tensors: of the file, by native key.
        wanted: the body's keys and shapes.
        where: the file, for messages.
        norm_absent: name of a norm of the body that such a file may lack, weight and bias both; it starts neutral.

    Raises:
        HilumErrors: native keys that are neither used nor dropped, or that are two for one; keys of the body that
            nothing gives.
    """
    pieces, dropped, problems = _sort(layout, tensors)
    mapped: dict[str, Tensor] = {}
    for key, of in pieces.items():
        try:
            mapped[key] = _join(of, wanted.get(key))
        except (RuntimeError, ValueError) as error:
            problems.append(f"{', '.join(_named(piece) for piece in of)} cannot become {key}: {_line(error)}")
    if layout.finish is not None and not problems:
        try:
            mapped = layout.finish(mapped, wanted)
        except (RuntimeError, ValueError) as error:
            problems.append(_line(error))
    neutral = _fill(layout, mapped, wanted, norm_absent)
    absent = [key for key in wanted if key not in mapped and key not in pieces]
    names = native_names(layout.prefix, layout.uses, tensors, absent)
    problems += [f"missing: {names[key]} ({in_words(wanted[key])})" for key in absent]
    problems += [f"unexpected: {key}, which the encoder does not have" for key in mapped if key not in wanted]
    if problems:
        raise HilumErrors(where, some(problems), fix=f"nothing was loaded; expected {layout.title}.")
    origins = {key: [piece.native for piece in of] for key, of in pieces.items()}
    return Mapped(mapped, origins, dropped, neutral)


def some(problems: list[str], most: int = 20) -> list[str]:
    """The first problems, and how many more there are: a file of another network has hundreds."""
    more = len(problems) - most
    return problems if more <= 0 else [*problems[:most], f"and {more:,} more"]


def in_words(shape: torch.Size) -> str:
    """A shape as in 64×3×7×7."""
    return "×".join(map(str, shape)) or "scalar"


def _sort(layout: Layout, tensors: Mapping[str, Tensor]) -> tuple[dict[str, list[_Piece]], dict[str, str], list[str]]:
    drops = {re.compile(pattern): why for pattern, why in layout.left_out.items()}
    uses = [(re.compile(layout.prefix + use.pattern), use) for use in layout.uses]
    pieces: dict[str, list[_Piece]] = {}
    dropped: dict[str, str] = {}
    problems: list[str] = []
    for native, tensor in tensors.items():
        why = next((why for pattern, why in drops.items() if pattern.fullmatch(native)), None)
        if why is not None:
            dropped[native] = why
            continue
        found = next(((match, use) for pattern, use in uses if (match := pattern.fullmatch(native))), None)
        if found is None:
            problems.append(f"unknown: {native} ({in_words(tensor.shape)}), neither used nor known to be left out")
            continue
        match, use = found
        of = pieces.setdefault(match.expand(use.key), [])
        twin = next((other.native for other in of if other.use.part == use.part), None)
        if twin is not None:
            problems.append(f"twice: {twin} and {native} are one and the same weight")
            continue
        of.append(_Piece(native, tensor, use))
    return pieces, dropped, problems


def _join(pieces: list[_Piece], wanted: torch.Size | None) -> Tensor:
    if len(pieces) != pieces[0].use.of:
        raise ValueError(f"{pieces[0].use.of} tensors make it, {len(pieces)} are here")
    whole = pieces[0].use.of == 1
    parts = [
        piece.use.change(piece.tensor, wanted if whole else None) if piece.use.change else piece.tensor
        for piece in sorted(pieces, key=lambda piece: piece.use.part)
    ]
    return parts[0] if whole else torch.cat(parts)


def _fill(layout: Layout, mapped: dict[str, Tensor], wanted: Shapes, norm_absent: str) -> list[str]:
    filled = []
    norm = {f"{norm_absent}.weight": 1.0, f"{norm_absent}.bias": 0.0}
    norm = norm if norm_absent and not mapped.keys() & norm else {}  # half a norm is damage
    for key, shape in wanted.items():
        value = next((value for pattern, value in layout.neutral.items() if re.fullmatch(pattern, key)), norm.get(key))
        if key not in mapped and value is not None:
            counts = key.endswith("num_batches_tracked")
            mapped[key] = torch.full(shape, value, dtype=torch.int64 if counts else torch.float32)
            filled.append(key)
    return filled


def _named(piece: _Piece) -> str:
    return f"{piece.native} ({in_words(piece.tensor.shape)})"


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
