import pytest

from benchmarks import litert_operators


def test_each_operator_is_timed_alone(tmp_path, capsys):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    import keras
    import tensorflow as tf

    inputs = keras.Input(batch_shape=(1, 8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, x]))
    file = tmp_path / "model.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, x)).convert())
    rows = litert_operators.time_operators(file, seconds=0.01)
    assert [name for name, _, _ in rows] == ["CONV_2D", "ADD", "MEAN"]
    assert rows[0][1] == "CONV_2D [1, 8, 8, 3], constant [4, 3, 3, 3], constant [4] → [1, 6, 6, 4]"
    assert all(milliseconds > 0 for _, _, milliseconds in rows)

    capsys.readouterr()
    litert_operators.main([str(file), "--rows", "2"])
    out = capsys.readouterr().out
    assert "3 operators" in out and out.count("| CONV_2D") <= 2


def test_a_file_that_is_not_there(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    with pytest.raises(SystemExit, match=r"none\.tflite"):
        litert_operators.main([str(tmp_path / "none.tflite")])
