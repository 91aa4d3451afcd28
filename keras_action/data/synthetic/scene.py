"""The scene of synthetic gestures: background, distractors, camera shake and light."""

import numpy as np

from keras_action.data.synthetic.hand import sample_bilinear, value_noise

_MARGIN = 0.12  # fraction by which the background exceeds the frame on each side, for the shake of the camera


class Wave:
    """Smooth random functions of time, with values of about [-1, 1].

    They are sums of sines, so that a clip played backwards is as likely as the clip itself.

    Args:
        rng: A NumPy generator.
        channels: Number of functions.
        slow: Lowest frequency, in periods per clip.
        fast: Highest frequency, in periods per clip.
    """

    def __init__(self, rng, channels, slow, fast):
        self._frequency = rng.uniform(slow, fast, (3, channels)) * 2 * np.pi
        self._phase = rng.uniform(0, 2 * np.pi, (3, channels))

    def __call__(self, time):
        return np.sin(self._frequency * time + self._phase).mean(0) * 1.4


class Scene:
    """A random scene and the camera that sees it: `paint` draws a frame.

    Args:
        rng: A NumPy generator. It is used by the constructor only.
        size: (height, width) of the frames in pixels.
    """

    def __init__(self, rng, size):
        self.size = size
        height, width = size
        unit = min(size)
        self._pad = int(np.ceil(_MARGIN * unit))
        self._background = _background(rng, (height + 2 * self._pad, width + 2 * self._pad), unit)
        self._distractors = [_Distractor(rng, size) for _ in range(rng.integers(0, 4))]
        self._shake = Wave(rng, 3, 0.5, 3.5)
        self._shake_size = rng.uniform(0.002, 0.022) * unit
        self._tilt_size = rng.uniform(0.0, 0.012)
        self._light = Wave(rng, 3, 0.1, 1.2)
        self._light_level = rng.uniform(0.75, 1.12)
        self._light_size = np.array([rng.uniform(0.02, 0.13), rng.uniform(0, 0.04), rng.uniform(0, 0.04)])
        # One field of sensor noise, shifted at random for each frame: new noise costs more than the hand.
        self._noise = rng.normal(0, rng.uniform(0.5, 2.5), (height + 16, width + 16, 1)).astype(np.float32)
        self._noise_shifts = rng.integers(0, 16, (997, 2))
        self._rows = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
        self._columns = np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2

    def camera(self, time):
        """The motion of the camera: pixels right and down, and its tilt in radians."""
        right, down, tilt = self._shake(time)
        return right * self._shake_size, down * self._shake_size, tilt * self._tilt_size

    def paint(self, time, index, paint_hand):
        """The frame at `time` (in clips) as uint8 (H, W, 3); `paint_hand(image, to_frame)` adds the hand."""
        height, width = self.size
        right, down, tilt = self.camera(time)
        cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))

        def to_frame(x, y):
            x, y = x - (width - 1) / 2 - right, y - (height - 1) / 2 - down
            return cos * x + sin * y + (width - 1) / 2, cos * y - sin * x + (height - 1) / 2

        rows = cos * self._rows + sin * self._columns + np.float32((height - 1) / 2 + self._pad + down)
        columns = cos * self._columns - sin * self._rows + np.float32((width - 1) / 2 + self._pad + right)
        image = sample_bilinear(self._background, rows, columns)
        for distractor in self._distractors:
            distractor.paint(image, time, to_frame)
        paint_hand(image, to_frame, tilt)
        level, red, blue = self._light(time) * self._light_size
        image *= (self._light_level + level) * np.array([1 + red, 1, 1 + blue], np.float32)
        top, left = self._noise_shifts[index % len(self._noise_shifts)]
        image += self._noise[top : top + height, left : left + width]
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)


