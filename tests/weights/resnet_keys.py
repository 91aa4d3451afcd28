"""The state dict of torchvision's ResNets of bottleneck blocks, by the rule of its names."""


def resnet_shapes(blocks, num_classes):
    """Key → shape.

    Args:
        blocks: The number of blocks of each of the four stages; `(3, 4, 6, 3)` is ResNet-50.
        num_classes: Integer.
    """
    shapes, channels = {"conv1.weight": (64, 3, 7, 7), **_norm("bn1", 64)}, 64
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            kernels = ((width, channels, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1))
            for number, kernel in enumerate(kernels, start=1):
                shapes |= {f"{name}.conv{number}.weight": kernel, **_norm(f"{name}.bn{number}", kernel[0])}
            if block == 0:
                shapes |= {f"{name}.downsample.0.weight": (4 * width, channels, 1, 1)}
                shapes |= _norm(f"{name}.downsample.1", 4 * width)
            channels = 4 * width
    return shapes | {"fc.weight": (num_classes, 2048), "fc.bias": (num_classes,)}


def _norm(name, channels):
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
