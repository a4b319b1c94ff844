"""Hilum: which pretraining should I use on my chest radiographs, and is the gain real?

The functions have the names of the commands. They are imported at first use, so that `import hilum` is fast.
"""

__version__ = "0.1.0"

_MODULES = {
    "build_report": "hilum.runs.report",
    "compare": "hilum.runs.compare",
    "doctor": "hilum.runs.datasets.doctor",
    "embed": "hilum.runs.embed",
    "evaluate": "hilum.runs.evaluate",
    "explain": "hilum.runs.explain",
    "external_validation": "hilum.runs.external_validation",
    "finetune": "hilum.runs.finetune",
    "ingest": "hilum.runs.datasets.ingest",
    "label_issues": "hilum.runs.label_issues",
    "load_classifier": "hilum.prediction.classifiers",
    "load_encoder": "hilum.runs.inputs.models",
    "package": "hilum.study.package",
    "power": "hilum.runs.power",
    "predict": "hilum.prediction.predict",
    "pretrain": "hilum.runs.pretrain",
    "preview": "hilum.runs.datasets.preview",
    "probe": "hilum.runs.probe",
    "run_study": "hilum.study.run",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module 'hilum' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
