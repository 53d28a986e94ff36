"""Ten kinds of coloured shapes, 32×32 pixels with soft edges: pictures to learn from without a network.

The same seed gives the same bytes on every machine. Two habits make that hold:

- The random numbers come from `RandomState`, whose streams numpy promises to keep as they are (NEP 19);
  `default_rng` may change with a release. They are uniform: normal ones need a logarithm.
- A pixel sees only + − × ÷ √ abs floor min max and comparisons, which every machine rounds alike (IEEE 754).
  Sines and exponentials differ in the last bit from one maths library to the next, sums with their order.
"""

import numpy as np

CLASSES = ("circle", "ring", "square", "frame", "triangle", "cross", "star", "heart", "moon", "arrow")
SIZE = 32  # height and width, pixels
CHUNK = 100  # pictures drawn at once, a multiple of ten; few enough for the processor's cache

# How hard the pictures are: SimpleCNN gets 95 % of them right after five epochs, one linear layer never 30 %.
RADIUS = (8.0, 13.0)  # pixels
SHIFT = 1.75  # the shape's centre lies at most this far from the picture's, in pixels, down and across
TURN = 0.176  # the tangent of half the largest turn: 20 degrees either way
CONTRAST = (76.0, 178.0)  # between shape and background, in each colour channel, of 255
TEXTURE = 55.0  # the background's slopes and stripes, at most, of 255
NOISE = (5.0, 30.0)  # added to each channel of each pixel: uniform, up to this much, of 255


def draw_shapes(count, seed, stream):
    """`count` pictures, uint8 (count, 3, 32, 32), and their labels, int64 (count,).

    Picture i depends on seed, stream and i alone, so asking for more pictures changes none of the first ones.
    Every ten in a row hold each class once. Seed and stream are whole numbers from 0 to 2³² − 1; the pictures
    of two streams are drawn independently (one is for training, one for testing).
    """
    images = np.empty((count, 3, SIZE, SIZE), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, CHUNK):
        some_images, some_labels = _draw_chunk(np.random.RandomState([seed, stream, start]))
        images[start : start + CHUNK] = some_images[: count - start]
        labels[start : start + CHUNK] = some_labels[: count - start]
    return images, labels


def _draw_chunk(random):
    """The next CHUNK pictures of a random stream, in layers: background, two dots, shape, noise."""

    def uniform(low, high, channels=1):
        numbers = random.random_sample((CHUNK, channels, 1, 1)).astype(np.float32)
        return low + (high - low) * numbers  # (CHUNK, channels, 1, 1)

    labels = random.random_sample((CHUNK // 10, 10)).argsort(axis=1, kind="stable").reshape(CHUNK)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)[:, None, None]  # pixel centres, (1, 1, 32, 32) each

    # The shape's colour is the background's, moved on by CONTRAST in each channel, after 255 round to 0
    # again: it always stands out, as often darker as brighter, so one pixel says little about the class.
    background = uniform(0, 255, channels=3)
    colour = background + uniform(*CONTRAST, channels=3)
    colour = np.where(colour > 255, colour - 255, colour)

    # A triangle wave in any direction: a slope if it is longer than the picture, stripes if it is shorter.
    cos, sin = _direction(uniform(-1, 1))
    wave = (x * cos + y * sin) * uniform(0.02, 0.16) + uniform(0, 1)
    wave = np.abs(wave - np.floor(wave) - 0.5)  # (CHUNK, 1, 32, 32), 0 to 0.5
    image = background + uniform(-2 * TEXTURE, 2 * TEXTURE, channels=3) * wave  # (CHUNK, 3, 32, 32)

    for _ in range(2):
        distance = _circle(x - uniform(0, SIZE - 1), y - uniform(0, SIZE - 1), uniform(1, 2.2))
        image += uniform(-127, 127, channels=3) * _cover(distance)

    centre, radius = (SIZE - 1) / 2, uniform(*RADIUS)
    x = (x - uniform(centre - SHIFT, centre + SHIFT)) / radius
    y = (y - uniform(centre - SHIFT, centre + SHIFT)) / radius
    cos, sin = _direction(uniform(-TURN, TURN))
    u, v = x * cos + y * sin, y * cos - x * sin  # pixels as the shape sees them: turned, in radii
    distance = np.empty_like(u)
    for label, name in enumerate(CLASSES):
        distance[labels == label] = _DISTANCE[name](u[labels == label], v[labels == label])
    image += (colour - image) * _cover(distance * radius)

    noise = np.frombuffer(random.bytes(image.size), np.uint8).reshape(image.shape).astype(np.float32)
    image += (noise - 127.5) * (uniform(*NOISE) / 127.5)
    return (np.clip(image, 0, 255) + 0.5).astype(np.uint8), labels


def _direction(t):
    """A point on the unit circle, (cos, sin) of the angle 2·atan(t), without the sine."""
    return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)


def _cover(distance):
    """How much of a pixel lies inside an edge, 0 to 1, from its centre's distance outside it in pixels."""
    return np.clip(0.5 - distance, 0, 1)


# The shapes. Each function takes points, u to the right and v downwards, and gives their distance outside the
# shape's edge, negative inside. The larger of two distances means both shapes at once, the smaller either.


def _circle(u, v, radius=1.0):
    return np.sqrt(u * u + v * v) - radius


def _box(u, v, half_width, half_height):
    return np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)


def _outline(distance, half_width):
    return np.abs(distance) - half_width


def _triangle(u, v):
    sides = 0.866 * np.abs(u) - 0.5 * v
    return np.maximum(v - 0.65, sides - 0.5)


def _cross(u, v):
    return np.minimum(_box(u, v, 0.3, 1.0), _box(u, v, 1.0, 0.3))


def _star(u, v):
    """Five lines; a point of the star is inside at least four, so the second largest distance decides."""
    largest = -v
    second = np.full_like(v, -np.inf)
    for side in (-1, 1):
        for across, down in ((side * 0.951, -0.309), (side * 0.588, 0.809)):
            line = across * u + down * v
            second = np.maximum(second, np.minimum(largest, line))
            largest = np.maximum(largest, line)
    return second - 0.36


def _heart(u, v):
    """A square standing on its corner, and a circle on each of its upper sides."""
    p, q = 0.707 * (v + u) - 0.03, 0.707 * (v - u) - 0.03
    square = _box(p, q, 0.6, 0.6)
    return np.minimum(square, np.minimum(_circle(p + 0.6, q, 0.6), _circle(p, q + 0.6, 0.6)))


def _moon(u, v):
    return np.maximum(_circle(u, v), -_circle(u - 0.5, v, 0.85))


def _arrow(u, v):
    head = np.maximum(0.707 * (np.abs(u) - v) - 0.707, v)
    return np.minimum(head, _box(u, v - 0.4, 0.3, 0.6))


_DISTANCE = {
    "circle": _circle,
    "ring": lambda u, v: _outline(_circle(u, v, 0.75), 0.25),
    "square": lambda u, v: _box(u, v, 0.85, 0.85),
    "frame": lambda u, v: _outline(_box(u, v, 0.65, 0.65), 0.22),
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "heart": _heart,
    "moon": _moon,
    "arrow": _arrow,
}
