"""Record gestures, train a model on them and try it, in one page on this machine.

examples:
  keras-action studio my_gestures
  keras-action studio my_gestures --host 0.0.0.0 --certificate cert.pem --key key.pem

The takes are ordinary files, my_gestures/clips/GESTURE/take_…, which the other programs read; a folder that was filled
by hand can be opened too. No video leaves this machine. See docs/studio.md.
"""

import contextlib
import socket

from keras_action.programs.arguments import exit_on_errors, program_parser

from ..web.serving import add_serving_arguments, address_error, announce, check_serving_arguments


def make_parser():
    parser = program_parser("studio", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="folder of the gestures; created if needed")
    add_serving_arguments(parser)
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    check_serving_arguments(parser, arguments)
    with exit_on_errors(RuntimeError, status=2):
        _run(arguments)


def _run(arguments):
    try:
        import uvicorn

        from .server import find_runtime_or_none, make_app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio", "h11", "click"):
            raise
        raise ImportError("The studio needs Starlette and uvicorn: pip install 'keras_action[web]'") from error
    from ..web.server import ALL_ADDRESSES, own_address
    from .project import Project

    project = Project(arguments.folder)
    project.clear_uploads()
    runtime, reason = find_runtime_or_none(arguments.runtime)
    if reason:
        print(f"the server recognises instead of the browser: {reason}", flush=True)
    is_open = arguments.host == ALL_ADDRESSES
    config = uvicorn.Config(
        make_app(project, runtime=runtime, hosts=(arguments.host,), any_address=is_open),
        ssl_certfile=arguments.certificate,
        ssl_keyfile=arguments.key,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=2,
    )
    with _bind(arguments.host, arguments.port) as listener:
        scheme = "https" if arguments.certificate else "http"
        host = own_address() if is_open else arguments.host
        url = f"{scheme}://{host}:{listener.getsockname()[1]}/?token={project.token()}"
        announce(url, arguments)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        print("ended")


def _bind(host, port):
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=socket.AF_INET)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # from now on requests wait for the server
        return listener
    except OSError as error:
        raise address_error(host, port, error) from error
