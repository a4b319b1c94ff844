"""Generated chest radiographs: an analytic thorax, projected; with known findings and exact boxes."""

from hilum.data.phantom.chestxray14 import write_chestxray14
from hilum.data.phantom.film import Box, Rendered, render_film
from hilum.data.phantom.population import Film, films

__all__ = ["Box", "Film", "Rendered", "films", "render_film", "write_chestxray14"]
