import csv

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action, FoldTime, StreamingStep, TemporalShift
from keras_action.models.complexity_report import complexity
from keras_action.models.macs import Macs, count_macs, in_every_form
from tests.layers import literal
from tests.test_case import frames, numpy


def model_of(layer, shape, **kwargs):
    x = keras.Input(shape, **kwargs)
    return keras.Model(x, layer(x))


def sequential(layers, shape):
    return keras.Sequential([keras.Input(shape), *layers])


# === Layers of Keras ===

LAYERS = keras.layers
ONES = {"kernel_initializer": "ones", "use_bias": False}
DEPTHWISE_ONES = {"depthwise_initializer": "ones", "use_bias": False}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LAYERS.Conv1D(5, 3, **ONES), (9, 4)),
        (LAYERS.Conv2D(5, 3, **ONES), (9, 8, 4)),
        (LAYERS.Conv2D(5, (3, 1), strides=2, **ONES), (9, 8, 4)),
        (LAYERS.Conv2D(6, 3, dilation_rate=2, **ONES), (9, 8, 4)),
        (LAYERS.Conv2D(6, 3, groups=2, **ONES), (9, 8, 4)),
        (LAYERS.Conv3D(5, (3, 2, 1), **ONES), (5, 6, 7, 2)),
        (LAYERS.DepthwiseConv1D(3, depth_multiplier=2, **DEPTHWISE_ONES), (9, 4)),
        (LAYERS.DepthwiseConv2D(3, strides=2, **DEPTHWISE_ONES), (9, 9, 4)),
        (LAYERS.DepthwiseConv2D((3, 2), depth_multiplier=2, **DEPTHWISE_ONES), (9, 8, 4)),
        (LAYERS.Conv1DTranspose(5, 3, strides=2, **ONES), (5, 4)),
        (LAYERS.Conv2DTranspose(5, 3, strides=2, **ONES), (5, 6, 4)),
        (LAYERS.Dense(5, **ONES), (4,)),
        (LAYERS.Dense(5, **ONES), (6, 7, 4)),
    ],
)
def test_a_layer_of_ones_counts_its_own_products(layer, shape):
    """Where nothing is padded, each product is a one, and the outputs sum up to their number."""
    model = model_of(layer, shape)
    products = float(np.sum(numpy(model(np.ones((1, *shape), "float32")))))
    report = complexity(model)
    assert report.macs == in_every_form(products)
    assert report.uncounted == ()


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        # Padding is not discounted: every output has all of its taps.
        (LAYERS.Conv2D(5, 3, padding="same"), 9 * 8 * 5 * 3 * 3 * 4),
        (LAYERS.Conv2D(5, 3, strides=2, padding="same"), 5 * 4 * 5 * 3 * 3 * 4),
        (LAYERS.SeparableConv2D(5, 3, depth_multiplier=2), 7 * 6 * 8 * (3 * 3 + 5)),
        (LAYERS.BatchNormalization(), 0),
        (LAYERS.PReLU(), 0),
        (LAYERS.AveragePooling2D(3), 0),
        (LAYERS.Rescaling(1 / 255), 0),
    ],
)
def test_layers_by_hand(layer, macs):
    report = complexity(model_of(layer, (9, 8, 4)))
    assert report.macs == in_every_form(macs)
    assert report.uncounted == ()


def test_operations_that_are_no_layers():
    x = keras.Input((3, 4))
    y = keras.Input((4, 5))
    z = keras.ops.relu(keras.ops.matmul(2 * x + 1, y))
    report = complexity(keras.Model([x, y], keras.ops.mean(z, axis=-1)))
    assert report.macs.literal == 3 * 4 * 5
    assert report.uncounted == ()


# === Whole models, against formulas of their own ===


def resnet50_macs(stride_in_first):
    """By the paper's table (He et al., 2016); the stride is in the first convolution of a block, or in the second."""
    macs, channels, size = 112**2 * 7 * 7 * 3 * 64 + 2048 * 1000, 64, 56
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            out = size // 2 if block == 0 and width > 64 else size
            first = out if stride_in_first else size
            macs += first**2 * channels * width + out**2 * 9 * width**2 + out**2 * width * 4 * width
            macs += out**2 * channels * 4 * width if block == 0 else 0
            channels, size = 4 * width, out
    return macs


def mobilenet_v2_macs():
    """By the paper's table (Sandler et al., 2018): expansion, channels, repeats, stride."""
    macs, channels, size = 112**2 * 9 * 3 * 32 + 7**2 * 320 * 1280 + 1280 * 1000, 32, 112
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, width, repeats, stride in table:
        for block in range(repeats):
            inner, out = expansion * channels, size // stride if block == 0 else size
            macs += (size**2 * channels * inner if expansion > 1 else 0) + out**2 * (9 * inner + inner * width)
            channels, size = width, out
    return macs


