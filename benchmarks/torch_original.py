"""What `benchmarks.original` compares with: ACTION-Net in plain PyTorch, each equation of the paper as it is written.

The weights have the names of the official release, so that `keras_action.load_torch_checkpoint` reads the state dict.
"""

import collections

import torch
from torch import nn
from torch.nn import functional

# Blocks of MobileNetV2: expansion, channels, number, stride of the first.
_MOBILENET = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
# Blocks of BNInception: channels of 1×1, 3×3 reduced, 3×3, double 3×3 reduced, double 3×3, projection; 0 for none.
_INCEPTION = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


class Action(nn.Module):
    """The sum of the three excited inputs, `(B·T, C, H, W)`, before a layer `net`.

    As in the reference code a learnable shift precedes the paths, CE has a ReLU and ME a batch normalisation, and ME's
    3×3 convolution is depthwise.
    """

    def __init__(self, channels, num_segments, net=None):
        super().__init__()
        squeezed, self.num_segments = channels // 16, num_segments
        self.net = net or nn.Identity()
        self.action_shift = nn.Conv1d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.action_p1_conv1 = nn.Conv3d(1, 1, 3, padding=1, bias=False)
        self.action_p2_squeeze = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.action_p2_conv1 = nn.Conv1d(squeezed, squeezed, 3, padding=1, bias=False)
        self.action_p2_expand = nn.Conv2d(squeezed, channels, 1, bias=False)
        self.action_p3_squeeze = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.action_p3_bn1 = nn.BatchNorm2d(squeezed)
        self.action_p3_conv1 = nn.Conv2d(squeezed, squeezed, 3, padding=1, groups=squeezed, bias=False)
        self.action_p3_expand = nn.Conv2d(squeezed, channels, 1, bias=False)

    def forward(self, x):
        channels, height, width = x.shape[1:]
        pixels = self._unfold(x).permute(0, 3, 4, 2, 1)  # (B, H, W, C, T)
        shifted = self.action_shift(pixels.reshape(-1, channels, self.num_segments))
        x = shifted.view(pixels.shape).permute(0, 4, 3, 1, 2).reshape(-1, channels, height, width)
        return self.net(self._ste(x) + self._ce(x) + self._me(x))

    def _unfold(self, x):
        return x.view(-1, self.num_segments, *x.shape[1:])

    def _ste(self, x):
        mean = self._unfold(x).transpose(1, 2).mean(1, keepdim=True)  # (B, 1, T, H, W)
        mask = self.action_p1_conv1(mean).transpose(1, 2).reshape(-1, 1, *x.shape[2:]).sigmoid()
        return x + x * mask

    def _ce(self, x):
        squeezed = self.action_p2_squeeze(x.mean((2, 3), keepdim=True))
        temporal = self.action_p2_conv1(self._unfold(squeezed).flatten(2).transpose(1, 2)).relu()  # (B, C / r, T)
        mask = self.action_p2_expand(temporal.transpose(1, 2).reshape(squeezed.shape)).sigmoid()
        return x + x * mask

    def _me(self, x):
        squeezed = self.action_p3_bn1(self.action_p3_squeeze(x))
        convolved = self.action_p3_conv1(squeezed)
        motion = self._unfold(convolved)[:, 1:] - self._unfold(squeezed)[:, :-1]
        motion = functional.pad(motion, (0, 0, 0, 0, 0, 0, 0, 1)).view(squeezed.shape)  # zero for the last frame
        mask = self.action_p3_expand(motion.mean((2, 3), keepdim=True)).sigmoid()
        return x + x * mask


def _convolution(inputs, outputs, size, stride=1, groups=1, activation=nn.ReLU6):
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(outputs), activation()


class _InvertedResidual(nn.Module):
    """A block of MobileNetV2."""

    def __init__(self, inputs, outputs, stride, expansion, num_segments):
        super().__init__()
        width, self.is_residual = expansion * inputs, stride == 1 and inputs == outputs
        layers = [*_convolution(width, width, 3, stride, groups=width), *_convolution(width, outputs, 1)[:2]]
        if expansion > 1:
            layers = [*_convolution(inputs, width, 1), *layers]
            if self.is_residual:
                layers[0] = Action(inputs, num_segments, layers[0])
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.is_residual else self.conv(x)


def _mobilenet_v2(num_segments):
    features, channels = [nn.Sequential(*_convolution(3, 32, 3, 2))], 32
    for expansion, outputs, count, stride in _MOBILENET:
        for i in range(count):
            features.append(_InvertedResidual(channels, outputs, 1 if i else stride, expansion, num_segments))
            channels = outputs
    features.append(nn.Sequential(*_convolution(channels, 1280, 1)))
    return nn.Sequential(collections.OrderedDict(features=nn.Sequential(*features))), 1280


