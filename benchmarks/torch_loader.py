"""What `benchmarks.data` compares with: a PyTorch loader that does what the released code of TSM and ACTION-Net does.

Pillow decodes whole frames; a random multi-scale crop is cut and scaled; half of the clips are mirrored; frames are
stacked on the channel axis, brought to 0..1 as float32, and normalised.
"""

import importlib.util
import os

import numpy as np

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SCALES = (1, 0.875, 0.75, 0.66)


def is_there():
    """Whether PyTorch and Pillow are installed."""
    return all(importlib.util.find_spec(name) for name in ("torch", "PIL"))


class FrameFolders:
    """A PyTorch data set of frame folders, without labels.

    Args:
        folders: Paths.
        num_segments: T.
        size: Pixels a side.
    """

    def __init__(self, folders, num_segments, size):
        self.folders, self.num_segments, self.size = folders, num_segments, size
        self.files = [sorted(os.listdir(folder)) for folder in folders]

    def __len__(self):
        return len(self.folders)

    def __getitem__(self, index):
        import torch
        from PIL import Image

        files, rng = self.files[index], np.random.default_rng()
        length = len(files) // self.num_segments
        places = np.arange(self.num_segments) * length + rng.integers(length, size=self.num_segments)
        pictures = [Image.open(os.path.join(self.folders[index], files[place])).convert("RGB") for place in places]
        width, height = pictures[0].size
        side = int(min(width, height) * rng.choice(_SCALES))
        left, top = rng.choice((0, 0.5, 1), 2) * (width - side, height - side)
        box = (left, top, left + side, top + side)
        pictures = [picture.crop(box).resize((self.size, self.size), Image.Resampling.BILINEAR) for picture in pictures]
        if rng.random() < 0.5:
            pictures = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures]
        clip = torch.from_numpy(np.concatenate(pictures, axis=2)).permute(2, 0, 1).contiguous().float().div(255)
        mean, std = (torch.tensor(values * self.num_segments)[:, None, None] for values in (_MEAN, _STD))
        return clip.sub_(mean).div_(std)


def make_loader(folders, num_segments, size, batch_size, workers):
    """Batches without end, from as many processes as `workers`."""
    import torch

    data_set = FrameFolders(folders, num_segments, size)
    sampler = torch.utils.data.RandomSampler(data_set, replacement=True, num_samples=10**6)
    return torch.utils.data.DataLoader(data_set, batch_size, sampler=sampler, num_workers=workers, drop_last=True)
