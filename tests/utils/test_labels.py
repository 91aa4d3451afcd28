import unicodedata

import pytest

from keras_action.utils.labels import read_labels


def write(folder, content):
    path = folder / "labels.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "none\ngrüß\n",
        "\ufeffnone\r\ngrüß\r\n",
        "none \n\n\tgrüß",
        unicodedata.normalize("NFD", "none\ngrüß\n"),
    ],
    ids=["plain", "byte order mark", "spaces and blank lines", "NFD"],
)
def test_forms_of_files(tmp_path, content):
    assert read_labels(write(tmp_path, content)) == ("none", "grüß")


def test_names_may_begin_with_numbers(tmp_path):
    assert read_labels(write(tmp_path, "2 fingers\n5 fingers\nfist\n")) == ("2 fingers", "5 fingers", "fist")
    assert read_labels(write(tmp_path, "0\n1\n")) == ("0", "1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"labels\.txt: the file has no names"),
        ("\n0 wave\n1 clap\n", r"labels\.txt, line 2: expected a name alone, .* Received: '0 wave'"),
        ("1: wave\n2: clap\n", r"labels\.txt, line 1: expected a name alone"),
        ("wave\nclap\nwave\n", r"labels\.txt, line 3: the same name is on line 1"),
        ("wave\nclap\n".encode("utf-16"), r"labels\.txt: the file is in UTF-16; save it in UTF-8"),
        (b"wave\nclap \xe4\n", r"labels\.txt: not a text file in UTF-8"),
    ],
)
def test_wrong_files(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_labels(write(tmp_path, content))
