"""EMERT's layers, for the fusions. They are imported after the network that they belong to.

Its layers need one of transformers' auto modules; whoever loads that loads the network (`modeling_emert.registration_emert`),
which would find its layers half loaded if they were the first to be imported.
"""

import modeling_emert.modeling_emert  # noqa: F401
from modeling_emert.layers_emert import (
    EmertAttention,
    EmertFaceEncoder,
    EmertFusionLayer,
    EmertSequenceEncoder,
    masked_mean,
    multilayer,
)

__all__ = [
    "EmertAttention",
    "EmertFaceEncoder",
    "EmertFusionLayer",
    "EmertSequenceEncoder",
    "masked_mean",
    "multilayer",
]
