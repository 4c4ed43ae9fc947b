"""Files that a program names by their address (URL) instead of sending them; fetched into the folder of uploads.

Only public addresses are fetched, or a visitor could read what only this machine reaches; redirects are checked like the first.
"""

import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from modeling_emert.errors_emert import EmertInputError

from .uploads import MAX_UPLOAD_MB, cut_middle, own_name

_MAX_REDIRECTS = 5
_SECONDS = 30  # without a byte
_ALL_SECONDS = 120  # for the whole file: a server could send a byte now and then for ever
_OWN = "/gradio_api/file="  # the page's own address of an upload: gradio's MCP clients upload a file and then name this


def is_address(given: object) -> bool:
    return isinstance(given, str) and given.lower().startswith(("http://", "https://"))


def fetch(url: str, folder: Path) -> Path:
    """Path of the file in `folder`, under the last part of the address as its name.

    Raises `EmertInputError` for an address that is not public, can't be reached, holds more than
        `MAX_UPLOAD_MB`, or takes longer than two minutes.
    """
    import httpx
    from safehttpx import is_public_ip

    _, found, own = url.partition(_OWN)
    if found:
        return Path(unquote(own))  # `Uploads.claim` refuses what is not there
    shown = cut_middle(url, 100)
    target = folder / secrets.token_hex(8) / f"up{secrets.token_hex(8)}-{_name(url)}"
    target.parent.mkdir(parents=True)
    try:
        for _ in range(_MAX_REDIRECTS):
            address = _public_address(url, is_public_ip)
            with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
                # The checked address is the one that is connected to: the name could stand for another one the next time.
                asked = httpx.URL(url)
                headers, names = {"Host": asked.netloc.decode()}, {"sni_hostname": asked.host}
                with client.stream("GET", asked.copy_with(host=address), headers=headers, extensions=names) as answer:
                    if answer.has_redirect_location:
                        url = urljoin(url, answer.headers["Location"])
                        continue
                    if answer.status_code != 200:
                        raise EmertInputError(f"{shown}: the server answers {answer.status_code}; give the address of a file.")
                    _save(answer.iter_bytes(), target, shown)
                    return target
        raise EmertInputError(f"{shown}: more than {_MAX_REDIRECTS} redirects; give the address of the file itself.")
    except EmertInputError:  # a ValueError, which says already what is wrong
        raise
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise EmertInputError(f"{shown}: can't be fetched ({type(error).__name__}); send the file itself.") from error
    finally:
        with suppress(OSError):
            target.parent.rmdir()  # stays where the file is in it


def _name(url: str) -> str:
    """Keeps the ending, by which a zip is known."""
    name = "".join(
        letter if letter.isalnum() or letter in "-_. " else "_" for letter in unquote(urlsplit(url).path.rpartition("/")[2])
    )
    return cut_middle(own_name(name or "file"), 60)


def _public_address(url: str, is_public_ip) -> str:
    """The address to connect to. Raises `EmertInputError` where the host has any address that is not public."""
    host = urlsplit(url).hostname
    if not host or not is_address(url):
        raise EmertInputError(f"{cut_middle(url, 100)}: not the address of a file (http or https).")
    found = [entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    if not all(map(is_public_ip, found)):
        raise EmertInputError(f"{cut_middle(url, 100)}: not a public address; send the file itself.")
    return found[0]


def _save(parts, target: Path, shown: str) -> None:
    left, end = MAX_UPLOAD_MB * 2**20, time.monotonic() + _ALL_SECONDS
    try:
        with target.open("wb") as file:
            for part in parts:
                left -= len(part)
                if left < 0:
                    raise EmertInputError(f"{shown}: more than {MAX_UPLOAD_MB} MB; give a shorter or smaller file.")
                if time.monotonic() > end:
                    raise EmertInputError(f"{shown}: not there after {_ALL_SECONDS} seconds; send the file itself.")
                file.write(part)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
