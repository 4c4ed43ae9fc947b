"""How the page looks: gradio's theme and our own style sheet, in the colours of `dataset_scripts/pictures/style.py`.

System fonts only: gradio's own themes fetch theirs from Google.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from dataset_scripts.pictures.style import DARK, LIGHT, Style

if TYPE_CHECKING:
    import gradio as gr

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> "gr.themes.Base":
    """Gradio's base theme with our greys, and the blue of the pictures for buttons and links."""
    import gradio as gr

    blue = gr.themes.Color(
        c50="#eaf4fb", c100="#d3e8f6", c200="#a8d2ee", c300="#74b6e2", c400="#3e97d1", c500="#0072b2",
        c600="#00639c", c700="#005283", c800="#00426a", c900="#003250", c950="#00243a",
    )  # fmt: skip
    base = gr.themes.Base(primary_hue=blue, secondary_hue=blue, neutral_hue="slate", font=_FONTS, font_mono=_MONO)
    light_and_dark = {
        "body_background_fill": ("#F6F7F9", DARK.background),
        "body_text_color": (LIGHT.ink, DARK.ink),
        "body_text_color_subdued": ("#595959", DARK.faint),
        "block_background_fill": (LIGHT.panel, DARK.panel),
        "block_label_text_color": ("#3A3A3A", DARK.ink),
        "block_title_text_color": (LIGHT.ink, DARK.ink),
        "input_placeholder_color": ("#666666", DARK.faint),
        "button_primary_background_fill": ("#00639c", "#00639c"),
        "button_primary_background_fill_hover": ("#005283", "#0072b2"),
        "button_primary_text_color": ("#FFFFFF", "#FFFFFF"),
        "link_text_color": ("#00639c", "#74b6e2"),
    }
    colours = {name: light for name, (light, _) in light_and_dark.items()}
    return base.set(**colours, **{f"{name}_dark": dark for name, (_, dark) in light_and_dark.items()})


_VARIABLES = ("panel", "ink", "faint", "grid", "first", "second", "span", "alarm", "usable", "poor")


def _variables(style: Style) -> str:
    return "".join(f"--emert-{name}:{getattr(style, name)};" for name in _VARIABLES)


