"""`emert benchmark gap`: felt against shown in labels and answers, scores where they agree and differ, the gap score."""

from pathlib import Path

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError

from ..evaluation.evaluate import evaluate_models
from ..evaluation.model_folder import find_models, read_record
from ..reports.gap_section import gap_of
from ..reports.page import describe, gap_markdown, made_by
from ..reports.pictures import gap_png
from ..reports.results import bootstrap, make_header, write_step


def gap(folder: Path, data: EmertData, out: Path, n_resamples: int = 1000, progress: bool = True) -> dict:
    """Writes gap.json, gap.md and gap.png into `out`; gives `{header, bootstrap, methods, gap}`, see `reports.gap_section`.

    `folder`: of one model, or of several, one a fold.

    Raises:
        EmertInputError: the model or the data has not both views; and as `evaluate_models`.
    """
    folders = find_models(folder)
    records = [read_record(one) for one in folders]
    predictions = evaluate_models(folders, data, progress=progress)
    found = gap_of(predictions, n_resamples, 0)
    if found is None:
        raise EmertInputError(
            f"{folder} on {data.folder}: the gap needs er7 and fer7, or er3 and fer3, in both model and data; "
            f"together they have {', '.join(dict.fromkeys(predictions['task']))}"
        )
    results = {
        "header": make_header(data, records, f"emert benchmark gap {folder} {data.folder} --out DIR").to_plain(),
        "bootstrap": bootstrap(n_resamples),
        "methods": list(found["methods"]),
        "gap": found,
    }
    title = f"Felt against shown, {results['header']['data_kind']}"
    files = {"gap.png": gap_png(found["labels"], results["methods"][0], title)}
    write_step(out, "gap", results, files, _page(results))
    return results


def _page(results: dict) -> str:
    parts = [f"# Felt against shown on {results['header']['data']}", describe(results), made_by(results)]
    return "\n\n".join([*parts, *gap_markdown(results)[1:], "![gap](gap.png)"]) + "\n"
