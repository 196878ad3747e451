"""How pages look: one sheet for all, in every page, allowed there by its digest alone."""

from __future__ import annotations

import base64
import hashlib

SHEET = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c1c1e;--soft:#6e6e73;--line:#e3e3e8;--card:#f5f5f7;
--them:#e9e9eb;--them-fg:#1c1c1e;--me:#0a7cff;--me-fg:#fff;--sms:#2aa84a;--wa:#d7f8ce;
--wa-fg:#10240c;
--link:#0a63d0;--warn:#8a5a00;--chip:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#101012;--fg:#f2f2f4;--soft:#a1a1a8;--line:#2e2e33;
--card:#1b1b1e;--them:#2a2a2e;--them-fg:#f2f2f4;--me:#0a6fe8;--sms:#1f8a3c;--wa:#0f4f42;
--wa-fg:#e6fbf3;
--link:#6db1ff;--warn:#e0b050;--chip:#232327}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.42 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",
Arial,
"Noto Color Emoji",sans-serif;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:2px}
header.top{position:sticky;top:0;z-index:2;background:var(--bg);border-bottom:1px solid var(--line)}
header.top>div,main,footer{max-width:56rem;margin:0 auto;padding:0 1.1rem}
header.top>div{padding-top:.7rem;padding-bottom:.7rem}
header.top h1{font-size:1.12rem;line-height:1.25;margin:0}
header.top p{margin:.15rem 0 0;color:var(--soft);font-size:.85rem}
nav.way{display:flex;gap:1rem;justify-content:space-between;font-size:.88rem;padding:.9rem 0}
nav.way span{color:var(--soft)}
footer{color:var(--soft);font-size:.8rem;padding-top:1.4rem;padding-bottom:2rem}
h2.day{font-size:.78rem;font-weight:600;color:var(--soft);text-align:center;margin:1.7rem 0 .8rem}
.row{display:flex;flex-direction:column;align-items:flex-start;margin:.55rem 0;position:relative}
.row.on{margin-top:.13rem}
.row.mine{align-items:flex-end}
.who{font-size:.75rem;color:var(--soft);margin:.35rem .85rem .12rem}
.b{white-space:pre-wrap}
.b{max-width:min(76%,36rem);padding:.46rem .82rem;border-radius:1.15rem;background:var(--them);
color:var(--them-fg);position:relative}
.mine .b{background:var(--me);color:var(--me-fg)}
.mine .b.sms{background:var(--sms)}
.mine .b.wa{background:var(--wa);color:var(--wa-fg)}
.mine .b:not(.wa) a{color:inherit}
.b+.b,.b+figure,figure+.b,figure+figure{margin-top:.16rem}
.b.big{background:none;font-size:2.7rem;line-height:1.15;padding:.1rem .3rem;color:inherit}
.b.none{background:none;border:1.5px dashed var(--line);color:var(--soft);font-style:italic}
.mine .b.none{background:none;color:var(--soft)}
.b .subject{font-weight:600;display:block}
.b ul.extra{list-style:none;margin:.35rem 0 .1rem;padding:.4rem .6rem;border-radius:.6rem;
background:rgba(128,128,128,.17);font-size:.92rem}
.b ul.extra:first-child{margin-top:.1rem}
.quote{max-width:min(70%,32rem);font-size:.83rem;color:var(--soft);border:1.5px solid var(--line);
border-radius:1rem;padding:.3rem .75rem;margin-bottom:.16rem}
.quote a{color:inherit;text-decoration:none}
.quote b{display:block;font-weight:600}
.marks{display:flex;flex-wrap:wrap;gap:.25rem;margin:.15rem .5rem .1rem;position:relative;
z-index:1}
.marks span{background:var(--chip);border:1px solid var(--line);border-radius:1rem;font-size:.76rem;
padding:.03rem .5rem;color:var(--fg)}
.b+.marks{margin-top:-.42rem}
.small{font-size:.72rem;color:var(--soft);margin:.14rem .85rem 0;max-width:76%}
.mine .small{text-align:right}
.small ul{margin:.1rem 0 .2rem;padding-left:1.1rem;text-align:left}
.event{text-align:center;font-size:.8rem;color:var(--soft);margin:.8rem auto;max-width:40rem}
figure{margin:0;max-width:min(76%,26rem)}
figure img,figure video{display:block;max-width:100%;max-height:26rem;border-radius:1rem;
background:var(--card)}
figure img{height:auto}
figure audio{display:block;width:19rem;max-width:100%}
figure.sticker img{max-height:9rem;background:none;border-radius:0}
figcaption{font-size:.74rem;color:var(--soft);margin:.14rem .3rem 0}
.file{display:inline-flex;flex-direction:column;padding:.6rem .9rem;border:1px solid var(--line);
border-radius:1rem;background:var(--card);font-size:.9rem;max-width:100%}
.file small,.gone small{color:var(--soft);font-size:.76rem}
.gone{display:inline-flex;flex-direction:column;padding:.6rem .9rem;border:1.5px dashed var(--line);
border-radius:1rem;font-size:.9rem;color:var(--soft);max-width:100%}
.gone small{color:var(--warn)}
.removed{opacity:.72}
.tag{display:inline-block;border:1px solid var(--line);border-radius:.4rem;padding:0 .35rem;
font-size:.7rem;color:var(--warn);margin-left:.3rem}
article{border:1px solid var(--line);border-radius:1rem;padding:.95rem 1.1rem;margin:.8rem 0;
background:var(--card)}
article>h3{margin:0;font-size:1.02rem;line-height:1.3}
article>p.at{margin:.1rem 0 .5rem;color:var(--soft);font-size:.82rem}
article figure{max-width:min(100%,26rem);margin:.5rem 0}
.media{display:flex;flex-wrap:wrap;gap:.7rem;align-items:flex-start;margin:.2rem 0}
.media figure{margin:.3rem 0}
dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) 1fr;gap:.2rem 1rem;margin:.35rem 0;
font-size:.9rem}
dt{color:var(--soft)}
dd{margin:0;min-width:0}
dd ul{margin:0;padding-left:1.05rem}
dd dl{margin:0 0 .3rem}
details{font-size:.82rem;color:var(--soft);margin-top:.4rem}
summary{cursor:pointer}
.note{background:var(--bg);border-radius:.7rem;padding:.3rem 1rem;margin:.5rem 0;border:1px solid
var(--line)}
.note h1{font-size:1.35rem}.note h2{font-size:1.15rem}.note h3{font-size:1rem}
.note table{border-collapse:collapse;max-width:100%}
.note td{border:1px solid var(--line);padding:.25rem .55rem;vertical-align:top}
.note pre{white-space:pre-wrap;background:var(--card);border-radius:.5rem;padding:.6rem}
.note ul.checklist{list-style:none;padding-left:.3rem}
.note blockquote{border-left:3px solid var(--line);margin-left:0;padding-left:.9rem}
.note .center{text-align:center}.note .right{text-align:right}.note .justified{text-align:justify}
.hero{padding:2.6rem 0 1rem}
.hero h1{font-size:1.9rem;line-height:1.15;margin:0 0 .4rem}
.hero p{margin:.15rem 0;color:var(--soft)}
section.kind{margin:2.2rem 0}
section.kind>h2{font-size:1.15rem;margin:0 0 .5rem;display:flex;justify-content:space-between;
gap:1rem;
align-items:baseline}
section.kind>h2 small{color:var(--soft);font-weight:400;font-size:.85rem}
ul.threads{list-style:none;margin:0;padding:0;border:1px solid var(--line);border-radius:1rem;
overflow:hidden}
ul.threads>li{border-top:1px solid var(--line);padding:.62rem 1rem;background:var(--card);
display:grid;
grid-template-columns:1fr auto;gap:.05rem 1rem}
ul.threads>li:first-child{border-top:0}
ul.threads a{font-weight:600;text-decoration:none}
ul.threads small{color:var(--soft);font-size:.8rem}
ul.threads li>small:nth-of-type(odd){text-align:right}
ul.threads .pages{grid-column:1/-1;font-size:.8rem}
ul.threads .pages a{font-weight:400;margin-right:.7rem;white-space:nowrap}
@media print{header.top{position:static}body{font-size:11pt}.row,article,figure,h2.day{
break-inside:avoid}
h2.day{break-after:avoid}nav.way{display:none}figure img,figure video{max-height:14cm}
.b,.marks span,article,.file,ul.threads>li{-webkit-print-color-adjust:exact;
print-color-adjust:exact}
a{color:inherit}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()

#: Nothing is fetched but what lies beside the page, and nothing runs. Pages that are opened from a
#: disk are of no origin: ``file:`` is what is beside them there.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src 'self' file:;"
    " media-src 'self' file:; base-uri 'none'; form-action 'none'"
)
