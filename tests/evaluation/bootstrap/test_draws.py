import os
import subprocess
import sys

import pytest

ADD_UP = """
import numpy as np
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []  # as where neither the package's directory nor a home directory can be written to
from hilum.evaluation.bootstrap.draws import bootstrap_counts
print(bootstrap_counts(5, draws=5, n_bootstrap=3, seed=0).sum())
"""


@pytest.mark.slow
def test_works_where_no_directory_can_keep_the_compiled_loops():
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    ran = subprocess.run([sys.executable, "-c", ADD_UP], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "15"
