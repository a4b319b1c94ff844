from .read import (
    PUBLISHED as PUBLISHED,
    Check as Check,
    Misprint as Misprint,
    Published as Published,
    PublishedTable as PublishedTable,
    PublishedValue as PublishedValue,
    Source as Source,
    read_published as read_published,
)
