"""Makes pictures with Pillow or libvips as it is told on stdin; see `engines.rs` for a line's words."""

import io
import sys
import time


def by_pillow():
    from PIL import Image

    options = {
        "jpeg": {"progressive": True, "optimize": True},
        "webp": {},
        "avif": {"max_threads": 1},
    }

    def make(source, format, quality, width):
        image = Image.open(io.BytesIO(source))
        size = (width, round(image.height * width / image.width))
        image.draft("RGB", (2 * size[0], 2 * size[1]))
        image = image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        made = io.BytesIO()
        image.save(made, format, quality=quality, **options[format])
        return made.getvalue()

    return make


def by_libvips():
    import pyvips

    pyvips.cache_set_max(0)
    savers = {
        "jpeg": lambda image, quality: image.jpegsave_buffer(Q=quality, interlace=True, keep="none"),
        "webp": lambda image, quality: image.webpsave_buffer(Q=quality, keep="none"),
        "avif": lambda image, quality: image.heifsave_buffer(Q=quality, compression="av1", keep="none"),
    }
    if not pyvips.at_least_libvips(8, 15):
        savers = {
            "jpeg": lambda image, quality: image.jpegsave_buffer(Q=quality, interlace=True, strip=True),
            "webp": lambda image, quality: image.webpsave_buffer(Q=quality, strip=True),
            "avif": lambda image, quality: image.heifsave_buffer(Q=quality, compression="av1", strip=True),
        }

    def make(source, format, quality, width):
        image = pyvips.Image.thumbnail_buffer(source, width, height=10_000_000)
        return savers[format](image, quality)

    return make


def pixels(source, out, width):
    """Writes a picture as PPM; the neutral way to so many pixels across, unless that is 0."""
    from PIL import Image

    image = Image.open(source).convert("RGB")
    if width:
        size = (width, round(image.height * width / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.save(out, "PPM")


def main():
    engine = sys.argv[1]
    make = {"pillow": by_pillow, "libvips": by_libvips, "pixels": lambda: None}[engine]()
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if engine == "pixels":
            pixels(words[0], words[1], int(words[2]))
            print("done", flush=True)
            continue
        times, source, out, format, quality, width = words
        start = time.process_time()
        for _ in range(int(times)):
            with open(source, "rb") as file:
                made = make(file.read(), format, int(quality), int(width))
        spent = time.process_time() - start
        with open(out, "wb") as file:
            file.write(made)
        print(f"{spent * 1000 / int(times)}\t{len(made)}", flush=True)


main()
