"""The ledger: whose images had a part in weights. It stands on their card, `training_patients`, and nowhere else.

One ledger, on the card, because weights and card travel together and everything that must be decided is decided by
patients. Image ids are not kept: nothing is decided on them, and names of files often hold the patient's id.

An entry is a patient's full name with a pseudonym for the id, "ours:h1a2b3c4d-…" (`hilum.data.patients.pseudonyms`);
cards of version 1 hold ids in clear ("ours:17"), and are still read. A comparison answers for each patient: seen, not
seen, or **not known**, where the ledger names patients of the same issuer under a salt that is not here, or where only
one of the two sides has patient ids. Not known is never "no".

What published weights have seen stands on the card as statements instead (`hilum.encoders.statements`):
their authors seldom say more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.data.patients import (
    VARIABLE,
    WITHOUT_ID,
    canonical_patient_id,
    is_public,
    known_salts,
    pseudonym,
    salt_file,
    salt_of,
)
from hilum.errors import HilumError

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Exposure:
    """What a ledger says of N patients.

    Attributes:
        trained_on: (N,), those whose images had a part in the weights.
        not_known: (N,), those that cannot be compared.
        apart: names of the salts under which the ledger and the data name patients that cannot be compared, sorted;
            "" for ids in clear.
        without_id: whether patients cannot be compared because the ledger or the data have images without an id.
    """

    trained_on: Mask
    not_known: Mask
    apart: tuple[tuple[str, str], ...]
    without_id: bool = False

    @property
    def why_not_known(self) -> str:
        """In words, what is wanting; empty where nothing is."""
        reasons = [
            f"the ledger has {_in_words(ledger)}, the data {_in_words(data)}, and this user has not "
            f"{'that salt' if '' in (ledger, data) else 'the ids'}"
            for ledger, data in self.apart
        ]
        if self.without_id:
            reasons.append("either the ledger or the data have images without patient ids")
        return "; ".join(reasons)

    def refuse_not_known(self, where: str) -> None:
        """Refuse to go on where it is not known which patients were seen.

        Raises:
            HilumError: says which salt is wanting.
        """
        if self.not_known.any():
            salt = f"Set {VARIABLE} to the salt of the ledger, or copy it to {salt_file()}; data that were hashed must "
            raise HilumError(
                where,
                expected="patients that can be compared with those that the model has learnt from",
                found=f"{int(self.not_known.sum()):,} images of patients that cannot: {self.why_not_known}",
                fix=f"{f'{salt}have been hashed under it, too. ' if self.apart else ''}--include-training-patients "
                f"goes on without knowing.",
            )


class Ledger:
    """Patients whose images had a part in weights.

    Args:
        patients: full names, of cards (`hilum.encoders.card.Card.training_patients`) or of data sets.
    """

    def __init__(self, patients: Iterable[str]) -> None:
        self.patients = frozenset(patients)

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def issuers(self) -> list[str]:
        """Who gave the patients their ids, sorted."""
        return sorted(self._entries)

    @property
    def patients_of(self) -> dict[str, int]:
        """How many patients of each issuer."""
        return {issuer: sum(map(len, self._entries[issuer].values())) for issuer in self.issuers}

    def contains(self, full_names: Sequence[str]) -> Mask:
        """Which of these patients are certainly among those seen, (N,); see `exposure_of` for what is not known."""
        return self.exposure_of(full_names).trained_on

    def exposure_of(self, full_names: Sequence[str]) -> Exposure:
        """Compare patients with those seen.

        Args:
            full_names: N of them, `<issuer>:<id or pseudonym>`, any number of times.

        Raises:
            HilumError: this user's salt cannot be read.
        """
        salts = known_salts() if self.patients else {}
        apart: set[tuple[str, str]] = set()
        without_id = False
        answers: dict[str, tuple[bool, bool]] = {}
        for name in dict.fromkeys(full_names):
            issuer, number = _parts(name)
            trained_on, unlike = self._find(issuer, number, salts)
            other_kind = not trained_on and self._has_other_kind(issuer, number)
            answers[name] = trained_on, bool(unlike) or other_kind
            apart |= unlike
            without_id |= other_kind
        pairs = np.array([answers[name] for name in full_names], dtype=np.bool_).reshape(-1, 2)
        return Exposure(pairs[:, 0], pairs[:, 1], tuple(sorted(apart)), without_id)

    def ids_of_other_issuers(self, full_names: Iterable[str]) -> dict[str, list[str]]:
        """Patients whose ids other issuers have, too: maybe the same people, in a folder under another name.

        Args:
            full_names: of patients. Those of public data sets, and images without an id, are compared with nobody.

        Returns:
            By issuer of the ledger, the patients who may be its own; only issuers that have any.
        """
        salts = known_salts() if self.patients else {}
        others = [issuer for issuer in self.issuers if issuer and not is_public(issuer)]
        found: dict[str, list[str]] = {}
        for name in dict.fromkeys(full_names):
            issuer, number = _parts(name)
            if is_public(issuer) or number.startswith(WITHOUT_ID):
                continue
            for other in others:
                if other != issuer and self._find(other, number, salts)[0]:
                    found.setdefault(other, []).append(name)
        return found

    @cached_property
    def _entries(self) -> dict[str, dict[str | None, set[str]]]:
        """Ids and pseudonyms by issuer and by name of the salt; None for ids in clear."""
        entries: dict[str, dict[str | None, set[str]]] = {}
        for name in self.patients:
            issuer, number = _parts(name)
            entries.setdefault(issuer, {}).setdefault(salt_of(number), set()).add(number)
        return entries

    def _has_other_kind(self, issuer: str, number: str) -> bool:
        """Whether the ledger has images without patient ids of this issuer; asked for such an image, ids."""
        return (not number.startswith(WITHOUT_ID)) in self._kinds.get(issuer, ())

    @cached_property
    def _kinds(self) -> dict[str, set[bool]]:
        """By issuer, whether there are entries without patient ids, and whether there are others."""
        kinds: dict[str, set[bool]] = {}
        for issuer, number in map(_parts, self.patients):
            kinds.setdefault(issuer, set()).add(number.startswith(WITHOUT_ID))
        return kinds

    def _find(self, issuer: str, number: str, salts: dict[str, bytes]) -> tuple[bool, set[tuple[str, str]]]:
        """Whether a patient is among an issuer's, and if not, the salts between which that is not known."""
        own, apart = salt_of(number), set[tuple[str, str]]()
        for salt, members in self._entries.get(issuer, {}).items():
            if salt == own:
                trained_on = number in members
            elif own is None and salt in salts:
                trained_on = pseudonym(number, salts[salt]) in members
            elif salt is None and own in salts:
                trained_on = number in self._hidden(issuer, salts[own])
            else:
                trained_on = False
                apart.add((salt or "", own or ""))
            if trained_on:
                return True, set()
        return False, apart

    def _hidden(self, issuer: str, salt: bytes) -> set[str]:
        """Pseudonyms of an issuer's ids that stand in clear."""
        key = issuer, salt
        if key not in self._made:
            self._made[key] = {pseudonym(number, salt) for number in self._entries[issuer][None]}
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[str, bytes], set[str]]:
        return {}


def _in_words(salt: str) -> str:
    return f"pseudonyms under salt {salt}" if salt else "ids in clear"


def _parts(full_name: str) -> tuple[str, str]:
    issuer, colon, number = full_name.partition(":")
    return (issuer, canonical_patient_id(number)) if colon else ("", canonical_patient_id(issuer))
