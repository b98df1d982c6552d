#!/usr/bin/env python3
"""Drives a Chimera server with the official Python SDK, over stdio, on both revisions of the protocol.

    sdk_client.py feeds SERVER_COMMAND [ARGUMENT...]
    sdk_client.py studio SERVER_COMMAND [ARGUMENT...]

Needs the package `mcp` of version 2 (tested with 2.3.0), which speaks 2026-07-28 and 2025-11-25.

For feeds, an argument of the server command may hold the word SCRATCH: it is replaced by the path of a feed that this
script writes, and then changes to see that subscribers are told. Without it any feed is only listed and read:

    sdk_client.py feeds target/debug/chimera mcp feeds --feed Scratch=SCRATCH

Exit code 0 when every check holds; otherwise 1, and the last line says which did not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import tempfile
import warnings
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import mcp.types as types
from jsonschema import Draft202012Validator
from mcp import Client, MCPError, StdioServerParameters

REVISIONS = {"legacy": "2025-11-25", "2026-07-28": "2026-07-28"}
SECONDS_MAX = 120
PNG = b"\x89PNG\r\n\x1a\n"


class Failed(Exception):
    """A check that does not hold."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise Failed(what)
    print(f"ok: {what}")


def feed(*titles: str) -> str:
    items = "".join(
        f"<item><guid>{title}</guid><title>{title} &amp; more</title><description>&lt;p&gt;About {title}&lt;/p&gt;"
        "</description></item>"
        for title in titles
    )
    return f'<rss version="2.0"><channel><title>Scratch</title>{items}</channel></rss>'


async def tools_of(client: Client) -> dict[str, types.Tool]:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    for tool in tools.values():
        Draft202012Validator.check_schema(tool.input_schema)
        if tool.output_schema is not None:
            Draft202012Validator.check_schema(tool.output_schema)
    return tools


async def call(client: Client, tool: types.Tool, arguments: dict[str, object]) -> types.CallToolResult:
    """Calls a tool and holds its answer against its own schema."""
    result = await client.call_tool(tool.name, arguments)
    if not result.is_error and tool.output_schema is not None:
        Draft202012Validator(tool.output_schema).validate(result.structured_content)
    return result


async def check_feeds(client: Client, revision: str, scratch: Path | None, told: anyio.Event) -> None:
    tools = await tools_of(client)
    check({"list_feeds", "read_feed"} <= tools.keys(), f"{revision}: the tools are listed, with valid schemas")
    resources = (await client.list_resources()).resources
    check(resources, f"{revision}: feeds are listed")
    uri = str(resources[0].uri)
    contents = (await client.read_resource(uri)).contents
    document = json.loads(contents[0].text)
    check(document["items"] and contents[0].mime_type == "application/json", f"{revision}: {uri} can be read")
    result = await call(client, tools["read_feed"], {"name": uri, "limit": 1})
    check(
        result.structured_content["items"] == document["items"][:1],
        f"{revision}: read_feed gives the same first item, by its schema",
    )
    listed = await call(client, tools["list_feeds"], {})
    check(
        [entry["uri"] for entry in listed.structured_content["feeds"]] == [str(r.uri) for r in resources],
        f"{revision}: list_feeds and resources/list agree",
    )
    try:
        await client.read_resource("feed://no-such-feed")
        raise Failed(f"{revision}: an unknown resource was read")
    except MCPError as error:
        wanted = -32002 if revision == "2025-11-25" else -32602
        check(
            error.code == wanted and uri in error.message,
            f"{revision}: an unknown resource is refused by the code of the revision, and the known ones are named",
        )
    if scratch is None:
        return
    check(
        document["items"][0]["title"] == "one & more" and document["items"][0]["summary"] == "About one",
        f"{revision}: text is plain",
    )
    await check_updates(client, revision, uri, scratch, told)


async def check_updates(client: Client, revision: str, uri: str, scratch: Path, told: anyio.Event) -> None:
    """A change is told to a subscriber, whoever finds it: here a read does, so that no interval need pass."""
    if revision == "2025-11-25":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await client.subscribe_resource(uri)
            scratch.write_text(feed("zero", "one"))
            await client.read_resource(uri, cache_mode="refresh")
            await told.wait()
            await client.unsubscribe_resource(uri)
    else:
        async with client.listen(resource_subscriptions=[uri]) as subscription:
            scratch.write_text(feed("zero", "one"))
            await client.read_resource(uri, cache_mode="refresh")
            async for event in subscription:
                if str(event.uri) == uri:
                    told.set()
                    break
    check(told.is_set(), f"{revision}: a subscriber is told of a change")


async def check_studio(client: Client, revision: str, _scratch: Path | None, _told: anyio.Event) -> None:
    tools = await tools_of(client)
    check(
        {"generate_text", "generate_image", "generate_video"} <= tools.keys(),
        f"{revision}: the tools are listed, with valid schemas",
    )
    check(
        all("character_reference_id" in tool.input_schema.get("required", []) for tool in tools.values()),
        f"{revision}: every tool wants a character_reference_id",
    )
    order = {"character_reference_id": "contract", "headline": "Contract test", "seed": 7}
    made = await call(client, tools["generate_image"], order)
    picture = next(block for block in made.content if block.type == "image")
    data = base64.b64decode(picture.data)
    check(
        data.startswith(PNG) and hashlib.sha256(data).hexdigest() == made.structured_content["sha256"],
        f"{revision}: generate_image gives the PNG that it describes, by its schema",
    )
    again = await call(client, tools["generate_image"], order)
    check(
        again.structured_content["sha256"] == made.structured_content["sha256"],
        f"{revision}: the same order gives the same picture",
    )
    for name, tool in tools.items():
        try:
            refused = (await client.call_tool(name, {"headline": "Contract test"})).is_error
        except MCPError:
            refused = True
        check(refused, f"{revision}: {tool.name} refuses a call without character_reference_id")


CHECKS = {"feeds": check_feeds, "studio": check_studio}


@asynccontextmanager
async def scratch_feed(command: list[str]):
    """The command with SCRATCH replaced, and the file, if there is one."""
    if not any("SCRATCH" in word for word in command):
        yield command, None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scratch.xml"
        path.write_text(feed("one", "two", "three"))
        yield [word.replace("SCRATCH", str(path)) for word in command], path


async def run(kind: str, command: list[str]) -> None:
    for mode, revision in REVISIONS.items():
        async with scratch_feed(command) as (words, scratch):
            told = anyio.Event()

            async def hear(message: object) -> None:
                if isinstance(message, types.ResourceUpdatedNotification):
                    told.set()

            server = StdioServerParameters(command=words[0], args=words[1:])
            with anyio.fail_after(SECONDS_MAX):
                async with Client(server, mode=mode, message_handler=hear) as client:
                    check(client.protocol_version == revision, f"{revision}: the server speaks it")
                    await CHECKS[kind](client, revision, scratch, told)


def causes(error: BaseException) -> list[BaseException]:
    """The errors inside of a group, which is how task groups raise them."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in causes(inner)]
    return [error]


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        anyio.run(run, sys.argv[1], sys.argv[2:])
    except Exception as error:
        for cause in causes(error):
            print(f"FAILED: {type(cause).__name__}: {cause}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
