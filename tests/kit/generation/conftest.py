import pytest
from fakes import toy_base

from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.models.base import load_base


@pytest.fixture
def painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_base()), "cpu")
