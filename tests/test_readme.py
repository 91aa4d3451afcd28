import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_first_python_block_runs(capsys):
    code = re.findall(r"```python\n(.*?)```", README, re.S)[0]
    names = {}
    exec(code, names)
    assert names["model"].output_shape == (None, 83)
    assert "2,355,455" in capsys.readouterr().out


@pytest.mark.parametrize("block", re.findall(r"```bash\n(.*?)```", README, re.S))
def test_every_program_and_option_named_exists(block):
    import importlib

    for line in re.findall(r"python -m ((?:training|export)\.\S+) (.*)", block):
        parser = importlib.import_module(line[0]).make_parser()
        parser.parse_args(line[1].split())


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (Path(__file__).resolve().parents[1] / link).exists(), link
