from .formats import (
    FORMATS as FORMATS,
    Exported as Exported,
    export_model as export_model,
)
