from .blocks import (
    Block as Block,
)
from .blocks import (
    Browser as Browser,
)
from .blocks import (
    Cell as Cell,
)
from .blocks import (
    Column as Column,
)
from .blocks import (
    Figure as Figure,
)
from .blocks import (
    FigureGroup as FigureGroup,
)
from .blocks import (
    Links as Links,
)
from .blocks import (
    Listing as Listing,
)
from .blocks import (
    Prose as Prose,
)
from .blocks import (
    Scatter as Scatter,
)
from .blocks import (
    Section as Section,
)
from .blocks import (
    Table as Table,
)
from .blocks import (
    Terms as Terms,
)
from .formats import (
    decimal as decimal,
)
from .formats import (
    file_stem as file_stem,
)
from .formats import (
    listing as listing,
)
from .formats import (
    unbroken as unbroken,
)
from .images import (
    as_script as as_script,
)
from .images import (
    decoded as decoded,
)
from .images import (
    jpeg as jpeg,
)
from .images import (
    png as png,
)
from .images import (
    smaller as smaller,
)
from .images import (
    sprite as sprite,
)
