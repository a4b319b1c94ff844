"""Reading of an input image: preprocessed pixels, or the reason for refusal."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.data.dicom import read_header
from hilum.data.file_kinds import START, FileKind
from hilum.data.images import Remark
from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import leads_inside
from hilum.data.pixels import decodable_kind, decode_image, read_content
from hilum.data.preprocess import Recipe, preprocess
from hilum.prediction.description import TrainingRange
from hilum.prediction.inputs import InputImage
from hilum.prediction.reasons import Reason, Refusal, refuse_by_header, refuse_by_pixels


@dataclass(frozen=True)
class ReadImage:
    """Decoded and preprocessed input image.

    Attributes:
        pixels: Preprocessed pixels (S, S); None if the image is refused.
        refusal: Reason for refusal; None if it is not.
        patient_id: Patient id from the tables, else from the file.
        remarks: Irregularities of the file.
    """

    pixels: NDArray[np.uint8] | None
    refusal: Refusal | None
    patient_id: str | None
    remarks: tuple[Remark, ...] = ()


def read_input(image: InputImage, recipe: Recipe, training: TrainingRange, accepted: Collection[Reason]) -> ReadImage:
    """Decode, check and preprocess an image.

    Args:
        image: Input image.
        recipe: Preprocessing of the model.
        training: Range of its training images.
        accepted: Reasons for refusal to ignore.
    """
    patient, view, age = image.patient_id, image.view, image.age
    remarks: tuple[Remark, ...] = ()

    def refused(refusal: Refusal) -> ReadImage:
        return ReadImage(None, refusal, patient, remarks)

    if image.path is None:
        return refused(Refusal(Reason.NOT_ON_DISK))
    if image.root is not None and not leads_inside(image.path, image.root):
        return refused(Refusal(Reason.UNREADABLE, "leads out of the folder"))
    try:
        content = read_content(image.path) if image.content is None else image.content
        kind = decodable_kind(content[:START], image.path)
        if kind is FileKind.DICOM:
            header = read_header(image.path, content)
            remarks = header.remarks
            patient, view = patient or header.patient_id, view or header.view
            age = header.age if age is None else age
        if refusal := refuse_by_header(view, age, remarks, training, accepted):
            return refused(refusal)
        decoded = decode_image(content, image.path, recipe.window)
        remarks = decoded.remarks
        pixels = preprocess(decoded.pixels, recipe)
    except UnreadableImage as error:
        return refused(Refusal(Reason.UNREADABLE, error.reason))
    height, width = decoded.pixels.shape
    if refusal := refuse_by_pixels(pixels, (height, width), training, accepted):
        return refused(refusal)
    return ReadImage(pixels, None, patient, remarks)
