/* Style and script of the status page, in the page itself: it asks nobody for anything. */
#include "httpd/status_page.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <string.h>

const char mto_status_css[] =
    ":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1d2430;--dim:#5a6577;--line:#dfe3ea;--good:#18794e;"
    "--warn:#9a6200;--bad:#c4302b;--yes:#2f6fd0;--soft:#eef1f5}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1a202a;--ink:#e4e8ee;--dim:#9aa6b8;--line:#2c3543;"
    "--good:#4cc38a;--warn:#e2a336;--bad:#ff7069;--yes:#74a9ff;--soft:#222a36}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,"
    "\"Helvetica Neue\",Arial,sans-serif}\n"
    "header,main,footer{max-width:1180px;margin:0 auto;padding:0 20px}\n"
    "header{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;padding-top:22px}\n"
    "h1{font-size:1.3rem;margin:0}\n"
    "h2{font-size:1.05rem;margin:30px 0 10px}\n"
    "h3{font-size:1rem;margin:0;overflow-wrap:anywhere}\n"
    "p{margin:6px 0}\n"
    ".dim,th,dt{color:var(--dim)}\n"
    "header .live{margin-left:auto}\n"
    "button{font:inherit;font-size:.85rem;color:inherit;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px;padding:2px 10px;cursor:pointer}\n"
    ".tiles{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(160px,45%),1fr));margin:14px 0 "
    "12px}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}\n"
    ".tile b{display:block;font-size:1.7rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}\n"
    ".tile span{color:var(--dim);font-size:.85rem}\n"
    ".stack{display:grid;gap:12px}\n"
    ".two{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));align-items:start}\n"
    ".two+.stack{margin-top:12px}\n"
    ".head{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline}\n"
    ".badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 9px;font-size:.8rem;"
    "font-weight:600;white-space:nowrap}\n"
    ".good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.none{color:var(--dim)}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:8px 16px;margin:10px 0}\n"
    "dl div{min-width:0}\n"
    "dt{font-size:.8rem}\n"
    "dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th{font-weight:500;font-size:.8rem;text-align:left}\n"
    "th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}\n"
    "tr:last-child td{border-bottom:0}\n"
    ".n{text-align:right;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    ".w{width:26%}\n"
    "code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}\n"
    "details{margin-top:6px}\n"
    "summary{cursor:pointer;color:var(--dim)}\n"
    "td details{margin:0}\n"
    "td summary{color:var(--ink)}\n"
    ".note{border-left:3px solid var(--line);padding-left:10px;margin:8px 0}\n"
    ".curve{display:block;width:100%;height:40px;margin-top:8px;overflow:visible}\n"
    ".curve.large{height:90px}\n"
    ".curve path{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}\n"
    ".curve .a{stroke:var(--yes)}.curve .r{stroke:var(--bad)}.curve .f{fill:var(--yes);stroke:none;opacity:.12}\n"
    ".curve line{stroke:var(--line);vector-effect:non-scaling-stroke}\n"
    ".key{font-size:.8rem;color:var(--dim);display:flex;flex-wrap:wrap;gap:2px 14px}\n"
    ".key i{display:inline-block;width:10px;height:3px;border-radius:2px;vertical-align:middle;margin-right:5px}\n"
    ".key .a{background:var(--yes)}.key .r{background:var(--bad)}\n"
    ".bar{display:block;width:100%;height:8px;margin-top:7px;border-radius:4px;background:var(--soft);overflow:hidden}"
    "\n"
    ".bar .yes{fill:var(--yes)}.bar .no{fill:var(--bad)}\n"
    "footer{color:var(--dim);font-size:.85rem;padding-top:22px;padding-bottom:30px}\n"
    "@media(max-width:560px){header,main,footer{padding-left:12px;padding-right:12px}.w{display:none}"
    "th,td{padding-right:8px}}\n";

const char mto_status_script[] =
    "(function(){'use strict';\n"
    "var EVERY=5000,on=true,timer,button=document.getElementById('toggle'),said=document.getElementById('said');\n"
    "function label(){button.textContent=on?'Pause':'Resume'}\n"
    "function take(text){var next=new DOMParser().parseFromString(text,'text/html').getElementById('live'),\n"
    "now=document.getElementById('live');if(!next)throw 0;\n"
    "now.querySelectorAll('details[open]').forEach(function(d){var t=d.id&&next.querySelector('#'+CSS.escape(d.id));\n"
    "if(t)t.open=true});\n"
    "now.replaceWith(document.adoptNode(next));\n"
    "said.textContent='updated '+new Date().toLocaleTimeString();said.className=''}\n"
    "function ask(){if(!on||document.hidden||String(getSelection()))return plan();\n"
    "fetch(location.pathname,{headers:{Accept:'text/html'},cache:'no-store',credentials:'same-origin'})\n"
    ".then(function(a){if(!a.ok)throw 0;return a.text()}).then(take)\n"
    ".catch(function(){said.textContent='the server does not answer';said.className='bad'}).then(plan)}\n"
    "function plan(){clearTimeout(timer);timer=setTimeout(ask,EVERY)}\n"
    "button.addEventListener('click',function(){on=!on;label();if(on)ask()});\n"
    "button.hidden=false;label();plan()})();\n";

/* 'sha256-…' of an inline text, as CSP level 2 has it. */
static const char *hash_of(apr_pool_t *pool, const char *text)
{
    unsigned char hash[32];
    char          encoded[64];

    if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1) {
        return NULL;
    }
    (void)apr_base64_encode_binary(encoded, hash, sizeof hash);
    return apr_pstrcat(pool, "'sha256-", encoded, "'", NULL);
}

const char *mto_status_csp(apr_pool_t *pool)
{
    const char *style = hash_of(pool, mto_status_css), *script = hash_of(pool, mto_status_script);

    return style == NULL || script == NULL
               ? NULL
               : apr_pstrcat(pool, "default-src 'none'; style-src ", style, "; script-src ", script,
                             "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", NULL);
}
