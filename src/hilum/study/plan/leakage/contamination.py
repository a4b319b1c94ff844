"""Data leakage: training patients of an arm's initial weights among the test patients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hilum.data.fetching import is_address
from hilum.data.manifest import is_patient_known
from hilum.data.patients import is_public
from hilum.data.store import Store
from hilum.encoders.ledger import Ledger
from hilum.encoders.statements import Contamination, Statement, find_contamination
from hilum.errors import HilumErrors
from hilum.runs.pools.copies import Copy
from hilum.study.data import PreparedData, pooled_id, split_pooled_id
from hilum.study.file import Pretrained
from hilum.study.file.views import start_directory, starts_in
from hilum.study.plan.leakage.pixel_copies import (
    copies_between,
    held_copies,
    labelled_training_copies,
    start_training_and_held_out,
    training_and_held_out,
    unsearched_copies,
)
from hilum.study.plan.starts import start_of
from hilum.study.pool import by_part
from hilum.study.prepared import Prepared, PreparedStudy

DoubtCode = Literal[
    "copies",
    "shared_ids",
    "without_patient",
    "test_without_patient",
    "train_without_patient",
    "unknown_issuer",
    "copies_not_searched",
]


@dataclass(frozen=True)
class Doubt:
    """One reason to suspect data leakage: an arm may have been trained on test patients.

    Attributes:
        code: `copies`: pretraining images duplicate held-out images; `shared_ids`: two folders have equal patient ids
            of unknown issuers; `without_patient`: pretraining images have no patient id, and no other source of it;
            `test_without_patient`, `train_without_patient`: the same for the task's own images; `unknown_issuer`: ids
            differ, but one person may have two ids of different issuers; `copies_not_searched`: stored images are too
            small to detect compressed or resized copies.
        data: Name of the data set concerned.
        images: Number of images; 0 for doubts about ids.
        refused: Whether the study is refused, unless `evaluate.contaminated` is `mark`.
        message: One sentence for display.
    """

    code: DoubtCode
    data: str
    images: int
    refused: bool
    message: str


def contamination_of(
    prepared: Prepared,
    arm: str,
    stores: Mapping[str, Store] | None = None,
    trained: Sequence[Copy] | None = None,
) -> Contamination:
    """Determine whether an arm's initial weights were trained on test patients.

    Weights from earlier runs of Hilum are matched by patient, published weights by the statements of their authors.
    Pretraining in the study excludes validation and test patients; the answer is "no" only if ids of known issuers
    identify all patients, see `doubts_of`.

    Args:
        prepared: Prepared data of the task.
        arm: Name of the arm.
        stores: Stores of the labelled data set and of those for pretraining, to compare pixels; None: files only.
        trained: Result of `copies_trained` for the task, if already computed; the same for every arm.
    """
    study, labelled, test_ids = prepared.study, prepared.labelled, prepared.task.test_ids
    start = start_of(study, arm)
    by_statement = _by_statement(start.statements, labelled, test_ids)
    names = labelled.patients(test_ids)
    before = Ledger(start.patients).exposure_of(names)
    trained_on = {name for name, known in zip(names, before.trained_on, strict=True) if known}
    images, of_patients = sum(name in trained_on for name in names), len(set(names))
    doubts = doubts_of(prepared, arm, stores)
    if trained_on and len(trained_on) >= by_statement.patients:
        described = (
            f"YES: {images:,} of {len(names):,} test images, {len(trained_on):,} of {of_patients:,} test patients"
        )
        return Contamination(len(trained_on), images, of_patients, len(names), "yes", described)
    if by_statement.certainty == "yes":
        return by_statement
    if (features := study.arms[arm].features) is not None and features.trained_on is None:
        of = of_patients, len(names)
        return Contamination(*of, *of, "may", "NOT KNOWN: training patients not known (features from elsewhere)")
    every = [*_pretraining_copies(prepared, arm, stores), *(copies_trained(prepared) if trained is None else trained)]
    copied = _copied_test_images(prepared, every)
    if copied:
        patients = len(set(labelled.patients(copied)))
        described = (
            f"YES: copies of {len(copied):,} of {len(names):,} test images, {patients:,} of {of_patients:,} patients"
        )
        return Contamination(patients, len(copied), of_patients, len(names), "yes", described)
    if before.not_known.any() and by_statement.certainty != "may":
        may = {name for name, unknown in zip(names, before.not_known, strict=True) if unknown}
        described = f"NOT KNOWN: {before.why_not_known}"
        return Contamination(len(may), int(before.not_known.sum()), of_patients, len(names), "may", described)
    if by_statement.certainty != "no" or not doubts:
        return by_statement
    described = f"not known: {'; '.join(doubt.message for doubt in doubts)}"
    return Contamination(of_patients, len(names), of_patients, len(names), "unknown", described)


def _by_statement(statements: Sequence[Statement], labelled: PreparedData, test_ids: Sequence[str]) -> Contamination:
    """Compare statements of authors with the test images; for a pool, the worst result of its parts."""
    if not labelled.parts:
        return find_contamination(statements, labelled.issuer, labelled.manifest, test_ids)
    own = by_part({labelled.name: labelled}, {labelled.name: test_ids})
    found = {
        name: find_contamination(statements, part.issuer, part.manifest, own.get(name, []))
        for name, part in labelled.parts.items()
    }
    worst = max(found.values(), key=lambda each: _CERTAINTIES.index(each.certainty))
    described = "; ".join(
        f"{name}: {each.message}" for name, each in found.items() if each.certainty == worst.certainty
    )
    return Contamination(
        sum(each.patients for each in found.values()), sum(each.images for each in found.values()),
        sum(each.of_patients for each in found.values()), len(test_ids), worst.certainty,
        described if worst.certainty != "no" else worst.message,
    )  # fmt: skip


_CERTAINTIES = ("no", "unknown", "may", "yes")


def doubts_of(prepared: Prepared, arm: str, stores: Mapping[str, Store] | None = None) -> list[Doubt]:
    """Return every reason to suspect that an arm was trained on test patients, from the study's own data.

    Args:
        prepared: Prepared data of the task.
        arm: Name of the arm.
        stores: As in `contamination_of`.
    """
    study, labelled, identity = prepared.study, prepared.labelled, prepared.identity
    homes = list(labelled.parts.values()) or [labelled]
    pretraining = study.data_before(arm)
    doubts = []
    for shared in identity.shared_ids:
        pair = {shared.data, shared.other}
        if pair <= {*(home.name for home in homes), *pretraining}:
            some = ", ".join(shared.patient_ids[:3])
            doubts.append(
                Doubt(
                    "shared_ids", shared.other, 0, True,
                    f"are these the same people? {len(shared.patient_ids):,} patient ids of {shared.data} are ids of "
                    f"{shared.other}, too ({some}). Set data.{shared.data}.issuer and data.{shared.other}.issuer: one "
                    "name if they are, two names if they are not",
                )
            )  # fmt: skip
    copies = _pretraining_copies(prepared, arm, stores)
    for name in dict.fromkeys(copy.data for copy in copies):
        of_set = [copy for copy in copies if copy.data == name]
        examples = ", ".join(f"{copy.image_id} is {copy.of_data}'s {copy.of_image_id}" for copy in of_set[:3])
        doubts.append(
            Doubt(
                "copies", name, len(of_set), True,
                f"{len(of_set):,} images of {name} are copies of validation or test images under other patient ids "
                f"({examples}). Remove them, or set pretrain.copies: leave_out",
            )
        )  # fmt: skip
    for name in pretraining:
        pool = set(prepared.pretraining_ids(name)) & identity.without_patient.get(name, frozenset())
        if pool:
            answered = study.data[name].unknown_patients == "own_patients"
            message = f"{len(pool):,} images of {name} have no patient id"
            if identity.has_ids and not answered:
                message += (
                    ", and neither path, header nor file content identifies them: they may show test patients. Add "
                    f"patient ids, or set data.{name}.unknown_patients: leave_out, or own_patients if they are others"
                )
            doubts.append(Doubt("without_patient", name, len(pool), identity.has_ids and not answered, message))
    if not any(doubt.code == "without_patient" for doubt in doubts):
        doubts += _nameless_images(prepared)
    if (note := unsearched_copies(prepared, pretraining)) is not None:
        doubts.append(Doubt("copies_not_searched", labelled.name, 0, False, str(note)))
    doubts += _ids_of_weights(prepared, arm)
    for name, home in ((name, home) for name in pretraining for home in homes):
        unnamed = [each.name for each in (home, prepared.data[name]) if not each.issuer_known]
        if unnamed and prepared.data[name].issuer != home.issuer and _have_ids(home, prepared.data[name]):
            described = f"the issuer of the patient ids of {unnamed[0]} is unknown (data.{unnamed[0]}.issuer)"
            doubts.append(Doubt("unknown_issuer", name, 0, False, described))
    return doubts


def _nameless_images(prepared: Prepared) -> list[Doubt]:
    """Return doubts about the task's own images without patient ids: training and test images may share patients."""
    named = prepared.labelled.name
    parts: tuple[tuple[DoubtCode, str, Sequence[str]], ...] = (
        ("test_without_patient", "test", prepared.task.test_ids),
        ("train_without_patient", "training", [*prepared.task.train.image_ids, *prepared.task.val.image_ids]),
    )
    for code, part, image_ids in parts:
        images = sum(_is_nameless(prepared, image_id) for image_id in image_ids)
        if images:
            return [Doubt(code, named, images, False, f"{images:,} {part} images of {named} have no patient id")]
    return []


