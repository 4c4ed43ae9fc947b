"""The face as frames, as action units, or as a photo; zoom and grey; labels that are distributions."""

import numpy as np
import pytest
import torch
from tiny_emert import FRAMES, NO_DROPOUT, face_track, gaze, logits, tiny_config, tiny_inputs, tiny_labels, tiny_model
from torch.nn import functional

from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertProcessor, Recording
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.feature_extraction_emert import GazeStatistics, unit_steps
from modeling_emert.heads_emert import class_loss
from modeling_emert.recording_emert import ActionUnits
from modeling_emert.video_processing_emert import EmertVideoProcessor

NAN = float("nan")


def _units(batch: int) -> dict[str, torch.Tensor]:
    levels = torch.randn(batch, FRAMES, len(ACTION_UNITS), generator=torch.Generator().manual_seed(1))
    return {"action_units": levels, "action_units_mask": torch.ones(batch, FRAMES, dtype=torch.bool)}


def _recording(levels: np.ndarray | None, **parts) -> Recording:
    units = None if levels is None else ActionUnits(levels, np.arange(len(levels)) * 40.0)
    return Recording(action_units=units, **parts)


def test_network_of_frames_has_the_weights_it_had():
    frames, both = tiny_model(), tiny_model(face_input="both")
    added = set(both.state_dict()) - set(frames.state_dict())
    assert added == {"emert.face_encoder.unit_projection.weight", "emert.face_encoder.unit_projection.bias"}
    units = tiny_model(face_input="action_units").state_dict()
    assert not [name for name in units if "backbone" in name or "face_encoder.projection" in name]


def test_sample_with_frames_uses_them_and_one_without_its_action_units():
    model, inputs, units = tiny_model(face_input="both", **NO_DROPOUT), tiny_inputs(3), _units(3)
    mask = torch.tensor([True, False, False])[:, None].expand(3, FRAMES)
    mixed = logits(model, inputs | units | {"face_mask": mask})
    eyes = {name: inputs[name] for name in ("eye_movements", "fixations")}
    only_frames, only_units = logits(model, inputs), logits(model, eyes | units)
    for name, found in mixed.items():
        torch.testing.assert_close(found[0], only_frames[name][0])
        torch.testing.assert_close(found[1:], only_units[name][1:])
        assert not torch.allclose(only_units[name][0], only_frames[name][0])


def test_masked_units_have_no_effect_and_all_of_it_learns():
    model, units = tiny_model(face_input="action_units", **NO_DROPOUT), _units(2)
    units["action_units_mask"][0, 1:] = False
    before = logits(model, units)
    changed = units["action_units"].clone()
    changed[0, 1:] = NAN
    for name, found in logits(model, units | {"action_units": changed}).items():
        torch.testing.assert_close(found, before[name])
    model.train()
    model(**units, labels=tiny_labels(model)).loss.backward()
    assert model.emert.face_encoder.unit_projection.weight.grad.abs().sum() > 0


def test_network_ignores_the_face_input_that_it_does_not_take():
    inputs, units = tiny_inputs(2), _units(2)
    for kind, other in (("frames", units), ("action_units", {"pixel_values": inputs.pop("pixel_values")})):
        model, eyes = tiny_model(face_input=kind), {name: inputs[name] for name in ("eye_movements", "fixations")}
        plain, more = logits(model, eyes), logits(model, eyes | other)
        assert all(torch.equal(plain[name], more[name]) for name in plain)


def test_explanation_counts_action_units_as_the_face():
    model, units = tiny_model(face_input="both"), _units(2)
    inputs = {name: tiny_inputs(2)[name] for name in ("eye_movements",)} | units
    found = model.explain(inputs)
    assert (found.attention[:, 0] > 0).all()
    assert np.isfinite(found.contributions["fer7"][:, :2]).all()


