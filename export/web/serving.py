"""What the programs that serve a page share: their options, the kinds of files, and messages."""

import mimetypes

_TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".tflite": "application/octet-stream"}


def add_serving_arguments(parser):
    """Adds the options of a server."""
    parser.add_argument("--runtime", metavar="FOLDER", help="node_modules/@litertjs, without a network")
    parser.add_argument("--host", default="localhost", help="address to serve at; 0.0.0.0 for all")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free port")
    parser.add_argument("--certificate", metavar="PEM", help="serve https with this certificate")
    parser.add_argument("--key", metavar="PEM", help="the certificate's key, if it is in another file")
    parser.add_argument("--browser", action="store_true", help="open the page in the browser of this machine")


def check_serving_arguments(parser, arguments):
    """Ends the program if the options of a server contradict each other."""
    if arguments.key and not arguments.certificate:
        parser.error("--key needs --certificate")
    if not 0 <= arguments.port < 65536:
        parser.error(f"--port must be from 0 to 65535. Received: --port {arguments.port}")


def announce(url, arguments):
    """Prints the address of the page, and opens it if asked to."""
    import webbrowser

    print(f"serving {url}\nend with Ctrl-C", flush=True)
    if not arguments.certificate and arguments.host not in ("localhost", "127.0.0.1"):
        print("browsers give the camera to https:// pages and to localhost only: see docs/web.md", flush=True)
    if arguments.browser:
        webbrowser.open(url)


def address_error(host, port, error):
    """The `OSError` that says that an address can't be served at."""
    return OSError(f"Can't serve at {host}, port {port}: {error.strerror}. Try another --port")


def media_type(name):
    """The media type of a file, by the ending of its name."""
    return _TYPES.get(name[name.rfind(".") :]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
