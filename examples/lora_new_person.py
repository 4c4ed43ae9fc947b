"""Adapts a model to one person by LoRA, from a few of their labelled recordings, and saves the adapter alone.

    python examples/lora_new_person.py MODEL DATA er7 PARTICIPANT OUT [STEPS]

MODEL and DATA are folders or names on the Hub; PARTICIPANT is a `participant_id`. Needs `pip install peft`.
"""

import sys

import torch
import transformers
from datasets import load_dataset
from peft import PeftModel, get_peft_model
from transformers import AutoModelForVideoClassification, AutoProcessor

transformers.logging.disable_progress_bar()
model_name, data_name, task, person, out, *steps = sys.argv[1:]
rows = load_dataset(data_name, "all", split="train").filter(lambda name: name == person, input_columns="participant_id")
rows = rows.filter(lambda label: label is not None, input_columns=task)
given, others = rows.select(range(len(rows) // 2)), rows.select(range(len(rows) // 2, len(rows)))
processor = AutoProcessor.from_pretrained(model_name, trust_remote_code=True)


def base():
    return AutoModelForVideoClassification.from_pretrained(model_name, trust_remote_code=True)


def right(model) -> float:
    with torch.no_grad():
        return float((model.eval()(**processor(others)).logits[task].argmax(-1) == torch.tensor(others[task])).float().mean())


network = base()
print(f"{task} of {len(others)} other recordings of {person}, right before: {right(network):.2f}")
model = get_peft_model(network, network.lora_config(rank=4))  # its BatchNorm keeps the statistics of the base
optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-3)
batch, labels = processor(given), {task: torch.tensor(given[task])}
model.train()
for _ in range(int(steps[0]) if steps else 20):
    model(**batch, labels=labels).losses[task].backward()
    optimizer.step()
    optimizer.zero_grad()
print(f"after {len(given)} recordings: {right(model):.2f}")
model.save_pretrained(out)
again = PeftModel.from_pretrained(base(), out)  # or AutoModelForVideoClassification.from_pretrained(OUT)
print(f"loaded again: {right(again):.2f}")
