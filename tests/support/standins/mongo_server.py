"""A server that speaks MongoDB's wire protocol over mongomock-ng. It is NOT MongoDB: for tests only.

Loopback only, no authentication, no transactions, no sharing between databases, everything in memory.
One lock around every command makes each of them atomic, as MongoDB's single-document updates are.
Clients of any process on this machine can use it: ``with mongo_server() as uri: ...``.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import mongomock_ng
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

__all__ = ["MongoServer", "mongo_server"]

#: wire protocol operations: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
CHECKSUM_PRESENT, MORE_TO_COME = 1, 2
HELLO = {
    "ismaster": True,
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 * 2**20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,  # MongoDB 7.0
    "readOnly": False,
    "connectionId": 1,
}
OK = {"ok": 1.0}
FIRST_BATCH = 101
DUPLICATE_KEY, NO_SUCH_COMMAND, NO_SUCH_CURSOR, NO_TRANSACTIONS, NOT_IMPLEMENTED, UNKNOWN = 11000, 59, 43, 20, 238, 8

Document = dict[str, Any]


class MongoServer(socketserver.ThreadingTCPServer):
    """One in-memory database server; a thread a connection, one command at a time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0, client: Any = None) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.client = client or mongomock_ng.MongoClient()
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.cursors: dict[int, tuple[str, list[Document]]] = {}
        self.numbers = itertools.count(1000)

    def start(self) -> MongoServer:
        """Serve in a thread of this process."""
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="mongo stand-in"
        ).start()
        return self

    def stop(self) -> None:
        """Go away as a crashed server does: every connection breaks; what was stored stays in `client`."""
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def uri(self) -> str:
        """Where to connect."""
        return f"mongodb://127.0.0.1:{self.server_address[1]}/catholyte_test"

    def answer(self, command: Document) -> Document:
        """Return the reply to one command; errors become replies, as on a real server."""
        if command.get("startTransaction") or "autocommit" in command:
            return _error(NO_TRANSACTIONS, "Transaction numbers are only allowed on a replica set member or mongos")
        name = next(iter(command))
        handler: Callable[[Any, Document], Document] | None = _HANDLERS.get(name.lower())
        if handler is None:
            return _error(NO_SUCH_COMMAND, f"no such command: '{name}'")
        with self.lock:
            try:
                return handler(self, command)
            except OperationFailure as error:
                return _error(error.code or UNKNOWN, str(error))
            except Exception as error:  # whatever mongomock cannot do is told to the client, not hidden
                return _error(NOT_IMPLEMENTED, f"{name}: {type(error).__name__}: {error}")

    def batch(self, namespace: str, documents: list[Document], size: int | None, single: bool = False) -> Document:
        """Return a cursor's first batch and keep the rest."""
        size = FIRST_BATCH if size is None else size
        first, rest = documents[:size], documents[size:]
        number = next(self.numbers) if rest and not single else 0
        if number:
            self.cursors[number] = (namespace, rest)
        return {"cursor": {"firstBatch": first, "id": bson.Int64(number), "ns": namespace}, **OK}


class _Connection(socketserver.StreamRequestHandler):
    """One client: reads messages, writes replies."""

    server: MongoServer

    def handle(self) -> None:
        """Serve until the client goes away."""
        self.server.open.add(self.connection)
        try:
            self._serve()
        except ConnectionError:
            return  # the client is gone
        finally:
            self.server.open.discard(self.connection)

    def _serve(self) -> None:
        while len(header := self.rfile.read(16)) == 16:
            length, request, _, operation = struct.unpack("<iiii", header)
            body = self.rfile.read(length - 16)
            if operation == OP_MSG:
                flags, command = _parse_message(body)
                reply = b"\0\0\0\0\0" + bson.encode(self.server.answer(command))
                if flags & MORE_TO_COME:
                    continue
            elif operation == OP_QUERY:  # the first handshake of a driver
                reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self.server.answer(_parse_query(body)))
            else:
                return
            code = OP_MSG if operation == OP_MSG else OP_REPLY
            try:
                self.wfile.write(struct.pack("<iiii", 16 + len(reply), request + 1, request, code) + reply)
            except OSError:
                return  # the client is gone


