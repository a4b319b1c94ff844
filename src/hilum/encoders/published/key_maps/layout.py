"""Native key layouts: mapping of a file's keys to an encoder's, completely or not at all.

Every tensor of the file is used, or dropped by a pattern with a reason; every weight of the body comes from the file,
or is known to be missing and has a neutral value. Anything else is an error.
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
"""Function of a tensor of the file and the required shape (None without such a key) to the body's tensor."""


@dataclass(frozen=True)
class Use:
    """Rule for tensors of the file that the body needs.

    Attributes:
        pattern: Regular expression of the whole native key after the layout's prefix.
        key: Key of the body, a template with the pattern's groups.
        change: Conversion; None: unchanged.
        part, of: If several native tensors are concatenated along the first axis: index of this one, and their number.
    """

    pattern: str
    key: str
    change: Change | None = None
    part: int = 0
    of: int = 1


@dataclass(frozen=True)
class Layout:
    """Naming scheme of weights in public files.

    Attributes:
        title: Description of such files.
        sign: Pattern of a native key (after the prefix) that every such file has.
        uses: Rules for tensors that the body needs.
        drops: Pattern of native keys that are not used to the reason.
        neutral: Pattern of the body's keys that such files may lack to the neutral value.
        classifier: Pattern of native keys (with prefix) of a classifier; "" for none. It is dropped; its number of
            classes helps to identify the file.
        periods: Pattern of the native key of a rotary embedding's periods, kept beside the weights.
        angles: Pattern of native keys of a rotary embedding's sines and cosines, with the group (cos|sin), compared
            with the architecture's.
        positions: Resizing rule of learned positions in the files' own code; None: the family's.
        prefix: Pattern before all used keys.
        finish: Final conversion of tensors by the body's keys, given the body's shapes; ValueError for problems.
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
        """Return whether a file with these keys has this layout."""
        sign = re.compile(self.prefix + self.sign)
        return any(sign.fullmatch(key) for key in tensors)

    @property
    def left_out(self) -> dict[str, str]:
        """Patterns of native keys that are not used, with reasons."""
        behind = {self.classifier: "the classifier of the original task"} if self.classifier else {}
        turned = {self.angles: "angles of the rotary embedding, equal to the architecture's"} if self.angles else {}
        selected = (
            {self.periods: "periods of the rotary embedding, which are kept beside the weights"} if self.periods else {}
        )
        return {**self.drops, **behind, **turned, **selected}


@dataclass(frozen=True)
class Mapped:
    """Tensors of a file under the body's keys.

    Attributes:
        tensors: Tensors by the body's keys; shapes are not yet compared.
        origins: Native keys of each of the body's keys.
        dropped: Reason by native key that is not used.
        neutral: Keys of the body that the file lacks, with neutral values.
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
    """Map a file's tensors to the body's keys.

    Args:
        layout: Layout of the file.
        tensors: Tensors of the file by native key.
        wanted: Keys and shapes of the body.
        where: File, for messages.
        norm_absent: Name of a norm of the body that the file may lack; it gets neutral values.

    Raises:
        HilumErrors: Native keys that are neither used nor dropped, duplicates, and missing keys of the body.
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
    problems += [f"missing: {names[key]} ({format_shape(wanted[key])})" for key in absent]
    problems += [f"unexpected: {key}, which the encoder does not have" for key in mapped if key not in wanted]
    if problems:
        raise HilumErrors(where, some(problems), fix=f"nothing was loaded; expected {layout.title}.")
    origins = {key: [piece.native for piece in of] for key, of in pieces.items()}
    return Mapped(mapped, origins, dropped, neutral)


def some(problems: list[str], most: int = 20) -> list[str]:
    """Return the first problems and the number of further ones."""
    more = len(problems) - most
    return problems if more <= 0 else [*problems[:most], f"and {more:,} more"]


def format_shape(shape: torch.Size) -> str:
    """Format a shape as in 64×3×7×7."""
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
            problems.append(f"unknown: {native} ({format_shape(tensor.shape)}), neither used nor known to be unused")
            continue
        match, use = found
        of = pieces.setdefault(match.expand(use.key), [])
        twin = next((other.native for other in of if other.use.part == use.part), None)
        if twin is not None:
            problems.append(f"duplicate: {twin} and {native} are the same weight")
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
    norm = norm if norm_absent and not mapped.keys() & norm else {}  # half a norm is an error
    for key, shape in wanted.items():
        value = next((value for pattern, value in layout.neutral.items() if re.fullmatch(pattern, key)), norm.get(key))
        if key not in mapped and value is not None:
            counts = key.endswith("num_batches_tracked")
            mapped[key] = torch.full(shape, value, dtype=torch.int64 if counts else torch.float32)
            filled.append(key)
    return filled


def _named(piece: _Piece) -> str:
    return f"{piece.native} ({format_shape(piece.tensor.shape)})"


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
