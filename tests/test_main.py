import subprocess
import sys


def test_the_package_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "hilum", "predict", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "hilum predict models/simclr" in done.stdout
