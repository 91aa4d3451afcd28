import keras
import numpy as np
import pytest

import keras_action
from keras_action.models import find_blocks
from tests.test_case import frames, numpy

pytestmark = pytest.mark.usefixtures("eager")


def chain(x, name, convolutions=2):
    for i in range(convolutions):
        x = keras.layers.Conv2D(8, 3, padding="same", name=f"{name}_conv{i}")(x)
        x = keras.layers.ReLU(name=f"{name}_relu{i}")(x)
    return x


def names_of(points):
    return [point.before or (point.after,) for point in points]


def test_shortcut_of_identity_and_of_one_convolution():
    inputs = keras.Input((32, 32, 8))
    x = keras.layers.Conv2D(8, 3, 2, padding="same", name="stem")(inputs)
    x = keras.layers.Add(name="identity")([x, chain(x, "a")])
    shortcut = keras.layers.Conv2D(8, 1, 2, name="shortcut")(x)
    shortcut = keras.layers.BatchNormalization()(shortcut)
    y = keras.layers.AveragePooling2D(2, name="b_pool")(chain(x, "b", 3))
    x = keras.layers.Add(name="projected")([y, shortcut])
    first, second = find_blocks(keras.Model(inputs, x))
    assert (first.start, first.entries, first.end, first.stage) == ("stem", ("a_conv0",), "a_relu1", 1)
    assert first.convolutions == ("a_conv0", "a_conv1")
    assert (second.start, second.entries, second.end, second.stage) == ("identity", ("b_conv0",), "b_pool", 2)
    assert first.is_sum and second.is_residual


def test_two_equal_branches_are_no_residual_block():
    inputs = keras.Input((32, 32, 8))
    x = keras.layers.Add()([chain(inputs, "a"), chain(inputs, "b")])
    model = keras.Model(inputs, x, name="twins")
    assert find_blocks(model) == []
    with pytest.raises(ValueError, match=r"plain chain.*Received: model='twins'"):
        keras_action.insertion_points(model)


def test_a_gate_is_no_part_of_the_branch():
    inputs = keras.Input((16, 16, 8))
    x = chain(inputs, "a", 1)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name="gate_pool")(x)
    gate = keras.layers.Conv2D(8, 1, activation="sigmoid", name="gate_conv")(gate)
    x = chain(keras.layers.Multiply(name="gated")([x, gate]), "b", 1)
    (block,) = find_blocks(keras.Model(inputs, keras.layers.Add()([inputs, x])))
    assert block.convolutions == ("a_conv0", "b_conv0")


def test_sums_written_as_operators_are_merges():
    inputs = keras.Input((16, 16, 8), name="frames")
    (block,) = find_blocks(keras.Model(inputs, inputs + chain(inputs, "a")))
    assert (block.start, block.entries, block.end) == ("frames", ("a_conv0",), "a_relu1")


def inception():
    inputs = keras.Input((16, 16, 8), name="frames")
    x = inputs
    for name in ("one", "two"):
        inner = chain(x, f"{name}_b", 1)
        inner = keras.layers.Concatenate(name=f"{name}_inner")(
            [chain(inner, f"{name}_c", 1), chain(inner, f"{name}_d")]
        )
        x = keras.layers.Concatenate(name=name)([chain(x, f"{name}_a", 1), inner])
    return keras.Model(inputs, x, name="inception")


def test_multi_branch_blocks_where_there_is_no_shortcut():
    model = inception()
    first, second = find_blocks(model)  # the concatenations inside make no blocks
    assert set(first.entries) == {"one_a_conv0", "one_b_conv0"}
    assert (second.start, second.end, second.merge, second.is_residual) == ("one", "two", "two", False)
    assert names_of(keras_action.insertion_points(model, location=2)) == [("one",), ("two",)]


def test_dense_connections_are_blocks_of_their_own():
    """As in DenseNet: each layer's output is appended to its input."""
    x = inputs = keras.Input((16, 16, 8), name="frames")
    for name in ("one", "two"):
        x = keras.layers.Concatenate(name=name)([x, chain(x, name)])
    model = keras.Model(inputs, x)
    blocks = find_blocks(model)
    assert [(block.start, block.entries, block.merge) for block in blocks] == [
        ("frames", ("one_conv0",), "one"),
        ("one", ("two_conv0",), "two"),
    ]
    assert all(block.is_residual and not block.is_sum for block in blocks)
    point = keras_action.insertion_points(model)[1]
    action = keras_action.layers.Action(2, name="two_action")
    copy = keras_action.insert_layers(model, {point: action})
    assert action.input is copy.get_layer("one").output
    assert copy.get_layer("two").input[0] is action.input and copy.get_layer("two_conv0").input is action.output


def test_a_module_before_all_branches_is_one_module():
    model = inception()
    x = frames(4, 16, 16, 8)
    points = keras_action.insertion_points(model)
    layers = {point: keras_action.layers.Action(2, name=f"{point.name}_action") for point in points}
    copy = keras_action.insert_layers(model, layers)
    first = layers[points[0]]
    for entry in points[0].before:
        assert copy.get_layer(entry).input is first.output
    # The copy is the original behind the first module, and so on: block by block by hand.
    expected = first(x)
    block = keras.Model(model.input, model.get_layer("one").output)
    expected = layers[points[1]](block(expected))
    rest = keras.Model(model.get_layer("one").output, model.output)
    np.testing.assert_allclose(numpy(copy(x)), numpy(rest(expected)), atol=1e-4)


