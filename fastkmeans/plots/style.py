"""What pictures share: figures without pyplot, colours of clusters, and what suits the surface they are drawn on."""

import numpy as np

# Ten colours that people with any kind of colour vision tell apart, in an order made for that: M. A. Petroff,
# "Accessible color sequences for data visualization", arXiv:2107.02270. All of them show on white and on black.
PETROFF = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
GOLDEN_ANGLE = 2 * np.pi * 0.618034
LIGHTNESSES = (0.60, 0.76, 0.50, 0.68)  # between black and white surfaces, and apart without hue
CHROMA = 0.13
MOST_NUMBERED = 30  # clusters; more numbers would hide one another


def new_axes(width=7.0, height=5.0, rows=1, columns=1):
    """The Axes of a new figure of so many inches: one, or an array of rows x columns."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install ".[plots]" in the checkout') from None
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    return figure.subplots() if rows == columns == 1 else figure.subplots(rows, columns, squeeze=False)


def cluster_colours(k):
    """(k, 3) colours in [0, 1]: ten that every kind of colour vision tells apart, then hues a golden ratio apart."""
    first = [[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in PETROFF[:k]]
    others = np.arange(len(PETROFF), max(k, len(PETROFF)))
    lightness = np.take(LIGHTNESSES, others % len(LIGHTNESSES))
    return np.concatenate([np.reshape(first, (-1, 3)), _from_oklch(lightness, CHROMA, others * GOLDEN_ANGLE)])


def _from_oklch(lightness, chroma, hue):
    """sRGB of colours given by their lightness, chroma and hue as eyes see them (B. Ottosson's Oklab, 2020)."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cones = np.stack([
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    ])  # fmt: skip
    to_linear = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    linear = np.clip(to_linear @ cones**3, 0.0, 1.0).T
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def ink_of(ax):
    """The colour of text on the Axes, as its style had it when the Axes were made."""
    from matplotlib.colors import to_rgb

    return to_rgb(ax.title.get_color())


def surface_of(ax):
    """The colour that the Axes are drawn on: their own, the figure's, or, of clear ones, what the ink stands out on."""
    from matplotlib.colors import to_rgba

    for colour in (ax.get_facecolor(), ax.figure.get_facecolor()):
        *rgb, alpha = to_rgba(colour)
        if alpha > 0:
            return tuple(rgb)
    return (1.0,) * 3 if np.mean(ink_of(ax)) < 0.5 else (0.0,) * 3


def mixed(colour, other, share):
    """`share` of a colour in another one."""
    return share * np.asarray(colour) + (1 - share) * np.asarray(other)


def title_of(ax, text):
    """Put a title at the upper left, where reading starts."""
    ax.set_title(text, loc="left", fontweight="bold", fontsize="medium")


def bare(ax, *sides):
    """Take away the frame's lines at these sides: "top" and "right" unless others are named."""
    ax.spines[list(sides or ("top", "right"))].set_visible(False)


def whole_numbers(axis):
    """Let an axis have its ticks at integers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    plain_numbers(axis)


def plain_numbers(axis):
    """Let an axis write its numbers out, with commas between thousands and no factor in a corner."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value):
    """A number as text, with commas between thousands."""
    return f"{value:,.10g}" if value == 0 or 1e-4 <= abs(value) < 1e8 else f"{value:.3g}".replace("e+0", "e")


def counted(count, noun):
    """A number of things, in words: "1 row", "2 rows"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
