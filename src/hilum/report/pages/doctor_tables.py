"""Tables of the doctor's page: images, findings, subgroups, missing values, pixel statistics."""

from collections.abc import Iterator, Sequence

import polars as pl

from hilum.data.doctor import CheckedDataset, Diagnosis
from hilum.data.doctor.counts import AGE_BANDS, UNKNOWN
from hilum.report.render import Cell, Column, Table, formats

_BANDS = [name for name, _, _ in AGE_BANDS]


def tables(diagnosis: Diagnosis) -> list[Table]:
    """Return all tables in reading order."""
    made = [_images(diagnosis)]
    for data_set in diagnosis.data_sets:
        counts = diagnosis.counts.filter(pl.col("data_set") == data_set.name)
        if counts["finding"].null_count() < len(counts):
            made += [_findings(data_set, counts), _subgroups(data_set, counts)]
    made.append(_pixel_statistics(diagnosis))
    missing = _missing(diagnosis)
    return [*made, missing] if missing else made


def _images(diagnosis: Diagnosis) -> Table:
    rows = []
    for one in diagnosis.data_sets:
        images = one.manifest.with_columns(pl.col("split").fill_null("unlisted"))
        for split, part in _parts(images):
            rows.append(
                [
                    Cell(one.name),
                    Cell(split),
                    _count(len(part)),
                    _count(part["patient_id"].n_unique()),
                    _fraction(int((part["sex"] == "F").sum()), len(part) - part["sex"].null_count()),
                    _quantiles(part["age"], 0),
                    Cell(_commonest(part["view"].fill_null(UNKNOWN))),
                ]
            )
    titles = ("images", "patients", "women", "age (5–50–95 %)")
    columns = [Column("data set"), Column("split"), *(Column(title, numeric=True) for title in titles), Column("views")]
    return Table("images", "Images and patients.", columns, rows, pl.DataFrame())


def _findings(data_set: CheckedDataset, counts: pl.DataFrame) -> Table:
    splits = counts["split"].unique(maintain_order=True).to_list()
    rows = []
    for finding in counts["finding"].unique(maintain_order=True):
        part = counts.filter(pl.col("finding") == finding)
        row = [Cell(finding), _count(_total(part, "positive"))]
        row += [_count(_total(part, "uncertain")), _count(_total(part, "not_mentioned"))]
        row += [_count(_total(part.filter(pl.col("split") == split), "positive")) for split in splits]
        rows.append(row)
    columns = [
        Column("finding"),
        *(Column(title, numeric=True) for title in ("positive", "uncertain", "not mentioned")),
    ]
    columns += [Column(split, numeric=True) for split in splits]
    caption = f"{data_set.name}: images by finding, in total and by split."
    return Table("findings", caption, columns, rows, pl.DataFrame())


def _subgroups(data_set: CheckedDataset, counts: pl.DataFrame) -> Table:
    by_view = counts.group_by("view", maintain_order=True).agg(pl.col("images").sum())
    views = by_view.sort("images", descending=True, maintain_order=True)["view"].head(4).to_list()
    groups = [("view", view) for view in views]
    groups += [("sex", sex) for sex in ("F", "M") if sex in counts["sex"]]
    groups += [("age_band", band) for band in _BANDS if band in counts["age_band"]]
    rows = []
    for finding in counts["finding"].unique(maintain_order=True):
        part = counts.filter(pl.col("finding") == finding)
        row = [Cell(finding)]
        for column, value in groups:
            group = part.filter(pl.col(column) == value)
            positive = _total(group, "positive")
            row.append(_fraction(positive, positive + _total(group, "negative")))
        rows.append(row)
    columns = [Column("finding"), *(Column(value, numeric=True) for _, value in groups)]
    caption = f"{data_set.name}: fraction of positive images among labelled images, by view, sex and age."
    notes = ("A finding associated with view, sex or age can be predicted from these alone (shortcut learning).",)
    return Table("subgroups", caption, columns, rows, pl.DataFrame(), notes)


def _pixel_statistics(diagnosis: Diagnosis) -> Table:
    rows = []
    for one in diagnosis.data_sets:
        images = diagnosis.images.filter((pl.col("data_set") == one.name) & pl.col("reason").is_null())
        sizes = images.select(pl.format("{} × {}", "width", "height").alias("size"))["size"]
        rows.append(
            [
                Cell(one.name),
                _count(len(images)),
                Cell(_commonest(images["kind"])),
                Cell(_commonest(images["bits"].cast(pl.String) + " bits")),
                Cell(_commonest(sizes, 2)),
                _quantiles(100 * images["mean"], 0),
                _quantiles(100 * images["deviation"], 0),
                _quantiles(100 * images["clipped"], 1),
                _quantiles(images["likeness"], 2),
            ]
        )
    words = ("data set", "read", "files", "depth", "sizes")
    numbers = ("mean gray", "spread", "clipped", "likeness")
    columns = [Column(title, numeric=title == "read") for title in words]
    columns += [Column(title, numeric=True) for title in numbers]
    notes = (
        "Gray values: 5th, 50th and 95th percentile over images, in percent of the range of their bit depth; "
        "clipped: percent of the central pixels that have the brightest value.",
        "Likeness: correlation with the median image of the same view; inverted images are below −0.3.",
    )
    return Table("pixel_statistics", "Pixel statistics.", columns, rows, pl.DataFrame(), notes)


def _missing(diagnosis: Diagnosis) -> Table | None:
    wanted = diagnosis.missing.filter(pl.col("images") > 0)
    if wanted.is_empty():
        return None
    rows = [
        [Cell(name), Cell(column), _count(images), Cell(f"{100 * fraction:.1f} %", order=fraction)]
        for name, column, images, fraction in wanted.iter_rows()
    ]
    columns = [Column("data set"), Column("column"), Column("images", numeric=True), Column("fraction", numeric=True)]
    return Table("missing", "Missing values.", columns, rows, pl.DataFrame())


def _parts(images: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    order = ("train", "val", "train_val", "test", "unlisted")
    for split in order:
        part = images.filter(pl.col("split") == split)
        if len(part):
            yield split, part


def _total(counts: pl.DataFrame, column: str) -> int:
    return int(counts[column].sum())


def _count(number: int) -> Cell:
    return Cell(formats.count(number), order=number, mark="" if number else "faint")


def _fraction(part: int, whole: int) -> Cell:
    if not whole:
        return Cell("–", order=None, mark="faint")
    return Cell(f"{100 * part / whole:.1f} %", order=part / whole)


def _quantiles(values: pl.Series, decimals: int) -> Cell:
    known = [values.quantile(level) for level in (0.05, 0.5, 0.95)]
    if any(value is None for value in known):
        return Cell("–", order=None, mark="faint")
    text = "–".join(f"{value:.{decimals}f}".replace("-", "−") for value in known)
    return Cell(text, order=known[1])


def _commonest(values: Sequence[str] | pl.Series, shown: int = 3) -> str:
    counted = pl.Series("value", values).value_counts(name="images").sort(-pl.col("images").cast(pl.Int64), "value")
    text = [f"{value} ({number:,})" for value, number in counted.head(shown).iter_rows()]
    left = len(counted) - len(text)
    if len(counted) == 1:
        return str(counted["value"][0])
    return ", ".join(text) + (f" and {left:,} more" if left else "")
