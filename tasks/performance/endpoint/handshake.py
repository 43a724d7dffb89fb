"""What a server says before any load: that it is ready, what it is, and what its model takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tasks.core.errors import InputError
from tasks.core.records import Record
from tasks.performance.endpoint.protocols import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from tasks.core.records import ServingProtocol

PATIENCE_SECONDS = 10.0  # for each question: a server that takes longer to say that it is ready is not
SHOWN = 200
OK = 200


class Tensor(Record):
    """An input that a server declares; a size of -1 may be any."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Met(Record):
    """Which server it is, as `name version`, and the inputs of its model; none where it declares none."""

    server: str | None
    inputs: tuple[Tensor, ...]


def meet(
    url: str, protocol: ServingProtocol, model: str | None, version: str | None, headers: Mapping[str, str]
) -> Met:
    """Return what a server says of itself. Raises InputError where it is not there, not ready, or lacks the model."""
    return asyncio.run(_meet(url, protocol, model, version, headers))


async def _meet(
    url: str, protocol: ServingProtocol, model: str | None, version: str | None, headers: Mapping[str, str]
) -> Met:
    import aiohttp

    at = addresses(url, protocol, model, version)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        await _ask(session, at.ready, f"the server at {url} is not ready")
        declared = await _ask(session, at.metadata, f"{url} has no model {model}") if at.metadata else {}
        try:
            server = await _ask(session, at.server, "")
        except InputError:  # some do not say
            server = None
    return Met(server=_name(server), inputs=_inputs(declared, f"{at.metadata} describes its inputs otherwise"))


async def _ask(session: aiohttp.ClientSession, url: str, otherwise: str) -> Any:
    """Return the JSON at an address, None where there is none; anything but a status of 200 is an InputError."""
    import aiohttp
    import orjson

    try:
        async with session.get(url, allow_redirects=False) as answer:
            status, content = answer.status, await answer.read()
    except (aiohttp.ClientError, OSError) as error:
        why = f"no answer within {PATIENCE_SECONDS:g} s" if isinstance(error, TimeoutError) else str(error)
        raise InputError(f"{otherwise}: {why} (GET {url})") from error
    if status != OK:
        said = " ".join(content.decode(errors="replace").split())[:SHOWN]
        raise InputError(f"{otherwise}: it answers {status} to GET {url}" + (f": {said}" if said else ""))
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode(errors="replace").strip() or None


def _name(server: Any) -> str | None:
    match server:
        case {"name": str(name), "version": str(version)}:
            return f"{name} {version}"
        case str(version):
            return f"mlflow {version}"[:SHOWN]
    return None


def _inputs(declared: Any, otherwise: str) -> tuple[Tensor, ...]:
    listed = declared.get("inputs") if isinstance(declared, dict) else None
    try:
        return tuple(
            Tensor(name=item["name"], datatype=item["datatype"], shape=tuple(map(int, item["shape"])))
            for item in listed or ()
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{otherwise}: name, datatype and shape of each are expected") from error
