import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from hilum.data.batches import Batches
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store, build_store
from hilum.draws import image_keys, shuffled
from hilum.errors import HilumError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """103 images of 8 x 8; the first pixel is the image's number."""
    import cv2
    import polars as pl

    root = tmp_path_factory.mktemp("root")
    for number in range(103):
        cv2.imwrite(str(root / f"{number}.png"), np.full((8, 8), number, dtype=np.uint8))
    names = [str(number) for number in range(103)]
    manifest = pl.DataFrame({"image_id": names, "path": [f"{name}.png" for name in names]})
    return build_store(manifest, root, parse_recipe([{"resize": 8}]), root.parent / "store")


IDS = [str(number) for number in range(100, 0, -1)]
TARGETS = np.array([[float(image_id), np.nan] for image_id in IDS], dtype=np.float32)


def batches(store, **changes):
    stated = {"seed": 7, "shuffle": True, "drop_last": True, "targets": TARGETS, "workers": 0} | changes
    return Batches(store, IDS, 8, **stated)


def content(batch):
    return batch.images.numpy().tobytes(), batch.keys.tolist(), batch.rows.tolist(), batch.targets.numpy().tobytes()


@pytest.mark.parametrize("workers", [0, 2])
def test_images_keys_rows_and_targets_belong_together(store, workers):
    for batch in batches(store, workers=workers):
        assert batch.images.shape == (8, 1, 8, 8)
        assert batch.images.dtype == torch.uint8
        ids = [IDS[row] for row in batch.rows]
        assert batch.images[:, 0, 3, 5].tolist() == [int(image_id) for image_id in ids]
        assert np.array_equal(batch.keys, image_keys(ids))
        assert batch.targets[:, 0].tolist() == [float(image_id) for image_id in ids]
        assert batch.targets[:, 1].isnan().all()


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_are_the_same_for_any_number_of_workers(store, workers):
    assert list(map(content, batches(store, workers=workers))) == list(map(content, batches(store, workers=0)))


def test_an_epoch_visits_every_image_once_in_an_order_of_its_own(store):
    several = batches(store, drop_last=False)
    orders = []
    for epoch in (0, 1, 0):
        several.epoch = epoch
        orders.append(np.concatenate([batch.rows for batch in several]))
    assert sorted(orders[0]) == list(range(100))
    assert orders[0].tolist() == orders[2].tolist()
    assert orders[0].tolist() != orders[1].tolist()
    assert orders[1].tolist() == shuffled(7, image_keys(IDS), epoch=1).tolist()


def test_without_shuffling_the_order_is_that_of_the_ids(store):
    rows = [batch.rows.tolist() for batch in batches(store, shuffle=False, drop_last=False)]
    assert [row for batch in rows for row in batch] == list(range(100))
    assert len(rows[-1]) == 4


@pytest.mark.parametrize("of", [2, 3])
def test_the_parts_of_several_processes_are_the_batches_of_one(store, of):
    whole, shares = batches(store, drop_last=False), [batches(store, drop_last=False, workers=2) for _ in range(of)]
    for which, share in enumerate(shares):
        share.part = which, of
    for step, (batch, *parts) in enumerate(zip(whole, *shares, strict=True)):
        assert np.concatenate([part.rows for part in parts]).tolist() == batch.rows.tolist()
        assert np.array_equal(np.concatenate([part.keys for part in parts]), batch.keys)
        assert torch.equal(torch.cat([part.images for part in parts]), batch.images)
        assert torch.cat([part.targets[:, 0] for part in parts]).tolist() == batch.targets[:, 0].tolist()
        assert whole.images_in(step) == len(batch)


def test_a_batch_is_cut_in_order_and_its_parts_know_the_whole(store):
    batch = next(iter(batches(store)))
    assert batch.cut(1)[0] is batch.whole is batch
    parts = batch.cut(3)
    assert [len(part) for part in parts] == [3, 3, 2]
    assert all(part.whole is batch and part.parts == 3 for part in parts)
    assert torch.equal(torch.cat([part.images for part in parts]), batch.images)
    assert np.concatenate([part.rows for part in parts]).tolist() == batch.rows.tolist()
    assert torch.cat([part.targets[:, 0] for part in parts]).tolist() == batch.targets[:, 0].tolist()
    assert all(part.targets is None for part in next(iter(batches(store, targets=None))).cut(2))


