"""Write docs/reference/notes.md from the table of codes: `python docs/write_notes.py`."""

from pathlib import Path

from hilum.notes import reference

if __name__ == "__main__":
    (Path(__file__).parent / "reference" / "notes.md").write_text(reference(), encoding="utf-8")
