"""Settings of the smallest data set and network that the whole way runs on."""

from tiny_emert import tiny_resnet

from dataset_scripts.generator.truth import GeneratorSettings
from training.benchmark.recipe import BenchmarkRecipe

TINY = GeneratorSettings(participants=6, stimuli=7, seconds=1, frames_per_second=3, frame_size=96)
TINY_OVERRIDES = {
    "backbone_config": tiny_resnet(8),
    "num_frames": 2,
    "encoder_size": 8,
    "projection_sizes": [8],
    "num_fusion_layers": 1,
    "num_attention_heads": 2,
    "head_dim": 4,
}


def tiny_benchmark(n_resamples: int, methods: tuple[str, ...], tasks: tuple[str, ...] = ("er7",)) -> BenchmarkRecipe:
    """One fold, plain splits."""
    training = {"recipe": "laptop", "image_size": 32, "epochs": 1, "overrides": TINY_OVERRIDES}
    shared = {"training": training, "folds": (1,), "split_versions": ("plain",)}
    return BenchmarkRecipe(name="tiny", methods=methods, tasks=tasks, n_resamples=n_resamples, **shared)
