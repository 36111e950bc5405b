"""The Lua in manifests/argocd, run as Argo CD runs it.

A program gets the object as Lua's tables, in which there is no null, and Lua's basic functions
without strings or numbers to work on. A table that comes back empty is a list, unless the object
had a mapping there.
"""

from pathlib import Path
from typing import Any

import yaml
from lupa.lua51 import LuaRuntime, lua_type

Json = dict[str, Any]

CONFIG_MAP = Path(__file__).parents[2] / "manifests/argocd/argocd-cm.yaml"
SETTINGS: dict[str, str] = yaml.safe_load(CONFIG_MAP.read_text())["data"]

_NOT_LENT = ("coroutine", "debug", "io", "math", "newproxy", "os", "python", "string")


def health(thing: Json) -> tuple[str, str | None]:
    """What Argo CD says of an object: its health, and a sentence."""
    group = thing["apiVersion"].partition("/")[0]
    program = SETTINGS[f"resource.customizations.health.{group}_{thing['kind']}"]
    found = _run(program, thing)
    return found["status"], found.get("message")


def actions() -> Json:
    """The actions of a Sweep as they are set up."""
    found: Json = yaml.safe_load(
        SETTINGS["resource.customizations.actions.sweep-operator.io_Sweep"]
    )
    return found


def enabled(sweep: Json) -> set[str]:
    """The names of the actions that can be chosen."""
    found = _run(actions()["discovery.lua"], sweep)
    return {name for name, action in found.items() if not action["disabled"]}


def acted(sweep: Json, name: str) -> Json:
    """The Sweep as an action makes it."""
    (program,) = (each["action.lua"] for each in actions()["definitions"] if each["name"] == name)
    found: Json = _cleaned(_run(program, sweep), sweep)
    return found


def _run(program: str, thing: Json) -> Any:
    lua = LuaRuntime(register_eval=False)
    lua.execute('getmetatable("").__index = nil')
    for name in _NOT_LENT:
        lua.globals()[name] = None
    lua.globals()["obj"] = _to_lua(lua, thing)
    return _from_lua(lua.execute(program))


def _to_lua(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items()})
    if isinstance(value, list):
        return lua.table_from([_to_lua(lua, each) for each in value if each is not None])
    return value


def _from_lua(value: Any) -> Any:
    if lua_type(value) != "table":
        return value
    items = {key: _from_lua(each) for key, each in value.items()}
    return list(items.values()) if all(isinstance(key, int) for key in items) else items


def _cleaned(new: Any, old: Any) -> Any:
    if isinstance(new, dict) and isinstance(old, dict):
        return {
            key: {}
            if each == [] and isinstance(old.get(key), dict)
            else _cleaned(each, old.get(key))
            for key, each in new.items()
        }
    if isinstance(new, list) and isinstance(old, list):
        rest = new[len(old) :]
        return [_cleaned(*pair) for pair in zip(new, old, strict=False)] + rest
    return new
