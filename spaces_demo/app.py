"""What a Hugging Face Space runs, with the trained model in the folder `model` beside this file."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Serves on all addresses, as a Space asks for."""
    from modeling_emert.errors_emert import EmertInputError
    from spaces_demo.server import serve

    model = Path(__file__).parent / "model"
    os.environ.setdefault("GRADIO_SERVER_PORT", "7860")  # where a Space looks for the page
    try:
        serve([model], host="0.0.0.0")
    except EmertInputError as error:
        sys.exit(f"emert: {error}")


# The worker processes import this file again, so nothing may run on import.
if __name__ == "__main__":
    main()
