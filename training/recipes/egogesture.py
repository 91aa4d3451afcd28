"""EgoGesture as ACTION-Net was trained on it. We have not run it: the data set is not free.

    keras-action train --recipe egogesture --output runs/ego \
        --train egogesture:train:DATA --val egogesture:validation:DATA --set weights=resnet50.pth
    keras-action train --recipe egogesture:reference_code ... --set num_segments=16 backbone=mobilenet_v2

The paper's top-1 accuracy with ResNet-50: 94.2 % with 8 frames, 94.4 % with 16.
"""

from . import published


def paper(num_segments=8, backbone="resnet50"):
    """As in the paper, section 4.2: 25 epochs, the learning rate divided by 10 at epochs 5, 10 and 15."""
    return published(num_segments, backbone, epochs=25, decay_epochs=(5, 10, 15))


recipe = paper


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_ego_8f.sh` of the released code does it. Differences from `paper`:

    - 20 epochs. The steps 5, 10, 15 are applied after an epoch, so that the rate is lower from the 6th, 11th and 16th
      on, counted from 0.
    - Frames are scaled to 224 x 224, whatever their aspect ratio, before the corner crops, and in validation.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    - The last two frames of each clip are left out: `read_egogesture(..., drop_last_frames=2)`.
    - It trains on the training and the validation set, and keeps the checkpoint that is best on the test set, which
      makes the result look better than it is. This is not repeated here: give `--val` the validation set.
    """
    return published(
        num_segments, backbone, epochs=20, decay_epochs=(6, 11, 16), crop_to_aspect_ratio=False, sampling="reference"
    )