def _ids_of_weights(prepared: Prepared, arm: str) -> Iterator[Doubt]:
    """Return doubts about test patients of folders without an issuer, and training patients of weights."""
    labelled, ledger = prepared.labelled, Ledger(start_of(prepared.study, arm).patients)
    unnamed = [home for home in labelled.parts.values() or [labelled] if not home.issuer_known]
    if not unnamed or not ledger.patients:
        return
    names = labelled.patients(prepared.task.test_ids)
    alike = ledger.ids_of_other_issuers(names)
    for issuer, patients in alike.items():
        yield Doubt(
            "shared_ids", labelled.name, 0, True,
            f"are these the same people? {len(patients):,} ids of test patients are ids of patients of {issuer}, whom "
            f"the weights were trained on. Set data.{unnamed[0].name}.issuer: {issuer} if they are, another name if "
            "they are not",
        )  # fmt: skip
    others = [each for each in ledger.issuers if each and not is_public(each) and each not in {*alike, labelled.issuer}]
    if others and not alike:
        described = f"the issuer of the patient ids of {unnamed[0].name} is unknown (data.{unnamed[0].name}.issuer)"
        yield Doubt(
            "unknown_issuer", labelled.name, 0, False, f"{described}, and the weights were trained on {others[0]}"
        )


