"""Who is in which group of patients, by the columns of a table: sex, age band, view, where films come from."""

from collections.abc import Sequence

import polars as pl

from hilum.data.column_types import as_numbers, as_text, type_name
from hilum.errors import HilumError
from hilum.evaluate.subgroups import age_bands

AGE = "age"
"""The column whose years become bands; all others are taken as they are."""

Groups = dict[str, dict[str, str | None]]
"""For each attribute the group of each image id; None where it is not known."""


def groups_by_column(
    table: pl.DataFrame, columns: Sequence[str], image_ids: Sequence[str], *, where: str
) -> tuple[Groups, list[str]]:
    """Read the groups of images off a table that has them.

    Args:
        table, columns, image_ids, where: as in `columns_that_divide`.

    Returns:
        As `columns_that_divide`; at least one column.

    Raises:
        HilumError: as there; or no column with two groups.
    """
    groups, notes = columns_that_divide(table, columns, image_ids, where=where)
    if not groups:
        fix = "Group by a column that divides the films."
        raise HilumError(where, expected="two groups or more", found=" ".join(notes), fix=fix)
    return groups, notes


def columns_that_divide(
    table: pl.DataFrame, columns: Sequence[str], image_ids: Sequence[str], *, where: str
) -> tuple[Groups, list[str]]:
    """Read the groups of images off a table, of those columns that have several.

    Args:
        table: one row an image: `image_id` and the columns; may hold more images.
        columns: for example sex, age (years), view, source.
        image_ids: the images that are judged.
        where: what the table is, for messages.

    Returns:
        The groups of the judged images, of every column in which there are two groups or more; and in words, for how
        many images a group is not known, and which columns are left out because all images are in one.

    Raises:
        HilumError: a column that is not there, the same image twice, or an age that is no number.
    """
    missing = [name for name in ("image_id", *columns) if name not in table.columns]
    if missing:
        here = ", ".join(name for name in table.columns if not name.startswith(("y_", "p_")))
        found = f"no {', '.join(missing)}; the columns {here or '(none)'}"
        fix = "Name columns of the table, or give the table that has them with --films."
        raise HilumError(where, expected=f"the columns image_id, {', '.join(columns)}", found=found, fix=fix)
    judged = pl.DataFrame({"image_id": list(image_ids)}, schema={"image_id": pl.String})
    known = pl.DataFrame([table["image_id"].cast(pl.String), *(table[name] for name in dict.fromkeys(columns))])
    known = known.join(judged, on="image_id", how="semi")
    twice = known["image_id"].filter(known["image_id"].is_duplicated())
    if len(twice):
        fix = "Keep one row for each image."
        raise HilumError(where, expected="each image_id once", found=f"{twice[0]} several times", fix=fix)
    rows = judged.join(known, on="image_id", how="left", maintain_order="left")
    groups: Groups = {}
    notes: list[str] = []
    dates = (pl.Date, pl.Datetime, pl.Time)
    if others := [name for name in columns if as_text(table[name]) is None and table[name].dtype not in dates]:
        found = ", ".join(f"{name}, a column of {type_name(table[name])}" for name in others)
        raise HilumError(where, expected="columns of text or numbers", found=found, fix="Group by other columns.")
    for name in dict.fromkeys(columns):
        values = _bands(rows[name], where) if name == AGE else rows[name].cast(pl.String).to_list()
        different = sorted({value for value in values if value is not None})
        if len(different) < 2:
            notes.append(f"{name}: {f'all films are {different[0]}' if different else 'not known'}, so no groups.")
            continue
        groups[name] = dict(zip(image_ids, values, strict=True))
        if unknown := values.count(None):
            notes.append(f"{name}: not known of {unknown:,} of {len(values):,} films; these are in no group.")
    return groups, notes


def _bands(ages: pl.Series, where: str) -> list[str | None]:
    years = as_numbers(ages)
    if years is None:
        found = f"a column of {type_name(ages)}"
        raise HilumError(f"{where}, {AGE}", expected="years, as numbers", found=found, fix="Write 58 for 058Y.")
    wrong = ages.filter(ages.is_not_null() & years.is_null())
    if len(wrong):
        found = f"{wrong[0]!r}, and {len(wrong) - 1:,} more" if len(wrong) > 1 else f"{wrong[0]!r}"
        raise HilumError(f"{where}, {AGE}", expected="years, as numbers", found=found, fix="Write 58 for 058Y.")
    return age_bands(years.fill_nan(None).to_list())
