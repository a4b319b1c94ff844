"""Ledger of training patients, to detect data leakage; stored on the card (`training_patients`).

Patients only: image ids are not stored, since file names often contain patient ids.

An entry is the full name of a patient with a pseudonym for the id, "ours:h1a2b3c4d-…"
(`hilum.data.patients.pseudonyms`); cards of version 1 have plain ids ("ours:17"). For each patient, the comparison
gives in training, not in training, or **not known**: if the ledger has pseudonyms of the same issuer with a salt that
is not available, or if only one side has patient ids. "Not known" is never treated as "not in training".

For published weights, the card has provenance claims instead (`hilum.encoders.statements`).
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
from hilum.wording import counted

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Exposure:
    """Comparison of N patients with a ledger.

    Attributes:
        trained_on: True for training patients, (N,).
        not_known: True for patients that cannot be compared, (N,).
        apart: Names of the salts of ledger and data of patients that cannot be compared, sorted; "" for plain ids.
        without_id: True if some cannot be compared because images in ledger or data have no patient id.
    """

    trained_on: Mask
    not_known: Mask
    apart: tuple[tuple[str, str], ...]
    without_id: bool = False

    @property
    def why_not_known(self) -> str:
        """Reasons as text; empty if all patients are known."""
        reasons = [
            f"the ledger has {_describe(ledger)}, the data {_describe(data)}, and "
            f"{'that salt is' if '' in (ledger, data) else 'the ids are'} not available"
            for ledger, data in self.apart
        ]
        if self.without_id:
            reasons.append("the ledger or the data have images without patient ids")
        return "; ".join(reasons)

    def refuse_not_known(self, where: str) -> None:
        """Refuse patients that cannot be compared.

        Raises:
            HilumError: Some patients are not known; names the missing salt.
        """
        if self.not_known.any():
            salt = f"Set {VARIABLE} to the salt of the ledger, or copy it to {salt_file()}; hashed data must have "
            raise HilumError(
                where,
                expected="patients that can be compared with the training patients of the model",
                found=f"{counted(int(self.not_known.sum()))} of patients that cannot: {self.why_not_known}",
                fix=f"{f'{salt}been hashed with it. ' if self.apart else ''}--include-training-patients "
                f"continues without this check.",
            )


class Ledger:
    """Training patients of weights.

    Args:
        patients: Full names, of cards (`hilum.encoders.card.Card.training_patients`) or data sets.
    """

    def __init__(self, patients: Iterable[str]) -> None:
        self.patients = frozenset(patients)

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def issuers(self) -> list[str]:
        """Issuers of the patient ids, sorted."""
        return sorted(self._entries)

    @property
    def patients_of(self) -> dict[str, int]:
        """Number of patients by issuer."""
        return {issuer: sum(map(len, self._entries[issuer].values())) for issuer in self.issuers}

    def contains(self, full_names: Sequence[str]) -> Mask:
        """Return which patients are known to be in training, (N,); see `exposure_of` for those not known."""
        return self.exposure_of(full_names).trained_on

    def exposure_of(self, full_names: Sequence[str]) -> Exposure:
        """Compare patients with the training patients.

        Args:
            full_names: Full names `<issuer>:<id or pseudonym>` of N patients, with repetitions.

        Raises:
            HilumError: The user's salt cannot be read.
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
        """Find patients whose ids exist under other issuers: possibly the same patients in a renamed data set.

        Args:
            full_names: Full names of patients. Public data sets and images without id are not compared.

        Returns:
            Issuer of the ledger to patients with ids of that issuer; only issuers with any.
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
        """Ids and pseudonyms by issuer and name of the salt (None: plain ids)."""
        entries: dict[str, dict[str | None, set[str]]] = {}
        for name in self.patients:
            issuer, number = _parts(name)
            entries.setdefault(issuer, {}).setdefault(salt_of(number), set()).add(number)
        return entries

    def _has_other_kind(self, issuer: str, number: str) -> bool:
        """Return whether the ledger has entries of the other kind (with or without patient id) of this issuer."""
        return (not number.startswith(WITHOUT_ID)) in self._kinds.get(issuer, ())

    @cached_property
    def _kinds(self) -> dict[str, set[bool]]:
        """Kinds of entries by issuer: True without patient id, False with."""
        kinds: dict[str, set[bool]] = {}
        for issuer, number in map(_parts, self.patients):
            kinds.setdefault(issuer, set()).add(number.startswith(WITHOUT_ID))
        return kinds

    def _find(self, issuer: str, number: str, salts: dict[str, bytes]) -> tuple[bool, set[tuple[str, str]]]:
        """Return whether an issuer's entries contain a patient, and otherwise the pairs of salts not comparable."""
        own, apart = salt_of(number), set[tuple[str, str]]()
        for salt, members in self._entries.get(issuer, {}).items():
            if salt == own:
                trained_on = number in members
            elif own is None and salt in salts:
                trained_on = pseudonym(number, salts[salt]) in members
            elif salt is None and own in salts:
                trained_on = number in self._pseudonyms(issuer, salts[own])
            else:
                trained_on = False
                apart.add((salt or "", own or ""))
            if trained_on:
                return True, set()
        return False, apart

    def _pseudonyms(self, issuer: str, salt: bytes) -> set[str]:
        """Return pseudonyms of an issuer's plain ids."""
        key = issuer, salt
        if key not in self._made:
            self._made[key] = {pseudonym(number, salt) for number in self._entries[issuer][None]}
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[str, bytes], set[str]]:
        return {}


def _describe(salt: str) -> str:
    return f"pseudonyms with salt {salt}" if salt else "plain ids"


def _parts(full_name: str) -> tuple[str, str]:
    issuer, colon, number = full_name.partition(":")
    return (issuer, canonical_patient_id(number)) if colon else ("", canonical_patient_id(issuer))
