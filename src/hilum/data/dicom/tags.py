"""The allow list: the only DICOM tags that are ever read, and where their values may go. Nothing else leaves a file.

(SpecificCharacterSet (0008,0005) is read besides, to decode text.)

Tags outside these tables are skipped by length, never turned into values, and so can reach neither an artifact nor a
message. Text from the tags inside is passed on only where it is one of the terms that the standard defines for it.
"""

from collections.abc import Mapping

IDENTIFIERS: Mapping[str, str] = {
    "PatientID": "manifest, patient_id; replaced by a salted hash where asked for",
    "StudyInstanceUID": "manifest, study_id; replaced by a salted hash where asked for",
}

DESCRIPTION: Mapping[str, str] = {
    "ViewPosition": "manifest, view; only terms of VIEWS",
    "PatientAge": "manifest, age in years",
    "PatientSex": "manifest, sex; only F and M",
    "SOPClassUID": "decides whether the file is a radiograph",
    "Modality": "decides whether the file is a radiograph; only terms of MODALITIES are recorded",
    "PatientOrientation": "turns the image upright; only A, P, R, L, H and F are recorded",
    "BurnedInAnnotation": "counted where YES",
    "PixelSpacing": "header record, mm",
    "ImagerPixelSpacing": "header record, mm",
    "NumberOfFrames": "files of several frames are refused",
    "Rows": "size of the image",
    "Columns": "size of the image",
}

PIXELS: Mapping[str, str] = dict.fromkeys(
    (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "ModalityLUTSequence",
        "RescaleSlope",
        "RescaleIntercept",
        "VOILUTSequence",
        "VOILUTFunction",
        "WindowCenter",
        "WindowWidth",
        "PixelData",
    ),
    "decides how stored values become gray values",
)

PREFACE: Mapping[str, str] = {
    "TransferSyntaxUID": "decides how the rest is read; recorded by its name in the standard",
    "MediaStorageSOPClassUID": "decides whether the file is a radiograph",
}

PREFACE_TAGS: tuple[str, ...] = tuple(PREFACE)
"""What is kept of the file meta information, group 0002."""

OVERLAYS: Mapping[int, str] = {
    0x60000000 + (plane << 17) + element: "decides which bits of a pixel are an overlay and no value"
    for plane in range(16)
    for element in (0x0100, 0x0102)
}
"""Overlay Bits Allocated (60xx,0100) and Bit Position (60xx,0102) of the sixteen planes that a file may have."""

_OF_THE_FORMAT = (
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction", "HighBit"),
)

RANGE: Mapping[str, str] = dict.fromkeys(
    ("SmallestImagePixelValue", "LargestImagePixelValue"), "tells, with the window, which files are worth decoding"
)

HEADER_TAGS: tuple[str, ...] = (*IDENTIFIERS, *DESCRIPTION, *_OF_THE_FORMAT, *RANGE)
"""What `read_header` reads: what pixels need is looked at, so that a file without it is set aside before decoding."""

IMAGE_TAGS: tuple[str, ...] = (*DESCRIPTION, *PIXELS)
"""What decoding reads: no identifier among them."""

VIEWS: frozenset[str] = frozenset("AP PA LL RL RLD LLD RLO LLO LAT LATERAL LPO LAO RPO RAO XTL".split())
"""Defined terms of View Position (0018,5101) in PS3.3 C.8.1.1 and C.8.7.2, and the field's own LAT and LATERAL."""

MODALITIES: Mapping[str, str] = {
    "CR": "computed radiography",
    "DX": "digital radiography",
    "RG": "image radiography",
    "OT": "other",
    "CT": "computed tomography",
    "MR": "magnetic resonance",
    "MG": "mammography",
    "US": "ultrasound",
    "NM": "nuclear medicine",
    "PT": "positron emission tomography",
    "XA": "angiography",
    "RF": "fluoroscopy",
    "IO": "intra-oral radiography",
    "PX": "panoramic radiography",
    "XC": "photography",
    "ES": "endoscopy",
    "GM": "microscopy",
    "SM": "slide microscopy",
    "SC": "secondary capture",
    "SR": "structured report",
    "PR": "presentation state",
    "KO": "key object selection",
    "SEG": "segmentation",
    "DOC": "document",
    "ECG": "electrocardiography",
}
"""Defined terms of Modality (0008,0060), PS3.3 C.7.3.1.1.1, that are worth a name of their own."""