# Grey text on a grey page needs more contrast than the axes of a report.
STYLE_SHEET = (
    f""":root{{{_variables(replace(LIGHT, faint="#595959"))}}}.dark{{{_variables(DARK)}}}"""
    + """
html{scrollbar-gutter:stable}
footer .divider{display:none!important}
#video:has([aria-label=Clear]) [data-testid=source-select]{display:none}
.gradio-container{width:100%!important;max-width:1440px!important;margin:0 auto!important}
.gradio-container :is(.main,.wrap,.contain,.column,.block){min-width:0!important;max-width:100%}
.gradio-container .row>.column{min-width:min(300px,100%)!important}
#unplayable:has(p:empty){position:absolute}
.block:has(>.html-container>.prose:empty){display:none}
:is(#video,#photo,#gaze) .wrap:has(>.or) .icon-wrap{display:none}
:is(#video,#photo,#gaze) .wrap>.or{display:block;height:0;overflow:hidden}
:is(#photo,#gaze) .wrap:has(>.or){padding-top:1.7rem;line-height:1.3;font-size:.95rem}
#video .video-container>.upload-container{height:calc(100% - 41px)}
#examples{align-items:center;gap:.5rem}
#examples>*{flex:none!important;width:auto!important;white-space:nowrap}
.column:not(:has(#video video)) #unplayable{display:none}
.emert-head h1{font-size:1.7rem;line-height:1.2;margin:0}
.emert-head p{margin:.35rem 0 0;max-width:62rem}
.emert-banner,.emert-warning,.emert-refusal{border:0!important;border-radius:6px;
 box-shadow:inset 6px 0 0 var(--emert-usable),inset 0 0 0 1px var(--emert-usable);
 padding:.6rem .9rem;color:var(--emert-ink);background:var(--emert-panel);margin:.25rem 0 .75rem;overflow-wrap:anywhere}
.emert-refusal{box-shadow:inset 6px 0 0 var(--emert-poor),inset 0 0 0 1px var(--emert-poor)}
.emert-warning ul{margin:.3rem 0 0 1.1rem;list-style:disc}
.emert-answer{color:var(--emert-ink)}
.emert-answer h2{font-size:1.25rem;margin:.8rem 0 .4rem}
.emert-answer h2.emert-verdict{font-size:1.6rem;line-height:1.25;margin:.1rem 0 .3rem;color:var(--emert-ink)}
.emert-answer h3{font-size:.95rem;font-weight:600;margin:0 0 .6rem;color:var(--emert-ink)}
.emert-answer p{margin:.2rem 0 .5rem}
.emert-source,.emert-small{font-size:.82rem;color:var(--emert-faint);overflow-wrap:anywhere}
.emert-cards+.emert-card{margin-top:.9rem}
.emert-cards{columns:2 320px;column-gap:.9rem;margin:.7rem 0 0}
.emert-cards .emert-card{break-inside:avoid}
.emert-card{background:var(--emert-panel);border:1px solid var(--emert-grid);border-radius:10px;padding:.9rem 1rem;
 min-width:0;margin-bottom:.9rem;container-type:inline-size}
.emert-bars,.emert-adds{width:100%;border-collapse:collapse;font-size:.88rem;table-layout:fixed}
.emert-table :is(table,tr,th,td),
.emert-answer :is(.emert-bars,.emert-adds),.emert-answer .emert-bars :is(tr,th,td),.emert-answer .emert-adds :is(tr,
 th,td){border:0!important}
.emert-bars th,.emert-bars td,.emert-adds th,.emert-adds td{padding:.22rem .3rem!important;text-align:left;
 vertical-align:middle;
 color:var(--emert-ink);overflow-wrap:anywhere}
.emert-bars th[scope=row],.emert-bars thead td{width:6.2em;font-weight:500}
.emert-bars thead th{font-weight:600}
.emert-adds caption{text-align:left;font-weight:600;padding:.3rem .3rem .1rem}
.emert-adds th{width:7em;font-weight:500}
.emert-cell{white-space:nowrap}
.emert-bars .emert-cell{display:table-cell}
.emert-track{display:inline-block;position:relative;width:calc(100% - 3.5em);height:.85em;border-radius:3px;
 background:var(--emert-grid);overflow:hidden;vertical-align:middle}
.emert-signed{width:100%}
.emert-signed::after{content:"";position:absolute;left:50%;top:0;bottom:0;width:1px;background:var(--emert-faint)}
.emert-signed .emert-bar{position:absolute;top:0}
.emert-bar{display:block;height:100%;min-width:1px}
.emert-felt{background:var(--emert-first)}
.emert-shown{background:repeating-linear-gradient(135deg,var(--emert-second) 0 4px,
 color-mix(in srgb,var(--emert-second) 62%,var(--emert-panel)) 4px 7px)}
.emert-number{display:inline-block;width:3.4em;text-align:right;font-variant-numeric:tabular-nums}
.emert-key{display:inline-block;width:.8em;height:.8em;margin-right:.4em;vertical-align:-.05em;border-radius:50%}
.emert-key.emert-shown{border-radius:0}
.emert-big{font-size:1.9rem;font-weight:600;line-height:1.1;font-variant-numeric:tabular-nums}
.emert-big small{font-size:1rem;font-weight:400}
.emert-scale{position:relative;height:.5rem;border-radius:4px;background:var(--emert-grid);margin:.5rem .4rem .2rem}
.emert-scale span{position:absolute;top:-.3rem;width:.5rem;height:1.1rem;margin-left:-.25rem;border-radius:3px;
 background:var(--emert-ink)}
.emert-ends{display:flex;justify-content:space-between;font-size:.8rem;color:var(--emert-faint);margin-bottom:.4rem}
.emert-picture{display:block;width:100%;height:auto}
.emert-picture text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif!important}
.emert-plane{max-width:340px;margin:0 auto}
.emert-map{max-width:420px;margin:0 auto}
.emert-picture[class*=-narrow]{display:none}
.emert-crops{display:grid;grid-template-columns:repeat(4,1fr);gap:.4rem;margin-top:.5rem}
.emert-crops figure{margin:0}
.emert-crops img{width:100%;display:block;border-radius:4px;margin:0}
.emert-crops figcaption{font-size:.75rem;color:var(--emert-faint);text-align:center}
.emert-empty{color:var(--emert-faint);padding:2.5rem 1rem;text-align:center;border:1px dashed var(--emert-grid);
 border-radius:10px}
.emert-table{overflow-x:auto;max-width:min(100%,calc(100vw - 3.2rem))}
.emert-table table{border-collapse:collapse;font-size:.85rem;width:100%}
.emert-table tr{box-shadow:0 1px 0 var(--emert-grid)}
.emert-table th,.emert-table td{padding:.3rem .5rem!important;vertical-align:top;text-align:left;
 color:var(--emert-ink)}
.emert-table td.emert-verdict{min-width:15rem}
.emert-problem{max-width:46rem;overflow-wrap:anywhere}
.emert-code{overflow-x:auto;padding:.7rem .9rem;border:1px solid var(--emert-grid);border-radius:6px;
 background:var(--emert-panel);margin:.3rem 0 .7rem;max-width:min(100%,calc(100vw - 3.2rem))}
progress{appearance:none;width:min(16rem,50%);height:.7rem;border:0;border-radius:4px;overflow:hidden;
 vertical-align:middle;margin-right:.5rem;background:var(--emert-grid)}
progress::-webkit-progress-bar{background:var(--emert-grid)}
progress::-webkit-progress-value{background:var(--emert-first)}
progress::-moz-progress-bar{background:var(--emert-first)}
.emert-downloads a{display:inline-block;margin:.5rem .8rem .2rem 0;text-decoration:underline}
.emert-care :is(p,.emert-table),p.emert-care{max-width:min(52rem,100%)}
.dark button[role=tab][aria-selected=true]{color:#74b6e2!important}
:focus-visible{outline:3px solid var(--emert-first)!important;outline-offset:2px}
@media (max-width:900px){.row>.column{flex-basis:100%!important}#examples{order:1}}
@media (max-width:700px){
 .emert-picture[class*=-wide]{display:none}.emert-picture[class*=-narrow]{display:block}
 .emert-card{padding:.7rem .65rem}
 .emert-answer h2.emert-verdict{font-size:1.3rem}.emert-head h1{font-size:1.4rem}
 .emert-answers thead{display:none}
 .emert-answers :is(table,tbody,tr,td){display:block}
 .emert-answers tr{padding:.4rem 0}
 .emert-answers td{padding:.1rem 0!important;overflow-wrap:anywhere}
 .emert-answers td:empty{display:none}
 .emert-answers td.emert-recording{font-weight:600}
 .emert-answers td[data-column]:not(.emert-recording,.emert-verdict)::before{content:attr(data-column) ": ";
  color:var(--emert-faint)}}
"""
)

# Rules by the width of a card, or for elements outside of gradio's page content: gradio drops or narrows such rules of a
# style sheet, so they go into the head.
HEAD_STYLES = """<style>
@media (max-width:450px){.gradio-container .main.app{padding:16px 6px!important}}
@container (max-width:24rem){
 .emert-card :is(.emert-bars,.emert-adds) tr{display:grid;grid-template-columns:1fr 1fr;column-gap:.5rem}
 .emert-card :is(.emert-bars,.emert-adds) th[scope=row]{grid-column:1/-1;width:auto!important;padding-bottom:0!important}
 .emert-card .emert-bars thead td{display:none}
 .emert-card .emert-bars .emert-cell{display:block}}
@container (max-width:13rem){
 .emert-card :is(.emert-bars,.emert-adds) tr{grid-template-columns:1fr}
 .emert-card .emert-bars thead{display:none}
 .emert-card .emert-bars .emert-cell::before{content:attr(data-view);display:block;font-size:.8rem;color:var(--emert-faint)}
 .emert-card .emert-crops{grid-template-columns:repeat(2,1fr)!important}
 .emert-card .emert-ends,.emert-card .emert-ends span{display:block}}
</style>"""
