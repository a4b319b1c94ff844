"""Pseudonyms of patients, and their salts, for files that are shared with weights.

Cards list the patients that weights were trained on, so that nobody evaluates them on the same patients. They cannot
list hospital ids, which identify persons. A pseudonym replaces an id:

    h<salt>-<hash>      hash = first 128 bits of HMAC-SHA256(salt, "patient" 0 id), 32 hexadecimal digits
                        salt = first 32 bits of HMAC-SHA256(salt, "salt" 0), 8 digits: identifies the salt

*Secret salt.* Hospital ids are short: all numbers of eight digits can be hashed in a minute, so that a plain hash hides
nothing. HMAC (RFC 2104) with a secret salt of 16 bytes or more can be attacked only by those who have the salt. Ids of
public data sets are published, and everybody may compare them: they are hashed with `PUBLIC_SALT`, the same everywhere,
so that the cards of two sites that trained on ChestX-ray14 can be compared.

*Lengths.* Two of a billion patients share 128 bits by chance with probability 1.5e-21; half of the digest keeps cards
half as long. The 32 bits that identify a salt are too few to confirm a guess: 2^96 of 2^128 guesses match.

*Place of the salt.* `HILUM_PATIENT_SALT`, or else the file `salt_file()` of this user, outside of anything that is
shared; it is created when it is first needed, readable by this user only. A site that trains on several machines copies
that file, or sets the variable, on each of them. Without the salt nothing can be compared; Hilum then reports "not
known", never "no".

An image without a patient id counts as its own patient; its pseudonym is ?h<salt>-<hash>.

A pseudonym names its salt, so that pseudonyms of two salts are never counted as two patients.
"""

import hmac
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from hilum.data.patients.ids import canonical_patient_id
from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS

VARIABLE = "HILUM_PATIENT_SALT"
"""Environment variable with the salt of this user; it precedes the file."""

OWN = "own"
"""Name of this user's own salt instead of a file."""

PUBLIC_SALT = b"hilum: patients of public data sets"
"""Published salt for published ids."""

OWN_COLLECTIONS = ("folder", "uka_cxr", "gb7_flg")
"""Collections whose ids may be a hospital's: from the user's table or from DICOM headers. Those of the others are
published pseudonyms."""

SHORTEST_SALT = 16
"""Bytes; `head -c 32 /dev/urandom | base64` makes a good one."""

WITHOUT_ID = "?"
"""Prefix of the id of an image without a patient id, in a full name and in a pseudonym."""

_MAX_SALT = 4096
_HASH, _SALT = 32, 8  # hexadecimal digits
_PSEUDONYM = re.compile(rf"\??h([0-9a-f]{{{_SALT}}})-[0-9a-f]{{{_HASH}}}")
_GENERATED = re.compile(r"phantom-s\d+")
_MAKE = "Make one: head -c 32 /dev/urandom | base64 > salt.txt; keep it, and keep it secret."


def hashed(identifier: str, kind: str, salt: bytes) -> str:
    """Hash an identifier: 32 hexadecimal digits.

    Args:
        identifier: Identifier as in the data set.
        kind: "patient", "study" or "image"; they have different hashes for the same number.
        salt: Salt from `read_salt`.
    """
    return hmac.digest(salt, f"{kind}\0{identifier}".encode(), "sha256").hex()[:_HASH]


def pseudonym(patient_id: str, salt: bytes) -> str:
    """Return the pseudonym of a patient id; a pseudonym is unchanged."""
    if salt_of(patient_id) is not None:
        return patient_id
    mark, number = (WITHOUT_ID, patient_id[1:]) if patient_id.startswith(WITHOUT_ID) else ("", patient_id)
    return f"{mark}h{salt_name(salt)}-{hashed(canonical_patient_id(number), 'patient', salt)}"


def salt_of(patient_id: str) -> str | None:
    """Return the name of a pseudonym's salt; None for an id that is not a pseudonym."""
    found = _PSEUDONYM.fullmatch(patient_id)
    return found[1] if found else None


@cache
def salt_name(salt: bytes) -> str:
    """Return the name of a salt, 8 hexadecimal digits that do not reveal it."""
    return hmac.digest(salt, b"salt\0", "sha256").hex()[:_SALT]


def is_public(issuer: str) -> bool:
    """Return true for published ids: those of a public data set, or of a generated population."""
    public = issuer in COLLECTIONS and not has_own_ids(issuer)
    return public or _GENERATED.fullmatch(issuer) is not None


def has_own_ids(collection: str) -> bool:
    """Return true if patients of a collection may have hospital ids: see `OWN_COLLECTIONS`."""
    if collection in ADDED_COLLECTIONS:
        return not ADDED_COLLECTIONS[collection].published_ids
    return collection in OWN_COLLECTIONS


