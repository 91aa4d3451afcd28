"""Time what a user waits for first: the imports, and the programs' --help, on this machine.

examples:
  python -m benchmarks.first_use
  python -m benchmarks.first_use --rounds 20

Each is a fresh Python. All are started in turn, so that what else the machine does falls on all of them. A ratio is the
median of the rounds' own ratios to `import keras`; the range beside it is their 10th to 90th percentile. The files are
in the system's cache after the first round, which does not count.
"""

import platform
import subprocess
import sys

from benchmarks.arguments import benchmark_parser
from benchmarks.training_step import time_in_turn

_HELP = "from keras_action.programs.command import main; main(['{0}', '--help'])"
STATEMENTS = {
    "import keras": "import keras",
    "import keras, keras_action": "import keras, keras_action",
    "import keras, keras_action.layers": "import keras, keras_action.layers",
    "import keras_action": "import keras_action",
    "from keras_action import GestureRecognizer": "from keras_action import GestureRecognizer",
    "keras-action train --help": _HELP.format("train"),
    "keras-action recognize --help": _HELP.format("recognize"),
    "python": "pass",
}


def make_parser():
    parser = benchmark_parser("first_use", __doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often each is started (default: 10)")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        parser.error(f"there must be at least one round. Received: --rounds {arguments.rounds}")
    timings = time_in_turn(
        {name: lambda code=code: run(code) for name, code in STATEMENTS.items()}, arguments.rounds, warmup=1
    )
    print(f"{platform.platform()}, Python {platform.python_version()}, {arguments.rounds} rounds\n")
    print("| | s | of `import keras` | 10 to 90 % |")
    print("| --- | ---: | ---: | --- |")
    for name, timing in timings.items():
        low, middle, high = (timing.ratio(percent) for percent in (10, 50, 90))
        print(f"| `{name}` | {timing.milliseconds / 1000:.2f} | {middle:.2f} | {low:.2f} to {high:.2f} |")


def run(code):
    """Runs a Python of its own."""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


if __name__ == "__main__":
    main()
