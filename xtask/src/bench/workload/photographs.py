"""Writes photographs as large as those of the public benchmark, in its formats.

`python photographs.py FOLDER FILE…` writes `FOLDER/0.jpg`, `FOLDER/0.png` and so on.
"""

import sys

from PIL import Image

folder, *paths = sys.argv[1:]
for place, path in enumerate(paths):
    image = Image.open(path).convert("RGB")
    image.thumbnail((2040, 2040), Image.Resampling.LANCZOS)
    image.save(f"{folder}/{place}.jpg", quality=75)
    image.save(f"{folder}/{place}.png")
    image.save(f"{folder}/{place}.webp", quality=75, method=2)
    image.save(f"{folder}/{place}.avif", quality=65, speed=9)