def pseudonymised_names(full_names: Iterable[str], salt: bytes | None = None) -> list[str]:
    """Replace the ids in full names by pseudonyms; sorted, each once.

    Args:
        full_names: `<issuer>:<id>`, as of `hilum.data.patients.names.patient_names`. Ids without issuer are treated as
            hospital ids.
        salt: Secret salt for ids that are not published; default: this user's own.

    Raises:
        HilumError: This user's salt is needed, and can neither be read nor created.
    """
    names = set()
    for name in set(full_names):
        issuer, colon, number = _parts(name)
        if salt_of(number) is None:
            if not is_public(issuer) and salt is None:
                salt = own_salt()
            number = pseudonym(number, PUBLIC_SALT if is_public(issuer) else salt)  # type: ignore[arg-type]
        names.add(f"{issuer}{colon}{number}")
    return sorted(names)


def known_salts() -> dict[str, bytes]:
    """Return the available salts by name: the public one, and this user's own if it exists.

    Raises:
        HilumError: The user's own salt is too short, or cannot be read.
    """
    salts = [PUBLIC_SALT]
    if os.environ.get(VARIABLE):
        salts.append(read_salt("env"))
    if salt_file().is_file():
        salts.append(read_salt(str(salt_file())))
    return {salt_name(salt): salt for salt in salts}


def salt_file() -> Path:
    """Return the path of this user's salt: in the folder for settings, never in a shared one."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hilum" / "patient_salt.txt"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "hilum" / "patient_salt.txt"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hilum" / "patient_salt.txt"


def own_salt() -> bytes:
    """Return the salt of this user, from `HILUM_PATIENT_SALT` or `salt_file()`; a missing one is created there.

    Raises:
        HilumError: It is too short, or cannot be read or created.
    """
    if os.environ.get(VARIABLE):
        return read_salt("env")
    path = salt_file()
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_salt(path)
        except OSError as error:
            raise HilumError(
                path,
                expected="this user's salt for patients, or a writable place for one",
                found=(error.strerror or "an error").lower(),
                fix=f"Set {VARIABLE} to a secret of {SHORTEST_SALT} bytes or more, and keep it.",
            ) from error
    return read_salt(str(path))


def _make_salt(path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
        try:
            os.link(beside, path)  # unlike renaming, it never replaces the file of another process
        except FileExistsError:
            return
        except OSError:  # a file system without links
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_salt(source: str) -> bytes:
    """Read a salt from a file, with "env" from `HILUM_PATIENT_SALT`, with "own" this user's (see `own_salt`).

    Blanks and line ends around it are ignored.

    Raises:
        HilumError: The salt is missing or too short.
    """
    if source == OWN:
        return own_salt()
    if source == "env":
        salt, where = os.environ.get(VARIABLE, "").encode(), VARIABLE
    else:
        where = source
        try:
            with Path(source).open("rb") as stream:
                salt = stream.read(_MAX_SALT)
        except OSError as error:
            found = (error.strerror or "an unreadable file").lower()
            expected = "a file with a secret salt, env, or own"
            raise HilumError(source, expected=expected, found=found, fix=_MAKE) from error
    salt = salt.strip()
    if len(salt) < SHORTEST_SALT:
        raise HilumError(where, expected=f"a salt of at least {SHORTEST_SALT} bytes", found=f"{len(salt)}", fix=_MAKE)
    return salt


def check_same_salt(patient_ids: Mapping[str, Iterable[str]], issuers: Mapping[str, str]) -> None:
    """Refuse data sets of one issuer whose patients cannot be compared: ids and pseudonyms, or two salts.

    Args:
        patient_ids: Ids of each data set, by name.
        issuers: Issuer of each data set.

    Raises:
        HilumError: Two data sets of one issuer with patients under two salts, or only one of them under a salt.
    """
    by_issuer: dict[str, tuple[str, frozenset[str | None]]] = {}
    for name, ids in patient_ids.items():
        issuer = issuers[name]
        if is_public(issuer):
            continue
        salts = frozenset(salt_of(each) for each in set(ids) if not is_public(_parts(each)[0]))
        other, before = by_issuer.setdefault(issuer, (name, salts))
        if before != salts:
            raise HilumError(
                f"--data {name}",
                expected=f"patients of {issuer} named as in {other} ({_described(before)})",
                found=_described(salts),
                fix="A patient in both would count as two. Ingest both with --hash-patients and one salt, or neither.",
            )


def _described(salts: frozenset[str | None]) -> str:
    words = sorted("ids" if salt is None else f"pseudonyms under salt {salt}" for salt in salts)
    return " and ".join(words) or "no patients"


def _parts(full_name: str) -> tuple[str, str, str]:
    """Return issuer, colon and number; without an issuer the whole text is the number."""
    issuer, colon, number = full_name.partition(":")
    return (issuer, colon, number) if colon else ("", "", issuer)
