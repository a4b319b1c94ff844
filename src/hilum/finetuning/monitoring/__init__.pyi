from .diagnosis import (
    Learning as Learning,
    LearningSign as LearningSign,
    diagnose as diagnose,
    read_learning as read_learning,
    write_learning as write_learning,
)
from .start_differences import (
    StartCode as StartCode,
    StartDifference as StartDifference,
)
