"""Endings of the files that people are shown, or that show them."""

from pathlib import PurePath

VIDEO_SUFFIXES = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".gif")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def without_media_ending(name: str) -> str:
    """`rain` of `rain.mp4` or `rain.MP4`; any other name as it is."""
    ending = PurePath(name).suffix
    return name.removesuffix(ending) if ending.lower() in VIDEO_SUFFIXES + PICTURE_SUFFIXES else name
