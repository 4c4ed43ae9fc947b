"""Addresses that the server can't open."""

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.server import check_port


@pytest.mark.parametrize(("host", "port", "words"), [("127.0.0.1", 70_000, "port: found 70000"), ("no.such.", 80, "host")])
def test_an_address_that_is_none_is_refused(host: str, port: int, words: str):
    with pytest.raises(EmertInputError, match=words):
        check_port(host, port)
