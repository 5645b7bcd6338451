"""A small API server on the standard library: real HTTP for the real client, as a thread.

It answers what `arpcheck probe` reads: the version, discovery, lists with selectors, and single objects; and it refuses, as
RBAC does, the resources that a scene names. It has no pages, writes, logs or watches. Its objects are in `api_objects`."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from arpcheck.lab.api_objects import Key, Object, Resource, Store, Stored
from arpcheck.objects import at, labels_of, selects

# ---------------------------------------------------------------------------------------------------- Requests and responses

# Requests and responses of the API server: the version, discovery, lists, and objects by path.

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a request is about to do, as RBAC sees it."""

    verb: str
    group: str
    version: str = ""
    plural: str
    namespace: str
    """Empty: at the cluster scope."""
    name: str = ""
    subresource: str = ""

    @property
    def resource(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    @property
    def names(self) -> tuple[str, ...]:
        """As a rule may name the resource: `leases`, and `leases.coordination.k8s.io`."""
        return (self.resource, f"{self.plural}.{self.group}") if self.group else (self.resource,)


class RefusedError(Exception):
    """A Status that ends the request."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(answer.status)
        self.answer = answer


_REASON = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def json_answer(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def text_answer(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=text.encode(), content_type="text/plain; charset=utf-8")


def status_answer(
    code: int, message: str, details: Mapping[str, str] | None = None, *, metadata: Mapping[str, str] | None = None
) -> HttpResponse:
    """`details`: name, group and kind (which is the plural) of what it speaks of."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": dict(metadata or {}), "status": "Failure"}
    status |= {"message": message, "reason": _REASON.get(code, "Unknown"), "code": code}
    if details:
        status["details"] = {key: value for key, value in details.items() if value}
    return json_answer(status, code)


def refused(code: int, message: str, **details: str) -> RefusedError:
    return RefusedError(status_answer(code, message, details))


def not_found(plural: str, group: str, name: str) -> RefusedError:
    return refused(404, f'{qualified(plural, group)} "{name}" not found', name=name, group=group, kind=plural)


def forbidden(attempt: Attempt, user: str) -> RefusedError:
    """In the words of RBAC (responsewriters/errors.go, forbiddenMessage)."""
    scope = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    what = qualified(attempt.plural, attempt.group)
    subject = f'{what} "{attempt.name}"' if attempt.name else what
    message = (
        f'{subject} is forbidden: User "{user}" cannot {attempt.verb} resource "{attempt.resource}" '
        f'in API group "{attempt.group}" {scope}'
    )
    return refused(403, message, name=attempt.name, group=attempt.group, kind=attempt.plural)


def unknown_path() -> RefusedError:
    """An unknown group or version: plain text, unlike an unknown object."""
    return RefusedError(text_answer("404 page not found\n", 404))


def qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


# ------------------------------------------------------------------------------------------------------------------- The API

VERBS = ["get", "list", "patch", "update"]
USER = "lab"
"""Whom a refusal names, unless the request impersonates somebody."""

_VERBS = {"GET": "get", "PATCH": "patch", "PUT": "update", "POST": "create"}


class Api:
    """`refused`: resources as kubectl names them, or shell patterns of such names."""

    def __init__(self, store: Store, *, version: str, refused: Iterable[str] = ()) -> None:
        self.store = store
        self._version = version
        self._refused = tuple(refused)

    def answer(self, call: HttpRequest) -> HttpResponse:
        try:
            return self.answer_or_refuse(call)
        except RefusedError as refusal:
            return refusal.answer

    def answer_or_refuse(self, call: HttpRequest) -> HttpResponse:
        """Refuses what the account may not do before it looks whether it exists, as the server does."""
        parts = [part for part in call.path.split("/") if part]
        if call.method == "GET" and (document := self._document(parts)) is not None:
            return json_answer(document)
        attempt = _attempt(parts, call)
        self.authorize(attempt, call)
        resource = self.store.resource(attempt.group, attempt.version, attempt.plural)
        if resource is None:
            raise unknown_path()
        return self.act(attempt, resource, call)

    def authorize(self, attempt: Attempt, call: HttpRequest) -> None:
        if any(fnmatchcase(name, pattern) for name in attempt.names for pattern in self._refused):
            raise forbidden(attempt, call.headers.get("impersonate-user", USER))

    def act(self, attempt: Attempt, resource: Resource, call: HttpRequest) -> HttpResponse:
        if call.method != "GET" or attempt.subresource:
            raise refused(405, "the server does not allow this method on the requested resource")
        if attempt.name:
            return json_answer(self.found(attempt, resource))
        with self.store.lock:
            version, view = str(self.store.version), self.store.view(resource.full_name)
        found = chosen(view.items(), attempt.namespace, call.query)
        return list_answer(resource, {"resourceVersion": version}, [stored for _, stored in found])

    def found(self, attempt: Attempt, resource: Resource) -> Object:
        found = self.store.find(resource.full_name, attempt.namespace, attempt.name)
        if found is None:
            raise not_found(resource.plural, resource.group, attempt.name)
        return found

    def _document(self, parts: list[str]) -> dict[str, Any] | None:
        """`/version` and the discovery documents; None: the path names none."""
        resources = self.store.resources
        groups = {resource.group for resource in resources} - {""}
        versions = {resource.api_version for resource in resources}
        match parts:
            case ["version"]:
                major, minor = self._version.lstrip("v").split(".")[:2]
                return {"major": major, "minor": minor, "gitVersion": self._version, "platform": "linux/amd64"}
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                found = [self.group(group) for group in sorted(groups)]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}
            case ["api", "v1"]:
                return _resource_list("v1", resources)
            case ["apis", group] if group in groups:
                return {"kind": "APIGroup", "apiVersion": "v1", **self.group(group)}
            case ["apis", group, version] if f"{group}/{version}" in versions:
                return _resource_list(f"{group}/{version}", resources)
        return None

    def group(self, name: str) -> dict[str, Any]:
        found = {resource.version for resource in self.store.resources if resource.group == name}
        versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in sorted(found, key=_age)]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _attempt(parts: list[str], call: HttpRequest) -> Attempt:
    match parts:
        case ["api", "v1", *rest] if rest:
            group, version = "", "v1"
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            raise unknown_path()
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else ""
    plural, name, subresource, *more = [*(rest[2:] if namespace else rest), "", ""]
    if any(more):
        raise unknown_path()
    whole = {"GET": "list", "DELETE": "deletecollection"}  # of a list, not of one object
    verb = (not name and whole.get(call.method)) or _VERBS.get(call.method, call.method.lower())
    return Attempt(
        verb=verb, group=group, version=version, plural=plural, namespace=namespace, name=name, subresource=subresource
    )


