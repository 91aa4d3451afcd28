import json

import pytest

from keras_action.data import AnnotationError, Clip, read_something_something

LABELS = {
    "Approaching something with your camera": "0",
    "Putting something on a surface": "1",
    "Folding something": "2",
}
ENTRIES = [
    {
        "id": "78687",
        "label": "putting cup on a table",
        "template": "Putting [something] on a surface",
        "placeholders": ["cup"],
    },
    {"id": "3", "label": "folding paper", "template": "Folding [something]", "placeholders": ["paper"]},
]
FORMS = {
    "first": ("something-something-v2-{}.json", ""),
    "present": ("{}.json", "labels"),
    "annotations": ("something-something-v2-{}.json", "annotations"),
}


def write_tree(root, entries=ENTRIES, split="train", form="first", labels=LABELS, ids=("78687", "3"), encoding="utf-8"):
    """The data set as it is handed out, with videos of no bytes."""
    (root / "20bn-something-something-v2").mkdir(parents=True)
    for name in ids:
        (root / "20bn-something-something-v2" / f"{name}.webm").touch()
    name, folder = FORMS[form]
    (root / folder).mkdir(exist_ok=True)
    for which, content in ((split, entries), ("labels", labels)):
        (root / folder / name.format(which)).write_text(json.dumps(content, indent=1), encoding=encoding)
    return root / folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_clips(tmp_path, split, form):
    write_tree(tmp_path, split=split, form=form)
    annotations = read_something_something(tmp_path, split)
    assert annotations.clips == (
        Clip(str(tmp_path / "20bn-something-something-v2/78687.webm"), "Putting something on a surface"),
        Clip(str(tmp_path / "20bn-something-something-v2/3.webm"), "Folding something"),
    )
    assert annotations.labels == tuple(LABELS)
    assert annotations.label_ids().tolist() == [1, 2]


def test_ids_are_the_numbers_of_the_labels_file(tmp_path):
    write_tree(tmp_path, labels={name: str(2 - int(number)) for name, number in LABELS.items()})
    annotations = read_something_something(tmp_path, "train")
    assert annotations.labels == tuple(reversed(LABELS))
    assert annotations.label_ids().tolist() == [1, 0]
    given = read_something_something(tmp_path, "train", labels=tuple(LABELS))
    assert given.label_ids().tolist() == [1, 2]


def test_brackets_of_any_kind(tmp_path):
    template = "Putting [something similar to other things] [number of] on [something]"
    name = template.replace("[", "").replace("]", "")
    write_tree(tmp_path, [{"id": "3", "template": template}], labels={name: 0}, encoding="utf-8-sig")
    assert read_something_something(tmp_path, "train").clips[0].label == name


def test_frame_folders_in_place_of_videos(tmp_path):
    write_tree(tmp_path, ids=())
    (tmp_path / "20bn-something-something-v2").rename(tmp_path / "20bn-something-something-v2-frames")
    for name in ("78687", "3"):
        (tmp_path / "20bn-something-something-v2-frames" / name).mkdir()
    clips = read_something_something(tmp_path, "train").clips
    assert clips[1].path == str(tmp_path / "20bn-something-something-v2-frames/3")


def test_test_split(tmp_path):
    folder = write_tree(tmp_path, [{"id": "78687"}, {"id": "3"}], "test", "present")
    with pytest.raises(
        AnnotationError, match=r"test\.json, entry 1: the template is missing\. .* in test-answers\.csv"
    ):
        read_something_something(tmp_path, "test")
    (folder / "test-answers.csv").write_bytes(b"3;Folding something\r\n78687;Putting something on a surface\r\n")
    annotations = read_something_something(tmp_path, "test")
    assert annotations.label_ids().tolist() == [2, 1]
    (folder / "test-answers.csv").write_text("3;Folding something\n78687;Melting something\n")
    with pytest.raises(
        AnnotationError, match=r"test-answers\.csv, line 2: unknown label; known are .* Received: 'Melting some"
    ):
        read_something_something(tmp_path, "test")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "there are no clips in the train split"),
        ({"id": "3"}, r"train\.json: expected a list of \{\"id\", \"template\", …\}\. Received: dict"),
        ([{"template": "Folding [something]"}], r"train\.json, entry 1: the id is missing"),
        ([ENTRIES[0], "3"], r"train\.json, entry 2: the id is missing"),
        ([ENTRIES[0], {"id": "3"}], r"train\.json, entry 2: the template is missing\. Received: id='3'"),
        (
            [{"id": "3", "template": "Melting [something]"}],
            r"entry 1: unknown label; known are .* Received: 'Melting something'",
        ),
    ],
)
def test_wrong_entries(tmp_path, entries, message):
    write_tree(tmp_path, entries)
    with pytest.raises(AnnotationError, match=message):
        read_something_something(tmp_path, "train")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], r"labels\.json: expected a dictionary of name → number\. Received: list"),
        ({}, r"labels\.json: the numbers must go from 0"),
        ({"a": "one"}, r"labels\.json: expected a dictionary of name → number: "),
        ({"a": "0", "b": "0"}, r"labels\.json: the numbers must go from 0 to 1, each once"),
        ({"a": "1", "b": "2"}, r"labels\.json: the numbers must go from 0 to 1, each once\. Received: \[1, 2\]"),
    ],
)
def test_wrong_labels(tmp_path, labels, message):
    write_tree(tmp_path, labels=labels)
    with pytest.raises(AnnotationError, match=message):
        read_something_something(tmp_path, "train")


def test_not_json(tmp_path):
    folder = write_tree(tmp_path)
    (folder / "something-something-v2-train.json").write_text('[{"id": "3",\n "template"')
    with pytest.raises(AnnotationError, match=r"train\.json: not a JSON file: .* line 2"):
        read_something_something(tmp_path, "train")


def test_missing_files(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected 20bn-something-something-v2 or .*-frames\. Received: an empty"
    ):
        read_something_something(tmp_path, "train")
    folder = write_tree(tmp_path, ids=("3",))
    with pytest.raises(FileNotFoundError, match=r"1 of 2 clips are missing \(78687\)"):
        read_something_something(tmp_path, "train")
    assert len(read_something_something(tmp_path, "train", allow_missing=True)) == 1
    (folder / "something-something-v2-labels.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected something-something-v2-labels\.json or labels\.json"):
        read_something_something(tmp_path, "train")
