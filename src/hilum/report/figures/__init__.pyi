from .box_plots import (
    box_plot as box_plot,
)
from .canvas import (
    ARM_COLOURS as ARM_COLOURS,
)
from .canvas import (
    FAINT as FAINT,
)
from .canvas import (
    INK as INK,
)
from .canvas import (
    arm_dashes as arm_dashes,
)
from .canvas import (
    inline as inline,
)
from .canvas import (
    page_colour as page_colour,
)
from .canvas import (
    shortened as shortened,
)
from .canvas import (
    style as style,
)
from .class_bars import (
    class_bars_figure as class_bars_figure,
)
from .confusion import (
    confusion_arms as confusion_arms,
)
from .confusion import (
    confusion_figures as confusion_figures,
)
from .curves import (
    decision_figures as decision_figures,
)
from .curves import (
    precision_at as precision_at,
)
from .curves import (
    precision_recall_figures as precision_recall_figures,
)
from .curves import (
    reliability_figures as reliability_figures,
)
from .embedding import (
    METHODS as METHODS,
)
from .embedding import (
    embedding_figure as embedding_figure,
)
from .embedding import (
    write_embedding_figures as write_embedding_figures,
)
from .intervals import (
    differences_forest as differences_forest,
)
from .intervals import (
    estimates_forest as estimates_forest,
)
from .intervals import (
    overview_forest as overview_forest,
)
from .points import (
    CLASS_COLOURS as CLASS_COLOURS,
)
from .points import (
    OTHER as OTHER,
)
from .points import (
    points_figure as points_figure,
)
from .roc import (
    POINTS as POINTS,
)
from .roc import (
    roc_curves as roc_curves,
)
from .roc import (
    roc_figures as roc_figures,
)
from .similar_images import (
    SimilarImages as SimilarImages,
)
from .similar_images import (
    write_similar_images as write_similar_images,
)
from .training import (
    losses_figure as losses_figure,
)
from .training import (
    training_figures as training_figures,
)
