import re
import subprocess
import sys

import pytest

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published import find_weights, published_weights, shorthands, statements_of
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.errors import HilumError
from hilum.findings import COLLECTIONS

ROWS = published_weights()
NOT_READ_BY_HILUM = {"openi", "brax"}


def test_every_row_names_an_encoder_and_layouts_that_there_are():
    assert {row.encoder for row in ROWS.values()} <= set(ARCHITECTURES)
    assert {layout for row in ROWS.values() for layout in row.layouts} <= set(LAYOUTS)
    assert {row.starts_from for row in ROWS.values()} - {"random", "not stated"} <= set(ROWS)


def test_what_weights_were_trained_on_names_known_collections():
    named = {each.collection for row in ROWS.values() for each in row.trained_on if each.certainty != "not_stated"}
    assert named <= {*COLLECTIONS, *NOT_READ_BY_HILUM}


def test_a_list_has_parts_and_no_list_has_none():
    for row in ROWS.values():
        for statement in row.trained_on:
            assert bool(statement.parts) == (statement.list is not None), row.name


def test_files_have_names_of_their_own_and_checksums_that_the_names_bear():
    files = {}
    for row in ROWS.values():
        same = files.setdefault(row.source.file, row)
        assert same.source == row.source, "two sources for one file"
        hashed = re.search(r"-([0-9a-f]{8})\.pth$", row.source.file)
        if hashed:
            assert row.source.sha256_begins == hashed[1]
        if row.source.url and row.name not in ("rad_dino", "chexnet"):
            assert row.source.url.endswith(f"/{row.source.file}")


def test_photographs_leave_nothing_to_leak_and_radiographs_do():
    named = {name: {each.certainty for each in statements_of(row)} for name, row in ROWS.items()}
    seen = {name for name, certainties in named.items() if certainties - {"not_stated"}}
    assert {name for name, certainties in named.items() if certainties == {"not_stated"}} == {
        name for name in ROWS if name.startswith(("dinov2", "dinov3"))
    }
    assert seen == {name for name in ROWS if name.startswith(("chexnet", "torchxray", "rad_", "eva_x", "medical"))}


def test_a_shorthand_means_the_weights_of_the_encoder():
    for shorthand, of in shorthands().items():
        for encoder, name in of.items():
            assert find_weights(shorthand, encoder) is ROWS[name]
            assert ROWS[name].encoder == encoder
    with pytest.raises(HilumError, match=r"weights imagenet1k: expected one of resnet18, .*; found encoder eva_x_tiny"):
        find_weights("imagenet1k", "eva_x_tiny_patch16")


def test_a_wrong_name_is_met_with_the_nearest_and_a_wrong_encoder_with_what_fits():
    with pytest.raises(HilumError, match=r"Did you mean dinov2_vits14\?"):
        find_weights("dinov2_vitS14")
    with pytest.raises(HilumError, match=r"For resnet18 there are: imagenet1k_resnet18\."):
        find_weights("swav_resnet50", "resnet18")


def test_the_table_is_read_without_torch():
    code = (
        "import sys; from hilum.encoders.published.resolving import describe_weights; "
        "print(describe_weights('chexnet', 'densenet121').trained_on[0].list, 'torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["split_chexnet", "False"]
