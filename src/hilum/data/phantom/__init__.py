"""Generated chest radiographs: an analytic thorax, projected; with known findings and exact boxes."""

from hilum.data.phantom.film import Box, Rendered, render_film
from hilum.data.phantom.layouts import LAYOUTS, Written, write_layout
from hilum.data.phantom.layouts.chestxray14 import write as write_chestxray14
from hilum.data.phantom.population import Film, films

__all__ = [
    "LAYOUTS",
    "Box",
    "Film",
    "Rendered",
    "Written",
    "films",
    "render_film",
    "write_chestxray14",
    "write_layout",
]
