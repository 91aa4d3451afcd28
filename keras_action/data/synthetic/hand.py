"""The hand of the synthetic gestures: a textured sprite drawn once, then warped into each frame."""

import numpy as np

# Hand coordinates: the palm's centre is (0, 0), fingers point to -y, one unit is about the hand's length.
SPRITE_X = (-0.66, 0.66)
SPRITE_Y = (-0.72, 0.62)
HALF_EXTENT = 0.66  # no part of the hand is farther from the palm's centre than this, along either axis

_SKIN_TONES = np.array(
    [[244, 208, 180], [231, 180, 145], [208, 152, 112], [176, 118, 80], [134, 85, 56], [96, 62, 44]],
    np.float32,
)
SLEEVE_COLORS = np.array(
    [[45, 60, 105], [150, 35, 45], [40, 95, 65], [230, 230, 225], [45, 45, 50], [215, 165, 50], [110, 70, 130]],
    np.float32,
)
# x of the base, length and thickness of index, middle, ring and little finger.
_FINGERS = ((-0.150, 0.34, 0.056), (-0.050, 0.39, 0.058), (0.052, 0.36, 0.055), (0.148, 0.28, 0.048))

POSES = {"open": (), "pointing": (1, 2, 3), "grasping": (0, 1, 2, 3), "pinching": ()}  # and the fingers that are folded
_PINCH = (-0.2, -0.36)  # where the tips of index finger and thumb meet
_THUMBS = {"grasping": (0.0, -0.08), "pinching": _PINCH}  # tips of thumbs that are not spread


def value_noise(rng, shape, cell):
    """Smooth noise in [-1, 1]: a random number every `cell` pixels, interpolated linearly.

    Args:
        rng: A NumPy generator.
        shape: (height, width) in pixels.
        cell: Pixels between two random numbers.

    Returns:
        A float32 array of shape (height, width).
    """
    height, width = shape
    rows, columns = int(np.ceil(height / cell)) + 2, int(np.ceil(width / cell)) + 2
    grid = rng.uniform(-1, 1, (rows, columns, 1)).astype(np.float32)
    y = np.arange(height, dtype=np.float32)[:, None] / cell
    x = np.arange(width, dtype=np.float32)[None, :] / cell
    return sample_bilinear(grid, *np.broadcast_arrays(y, x))[..., 0]


def sample_bilinear(image, y, x):
    """Samples an image bilinearly. Positions outside take the nearest border pixel.

    Args:
        image: A float32 array of shape (H, W, C).
        y: Rows, an array of any shape.
        x: Columns, an array of the same shape.

    Returns:
        A float32 array of shape (*y.shape, C).
    """
    height, width, channels = image.shape
    y = np.clip(y, 0, height - 1)
    x = np.clip(x, 0, width - 1)
    top = np.minimum(y.astype(np.int32), height - 2)
    left = np.minimum(x.astype(np.int32), width - 2)
    down = (y - top).astype(np.float32)[..., None]
    right = (x - left).astype(np.float32)[..., None]
    pixels = image.reshape(-1, channels)
    corner = top * width + left
    upper = pixels.take(corner, 0)
    upper += right * (pixels.take(corner + 1, 0) - upper)
    lower = pixels.take(corner + width, 0)
    lower += right * (pixels.take(corner + width + 1, 0) - lower)
    lower -= upper
    lower *= down
    upper += lower
    return upper


def capsule(x, y, start, end, start_radius, end_radius):
    """Signed distance to a tapered bar, and the position along it: 0 at its start, 1 at its end."""
    direction = np.subtract(end, start)
    along = ((x - start[0]) * direction[0] + (y - start[1]) * direction[1]) / (direction @ direction)
    position = np.clip(along, 0, 1)
    distance = np.hypot(x - start[0] - position * direction[0], y - start[1] - position * direction[1])
    return distance - (start_radius + position * (end_radius - start_radius)), along


def rounded_box(x, y, center, half_size, radius):
    """Signed distance to a box whose corners are arcs."""
    qx = np.abs(x - center[0]) - (half_size[0] - radius)
    qy = np.abs(y - center[1]) - (half_size[1] - radius)
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - radius


def _smooth_union(a, b, width):
    """The union of two shapes by signed distance, its inner corners rounded: the webs between the fingers."""
    blend = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return b + blend * (a - b) - width * blend * (1 - blend)


