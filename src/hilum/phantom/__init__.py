"""Digital phantom: chest radiographs projected from an analytic thorax, with known findings and exact boxes."""

from hilum.phantom.image import Box, Rendered, render_image
from hilum.phantom.layouts import LAYOUTS, GeneratedDataset, write_layout
from hilum.phantom.population import Image, population_images

__all__ = [
    "LAYOUTS",
    "Box",
    "GeneratedDataset",
    "Image",
    "Rendered",
    "population_images",
    "render_image",
    "write_layout",
]