@pytest.mark.parametrize("training", [False, True])
def test_photo_is_answered_as_its_frame_repeated(training: bool):
    model, one = tiny_model(**NO_DROPOUT).train(training), tiny_inputs(3)["pixel_values"][:, :1]
    repeated = one.expand(-1, FRAMES, -1, -1, -1)
    seen = []
    model.emert.face_encoder.backbone.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    photo, clip = logits(model, {"pixel_values": one}), logits(model, {"pixel_values": repeated})
    assert seen == [3, 3 * FRAMES]
    for name, found in photo.items():
        torch.testing.assert_close(found, clip[name], rtol=1e-4, atol=1e-5)


def test_mirrored_faces_answer_alike_outside_training_only():
    model, frames = tiny_model(mirror_faces=True, **NO_DROPOUT), tiny_inputs(2)["pixel_values"]
    encoder, mask = model.emert.face_encoder, torch.ones(2, FRAMES, dtype=torch.bool)
    plain = EmertForEmotionRecognition(EmertConfig.from_dict(model.config.to_dict() | {"mirror_faces": False})).eval()
    plain.load_state_dict(model.state_dict())
    views = [plain.emert.face_encoder.features(seen, mask) for seen in (frames, frames.flip(-1))]
    assert not torch.allclose(*views, atol=1e-3)
    torch.testing.assert_close(encoder.features(frames, mask), (views[0] + views[1]) / 2)
    plain.train(), model.train()
    torch.testing.assert_close(encoder.features(frames, mask), plain.emert.face_encoder.features(frames, mask))


def test_processor_gives_units_only_to_a_network_that_takes_them():
    levels = np.arange(5 * 17, dtype=np.float32).reshape(5, 17) / 17
    levels[:, 3] = np.nan
    recordings = [_recording(levels, gaze=gaze()), _recording(None, face=face_track())]
    assert "action_units" not in EmertProcessor.for_config(tiny_config())(recordings)
    processor = EmertProcessor.for_config(tiny_config(face_input="both"))
    processor.feature_extractor.fit(GazeStatistics.of([], [recordings[0].action_units]))
    found = processor(recordings)
    assert found["action_units"].shape == (2, FRAMES, 17)
    assert found["action_units_mask"].tolist() == [[True] * FRAMES, [False] * FRAMES]
    assert (found["action_units"][0, :, 3] == 0).all()  # missing: the mean
    column = levels[:, 0]
    np.testing.assert_allclose(found["action_units"][0, :, 0], (column[[0, 2, 4]] - column.mean()) / column.std(), rtol=1e-5)
    assert "action_units" not in processor([recordings[1]])


def test_unit_steps_repeat_few_frames_and_mark_empty_ones():
    levels = np.full((2, 17), np.nan, np.float32)
    levels[0, 5] = 2.0
    found, mask = unit_steps(ActionUnits(levels, [0.0, 40.0]), 4)
    assert mask.tolist() == [True, True, False, False]
    assert found[:2, 5].tolist() == [2.0, 2.0]


def test_statistics_of_units_add_up_and_are_saved(tmp_path):
    first, second = (ActionUnits(np.full((2, 17), value, np.float32), [0.0, 1.0]) for value in (1.0, 3.0))
    statistics = GazeStatistics.of([], [first]) + GazeStatistics.of([], [second, None])
    assert statistics.unit_scale[0].tolist() == [2.0] * 17
    assert statistics.unit_scale[1].tolist() == [1.0] * 17
    processor = EmertProcessor.for_config(tiny_config(face_input="action_units"))
    processor.feature_extractor.fit(statistics)
    processor.save_pretrained(tmp_path)
    assert EmertProcessor.from_pretrained(tmp_path).feature_extractor.unit_mean == [2.0] * 17