class Hand:
    """A hand of one person: shape, skin, sleeve and pose drawn from a generator.

    The sprite is stored at several sizes, each half of the one before (mipmaps), so that a small hand has no aliasing.

    Args:
        rng: A NumPy generator.
        pixels_per_unit: Pixels of the largest sprite for one unit of hand coordinates.
        pose: One of `POSES`, or `None` for a random one, mostly open.
        forearm: Whether the hand has a forearm that reaches out of the image. Otherwise it ends in a cuff.

    Attributes:
        skin: The mean colour of its palm, (3,), 0 to 255.
    """

    def __init__(self, rng, pixels_per_unit, pose=None, forearm=False):
        scale = max(24, int(pixels_per_unit))
        x = np.linspace(*SPRITE_X, int((SPRITE_X[1] - SPRITE_X[0]) * scale), dtype=np.float32)
        y = np.linspace(*SPRITE_Y, int((SPRITE_Y[1] - SPRITE_Y[0]) * scale), dtype=np.float32)
        x, y = np.meshgrid(x, y)
        color, distance = _draw(rng, x, y, scale, pose, forearm)
        self.skin = color[(np.abs(x) < 0.1) & (np.abs(y) < 0.1)].mean(0)
        self._arm = _Arm(color, y) if forearm else None
        alpha = np.clip(0.5 - distance * scale, 0, 1)
        # Premultiplied alpha, so that averages of pixels, here and in the warp, are correct.
        sprite = np.concatenate([color * alpha[..., None], alpha[..., None]], -1).astype(np.float32)
        self._levels = [(scale, sprite)]
        while scale > 32:
            scale = scale / 2
            even = sprite[: sprite.shape[0] // 2 * 2, : sprite.shape[1] // 2 * 2]
            sprite = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 4).mean((1, 3))
            self._levels.append((scale, sprite))

    def paint(self, image, x, y, length, angle):
        """Paints the hand over `image` in place.

        Args:
            image: A float32 array of shape (H, W, 3).
            x: Column of the palm's centre in pixels.
            y: Row of the palm's centre in pixels.
            length: Pixels for one unit of hand coordinates.
            angle: Radians, clockwise as seen in the image; 0 has the fingers up.
        """
        height, width, _ = image.shape
        if self._arm is not None:
            self._arm.paint(image, x, y, length, angle)
        reach = 0.98 * length  # the corner of the sprite, at any angle
        top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 2)
        left, right = max(0, int(x - reach)), min(width, int(x + reach) + 2)
        if top >= bottom or left >= right:
            return
        scale, sprite = next((level for level in reversed(self._levels) if level[0] >= length), self._levels[0])
        dy = (np.arange(top, bottom, dtype=np.float32) - y)[:, None] / length
        dx = (np.arange(left, right, dtype=np.float32) - x)[None, :] / length
        cos, sin = np.cos(angle), np.sin(angle)
        row = (cos * dy - sin * dx - SPRITE_Y[0]) * scale - 0.5
        column = (cos * dx + sin * dy - SPRITE_X[0]) * scale - 0.5
        painted = sample_bilinear(sprite, row.astype(np.float32), column.astype(np.float32))
        region = image[top:bottom, left:right]
        region *= 1 - painted[..., 3:]
        region += painted[..., :3]


class _Arm:
    """The forearm of a pointing hand: a tapered bar in the colour of its sleeve or skin."""

    _LENGTH, _RADII = 4.0, (0.15, 0.24)  # in hand coordinates; it ends outside the image

    def __init__(self, color, y):
        rows = (y[:, 0] > 0.42) & (y[:, 0] < 0.5)
        middle = color.shape[1] // 2
        self._color = color[rows, middle - 2 : middle + 3].mean((0, 1))

    def paint(self, image, x, y, length, angle):
        height, width, _ = image.shape
        rows = (np.arange(height, dtype=np.float32) - y)[:, None] / length
        columns = (np.arange(width, dtype=np.float32) - x)[None, :] / length
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        along, across = cos * rows - sin * columns, cos * columns + sin * rows
        distance, _ = capsule(across, along, (0, 0.45), (0, self._LENGTH), *self._RADII)
        alpha = np.clip(0.5 - distance * length, 0, 1)[..., None]
        # Darker towards its sides, as it is round.
        shade = 0.55 + 0.45 * np.sqrt(np.clip(-distance / self._RADII[0], 0, 1))
        image += alpha * (self._color * shade[..., None] - image)


