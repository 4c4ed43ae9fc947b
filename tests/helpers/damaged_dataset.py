"""Plants one damage in a data set and makes sizes and hashes right again, so that only the one is there."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.metadata import hash_file

FIRST = "data/p1-s1.parquet"


def failed(folder) -> dict[str, str]:
    """What each failing check says, with its examples."""
    return {one.check: " ".join([one.sentence, *one.examples]) for one in verify(folder) if one.status == "fail"}


def read(folder, file=FIRST) -> pa.Table:
    return pq.ParquetFile(folder / file).read()


def write(folder, file: str, table: pa.Table) -> None:
    """One row group a recording, and size and hash in `dataset.json` as if it had been built so."""
    with pq.ParquetWriter(folder / file, table.schema) as writer:
        for row in range(table.num_rows):
            writer.write_table(table.slice(row, 1))
    stamp(folder, file, table.num_rows)


def stamp(folder, file: str, recordings: int = 1) -> None:
    content = json.loads((folder / "dataset.json").read_text())
    size, sha256 = (folder / file).stat().st_size, hash_file(folder / file)
    content["files"][file] = {"recordings": recordings, "bytes": size, "sha256": sha256}
    (folder / "dataset.json").write_text(json.dumps(content))


def with_values(table: pa.Table, **values) -> pa.Table:
    """The first row changed."""
    for name, value in values.items():
        kind = table.schema.field(name)
        column = pa.array([value, *table[name].to_pylist()[1:]], kind.type)
        table = table.set_column(table.schema.get_field_index(name), kind, column)
    return table


def edit(folder, **values) -> None:
    write(folder, FIRST, with_values(read(folder), **values))


def value(folder, name: str):
    return read(folder)[name][0].as_py()


def edit_config(folder, name: str, change) -> None:
    path = folder / ".huggingface.yaml"
    content = json.loads(json.dumps(yaml.load(path.read_text(), yaml.CSafeLoader)))  # configs share lists no more
    change(next(config for config in content["configs"] if config["config_name"] == name))
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))


def edit_description(folder, **fields) -> None:
    """Fields of `dataset.json` replaced."""
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
