"""Thorax of one patient on one image: all solids, findings included."""

from dataclasses import dataclass, replace

import numpy as np

from hilum.findings import CHESTXRAY14
from hilum.phantom.anatomy import opacities, pleura
from hilum.phantom.anatomy.devices import devices
from hilum.phantom.anatomy.organs import Shape, abdomen, airways, body, diaphragm, heart, lungs, mediastinum
from hilum.phantom.anatomy.skeleton import skeleton
from hilum.phantom.anatomy.vessels import vessels
from hilum.phantom.build import Build, draw_build, generator
from hilum.phantom.population import Image
from hilum.phantom.projection import LEFT, RIGHT, Attenuation, Solids, together


@dataclass(frozen=True)
class Thorax:
    """Solids and attenuation of a patient on one image.

    Attributes:
        build: Build of the patient.
        solids: All solids; `mark` is the index in `CHESTXRAY14` of the finding that a solid belongs to.
        attenuation: Attenuation of soft tissue and lungs.
        expanded: The same without collapse of a lung.
    """

    build: Build
    solids: Solids
    attenuation: Attenuation
    expanded: Attenuation

    def without(self, finding: str) -> "Thorax":
        """Return the thorax without the solids of a finding; without Cardiomegaly it has no heart."""
        left = self.solids.only(self.solids.mark != CHESTXRAY14.index(finding))
        attenuation = self.expanded if finding == "Pneumothorax" else self.attenuation
        return replace(self, solids=left, attenuation=attenuation)


def thorax(image: Image, seed: int) -> Thorax:
    """Build the thorax of an image's patient in the state of that image."""
    build = draw_build(seed, image.patient, image.age_at_first_image, image.sex)
    draw = generator(seed, image.image_id, 2)
    found = image.severities
    soft = (0.185 if image.view == "PA" else 0.20) * build.scale
    shape = _shape(image, build, seed, draw)
    density = build.density * (1.0 if image.upright else 1.12) * float(np.exp(draw.normal(0, 0.06)))
    density *= 1 + 0.05 * max(shape.domes[RIGHT] - build.domes[RIGHT], 0.0)  # an expired lung is denser
    if "Emphysema" in found:
        density *= 0.86 - 0.3 * found["Emphysema"]
    lung = soft * density
    contrast = soft - lung
    attenuation = [lung, lung]
    parts = [
        body(build, image.view),
        lungs(build, shape),
        diaphragm(shape),
        mediastinum(build, shape),
        airways(build, draw, soft),
        abdomen(shape, image.view if image.upright else "AP", draw, soft),
        skeleton(build, image.view, draw),
        devices(build, shape, image.view, draw, contrast),
    ]
    silhouette = heart(build, shape)
    parts.append(silhouette.marked(CHESTXRAY14.index("Cardiomegaly")) if "Cardiomegaly" in found else silhouette)

    within = {}
    if "Pneumothorax" in found:
        own = _draw_of(image, seed, "Pneumothorax")
        side = int(own.integers(2))
        left = pleura.collapse(build, side, found["Pneumothorax"], upright=image.upright)
        within[side] = (left.centre, left.semiaxes - 0.3)
        attenuation[side] = 0.0
        rest = pleura.retracted_lung(left, side, lung, contrast * 0.9)
        parts.append(rest.marked(CHESTXRAY14.index("Pneumothorax")))
    parts.append(
        vessels(
            build,
            shape,
            (contrast, contrast),
            np.random.Generator(np.random.SFC64(build.key)),
            upright=image.upright,
            fullness=1.0 + 0.45 * found["Edema"] if "Edema" in found else (1.0 if image.upright else 1.06),
            pruned=0.25 + 0.5 * found["Emphysema"] if "Emphysema" in found else 0.0,
            within=within,
        )
    )
    for finding in found:
        solids = _solids_of(finding, image, build, shape, seed, soft, contrast)
        if solids is not None:
            parts.append(solids.marked(CHESTXRAY14.index(finding)))
    return Thorax(
        build,
        together(parts),
        attenuation=Attenuation(soft, (attenuation[RIGHT], attenuation[LEFT])),
        expanded=Attenuation(soft, (lung, lung)),
    )


def _draw_of(image: Image, seed: int, finding: str) -> np.random.Generator:
    """Return the random generator of a finding, the same while it lasts in a patient."""
    return generator(seed, f"patient {image.patient} {finding} {image.episodes[finding]}", 3)


def _shape(image: Image, build: Build, seed: int, draw: np.random.Generator) -> Shape:
    found = image.severities
    breath = abs(draw.normal(0, 0.8)) * (1.0 if image.view == "PA" else 1.3)
    if image.view == "AP":
        breath += 1.0 if image.upright else 1.8
    width, depth, height = build.cage
    emphysema = found.get("Emphysema", -1.0)
    fibrosis = found.get("Fibrosis", 0.0)
    over = 0.0 if emphysema < 0 else 0.3 + 0.6 * emphysema
    size = build.heart
    if "Cardiomegaly" in found:
        size *= 1.12 + 0.34 * found["Cardiomegaly"]
    tilted = draw.normal(0, 0.35, 2)
    shape = Shape(
        domes=(
            build.domes[RIGHT] + breath - 2.6 * over + 0.8 * fibrosis + tilted[0],
            build.domes[LEFT] + breath - 2.6 * over + 0.8 * fibrosis + tilted[1],
        ),
        flatness=float(np.clip(0.1 * draw.normal() + 0.75 * over, 0, 1)),
        heart=size * (1 + 0.012 * breath),
        slim=float(np.clip(0.9 * over + 0.08 * draw.normal(), 0, 1)),
        cage=(width, depth + 1.2 * over, height),
        widening=(0.0 if image.view == "PA" else 0.25) + 0.12 * abs(draw.normal()),
    )
    if "Atelectasis" in found:
        side = int(_draw_of(image, seed, "Atelectasis").integers(2))
        shape = shape.with_dome(side, 0.5 + 2.2 * found["Atelectasis"])
    return shape


def _solids_of(
    finding: str, image: Image, build: Build, shape: Shape, seed: int, soft: float, contrast: float
) -> Solids | None:
    """Return the solids that a finding adds; None for findings that only change organs."""
    severity = image.severities[finding]
    draw = _draw_of(image, seed, finding)
    match finding:
        case "Pleural Effusion":
            side = int(draw.integers(2))
            fluid = pleura.effusion(shape, side, severity, upright=image.upright)
            if draw.random() < 0.4:
                other = pleura.effusion(shape, 1 - side, severity * draw.uniform(0.2, 0.9), upright=image.upright)
                fluid = together([fluid, other])
            return fluid
        case "Pleural Thickening":
            return pleura.pleural_thickening(build, shape, int(draw.integers(2)), severity, draw)
        case "Hernia":
            return pleura.hernia(shape, severity, draw, soft, upright=image.upright)
        case "Nodule":
            return opacities.nodules(build, shape, severity, draw)
        case "Mass":
            return opacities.mass(build, shape, severity, draw, contrast)
        case "Pneumonia":
            return opacities.pneumonia(build, shape, severity, draw, contrast)
        case "Consolidation":
            return opacities.consolidation(build, shape, severity, draw, contrast)
        case "Infiltration":
            return opacities.infiltration(build, shape, severity, draw, contrast)
        case "Atelectasis":
            return opacities.atelectasis(build, shape, int(draw.integers(2)), severity, draw, contrast)
        case "Edema":
            return opacities.edema(build, shape, severity, draw, contrast)
        case "Fibrosis":
            return opacities.fibrosis(build, shape, severity, draw, contrast)
        case _:
            return None
