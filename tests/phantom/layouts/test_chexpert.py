import cv2
import numpy as np

# first line of CheXpert's train.csv and valid.csv
HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)


def lines(root, part):
    return (root / "CheXpert-v1.0-small" / f"{part}.csv").read_text().splitlines()


def test_the_folder_has_the_native_files_and_no_others(generated):
    root, written = generated("chexpert")
    tables = {"CheXpert-v1.0-small/train.csv", "CheXpert-v1.0-small/valid.csv"}
    files = {path.relative_to(root).as_posix() for path in root.rglob("[!.]*") if path.is_file()}
    assert files == tables | set(written.manifest["path"])


def test_tables_have_the_native_header_and_codes(generated):
    root, _ = generated("chexpert")
    for part, codes in (("train", {"1.0", "0.0", "-1.0", ""}), ("valid", {"1.0", "0.0"})):
        header, *rows = lines(root, part)
        assert header == HEADER
        assert {cell for row in rows for cell in row.split(",")[5:]} == codes
        assert all(row.startswith(f"CheXpert-v1.0-small/{part}/patient0") for row in rows)


def test_patients_are_in_one_of_the_two_lists(generated):
    root, _ = generated("chexpert")
    train, valid = ({row.split("/")[2] for row in lines(root, part)[1:]} for part in ("train", "valid"))
    assert train.isdisjoint(valid)
    assert train
    assert valid


def test_images_are_8_bit_gray_jpegs_in_the_proportions_of_the_detector(generated):
    root, written = generated("chexpert")
    shapes = set()
    for path in written.manifest["path"]:
        assert (root / path).read_bytes()[:3] == b"\xff\xd8\xff"
        pixels = cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 2
        assert max(pixels.shape) == 32
        shapes.add(pixels.shape)
    assert len(shapes) > 2
