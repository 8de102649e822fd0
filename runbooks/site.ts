import { createHash } from "node:crypto";
import type { DegradationMode } from "../catalog/mode.ts";
import { modeRoleTitles } from "../catalog/roles.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { escapeHtml } from "../core/escape-html.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";
import { markdownToHtml } from "./html.ts";
import { anchorOf } from "./markdown.ts";
import { renderRunbook, severityMeaning } from "./render.ts";
import { searchedTexts } from "./search.ts";
import { script, style } from "./site-assets.ts";
import type { VerifiedPages } from "./verified.ts";

/** A file of the site, named relative to its folder. */
export interface SiteFile {
  readonly name: string;
  readonly text: string;
}

/** What the site is made from. */
export interface SiteOptions {
  /** Shown in the title; the platform that the thresholds are of. */
  readonly platform: string | undefined;
  readonly thresholds: ThresholdOverrides;
  readonly verified: VerifiedPages;
  /** docs/errors.md, to which the pages link. */
  readonly errorsPage: string;
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing but the page's own style and script is ever loaded or run. */
const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(script)}; base-uri 'none'; form-action 'none'`;

function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/** Where a link of a Markdown page leads on the site, which has these pages; undefined where it has no such page. */
const siteLink =
  (pages: ReadonlySet<string>) =>
  (target: string): string | undefined => {
    if (/^https?:\/\//.test(target) || target.startsWith("#")) return target;
    const [, page = "", anchor = ""] = /^(?:\.\.\/docs\/)?([A-Za-z]+)\.md(#[\w-]*)?$/.exec(target) ?? [];
    return pages.has(page) ? `${page}.html${anchor}` : undefined;
  };

function sectionLinks(markdown: string): string {
  const titles = [...markdown.replace(/```[\s\S]*?```/g, "").matchAll(/^## (.+)$/gm)].map(
    ([, title = ""]) => title,
  );
  return titles.map((title) => `<a href="#${anchorOf(title)}">${escapeHtml(title)}</a>`).join("\n");
}

function articlePage(title: string, markdown: string, linkOf: ReturnType<typeof siteLink>): string {
  const nav = `<nav><a href="index.html">All runbooks</a>\n${sectionLinks(markdown)}</nav>`;
  return htmlPage(title, `${nav}\n<main>\n${markdownToHtml(markdown, linkOf)}</main>`);
}

/** The words of a mode, each once, as the index searches them: with a blank before each. */
function indexWords(mode: DegradationMode): string {
  const text = searchedTexts(mode)
    .map((each) => each.text)
    .join(" ")
    .toLowerCase();
  const names = text.match(/[a-z0-9_:]+/g) ?? [];
  const parts = names.flatMap((name) => name.split(/[_:]+/));
  return ` ${[...new Set([...names, ...parts])].filter((word) => word.length > 1).join(" ")}`;
}

function indexItem(mode: DegradationMode): string {
  const { id, title, severity, remedy } = mode;
  const command = remedy.kind === "command" ? `<br><code>${escapeHtml(remedy.command)}</code>` : "";
  return `<li data-words="${escapeHtml(indexWords(mode))}"><a href="${id}.html">${escapeHtml(id)}</a> <span class="severity ${severity}">${escapeHtml(severityMeaning(mode))}</span><br>${escapeHtml(title)}${command}</li>`;
}

function indexPage(modes: readonly DegradationMode[], platform: string | undefined): string {
  const roles = [...new Set(modes.map(({ role }) => role))];
  const sections = roles.map((role) => {
    const items = modes.filter((mode) => mode.role === role).map(indexItem);
    return `<section>\n<h2>${escapeHtml(modeRoleTitles[role])}</h2>\n<ul class="modes">\n${items.join("\n")}\n</ul>\n</section>`;
  });
  const title = platform === undefined ? "Runbooks" : `Runbooks of ${platform}`;
  return htmlPage(
    title,
    `<main>
<h1>${escapeHtml(title)}</h1>
<p>One page for each alert; the page’s name is the alert’s name. <a href="errors.html">Errors and exit codes</a></p>
<p><input hidden type="search" aria-label="Search the runbooks" placeholder="Search: an alert, a metric, an error code, a word"> <span id="count" class="dim" role="status"></span></p>
${sections.join("\n")}
</main>
<script>${script}</script>`,
  );
}

/** The runbooks as a folder of HTML files that needs no server and no network: index, a page per mode, and the errors. */
export function renderSite(modes: readonly DegradationMode[], options: SiteOptions): SiteFile[] {
  const linkOf = siteLink(new Set([...modes.map(({ id }) => id), "errors"]));
  const pages = modes.map((mode) => {
    const page = renderRunbook(mode, {
      thresholds: effectiveThresholds(mode, options.thresholds),
      verified: options.verified[mode.id],
    });
    return { name: `${mode.id}.html`, text: articlePage(`${mode.id}: ${mode.title}`, page, linkOf) };
  });
  return [
    { name: "index.html", text: indexPage(modes, options.platform) },
    ...pages,
    { name: "errors.html", text: articlePage("Errors and exit codes", options.errorsPage, linkOf) },
  ];
}
