"""From a prompt's few numbers to its gain: a smooth curve over them, as cosines of random directions.

Pure numpy over arrays of one row or many; what training measures is what a request is answered with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.model.surface import Floats


class Head(NamedTuple):
    """gain = cos(inputs @ directions + phases) @ waves + inputs @ slopes + offset"""

    directions: Floats
    phases: Floats
    waves: Floats
    slopes: Floats
    offset: float

    def gains(self, inputs: Floats) -> Floats:
        """One per row; of a single row, a number."""
        curved = inputs @ self.directions
        curved += self.phases
        np.cos(curved, out=curved)
        gained: Floats = curved @ self.waves + inputs @ self.slopes + np.float32(self.offset)
        return gained
