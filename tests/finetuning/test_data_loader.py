import pytest
import torch

from hilum.augment import plain_view
from hilum.finetuning.data_loader import BatchLoader


@pytest.fixture
def loader(store):
    def some(batch_size, precision="fp32"):
        return BatchLoader(store, 32, batch_size, seed=0, workers=0, device=torch.device("cpu"), precision=precision)

    return some


def test_every_labelled_image_takes_part_in_every_epoch_in_batches_of_even_size(loader, images):
    batches = list(loader(8).training(images(0, 21)))
    assert [len(batch) for batch in batches] == [7, 7, 7]
    assert sorted(row for batch in batches for row in batch.rows) == list(range(21))
    assert [len(batch) for batch in loader(32).training(images(0, 21))] == [21]


def test_a_last_batch_that_is_not_full_waits_where_that_is_asked_for_unless_it_is_the_only_one(loader, images):
    assert [len(batch) for batch in loader(8).training(images(0, 21), drop_last=True)] == [8, 8]
    assert [len(batch) for batch in loader(32).training(images(0, 21), drop_last=True)] == [21]


def test_validation_has_every_image_with_its_targets_in_order(loader, images):
    labelled = images(10, 21)
    batches = list(loader(8).plain(labelled.image_ids, labelled.targets))
    assert [row for batch in batches for row in batch.rows] == list(range(11))
    torch.testing.assert_close(
        torch.cat([batch.targets for batch in batches]), torch.from_numpy(labelled.targets), equal_nan=True
    )


def test_outputs_are_of_plain_views_in_the_order_of_the_ids(loader, store):
    ids, message = ["film09", "film03", "film30"], []
    outputs = loader(2).outputs(lambda views: views.mean((2, 3)), ids, "means", lambda *it: message.append(it))
    plain = plain_view(torch.from_numpy(store.pixels[[9, 3, 30]]).unsqueeze(1), 32)
    torch.testing.assert_close(outputs, plain.mean((2, 3)))
    assert message == [(1, 2, "means"), (2, 2, "means")]


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_outputs_are_computed_in_the_precision_of_training(loader, precision, kind):
    kinds = []

    def product(views):
        result = views.flatten(1) @ torch.ones(32 * 32, 1)
        kinds.append(result.dtype)
        return result

    assert loader(2, precision).outputs(product, ["film00"], "").dtype == torch.float32
    assert kinds == [kind]