def contamination_problems(prepared: Prepared | PreparedStudy) -> list[str]:
    """Return the reasons to refuse a study because of data leakage, one line each.

    Empty with `evaluate.contaminated: mark`.
    """
    study = prepared.study
    if study.evaluate.contaminated == "mark":
        return []
    if isinstance(prepared, PreparedStudy):
        every = [problem for view in prepared.views.values() for problem in contamination_problems(view)]
        return list(dict.fromkeys(every))
    problems = []
    trained = copies_trained(prepared)
    if trained:
        examples = ", ".join(f"{copy.image_id} is {copy.of_data}'s {copy.of_image_id}" for copy in trained[:3])
        problems.append(
            f"{study.place.replace('/', '.') or 'task'}: {len(trained):,} training images of "
            f"{prepared.labelled.name} are copies of its validation or test images ({examples}). Remove them, or "
            "give both of each pair one patient id"
        )
    for arm in study.arms:
        if is_address(study.weights_of(arm)) and not start_of(study, arm).here:
            continue  # checked once they are downloaded, before anything runs
        trained_on = contamination_of(prepared, arm)
        doubts = [doubt.message for doubt in doubts_of(prepared, arm) if doubt.refused]
        if trained_on.certainty in ("yes", "may") and not doubts and not trained:
            doubts = [trained_on.message]
        problems += [f"arms.{arm}: was it trained on test patients? {described}" for described in doubts]
    return problems


