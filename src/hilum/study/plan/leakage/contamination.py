"""The ledger: which patients the weights of an arm were trained on before the study trains them, test patients among
them?
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hilum.data.fetching import is_address
from hilum.data.manifest import is_patient_known
from hilum.data.patients import is_public
from hilum.data.store import Store
from hilum.encoders.ledger import Ledger
from hilum.encoders.published import describe_weights
from hilum.encoders.statements import Contamination, Statement, find_contamination, statements_in_words
from hilum.errors import HilumErrors
from hilum.runs.copies import Copy
from hilum.study.data import PreparedData
from hilum.study.file import Pretrained, Study
from hilum.study.file.finetuning import Features
from hilum.study.file.views import start_directory, starts_in
from hilum.study.plan.leakage.pixel_copies import (
    copies_between,
    copies_learnt,
    held_copies,
    of_start,
    training_and_held_out,
    unsearched_copies,
)
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
    """One reason to doubt that an arm was trained on no test patient.

    Attributes:
        code: `copies`: images to learn from equal held-out images; `shared_ids`: two folders name patients by equal
            ids, and nobody says whether these are the same people; `without_patient`: images to learn from have no
            patient id, nor does anything else tell whose they are; `test_without_patient`,
            `train_without_patient`: the same of the task's own images; `unknown_issuer`: ids differ, but nobody says
            that equal people would have equal ids; `copies_not_searched`: images are stored too small to look for
            copies that were compressed or resized.
        data: the data set that it is about; its key in the study file.
        images: how many, 0 where it is about ids.
        refused: whether the study is not run with it, unless it says `evaluate.contaminated: mark`.
        message: one sentence for people.
    """

    code: DoubtCode
    data: str
    images: int
    refused: bool
    message: str


@dataclass(frozen=True)
class Start:
    """Where an arm starts from, as far as its files tell.

    Attributes:
        title: for tables: "random", "mocov2 on ours/train", or the weights' name.
        source: address or directory of weights; empty where the study makes them.
        licence: of published weights.
        here: whether the weights are on this machine; None where the study makes them.
        trained_on: in words, which radiographs; "nothing" for random weights.
        statements: what the authors of published weights say.
        patients: full names, with pseudonyms for ids, of the patients that weights of Hilum's own runs have seen before
            this study.
    """

    title: str
    source: str
    licence: str
    here: bool | None
    trained_on: str
    statements: Sequence[Statement]
    patients: Sequence[str]


def start_of(study: Study, arm: str) -> Start:
    """Describe where an arm starts from; reads cards and the registry, and no data.

    Raises:
        HilumError: weights that are no name of the registry and no directory, or of another encoder.
    """
    settings, title = study.arms[arm], study.starts_from(arm)
    if settings.features is not None:
        stated = statements_of_features(settings.features)
        files = [str(settings.features.table)] if isinstance(settings.features.table, Path) else []
        unknown = "training patients not known" if settings.features.trained_on is None else statements_in_words(stated)
        return Start(title, "".join(files), "", True, unknown, stated, [])
    weights = study.weights_of(arm)
    if weights is None:
        return Start(title, "", "", None, "; ".join(_learnt_in_words(study, arm)) or "nothing", [], [])
    described = describe_weights(weights, settings.encoder)
    trained_on = (
        [statements_in_words(described.trained_on)] if described.trained_on or not described.training_patients else []
    )
    if described.training_patients:
        trained_on.append(f"{len(described.training_patients):,} patients of own runs")
    trained_on += _learnt_in_words(study, arm)
    return Start(
        title,
        described.source,
        described.licence,
        described.here,
        "; ".join(trained_on),
        described.trained_on,
        described.training_patients,
    )


def statements_of_features(features: Features) -> list[Statement]:
    """What a study file says of the images that the model behind features was trained on."""
    source = "the study file"
    if features.trained_on is None:
        return [Statement(certainty="unknown", source=source)]
    return [Statement(collection=name, certainty="part", source=source) for name in features.trained_on]


def contamination_of(
    prepared: Prepared,
    arm: str,
    stores: Mapping[str, Store] | None = None,
    trained: Sequence[Copy] | None = None,
) -> Contamination:
    """Whether an arm's weights were trained on test patients before it is fine-tuned.

    Own runs are matched patient by patient, under names that hold everywhere. Published weights are matched by what
    their authors state. What the study itself pretrains on leaves out the patients who validate or test; it is "no"
    only where ids of known issuers tell who they are, see `doubts_of`.

    Args:
        prepared: the study's data.
        arm: its name.
        stores: of the labelled data set and of those that the arm learns from; with them, pixels are compared, too.
        trained: `copies_trained` of the task, where they are known already: they are those of every arm.
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
    every = [*_copies_learnt(prepared, arm, stores), *(copies_trained(prepared) if trained is None else trained)]
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
    """What statements say of test images; of a pool, of each part, and the worst of them for all."""
    if not labelled.parts:
        return find_contamination(statements, labelled.issuer, labelled.manifest, test_ids)
    found = {}
    for name, part in labelled.parts.items():
        own = [image_id.removeprefix(f"{name}:") for image_id in test_ids if image_id.startswith(f"{name}:")]
        found[name] = find_contamination(statements, part.issuer, part.manifest, own)
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
    """Every reason to doubt that an arm was trained on no test patient, as far as the study's own data tell.

    Args:
        prepared: the study's data.
        arm: its name.
        stores: as in `contamination_of`.
    """
    study, labelled, identity = prepared.study, prepared.labelled, prepared.identity
    homes = list(labelled.parts.values()) or [labelled]
    learnt = study.data_before(arm)
    doubts = []
    for shared in identity.shared_ids:
        pair = {shared.data, shared.other}
        if pair <= {*(home.name for home in homes), *learnt}:
            some = ", ".join(shared.patient_ids[:3])
            doubts.append(
                Doubt(
                    "shared_ids", shared.other, 0, True,
                    f"are these the same people? {len(shared.patient_ids):,} patient ids of {shared.data} are ids of "
                    f"{shared.other}, too ({some}). Set data.{shared.data}.issuer and data.{shared.other}.issuer: one "
                    "name if they are, two names if they are not",
                )
            )  # fmt: skip
    copies = _copies_learnt(prepared, arm, stores)
    for name in dict.fromkeys(copy.data for copy in copies):
        of_set = [copy for copy in copies if copy.data == name]
        examples = ", ".join(f"{copy.image_id} is {copy.of_data}'s {copy.of_image_id}" for copy in of_set[:3])
        doubts.append(
            Doubt(
                "copies", name, len(of_set), True,
                f"{len(of_set):,} images of {name} are copies of validation or test images under the names of other "
                f"patients ({examples}). Take them out, or set pretrain.copies: leave_out",
            )
        )  # fmt: skip
    for name in learnt:
        pool = set(prepared.pretraining_ids(name)) & identity.without_patient.get(name, frozenset())
        if pool:
            answered = study.data[name].unknown_patients == "own_patients"
            message = f"{len(pool):,} images of {name} have no patient id"
            if identity.has_ids and not answered:
                message += (
                    ", and neither path, header nor bytes tell whose they are: they may be of test patients. Add their "
                    f"patient ids, or set data.{name}.unknown_patients: leave_out, or own_patients if they are others"
                )
            doubts.append(Doubt("without_patient", name, len(pool), identity.has_ids and not answered, message))
    if not any(doubt.code == "without_patient" for doubt in doubts):
        doubts += _nameless_images(prepared)
    if (note := unsearched_copies(prepared, learnt)) is not None:
        doubts.append(Doubt("copies_not_searched", labelled.name, 0, False, str(note)))
    doubts += _ids_of_weights(prepared, arm)
    for name, home in ((name, home) for name in learnt for home in homes):
        unnamed = [each.name for each in (home, prepared.data[name]) if not each.issuer_known]
        if unnamed and prepared.data[name].issuer != home.issuer and _have_ids(home, prepared.data[name]):
            described = f"nobody says who gave the patients of {unnamed[0]} their ids (data.{unnamed[0]}.issuer)"
            doubts.append(Doubt("unknown_issuer", name, 0, False, described))
    return doubts


