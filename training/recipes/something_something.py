"""Something-Something V2 as ACTION-Net was trained on it. Not run by us: there was no GPU, and the data is not free.

    python -m training.train --recipe something_something --output runs/something \
        --train something_something:train:DATA --val something_something:validation:DATA --set weights=resnet50.pth
    python -m training.train --recipe something_something:reference_code ... --set num_segments=16
"""

from training.recipes import published


def recipe(num_segments=8, backbone="resnet50"):
    """`paper`."""
    return paper(num_segments, backbone)


def paper(num_segments=8, backbone="resnet50"):
    """As the paper has it, as far as we know it.

    The text of its section on training could not be read by us: epochs and steps are those of `train_sthv2_8f.sh`.
    """
    return published(num_segments, backbone, epochs=50, decay_epochs=(30, 40, 45))


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_sthv2_8f.sh` of the released code does it. It differs from `paper` in these:

    - Its steps 30, 40, 45 are applied after an epoch is over, and so hold from the 31st, 41st and 46th on, counted
      from 0.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    """
    return published(num_segments, backbone, epochs=50, decay_epochs=(31, 41, 46), sampling="reference")