def test_zoom_keeps_the_middle_and_grey_has_equal_channels(tmp_path):
    plain = EmertVideoProcessor(num_frames=2, size={"height": 20, "width": 20}, do_normalize=False)
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3)).astype(np.uint8)
    zoomed = EmertVideoProcessor(num_frames=2, size={"height": 20, "width": 20}, do_normalize=False, face_zoom=0.5)
    torch.testing.assert_close(zoomed(frames)["pixel_values"], plain(frames[:, 10:30, 10:30])["pixel_values"])
    zoomed.do_grayscale = True
    zoomed.save_pretrained(tmp_path)
    loaded = EmertVideoProcessor.from_pretrained(tmp_path)
    assert (loaded.face_zoom, loaded.do_grayscale) == (0.5, True)
    pixels = loaded(frames)["pixel_values"]
    assert torch.equal(pixels[:, :, 0], pixels[:, :, 1])
    expected = frames[0, 10, 10] @ [0.299, 0.587, 0.114] / 255
    assert abs(float(pixels[0, 0, 0, 0, 0]) - expected) < 0.003
    with pytest.raises(ValueError, match="face_zoom"):
        EmertVideoProcessor(face_zoom=1.5)(frames)


def test_a_sharp_face_is_made_as_coarse_as_the_training_faces(tmp_path):
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255  # finer than 16 pixels can show
    frames = np.repeat(board[None, :, :, None], 3, axis=-1).astype(np.uint8)
    processor = EmertVideoProcessor(num_frames=1, size={"height": 32, "width": 32}, do_normalize=False, face_pixels=16)
    processor.save_pretrained(tmp_path)
    coarse = EmertVideoProcessor.from_pretrained(tmp_path)
    assert coarse(frames)["pixel_values"].shape == (1, 1, 3, 32, 32)
    assert float(coarse(frames)["pixel_values"].std()) < 0.01
    coarse.face_pixels = None
    sharp = EmertVideoProcessor(num_frames=1, size={"height": 64, "width": 64}, do_normalize=False)
    assert float(sharp(frames)["pixel_values"].std()) > 0.4
    small = frames[:, :12, :12]  # what is smaller stays as it is
    without = coarse(small)["pixel_values"]
    coarse.face_pixels = 16
    assert torch.equal(coarse(small)["pixel_values"], without)


def test_processor_gives_a_photo_as_one_frame():
    processor = EmertProcessor.for_config(tiny_config(), image_size=32)
    photo, clip = Recording(face=face_track(1)), Recording(face=face_track(5))
    found = processor([photo, photo])
    assert found["pixel_values"].shape == (2, 1, 3, 32, 32)
    assert found["face_mask"].shape == (2, FRAMES)
    assert processor([photo, clip])["pixel_values"].shape == (2, FRAMES, 3, 32, 32)


def test_loss_against_votes_by_hand():
    scores = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [5.0, 0.0, 0.0]])
    votes = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [NAN, NAN, NAN]])
    logs = scores.log_softmax(dim=1)
    by_hand = -(0.5 * logs[0, 0] + 0.5 * logs[0, 1] + logs[1, 1]) / 2
    torch.testing.assert_close(class_loss(scores, votes), by_hand)
    weighted = -(0.5 * 3 * logs[0, 0] + 0.5 * logs[0, 1] + logs[1, 1]) / (0.5 * 3 + 0.5 + 1)
    torch.testing.assert_close(class_loss(scores, votes, [3.0, 1.0, 1.0]), weighted)
    assert class_loss(scores, torch.full((3, 3), NAN)) == 0


@pytest.mark.parametrize("weights", [None, [3.0, 1.0, 0.5]])
def test_loss_of_a_certain_vote_is_that_of_the_class(weights):
    scores, classes = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 2])
    votes = functional.one_hot(classes, 3).float()
    torch.testing.assert_close(class_loss(scores, votes, weights), class_loss(scores, classes, weights))


def test_network_takes_votes_as_labels():
    model = tiny_model(tasks=["fer7"])
    votes = torch.full((2, 7), 1 / 7)
    output = model(**tiny_inputs(2), labels={"fer7": votes})
    torch.testing.assert_close(output.losses["fer7"], class_loss(output.logits["fer7"], votes))
