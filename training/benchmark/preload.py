"""All that a cell may need, imported once by the server that forks the cells' processes: each would take seconds over it."""

from training.benchmark import robustness
from training.evaluation import evaluate as evaluating
from training.evaluation import probes
from training.fit import fit as fitting
from training.methods import classical
from training.methods.registry import METHODS, load_class

from . import measuring

CLASSES = [load_class(method) for method in METHODS.values()]
__all__ = ["CLASSES", "classical", "evaluating", "fitting", "measuring", "probes", "robustness"]
