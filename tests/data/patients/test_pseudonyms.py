import hashlib
import hmac
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from hilum.data.patients import (
    PUBLIC_SALT,
    check_same_salt,
    hashed,
    is_public,
    known_salts,
    own_salt,
    pseudonym,
    pseudonymised_names,
    read_salt,
    salt_file,
    salt_name,
    salt_of,
)
from hilum.errors import HilumError

SALT = b"sixteen bytes or more"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who has no salt yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HILUM_PATIENT_SALT", raising=False)
    return tmp_path


def test_a_hash_is_hmac_sha256_of_kind_and_identifier():
    expected = hmac.new(SALT, b"patient\x0077", hashlib.sha256).hexdigest()[:32]
    assert hashed("77", "patient", SALT) == expected
    assert hashed("77", "study", SALT) != expected
    assert hashed("77", "patient", SALT + b".") != expected
    which = hmac.new(SALT, b"salt\x00", hashlib.sha256).hexdigest()[:8]
    assert pseudonym("77", SALT) == f"h{which}-{expected}"


@given(st.text(), st.binary(min_size=16))
def test_a_pseudonym_is_of_the_patient_and_the_salt_and_says_which_salt(patient, salt):
    one = pseudonym(patient, salt)
    assert salt_of(one) == salt_name(salt)
    assert pseudonym(one, salt) == pseudonym(one, SALT) == one  # made once, it stays
    assert pseudonym(patient + "y", salt) != one
    assert pseudonym(patient, salt + b"x") != one
    assert salt_of(patient) is None


@given(st.lists(st.tuples(st.sampled_from(["ours", "uka_cxr", "klinik-1", "folder", ""]), st.text(min_size=4))))
def test_sealed_names_hold_no_id_of_ones_own(names):
    message = [f"{issuer}:{number}" if issuer else number.replace(":", "") + "." for issuer, number in names]
    message = [name for name in message if not is_public(name.partition(":")[0])]
    made = pseudonymised_names(message, SALT)
    assert made == pseudonymised_names(made, b"another salt, not looked at") == sorted(made)
    assert len(made) <= len(set(message))
    for name in made:
        assert salt_of(name.rpartition(":")[2]) == salt_name(SALT)


def test_published_ids_are_hashed_alike_everywhere_and_need_no_salt(home):
    assert pseudonymised_names(["chestxray14:13", "phantom-s0:4"]) == [
        f"chestxray14:{pseudonym('13', PUBLIC_SALT)}",
        f"phantom-s0:{pseudonym('4', PUBLIC_SALT)}",
    ]
    assert not salt_file().exists()
    assert not any(map(is_public, ("folder", "uka_cxr", "gb7_flg", "ours", "", "chestxray14 of ours", "phantom-sx")))


def test_a_salt_of_ones_own_is_made_once_and_for_this_user_only(home):
    assert pseudonymised_names(["ours:1"]) == pseudonymised_names(["ours:1"]) == [f"ours:{pseudonym('1', own_salt())}"]
    assert len(salt_file().read_bytes().strip()) >= 43  # 32 random bytes
    assert stat.S_IMODE(salt_file().stat().st_mode) == 0o600
    assert [path.name for path in salt_file().parent.iterdir()] == ["patient_salt.txt"]
    assert read_salt("own") == own_salt()
    assert set(known_salts()) == {salt_name(PUBLIC_SALT), salt_name(own_salt())}


def test_processes_that_start_together_agree_on_one_salt(home):
    code = "from hilum.data.patients.pseudonyms import own_salt; print(own_salt().decode())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ.copy()) for _ in range(4)
    ]
    assert {each.communicate()[0].decode().strip() for each in running} == {own_salt().decode()}


def test_the_variable_goes_before_the_file_and_both_are_known(home, monkeypatch):
    own = own_salt()
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT.decode())
    assert own_salt() == SALT
    assert {salt_name(own), salt_name(SALT)} <= set(known_salts())


def test_where_no_salt_can_be_made_it_says_what_to_do(home, monkeypatch):
    (home / "config").write_text("a file where the folder should be")
    with pytest.raises(HilumError, match="Set HILUM_PATIENT_SALT to a secret of 16 bytes or more"):
        pseudonymised_names(["ours:1"])


def test_a_salt_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    (tmp_path / "salt.txt").write_bytes(SALT + b"\n")
    assert read_salt(str(tmp_path / "salt.txt")) == SALT
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT.decode())
    assert read_salt("env") == SALT
    monkeypatch.delenv("HILUM_PATIENT_SALT")
    with pytest.raises(HilumError, match="HILUM_PATIENT_SALT: expected a salt of at least 16 bytes; found 0"):
        read_salt("env")
    with pytest.raises(HilumError, match="expected a file with a secret salt, env, or own; found no such file"):
        read_salt(str(tmp_path / "none.txt"))


def test_two_data_sets_of_one_issuer_must_name_patients_alike():
    hidden, other = pseudonym("1", SALT), pseudonym("1", SALT + b"2")
    with pytest.raises(
        HilumError, match=r"--data b: expected patients of ours named as in a \(ids\); found pseudonyms"
    ):
        check_same_salt({"a": ["1"], "b": [hidden]}, {"a": "ours", "b": "ours"})
    with pytest.raises(HilumError, match="--data b"):
        check_same_salt({"a": [hidden], "b": [other]}, {"a": "ours", "b": "ours"})
    check_same_salt({"a": ["1"], "b": [hidden]}, {"a": "ours", "b": "theirs"})
    check_same_salt({"a": [hidden, "chestxray14:1"], "b": [hidden]}, {"a": "ours", "b": "ours"})
