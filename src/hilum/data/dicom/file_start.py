"""Recognition of DICOM files: by the preamble (PS3.10 7.1), or, as in many archives, by their first element."""

_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


def has_preamble(start: bytes) -> bool:
    """Return true if a file's first 132 bytes are those of a DICOM file."""
    return start[128:132] == b"DICM"


def starts_a_data_set(start: bytes) -> bool:
    """Return true for a first element of group 0002 or 0008, as in DICOM files without preamble.

    Args:
        start: First bytes of a file, 8 or more.
    """
    if len(start) < 8:
        return False
    group, element = int.from_bytes(start[:2], "little"), int.from_bytes(start[2:4], "little")
    if group not in (0x0002, 0x0008) or element > 0x0100:
        return False
    length = int.from_bytes(start[4:8], "little")
    return start[4:6] in _VRS or (length % 2 == 0 and length <= 1024)
