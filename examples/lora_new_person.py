"""Adapts a model to one person by LoRA, from a few of their labelled recordings, and saves the adapter alone.

Needs `pip install peft`. Where emert is installed its code runs, and otherwise that in the model's folder."""

import argparse
from importlib.util import find_spec

import torch
from datasets import load_dataset
from peft import PeftModel, get_peft_model
from transformers import AutoModelForVideoClassification, AutoProcessor

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
for name in ("model", "data", "task", "person", "out"):  # folders or names on the Hub, er7, a participant_id, a folder
    parser.add_argument(name)
parser.add_argument("--steps", type=int, default=20)
given = parser.parse_args()
task, person = given.task, given.person
if not (own_code := find_spec("modeling_emert") is None):
    import modeling_emert  # noqa: F401
rows = load_dataset(given.data, "all", split="train").filter(lambda name: name == person, input_columns="participant_id")
rows = rows.filter(lambda label: label is not None, input_columns=task)
if len(rows) < 2:
    parser.error(f"{given.data} has {len(rows)} recordings of {person} with {task}; two are needed")
learned, others = rows.select(range(len(rows) // 2)), rows.select(range(len(rows) // 2, len(rows)))
processor = AutoProcessor.from_pretrained(given.model, trust_remote_code=own_code)


def base():
    return AutoModelForVideoClassification.from_pretrained(given.model, trust_remote_code=own_code)


def right(model) -> float:
    with torch.no_grad():
        return float((model.eval()(**processor(others)).logits[task].argmax(-1) == torch.tensor(others[task])).float().mean())


network = base()
print(f"{task} of {len(others)} other recordings of {person}, right before: {right(network):.2f}")
model = get_peft_model(network, network.lora_config(rank=4)).train()  # its BatchNorm keeps the statistics of the base
optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-3)
batch, labels = processor(learned), {task: torch.tensor(learned[task])}
for _ in range(given.steps):
    model(**batch, labels=labels).losses[task].backward()
    optimizer.step()
    optimizer.zero_grad()
print(f"after {len(learned)} recordings: {right(model):.2f}")
model.save_pretrained(given.out)
again = PeftModel.from_pretrained(base(), given.out)  # or AutoModelForVideoClassification.from_pretrained(OUT)
print(f"loaded again: {right(again):.2f}")
