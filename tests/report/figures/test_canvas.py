import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import pytest

from hilum.report.content import ArmSummary
from hilum.report.figures import canvas

SVG = "{http://www.w3.org/2000/svg}"


def arm(name: str) -> ArmSummary:
    return ArmSummary(name, "resnet18", "random", None, None, False, [])


def drawn(name: str = "sketch", hover: dict[str, str] | None = None):
    with canvas.style():
        sheet = canvas.sheet(200, 100)
        axes = canvas.panel(sheet, 40, 10, 150, 60)
        axes.plot([0, 1, 2], [0.123456789, 1, 0], color=canvas.ARM_COLOURS[0], gid="line")
        axes.set_xlabel("x < y & z")
        return canvas.as_figure(sheet, name, 'a "sketch"', hover)


def test_the_same_drawing_gives_the_same_bytes_and_no_date():
    assert drawn().svg == drawn().svg
    assert "<dc:date>" not in drawn().svg
    ElementTree.fromstring(drawn().svg)


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = dict(mpl.rcParams)
    drawn()
    assert dict(mpl.rcParams) == before


def test_text_stays_text_and_is_escaped():
    texts = [element.text for element in ElementTree.fromstring(drawn().svg).iter(f"{SVG}text")]
    assert "x < y & z" in texts


def test_a_panel_is_where_it_was_asked_for():
    sheet = canvas.sheet(200, 100)
    left, bottom, width, height = canvas.panel(sheet, 40, 10, 150, 60).get_position().bounds
    assert (left * 200, (1 - bottom - height) * 100) == pytest.approx((40, 10))
    assert (width * 200, height * 100) == pytest.approx((150, 60))


def test_what_a_mouse_shows_is_in_the_figure():
    svg = ElementTree.fromstring(drawn(hover={"line": "a < b: 0.812"}).svg)
    group = next(element for element in svg.iter(f"{SVG}g") if element.get("id") == "line")
    assert group.find(f"{SVG}title").text == "a < b: 0.812"


def test_on_the_page_ids_are_its_own_and_colours_follow_the_page():
    inlined = canvas.inline(drawn("first"))
    assert 'id="first-line"' in inlined
    assert "var(--arm-1)" in inlined
    assert "currentColor" in inlined
    assert not any(colour in inlined for colour in (canvas.INK, canvas.FAINT, canvas.RULE, *canvas.ARM_COLOURS))
    assert 'aria-label="a &quot;sketch&quot;"' in inlined
    own = {element.get("id") for element in ElementTree.fromstring(inlined.replace("xlink:href", "href")).iter()} - {
        None
    }
    other = canvas.inline(drawn("second"))
    assert own
    assert not any(f'id="{name}"' in other for name in own)


def test_the_reference_arm_is_gray_and_others_differ():
    names = ["scratch", "a", "b", "c", "d", "e", "f"]
    colours = canvas.arm_colours([arm(name) for name in names], "scratch")
    assert list(colours) == names
    assert colours["scratch"] == canvas.REFERENCE
    assert len(set(colours.values())) == 7
    assert canvas.REFERENCE not in canvas.arm_colours([arm(name) for name in names[:3]], None).values()


def test_long_names_are_cut_with_an_ellipsis():
    assert canvas.shortened("abcdef", 6) == "abcdef"
    assert canvas.shortened("abcdefg", 6) == "abcde…"