# ---------------------------------------------------------------------------------------------------------- discovery


def _age(version: str) -> tuple[int, int, int]:
    """Newest and stablest first (k8s.io/apimachinery/pkg/version, CompareKubeAwareVersionStrings)."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return 3, 0, 0
    return {None: 0, "beta": 1, "alpha": 2}[match[2]], -int(match[1]), -int(match[3] or 0)


def _resource_list(group_version: str, resources: Iterable[Resource]) -> dict[str, Any]:
    """`/api/v1` and `/apis/GROUP/VERSION`."""
    found = sorted((r for r in resources if r.api_version == group_version), key=lambda r: r.plural)
    entries = [
        {"name": r.plural, "singularName": r.kind.lower(), "namespaced": r.namespaced, "kind": r.kind, "verbs": VERBS}
        for r in found
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


# -------------------------------------------------------------------------------------------------------------- lists


def chosen(entries: Iterable[tuple[Key, Stored]], namespace: str, query: Mapping[str, str]) -> Iterator[tuple[Key, Stored]]:
    """What the namespace (empty: all of them) and the selectors of the query choose. Refuses a label selector that can't
    be read."""
    labels = query.get("labelSelector", "")
    try:
        selects(labels, {})
    except ValueError:
        raise refused(400, f"unable to parse requirement: {labels}") from None
    fields = [*field_terms(query)]
    for key, stored in entries:
        if namespace in ("", key[0]) and selects(labels, labels_of(stored.obj)):
            found = ((at(stored.obj, *path.split(".")) or "", wanted, value) for path, wanted, value in fields)
            if all((text == value) == wanted for text, wanted, value in found):
                yield key, stored


def field_terms(query: Mapping[str, str]) -> Iterator[tuple[str, bool, str]]:
    """Path, whether the field must have the value, and the value, of each term of the field selector."""
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, value = term.partition("=")
        yield path.removesuffix("!"), not path.endswith("!"), value.removeprefix("=")


def list_answer(resource: Resource, metadata: Mapping[str, Any], page: list[Stored]) -> HttpResponse:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
    entries = b",".join(stored.encoded(typed=resource.is_typed) for stored in page)
    return HttpResponse(status=200, body=json.dumps(head)[:-1].encode() + b', "items": [' + entries + b"]}\n")


# ---------------------------------------------------------------------------------------------------------------- The server

# The API server as a thread: a thread for every connection, and a request that fails fails only its own.


class ServedConnection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal is the report's."""

    def serve(self) -> None:
        self.send(self.server.api.answer(self.request_read()))

    do_GET = serve  # noqa: N815 - a name that http.server looks for

    def request_read(self) -> HttpRequest:
        url = urlsplit(self.path)
        return HttpRequest(
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={key.lower(): ", ".join(self.headers.get_all(key, ())) for key in self.headers},
        )

    def finish(self) -> None:
        """Closes the connection also where the client went away before all was sent."""
        try:
            super().finish()
        finally:
            self.rfile.close()

    def send(self, answer: HttpResponse) -> None:
        self.send_head(answer, len(answer.body))
        self.wfile.write(answer.body)

    def send_head(self, answer: HttpResponse, length: int) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(length))
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.end_headers()


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, api: Api, listen: tuple[str, int] = ("127.0.0.1", 0), connection: type[ServedConnection] = ServedConnection
    ) -> None:
        self.api = api
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(listen, connection)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of this host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def secured(self, connection: Any) -> Any:
        """The connection as it is read and written; called in its own thread."""
        return connection

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that is slow to shake hands holds up nobody."""
        connection = request
        try:
            connection = self.secured(request)
            with self._lock:
                self._open.add(connection)
            super().finish_request(connection, client_address)
        except OSError:
            return  # the client went away, or did not accept the certificate
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def end(self) -> None:
        self.server_close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already


class ApiServer:
    """Listens from the moment it is made; answers inside `with`."""

    def __init__(self, api: Api, listener: Listener | None = None) -> None:
        self.api = api
        self.store = api.store
        self._listener = listener or Listener(api)
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> ApiServer:
        self._thread = Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends every connection."""
        if self._thread:
            self._listener.shutdown()
        self._listener.end()

    def __enter__(self) -> ApiServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def config(self, context: str) -> dict[str, Any]:
        """A kubeconfig of one context, cluster and user."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": context, "user": {}}],
        }

    def kubeconfig(self, path: str | Path, *, context: str = "lab") -> str:
        """Writes one for this server, and returns its path."""
        return write_kubeconfig(path, self.config(context))


def write_kubeconfig(path: str | Path, config: dict[str, Any]) -> str:
    Path(path).touch(mode=0o600)
    Path(path).write_text(json.dumps(config, indent=1))
    return str(path)
