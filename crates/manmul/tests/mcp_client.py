"""Lists and calls the tools with the official SDK, over HTTP and over `manmul mcp`, in both generations of the protocol.

URL TOKEN PROGRAM: prints one line of JSON with the command that a plan led to.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

url, token, program = sys.argv[1], sys.argv[2], sys.argv[3]
APPLYING = {"apply_plan", "apply_rule"}
PLANNING = {"plan_ask", "plan_commands", "plan_rule"}
READING = {"find_things", "thing_state", "history", "why", "rules", "rule", "check_rule", "why_not", "alarms", "suggestions"}


async def look(client):
    """What every client may do, and that nothing is applied without a plan."""
    tools = (await client.list_tools()).tools
    names = {tool.name for tool in tools}
    assert APPLYING | PLANNING | READING <= names, names
    for tool in tools:
        assert tool.annotations.read_only_hint == (tool.name not in APPLYING), tool
        assert tool.annotations.destructive_hint == (tool.name in APPLYING), tool
    found = await client.call_tool("find_things", {"search": "lamp"})
    assert not found.is_error and found.structured_content["data"]["items"][0]["id"] == "lamp", found
    state = await client.call_tool("thing_state", {"thing": "lamp"})
    assert state.structured_content["data"]["properties"], state
    for arguments in [{}, {"plan": "p-none"}, {"text": "turn on the lamp"}]:
        refused = await client.call_tool("apply_plan", arguments)
        assert refused.is_error, refused
    await look_at_rules(client)
    planned = await client.call_tool("plan_ask", {"text": "turn on the lamp"})
    plan = planned.structured_content["data"]["plan"]
    assert plan["state"] == "open" and plan["commands"][0]["thing"] == "lamp", planned
    return plan["id"]


async def look_at_rules(client):
    """A rule is read, tried on the past, and not taken live without that."""
    listed = await client.call_tool("rules", {"search": "evening"})
    assert listed.structured_content["data"]["items"][0]["id"] == "evening", listed
    shown = await client.call_tool("rule", {"rule": "evening"})
    text = shown.structured_content["data"]["text"]
    checked = await client.call_tool("check_rule", {"text": text, "id": "evening"})
    assert checked.structured_content["data"]["problems"] == [], checked
    for name, arguments in [("why_not", {"rule": "evening"}), ("alarms", {"state": "all"}), ("suggestions", {})]:
        answer = await client.call_tool(name, arguments)
        assert not answer.is_error, answer
    refused = await client.call_tool("apply_rule", {"rule": "evening", "plan": "backtest-none"})
    assert refused.is_error, refused
    tried = await client.call_tool("plan_rule", {"rule": "evening"})
    assert tried.structured_content["data"]["run"].startswith("backtest-"), tried
    return tried.structured_content["data"]["run"]


async def main():
    headers = {"authorization": f"Bearer {token}"}
    applied = None
    for mode in ["legacy", "auto"]:
        async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
            async with Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client:
                expected = "2025-11-25" if mode == "legacy" else "2026-07-28"
                assert client.session.protocol_version == expected, client.session.protocol_version
                plan = await look(client)
                if mode == "auto":
                    applied = await client.call_tool("apply_plan", {"plan": plan})
                    assert not applied.is_error, applied
                    again = await client.call_tool("apply_plan", {"plan": plan})
                    assert again.is_error, "a plan is applied once"
                    run = await look_at_rules(client)
                    live = await client.call_tool("apply_rule", {"rule": "evening", "plan": run})
                    assert not live.is_error and live.structured_content["data"]["state"] == "live", live
                    text = (await client.call_tool("rule", {"rule": "evening"})).structured_content["data"]["text"]
                    twice = await client.call_tool("check_rule", {"text": text})
                    found = [of["message"] for of in twice.structured_content["data"]["problems"]]
                    assert found == ["this rule does nothing that evening does not do."], twice
        arguments = ["mcp", "--url", url, "--token", token]
        async with Client(StdioServerParameters(command=program, args=arguments), mode=mode) as client:
            await look(client)
    print(json.dumps(applied.structured_content["data"]["results"][0]["command"]))


asyncio.run(asyncio.wait_for(main(), 60))