class _Bottleneck(nn.Module):
    """A block of ResNet-50."""

    def __init__(self, inputs, width, stride, num_segments):
        super().__init__()
        self.conv1, self.bn1, self.relu = _convolution(inputs, width, 1, activation=nn.ReLU)
        self.conv1 = Action(inputs, num_segments, self.conv1)
        self.conv2, self.bn2, _ = _convolution(width, width, 3, stride)
        self.conv3, self.bn3, _ = _convolution(width, 4 * width, 1)
        has_shortcut = stride > 1 or inputs != 4 * width
        self.downsample = nn.Sequential(*_convolution(inputs, 4 * width, 1, stride)[:2]) if has_shortcut else None

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def _resnet50(num_segments):
    conv1, bn1, relu = _convolution(3, 64, 7, 2, activation=nn.ReLU)
    layers, channels = dict(conv1=conv1, bn1=bn1, relu=relu, maxpool=nn.MaxPool2d(3, 2, 1)), 64
    for stage, count in enumerate((3, 4, 6, 3)):
        width, blocks = 64 * 2**stage, []
        for i in range(count):
            blocks.append(_Bottleneck(channels, width, 2 if stage and not i else 1, num_segments))
            channels = 4 * width
        layers[f"layer{stage + 1}"] = nn.Sequential(*blocks)
    return nn.Sequential(collections.OrderedDict(layers)), channels


class _BNInception(nn.Module):
    def __init__(self, num_segments):
        super().__init__()
        self._add("conv1_7x7_s2", 3, 64, 7, 2)
        self._add("conv2_3x3_reduce", 64, 64, 1)
        self._add("conv2_3x3", 64, 192, 3)
        channels, before = 192, "2"
        for block, (single, reduced, triple, double_reduced, double, projection) in _INCEPTION.items():
            name, stride = f"inception_{block}", 1 if single else 2
            self.add_module(f"shift_{before}", Action(channels, num_segments))  # the names of the reference code
            if single:
                self._add(f"{name}_1x1", channels, single, 1)
                self._add(f"{name}_pool_proj", channels, projection, 1)
            self._add(f"{name}_3x3_reduce", channels, reduced, 1)
            self._add(f"{name}_3x3", reduced, triple, 3, stride)
            self._add(f"{name}_double_3x3_reduce", channels, double_reduced, 1)
            self._add(f"{name}_double_3x3_1", double_reduced, double, 3)
            self._add(f"{name}_double_3x3_2", double, double, 3, stride)
            channels, before = single + triple + double + (projection or channels), block

    def _add(self, name, inputs, outputs, size, stride=1):
        self.add_module(name, nn.Conv2d(inputs, outputs, size, stride, size // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(outputs))

    def _apply_layers(self, x, *names):
        for name in names:
            x = getattr(self, f"{name}_bn")(getattr(self, name)(x)).relu()
        return x

    def forward(self, x):
        x = functional.max_pool2d(self._apply_layers(x, "conv1_7x7_s2"), 3, 2, ceil_mode=True)
        x = functional.max_pool2d(self._apply_layers(x, "conv2_3x3_reduce", "conv2_3x3"), 3, 2, ceil_mode=True)
        before = "2"
        for block, (single, *_) in _INCEPTION.items():
            x, name = getattr(self, f"shift_{before}")(x), f"inception_{block}"
            branches = [self._apply_layers(x, f"{name}_1x1")] if single else []
            branches.append(self._apply_layers(x, f"{name}_3x3_reduce", f"{name}_3x3"))
            double = (f"{name}_double_3x3_reduce", f"{name}_double_3x3_1", f"{name}_double_3x3_2")
            branches.append(self._apply_layers(x, *double))
            if not single:
                branches.append(functional.max_pool2d(x, 3, 2, ceil_mode=True))
            else:
                pool = functional.max_pool2d if block == "5b" else functional.avg_pool2d
                branches.append(self._apply_layers(pool(x, 3, 1, 1), f"{name}_pool_proj"))
            x, before = torch.cat(branches, 1), block
        return x


BACKBONES = {
    "mobilenet_v2": _mobilenet_v2,
    "resnet50": _resnet50,
    "bn_inception": lambda num_segments: (_BNInception(num_segments), 1024),
}


class ActionNet(nn.Module):
    """ACTION-Net on one of `BACKBONES`: normalised clips `(B, T, 3, H, W)` → logits `(B, classes)`."""

    def __init__(self, backbone, num_classes, num_segments):
        super().__init__()
        self.num_segments = num_segments
        self.base_model, features = BACKBONES[backbone](num_segments)
        self.new_fc = nn.Linear(features, num_classes)

    def forward(self, clips):
        logits = self.new_fc(self.base_model(clips.flatten(0, 1)).mean((2, 3)))
        return logits.view(-1, self.num_segments, logits.shape[-1]).mean(1)


def normalised(clips, backbone):
    """Clips `(B, T, H, W, 3)`, RGB 0..255 → the `(B, T, 3, H, W)` of `ActionNet`, as the loaders of its release do."""
    clips = torch.tensor(clips, dtype=torch.float32)
    if backbone == "bn_inception":
        clips = clips.flip(-1) - torch.tensor((104.0, 117.0, 128.0))
    else:
        clips = (clips / 255 - torch.tensor((0.485, 0.456, 0.406))) / torch.tensor((0.229, 0.224, 0.225))
    return clips.permute(0, 1, 4, 2, 3).contiguous()


@torch.no_grad()
def random_model(backbone, num_classes, num_segments, clips):
    """A model of random weights whose batch normalisations have the statistics of clips, as after training."""
    torch.manual_seed(0)
    model = ActionNet(backbone, num_classes, num_segments)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model(normalised(clips, backbone))
    return model.eval()
