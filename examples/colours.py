"""A photo in few colours: its pixels are rows of three columns, the centers its palette.

Beside the palettes that Pillow makes: median cut, which is fast, and with its own k-means after that. PSNR tells how
near the result is to the photo, in decibels; 3 more are half the squared error. Writes colours.png.
"""

import numpy as np
from PIL import Image
from shared import options, timed

import fastkmeans
from fastkmeans import plots
from fastkmeans.demo import read_photo


def psnr(photo, other):
    return 10 * np.log10(255**2 / ((photo.astype(float) - other) ** 2).mean())


def main():
    arguments = options(__doc__, colours=16)
    photo, k = read_photo(), arguments.colours
    pixels = photo.reshape(-1, 3)  # uint8, read as they are

    result, seconds = timed(lambda: fastkmeans.fit(pixels, k, random_state=0))
    palette = result.centers.round().astype(np.uint8)
    ours = palette[result.labels].reshape(photo.shape)
    print(f"{len(pixels):,} pixels, {k} colours")
    print(f"fastkmeans                     {1e3 * seconds:7.1f} ms  {psnr(photo, ours):.2f} dB")

    image = Image.fromarray(photo)
    for name, more in (("median cut", {}), ("median cut and k-means", {"kmeans": 100})):
        theirs, seconds = timed(lambda more=more: image.quantize(k, Image.Quantize.MEDIANCUT, dither=0, **more))
        decibels = psnr(photo, np.asarray(theirs.convert("RGB")))
        print(f"{'Pillow ' + name:<30} {1e3 * seconds:7.1f} ms  {decibels:.2f} dB")

    picture = arguments.output / "colours.png"
    plots.quantised_photo(photo, result)[0].figure.savefig(picture)
    print(picture)


if __name__ == "__main__":
    main()