def test_a_module_after_a_layer_is_seen_by_all_behind_it():
    model = inception()
    point = keras_action.InsertionPoint(after="one")
    action = keras_action.layers.Action(2, name="one_action")
    copy = keras_action.insert_layers(model, {point: action})
    x = frames(4, 16, 16, 8)
    half = keras.Model(model.input, model.get_layer("one").output)
    rest = keras.Model(model.get_layer("one").output, model.output)
    expected = numpy(rest(action(half(x))))
    np.testing.assert_allclose(numpy(copy(x)), expected, atol=1e-4)


def test_layers_of_one_module_take_one_tensor():
    point = keras_action.InsertionPoint(before=("one_a_conv0", "two_a_conv0"))
    with pytest.raises(ValueError, match=r"must take the same tensor.*'two_a_conv0'"):
        keras_action.insert_layers(inception(), {point: keras_action.layers.Action(2, name="both")})
    with pytest.raises(ValueError, match="One of `before` and `after`"):
        keras_action.InsertionPoint()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"location": 3}, "`location` must be from 1 to 2 for a multi-branch block. Received: location=3"),
        ({"location": 0}, "Received: location=0"),
        ({"location": "start"}, "`location` must be an integer. Received: location='start'"),
        ({"location": 2.0}, "Received: location=2.0"),
        ({"stages": [0.5]}, "`stages` must be an integer. Received: stages=0.5"),
        ({"every": 0}, "`every` must be at least 1. Received: every=0"),
        ({"stages": [2]}, r"some of \[0\] for 'inception'. Received: stages=\[2\]"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        keras_action.insertion_points(inception(), **kwargs)


def test_a_location_that_a_branch_does_not_have():
    inputs = keras.Input((16, 16, 8))
    model = keras.Model(inputs, keras.layers.Add(name="sum")([inputs, chain(inputs, "a")]))
    assert names_of(keras_action.insertion_points(model, location=2)) == [("a_conv1",)]
    assert names_of(keras_action.insertion_points(model, location=4)) == [("a_relu1",)]
    with pytest.raises(ValueError, match=r"block that ends in 'sum' has 2 convolution\(s\)"):
        keras_action.insertion_points(model, location=3)


# === Graphs that users bring ===


def test_the_order_of_the_operands_does_not_matter():
    inputs = keras.Input((16, 16, 8), name="frames")
    y = keras.layers.Conv2D(8, 3, padding="same", name="linear")(inputs)
    for x in ([inputs, y], [y, inputs]):
        (block,) = find_blocks(keras.Model(inputs, keras.layers.Add()(x)))
        assert (block.start, block.entries) == ("frames", ("linear",))


def test_a_shortcut_with_another_normalisation():
    inputs = keras.Input((16, 16, 8))
    shortcut = keras.layers.GroupNormalization(4)(keras.layers.Conv2D(8, 1)(inputs))
    (block,) = find_blocks(keras.Model(inputs, shortcut + chain(inputs, "a")))
    assert block.entries == ("a_conv0",)


def test_a_gate_written_with_operators():
    inputs = keras.Input((16, 16, 8))
    x = chain(inputs, "a", 1)
    gate = keras.layers.Conv2D(8, 1, name="gate")(keras.ops.mean(x, axis=(1, 2), keepdims=True))
    (block,) = find_blocks(keras.Model(inputs, inputs + chain(x * gate, "b", 1)))
    assert block.convolutions == ("a_conv0", "b_conv0")


def test_a_branch_that_begins_with_several_inputs_gets_one_module():
    inputs = keras.Input((16, 16, 8), name="frames")
    gate = keras.layers.Conv2D(8, 1, activation="sigmoid", name="gate")(inputs)
    model = keras.Model(inputs, inputs + keras.layers.Multiply(name="gated")([inputs, gate]))
    (point,) = keras_action.insertion_points(model)
    assert set(point.before) == {"gate", "gated"} and point.source == "frames"
    action = keras_action.layers.Action(2, name="gate_action")
    x = frames(2, 16, 16, 8)
    excited = action(x)
    expected = x + numpy(excited * model.get_layer("gate")(excited))
    copy = keras_action.insert_layers(model, {point: action})
    np.testing.assert_allclose(numpy(copy(x)), expected, atol=1e-5)


def test_a_nested_model_and_two_inputs_are_read_past():
    inputs = keras.Input((16, 16, 8), name="frames")
    inner = keras.Model(inputs, chain(inputs, "inner"), name="inner")
    x = y = keras.Input((16, 16, 8), name="other")
    x = keras.layers.Add(name="sum")([x, chain(inner(x), "a", 1)])
    second = keras.Input((16, 16, 8), name="second")
    both = keras.layers.Concatenate()([x, chain(second, "tower")])
    (block,) = find_blocks(keras.Model([y, second], both))
    assert (block.start, block.entries, block.merge) == ("other", ("inner",), "sum")


def test_one_stage_may_be_an_integer_and_a_sequential_model_is_one():
    assert len(keras_action.insertion_points(inception(), stages=0)) == 2
    layers = [keras.Input((16, 16, 8)), keras.layers.Conv2D(8, 3)]
    with pytest.raises(ValueError, match="plain chain"):
        keras_action.insertion_points(keras.Sequential(layers))
    with pytest.raises(ValueError, match=r"functional or a built sequential.*Received: 'resnet'"):
        keras_action.insertion_points("resnet")