def _nameless_images(prepared: Prepared) -> list[Doubt]:
    """The task's own images whose patients nobody knows: one of them may train what another one tests."""
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
    """Test patients of folders whose issuer nobody names, and patients of other folders that weights learnt from."""
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
        described = f"nobody says who gave the patients of {unnamed[0].name} their ids (data.{unnamed[0].name}.issuer)"
        yield Doubt("unknown_issuer", labelled.name, 0, False, f"{described}, and weights learnt from {others[0]}")


def contamination_problems(prepared: Prepared | PreparedStudy) -> list[str]:
    """Why a study is not run: what its arms were, or may have been, trained on, of test patients, one line each.

    Empty where nothing was found, and where the study asks to mark such arms.
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
            f"{prepared.labelled.name} are copies of images that validate or test it ({examples}). Take them out, or "
            "give both of each pair one patient id"
        )
    for arm in study.arms:
        if is_address(study.weights_of(arm)) and not start_of(study, arm).here:
            continue  # their card says it, and they are judged as soon as they are fetched: nothing runs before
        trained_on = contamination_of(prepared, arm)
        doubts = [doubt.message for doubt in doubts_of(prepared, arm) if doubt.refused]
        if trained_on.certainty in ("yes", "may") and not doubts and not trained:
            doubts = [trained_on.message]
        problems += [f"arms.{arm}: was it trained on test patients? {described}" for described in doubts]
    return problems


def refuse_contaminated(prepared: Prepared | PreparedStudy) -> None:
    """Refuse a study with arms whose weights were, or may have been, trained on test patients, unless it asks to mark
    them.

    Raises:
        HilumErrors: names these arms and what they were trained on.
    """
    problems = contamination_problems(prepared)
    if problems:
        raise HilumErrors(
            "the test patients of this study",
            problems,
            fix="nothing was run. Choose other weights or another split, or set evaluate.contaminated: mark, which "
            "runs them and marks them in every table",
        )


def _copies_learnt(prepared: Prepared, arm: str, stores: Mapping[str, Store] | None) -> list[Copy]:
    """Copies of held-out images in the pools of an arm."""
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
    """Images that a start with labels learns from and that are copies of what any task holds out."""
    learnt, held = of_start(start)
    found = [each for each in start.identity.copies if each.image_id in learnt.get(each.data, ())]
    found += copies_between(start.identity.equal, learnt, held)
    return found + ([] if stores is None else copies_learnt(start.data, stores.__getitem__, learnt, held))


def copies_trained(prepared: Prepared, stores: Mapping[str, Store] | None = None) -> list[Copy]:
    """Training images of the task that are copies of images that validate or test it; with stores, by pixels, too."""
    images = training_and_held_out(prepared)
    learnt, held = (by_part(prepared.data, each) for each in images)
    found = copies_between(prepared.identity.equal, learnt, held)
    return _once(found + ([] if stores is None else copies_learnt(prepared.data, stores.__getitem__, learnt, held)))


def _once(copies: Sequence[Copy]) -> list[Copy]:
    """The first of each image's."""
    first: dict[tuple[str, str], Copy] = {}
    for each in copies:
        first.setdefault((each.data, each.image_id), each)
    return list(first.values())


def _learnt_in_words(study: Study, arm: str) -> list[str]:
    """What the study itself has an arm learn from before it is fine-tuned."""
    return [
        f"images of {init.pool()}"
        if isinstance(init, Pretrained)
        else f"images and labels of {study.supervised_data(init)}"
        for init in starts_in(study.arms[arm].init)
    ]


def _copied_test_images(prepared: Prepared, copies: Sequence[Copy]) -> list[str]:
    labelled, test = prepared.labelled, set(prepared.task.test_ids)
    of_copies = {
        f"{copy.of_data}:{copy.of_image_id}" if labelled.parts and copy.of_data in labelled.parts else copy.of_image_id
        for copy in copies
        if copy.of_data == labelled.name or copy.of_data in labelled.parts
    }
    return sorted(of_copies & test)


def _is_nameless(prepared: Prepared, image_id: str) -> bool:
    """Whether nobody knows whose an image of the task is."""
    labelled, without = prepared.labelled, prepared.identity.without_patient
    if not labelled.parts:
        return image_id in without.get(labelled.name, ())
    name, _, own = image_id.partition(":")
    return own in without.get(name, ())


def _have_ids(*data: PreparedData) -> bool:
    return all(is_patient_known(each.manifest).any() for each in data)