def _parse_message(body: bytes) -> tuple[int, Document]:
    """Flags and command of an OP_MSG: one document, and sequences of documents under their own names."""
    (flags,) = struct.unpack_from("<I", body)
    position, end = 4, len(body) - (4 if flags & CHECKSUM_PRESENT else 0)
    command: Document = {}
    sequences: Document = {}
    while position < end:
        kind = body[position]
        position += 1
        (size,) = struct.unpack_from("<i", body, position)
        if kind == 0:
            command = bson.decode(body[position : position + size])
        else:
            stop = body.index(b"\0", position + 4)
            sequences[body[position + 4 : stop].decode()] = bson.decode_all(body[stop + 1 : position + size])
        position += size
    return flags, {**command, **sequences}


def _parse_query(body: bytes) -> Document:
    """Command of an OP_QUERY: flags, collection name, two numbers, document."""
    start = body.index(b"\0", 4) + 9
    (size,) = struct.unpack_from("<i", body, start)
    command: Document = bson.decode(body[start : start + size])
    return command


def _error(code: int, message: str) -> Document:
    return {"ok": 0.0, "code": code, "errmsg": message}


# Commands


def _collection(server: MongoServer, command: Document) -> Any:
    return server.client[command.get("$db", "admin")][command[next(iter(command))]]


def _namespace(command: Document) -> str:
    return f"{command.get('$db', 'admin')}.{command[next(iter(command))]}"


def _hello(server: MongoServer, command: Document) -> Document:
    return {**HELLO, "localTime": datetime.now(UTC), **OK}


def _build_info(server: MongoServer, command: Document) -> Document:
    return {"version": "7.0.0", "versionArray": [7, 0, 0, 0], **OK}


def _nothing(server: MongoServer, command: Document) -> Document:
    return OK


def _find(server: MongoServer, command: Document) -> Document:
    cursor = _collection(server, command).find(command.get("filter") or {}, command.get("projection") or None)
    if command.get("sort"):
        cursor = cursor.sort(list(command["sort"].items()))
    if command.get("skip"):
        cursor = cursor.skip(command["skip"])
    if command.get("limit"):
        cursor = cursor.limit(abs(command["limit"]))
    return server.batch(_namespace(command), list(cursor), command.get("batchSize"), bool(command.get("singleBatch")))


def _get_more(server: MongoServer, command: Document) -> Document:
    number = command["getMore"]
    if number not in server.cursors:
        return _error(NO_SUCH_CURSOR, f"cursor id {number} not found")
    namespace, rest = server.cursors.pop(number)
    size = command.get("batchSize") or len(rest)
    if rest[size:]:
        server.cursors[number] = (namespace, rest[size:])
    return {"cursor": {"nextBatch": rest[:size], "id": bson.Int64(number if rest[size:] else 0), "ns": namespace}, **OK}


def _aggregate(server: MongoServer, command: Document) -> Document:
    size = (command.get("cursor") or {}).get("batchSize")
    return server.batch(_namespace(command), list(_collection(server, command).aggregate(command["pipeline"])), size)


def _count(server: MongoServer, command: Document) -> Document:
    options = {key: command[key] for key in ("skip", "limit") if command.get(key)}
    return {"n": _collection(server, command).count_documents(command.get("query") or {}, **options), **OK}


def _distinct(server: MongoServer, command: Document) -> Document:
    return {"values": _collection(server, command).distinct(command["key"], command.get("query") or {}), **OK}


def _list_collections(server: MongoServer, command: Document) -> Document:
    names = server.client[command["$db"]].list_collection_names()
    wanted = (command.get("filter") or {}).get("name")
    found = [
        {"name": name, "type": "collection", "options": {}, "info": {"readOnly": False}}
        for name in names
        if wanted in (None, name)
    ]
    return server.batch(f"{command['$db']}.$cmd.listCollections", found, len(found))


def _list_indexes(server: MongoServer, command: Document) -> Document:
    known = {"_id_": {"key": [("_id", 1)]}, **_collection(server, command).index_information()}
    found = [{"v": 2, "name": name, "key": dict(index["key"]), **_options(index)} for name, index in known.items()]
    return server.batch(_namespace(command), found, len(found))


def _options(index: Document) -> Document:
    return {key: True for key in ("unique", "sparse") if index.get(key)}


def _create_indexes(server: MongoServer, command: Document) -> Document:
    for index in command["indexes"]:
        _collection(server, command).create_index(list(index["key"].items()), name=index.get("name"), **_options(index))
    return OK


