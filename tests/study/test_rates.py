"""What a plan's estimate of time follows from."""

import json

import pytest

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.study import rates
from hilum.study.file import find_study, read_study
from hilum.study.plan import plan_data, plan_study


@pytest.fixture
def nothing_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "rates_file", lambda: tmp_path / "settings" / "rates.json")


def test_a_machine_that_is_not_known_is_estimated_by_its_matrix_product(nothing_measured, monkeypatch):
    monkeypatch.setattr(rates, "matrix_gigaflops", lambda: 810.0)  # twice the one in the table
    found = rates.rates_of_this_machine()
    listed = rates._table()[0].families["resnet"]
    assert found.of("resnet50").gigaflops == pytest.approx(2 * listed.gigaflops)
    assert found.of("resnet50").source == "matrix_product"
    assert found.of("resnet50").spread == pytest.approx(listed.spread + rates.OTHER_MACHINE)
    assert found.of("vit_base_patch14_dinov2") == found.of("vit_small_patch16_224")
    assert found.of("swin_base_patch4_window7_224") == found.of(None) == found.families[rates.OF_ANY]


def test_a_listed_machine_needs_no_measuring(nothing_measured, monkeypatch):
    listed = rates._table()[0]
    monkeypatch.setattr(rates, "device_name", lambda: (listed.device, listed.kind))
    monkeypatch.setattr(rates, "matrix_gigaflops", lambda: pytest.fail("measured"))
    found = rates.rates_of_this_machine()
    assert (found.of("resnet18").gigaflops, found.of("resnet18").source) == (335, "table")
    assert found.of(None).spread == rates.UNKNOWN_SPREAD


def test_what_was_measured_here_goes_before_all_else_and_is_kept(nothing_measured):
    found = rates.measure_rates(["toh2023_resnet"], 32, seconds=0.1)
    mine = found.of("toh2023_resnet")
    assert mine.source == "measured_here"
    assert mine.gigaflops > 0
    assert rates.rates_of_this_machine().of("toh2023_resnet") == mine
    selected = json.loads(rates.rates_file().read_text())
    assert selected[rates.device_name()[0]]["toh2023_resnet"]["gigaflops"] == mine.gigaflops
    rates.rates_file().write_text("not JSON")
    assert rates.rates_of_this_machine().of("toh2023_resnet").source == "matrix_product"


def test_every_row_of_the_table_is_of_a_family_that_there_is():
    families = {architecture.family for architecture in ARCHITECTURES.values()}
    for machine in rates._table():
        assert machine.families.keys() <= families
        assert all(each.gigaflops < machine.matrix for each in machine.families.values())


def test_a_plan_says_which_rate_from_where_and_how_sure(nothing_measured):
    plan = plan_data(plan_study(read_study(find_study("demo"), []), {}))
    assert plan["seconds_low"] < plan["seconds"] < plan["seconds_high"]
    message = plan["rates"]["encoders"]["resnet18"]
    assert message["source"] == "matrix_product"
    assert message["spread"] > 0
    assert plan["rates"]["device"].startswith(("CPU", "NVIDIA"))
