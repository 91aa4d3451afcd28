"""Over the registry: each backbone builds, computes, trains, saves and loads; and has its blocks where they are."""

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action
from keras_action.models import BACKBONES, find_blocks
from tests.test_case import numpy

# Backbone → how many blocks it has by stage 1 to 5. One of each family here, the others are slow.
FAMILIES = {
    "bn_inception": (0, 0, 2, 5, 3),
    "convnext_tiny": (0, 3, 3, 9, 3),
    "densenet121": (0, 6, 12, 24, 16),
    "efficientnet_b0": (0, 1, 1, 4, 3),
    "efficientnet_v2_b0": (0, 1, 1, 6, 7),
    "inception_v3": (0, 0, 3, 5, 3),
    "mobilenet_v2": (0, 1, 2, 5, 2),
    "mobilenet_v3_small": (0, 0, 1, 3, 2),
    "nasnet_mobile": (0, 0, 4, 4, 4),
    "resnet50": (0, 3, 4, 6, 3),
    "resnet50_v2": (0, 2, 4, 6, 4),
    "xception": (0, 1, 1, 9, 1),
}
OTHERS = {
    "convnext_base": (0, 3, 3, 27, 3),
    "convnext_large": (0, 3, 3, 27, 3),
    "convnext_small": (0, 3, 3, 27, 3),
    "convnext_xlarge": (0, 3, 3, 27, 3),
    "densenet169": (0, 6, 12, 32, 32),
    "densenet201": (0, 6, 12, 48, 32),
    "efficientnet_b1": (1, 2, 2, 6, 5),
    "efficientnet_b2": (1, 2, 2, 6, 5),
    "efficientnet_b3": (1, 2, 2, 8, 6),
    "efficientnet_b4": (1, 3, 3, 10, 8),
    "efficientnet_b5": (2, 4, 4, 12, 10),
    "efficientnet_b6": (2, 5, 5, 14, 12),
    "efficientnet_b7": (3, 6, 6, 18, 15),
    "efficientnet_v2_b1": (1, 2, 2, 8, 8),
    "efficientnet_v2_b2": (1, 2, 2, 8, 9),
    "efficientnet_v2_b3": (1, 2, 2, 10, 11),
    "efficientnet_v2_l": (4, 6, 6, 27, 30),
    "efficientnet_v2_m": (3, 4, 4, 19, 21),
    "efficientnet_v2_s": (2, 3, 3, 13, 14),
    "inception_resnet_v2": (0, 0, 10, 20, 10),
    "mobilenet_v3_large": (1, 1, 2, 4, 2),
    "nasnet_large": (0, 0, 6, 6, 6),
    "resnet101": (0, 3, 4, 23, 3),
    "resnet152": (0, 3, 8, 36, 3),
    "resnet101_v2": (0, 2, 4, 23, 4),
    "resnet152_v2": (0, 2, 8, 36, 4),
}
SIZES = {"inception_v3": 75, "inception_resnet_v2": 75, "xception": 71}
PAPER = ["mobilenet_v2", "resnet50", "bn_inception"]
# XNNPACK joins no six tensors and has no int8 HARD_SWISH; ConvNeXt's normalisation computes with floats.
SEVERAL_PARTITIONS = ["nasnet_large", "nasnet_mobile"]
NO_INT8 = {
    "convnext_tiny": r"still compute with floats\. Received: NEG",
    "mobilenet_v3_small": r"XNNPACK computes it in \d+ parts, not in 1.*HARD_SWISH",
    "nasnet_mobile": r"XNNPACK computes it in \d+ parts, not in 1",
}
# Computed by default: own normalisation, LayerScale, hard activations, and pre-activation. MobileNetV2 is trained and
# saved too. The slow tests train and save all.
COMPUTED = ["efficientnet_b0", "convnext_tiny", "mobilenet_v3_small", "resnet50_v2"]


