from .box_plots import box_plot as box_plot
from .canvas import (
    ARM_COLOURS as ARM_COLOURS,
    FAINT as FAINT,
    INK as INK,
    arm_dashes as arm_dashes,
    inline as inline,
    page_colour as page_colour,
    shortened as shortened,
    style as style,
)
from .class_bars import class_bars_figure as class_bars_figure
from .confusion import (
    confusion_arms as confusion_arms,
    confusion_figures as confusion_figures,
)
from .curves import (
    decision_figures as decision_figures,
    precision_at as precision_at,
    precision_recall_figures as precision_recall_figures,
    reliability_figures as reliability_figures,
)
from .embedding import (
    METHODS as METHODS,
    embedding_figure as embedding_figure,
    write_embedding_figures as write_embedding_figures,
)
from .intervals import (
    differences_forest as differences_forest,
    estimates_forest as estimates_forest,
    overview_forest as overview_forest,
)
from .points import (
    CLASS_COLOURS as CLASS_COLOURS,
    OTHER as OTHER,
    points_figure as points_figure,
)
from .roc import (
    POINTS as POINTS,
    roc_curves as roc_curves,
    roc_figures as roc_figures,
)
from .similar_images import (
    SimilarImages as SimilarImages,
    write_similar_images as write_similar_images,
)
from .training import (
    losses_figure as losses_figure,
    training_figures as training_figures,
)
