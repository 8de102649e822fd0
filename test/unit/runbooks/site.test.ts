import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { DegradationMode } from "../../../catalog/mode.ts";
import { modes } from "../../../catalog/modes.ts";
import { markdownToHtml } from "../../../runbooks/html.ts";
import { renderSite, type SiteFile } from "../../../runbooks/site.ts";

const errorsPage = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const site = (catalog: readonly DegradationMode[], platform?: string) =>
  renderSite(catalog, { platform, thresholds: {}, verified: {}, errorsPage });
const files = site(modes);
const byName = new Map(files.map(({ name, text }) => [name, text]));

const idsOf = (html: string) => new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
const linksOf = (html: string) => [...html.matchAll(/ href="([^"]+)"/g)].map(([, target = ""]) => target);

test("there is an index, a page for each mode, and the errors", () => {
  expect([...byName.keys()]).toEqual(["index.html", ...modes.map(({ id }) => `${id}.html`), "errors.html"]);
});

test.each(files)("every link of $name leads to a page and a heading that exist", ({ name, text }) => {
  for (const link of linksOf(text).filter((target) => !target.startsWith("https://"))) {
    const [page = "", anchor] = link.split("#");
    const target = byName.get(page === "" ? name : page);
    expect(target, link).toBeDefined();
    if (anchor !== undefined) expect(idsOf(target ?? ""), link).toContain(anchor);
  }
});

test.each(files)("$name loads nothing, fits a phone and follows the reader’s light or dark", ({ text }) => {
  expect(text).not.toMatch(/<(?:link|img|iframe|script src|object)\b|@import|url\(/);
  expect(text).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
  expect(text).toContain("prefers-color-scheme: dark");
  expect(text).toContain("default-src 'none'");
  expect(text.match(/<pre>/g)?.length ?? 0).toBe(text.match(/<\/pre>/g)?.length ?? 0);
});

test("what the catalog, the platform or Markdown bring along is text and never markup", () => {
  const evil = `<script>alert("1")</script>`;
  const [first, ...others] = modes;
  if (first === undefined) throw new Error("the catalog is empty");
  const shows = [
    { command: "redisops status", shows: [evil], branches: [{ observed: evil, conclusion: evil }] },
  ];
  const doctored = { ...first, title: evil, userImpact: evil, diagnosis: shows };
  for (const { name, text } of site([doctored, ...others], `x"><b>`)) {
    const withoutOwn = text.replace(/<script>const input[\s\S]*?<\/script>/, "");
    expect(withoutOwn, name).not.toMatch(/<script|<b>/);
  }
  const keep = (target: string) => target;
  expect(markdownToHtml('a <b onclick="x">b</b>\n\n<div>c</div>', keep)).not.toMatch(/<(?:b|div)\b/);
  expect(markdownToHtml("<!-- note -->\n\ntext", keep)).toBe("<p>text</p>\n");
});

test("a link that leads elsewhere on the disk or runs a script is only its text", () => {
  const [first, ...others] = modes;
  if (first === undefined) throw new Error("the catalog is empty");
  // prose() escapes brackets, so that the errors page, which is Markdown as it stands, is the way in.
  const [page] = renderSite([first, ...others], {
    platform: undefined,
    thresholds: {},
    verified: {},
    errorsPage:
      "# E\n\n[a](javascript:alert(1)) [b](../../etc/passwd) [c](BloomCold.md#decide) [d](https://x.example/)",
  }).slice(-1) as [SiteFile];
  expect(linksOf(page.text)).toEqual(["index.html", "BloomCold.html#decide", "https://x.example/"]);
});

test("the index has the words of each mode to search by", () => {
  const index = byName.get("index.html") ?? "";
  const wordsOf = (id: string) =>
    new RegExp(`<li data-words="([^"]*)"><a href="${id}\\.html">`).exec(index)?.[1] ?? "";
  for (const { id } of modes) expect(wordsOf(id), id).toContain(` ${id.toLowerCase()}`);
  for (const word of ["memory_short", "redisops_bloom_canary_absent_ratio", "canary", "duplicates"])
    expect(wordsOf("BloomCold")).toContain(` ${word}`);
  expect(wordsOf("Watchdog")).not.toContain(" memory_short");
});
