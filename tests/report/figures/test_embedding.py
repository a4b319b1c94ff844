"""Images of embedded images."""

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.explanation.embedding import SCHEMA, class_separation, groupings
from hilum.report.figures import SimilarImages, embedding_figure, write_embedding_figures, write_similar_images


@pytest.fixture
def tables():
    def make(images):
        draw = np.random.default_rng(0)
        ids = [f"f{row}" for row in range(images)]
        codes = draw.choice(3, images)
        manifest = pl.DataFrame(
            {
                "image_id": ids,
                "Edema": pl.Series(codes == 0).cast(pl.Int8),
                "Mass": pl.Series(codes == 1).cast(pl.Int8),
                "No Finding": pl.Series(codes == 2).cast(pl.Int8),
            }
        )
        grouped = groupings(manifest, ids)
        values = draw.normal(size=(images, 4)).astype(np.float32)
        places = {"image_id": ids, "method": ["tsne"] * images, "x": values[:, 0], "y": values[:, 1]}
        purity = [class_separation(values, ids, grouping, k=3, n_bootstrap=64) for grouping in grouped]
        return pl.DataFrame({**places, **{each.name: each.of for each in grouped}}), pl.concat(purity)

    return make


def test_classes_have_colours_and_the_numbers_of_the_features_stand_beside(tables):
    points, purity = tables(60)
    figure, png = embedding_figure(points, purity, "tsne")
    assert figure.name == "embedding-tsne"
    for text in (">Edema<", ">Mass<", ">No Finding<", ">Has Anomalies<", ">all classes<", ">purity<", ">silhouette<"):
        assert text in figure.svg
    row = purity.filter((pl.col("class") == "Edema") & (pl.col("metric") == "purity")).row(0, named=True)
    assert f"{row['estimate']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})" in figure.svg
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) is not None
    assert embedding_figure(points, purity, "tsne") == (figure, png)  # the same numbers give the same bytes


def test_images_without_classes_are_drawn_without_numbers(tables):
    points, _ = tables(30)
    bare = points.with_columns(single_label=pl.lit(None, pl.String), anomalies=pl.lit(None, pl.String))
    figure, _ = embedding_figure(bare, pl.DataFrame(schema=SCHEMA), "tsne")
    assert ">30 images<" in figure.svg
    assert "purity" not in figure.svg


def test_many_points_are_one_image_and_the_file_stays_small(tables, tmp_path):
    points, purity = tables(2000)
    (path,) = write_embedding_figures(points, purity, tmp_path)
    assert "data:image/png" in path.read_text()
    assert path.stat().st_size < 1_000_000
    assert path.with_suffix(".png").is_file()


def test_similar_images_are_laid_out_in_rows(tmp_path):
    images = {name: np.full((16, 16), 40 * number, np.uint8) for number, name in enumerate("abc")}
    rows = [SimilarImages("a", [("b", 0.9), ("c", 0.5)]), SimilarImages("b", [("a", 0.9)])]
    write_similar_images(rows, images, {"a": "Edema"}, tmp_path / "similar.png")
    sheet = cv2.imread(str(tmp_path / "similar.png"))
    assert sheet.shape[1] > sheet.shape[0]
    assert sheet.min() < 10
