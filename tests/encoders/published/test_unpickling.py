import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hilum.encoders.published import read, unpickled_tensors
from hilum.errors import HilumError


class Runs:
    """Touches a file when it is unpickled in the ordinary way."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


@pytest.fixture
def model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.Linear(4, 2).double())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_model_gives_the_tensors_of_its_state(zipped, model, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    found = unpickled_tensors(path)
    assert found.keys() == model.state_dict().keys()
    for key, tensor in model.state_dict().items():
        assert torch.equal(found[key], tensor), key
        assert found[key].dtype == tensor.dtype


def test_nothing_that_the_file_names_is_run(model, tmp_path):
    marker = tmp_path / "it ran"
    torch.save({"state_dict": model.state_dict(), "extra": Runs(marker)}, tmp_path / "bad.pth")
    found = unpickled_tensors(tmp_path / "bad.pth")
    assert f"state_dict.{next(iter(model.state_dict()))}" in found
    assert not marker.exists()
    torch.load(tmp_path / "bad.pth", weights_only=False)  # the trap is real
    assert marker.exists()


def test_views_and_shared_storages_come_out_as_they_were(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    content = {"transposed": base.T, "part": base[1:3, ::2], "same": base, "scalar": base[2, 3], "none": base[:0]}
    torch.save({"tensors": content, "trap": Runs(tmp_path / "x")}, tmp_path / "a.pth")
    found = unpickled_tensors(tmp_path / "a.pth")
    for key, tensor in content.items():
        assert torch.equal(found[f"tensors.{key}"], tensor), key


def test_a_tensor_outside_its_storage_is_refused(tmp_path):
    torch.save({"w": torch.zeros(4).as_strided((4,), (1,)), "trap": Runs(tmp_path / "x")}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in entries if name.endswith("data.pkl"))
    assert entries[name].count(b"K\x04\x85") == 1  # the size (4,)
    entries[name] = entries[name].replace(b"K\x04\x85", b"K\x40\x85")
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    with pytest.raises(HilumError, match="a tensor claims more than its storage holds"):
        unpickled_tensors(tmp_path / "b.pth")


def test_a_bomb_a_cut_off_file_and_one_without_tensors_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(20_000_000))
    with pytest.raises(HilumError, match="would unpack to"):
        unpickled_tensors(tmp_path / "bomb.pth")
    torch.save(nn.Linear(50, 50), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "cut.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:-10])
    with pytest.raises(HilumError, match="a storage is missing or cut off"):
        unpickled_tensors(tmp_path / "cut.pth")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(HilumError, match="no tensors in it"):
        unpickled_tensors(tmp_path / "none.pth")


def test_a_storage_that_claims_terabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"w": torch.zeros(2), "trap": Runs(tmp_path / "x")}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    at = content.rindex(struct.pack("<q", 2))
    path.write_bytes(content[:at] + struct.pack("<q", 2**40) + content[at + 8 :])
    with pytest.raises(HilumError, match="another size than its tensors"):
        unpickled_tensors(path)


def test_arrays_are_copies_of_their_own(tmp_path):
    torch.save({"a": torch.ones(3), "trap": Runs(tmp_path / "x")}, tmp_path / "a.pth")
    arrays = read(tmp_path / "a.pth")
    assert arrays["a"].flags.owndata
    np.testing.assert_array_equal(arrays["a"], np.ones(3, np.float32))
