"""Splits: named, by patient, without patient overlap between parts."""

from hilum.data.splits.by_patient import assign_patients, label_fraction, patient_split, sample_patients
from hilum.data.splits.held_out import held_out_images, held_out_patients
from hilum.data.splits.listed import listed_split
from hilum.data.splits.papers import PAPER_RULES, image_wise_validation, paper_split
from hilum.data.splits.parse import images_of_part, parse_split
from hilum.data.splits.split import PARTS, Split, check_patients_apart

__all__ = [
    "PAPER_RULES",
    "PARTS",
    "Split",
    "assign_patients",
    "check_patients_apart",
    "held_out_images",
    "held_out_patients",
    "image_wise_validation",
    "images_of_part",
    "label_fraction",
    "listed_split",
    "paper_split",
    "parse_split",
    "patient_split",
    "sample_patients",
]
