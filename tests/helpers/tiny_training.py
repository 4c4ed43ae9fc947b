"""Settings of the smallest data set and network that the whole way runs on."""

from dataset_scripts.generator.truth import GeneratorSettings

TINY = GeneratorSettings(participants=6, stimuli=7, seconds=1, frames_per_second=3, frame_size=96)
TINY_OVERRIDES = {
    "backbone_config": {
        "model_type": "resnet",
        "layer_type": "basic",
        "depths": [1],
        "hidden_sizes": [8],
        "embedding_size": 8,
        "out_features": ["stage1"],
    },
    "num_frames": 2,
    "encoder_size": 8,
    "projection_sizes": [8],
    "num_fusion_layers": 1,
    "num_attention_heads": 2,
    "head_dim": 4,
}
