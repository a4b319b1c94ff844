import numpy as np

from hilum.explanation.localisation import coloured, contact_sheet, overlaid


def test_opacity_grows_with_heat_and_a_dark_map_is_transparent():
    heat = np.array([[0.0, 1.0], [2.0, 4.0]])
    assert coloured(heat)[:, :, 3].tolist() == [[0, 64], [128, 255]]
    assert coloured(np.zeros((2, 2)))[:, :, 3].max() == 0


def test_a_cold_place_shows_the_image_and_a_box_is_drawn_around_what_it_holds():
    image, heat = np.full((40, 40), 100, dtype=np.uint8), np.zeros((40, 40))
    heat[0, 0] = 1.0
    image = overlaid(image, heat, np.array([[0.25, 0.5, 0.25, 0.25]]))
    assert image[0, 0].tolist() != [100, 100, 100]
    changed = np.argwhere((image != 100).any(2))[1:]
    assert changed.min(0).tolist() == [20, 10]
    assert changed.max(0).tolist() == [29, 19]
    assert (image[22:28, 12:18] == 100).all()


def test_a_sheet_lays_images_side_by_side():
    one, other = (np.full((10, 10, 3), level, dtype=np.uint8) for level in (0, 50))
    sheet = contact_sheet([[one, other], [other, one]])
    assert sheet.shape == (26, 26, 3)
    assert (sheet[:10, 16:] == 50).all()
    assert (sheet[10:16] == 255).all()
