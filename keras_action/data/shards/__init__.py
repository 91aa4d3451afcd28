"""Shards: JPEG frames in TFRecord files with an index, written once and read at random."""
