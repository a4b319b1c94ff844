from pathlib import Path

import pytest
import yaml

import hilum
from hilum.yaml_loader import load_yaml

SHIPPED = sorted(Path(hilum.__file__).parent.rglob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_read_is_what_pyyaml_reads(path):
    text = path.read_text(encoding="utf-8")
    assert load_yaml(text) == yaml.load(text, Loader=yaml.SafeLoader)


def test_objects_of_python_are_refused():
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        load_yaml("!!python/object/apply:os.system [ls]")