def refuse_contaminated(prepared: Prepared | PreparedStudy) -> None:
    """Refuse a study with data leakage, unless `evaluate.contaminated` is `mark`.

    Raises:
        HilumErrors: Some weights were, or may have been, trained on test patients.
    """
    problems = contamination_problems(prepared)
    if problems:
        raise HilumErrors(
            "the test patients of this study",
            problems,
            fix="nothing was run. Choose other weights or another split, or set evaluate.contaminated: mark, which "
            "runs them and marks them in every table",
        )


def _pretraining_copies(prepared: Prepared, arm: str, stores: Mapping[str, Store] | None) -> list[Copy]:
    """Return the copies of held-out images in the pretraining data of an arm."""
    study = prepared.study
    if not study.data_before(arm):
        return []
    pools: dict[str, dict[str, None]] = {}
    found: list[Copy] = []
    for init in starts_in(study.arms[arm].init):
        if isinstance(init, Pretrained):
            for name, image_ids in prepared.pool_of(init).items():
                pools.setdefault(name, {}).update(dict.fromkeys(image_ids))
            continue
        start = prepared.all_tasks.supervised[start_directory(study, study.arms[arm].encoder, init)]
        found += _copies_of_start(start, stores)
    found += [each for each in prepared.identity.copies if each.image_id in pools.get(each.data, ())]
    if stores is not None and pools and prepared.study.pretrain.copies != "leave_out":
        found += held_copies(prepared, stores, {name: list(image_ids) for name, image_ids in pools.items()})
    return _once(found)


def _copies_of_start(start: Prepared, stores: Mapping[str, Store] | None) -> list[Copy]:
    """Return the training images of a supervised start that are copies of held-out images of any task."""
    training, held = start_training_and_held_out(start)
    found = [each for each in start.identity.copies if each.image_id in training.get(each.data, ())]
    found += copies_between(start.identity.equal, training, held)
    return found + ([] if stores is None else labelled_training_copies(start.data, stores.__getitem__, training, held))


def copies_trained(prepared: Prepared, stores: Mapping[str, Store] | None = None) -> list[Copy]:
    """Return training images of a task that are copies of its validation or test images; by pixels only with stores."""
    images = training_and_held_out(prepared)
    training, held = (by_part(prepared.data, each) for each in images)
    found = copies_between(prepared.identity.equal, training, held)
    return _once(
        found + ([] if stores is None else labelled_training_copies(prepared.data, stores.__getitem__, training, held))
    )


def _once(copies: Sequence[Copy]) -> list[Copy]:
    """Return the first copy of each image."""
    first: dict[tuple[str, str], Copy] = {}
    for each in copies:
        first.setdefault((each.data, each.image_id), each)
    return list(first.values())


def _copied_test_images(prepared: Prepared, copies: Sequence[Copy]) -> list[str]:
    labelled, test = prepared.labelled, set(prepared.task.test_ids)
    of_copies = {
        pooled_id(copy.of_data, copy.of_image_id) if copy.of_data in labelled.parts else copy.of_image_id
        for copy in copies
        if copy.of_data == labelled.name or copy.of_data in labelled.parts
    }
    return sorted(of_copies & test)


def _is_nameless(prepared: Prepared, image_id: str) -> bool:
    """Return whether an image of the task has no patient."""
    labelled, without = prepared.labelled, prepared.identity.without_patient
    if not labelled.parts:
        return image_id in without.get(labelled.name, ())
    name, own = split_pooled_id(image_id)
    return own in without.get(name, ())


def _have_ids(*data: PreparedData) -> bool:
    return all(is_patient_known(each.manifest).any() for each in data)
