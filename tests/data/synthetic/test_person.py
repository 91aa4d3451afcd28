import numpy as np

from keras_action.data.synthetic.dataset import _paths
from keras_action.data.synthetic.paths import path_distance
from keras_action.data.synthetic.person import Person

SIZE = (88, 116)
TIMES = np.arange(24) / 24


def painted(person, time):
    """The picture, and where the palm is, which is painted last."""
    image, places = np.zeros((*SIZE, 3), np.float32), []

    def to_frame(x, y):
        places.append((x, y))
        return x, y

    person.paint(image, to_frame, 0.0, time)
    return image, places[-1]


def test_the_hand_follows_the_path():
    paths, nearest = _paths(60)[:60], []
    for number in range(0, 60, 3):
        person = Person(np.random.default_rng(number), paths[number], SIZE)
        palms = [painted(person, time)[1] for time in np.linspace(*person.active, 24)]
        nearest.append(np.argmin([path_distance(palms, path) for path in paths]))
    # Strokes are drawn askew, as of the finger alone.
    assert np.mean(np.equal(nearest, range(0, 60, 3))) >= 0.9


def test_a_person_without_a_path_stays_and_is_seen():
    for seed in range(8):
        person = Person(np.random.default_rng(seed), None, SIZE)
        palms = np.array([painted(person, time)[1] for time in TIMES])
        assert np.ptp(palms, axis=0).max() < 0.6 * SIZE[1]
        image, _ = painted(person, 0.5)
        assert 0.1 < (image.sum(-1) > 0).mean() < 0.95


def test_persons_differ_and_repeat():
    first, again, other = (painted(Person(np.random.default_rng(seed), None, SIZE), 0.5)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
