"""Jester as ACTION-Net was trained on it. We have not run it: the data set is not free.

    keras-action train --recipe jester --output runs/jester \
        --train jester:train:DATA --val jester:validation:DATA --set weights=resnet50.pth
    keras-action train --recipe jester:reference_code ... --set num_segments=16 backbone=mobilenet_v2

The paper's top-1 accuracy with ResNet-50: 97.1 % with 8 and with 16 frames.
"""

from . import published


def paper(num_segments=8, backbone="resnet50"):
    """As in the paper, section 4.2: 30 epochs, the learning rate divided by 10 at epochs 10, 20 and 25."""
    return published(num_segments, backbone, epochs=30, decay_epochs=(10, 20, 25))


recipe = paper


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_jester_8f.sh` of the released code does it. Differences from `paper`:

    - 25 epochs, with the steps 5, 10, 15. They are applied after an epoch, so that the rate is lower from the 6th, 11th
      and 16th on, counted from 0.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    - The short side of frames is scaled to 256 before the crops. Here the crop is taken first, and scaled once.
    """
    return published(num_segments, backbone, epochs=25, decay_epochs=(6, 11, 16), sampling="reference")
