/** The style of every page of the site: one column that a phone can show, light or dark as the reader’s system is. */
export const style = `:root { color-scheme: light dark; --ink: #1c1e21; --dim: #5c636b; --paper: #ffffff; --code: #f3f4f6; --line: #d7dbe0; --link: #0b5cad; --page: #b42318; --ticket: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #a0a7b0; --paper: #15181c; --code: #21262c; --line: #383f47; --link: #7ab7ff; --page: #ff8a7a; --ticket: #f0c060; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 50rem; padding: 1rem 1rem 4rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid var(--line); } h3 { font-size: 1rem; margin-top: 1.5rem; }
a { color: var(--link); } .anchor { text-decoration: none; color: var(--dim); font-weight: normal; }
code { background: var(--code); padding: 0.1em 0.3em; border-radius: 3px; font: 0.9em ui-monospace, monospace; }
pre { background: var(--code); padding: 0.7rem; border-radius: 4px; overflow-x: auto; overflow-wrap: normal; } pre code { padding: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: normal; }
nav { font-size: 0.9rem; } nav a { margin-right: 0.8rem; display: inline-block; }
input { width: 100%; padding: 0.6rem; font: inherit; color: inherit; background: var(--code); border: 1px solid var(--line); border-radius: 4px; }
ul.modes { list-style: none; padding: 0; } ul.modes li { padding: 0.45rem 0; border-bottom: 1px solid var(--line); }
.severity { font-size: 0.8rem; font-weight: 600; } .page { color: var(--page); } .ticket { color: var(--ticket); } .none, .dim { color: var(--dim); }
[hidden] { display: none; }`;

/**
 * The search of the index: shows the modes that have a word beginning with each of the words typed, and keeps what was
 * typed in the address. Needs no network; without scripts all modes are shown.
 */
export const script = `const input = document.querySelector("input");
const modes = [...document.querySelectorAll("li[data-words]")];
const count = document.querySelector("#count");
const show = () => {
  const words = input.value.toLowerCase().split(/[^a-z0-9_:]+/).filter(Boolean);
  let found = 0;
  for (const mode of modes) {
    const fits = words.every((word) => mode.dataset.words.includes(" " + word));
    mode.hidden = !fits;
    if (fits) found += 1;
  }
  for (const section of document.querySelectorAll("section")) section.hidden = !section.querySelector("li:not([hidden])");
  count.textContent = words.length === 0 ? "" : found === 1 ? "1 mode" : found + " modes";
  history.replaceState(null, "", words.length === 0 ? "#" : "#q=" + encodeURIComponent(input.value));
};
input.hidden = false;
input.addEventListener("input", show);
if (location.hash.startsWith("#q=")) {
  try {
    input.value = decodeURIComponent(location.hash.slice(3));
  } catch {}
  show();
}`;
