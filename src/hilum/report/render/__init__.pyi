from .blocks import (
    Block as Block,
    Browser as Browser,
    Cell as Cell,
    Column as Column,
    Figure as Figure,
    FigureGroup as FigureGroup,
    Links as Links,
    Listing as Listing,
    Prose as Prose,
    Scatter as Scatter,
    Section as Section,
    Table as Table,
    Terms as Terms,
)
from .formats import (
    decimal as decimal,
    file_stem as file_stem,
    listing as listing,
    unbroken as unbroken,
)
from .images import (
    as_script as as_script,
    decoded as decoded,
    jpeg as jpeg,
    png as png,
    smaller as smaller,
    sprite as sprite,
)
