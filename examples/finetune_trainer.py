"""Fine-tunes a model on one task of a data set with transformers' own Trainer.

    python examples/finetune_trainer.py MODEL DATA er7-fold1 OUT [EPOCHS]

MODEL and DATA are folders or names on the Hub. Two processes, on a CPU (`--cpu` would start one):

    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 examples/finetune_trainer.py ...
"""

import sys

import torch
from datasets import load_dataset
from transformers import AutoModelForVideoClassification, AutoProcessor, Trainer, TrainingArguments

model_name, data_name, config, out, *epochs = sys.argv[1:]
task = config.split("-")[0]
data = load_dataset(data_name, config)
labels = [name for name in data["train"].column_names if name == task or name in (f"{task[:-2]}valence", f"{task[:-2]}arousal")]
model = AutoModelForVideoClassification.from_pretrained(model_name, tasks=[task], trust_remote_code=True)
processor = AutoProcessor.from_pretrained(model_name, trust_remote_code=True)


def collate(rows: list[dict]) -> dict:
    inputs = processor(rows)  # a row is a recording; what one of them lacks is masked
    target = torch.tensor([[row[name] for name in labels] for row in rows])
    return {**inputs, "labels": target[:, 0] if task in labels else target}


def accuracy(found) -> dict:
    return {"accuracy": float((found.predictions[task].argmax(-1) == found.label_ids).mean())} if task in labels else {}


arguments = TrainingArguments(
    out,
    num_train_epochs=float(epochs[0]) if epochs else 3,
    per_device_train_batch_size=8,
    learning_rate=1e-3,
    eval_strategy="epoch",
    save_strategy="no",
    remove_unused_columns=False,  # the collator reads the rows
    use_cpu=not torch.cuda.is_available(),
)
trainer = Trainer(model, arguments, collate, data["train"], data["validation"], processor, compute_metrics=accuracy)
trainer.train()
print(trainer.evaluate(data["test"], metric_key_prefix="test"))
trainer.save_model(out)  # with the processor: pipeline("emotion-recognition", model=OUT)
