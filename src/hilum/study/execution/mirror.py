"""Mirror of a study's directory at a URL: written step by step, restored on other machines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec

from hilum.artifacts import whole_directory, write_text
from hilum.errors import HilumError
from hilum.report.page import FILES
from hilum.study.execution.looks import LOOKS
from hilum.study.plan import Step, is_done
from hilum.study.plan.record import PLAN, RECORD
from hilum.study.plan.step_types import GenerateStep, OverviewStep, ReportStep

TOP = ("study.yaml", PLAN, LOOKS, *FILES)
"""Files of a study or task outside the directories of its steps."""


class Mirror:
    """Copy of a study at a URL; each step is complete or absent: its `step.json` is written last and removed first.

    Generated images are not copied; they are generated again, identically.

    Args:
        url: fsspec URL of a folder, such as `s3://bucket/runs/demo` or `file:///backup/demo`.
        out: Directory of the study.

    Raises:
        HilumError: The file system's package is not installed, or the URL cannot be reached.
    """

    def __init__(self, url: str, out: Path) -> None:
        self.url, self.out = url, out
        try:
            self.files, root = fsspec.core.url_to_fs(url)
            self.files.makedirs(root, exist_ok=True)
        except (ImportError, ValueError, OSError) as error:
            raise HilumError(
                f"--mirror {url}",
                expected="a folder of an fsspec file system",
                found=str(error),
                fix="Install its package (s3://: s3fs, gs://: gcsfs), and check that the folder is writable.",
            ) from error
        self.root = str(root).rstrip("/")

    def restore(self, steps: Sequence[Step], keys: Mapping[str, str]) -> list[str]:
        """Download steps that are finished at the mirror with the same fingerprint, and not finished here.

        Args:
            steps: Steps of the study.
            keys: Fingerprints of the steps.

        Returns:
            Directories that were downloaded.
        """
        fetched = []
        if not (self.out / LOOKS).exists():  # the number of looks is kept across machines
            self._fetch_beside("", LOOKS)
        for step in steps:
            key = keys[step.directory]
            if isinstance(step, GenerateStep) or is_done(self.out / step.directory, key):
                continue
            message = self._record(step.directory)
            if message is None or json.loads(message)["key"] != key:
                continue
            with whole_directory(self.out / step.directory) as beside:
                self._fetch(step.directory, beside)
                write_text(beside / RECORD, message.decode())
            if isinstance(step, ReportStep | OverviewStep):
                for name in FILES:
                    self._fetch_beside(step.view, name)
            fetched.append(step.directory)
        return fetched

    def keep(self, step: Step) -> None:
        """Upload a finished step, unless the mirror has it."""
        here = self.out / step.directory
        if isinstance(step, GenerateStep) or not (here / RECORD).is_file():
            return
        message = (here / RECORD).read_bytes()
        if message == self._record(step.directory):
            return
        there = self._at(step.directory)
        if self.files.exists(f"{there}/{RECORD}"):
            self.files.rm(f"{there}/{RECORD}")
        if self.files.exists(there):
            self.files.rm(there, recursive=True)
        self._put((path for path in here.rglob("*") if path.is_file() and path.name != RECORD), here, there)
        self.files.makedirs(there, exist_ok=True)
        self.files.pipe_file(f"{there}/{RECORD}", message)

    def keep_pages(self, places: Iterable[str]) -> None:
        """Upload the study file, reports, tables and figures.

        Args:
            places: Folders of the tasks, relative to the study's directory.
        """
        for place in {"", *places}:
            for name in TOP:
                here = self.out / place / name
                paths = [path for path in here.rglob("*") if path.is_file()] if here.is_dir() else [here]
                self._put((path for path in paths if path.is_file()), self.out, self.root)

    def _at(self, directory: str) -> str:
        return f"{self.root}/{directory}" if directory else self.root

    def _record(self, directory: str) -> bytes | None:
        try:
            message: bytes = self.files.cat_file(f"{self._at(directory)}/{RECORD}")
        except FileNotFoundError:
            return None
        return message

    def _put(self, paths: Iterable[Path], base: Path, there: str) -> None:
        for path in paths:
            target = f"{there}/{path.relative_to(base).as_posix()}"
            self.files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(path), target)

    def _fetch(self, directory: str, here: Path) -> None:
        there = self._at(directory)
        found: list[Any] = self.files.find(there)
        base = self.files._strip_protocol(there).rstrip("/")
        for path in found:
            relative = str(path).removeprefix(base).lstrip("/")
            if relative != RECORD:
                (here / relative).parent.mkdir(parents=True, exist_ok=True)
                self.files.get_file(path, str(here / relative))

    def _fetch_beside(self, place: str, name: str) -> None:
        there = f"{self._at(place)}/{name}"
        (self.out / place).mkdir(parents=True, exist_ok=True)
        if self.files.isfile(there):
            self.files.get_file(there, str(self.out / place / name))
        elif self.files.exists(there):
            with whole_directory(self.out / place / name) as beside:
                self._fetch(f"{place}/{name}".lstrip("/"), beside)
