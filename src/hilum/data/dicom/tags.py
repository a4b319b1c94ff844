"""Allow list: the only DICOM tags that are ever read, and the use of their values. No other element leaves a file.

(SpecificCharacterSet (0008,0005) is also read, to decode text.)

Other tags are skipped by length and never converted into values, so that they can reach neither an artifact nor a
message. Text of the tags below is recorded only if it is one of the standard's defined terms.
"""

from collections.abc import Mapping

IDENTIFIERS: Mapping[str, str] = {
    "PatientID": "manifest, patient_id; replaced by a salted hash on request",
    "StudyInstanceUID": "manifest, study_id; replaced by a salted hash on request",
}

DESCRIPTION: Mapping[str, str] = {
    "ViewPosition": "manifest, view; only terms of VIEWS",
    "PatientAge": "manifest, age in years",
    "PatientSex": "manifest, sex; only F and M",
    "SOPClassUID": "identifies radiographs",
    "Modality": "identifies radiographs; only terms of MODALITIES are recorded",
    "PatientOrientation": "turns the image upright; only A, P, R, L, H and F are recorded",
    "BurnedInAnnotation": "counted if YES",
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
    "used to convert stored values into gray values",
)

PREFACE: Mapping[str, str] = {
    "TransferSyntaxUID": "defines the encoding; recorded by its name in the standard",
    "MediaStorageSOPClassUID": "identifies radiographs",
}

PREFACE_TAGS: tuple[str, ...] = tuple(PREFACE)
"""Elements of the file meta information, group 0002, that are read."""

OVERLAYS: Mapping[int, str] = {
    0x60000000 + (plane << 17) + element: "identifies bits of a pixel that are an overlay"
    for plane in range(16)
    for element in (0x0100, 0x0102)
}
"""Overlay Bits Allocated (60xx,0100) and Bit Position (60xx,0102) of the sixteen planes that a file may have."""

_OF_THE_FORMAT = (
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction", "HighBit"),
)

RANGE: Mapping[str, str] = dict.fromkeys(
    ("SmallestImagePixelValue", "LargestImagePixelValue"), "selects, with the window, files to decode for a check"
)

HEADER_TAGS: tuple[str, ...] = (*IDENTIFIERS, *DESCRIPTION, *_OF_THE_FORMAT, *RANGE)
"""Elements that `read_header` reads; those of the pixel format are checked, to reject invalid files early."""

IMAGE_TAGS: tuple[str, ...] = (*DESCRIPTION, *PIXELS)
"""Elements that decoding reads; no identifier is among them."""

VIEWS: frozenset[str] = frozenset("AP PA LL RL RLD LLD RLO LLO LAT LATERAL LPO LAO RPO RAO XTL".split())
"""Defined terms of View Position (0018,5101) in PS3.3 C.8.1.1 and C.8.7.2, and the commonly used LAT and LATERAL."""

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
"""Defined terms of Modality (0008,0060), PS3.3 C.7.3.1.1.1, with names for messages."""
