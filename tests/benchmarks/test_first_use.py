import pytest

from benchmarks import first_use


def test_the_program_on_quick_statements(monkeypatch, capsys):
    monkeypatch.setattr(first_use, "STATEMENTS", {"import keras": "import time; time.sleep(0.5)", "nothing": "pass"})
    first_use.main(["--rounds", "2"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    assert [row[1].strip() for row in rows] == ["`import keras`", "`nothing`"]
    assert float(rows[0][3]) == 1 > float(rows[1][3])


def test_every_statement_runs_without_keras_where_it_says_nothing_of_keras():
    for name, code in first_use.STATEMENTS.items():
        if "import keras," not in name and name != "import keras":
            first_use.run(
                f"try:\n    {code}\nexcept SystemExit:\n    pass\nimport sys\nassert 'keras' not in sys.modules"
            )


def test_bad_rounds():
    with pytest.raises(SystemExit):
        first_use.main(["--rounds", "0"])
