"""Something-Something V2 as ACTION-Net was trained on it. We have not run it: the data set is not free.

    keras-action train --recipe something_something --output runs/something \
        --train something_something:train:DATA --val something_something:validation:DATA --set weights=resnet50.pth
    keras-action train --recipe something_something:reference_code ... --set num_segments=16

The paper's top-1 accuracy with ResNet-50: 62.5 % with 8 frames, 64.0 % with 16.
"""

from . import published


def paper(num_segments=8, backbone="resnet50"):
    """As in the paper, section 4.2: 50 epochs, the learning rate divided by 10 at epochs 30, 40 and 45."""
    return published(num_segments, backbone, epochs=50, decay_epochs=(30, 40, 45))


recipe = paper


def reference_code(num_segments=8, backbone="resnet50"):
    """As `train_sthv2_8f.sh` of the released code does it. Differences from `paper`:

    - The steps 30, 40, 45 are applied after an epoch, so that the rate is lower from the 31st, 41st and 46th on,
      counted from 0.
    - Frames are sampled from segments of whole frames; see `sample_reference_segments`.
    """
    return published(num_segments, backbone, epochs=50, decay_epochs=(31, 41, 46), sampling="reference")
