import keras
import pytest

from keras_action.litert.inspection import OperatorSummary
from keras_action.litert.layer_names import LayerNames


@pytest.fixture(scope="module")
def names():
    from tests.litert.color_model import make_color_model

    return LayerNames(make_color_model())


@pytest.mark.parametrize(
    ("tensor", "expected", "main"),
    [
        ("litert_1/model_1/widen_1/convolution", ("widen",), "widen"),
        ("litert_1/model_1/action_1/shift_1/depthwise2", ("action/shift",), "action/shift"),
        ("litert_1/model_1/logits_1/Relu;litert_1/model_1/widen_1/convolution", ("logits", "widen"), "widen"),
        ("iten_1/tion;litert_1/model_1/classifier_1/MatMul", ("classifier",), "classifier"),  # a name cut off
        ("StatefulPartitionedCall_1:0", (), "logits"),
        ("arith.constant3", (), "arith.constant3"),
    ],
)
def test_layers_of_tensors(names, tensor, expected, main):
    assert names.of([tensor]) == expected
    assert names.main([tensor]) == main


def test_numbers_that_belong_to_the_name():
    clip = keras.Input((4,))
    x = keras.layers.Dense(4, name="conv_1")(clip)
    names = LayerNames(keras.Model(clip, keras.layers.Dense(4, name="conv")(x)))
    assert names.of(["litert_1/model_1/conv_1_1/MatMul"]) == ("conv_1",)
    assert names.of(["litert_1/model_1/conv_1/MatMul"]) == ("conv",)


def operator(tensor):
    return OperatorSummary("MUL", (tensor,), (), (1,), True, False, 1, None)


def test_patterns(names):
    graph = [operator(f"litert_1/model_1/{path}_1/x") for path in ("widen", "action_1/shift", "action", "classifier")]
    assert names.matching([], graph) == []
    assert names.matching(["action"], graph) == graph[1:3]
    assert names.matching(["action/shift", "wid.*"], graph) == graph[:2]
    assert names.matching(["widen|classifier"], graph) == [graph[0], graph[3]]
    with pytest.raises(ValueError, match=r"Similar names are classifier.*Received: 'clasifier'"):
        names.matching(["clasifier"], graph)
    with pytest.raises(ValueError, match="Not a regular expression"):
        names.matching(["widen("], graph)
