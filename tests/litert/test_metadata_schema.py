import pytest

from keras_action.litert.metadata_schema import read_tables, write_tables

FULL = {
    "name": "n",
    "description": "Gesten für alle",
    "version": "1",
    "subgraph_metadata": [
        {
            "input_tensor_metadata": [
                {
                    "name": "clip",
                    "dimension_names": ["batch", "time"],
                    "content": {
                        "content_properties": (
                            "ImageProperties",
                            {"color_space": 1, "default_size": {"width": 3, "height": 70000}},
                        ),
                        "range": {"min": 2, "max": 4},
                    },
                    "process_units": [{"options": ("NormalizationOptions", {"mean": [0.5, 1.0], "std": [2.0, 1.0]})}],
                    "stats": {"max": [255.0], "min": [-1.0]},
                },
                {"name": "state", "content": {"content_properties": ("FeatureProperties", {})}},
            ],
            "output_tensor_metadata": [
                {"name": "logits", "associated_files": [{"name": "labels.txt", "description": "x", "type": 2}]}
            ],
        }
    ],
    "author": "a",
    "license": "Apache-2.0",
    "associated_files": [{"name": "x.json", "type": 1, "locale": "en"}],
    "min_parser_version": "1.0.0",
}


@pytest.mark.parametrize("metadata", [FULL, {}, {"name": "only"}])
def test_what_is_written_is_read(metadata):
    data = write_tables(metadata)
    assert data[4:8] == b"M001"
    assert read_tables(data) == metadata


def test_fields_that_are_none_are_left_out():
    assert read_tables(write_tables({"name": "n", "author": None})) == {"name": "n"}


def test_wrong_input():
    with pytest.raises(ValueError, match=r"ModelMetadata has no such fields. Received: \['labels'\]"):
        write_tables({"labels": ["a"]})
    with pytest.raises(ValueError, match="begins with b'M001'"):
        read_tables(b"this is a text")