@pytest.mark.parametrize(
    ("constructor", "macs"),
    [
        (keras.applications.MobileNetV2, mobilenet_v2_macs()),
        (keras.applications.ResNet50, resnet50_macs(stride_in_first=True)),
    ],
)
def test_keras_applications(constructor, macs):
    model = constructor(weights=None)
    report = complexity(model)
    assert report.macs == in_every_form(macs)
    assert report.parameters == model.count_params()
    assert report.uncounted == ()


def test_mobilenet_v2_has_the_known_300_million():
    assert mobilenet_v2_macs() == 300_774_272


def test_resnet50_in_torchvisions_geometry_has_the_known_4_11_billion():
    """Known from a counter that adds two operations for each value normalised, and the pooling."""
    model = keras_action.build_tsn("resnet50", num_classes=1000, num_segments=1, variant="torchvision")
    report = complexity(model)
    assert report.trainable == 25_557_032
    assert report.macs.literal == resnet50_macs(stride_in_first=False)
    normalised = sum(np.prod(row.output_shape) for row in report.rows if row.kind == "BatchNormalization")
    assert report.macs.literal + 2 * normalised + (7 * 7 + 1) * 2048 == 4_111_514_624


@pytest.mark.parametrize("build", [keras_action.build_action_net, keras_action.build_tsm, keras_action.build_tsn])
def test_parameters_are_those_of_keras(build):
    model = build("mobilenet_v2", num_classes=7, num_segments=3, input_size=64, alpha=0.35)
    model.get_layer("Conv1").trainable = False
    report = complexity(model)
    assert report.parameters == model.count_params()
    assert report.trainable == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert report.uncounted == ()


def test_a_clip_costs_t_frames():
    options = {"num_classes": 7, "input_size": 64, "alpha": 0.35}
    one = complexity(keras_action.build_tsn("mobilenet_v2", num_segments=1, **options))
    three = complexity(keras_action.build_tsn("mobilenet_v2", num_segments=3, **options))
    assert three.macs.literal == 3 * one.macs.literal
    image_model = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, classes=7, weights=None)
    assert one.macs == complexity(image_model).macs


# === Layers of this package ===

T, N, SIZE, C, R = 4, 4, 6, 32, 2  # one clip


class CountingWeight:
    """An array whose products with other arrays are counted."""

    __array_ufunc__ = None  # products come here, whatever stands first

    def __init__(self, values, counts):
        self.values, self.counts = values, counts

    def __getitem__(self, key):
        return CountingWeight(self.values[key], self.counts)

    def __mul__(self, other):
        product = np.asarray(other * self.values)
        self.counts.append(product.size)
        return product

    __rmul__ = __mul__

    def __rmatmul__(self, other):
        product = other @ self.values
        self.counts.append(product.size * self.values.shape[0])
        return product


def count_literal(function, *shapes, between=()):
    counts = []
    weights = [CountingWeight(np.ones(shape), counts) for shape in shapes]
    function(np.ones((N, SIZE, SIZE, C)), T, weights[0], *between, *weights[1:])
    return sum(counts)


def excitations(**kwargs):
    """The report of a model of one Action layer, its rows by the names of the parts."""
    x = keras.Input((T, SIZE, SIZE, C))
    report = complexity(keras.Model(x, Action(num_segments=T, name="action", **kwargs)(FoldTime()(x))))
    return report, {row.name.removeprefix("action/"): row for row in report.rows}


def test_the_literal_form_is_what_the_literal_formulas_multiply():
    _, rows = excitations()
    norm = np.ones((4, R))  # gamma, beta, mean and variance, whose products do not count
    counted = {
        "ste": count_literal(literal.spatio_temporal_mask, (3, 3, 3, 1, 1)),
        "ce": count_literal(literal.channel_mask, (C, R), (3, R, R), (R, C)),
        "me": count_literal(literal.motion_mask, (C, R), (3, 3, R, 1), (R, C), between=norm),
        # The formula leaves out the two taps that would reach outside the clip, which a count does not discount.
        "shift": count_literal(literal.shift, (3, 1, C, 1)) + 2 * SIZE * SIZE * C,
    }
    assert {name: rows[name].macs.literal for name in counted} == counted


