"""A collection as it is and as it changes, for as long as somebody wants to know."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any, Final, Protocol

from sweep_operator.client.connection import Connection
from sweep_operator.client.errors import ClientError

Json = Mapping[str, Any]

WATCH: Final = 30.0
"""Seconds: a watch that nothing comes of any more, on a network that is gone, is noticed then."""

PAUSE: Final = 1.0
"""Seconds between one request and the next, where the last one has failed or is over."""


class Listener(Protocol):
    """Who wants to know."""

    def replace(self, objects: Iterable[Json]) -> None:
        """These are all. They are read from the cluster as they are gone through."""

    def put(self, thing: Json) -> None:
        """This one is new, or has changed."""

    def drop(self, thing: Json) -> None:
        """This one is gone."""


class Follower:
    """Reads a collection, and then goes on by watching it.

    Args:
        connection: the cluster.
        path: of the collection.
        listener: is told of all of it. It may ask the cluster itself: an error there is as one
            of the watch.
        news: is told what is wrong where the cluster doesn't answer, and None each time it does.
        query: which of the collection's objects.
    """

    def __init__(
        self,
        connection: Connection,
        path: str,
        listener: Listener,
        news: Callable[[ClientError | None], None],
        **query: str,
    ) -> None:
        self._connection = connection
        self._path = path
        self._listener = listener
        self._news = news
        self._query = query
        self._version = ""

    def read(self) -> None:
        """Read all of it.

        Raises:
            ClientError: it can't be read.
        """
        self._listener.replace(self._listed())

    def follow(self, over: Event) -> None:
        """Go on after that until it is over. What a lost watch has missed is read again."""
        current = True
        while not over.wait(PAUSE):
            try:
                if current:
                    self._watch(over)
                else:
                    self.read()
                    self._news(None)
                    current = True
            except ClientError as error:
                if not current:
                    self._news(error)
                current = False

    def _listed(self) -> Iterator[dict[str, Any]]:
        self._version = yield from self._connection.list(self._path, **self._query)

    def _watch(self, over: Event) -> None:
        query = {**self._query, "allowWatchBookmarks": "true"}
        events = self._connection.events(self._path, WATCH, resourceVersion=self._version, **query)
        for kind, thing in events:
            if over.is_set():
                return
            if kind == "DELETED":
                self._listener.drop(thing)
            elif kind != "BOOKMARK":
                self._listener.put(thing)
            self._version = thing["metadata"]["resourceVersion"]
