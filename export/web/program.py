"""Recognise gestures in a browser: serve a page that runs a LiteRT file on a camera or a video.

examples:
  keras-action serve gesture.tflite
  keras-action serve gesture-int8.tflite gesture-float32.tflite --settings events.json
  keras-action serve gesture.tflite --host 0.0.0.0 --certificate cert.pem --key key.pem
  keras-action serve gesture.tflite --output site

The model runs in the browser; no picture leaves the device. The runtime (@litertjs/core) is downloaded once from the
npm registry and cached; --runtime takes it from a folder. --output writes the page as files, for any web server. See
docs/web.md for headsets and phones.
"""

import json
import sys

from keras_action.programs.arguments import exit_on_errors, program_parser

from .serving import add_serving_arguments, announce, check_serving_arguments


def make_parser():
    parser = program_parser("serve", __doc__)
    parser.add_argument("models", metavar="MODEL", nargs="+", help="a .tflite file of clips or of frames")
    parser.add_argument("--settings", metavar="JSON", help="event settings, as keras-action tune writes them")
    parser.add_argument("--output", metavar="FOLDER", help="write the page there and exit")
    add_serving_arguments(parser)
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    check_serving_arguments(parser, arguments)
    with exit_on_errors(RuntimeError, status=2):
        _run(arguments)


def _run(arguments):
    from .runtime import find_runtime
    from .server import make_server
    from .site import site_files, write_site

    files = site_files(arguments.models, find_runtime(arguments.runtime), arguments.settings)
    for model in json.loads(files["models.json"])["models"]:
        if model["warning"] is not None:
            print(f"warning: {model['warning']}", file=sys.stderr)
    if arguments.output is not None:
        write_site(files, arguments.output)
        print(f"{len(files)} files in {arguments.output}: serve them with COOP and COEP headers to run on threads")
        return
    server, url = make_server(files, arguments.host, arguments.port, arguments.certificate, arguments.key)
    with server:
        announce(url, arguments)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
