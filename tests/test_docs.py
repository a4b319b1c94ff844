"""Every command that a page shows is run: in the order of the page, on generated images where it names real ones."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.notes import reference
from hilum.phantom import write_layout
from hilum.study.file import read_study
from hilum.study.generate import write_labels

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
LINKED = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in LINKED if page.parent != EXAMPLES]  # the examples need real images
SHORT = ["--scale", "tiny", "--set", "pretrain.epochs=1", "--set", "finetune.epochs=1", "--set", "seeds=[0]"]


def commands(page: Path, program: str = "hilum") -> list[list[str]]:
    """`hilum …` in the page's shell blocks, or what another program is reported there, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in found if words and words[0] == program]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("docs") / "CXR8"
    write_layout("chestxray14", root, images=300, size=48, seed=0)
    return root


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's and SQLAlchemy's own
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*:sqlalchemy.exc.SADeprecationWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_command_of_a_page_works(page, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(images, "CXR8")
    if page.name == "own_images.md":
        shutil.copytree(images / "images", "images")
        yaml = re.search(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        few = yaml.group(1).replace(
            "label_fraction: 0.1 ", "label_fraction: 0.5 "
        )  # of 300 images a tenth has no sick one
        assert few != yaml.group(1)
        Path("own_images.yaml").write_text(few)
        write_labels(Path("CXR8"), Path("images/labels.csv"))
        labels = Path("images/labels.csv")
        labels.write_text(labels.read_text().replace("CXR8/images/", ""))
    if page.name == "evaluate_predictions.md":
        for name in ("mine.csv", "theirs.csv", "there.csv"):
            rows = [
                f"{i},{i // 2},{'FM'[i // 2 % 2]},{i},{i % 2},{(i * 7 + len(name)) % 11 / 11:.3f}" for i in range(80)
            ]
            Path(name).write_text("\n".join(["image_id,patient_id,sex,age,y_Mass,p_Mass", *rows]) + "\n")
    for words in commands(page):
        short = SHORT if words[:2] == ["study", "run"] else []
        if words[0] == "serve":
            answers_while_it_serves(words, next(Path("CXR8").rglob("*.png")))
            continue
        answer = CliRunner().invoke(hilum.cli.make_app(), [*words, *short], catch_exceptions=False)
        refused = (1,) if words[0] == "predict" else ()  # some images were refused, and have a reason
        assert answer.exit_code in (0, *refused), f"hilum {shlex.join(words)}\n{answer.output}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page, "torchrun")], ids=lambda page: page.name)
def test_every_command_for_several_processes_works(page, images, tmp_path):
    shutil.copytree(images, tmp_path / "CXR8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    alone = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for words in commands(page, "torchrun"):
        start = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--rdzv-backend",
            "c10d",
            "--rdzv-endpoint",
            "localhost:0",
        ]
        short = SHORT if "study" in words else []
        done = subprocess.run(
            [*start, *words, *short], cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"torchrun {shlex.join(words)}\n{done.stdout}\n{done.stderr}"
        out = tmp_path / words[words.index("--out") + 1]
        assert list(out.glob("**/encoder.safetensors"))
        assert done.stdout.count(str(words[words.index("--out") + 1])) == 1  # one process says where the result is


def answers_while_it_serves(words: list[str], image: Path) -> None:
    """Serve at a free port, ask, and end it by SIGTERM."""
    with subprocess.Popen(
        [sys.executable, "-c", "from hilum.cli import main; main()", *words, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            assert httpx.get(f"{address}health", timeout=60).json()["status"] == "ok"
            answer = httpx.post(f"{address}predict", files={"files": image.read_bytes()}, timeout=60)
            assert answer.status_code in (200, 422), answer.text
        finally:
            server.terminate()
    assert server.returncode == 0


def test_pages_show_commands():
    assert sum(len(commands(page)) for page in PAGES) > 10


def test_the_reference_of_the_study_file_is_up_to_date():
    namespace: dict[str, object] = {
        "__file__": str(ROOT / "docs/write_study_file_reference.py"),
        "__name__": "reference",
    }
    exec((ROOT / "docs/write_study_file_reference.py").read_text(encoding="utf-8"), namespace)
    assert (ROOT / "docs/reference/study_file.md").read_text(encoding="utf-8") == namespace["reference"]() + "\n", (
        "run `make docs`"
    )


def test_the_page_of_notes_is_that_of_the_code():
    assert (ROOT / "docs/reference/notes.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_a_file_and_a_heading_of_it(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        if "://" in link or (path.startswith("hilum") and path.endswith(".rst")):  # pages that the build writes
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_of_the_site_is_in_its_index():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^(?:[^<>\n]* <)?([\w/-]+)>?$", index, flags=re.MULTILINE))
    pages = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in LINKED[1:]}
    assert pages - {"index"} == listed & pages


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", text)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def snippets(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_snippets_on_trials_run(tmp_path, monkeypatch):
    import numpy as np
    import polars as pl

    from hilum.data.labelled_images import LabelledImages
    from hilum.data.preprocess import parse_recipe
    from hilum.data.store import Store
    from hilum.study.file import parse_study

    monkeypatch.chdir(tmp_path)
    ids = [f"image{number}" for number in range(60)]
    pixels = np.random.default_rng(0).integers(0, 256, (60, 32, 32), dtype=np.uint8)
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    targets = (np.arange(60)[:, None] % np.array([2, 3]) == 0).astype(np.float32)
    given = {
        "store": Store(Path("nowhere"), pixels, ids, rejected, parse_recipe([{"resize": 32}])),
        "train": LabelledImages(ids[:40], ids[:40], targets[:40]),
        "val": LabelledImages(ids[40:], ids[40:], targets[40:]),
        "findings": ["Mass", "Nodule"],
    }
    for code in snippets("how-to/trials.md", "python"):
        exec(code.replace("epochs=50", "epochs=2"), given)
    assert (tmp_path / "sweep/selected.json").is_file()
    assert len(given["results"].trials) == 90
    for text in snippets("how-to/trials.md", "yaml"):
        assert parse_study(text, where="trials.md").sweep_of("scratch").search == "halving"


@pytest.mark.parametrize("page", sorted(EXAMPLES.glob("real_*.html")), ids=lambda path: path.stem)
def test_a_page_of_real_images_is_small_and_of_its_study(page):
    assert page.stat().st_size < 2_000_000
    text = page.read_text(encoding="utf-8")
    assert all(arm in text for arm in read_study(page.with_suffix(".yaml")).arms)
    assert "NIH Clinical Center" in text
    assert not re.search(r"/(?:home|work|tmp|root|Users)/", text)


def test_examples_name_the_provider_of_their_images():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert "https://nihcc.app.box.com/v/ChestXray-NIHCC" in text
    assert "CVPR 2017" in text
