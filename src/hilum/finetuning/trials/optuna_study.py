"""Optuna in a sweep: proposals of settings, and a copy of the results in an Optuna storage.

The sweep does not depend on the copy: its own files record the trials, and a sampler is created for every proposal from
the trials so far and a seed. An interrupted sweep therefore resumes with the same proposals.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from hilum.errors import HilumError
from hilum.finetuning.trials.space import Choices, Range, Sample, Space, as_key, distinct, grid_of, size_of

Sampler = Literal["random", "tpe"]
STARTUP_TRIALS = 10
"""Random trials before TPE proposes (Optuna's default)."""


def propose(
    space: Space, sampler: Sampler, count: int, seed: int, known: Sequence[tuple[Sample, float | None]] = ()
) -> list[Sample]:
    """Draw samples that were not tried before.

    Args:
        space: Search space.
        sampler: "random", or "tpe" (Bergstra et al., NeurIPS 2011; Optuna's, with constant liar for several samples at
            once).
        count: Maximum number of samples; fewer where the space is exhausted.
        seed: Random seed of this draw.
        known: Samples tried before with their values, lower is better; None for failed or pruned ones.
    """
    tried = {as_key(sample) for sample, _ in known}
    total = size_of(space)
    if total is not None and count >= total - len(tried):
        return [sample for sample in grid_of(space) if as_key(sample) not in tried]
    with _quiet() as optuna:
        distributions = _distributions(space)
        made: Any = (
            optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)
            if sampler == "tpe"
            else optuna.samplers.RandomSampler(seed=seed)
        )
        study = optuna.create_study(direction="minimize", sampler=made)
        for sample, value in known:
            state = optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    state=state, value=value, params=_as_params(space, sample), distributions=distributions
                )
            )
        drawn: list[Sample] = []
        for _ in range(50 * count):  # spaces of few samples give many twice
            params = study.ask(distributions).params
            sample = {name: _value_of(space[name], params[name]) for name in space}
            if as_key(sample) not in tried:
                drawn = distinct([*drawn, sample])
            if len(drawn) == count:
                break
        return drawn


def storage_url(message: str) -> str:
    """Return the SQLAlchemy URL of a storage; SQLite for a file; `$VARIABLE` is replaced.

    Raises:
        HilumError: No such folder, no such kind of database, or no connection.
    """
    expanded = os.path.expandvars(message)
    url = expanded if "://" in expanded else f"sqlite:///{Path(expanded).expanduser()}"
    if url.startswith("sqlite:///"):
        folder = Path(url.removeprefix("sqlite:///")).parent
        if not folder.is_dir():
            raise HilumError("sweep.storage", expected="a file in a folder", found=f"no {folder}", fix="Create it.")
        return url
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url)
        engine.connect().close()
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        found = " ".join(str(error).split())[:200]
        fix = "Check the address, install the database's driver, or name a file."
        raise HilumError("sweep.storage", expected="a database that answers", found=found, fix=fix) from None
    return url


def copy_into_storage(url: str, name: str, space: Space, rows: Sequence[dict[str, Any]]) -> None:
    """Add the trials of a sweep to an Optuna study, for tools such as `optuna-dashboard`; existing trials are kept.

    Args:
        url: SQLAlchemy URL of the storage: "sqlite:///FILE", or a database.
        name: Name of the Optuna study.
        space: Search space of the samples.
        rows: For each trial `trial, sample, state ("complete", "pruned" or "diverged"), value, curve, seconds`.
    """
    with _quiet() as optuna:
        storage = optuna.storages.RDBStorage(url)
        try:
            study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
            there = {trial.user_attrs.get("trial") for trial in study.get_trials(deepcopy=False)}
            distributions = _distributions(space)
            states = {"complete": "COMPLETE", "pruned": "PRUNED", "diverged": "FAIL"}
            for row in rows:
                if row["trial"] not in there:
                    study.add_trial(
                        optuna.trial.create_trial(
                            state=optuna.trial.TrialState[states[row["state"]]],
                            value=row["value"] if row["state"] == "complete" else None,
                            params=_as_params(space, row["sample"]),
                            distributions=distributions,
                            intermediate_values=dict(enumerate(row["curve"], start=1)),
                            user_attrs={"trial": row["trial"], "seconds": row["seconds"]},
                        )
                    )
        finally:
            storage.remove_session()
            storage.engine.dispose()


def importance_of(samples: Sequence[Sample], values: Sequence[float]) -> dict[str, float]:
    """Compute hyper-parameter importances: fractions of the variance between trials, highest first, sum 1.

    fANOVA: variance of each setting's marginal in a random forest of the trials (Hutter et al., ICML 2014, §3; Optuna's
    evaluator). Values of a setting are ordinal and equally spaced. Empty with fewer than four trials, or without
    differences.

    Args:
        samples: Samples of the trials.
        values: Value of each trial, finite; lower is better.
    """
    names = (
        [name for name in samples[0] if len({json.dumps(sample[name]) for sample in samples}) > 1] if samples else []
    )
    if len(samples) < 4 or len(set(values)) < 2 or not names:
        return {}
    with _quiet() as optuna:
        places = {name: _order(samples, name) for name in names}
        distributions = {
            name: optuna.distributions.IntDistribution(0, len(place) - 1) for name, place in places.items()
        }
        study = optuna.create_study(direction="minimize")
        for sample, value in zip(samples, values, strict=True):
            params = {name: places[name][json.dumps(sample[name])] for name in names}
            study.add_trial(optuna.trial.create_trial(value=value, params=params, distributions=distributions))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}


def _order(samples: Sequence[Sample], name: str) -> dict[str, int]:
    """Return ranks of the values of a setting: numbers by size, then words."""
    values = {json.dumps(sample[name]): sample[name] for sample in samples}
    numbers = sorted((key for key in values if _is_number(values[key])), key=lambda key: float(values[key]))
    words = sorted(key for key in values if not _is_number(values[key]))
    return {key: place for place, key in enumerate([*numbers, *words])}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@contextmanager
def _quiet() -> Iterator[Any]:
    """Import Optuna with its messages disabled; the sweep reports progress."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _distributions(space: Space) -> dict[str, Any]:
    import optuna

    made: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, Choices):
            made[name] = optuna.distributions.CategoricalDistribution([_as_param(each) for each in values.values])
        elif values.whole:
            made[name] = optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
        else:
            made[name] = optuna.distributions.FloatDistribution(values.low, values.high, log=values.log)
    return made


def _as_param(value: Any) -> Any:
    """Encode lists and mappings as JSON, since Optuna's choices are scalars."""
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value


def _as_params(space: Space, sample: Sample) -> dict[str, Any]:
    return {name: _as_param(sample[name]) for name in space}


def _value_of(values: Choices | Range, param: Any) -> Any:
    if isinstance(values, Range):
        return param
    return next(each for each in values.values if _as_param(each) == param and type(_as_param(each)) is type(param))
