"""The formulas of the paper and its released code, written out in NumPy, slowly: what the layers are tested against.

`x` is one batch of frames `(B·T, H, W, C)`; weights are in the layouts of the Keras layers. Of three taps over time
the causal forms have the last at frame t, the others at t + 1.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype("float64")))


def unfold(x, t):
    return x.reshape(-1, t, *x.shape[1:])


def shift(x, t, kernel, causal=False):
    """Each channel's own convolution over time with frames outside the clip zero."""
    clips = unfold(x.astype("float64"), t)
    out = np.zeros_like(clips)
    for now in range(t):
        for tap, then in enumerate(range(now - 1 - causal, now + 2 - causal)):
            if 0 <= then < t:
                out[:, now] += clips[:, then] * kernel[tap, 0, :, 0]
    return out.reshape(x.shape)


def spatio_temporal_mask(x, t, kernel, causal=False):
    """STE: mean over C, 3×3×3 convolution, sigmoid."""
    mean = unfold(x.astype("float64").mean(axis=-1), t)
    padded = np.pad(mean, ((0, 0), (1 + causal, 1 - causal), (1, 1), (1, 1)))
    _, _, height, width = mean.shape
    out = np.zeros_like(mean)
    for dt in range(3):
        for dy in range(3):
            for dx in range(3):
                part = padded[:, dt : dt + t, dy : dy + height, dx : dx + width]
                out += kernel[dt, dy, dx, 0, 0] * part
    return sigmoid(out).reshape(*x.shape[:3], 1)


def channel_mask(x, t, squeeze, temporal, expand, causal=False):
    """CE: spatial mean, squeeze, convolution over time, ReLU, expand, sigmoid."""
    squeezed = unfold(x.astype("float64").mean(axis=(1, 2)) @ squeeze, t)
    padded = np.pad(squeezed, ((0, 0), (1 + causal, 1 - causal), (0, 0)))
    out = sum(padded[:, tap : tap + t] @ temporal[tap] for tap in range(3))
    return sigmoid(np.maximum(out, 0) @ expand).reshape(-1, 1, 1, x.shape[-1])


def depthwise_conv(f, kernel):
    """A zero-padded depthwise 3×3 convolution at full size."""
    _, height, width, _ = f.shape
    padded = np.pad(f, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(
        padded[:, dy : dy + height, dx : dx + width] * kernel[dy, dx, :, 0] for dy in range(3) for dx in range(3)
    )


def motion_mask(x, t, squeeze, gamma, beta, mean, variance, spatial, expand, training=False, causal=False):
    """ME: squeeze, batch normalisation, K ∗ F(t + 1) − F(t), zero for the last frame, spatial mean, expand, sigmoid.

    The causal motion is K ∗ F(t) − F(t − 1), zero for the first frame.
    """
    f = x.astype("float64") @ squeeze
    if training:
        mean, variance = f.mean(axis=(0, 1, 2)), f.var(axis=(0, 1, 2))
    f = (f - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    convolved, f = unfold(depthwise_conv(f, spatial), t), unfold(f, t)
    motion = np.zeros_like(f)
    moving = slice(1, None) if causal else slice(None, -1)
    motion[:, moving] = convolved[:, 1:] - f[:, :-1]
    pooled = motion.reshape(-1, *motion.shape[2:]).mean(axis=(1, 2))
    return sigmoid(pooled @ expand).reshape(-1, 1, 1, x.shape[-1])


def action(x, t, weights, paths=("ste", "ce", "me"), training=False, causal=False):
    """The sum of the paths' outputs, each x + x ⊙ mask; `weights` by the paths of the Keras layer's weights."""
    x = shift(x, t, weights["shift/kernel"], causal) if "shift/kernel" in weights else x.astype("float64")
    masks = {
        "ste": lambda: spatio_temporal_mask(x, t, weights["ste/kernel"], causal),
        "ce": lambda: channel_mask(
            x, t, *(weights[f"ce/{name}_kernel"] for name in ("squeeze", "temporal", "expand")), causal
        ),
        "me": lambda: motion_mask(
            x,
            t,
            weights["me/squeeze_kernel"],
            *(weights[f"me/norm/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")),
            weights["me/spatial_kernel"],
            weights["me/expand_kernel"],
            training=training,
            causal=causal,
        ),
    }
    return sum(x + x * masks[path]() for path in paths)
