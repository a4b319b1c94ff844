"""`hilum embed` on generated images."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.encoders.card import Card
from hilum.encoders.weights import save_encoder
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.phantom import write_layout


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embed")
    write_layout("chestxray14", folder / "CXR8", images=40, size=48, seed=0)
    table = pl.read_csv(next((folder / "CXR8").glob("Data_Entry*.csv")), infer_schema_length=None)
    patients = table["Patient ID"].unique().sort().to_list()
    for name, seen in (("naive", []), ("knowing", [f"phantom-s0:{patients[0]}"])):
        card = Card(
            encoder="small_convnet",
            method="simclr",
            settings={},
            preprocessing=[{"square": "pad"}, {"resize": 32}],
            image_size=32,
            mean=0.5,
            std=0.25,
            seed=0,
            split="",
            training_patients=seen,
            n_training_images=len(seen),
        )
        save_encoder(create_encoder("small_convnet", seed=0), card, folder / name)
    return folder


def run(here, *arguments):
    message = ["embed", *map(str, arguments), "--n-bootstrap", "100", "--k", "5"]
    return CliRunner().invoke(hilum.cli.make_app(), message, catch_exceptions=False)


def test_a_model_leaves_features_points_numbers_neighbours_and_images(here, tmp_path):
    out = tmp_path / "embedded"
    first = "00000001_000.png"
    where = ["--data", f"chestxray14={here / 'CXR8'}", "--stores", here / "stores"]
    answer = run(here, here / "naive", *where, "--out", out, "--similar-to", first, "--json")
    message = json.loads(answer.stdout)
    assert (message["images"], message["trained_on"], message["k"]) == (40, 0, 5)
    assert len(message["similar_to"][first]) == 5
    assert not any(each["same_patient"] for each in message["similar_to"][first])
    values = np.load(out / "features" / "features.npy")
    ids = pl.read_parquet(out / "features" / "index.parquet").sort("row")["image_id"].to_list()
    points = pl.read_parquet(out / "embedding.parquet")
    assert points.columns == ["image_id", "method", "x", "y", "single_label", "anomalies"]
    assert points["image_id"].to_list() == ids
    neighbours = pl.read_parquet(out / "neighbours.parquet")
    assert len(neighbours) == 200
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    nearest = neighbours.filter(pl.col("rank") == 1).row(0, named=True)
    rows = [ids.index(nearest[key]) for key in ("image_id", "neighbour")]
    assert nearest["cosine"] == pytest.approx(float(unit[rows[0]] @ unit[rows[1]]), abs=1e-6)
    purity = pl.read_parquet(out / "purity.parquet")
    assert set(purity["grouping"]) == {"single_label", "anomalies"}
    assert message["purity"] == purity.to_dicts()
    for name in ("embedding-tsne.svg", "embedding-tsne.png", "similar.png", "purity.csv", "embed.json"):
        assert (out / name).stat().st_size > 200
    assert ">No Finding<" in (out / "embedding-tsne.svg").read_text()
    again = run(here, here / "naive", *where, "--out", tmp_path / "again")
    assert again.stdout.startswith("small_convnet · 40 images of ")
    assert pl.read_parquet(tmp_path / "again" / "embedding.parquet").equals(points)


def test_images_of_patients_that_the_model_has_learnt_from_are_left_out_unless_asked_for(here, tmp_path):
    where = ["--data", f"chestxray14={here / 'CXR8'}", "--stores", here / "stores", "--json"]
    without = json.loads(run(here, here / "knowing", *where, "--out", tmp_path / "a").stdout)
    assert without["images"] < 40
    assert without["notes"][0]["code"] == "training_patients_excluded"
    with_them = json.loads(
        run(here, here / "knowing", *where, "--out", tmp_path / "b", "--include-training-patients").stdout
    )
    assert (with_them["images"], with_them["trained_on"]) == (40, 40 - without["images"])


def test_the_image_may_show_fewer_images_than_the_numbers_are_of(here, tmp_path):
    where = ["--data", f"chestxray14={here / 'CXR8'}", "--stores", here / "stores", "--out", tmp_path / "out"]
    message = json.loads(run(here, here / "naive", *where, "--max-points", "15", "--json").stdout)
    assert message["images"] == 40
    assert "the plot shows 15 of 40 images, sampled at random; metrics use all images" in [
        each["text"] for each in message["notes"]
    ]
    assert len(pl.read_parquet(tmp_path / "out" / "embedding.parquet")) == 15


def test_what_cannot_be_done_is_reported_and_nothing_is_left(here, tmp_path):
    where = ["--data", f"chestxray14={here / 'CXR8'}", "--stores", here / "stores", "--out", tmp_path / "out"]
    for more, complaint in (
        (["--method", "pca"], "--method: expected one of tsne, umap, both"),
        (["--similar-to", "nobody.png"], "--similar-to: .* found nobody.png"),
        (["--split", "patients"], "--split patients: expected a part of the published split, .*; found patients"),
    ):
        with pytest.raises(HilumError, match=complaint):
            run(here, here / "naive", *where, *more)
    with pytest.raises(HilumError, match="the card of the weights"):
        run(here, here / "nothing", *where)
    assert not list(tmp_path.iterdir())
