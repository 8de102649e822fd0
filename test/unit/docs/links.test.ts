import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { documents, root } from "./documents.ts";
import { anchorsOf, linksOf } from "./headings.ts";

const pages = documents();

function broken(page: string, link: string): string[] {
  if (/^(?:https?|mailto):/.test(link)) return [];
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : join(dirname(page), file);
  const content = pages.get(target);
  if (content === undefined && !existsSync(join(root, target))) return [`${page}: ${link} leads nowhere`];
  return anchor === undefined || (content !== undefined && anchorsOf(content).has(anchor))
    ? []
    : [`${page}: ${link} has no such heading`];
}

test("every link and picture of README, docs and runbooks leads to a file and a heading that exist", () => {
  const links = [...pages].flatMap(([page, content]) => linksOf(content).map((link) => ({ page, link })));
  expect(links.length).toBeGreaterThan(500);
  expect(links.flatMap(({ page, link }) => broken(page, link))).toEqual([]);
});

test("a broken link is seen", () => {
  expect(broken("runbooks/BloomCold.md", "NoSuchMode.md")).toHaveLength(1);
  expect(broken("runbooks/BloomCold.md", "../docs/errors.md#no_such_code")).toHaveLength(1);
  expect(broken("README.md", "docs/pictures/none.svg")).toHaveLength(1);
  expect(broken("README.md", "package.json#scripts")).toHaveLength(1);
});

test("every page of docs is reached from its index", () => {
  const index = pages.get("docs/README.md") ?? "";
  const linked = new Set(linksOf(index).map((link) => join("docs", link.split("#", 1)[0] ?? "")));
  const unlisted = [...pages.keys()].filter(
    (page) => page.startsWith("docs/") && page !== "docs/README.md" && !linked.has(page),
  );
  expect(unlisted).toEqual([]);
});