def _drop_indexes(server: MongoServer, command: Document) -> Document:
    collection = _collection(server, command)
    for name in [name for name in collection.index_information() if name != "_id_" and command["index"] in ("*", name)]:
        collection.drop_index(name)
    return OK


def _drop(server: MongoServer, command: Document) -> Document:
    server.client[command["$db"]].drop_collection(command["drop"])
    return OK


def _drop_database(server: MongoServer, command: Document) -> Document:
    server.client.drop_database(command["$db"])
    return OK


def _writes(command: Document, items: list[Document], write: Callable[[int, Document], None]) -> list[Document]:
    """Run the writes of one command; returns the errors. Ordered writes end at the first."""
    errors = []
    for i, item in enumerate(items):
        try:
            write(i, item)
        except (OperationFailure, WriteError, ValueError, NotImplementedError) as error:
            code = DUPLICATE_KEY if isinstance(error, DuplicateKeyError) else getattr(error, "code", None) or UNKNOWN
            errors.append({"index": i, "code": code, "errmsg": str(error)})
            if command.get("ordered", True):
                break
    return errors


def _insert(server: MongoServer, command: Document) -> Document:
    collection = _collection(server, command)
    errors = _writes(command, command["documents"], lambda i, document: collection.insert_one(document))
    return {"n": len(command["documents"]) - len(errors), **OK, **({"writeErrors": errors} if errors else {})}


def _update(server: MongoServer, command: Document) -> Document:
    collection, matched, modified, upserted = _collection(server, command), 0, 0, []

    def write(i: int, item: Document) -> None:
        nonlocal matched, modified
        change, upsert = item["u"], item.get("upsert", False)
        if _is_update(change):
            result = (collection.update_many if item.get("multi") else collection.update_one)(
                item["q"], change, upsert=upsert
            )
        else:
            result = collection.replace_one(item["q"], change, upsert=upsert)
        matched, modified = matched + result.matched_count, modified + (result.modified_count or 0)
        if result.upserted_id is not None:
            upserted.append({"index": i, "_id": result.upserted_id})

    errors = _writes(command, command["updates"], write)
    reply = {"n": matched + len(upserted), "nModified": modified, **OK}
    return {**reply, **({"upserted": upserted} if upserted else {}), **({"writeErrors": errors} if errors else {})}


def _is_update(change: Any) -> bool:
    return isinstance(change, list) or next(iter(change), "").startswith("$")


def _delete(server: MongoServer, command: Document) -> Document:
    collection, deleted = _collection(server, command), 0
    for item in command["deletes"]:
        deleted += (collection.delete_one if item.get("limit") == 1 else collection.delete_many)(
            item["q"]
        ).deleted_count
    return {"n": deleted, **OK}


def _find_and_modify(server: MongoServer, command: Document) -> Document:
    collection, query = _collection(server, command), command.get("query") or {}
    options: Document = {}
    if command.get("sort"):
        options["sort"] = list(command["sort"].items())
    if command.get("fields"):
        options["projection"] = command["fields"]
    if command.get("remove"):
        found = collection.find_one_and_delete(query, **options)
    else:
        options |= {"upsert": command.get("upsert", False), "return_document": bool(command.get("new"))}
        change = collection.find_one_and_update if _is_update(command["update"]) else collection.find_one_and_replace
        found = change(query, command["update"], **options)
    return {
        "value": found,
        "lastErrorObject": {"n": int(found is not None), "updatedExisting": found is not None},
        **OK,
    }


_HANDLERS: dict[str, Callable[[Any, Document], Document]] = {
    "hello": _hello,
    "ismaster": _hello,
    "buildinfo": _build_info,
    **dict.fromkeys(("ping", "endsessions", "killcursors", "killsessions", "refreshsessions", "create"), _nothing),
    "find": _find,
    "getmore": _get_more,
    "aggregate": _aggregate,
    "count": _count,
    "distinct": _distinct,
    "listcollections": _list_collections,
    "listindexes": _list_indexes,
    "createindexes": _create_indexes,
    "dropindexes": _drop_indexes,
    "drop": _drop,
    "dropdatabase": _drop_database,
    "insert": _insert,
    "update": _update,
    "delete": _delete,
    "findandmodify": _find_and_modify,
}


@contextlib.contextmanager
def mongo_server() -> Iterator[str]:
    """Run a server in a thread of this process; yields its URI."""
    server = MongoServer().start()
    try:
        yield server.uri
    finally:
        server.stop()
