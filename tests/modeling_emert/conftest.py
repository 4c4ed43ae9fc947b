"""One thread: networks this small are faster on it, and much faster where another process uses the other cores."""

import torch

torch.set_num_threads(1)
