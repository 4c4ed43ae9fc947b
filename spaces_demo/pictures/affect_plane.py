"""Valence and arousal, felt and shown, as two points and the line between them."""

from dataset_scripts.pictures.style import LIGHT, SMALL_SIZE, TEXT_SIZE, drawing, dress

from .svg import svg_of

_SIDE, _MARGIN = 3.3, 0.42  # inches


def affect_plane(felt: dict[str, float] | None, shown: dict[str, float] | None) -> str | None:
    """`felt`, `shown`: `valence` and `arousal` in -1..1, or None; no picture where both are."""
    points = {"felt": felt, "shown": shown}
    known = {name: (point["valence"], point["arousal"]) for name, point in points.items() if point}
    if not known:
        return None
    with drawing(_SIDE, _SIDE, LIGHT) as figure:
        share = (_SIDE - _MARGIN - 0.1) / _SIDE
        axes = figure.add_axes((_MARGIN / _SIDE, _MARGIN / _SIDE, share, share))
        dress(axes, LIGHT)
        for line in (axes.axhline, axes.axvline):
            line(0, color=LIGHT.faint, linewidth=0.8)
        if len(known) == 2:
            axes.plot(*zip(*known.values(), strict=True), color=LIGHT.ink, linewidth=1.0, linestyle=(0, (4, 2)), zorder=2)
        marks = {"felt": ("o", LIGHT.first), "shown": ("s", LIGHT.second)}
        higher = max(known, key=lambda name: known[name][1])
        for name, (valence, arousal) in known.items():
            mark, colour = marks[name]
            axes.plot(valence, arousal, mark, color=colour, markersize=9, markeredgecolor=LIGHT.background, zorder=3)
            # Away from the other point, and inward where the word would leave the panel.
            above = (name == higher or len(known) == 1) != (abs(arousal) > 0.8 and (arousal > 0) == (name == higher))
            side = "left" if valence < -0.7 else "right" if valence > 0.7 else "center"
            axes.annotate(
                name,
                (valence, arousal),
                xytext=(0, 8 if above else -8),
                textcoords="offset points",
                ha=side,
                va="bottom" if above else "top",
                fontsize=TEXT_SIZE,
                fontweight="bold",
                color=LIGHT.ink,
            )
        axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        axes.set_xlabel("valence: unpleasant to pleasant", fontsize=SMALL_SIZE, labelpad=2)
        axes.set_ylabel("arousal: calm to excited", fontsize=SMALL_SIZE, labelpad=0)
        words = [f"{name}: valence {valence:+.2f}, arousal {arousal:+.2f}" for name, (valence, arousal) in known.items()]
        return svg_of(figure, "plane", f"Valence and arousal, each from -1 to 1. {'; '.join(words)}.")
