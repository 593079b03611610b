"""Published scores with published error rates."""

import json

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("sottovoce", deadline=None)  # a busy machine is no failure
settings.load_profile("sottovoce")


@pytest.fixture(scope="session")
def known_scores(data):
    """(scores, targets, expected) of the case whose values come from Bosaris and bob."""
    expected = json.loads((data / "refs/expected.json").read_text())["eer"][0]
    columns = np.loadtxt(data / "refs" / expected["scores"])
    return columns[:, 1], (columns[:, 0] > 0).astype(int), expected