@pytest.mark.parametrize(("drop_last", "expected"), [(True, 12), (False, 13)])
def test_the_length_is_the_number_of_batches(store, drop_last, expected):
    several = batches(store, drop_last=drop_last)
    assert len(several) == expected
    assert len(list(several)) == expected


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("stop", [1, 5, 12])
def test_a_state_taken_after_a_step_goes_on_with_the_next(store, workers, stop):
    whole = batches(store)
    whole.epoch = 3
    expected = list(map(content, whole))[stop:]
    first = batches(store, workers=workers)
    first.epoch = 3
    for step, _ in enumerate(first, start=1):
        if step == stop:
            state = first.state_dict()
            break
    assert state == {"epoch": 3, "position": stop}
    second = batches(store, workers=0)
    second.load_state_dict(state)
    assert list(map(content, second)) == expected
    assert second.state_dict() == {"epoch": 3, "position": 0}


def test_a_fault_in_a_worker_reaches_the_consumer(store):
    broken = Store(store.directory, store.pixels[:50], store.image_ids, store.rejected, store.recipe)
    with pytest.raises(IndexError):
        list(batches(broken, workers=2))


def test_threads_end_when_iteration_is_abandoned(store):
    before = threading.active_count()
    several = batches(store, workers=4)
    iterator = iter(several)
    next(iterator)
    assert threading.active_count() > before
    iterator.close()
    assert threading.active_count() == before
    assert several.position == 1


def test_waiting_is_counted(store):
    several = batches(store)
    assert several.seconds_waited == 0
    list(several)
    once = several.seconds_waited
    list(several)
    assert 0 < once < several.seconds_waited


def test_batches_without_labels_have_no_targets(store):
    assert next(iter(batches(store, targets=None))).targets is None


@pytest.mark.parametrize(
    ("ids", "size", "targets", "message"),
    [
        (["1", "1"], 1, None, "expected every image once"),
        (["1", "2"], 1, np.zeros((3, 1), np.float32), "expected 2 rows; found 3"),
        (["1", "2"], 3, None, "found 2 images for batches of 3"),
        (["1", "2"], 0, None, "found 2 images for batches of 0"),
        (["1", "nobody"], 1, None, r"found 1 missing \(nobody\)"),
    ],
)
def test_wrong_requests_are_refused(store, ids, size, targets, message):
    with pytest.raises(HilumError, match=message):
        Batches(store, ids, size, seed=0, shuffle=False, drop_last=True, targets=targets)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fits", [True, False])
def test_batches_on_a_gpu_are_those_of_the_processor(store, fits, monkeypatch):
    monkeypatch.setattr("hilum.data.batches._FRACTION_OF_DEVICE", 0.5 if fits else 0.0)
    for there, here in zip(batches(store, device="cuda", workers=2), batches(store), strict=True):
        assert there.images.device.type == "cuda"
        assert torch.equal(there.images.cpu(), here.images)
        assert torch.equal(there.targets.cpu().nan_to_num(), here.targets.nan_to_num())


@given(images=st.integers(1, 100), batch_size=st.integers(1, 40), epoch=st.integers(0, 3))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_even_batches_hold_every_image_once_and_differ_in_size_by_one_at_most(store, images, batch_size, epoch):
    even = Batches(store, IDS[:images], batch_size, seed=1, shuffle=True, drop_last=False, workers=0, even=True)
    even.epoch = epoch
    rows = [list(batch.rows) for batch in even]
    sizes = [len(batch) for batch in rows]
    assert sorted(row for batch in rows for row in batch) == list(range(images))
    assert len(sizes) == len(even) == -(-images // batch_size)
    assert sizes == [even.images_in(step) for step in range(len(even))]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch_size


def test_an_image_may_come_in_several_copies_each_with_draws_of_its_own(store):
    ids, copies = ["5", "5", "5", "9"], np.array([0, 1, 2, 0], dtype=np.int8)
    made = Batches(store, ids, 4, seed=7, shuffle=True, drop_last=False, workers=0, copies=copies)
    (batch,) = made
    assert batch.copies.tolist() == copies[batch.rows].tolist()
    assert batch.images[:, 0, 0, 0].tolist() == [int(ids[row]) for row in batch.rows]
    assert len(set(batch.keys.tolist())) == 4
    own = {int(row): key for row, key in zip(batch.rows, batch.keys, strict=True)}
    assert [own[0], own[3]] == image_keys(["5", "9"]).tolist()  # the images themselves are drawn as ever
    assert [part.copies.tolist() for part in batch.cut(2)] == [batch.copies[:2].tolist(), batch.copies[2:].tolist()]
    with pytest.raises(HilumError, match="expected every image once"):
        Batches(store, ["5", "5"], 2, seed=7, shuffle=True, drop_last=False, copies=np.ones(2, dtype=np.int8))
