"""What every folder of this room uses: outputs, errors, YAML, processes."""