class _Distractor:
    """A small flat shape of a vivid colour that moves independently of the hand."""

    def __init__(self, rng, size):
        height, width = size
        self._shape = rng.choice(["disc", "square", "triangle", "ring"])
        self._radius = rng.uniform(0.045, 0.085) * min(size)
        hue = rng.uniform(0.28, 0.85)  # green to violet: never skin
        self._color = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1) * 200 + 40
        self._color = self._color.astype(np.float32)
        self._center = rng.uniform(0.1, 0.9, 2) * (width, height)
        self._reach = rng.uniform(0.05, 0.45) * min(size)
        self._path = Wave(rng, 2, 0.2, 1.2)
        self._spin = rng.uniform(-3, 3)

    def paint(self, image, time, to_frame):
        x, y = to_frame(*(self._center + self._path(time) * self._reach))
        radius = self._radius
        top, bottom = max(0, int(y - 1.5 * radius)), min(image.shape[0], int(y + 1.5 * radius) + 2)
        left, right = max(0, int(x - 1.5 * radius)), min(image.shape[1], int(x + 1.5 * radius) + 2)
        if top >= bottom or left >= right:
            return
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - y
        dx = np.arange(left, right, dtype=np.float32)[None, :] - x
        cos, sin = np.cos(self._spin * time), np.sin(self._spin * time)
        dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
        if self._shape == "disc":
            distance = np.hypot(dx, dy) - radius
        elif self._shape == "ring":
            distance = np.abs(np.hypot(dx, dy) - 0.75 * radius) - 0.25 * radius
        elif self._shape == "square":
            distance = np.maximum(np.abs(dx), np.abs(dy)) - 0.85 * radius
        else:
            distance = np.maximum(np.abs(dx) * 0.866 + dy * 0.5, -dy) - 0.55 * radius
        alpha = np.clip(0.5 - distance, 0, 1)[..., None].astype(np.float32)
        region = image[top:bottom, left:right]
        region += alpha * (self._color - region)


def _background(rng, shape, unit):
    """A float32 picture of shape (*shape, 3): a gradient of two colours under one or two textures."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32) / unit
    first, second, third = rng.uniform(30, 225, (3, 3)).astype(np.float32)
    # Walls are greyer than toys: pull the colours towards their mean.
    first, second, third = (c + rng.uniform(0.2, 0.75) * (c.mean() - c) for c in (first, second, third))
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.clip(0.5 + 0.6 * ((x - x.mean()) * np.cos(angle) + (y - y.mean()) * np.sin(angle)), 0, 1)
    image = first + slope[..., None] * (second - first)
    for texture in rng.choice(["noise", "stripes", "blobs", "boxes"], rng.integers(1, 3), replace=False):
        if texture == "noise":
            cell = rng.uniform(0.06, 0.3) * unit
            field = value_noise(rng, shape, cell) + 0.5 * value_noise(rng, shape, cell / 3)
            image = image * (1 + rng.uniform(0.1, 0.3) * field[..., None])
        elif texture == "stripes":
            angle = rng.uniform(0, np.pi)
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(12, 45))
            stripe = np.clip(0.5 + 2.5 * wave, 0, 1)[..., None]
            image = image + rng.uniform(0.15, 0.45) * stripe * (third - image)
        elif texture == "blobs":
            for _ in range(rng.integers(4, 10)):
                cx, cy = rng.uniform(0, x.max()), rng.uniform(0, y.max())
                blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.06, 0.25) ** 2)[..., None]
                image = image + 0.8 * blob * (rng.uniform(20, 235, 3).astype(np.float32) - image)
        else:
            for _ in range(rng.integers(2, 6)):
                cx, cy = rng.uniform(0, x.max()), rng.uniform(0, y.max())
                half = rng.uniform(0.08, 0.35, 2)
                box = (np.abs(x - cx) < half[0]) & (np.abs(y - cy) < half[1])
                color = third * rng.uniform(0.5, 1.4)
                image = np.where(box[..., None], 0.3 * image + 0.7 * color, image)
    return np.clip(image, 0, 255).astype(np.float32)
