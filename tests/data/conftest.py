import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian


@pytest.fixture
def images() -> Callable[..., pl.DataFrame]:
    """Makes a manifest: `images(["p1", "p1", "p2"], Mass=[1, 0, None], split=[...])`, ids a0, a1, …, paths a0.png, …"""

    def make(patients: list[str], **columns: list) -> pl.DataFrame:
        ids = [f"a{number}" for number in range(len(patients))]
        text = pl.Series([None] * len(ids), dtype=pl.String)
        manifest = pl.DataFrame(
            {
                "image_id": pl.Series(ids, dtype=pl.String),
                "path": pl.Series([f"{image_id}.png" for image_id in ids], dtype=pl.String),
                "patient_id": pl.Series(patients, dtype=pl.String),
                "study_id": text,
                "view": text,
                "age": text.cast(pl.Float64),
                "sex": text,
                "split": text,
            }
        )
        for name, values in columns.items():
            name = name.replace("_", " ") if name[0].isupper() else name
            dtype = pl.Int8 if name[0].isupper() else pl.Float64 if name == "age" else pl.String
            manifest = manifest.with_columns(pl.Series(name, values, dtype=dtype))
        return manifest

    return make


@pytest.fixture
def radiographs() -> Callable[[Path, pl.DataFrame], Path]:
    """Writes a smooth gray PNG for every path of a manifest below a folder, each another one."""

    def write(root: Path, manifest: pl.DataFrame, size: int = 40) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(manifest["path"]):
            noise = np.random.default_rng(number).integers(0, 256, (5, 5), dtype=np.uint8)
            cv2.imwrite(str(root / path), cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC))
        return root

    return write


@pytest.fixture
def dicom(tmp_path) -> Callable[..., Path]:
    """Writes a CR file of an array; keywords set or overrule its header, None takes an element out."""

    def write(pixels: np.ndarray, name: str = "a.dcm", **header) -> Path:
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = header.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
        meta.MediaStorageSOPClassUID = header.get("SOPClassUID") or ComputedRadiographyImageStorage
        meta.MediaStorageSOPInstanceUID = "1.2.3"
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = ComputedRadiographyImageStorage, "1.2.3", "CR"
        dataset.Rows, dataset.Columns = pixels.shape[-2:]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
        dataset.HighBit = (header.get("BitsStored") or dataset.BitsStored) - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        dataset.PixelData = pixels.tobytes()
        path = tmp_path / name
        with warnings.catch_warnings():  # what the standard forbids stands in files all the same
            warnings.simplefilter("ignore")
            for keyword, value in header.items():
                if value is None:
                    delattr(dataset, keyword)
                else:
                    setattr(dataset, keyword, value)
            dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def recoded() -> Callable[[Path, str], Path]:
    """Rewrites a DICOM file in another transfer syntax of GDCM's naming, in place."""
    import gdcm

    def recode(path: Path, syntax: str) -> Path:
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change(), f"GDCM cannot write these pixels in {syntax}"
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        assert writer.Write()
        return path

    return recode
