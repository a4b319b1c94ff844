"""Freed memory is kept while it is asked for, and given back after. In a process whose heap nobody has used before."""

import json
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource
import torch
from hilum.training.cpu.malloc import keep_freed_memory

def pages_cleared():
    'By the kernel for 64 MiB that are written and freed: 16,384 of 4 KiB where none are there.'
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def several():
    return [pages_cleared() for _ in range(4)]

found = {"before": several()}
with keep_freed_memory(torch.device("cpu")):
    found["inside"] = several()
found["after"] = several()
try:
    with keep_freed_memory(torch.device("cpu")):
        several()
        raise ZeroDivisionError
except ZeroDivisionError:
    found["after an error"] = several()
with keep_freed_memory(torch.device("cuda")):
    found["for a GPU"] = several()
print(json.dumps(found))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="freed memory is glibc's to keep")
def test_what_is_freed_inside_is_used_again_and_goes_back_afterwards():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    found = json.loads(answer)
    few, many = 100, 12_000
    first, *others = found.pop("inside")
    assert first > many
    assert max(others) < few
    assert {when: pages for when, pages in found.items() if min(pages) < many} == {}
