import json

import cv2
import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from hilum.cli.ingest import ingest
from hilum.cli.preview import preview
from hilum.errors import HilumError
from hilum.study.file import find_study


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    for number in range(5):
        cv2.imwrite(str(root / f"{number}.png"), np.full((30, 40), 20 * number, np.uint8))
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    return root


@pytest.fixture
def command(tmp_path):
    app = typer.Typer()
    app.command()(preview)
    app.command()(ingest)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


def test_a_folder_of_images_is_shown(command, images, tmp_path):
    answer = command("preview", images, "--out", tmp_path / "sheet.html", "--recipe", "elwirehardja2025")
    assert answer.stdout == f"5 images shown, 1 unreadable: {tmp_path / 'sheet.html'}\n"
    page = (tmp_path / "sheet.html").read_text()
    assert "[{resize: 224}, clahe]" in page
    assert page.count('class="image"') == 6
    command("preview", images, "--out", tmp_path / "sheet.html", "--count", "3")
    assert (tmp_path / "sheet.html").read_text().count('class="image"') == 3


def test_what_ingest_left_is_shown_with_its_boxes_and_its_unreadable_images(command, images, tmp_path):
    command("ingest", "folder", images, "--out", tmp_path / "ours")
    (images / "3.png").write_bytes(b"")  # broken after ingest
    answer = command("preview", tmp_path / "ours", images, "--boxes", "--out", tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert "<h2>ours</h2>" in page
    assert "<h2>images</h2>" in page
    assert "ours has no boxes." in page
    assert "empty file" in page
    # of what ingest left the broken one and the emptied one; of the folder, which is read anew, the broken one
    assert answer.stdout.startswith("8 images shown, 3 unreadable")


def test_images_may_be_named_and_the_sheet_may_be_an_image(command, images, tmp_path):
    answer = command("preview", images, "--image-ids", "4.png,0.png", "--out", tmp_path / "sheet.png")
    assert answer.stdout.startswith("2 images shown")
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


def test_the_recipe_may_be_that_of_a_study(command, images, tmp_path):
    command("preview", images, "--study", "demo", "--count", "1", "--out", tmp_path / "sheet.html")
    demo = yaml.safe_load(find_study("demo").read_text())["preprocess"]
    assert yaml.safe_dump(demo, default_flow_style=True).strip() in (tmp_path / "sheet.html").read_text()


def test_random_views_of_named_and_written_augmentations_are_shown(command, images, tmp_path):
    (tmp_path / "mine.yaml").write_text("like: simclr\nflip: 0\n")
    shown = ["preview", images, "--recipe", "[{square: pad}, {resize: 32}]", "--views", "2", "--augmentation", "simclr"]
    answer = command(*shown, "--out", tmp_path / "one.png")
    assert answer.stdout.startswith("5 images shown, 1 unreadable")
    command(*shown, "--augmentation", tmp_path / "mine.yaml", "--out", tmp_path / "two.png")
    one, two = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "two.png"))
    assert one.shape[0] == two.shape[0]
    assert two.shape[1] > 1.5 * one.shape[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "sheet.pdf"], "expected a file named .html or .png"),
        (["--out", "s.html", "--recipe", "nothing"], "or a name: elwirehardja2025, .*; found 'nothing'"),
        (["--out", "s.html", "--recipe", "[{resize: 224"], "--recipe: expected a name or steps"),
        (["--out", "s.html", "--recipe", "toh2023", "--study", "demo"], "expected --recipe or --study; found both"),
        (["--out", "s.html", "--augmentation", "simclr"], "expected a .png file, for augmentations"),
        (["--out", "s.png", "--augmentation", "simclr", "--boxes"], "expected --boxes or --augmentation; found both"),
        (["--out", "s.png", "--augmentation", "simcrl"], "found simcrl. Do you mean simclr"),
        (["--out", "s.html", "--image-ids", "nobody"], "expected image_id of the manifest; found nobody"),
    ],
)
def test_what_cannot_be_shown_is_reported_and_nothing_is_written(
    command, images, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HilumError, match=message):
        command("preview", images, *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_hashed_images_are_shown_under_their_hashes(command, images, tmp_path):
    (tmp_path / "salt.txt").write_text("a salt that nobody can guess")
    command("ingest", "folder", images, "--out", tmp_path / "ours", "--hash-patients", tmp_path / "salt.txt")
    command("preview", tmp_path / "ours", "--out", tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert ".png" not in page.replace("image/png", "")
    assert json.loads((tmp_path / "ours" / "ingest.json").read_text())["notes"][-1]["code"] == "hashed_ids"
