import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { generatedFiles } from "../../../scripts/generated-files.ts";
import { anchorsOf, linksOf } from "./headings.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const pages = new Map(
  generatedFiles.filter(({ path }) => path.endsWith(".md")).map((file) => [file.path, file.content()]),
);

function broken(page: string, link: string): string[] {
  if (/^https?:/.test(link)) return [];
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : join(dirname(page), file);
  const content =
    pages.get(target) ??
    (existsSync(join(root, target)) ? readFileSync(join(root, target), "utf8") : undefined);
  if (content === undefined) return [`${page}: ${link} leads nowhere`];
  return anchor === undefined || anchorsOf(content).has(anchor)
    ? []
    : [`${page}: ${link} has no such heading`];
}

test("every link of the generated pages leads to a file and a heading that exist", () => {
  const links = [...pages].flatMap(([page, content]) => linksOf(content).map((link) => ({ page, link })));
  expect(links.length).toBeGreaterThan(50);
  expect(links.flatMap(({ page, link }) => broken(page, link))).toEqual([]);
});

test("a broken link is seen", () => {
  expect(broken("runbooks/BloomCold.md", "NoSuchMode.md")).toHaveLength(1);
  expect(broken("runbooks/BloomCold.md", "../docs/errors.md#no_such_code")).toHaveLength(1);
});
