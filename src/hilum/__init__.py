"""Hilum: which pretraining should I use on my chest radiographs, and is the gain real?

What the commands do, functions of the same names do here. They are imported when they are first used, so that
`import hilum` costs nothing.
"""

__version__ = "0.1.0"

_HOMES = {
    "compare": "hilum.runs.compare",
    "embed": "hilum.runs.embed",
    "evaluate": "hilum.runs.evaluate",
    "explain": "hilum.runs.explain",
    "finetune": "hilum.runs.finetune",
    "load_classifier": "hilum.prediction.classifiers",
    "load_encoder": "hilum.runs.inputs.models",
    "pretrain": "hilum.runs.pretrain",
    "probe": "hilum.runs.probe",
    "run_study": "hilum.study.run",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'hilum' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
