import pytest

import hilum
from hilum.errors import HilumError
from hilum.runs.inputs.models import model_directory


@pytest.mark.parametrize("load", [model_directory, hilum.load_classifier, hilum.load_encoder])
def test_a_folder_of_several_models_is_refused_with_their_names(tmp_path, load):
    for seed in ("seed-0", "seed-1"):
        (tmp_path / seed).mkdir()
        (tmp_path / seed / "card.json").write_text("{}")
    with pytest.raises(HilumError, match=r"seed-0, seed-1.*Name one, such as .*seed-0"):
        load(tmp_path)


def test_a_directory_of_one_model_is_itself(tmp_path):
    (tmp_path / "card.json").write_text("{}")
    (tmp_path / "maps").mkdir()
    assert model_directory(str(tmp_path)) == tmp_path
