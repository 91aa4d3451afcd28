"""A server for the files of the web page only."""

import http.server
import socket
import ssl
import sys
from urllib.parse import unquote, urlsplit

from .serving import address_error, media_type

ALL_ADDRESSES = "0.0.0.0"

_HEADERS = {
    # These two isolate the page, which may then share memory and use threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def make_server(files, host="localhost", port=8000, certificate=None, key=None):
    """A server for files.

    Args:
        files: Dictionary of `export.web.site.site_files`.
        host: Address to serve at.
        port: Port; 0 for any free one.
        certificate: Path of a certificate, for https; `None` for http.
        key: Path of its key, if that is in another file.

    Returns:
        The server, with a method `serve_forever`, and the address of the page.

    Raises:
        OSError: If the port is taken or the certificate can't be used.
    """

    class Handler(_Handler):
        served = files

    try:
        server = _Server((host, port), Handler)
    except OSError as error:
        raise address_error(host, port, error) from error
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            server.server_close()
            raise OSError(f"The certificate {certificate} can't be used: {error}") from error
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if certificate is None else "https"
    shown = own_address() if host == ALL_ADDRESSES else "localhost" if host == "127.0.0.1" else host
    return server, f"{scheme}://{shown}:{server.server_port}/"


def own_address():
    """The address of this machine in its network, or localhost if it is not known."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation; nothing is sent
            return probe.getsockname()[0]
        except OSError:
            return "localhost"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Closed connections and rejected certificates are not errors of the server."""
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    served = {}  # noqa: RUF012 - each server has a class of its own
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self._answer(with_content=True)

    def do_HEAD(self):
        self._answer(with_content=False)

    def log_message(self, *arguments):
        """Logs nothing: the browser reports errors."""

    def _answer(self, with_content):
        name = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
        content = self.served.get(name)
        if content is None:
            self.send_error(404)
            return
        try:
            data = content if isinstance(content, bytes) else content.read_bytes()
        except OSError as error:
            self.send_error(500, str(error.strerror))
            return
        self.send_response(200)
        self.send_header("Content-Type", media_type(name))
        self.send_header("Content-Length", str(len(data)))
        for header, value in _HEADERS.items():
            self.send_header(header, value)
        self.end_headers()
        if with_content:
            self.wfile.write(data)
