import argparse
import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from hilum.encoders.published import PickledObjects, flatten, read_tensors
from hilum.errors import HilumError

TENSORS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "bn.count": torch.tensor(4)}


def equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


def test_safetensors_torch_and_npz_files_give_the_same_tensors(tmp_path):
    safetensors.torch.save_file(TENSORS, tmp_path / "a")
    torch.save(TENSORS, tmp_path / "b")
    torch.save(TENSORS, tmp_path / "c", _use_new_zipfile_serialization=False)
    np.savez(tmp_path / "d.npz", **{key: tensor.numpy() for key, tensor in TENSORS.items()})
    for name in ("a", "b", "c", "d.npz"):  # the content decides, not the name
        assert equal(read_tensors(tmp_path / name), TENSORS), name


def test_a_checkpoint_with_arguments_and_counters_gives_its_tensors_by_nested_names(tmp_path):
    content = {"state_dict": TENSORS, "epoch": 3, "args": argparse.Namespace(lr=0.1), "more": [torch.ones(1)]}
    torch.save(content, tmp_path / "checkpoint.pth")
    expected = {f"state_dict.{key}": tensor for key, tensor in TENSORS.items()} | {"more.0": torch.ones(1)}
    assert equal(read_tensors(tmp_path / "checkpoint.pth"), expected)


class Runs:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickled_file_is_refused_with_the_command_and_runs_nothing(tmp_path):
    marker = tmp_path / "it ran"
    torch.save({"state_dict": TENSORS, "extra": Runs(marker)}, tmp_path / "bad.pth")
    with pytest.raises(PickledObjects, match=r"hilum weights import .*bad\.pth --as NAME --unpickle"):
        read_tensors(tmp_path / "bad.pth")
    np.savez(tmp_path / "bad.npz", kernel=np.array([Runs(marker)], dtype=object))
    with pytest.raises(PickledObjects, match=r"pickled objects in kernel\.npy"):
        read_tensors(tmp_path / "bad.npz")
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["safetensors", "torch", "old torch", "npz"])
@pytest.mark.parametrize("selected", [0.3, 0.9])
def test_a_truncated_file_is_refused(kind, selected, tmp_path):
    tensors = {"w": torch.randn(100, 100, generator=torch.Generator().manual_seed(0))}
    path = tmp_path / "file"
    if kind == "safetensors":
        safetensors.torch.save_file(tensors, path)
    elif kind == "npz":
        with path.open("wb") as stream:
            np.savez(stream, w=tensors["w"].numpy())
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "torch")
    path.write_bytes(path.read_bytes()[: int(selected * path.stat().st_size)])
    with pytest.raises(HilumError, match=r"expected a whole (checkpoint|safetensors file)"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"\n<!DOCTYPE html><html><body>Not found</body></html>", "found a web page"),
        (b"<html><head>", "found a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "found a pointer of git-lfs"),
    ],
)
def test_what_is_no_checkpoint_is_distinguished(content, message, tmp_path):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(HilumError, match=message):
        read_tensors(tmp_path / "weights.pth")
    with pytest.raises(HilumError, match="found no such file"):
        read_tensors(tmp_path / "absent.pth")


def test_a_bomb_is_refused_by_its_table_of_contents(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(50_000_000))
    with pytest.raises(HilumError, match=r"bytes that would unpack to 50,000,004"):
        read_tensors(tmp_path / "bomb.pth")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(50_000_000))
    with pytest.raises(HilumError, match=r"would unpack to 50,000,000"):
        read_tensors(tmp_path / "bomb.npz")


def test_a_table_of_contents_that_is_is_refused(tmp_path):
    stream = io.BytesIO()
    torch.save(TENSORS, stream)
    content = bytearray(stream.getvalue())
    entry = content.index(b"PK\x01\x02")  # claims 4 GB for the first file
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    (tmp_path / "bomb.pth").write_bytes(content)
    with pytest.raises(HilumError, match="would unpack to 4,29"):
        read_tensors(tmp_path / "bomb.pth")


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", header.getvalue() + bytes(64))
    with pytest.raises(HilumError, match="more than it holds"):
        read_tensors(tmp_path / "w.npz")


def test_a_tensor_that_claims_more_numbers_than_it_stores_is_refused(tmp_path):
    torch.save({"w": torch.zeros(1).expand(10**9)}, tmp_path / "w.pth")
    with pytest.raises(HilumError, match="claims 1,000,000,000 numbers and stores 4 bytes"):
        read_tensors(tmp_path / "w.pth")
    with pytest.raises(ValueError, match="claims"):
        flatten({"w": torch.zeros(1).expand(5)})


def test_an_unpickling_error_that_is_damage_is_called_damage(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": 1})[:-1])
    with pytest.raises(HilumError, match=r"whole checkpoint|pickled objects"):
        read_tensors(tmp_path / "w.pth")


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "w.pth"
    torch.save({"a": torch.randn(50, 50, generator=torch.Generator().manual_seed(0)), "b": torch.arange(9.0)}, path)
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 10**9))
def test_a_flipped_bit_in_a_zip_is_damage_or_changes_no_number(zipped, tmp_path, bit):
    content = bytearray(zipped.read_bytes())
    bit %= 8 * len(content)
    content[bit // 8] ^= 1 << bit % 8
    (tmp_path / "flipped.pth").write_bytes(content)
    try:
        found = read_tensors(tmp_path / "flipped.pth")
    except HilumError:
        return
    assert equal(found, read_tensors(zipped))


def test_a_flipped_bit_in_a_tensor_names_its_entry(zipped, tmp_path):
    content = bytearray(zipped.read_bytes())
    content[len(content) // 2] ^= 0x40
    (tmp_path / "flipped.pth").write_bytes(content)
    assert not torch.equal(torch.load(tmp_path / "flipped.pth")["a"], torch.load(zipped)["a"])  # torch says nothing
    with pytest.raises(
        HilumError, match=r"expected content that matches its checksums; found other content in w/data/0"
    ):
        read_tensors(tmp_path / "flipped.pth")


def test_a_zip_that_was_written_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(TENSORS, tmp_path / "w.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert equal(read_tensors(tmp_path / "w.pth"), TENSORS)
