"""Pseudonyms of patients, and the salts under which they are made: what may be stored beside weights that people share.

Weights say which patients they were trained on, so that nobody judges them on the same patients. They cannot say it in
clear: a hospital's patient id names a person to everyone in the hospital. A pseudonym stands for it:

    h<salt>-<hash>      hash = first 128 bits of HMAC-SHA256(salt, "patient" 0 id), 32 hexadecimal digits
                        salt = first 32 bits of HMAC-SHA256(salt, "salt" 0), 8 digits: which salt, not what it is

*Why a secret salt.* Ids of a hospital are short: all numbers of eight digits are hashed in a minute, so that a plain
hash of one hides nothing. HMAC (RFC 2104) under a secret salt of 16 bytes or more can be tried out only by those who
hold the salt. Ids of public data sets are published already and everybody may compare them: they are hashed under
`PUBLIC_SALT`, the same everywhere, so that the cards of two sites that trained on ChestX-ray14 meet.

*Why these lengths.* Two of a billion patients share 128 bits by chance with probability 1.5e-21; half of the digest
keeps cards half as long. The 32 bits that name a salt tell salts apart, and are too few to confirm a guessed one: of
2^128 guesses 2^96 fit.

*Place of the salt.* In `HILUM_PATIENT_SALT`, or else in the file `salt_file()` of this user, outside of anything that
is shared; it is made when it is first needed, readable by this user only. A site that trains on several machines copies
that file, or sets the variable, on each of them. Who loses the salt can compare nothing any more: what Hilum says then
is "not known", never "no".

An image that came without a patient id counts as a patient of its own; its pseudonym, ?h<salt>-<hash>, says so.

A pseudonym names its salt, so that pseudonyms of two salts are never taken for two patients.
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
"""Environment variable that holds the salt of this user where the file does not."""

OWN = "own"
"""What stands instead of a file for this user's own salt."""

PUBLIC_SALT = b"hilum: patients of public data sets"
"""Known to everybody: for ids that are published."""

OWN_COLLECTIONS = ("folder", "uka_cxr", "gb7_flg")
"""Collections whose ids may be a hospital's: whatever the folder's owner wrote, or what DICOM headers say. Those of the
others are published pseudonyms."""

SHORTEST_SALT = 16
"""Bytes; `head -c 32 /dev/urandom | base64` makes a good one."""

WITHOUT_ID = "?"
"""Stands before the id of an image that came without a patient id, in a full name and in a pseudonym."""

_MAX_SALT = 4096
_HASH, _SALT = 32, 8  # hexadecimal digits
_PSEUDONYM = re.compile(rf"\??h([0-9a-f]{{{_SALT}}})-[0-9a-f]{{{_HASH}}}")
_GENERATED = re.compile(r"phantom-s\d+")
_MAKE = "Make one: head -c 32 /dev/urandom | base64 > salt.txt; keep it, and keep it secret."


def hashed(identifier: str, kind: str, salt: bytes) -> str:
    """The hash that stands for an identifier: 32 hexadecimal digits.

    Args:
        identifier: as the data set writes it.
        kind: "patient", "study" or "image"; a number that is both has different hashes.
        salt: of `read_salt`.
    """
    return hmac.digest(salt, f"{kind}\0{identifier}".encode(), "sha256").hex()[:_HASH]


def pseudonym(patient_id: str, salt: bytes) -> str:
    """What stands for a patient's id; a pseudonym stands for itself."""
    if salt_of(patient_id) is not None:
        return patient_id
    mark, number = (WITHOUT_ID, patient_id[1:]) if patient_id.startswith(WITHOUT_ID) else ("", patient_id)
    return f"{mark}h{salt_name(salt)}-{hashed(_hashed_form(number), 'patient', salt)}"


def salt_of(patient_id: str) -> str | None:
    """Name of the salt under which a pseudonym was made; None for an id that is none."""
    found = _PSEUDONYM.fullmatch(patient_id)
    return found[1] if found else None


@cache
def salt_name(salt: bytes) -> str:
    """Which salt it is, in 8 hexadecimal digits that do not tell it."""
    return hmac.digest(salt, b"salt\0", "sha256").hex()[:_SALT]


def is_public(issuer: str) -> bool:
    """Whether the ids of an issuer are published: those of a public data set, or of a generated population."""
    public = issuer in COLLECTIONS and not has_own_ids(issuer)
    return public or _GENERATED.fullmatch(issuer) is not None


def has_own_ids(collection: str) -> bool:
    """Whether patients of a collection may have a hospital's ids: see `OWN_COLLECTIONS`."""
    if collection in ADDED_COLLECTIONS:
        return not ADDED_COLLECTIONS[collection].published_ids
    return collection in OWN_COLLECTIONS


def pseudonymised_names(full_names: Iterable[str], salt: bytes | None = None) -> list[str]:
    """Full names with pseudonyms for ids, sorted, each once.

    Args:
        full_names: `<issuer>:<id>`, as of `hilum.data.patients.names.patient_names`. Where there is no issuer, the id
            may be anybody's.
        salt: secret, for ids that are not published; this user's own when left out.

    Raises:
        HilumError: this user's salt is needed, and can neither be read nor made.
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
    """The salts that this user can hash ids under, by their names: the public one, and this user's own if there is one.

    Raises:
        HilumError: the user's own salt is too short, or cannot be read.
    """
    salts = [PUBLIC_SALT]
    if os.environ.get(VARIABLE):
        salts.append(read_salt("env"))
    if salt_file().is_file():
        salts.append(read_salt(str(salt_file())))
    return {salt_name(salt): salt for salt in salts}


def salt_file() -> Path:
    """Where the salt of this user is, or will be, kept: in the folder for settings, never in one that is shared."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hilum" / "patient_salt.txt"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "hilum" / "patient_salt.txt"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hilum" / "patient_salt.txt"


def own_salt() -> bytes:
    """The salt of this user: of `HILUM_PATIENT_SALT`, of `salt_file()`, or a new one that is left there.

    Raises:
        HilumError: it is too short, or cannot be read or made.
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
                expected="this user's salt for patients, or a place to make one",
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
            os.link(beside, path)  # unlike a renaming, it never takes the place of what another process has just made
        except FileExistsError:
            return
        except OSError:  # a file system without links
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_salt(source: str) -> bytes:
    """The salt out of a file; with "env" out of `HILUM_PATIENT_SALT`, with "own" this user's (see `own_salt`).

    Blanks and line ends around it do not count.

    Raises:
        HilumError: there is none, or one that could be guessed for its shortness.
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
    """Refuse data sets of one issuer whose patients cannot be distinguished: ids here, pseudonyms there.

    Args:
        patient_ids: of each data set, by name.
        issuers: of each data set.

    Raises:
        HilumError: two data sets of one issuer that name patients under two salts, or only one of them under a salt.
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
                expected=f"patients of {issuer} named as in {other} ({_in_words(before)})",
                found=_in_words(salts),
                fix="A patient in both would count as two. Ingest both with --hash-patients and one salt, or neither.",
            )


def _in_words(salts: frozenset[str | None]) -> str:
    words = sorted("ids" if salt is None else f"pseudonyms under salt {salt}" for salt in salts)
    return " and ".join(words) or "no patients"


def _parts(full_name: str) -> tuple[str, str, str]:
    """Issuer, colon and number; without an issuer all of it is the number."""
    issuer, colon, number = full_name.partition(":")
    return (issuer, colon, number) if colon else ("", "", issuer)


def _hashed_form(patient_id: str) -> str:
    """The form of an id that is hashed: every way to write one patient must give the same."""
    return canonical_patient_id(patient_id)
