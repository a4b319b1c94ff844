"""The ledger: whom the weights of an arm have seen before the study trains them, test patients among them?"""

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.encoders.ledger import Ledger
from hilum.encoders.published.resolving import describe_weights
from hilum.encoders.published.statements import SeenTest, Statement, seen_test_films, statements_in_words
from hilum.errors import HilumErrors
from hilum.study.prepare import Prepared
from hilum.study.pretraining_schema import Pretrained
from hilum.study.schema import Study


@dataclass(frozen=True)
class Start:
    """Where an arm starts from, as far as its files tell.

    Attributes:
        title: for tables: "random", "mocov2 on ours/train", or the weights' name.
        source: address or directory of weights; empty where the study makes them.
        licence: of published weights.
        here: whether the weights are on this machine; None where the study makes them.
        has_seen: in words, which radiographs; "nothing" for random weights.
        statements: what the authors of published weights say.
        patients: full names, with pseudonyms for ids, of the patients that weights of Hilum's own runs have seen before
            this study.
    """

    title: str
    source: str
    licence: str
    here: bool | None
    has_seen: str
    statements: Sequence[Statement]
    patients: Sequence[str]


def start_of(study: Study, arm: str) -> Start:
    """Describe where an arm starts from; reads cards and the registry, and no data.

    Raises:
        HilumError: weights that are no name of the registry and no directory, or of another encoder.
    """
    settings, title = study.arms[arm], study.starts_from(arm)
    weights = study.weights_of(arm)
    if weights is None:
        of_study = isinstance(settings.init, Pretrained)
        return Start(title, "", "", None, f"films of {settings.init.pool()}" if of_study else "nothing", [], [])  # type: ignore[union-attr]
    told = describe_weights(weights, settings.encoder)
    seen = [statements_in_words(told.seen)] if told.seen or not told.patients_seen else []
    if told.patients_seen:
        seen.append(f"{len(told.patients_seen):,} patients of own runs")
    if isinstance(settings.init, Pretrained):
        seen.append(f"films of {settings.init.pool()}")
    return Start(title, told.source, told.licence, told.here, "; ".join(seen), told.seen, told.patients_seen)


def contamination_of(prepared: Prepared, arm: str) -> SeenTest:
    """Whether an arm's weights have seen test patients before it is fine-tuned.

    Own runs are matched patient by patient, under names that hold everywhere; so are films of other data sets of this
    study that the arm pretrains on. Published weights are matched by what their authors state.
    """
    study, labelled, test_ids = prepared.study, prepared.labelled, prepared.task.test_ids
    start, init = start_of(study, arm), study.arms[arm].init
    by_statement = seen_test_films(start.statements, labelled.issuer, labelled.manifest, test_ids)
    names = labelled.patients(test_ids)
    before = Ledger(start.patients).exposure_of(names)
    seen = {name for name, known in zip(names, before.seen, strict=True) if known}
    if isinstance(init, Pretrained):
        for name, image_ids in prepared.pool_of(init).items():
            seen |= set(prepared.data[name].patients(image_ids))
    films, patients = sum(name in seen for name in names), len(seen & set(names))
    of_patients = len(set(names))
    if by_statement.patients > patients or not (patients or before.not_known.any()):
        return by_statement
    if not patients:
        may = {name for name, unknown in zip(names, before.not_known, strict=True) if unknown}
        told = f"NOT KNOWN: {before.why_not_known}"
        return SeenTest(len(may), int(before.not_known.sum()), of_patients, len(names), "may", told)
    told = f"YES: {films:,} of {len(names):,} test films, {patients:,} of {of_patients:,} test patients"
    return SeenTest(patients, films, of_patients, len(names), "seen", told)


def refuse_contaminated(prepared: Prepared) -> None:
    """Refuse a study with arms whose weights have, or may have, seen test patients, unless it asks to mark them.

    Raises:
        HilumErrors: names these arms and what they have seen.
    """
    study = prepared.study
    if study.evaluate.contaminated == "mark":
        return
    found = {arm: contamination_of(prepared, arm) for arm in study.arms}
    problems = [
        f"arms.{arm}: has it seen test patients? {seen.told}" for arm, seen in found.items() if seen.certainty != "no"
    ]
    if problems:
        raise HilumErrors(
            "the test patients of this study",
            problems,
            fix="nothing was run. Choose other weights or another split, or set evaluate.contaminated: mark, which "
            "runs them and marks them in every table",
        )
