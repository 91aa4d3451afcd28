"""Access to the studio: only from its own page, with its token."""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

_SAFE = frozenset(["GET", "HEAD"])
_HEADERS = [
    # The page and all that it loads is of this address, and no other page can frame it. WebAssembly is the model's.
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
        b"img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        b"connect-src 'self' blob:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'; object-src 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-cache"),
]


class Guard:
    """ASGI middleware that lets a request pass only if it comes from the studio's own page.

    - `Host` must be an address of this server, so that a foreign name that resolves to it (DNS rebinding) is refused.
    - `Origin`, if the request has it, must be the same address. Without `Origin`, a cookie allows reading only.
    - The token must be in the cookie, or in the header `Authorization: Bearer`. The printed address contains the token
      and sets the cookie.

    Args:
        app: The ASGI application.
        token: The secret.
        hosts: Names by which this server may be called, besides `localhost` and the loopback addresses.
        any_address: Whether every numeric address is accepted: DNS rebinding needs a name.
    """

    def __init__(self, app, token, hosts=(), any_address=False):
        self._app = app
        self._token = token
        self._hosts = {"localhost", "127.0.0.1", "::1", *(host.lower() for host in hosts)}
        self._any_address = any_address

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a WebSocket, which the page does not use
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        cookie = f"studio_{scope['server'][1]}"
        if not self._is_own(host) or sum(name == b"host" for name, _ in scope["headers"]) != 1:
            await _answer(send, 403, "This address is not one of the studio's.")
            return
        origin = headers.get(b"origin")
        fetched = headers.get(b"sec-fetch-site", "none")
        is_bearer = self._is_token(headers.get(b"authorization", "").removeprefix("Bearer "))
        if (origin is not None and origin != f"{scope['scheme']}://{host}") or (
            scope["method"] not in _SAFE
            and (fetched not in ("none", "same-origin") or (origin is None and not is_bearer))
        ):
            await _answer(send, 403, "Only the studio's own page may send this request.")
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and scope["method"] == "GET" and self._is_token(query.get("token", [""])[0]):
            secure = "; Secure" if scope["scheme"] == "https" else ""
            value = f"{cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}"
            await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", value.encode())])
            return
        if not is_bearer and not self._is_token(_cookie(headers.get(b"cookie", ""), cookie)):
            await _answer(send, 401, "Open the address that keras-action studio printed: it contains a token.")
            return

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(item for item in _HEADERS if item[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _is_own(self, host):
        try:
            name = urlsplit(f"//{host}").hostname or ""
            urlsplit(f"//{host}").port  # noqa: B018 - raises if it is no number
        except ValueError:
            return False
        if any(letter in host for letter in "/@?#\\ "):
            return False
        return name in self._hosts or (self._any_address and _is_numeric(name))

    def _is_token(self, text):
        return hmac.compare_digest(text.encode(), self._token.encode())


def _is_numeric(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie(header, name):
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


async def _answer(send, status, text, headers=()):
    body = text.encode()
    length = (b"content-length", str(len(body)).encode())
    kind = (b"content-type", b"text/plain; charset=utf-8")
    # The rest of the request's body is not read: the connection is closed.
    headers = [kind, length, (b"connection", b"close"), *headers, *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
