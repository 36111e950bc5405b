"""An API server in memory, with the interface of effects.api.Api, whose answers a test can spoil.

It keeps the rules that the operator relies on: names are unique, each write has a resourceVersion
of its own, a status is written apart from the rest, a watch tells of every write in its order.
"""

import asyncio
import json
import marshal
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter
from typing import Any, NamedTuple

from sweep_operator.effects.api import MERGE_PATCH, Api, ApiError, check_allowed
from sweep_operator.planning.times import timestamp

Json = Mapping[str, Any]
Key = tuple[str, str, str]
"""(plural, namespace, name)"""

EPOCH = 1_800_000_000.0
"""When tests begin, in seconds since the epoch."""


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, now: float = EPOCH) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Call(NamedTuple):
    """One request as the server got it."""

    method: str
    plural: str
    namespace: str
    name: str
    subresource: str
    body: Any


class Event(NamedTuple):
    """One write as a watch tells it."""

    version: int
    plural: str
    namespace: str
    type: str
    thing: dict[str, Any]


@dataclass
class Fault:
    """An answer that goes wrong.

    Attributes:
        hits: which requests it befalls.
        error: what the client gets.
        after: the request takes effect, and the answer alone is lost.
        times: how often; None for always.
    """

    hits: Callable[[Call], bool]
    error: Callable[[], BaseException]
    after: bool = False
    times: int | None = 1


NO_ANSWER = ApiError(0, "NoAnswer", "connection reset")
GONE = ApiError(410, "Expired", "too old resource version")