def test_forms_by_hand():
    report, rows = excitations()
    pixels = N * SIZE * SIZE
    assert {name: row.macs for name, row in rows.items() if any((row.macs.literal, row.macs.training))} == {
        "shift": in_every_form(3 * pixels * C),
        "ste": Macs(literal=27 * pixels, training=9 * T * pixels, inference=9 * T * pixels),
        "ce": in_every_form(N * (C * R + 3 * R * R + R * C)),
        "me": Macs(
            literal=pixels * (C * R + 9 * R) + N * R * C,
            training=pixels * C * R + N * (9 * R + R * C),
            inference=N * (9 * C * R + 9 * R + R * C),
        ),
    }
    assert report.macs == sum((row.macs for row in rows.values()), Macs())
    assert rows["me"].trainable == 2 * C * R + 9 * R + 2 * R
    assert rows["me"].non_trainable == 2 * R


@pytest.fixture
def counts(monkeypatch):
    """Collects the multiply-adds of every convolution and product of matrices that Keras is asked for."""
    counts = []

    def spy(name, terms):
        function = getattr(keras.ops, name)

        def call(x, kernel, **kwargs):
            outputs = function(x, kernel, **kwargs)
            # A product of weights alone prepares a kernel: it does not depend on the clip.
            if 9 not in x.shape or x.shape[0] in (1, N):
                counts.append(int(np.prod(outputs.shape)) * terms(kernel.shape))
            return outputs

        monkeypatch.setattr(keras.ops, name, call)

    spy("conv", lambda shape: int(np.prod(shape[:-1])))
    spy("depthwise_conv", lambda shape: int(np.prod(shape[:-2])))
    spy("matmul", lambda shape: shape[-2])
    return counts


@pytest.mark.parametrize("training", [True, False])
def test_the_other_forms_are_what_the_layers_run(training, counts):
    layer = Action(num_segments=T)
    layer.build((N, SIZE, SIZE, C))
    counts.clear()
    layer(frames(N, SIZE, SIZE, C), training=training)
    _, rows = excitations()
    total = sum((row.macs for row in rows.values()), Macs())
    nine_sums = N * 9 * R  # the taps and the nine sums: a product and a sum to Keras, no product of matrices
    assert sum(counts) + nine_sums == (total.training if training else total.inference)


@pytest.mark.parametrize("shift", ["learnable", "fixed"])
def test_a_streaming_step_costs_what_it_runs(shift, counts):
    step = StreamingStep(Action(num_segments=T, shift=shift, causal=True))
    states = [frames(1, *shape) for shape in step.layer.state_shapes((None, SIZE, SIZE, C)).values()]
    inputs = [frames(1, SIZE, SIZE, C), *states]
    step.build([x.shape for x in inputs])
    counts.clear()
    outputs = step(inputs)
    assert count_macs(step, [x.shape for x in inputs], outputs[0].shape) == in_every_form(sum(counts) + 9 * R)


def test_a_fixed_shift_moves_memory_in_the_literal_form():
    shift = TemporalShift(num_segments=T, mode="fixed")
    x = keras.Input((T, SIZE, SIZE, C))
    taps = 3 * N * SIZE * SIZE * C
    macs = complexity(keras.Model(x, shift(FoldTime()(x)))).macs
    assert macs == Macs(literal=0, training=taps, inference=taps)


@pytest.mark.parametrize("paths", [("ste",), ("ce",), ("me",), ("ce", "me")])
def test_only_the_chosen_paths_cost(paths):
    _, rows = excitations(paths=paths, shift=None)
    assert [name for name, row in rows.items() if row.macs.literal] == list(paths)


# === Models in models, layers used twice, layers that are not known ===


def test_a_layer_used_twice_costs_twice_and_is_stored_once():
    dense, x = LAYERS.Dense(4, name="dense"), keras.Input((4,))
    model = keras.Model(x, dense(dense(x)))
    report = complexity(model)
    assert report.macs.literal == 2 * 4 * 4
    assert report.parameters == model.count_params() == 20
    assert [row.trainable for row in report.rows if row.name == "dense"] == [20, 0]


def test_models_inside_models_are_walked_into():
    inner = sequential([LAYERS.Dense(5, name="dense"), LAYERS.ReLU()], (4,))
    inner.name = "inner"
    middle = model_of(inner, (4,), name="middle_input")
    x = keras.Input((4,))
    model = keras.Model(x, LAYERS.Dense(2)(LAYERS.concatenate([middle(x), inner(x)])))
    report = complexity(model)
    assert report.macs.literal == 2 * 4 * 5 + 10 * 2
    assert report.parameters == model.count_params()
    assert {f"{middle.name}/inner/dense", "inner/dense"} <= {row.name for row in report.rows}


def test_the_count_leaves_no_trace_in_the_model():
    model = model_of(LAYERS.Dense(4, name="dense"), (4,))
    output = model.get_layer("dense").output
    complexity(model)
    assert model.get_layer("dense").output is output  # a second node would make it ambiguous


