import pytest

from hilum.encoders.weightless import weightless as without_numbers
from hilum.encoders.zoo import create_encoder


@pytest.fixture(scope="session")
def weightless():
    """Encoders without numbers, which know their shapes: as many as wanted, of any size."""
    made = {}

    def encoder(name):
        if name not in made:
            with without_numbers():
                made[name] = create_encoder(name, seed=0).eval()
        return made[name]

    return encoder
