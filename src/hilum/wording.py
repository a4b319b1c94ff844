"""Wording of counts in messages, notes and reports."""


def counted(number: int, noun: str = "image", plural: str | None = None) -> str:
    """Format a count with its noun.

    Args:
        number: Count.
        noun: Noun, or noun and verb, in the singular.
        plural: The same in the plural; default: noun + "s".

    Example:
        >>> counted(1), counted(2048), counted(3, "study", "studies"), counted(1, "image is", "images are")
        ('1 image', '2,048 images', '3 studies', '1 image is')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def images_of_patients(images: int, patients: int) -> str:
    """Format numbers of images and of their patients.

    Example:
        >>> images_of_patients(1200, 1)
        '1,200 images of 1 patient'
    """
    return f"{counted(images)} of {counted(patients, 'patient')}"