def build(name, builder=keras_action.build_action_net, **kwargs):
    if name.startswith("nasnet") and keras.backend.backend() == "torch":
        pytest.skip("Keras has no NASNet on PyTorch")
    size = SIZES.get(name, 32)
    return builder(name, 3, num_segments=2, **{"input_size": size, **kwargs})


def clips(model, batch=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, *model.input_shape[1:])).astype("uint8")


def modules(model):
    return [layer for layer in model.layers if isinstance(layer, Action)]


def test_the_tables_here_hold_the_whole_registry():
    assert set(FAMILIES) | set(OTHERS) == set(BACKBONES)


def run(name, tmp_path, **kwargs):
    """A training step, the forward pass of what came out, and the same from a file."""
    # With the statistics of that step and clipped gradients, or values overflow in the deepest backbones.
    model = build(name, batch_norm_momentum=0.0, **kwargs)
    x = clips(model)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=keras.backend.backend() != "jax",
    )
    before = [numpy(weight) for weight in modules(model)[0].trainable_weights]
    model.train_on_batch(x, np.array([0, 2]))
    after = [numpy(weight) for weight in modules(model)[0].trainable_weights]
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(np.any(old != new) for old, new in zip(before, after, strict=True))

    classifier = model.get_layer("classifier")
    classifier.kernel.assign(np.random.default_rng(0).standard_normal(classifier.kernel.shape))
    expected = numpy(model(x))
    assert expected.shape == (2, 3) and np.isfinite(expected).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for new, old in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(numpy(new), numpy(old), err_msg=old.path)
    np.testing.assert_allclose(numpy(loaded(x)), expected, atol=1e-4 * np.abs(expected).max())


def test_trains_saves_and_loads(tmp_path):
    run("mobilenet_v2", tmp_path, stages=[5])


@pytest.mark.parametrize("name", COMPUTED)
def test_computes(name):
    model = build(name, stages=[5])
    assert len(modules(model)) == FAMILIES[name][4]
    logits = numpy(model(clips(model)))
    assert logits.shape == (2, 3) and np.isfinite(logits).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, *OTHERS])
def test_build_compute_train_save_and_load(name, tmp_path):
    run(name, tmp_path)


@pytest.mark.parametrize("name", [*PAPER, *(pytest.param(n, marks=pytest.mark.slow) for n in [*FAMILIES, *OTHERS])])
def test_blocks_of_each_stage(name):
    frames_model = BACKBONES[name].constructor(input_shape=(75, 75, 3), include_top=False, weights=None)
    stages = [block.stage for block in find_blocks(frames_model)]
    assert tuple(stages.count(stage) for stage in range(1, 6)) == {**FAMILIES, **OTHERS}[name]
    for location in (1, 2) if name == "bn_inception" else (1, 2, 3, 4) if name in PAPER else (1,):
        assert len(keras_action.insertion_points(frames_model, location=location)) == len(stages)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, *OTHERS])