def _draw(rng, x, y, scale, pose, forearm):
    """Colours, (h, w, 3) in 0 … 255, and the signed distance to the outline, (h, w), of a random hand."""
    skin = _SKIN_TONES[rng.integers(len(_SKIN_TONES))] * rng.uniform(0.92, 1.06)
    shows_palm = rng.random() < 0.5
    if shows_palm:
        skin = skin + 0.25 * (np.array([235, 185, 165], np.float32) - skin)
    if rng.random() < 0.5:
        x = -x  # a left hand
    spread = rng.uniform(0.7, 1.35)
    # Most hands are open; some show one or two fingers with the others folded.
    folded = {0: (), 1: (1, 2, 3), 2: (2, 3)}[rng.choice(3, p=[0.7, 0.12, 0.18])]
    folded = POSES[pose] if pose else folded
    sleeved = not forearm or rng.random() < 0.5

    palm = rounded_box(x, y, (0, 0.03), (0.2, 0.22), 0.11)
    outline, inner = palm, palm.copy()
    marks = np.zeros_like(x)
    nails = np.zeros_like(x)
    for number, (base, length, radius) in enumerate(_FINGERS):
        length = length * rng.uniform(0.92, 1.06) * (0.3 if number in folded else 1)
        direction = spread * base * 1.7 + rng.uniform(-0.04, 0.04)
        start = (base, -0.13)
        end = (base + length * np.sin(direction), -0.13 - length * np.cos(direction))
        if pose == "pinching" and number == 0:
            end = _PINCH
        finger, along = capsule(x, y, start, end, radius, radius * 0.84)
        outline = _smooth_union(outline, finger, 0.03)
        inner = np.minimum(inner, finger)
        for joint in (0.36, 0.68):
            crease = np.exp(-(((along - joint) * length / 0.012) ** 2)) * (finger < -0.004)
            marks = np.maximum(marks, crease * (0.3 if shows_palm else 0.22))
        nail = ((along - 0.97) * length / 0.042) ** 2 + (np.minimum(finger + radius, 1) / 0.034) ** 2
        nails = np.maximum(nails, np.clip((1 - nail) * 4, 0, 1) * (number not in folded))
    tip = (-0.2 - 0.2 * np.sin(0.65 * spread + 0.25), 0.06 - 0.25 * np.cos(0.65 * spread + 0.25))
    tip = _THUMBS.get(pose, tip)
    thumb, along = capsule(x, y, (-0.14, 0.14), tip, 0.085, 0.052)
    outline = _smooth_union(outline, thumb, 0.035)
    inner = np.minimum(inner, thumb)
    marks = np.maximum(marks, np.exp(-(((along - 0.68) / 0.045) ** 2)) * (thumb < -0.004) * 0.25)
    wrist = rounded_box(x, y, (0, 0.3), (0.13, 0.2), 0.03)
    outline = _smooth_union(outline, wrist, 0.06)
    inner = np.minimum(inner, wrist)

    if shows_palm:
        for cx, cy, radius in ((0.02, -0.22, 0.2), (0.06, -0.28, 0.33), (-0.22, 0.12, 0.17)):
            line = np.abs(np.hypot(x - cx, y - cy) - radius)
            marks = np.maximum(marks, np.exp(-((line / 0.011) ** 2)) * (palm < -0.03) * 0.3)
        nails[:] = 0
    else:
        for base, _, _ in _FINGERS:
            knuckle = np.hypot((x - base) / 0.04, (y + 0.12) / 0.025)
            marks = np.maximum(marks, np.exp(-((knuckle - 0.8) ** 2) / 0.12) * (y > -0.13) * 0.16)

    depth = np.clip(-inner / 0.075, 0, 1)
    light = rng.uniform(0, 2 * np.pi)
    shade = 0.58 + 0.42 * np.sqrt(depth) + 0.16 * (x * np.cos(light) + y * np.sin(light))
    shade *= 1 + 0.07 * value_noise(rng, x.shape, scale / 9) + 0.05 * value_noise(rng, x.shape, scale / 40)
    color = skin * (shade * (1 - marks))[..., None]
    color += 0.45 * nails[..., None] * (np.array([250, 215, 210], np.float32) * shade[..., None] - color)

    cuff = rounded_box(x, y, (0, 0.47), (0.185, 0.1), 0.03)
    sleeve = SLEEVE_COLORS[rng.integers(len(SLEEVE_COLORS))]
    sleeve = sleeve if sleeved else skin
    ribs = 0.86 + 0.14 * np.sin(x * rng.uniform(60, 110))
    ribs = ribs * (0.72 + 0.28 * np.sqrt(np.clip(-cuff / 0.05, 0, 1)))
    color = np.where((cuff < 0)[..., None], sleeve * ribs[..., None], color)
    return np.clip(color, 0, 255), np.minimum(outline, cuff)
