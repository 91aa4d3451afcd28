"""First-person gestures of EgoGestAR, MobileNetV2 from ImageNet, at a size for two CPU cores.

    python -m training.train --recipe egogestar --train train.csv --val val.csv --output runs/ego \
        --set weights=mobilenet_v2_imagenet.npz model=action_net

A plain fine-tuning on 186 clips: it overfits. What came out, with the commands, stands in docs/results.md.
"""

from keras_action.recipes import Recipe


def recipe():
    return Recipe(
        input_size=112,
        epochs=24,
        batch_size=16,
        learning_rate=5e-4,
        warmup_epochs=1,
        color_jitter=0.4,
        cache=True,
    )