def test_litert_file_computes_what_keras_does(name, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("LiteRT files are made with TensorFlow")
    # Statistics of maps of more than one pixel: else values grow from block to block, and rounding with them.
    model = build(name, batch_norm_momentum=0.0, input_size=96)
    model(clips(model, seed=1), training=True)
    options = {}
    if name in SEVERAL_PARTITIONS:
        with pytest.raises(keras_action.litert.ConversionError, match=r"XNNPACK computes it in \d+ parts, not in 1"):
            keras_action.litert.convert(model, tmp_path / "model.tflite")
        options = {"max_partitions": None}
    keras_action.litert.convert(model, tmp_path / "model.tflite", **options)
    x = clips(model, batch=1)
    logits = keras_action.litert.LiteRTModel(tmp_path / "model.tflite")(x)
    expected = model.predict(x, verbose=0)
    # A deep network of random weights magnifies rounding: by how much, a change in the last digits of the input says.
    rounding = np.abs(model.predict(x * np.float32(1 + 1e-6), verbose=0) - expected).max()
    assert np.abs(logits - expected).max() < 1e-3 * np.abs(expected).max() + rounding


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_xnnpack_computes_the_int8_file_in_one_part(name, tmp_path):
    pytest.importorskip("ai_edge_quantizer", reason="pip install ai-edge-quantizer")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("LiteRT files are made with TensorFlow")
    keras.utils.set_random_seed(0)
    model = build(name, batch_norm_momentum=0.0, input_size=96)
    model(clips(model, seed=1), training=True)
    samples = clips(model, seed=2)
    if name in NO_INT8:
        with pytest.raises(keras_action.litert.ConversionError, match=NO_INT8[name]):
            keras_action.litert.convert(model, tmp_path / "model.tflite", "int8", representative_clips=samples)
        return
    report = keras_action.litert.convert(model, tmp_path / "model.tflite", "int8", representative_clips=samples)
    assert report.summary.partitions.count == 1
    logits = keras_action.litert.LiteRTModel(tmp_path / "model.tflite")(samples)
    assert np.corrcoef(logits.ravel(), model.predict(samples, verbose=0).ravel())[0, 1] > 0.7


# For MobileNetV2 there is such a test in test_builder.py.
@pytest.mark.parametrize("name", [*(pytest.param(n, marks=pytest.mark.slow) for n in PAPER[:2]), "bn_inception"])
def test_baselines_are_the_same_graph_but_for_the_temporal_layers(name):
    action, tsm = (
        build(name, builder, stages=[5]) for builder in (keras_action.build_action_net, keras_action.build_tsm)
    )
    tsn = build(name, keras_action.build_tsn)
    rest = [layer.name for layer in action.layers if not layer.name.endswith("_action")]
    assert [layer.name for layer in tsm.layers if not layer.name.endswith("_shift")] == rest
    assert [layer.name for layer in tsn.layers] == rest
    shifts = [layer.name.replace("_shift", "_action") for layer in tsm.layers if layer.name.endswith("_shift")]
    assert shifts == [layer.name for layer in modules(action)]


@pytest.mark.slow  # test_torch_checkpoint.py counts those of the reference models
@pytest.mark.parametrize(
    ("name", "variant", "classes", "parameters"),
    [
        ("resnet50", "torchvision", 83, 27_895_919),
        ("bn_inception", None, 83, 11_450_819),
        ("mobilenet_v2", "torchvision", 83, 2_355_455),
    ],
)
def test_number_of_parameters_is_the_released_codes(name, variant, classes, parameters):
    model = keras_action.build_action_net(name, classes, input_size=32, variant=variant)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == parameters


@pytest.mark.parametrize("name", ["mobilenet_v2", "bn_inception"])
def test_stages_and_the_last_location(name):
    model = build(name, stages=[3, 5], location=2 if name == "bn_inception" else 4)
    counts = FAMILIES[name]
    assert len(modules(model)) == counts[2] + counts[4]
    assert numpy(model(clips(model))).shape == (2, 3)


def test_location_four_is_the_end_of_the_branch():
    model = build("resnet50", location=4, stages=[2])
    add = model.get_layer("conv2_block1_add")
    assert [x._keras_history.operation.name for x in add.input] == ["conv2_block1_0_bn", "conv2_block1_3_bn_action"]


def test_location_and_padding_before_one_convolution():
    model = build("resnet50", location=2, stages=[3], variant="torchvision")
    pad = model.get_layer("conv3_block1_2_conv_pad")
    assert pad.input is model.get_layer("conv3_block1_2_conv_action").output
    assert model.get_layer("conv3_block1_2_conv").input is pad.output


@pytest.mark.slow
def test_every_second_block_of_a_deep_resnet():
    names = [layer.name for layer in modules(build("resnet101", variant="torchvision"))]
    assert names[:4] == [f"conv{s}_block{b}_1_conv_action" for s, b in ((2, 1), (2, 3), (3, 1), (3, 3))]
    assert len(names) == 2 + 2 + 12 + 2


@pytest.mark.parametrize("name", ["mobilenet_v2", pytest.param("resnet50", marks=pytest.mark.slow), "bn_inception"])
def test_rectangular_and_odd_sizes(name):
    variant = "caffe" if name == "bn_inception" else "torchvision"
    model = build(name, input_size=(33, 47), variant=variant, stages=[4])
    assert model.input_shape == (None, 2, 33, 47, 3)
    assert numpy(model(clips(model))).shape == (2, 3)


def test_torchvisions_resnet():
    model = build("resnet50", keras_action.build_tsn, variant="torchvision")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-5
    assert model.get_layer("conv4_block1_1_conv").strides == (1, 1)
    assert model.get_layer("conv4_block1_2_conv").strides == (2, 2)
    assert model.get_layer("conv4_block1_2_conv_pad").padding == ((1, 1), (1, 1))
    assert model.get_layer("conv1_pad").padding == ((3, 3), (3, 3))


# === Preprocessing ===


@pytest.mark.parametrize(
    ("name", "prepare"),
    [
        ("resnet50", keras.applications.resnet.preprocess_input),
        ("resnet50_v2", keras.applications.resnet_v2.preprocess_input),
        ("densenet121", keras.applications.densenet.preprocess_input),
        ("xception", keras.applications.xception.preprocess_input),
    ],
)
def test_preprocessing_is_what_keras_applications_expects(name, prepare):
    inside = BACKBONES[name].variants["keras"].preprocessing
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype("float32")
    inputs = keras.Input((4, 5, 3))
    actual = keras.Model(inputs, inside.apply(inputs)).predict(x, verbose=0)
    np.testing.assert_allclose(actual, prepare(x.copy()), atol=2e-4)


def test_bn_inception_takes_bgr_less_the_mean():
    model = keras_action.build_tsn("bn_inception", 3, num_segments=1, input_size=32)
    seen = keras.Model(model.input, model.get_layer("preprocessing").output)
    pixel = np.broadcast_to(np.array([10, 20, 30], "uint8"), (1, 1, 32, 32, 3))
    np.testing.assert_allclose(numpy(seen(pixel))[0, 0, 0], [30 - 104, 20 - 117, 10 - 128])


@pytest.mark.parametrize("name", ["mobilenet_v3_small", pytest.param("convnext_tiny", marks=pytest.mark.slow)])
def test_backbones_that_normalise_themselves_can_be_told_not_to(name):
    first = build(name, keras_action.build_tsn)
    second = build(name, keras_action.build_tsn, include_preprocessing=False)
    kinds = (keras.layers.Rescaling, keras.layers.Normalization)
    assert sum(isinstance(layer, kinds) for layer in first.layers) == 1
    assert not any(isinstance(layer, kinds) for layer in second.layers)


def test_weights_of_a_file_come_with_their_normalisation(tmp_path):
    """EfficientNet's mean and variance are weights: they must be copied, and used."""
    source = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    normalization = next(layer for layer in source.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array(1)])
    source.save_weights(tmp_path / "backbone.weights.h5")
    model = build("efficientnet_b0", keras_action.build_tsn, weights=tmp_path / "backbone.weights.h5")
    copy = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    x = np.ones((1, 2, 2, 3), "float32")
    np.testing.assert_allclose(numpy(copy(x))[0, 0, 0], [0, -1 / 5**0.5, -2 / 6**0.5], atol=1e-6)


# === Names ===


def test_names_do_not_depend_on_what_was_built_before():
    names = [[layer.name for layer in build("mobilenet_v3_small", keras_action.build_tsn).layers] for _ in range(2)]
    assert names[0] == names[1]
    assert "re_lu" in names[0] and "re_lu_1" in names[0]


def test_zeroed_branches_need_sums_that_end_in_a_batch_normalisation():
    model = build("efficientnet_b0", keras_action.build_tsn, zero_init_residual=True)
    assert not np.any(numpy(model.get_layer("block2b_project_bn").gamma))
    assert np.any(numpy(model.get_layer("block2b_bn").gamma))
    with pytest.raises(ValueError, match="branches that end in a batch normalisation"):
        build("bn_inception", zero_init_residual=True)
