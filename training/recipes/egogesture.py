"""EgoGesture as ACTION-Net was trained on it. Not run by us: there was no GPU, and the data set is not free.

    python -m training.train --recipe egogesture --output runs/ego \
        --train egogesture:train:DATA --val egogesture:validation:DATA --set weights=resnet50.pth
    python -m training.train --recipe egogesture:reference_code ... --set num_segments=16 backbone=mobilenet_v2

The paper's results on the three data sets stand in its Table 1.
"""

from training.recipes import published


def recipe(num_segments=8, backbone="resnet50"):
    """`paper`."""
    return paper(num_segments, backbone)


def paper(num_segments=8, backbone="resnet50"):
    """As the paper has it, as far as we know it.

    The text of its section on training could not be read by us. The 25 epochs, with a lower rate from the 10th, 15th
    and 20th on, are what others who train ACTION-Net on EgoGesture give.
    """
    return published(num_segments, backbone, epochs=25, decay_epochs=(10, 15, 20))


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_ego_8f.sh` of the released code does it. It differs from `paper` in these:

    - 20 epochs. Its steps 5, 10, 15 are applied after an epoch is over, and so hold from the 6th, 11th and 16th on,
      counted from 0.
    - Frames are scaled to 224 x 224, their proportions lost, before the corner crops, and in validation.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    - The last two frames of each clip are left out: `read_egogesture(..., drop_last_frames=2)`.
    - It trains on training and validation set, and keeps the checkpoint that is best on the test set. That makes the
      result look better than it is, and is not repeated here: give `--val` the validation set.
    """
    return published(
        num_segments, backbone, epochs=20, decay_epochs=(6, 11, 16), crop_to_aspect_ratio=False, sampling="reference"
    )
