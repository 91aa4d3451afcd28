"""Jester as ACTION-Net was trained on it. Not run by us: there was no GPU, and the data set is not free.

    python -m training.train --recipe jester --output runs/jester \
        --train jester:train:DATA --val jester:validation:DATA --set weights=resnet50.pth
    python -m training.train --recipe jester:reference_code ... --set num_segments=16 backbone=mobilenet_v2
"""

from training.recipes import published


def recipe(num_segments=8, backbone="resnet50"):
    """`paper`."""
    return paper(num_segments, backbone)


def paper(num_segments=8, backbone="resnet50"):
    """As the paper has it, as far as we know it.

    The text of its section on training could not be read by us: the schedule is that of EgoGesture's `paper`, which is
    a guess.
    """
    return published(num_segments, backbone, epochs=25, decay_epochs=(10, 15, 20))


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_jester_8f.sh` of the released code does it. It differs from `paper` in these:

    - 25 epochs too, but its steps 5, 10, 15 are applied after an epoch is over, and so hold from the 6th, 11th and
      16th on, counted from 0.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    - The short side of frames is scaled to 256 before the crops. Here the crop is taken first, and scaled once.
    """
    return published(num_segments, backbone, epochs=25, decay_epochs=(6, 11, 16), sampling="reference")
