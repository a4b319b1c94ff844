import pydicom


def test_files_are_in_folders_named_after_their_class(generated):
    root, written = generated("gb7_flg")
    assert sorted(path.name for path in root.glob("MD*")) == ["MD__20190111-1231_pnevmoniya", "MD__20200424__norma"]
    assert written.manifest["Pneumonia"].sum() == 8  # 2 of 9
    files = [pydicom.dcmread(root / path) for path in written.manifest["path"]]
    assert {file.BitsStored for file in files} == {12}
    assert {file.PhotometricInterpretation for file in files} == {"MONOCHROME1", "MONOCHROME2"}
    assert all("." not in path.rpartition("/")[2] for path in written.manifest["path"])
