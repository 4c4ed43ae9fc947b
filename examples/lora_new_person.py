"""Adapts a model to a person it has not seen, by LoRA from some of their labelled recordings; saves the adapter alone.

Needs peft. Where emert is installed its code runs, otherwise that in the model's folder."""

import argparse
from functools import partial
from importlib.util import find_spec

import torch
from datasets import load_dataset
from peft import PeftModel, get_peft_model
from transformers import AutoModelForVideoClassification, AutoProcessor

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
for name in ("model", "data", "task", "person", "out"):  # folders or names on the Hub, er7, a participant_id, a folder
    parser.add_argument(name)
parser.add_argument("--fold", type=int, default=1, help="that the model was trained on: its test has people new to it")
parser.add_argument("--steps", type=int, default=30)
given = parser.parse_args()
task, person = given.task, given.person
if not (own_code := find_spec("modeling_emert") is None):
    import modeling_emert  # noqa: F401
test = load_dataset(given.data, f"{task}-fold{given.fold}", split="test")
rows = test.filter(lambda name: name == person, input_columns="participant_id")
if len(rows) < 2:
    parser.error(f"{len(rows)} recordings of {person} in the test of fold {given.fold}: {sorted(set(test['participant_id']))}")
learned, others = rows.select(range(len(rows) // 2)), rows.select(range(len(rows) // 2, len(rows)))
processor = AutoProcessor.from_pretrained(given.model, trust_remote_code=own_code)
base = partial(AutoModelForVideoClassification.from_pretrained, given.model, trust_remote_code=own_code)


@torch.no_grad()
def right(model) -> float:
    return float((model.eval()(**processor(others)).logits[task].argmax(-1) == torch.tensor(others[task])).float().mean())


before = right(network := base())
print(f"{task} of {len(others)} other recordings of {person}, right before: {before:.2f}")
model = get_peft_model(network, network.lora_config(rank=4)).train()  # its BatchNorm keeps the statistics of the base
optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-4)
batch, labels = processor(learned), {task: torch.tensor(learned[task])}
for _ in range(given.steps):
    model(**batch, labels=labels).losses[task].backward()
    optimizer.step()
    optimizer.zero_grad()
after = right(model)
print(f"after {len(learned)} recordings: {after:.2f}{'' if after > before else ', which is no better'}")
model.save_pretrained(given.out)
again = PeftModel.from_pretrained(base(), given.out)  # or AutoModelForVideoClassification.from_pretrained(OUT)
print(f"loaded again: {right(again):.2f}")
