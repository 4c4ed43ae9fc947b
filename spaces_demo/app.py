"""What a Hugging Face Space runs. A trained model in the folder `model` beside this file is the one that answers."""

import os
from pathlib import Path


def main() -> None:
    """Serves on all addresses, as a Space asks for."""
    from spaces_demo.serving import serve

    model = Path(__file__).parent / "model"
    serve([model] if model.is_dir() else [], host="0.0.0.0", port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))


# The worker processes import this file once more, so that nothing may run on import.
if __name__ == "__main__":
    main()
