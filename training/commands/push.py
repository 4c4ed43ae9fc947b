"""`emert push`: a model folder to the Hub, with its processor, code, card and record."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="folder of the model")
    parser.add_argument("--repo", required=True, help="name on the Hub, e.g. NAME/emert")
    parser.add_argument("--private", action="store_true", help="into a repository that only you and those you allow can read")
    parser.add_argument("--confirm", default="", metavar="WORDS", help="needed where the licences do not plainly allow it")


def run(arguments: argparse.Namespace) -> None:
    from training.evaluation.model_folder import check_model_folder

    check_model_folder(arguments.model)
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    from modeling_emert.errors_emert import EmertInputError
    from modeling_emert.hub_emert import push_folder

    try:
        address = push_folder(arguments.model, arguments.repo, private=arguments.private or None, confirm=arguments.confirm)
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled) as error:
        reason = " ".join(str(error).split())
        hint = "check the name and `hf auth login`"
        raise EmertInputError(f"--repo {arguments.repo}: the Hub refused ({reason}); {hint}") from error
    print(f"{address}: pushed")