@dataclass
class ApiServer(Api):
    """Objects by (plural, namespace, name), and what became of each request."""

    clock: Callable[[], float] = field(default_factory=Clock)
    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    made: list[Key] = field(default_factory=list)
    """Every creation that took effect."""
    faults: list[Fault] = field(default_factory=list)
    on_create: Callable[[Call], None] | None = None
    compacted: int = 0
    """Watches from before this version are refused with 410."""
    dead: bool = False
    """The client is dead: none of its requests arrives any more."""
    latency: Callable[[], float] = lambda: 0.0
    """Seconds that each request takes to arrive, and each answer to come back."""
    version: int = 100
    logs: dict[str, str] = field(default_factory=dict)
    """What pods have printed, by their names."""
    _uids: Any = field(default_factory=lambda: count(1))
    _news: asyncio.Event | None = None
    _watches: int = 0
    _ended: int = 0

    # What the operator calls

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        call = self._call("GET", path, None)
        return await self._answer(call, lambda: self._get(call, params))

    async def text(self, path: str, **params: str) -> str:
        call = self._call("GET", path, None)
        answer = await self._answer(
            call, lambda: {"log": self.logs.get(self._find(call)["metadata"]["name"], "")}
        )
        return str(answer["log"])

    async def create(self, path: str, body: Json) -> dict[str, Any]:
        call = self._call("POST", path, body)
        return await self._answer(call, lambda: self._create(call))

    async def replace(self, path: str, body: Json) -> dict[str, Any]:
        call = self._call("PUT", path, body)
        return await self._answer(call, lambda: self._replace(call))

    async def patch(
        self, path: str, body: Json, *, content_type: str = MERGE_PATCH
    ) -> dict[str, Any]:
        assert content_type == MERGE_PATCH or "/pods/" in path, "it merges lists for no other kind"
        call = self._call("PATCH", path, body)
        return await self._answer(call, lambda: self._patch(call))

    async def replace_in(self, path: str, field: str, value: Json, version: str) -> dict[str, Any]:
        call = self._call("PATCH", path, {"version": version, "field": field, "value": value})
        return await self._answer(call, lambda: self._replace_in(call))

    async def delete(self, path: str, options: Json, **params: str) -> dict[str, Any]:
        call = self._call("DELETE", path, options)
        return await self._answer(call, lambda: self._delete(call, params))

    async def watch(self, path: str, **params: str) -> AsyncGenerator[dict[str, Any], None]:
        call = self._call("WATCH", path, params)
        await self._answer(call, dict)
        seen = int(params["resourceVersion"])
        if seen < self.compacted:
            raise GONE
        self._watches += 1
        mine = self._watches
        next_one = bisect_right(self.log, seen, key=attrgetter("version"))
        while True:
            while next_one < len(self.log):
                event = self.log[next_one]
                next_one += 1
                there = event.plural == call.plural and call.namespace in ("", event.namespace)
                if there and _selected(event.thing, params):
                    yield {"type": event.type, "object": _copy(event.thing)}
            if self._ended >= mine:
                return
            self._news = self._news or asyncio.Event()
            await self._news.wait()

    # What a test does

    def put(self, plural: str, thing: Json) -> dict[str, Any]:
        """Create an object, or write it anew, as somebody else than the operator."""
        return self._put(plural, _normal(thing))

    def change(self, plural: str, name: str, change: Json, namespace: str = "lab") -> None:
        """Merge something into an object."""
        stored = self.objects[plural, namespace, name]
        self._put(plural, _merge(stored, _normal(change)))

    def remove(self, plural: str, name: str, namespace: str = "lab") -> None:
        """Delete an object at once."""
        thing = self.objects.pop((plural, namespace, name))
        self.version += 1
        metadata = thing["metadata"] | {"resourceVersion": str(self.version)}
        thing = thing | {"metadata": metadata}
        self._publish(Event(self.version, plural, namespace, "DELETED", thing))

    def collect_garbage(self) -> None:
        """Delete what has lost its owner, and what that owned."""
        while orphans := [key for key, thing in self.objects.items() if self._is_orphan(thing)]:
            for plural, namespace, name in orphans:
                self.remove(plural, name, namespace)

    def of(self, plural: str) -> list[dict[str, Any]]:
        """All objects of a kind, in the order of their creation."""
        return [thing for key, thing in self.objects.items() if key[0] == plural]

    def named(self, plural: str, name: str, namespace: str = "lab") -> dict[str, Any]:
        """One object."""
        return self.objects[plural, namespace, name]

    def count(self, method: str, plural: str) -> int:
        """How many requests there were."""
        return sum(call.method == method and call.plural == plural for call in self.calls)

    def fail(
        self,
        error: BaseException = NO_ANSWER,
        *,
        method: str = "",
        plural: str = "",
        name: str = "",
        after: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """Spoil answers; what isn't given isn't looked at."""

        def hits(call: Call) -> bool:
            return method in ("", call.method) and plural in ("", call.plural) and _is(name, call)

        fault = Fault(hits, lambda: error, after=after, times=times)
        self.faults.append(fault)
        return fault

    def fail_call(self, number: int, error: BaseException, *, after: bool) -> None:
        """Spoil the answer to one request by its number, from 1, of all that are to come."""
        wanted = len(self.calls) + number
        self.faults.append(Fault(lambda _: len(self.calls) == wanted, lambda: error, after=after))

    def die_at(self, number: int, *, after: bool) -> None:
        """Kill the client at a request by its number; no later one arrives before `revive`."""
        wanted = len(self.calls) + number

        def hits(_: Call) -> bool:
            return len(self.calls) == wanted

        def die() -> BaseException:
            self.dead = True
            return asyncio.CancelledError()

        self.faults.append(Fault(hits, die, after=after))

    def revive(self) -> None:
        """Start the client anew."""
        self.dead = False

    def end_watches(self) -> None:
        """End all watches, as the server does now and then."""
        self._ended = self._watches
        self._wake()

    # How it works

    def _call(self, method: str, path: str, body: Any) -> Call:
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource, *_ = [*rest, "", "", ""]
        return Call(method, plural, namespace, name, subresource, _normal(body))

    async def _answer(self, call: Call, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        await asyncio.sleep(self.latency())
        if self.dead:
            raise asyncio.CancelledError
        check_allowed()
        self.calls.append(call)
        for fault in self.faults:
            if fault.times != 0 and fault.hits(call):
                fault.times = None if fault.times is None else fault.times - 1
                if fault.after:
                    act()
                raise fault.error()
        answer: dict[str, Any] = _copy(act())
        await asyncio.sleep(self.latency())
        return answer

    def _get(self, call: Call, params: Json) -> dict[str, Any]:
        if call.name:
            return self._find(call)
        found = [
            thing
            for (plural, namespace, _), thing in sorted(self.objects.items())
            if plural == call.plural
            and call.namespace in ("", namespace)
            and _selected(thing, params)
        ]
        start, size = int(params.get("continue", "0")), int(params.get("limit", "0")) or len(found)
        metadata = {"resourceVersion": str(self.version)}
        if start + size < len(found):
            metadata["continue"] = str(start + size)
        return {"items": found[start : start + size], "metadata": metadata}

    def _find(self, call: Call) -> dict[str, Any]:
        thing = self.objects.get((call.plural, call.namespace, call.name))
        if thing is None:
            raise ApiError(404, "NotFound", f"{call.plural} {call.name!r} not found")
        return thing

    def _create(self, call: Call) -> dict[str, Any]:
        name = call.body["metadata"]["name"]
        key = (call.plural, call.namespace, name)
        if key in self.objects:
            raise ApiError(409, "AlreadyExists", f"{call.plural} {name!r} already exists")
        if self.on_create is not None:
            self.on_create(call)
        metadata = self._birth() | call.body["metadata"] | {"namespace": call.namespace}
        thing = {**call.body, "metadata": metadata}
        if call.plural == "sweepruns":
            thing["status"] = {"phase": "Pending"}
        self.made.append(key)
        return self._store(key, thing, "ADDED")

    def _birth(self) -> dict[str, Any]:
        uid = f"uid-{next(self._uids)}"
        return {"uid": uid, "generation": 1, "creationTimestamp": timestamp(self.clock())}

    def _replace(self, call: Call) -> dict[str, Any]:
        stored = self._find(call)
        self._check_version(stored, call)
        thing = {**call.body, "metadata": {**stored["metadata"], **call.body["metadata"]}}
        return self._store((call.plural, call.namespace, call.name), thing, "MODIFIED")

    def _patch(self, call: Call) -> dict[str, Any]:
        stored = self._find(call)
        self._check_version(stored, call)
        patched = _merge(stored, call.body)
        if call.subresource == "status":
            # The real server takes nothing else from it, not even metadata.uid for a check.
            patched = {**stored, "status": patched.get("status")}
        return self._store_change(call, stored, patched)

    def _replace_in(self, call: Call) -> dict[str, Any]:
        stored = self._find(call)
        if stored["metadata"]["resourceVersion"] != call.body["version"]:
            raise ApiError(422, "Invalid", "the server rejected our request")
        patched = {**stored, call.body["field"].strip("/"): call.body["value"]}
        return self._store_change(call, stored, patched)

    def _store_change(self, call: Call, stored: Json, patched: Json) -> dict[str, Any]:
        if patched == stored:
            return dict(stored)
        return self._store((call.plural, call.namespace, call.name), patched, "MODIFIED")

    def _check_version(self, stored: Json, call: Call) -> None:
        wanted = call.body.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != stored["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "the object has been modified")

    def _delete(self, call: Call, params: Json) -> dict[str, Any]:
        if not call.name:
            for thing in self._get(call, params)["items"]:
                self.remove(call.plural, thing["metadata"]["name"], call.namespace)
            return {"status": "Success"}
        stored = self._find(call)
        for field_, wanted in call.body.get("preconditions", {}).items():
            if wanted != stored["metadata"][field_]:
                raise ApiError(409, "Conflict", f"the {field_} in the precondition is another")
        self.remove(call.plural, call.name, call.namespace)
        return {"status": "Success"}

    def _put(self, plural: str, thing: Json) -> dict[str, Any]:
        key = (plural, thing["metadata"]["namespace"], thing["metadata"]["name"])
        stored = self.objects.get(key)
        known = self._birth() if stored is None else stored["metadata"]
        metadata = known | thing["metadata"]
        if stored is not None and thing.get("spec") != stored.get("spec"):
            metadata["generation"] = stored["metadata"].get("generation", 1) + 1
        written = {**thing, "metadata": metadata}
        return self._store(key, written, "MODIFIED" if stored else "ADDED")

    def _store(self, key: Key, thing: Json, kind: str) -> dict[str, Any]:
        self.version += 1
        metadata = thing["metadata"] | {"resourceVersion": str(self.version)}
        stored = {**thing, "metadata": metadata}
        self.objects[key] = stored
        self._publish(Event(self.version, key[0], key[1], kind, stored))
        return stored

    def _publish(self, event: Event) -> None:
        self.log.append(event)
        self._wake()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    def _is_orphan(self, thing: Json) -> bool:
        uids = {each["metadata"]["uid"] for each in self.objects.values()}
        owners = thing["metadata"].get("ownerReferences", [])
        return bool(owners) and all(owner["uid"] not in uids for owner in owners)


def _is(name: str, call: Call) -> bool:
    if not name:
        return True
    body = call.body if isinstance(call.body, dict) else {}
    return name in (call.name, body.get("metadata", {}).get("name"))


def _selected(thing: Json, params: Json) -> bool:
    labels = thing["metadata"].get("labels", {})
    for term in filter(None, params.get("labelSelector", "").split(",")):
        key, _, value = term.partition("=")
        if key not in labels or (value and labels[key] != value):
            return False
    for term in filter(None, params.get("fieldSelector", "").split(",")):
        path, _, value = term.replace("!=", "=").partition("=")
        found: Any = thing
        for step in path.split("."):
            found = found.get(step, {})
        if (found == value) is ("!=" in term):
            return False
    return True


def _copy(thing: Any) -> Any:
    return marshal.loads(marshal.dumps(thing))


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


_DECODER = json.JSONDecoder(parse_float=_number)


def _normal(thing: Any) -> Any:
    """As Go reads JSON and writes it: 1.0 is 1."""
    return None if thing is None else _DECODER.decode(json.dumps(thing))


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects are merged, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
