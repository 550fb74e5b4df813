"""Decodes every picture of some folders with Firstlight and with a reference, and compares.

Arguments: the program, a folder to write to, and folders of pictures. Pillow is the reference, and
`djxl` for JPEG XL. Both sides stand upright, are in sRGB with eight bits and straight alpha; where
nothing is seen, colours do not count. Prints a line for each file, its parts apart by tabs: the
format, the name, what came of it, the largest difference and the mean one, and what was said.
"""

import io
import pathlib
import subprocess
import sys

from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

ENDINGS = {
    ".png": "PNG", ".apng": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP",
    ".avif": "AVIF", ".jxl": "JPEG XL", ".gif": "GIF", ".bmp": "BMP", ".ico": "ICO",
    ".tif": "TIFF", ".tiff": "TIFF",
}
program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
SRGB = ImageCms.createProfile("sRGB")
Image.MAX_IMAGE_PIXELS = 100_000_000


def eight_bits(picture):
    """Without more bits than are compared."""
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    return picture


def upright(picture):
    picture = ImageOps.exif_transpose(picture)
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):
        alpha = picture.getchannel("A") if "A" in picture.getbands() else None
        flat = picture.convert(picture.mode.replace("A", "") or "RGB")
        try:
            flat = ImageCms.profileToProfile(flat, io.BytesIO(profile), SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            return picture.convert("RGBA")
        if alpha:
            flat.putalpha(alpha)
        return flat.convert("RGBA")
    return eight_bits(picture).convert("RGBA")


def reference(path):
    if path.suffix == ".jxl":
        out = folder / "reference.png"
        out.unlink(missing_ok=True)
        subprocess.run(["djxl", "--quiet", str(path), str(out)], check=True, capture_output=True)
        path = out
    with Image.open(path) as picture:
        picture.load()
        return upright(picture)


def ours(path):
    out = folder / "ours.png"
    out.unlink(missing_ok=True)
    # Turned, so that nothing is passed on because nothing changes.
    options = "format=png,anim=false,metadata=none,rotate=180"
    arguments = [program, "image", str(path), "-o", str(out), "--options", options]
    ran = subprocess.run(arguments, capture_output=True, timeout=60)
    said = ran.stderr.decode(errors="replace").strip().splitlines()
    said = " ".join(said).replace(str(path), path.name) or f"status {ran.returncode}"
    if ran.returncode != 0 or not out.exists():
        return None, said
    try:
        with Image.open(out) as picture:
            if picture.format != "PNG" or "original" in said:
                return None, said
            picture = eight_bits(picture).convert("RGBA")
            return picture.transpose(Image.Transpose.ROTATE_180), said
    except OSError:
        return None, said


def seen(picture):
    """Over black and over white: what nobody sees is the same in both."""
    return [Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture).convert("RGB")
            for ground in ("black", "white")]


def compare(one, other):
    largest, mean = 0, 0.0
    for left, right in zip(seen(one), seen(other)):
        difference = ImageStat.Stat(ImageChops.difference(left, right))
        largest = max([largest] + [high for _, high in difference.extrema])
        mean = max([mean] + difference.mean)
    return largest, mean


def line(path):
    made, said = ours(path)
    try:
        expected = reference(path)
    except Exception as error:  # Whatever a decoder that others wrote complains of.
        return ("refused by both" if made is None else "read by us alone", 0, 0.0, str(error))
    if made is None:
        return "refused by us alone", 0, 0.0, said
    if made.size != expected.size:
        return "off", 255, 255.0, f"{made.size} instead of {expected.size}"
    largest, mean = compare(made, expected)
    return ("equal" if largest == 0 else "near" if largest <= 3 else "off", largest, mean, "")


paths = [path for root in sys.argv[3:] for path in sorted(pathlib.Path(root).rglob("*"))]
for path in paths:
    kind = ENDINGS.get(path.suffix.lower())
    if kind and path.is_file() and path.stat().st_size > 0:
        outcome, largest, mean, said = line(path)
        said = " ".join(said.split())[:160]
        print(f"{kind}\t{path.name}\t{outcome}\t{largest}\t{mean:.3f}\t{said}", flush=True)