class Projection(keras.layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 3))

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.kernel)


class Identity(keras.layers.Layer):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    "layer",
    [
        Projection(name="x"),
        Identity(name="x"),
        LAYERS.LSTM(3, name="x"),
        LAYERS.EinsumDense("abc,cd->abd", (None, 3), name="x"),
        LAYERS.TimeDistributed(LAYERS.Dense(3), name="x"),
        LAYERS.Lambda(lambda x: x, output_shape=(4, 5), name="x"),
    ],
)
def test_a_layer_that_is_not_known_is_named(layer):
    model = model_of(layer, (4, 5))
    report = complexity(model)
    assert report.uncounted == ("x",)
    assert report.parameters == model.count_params()
    assert "NOT COUNTED, as their cost is unknown: x" in str(report)
    assert next(line for line in str(report).splitlines() if line.startswith("x ")).count("?") == 3


def test_an_operation_that_is_not_known_is_named():
    x = keras.Input((4, 5))
    report = complexity(keras.Model(x, keras.ops.einsum("abc,abd->acd", x, x)))
    assert len(report.uncounted) == 1


def test_a_layer_can_be_made_known(monkeypatch):
    class Known(Projection):
        pass

    count_macs.register(Known, lambda layer, inputs, output: in_every_form(inputs[0][1] * 5 * 3))
    report = complexity(model_of(Known(), (4, 5)))
    assert report.macs.literal == 4 * 5 * 3
    assert report.uncounted == ()


# === Errors and output ===


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def test_what_is_no_functional_model():
    x = keras.Input((4,))
    for model in (Subclassed(), keras.Sequential([LAYERS.Dense(3)]), LAYERS.Dense(3), keras.Model(x, Subclassed()(x))):
        with pytest.raises(ValueError, match=r"functional or a built sequential .* Received: "):
            complexity(model)


def test_unknown_sizes():
    model = model_of(LAYERS.Conv2D(4, 3), (None, None, 3), name="image")
    with pytest.raises(ValueError, match=r"known sizes.*Received: .*'image' of shape \(None, None, None, 3\)"):
        complexity(model)


def test_the_table_is_readable():
    report = complexity(sequential([LAYERS.Conv2D(1000, 1, name="conv"), LAYERS.ReLU(name="relu")], (8, 8, 3)))
    first, header, rule, conv, _, total, *_ = str(report).splitlines()
    assert "of one clip" in first
    assert " ".join(header.split()) == "layer class output shape literal training inference trainable not trainable"
    assert conv.split() == ["conv", "Conv2D", "1×8×8×1000", *["192,000"] * 3, "4,000", "0"]
    assert total.split() == ["total", *["192,000"] * 3, "4,000", "0"]
    assert len(header) == len(rule) == len(conv) == len(total)
    assert "relu" not in str(report) and "NOT COUNTED" not in str(report)


def test_csv(tmp_path):
    model = sequential([LAYERS.Conv2D(2, 1, name="conv"), LAYERS.ReLU(name="relu"), Projection(name="own")], (8, 8, 3))
    report = complexity(model)
    with open(report.save_csv(tmp_path / "cost.csv"), newline="", encoding="utf-8") as file:
        rows = {row["layer"]: row for row in csv.DictReader(file)}
    assert {"conv", "relu", "own"} <= set(rows)
    assert rows["conv"]["literal"] == "384" and rows["conv"]["output_shape"] == "1x8x8x2"
    assert rows["relu"]["literal"] == "0" and rows["own"]["literal"] == ""
    assert sum(int(row["trainable"]) for row in rows.values()) == model.count_params()


def test_a_streaming_model_is_counted_whole():
    options = {"alpha": 0.35, "num_segments": 4, "input_size": 32, "stages": (4,)}
    model = keras_action.build_action_net("mobilenet_v2", 5, causal=True, **options)
    report, clip = complexity(keras_action.streaming_model(model)), complexity(model)
    assert report.uncounted == ()
    assert report.trainable == clip.trainable
    assert 0.95 < 4 * report.macs.inference / clip.macs.inference <= 1  # STE's band has zeros in a clip


def test_a_memory_is_three_products_with_the_features_and_three_with_the_state():
    plain, memory = (
        keras_action.build_action_net(
            "mobilenet_v2", 5, num_segments=4, input_size=32, alpha=0.35, stages=(5,), causal=True, **options
        )
        for options in ({}, {"memory": 16})
    )
    more = keras_action.complexity(memory).macs.training - keras_action.complexity(plain).macs.training
    assert more == 4 * (3 * 16 * (1280 + 16) + 16 * 5 - 1280 * 5)
