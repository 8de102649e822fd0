import { anchorOf } from "../../../runbooks/markdown.ts";

/** The headings of a Markdown page with what stands below each, up to the next heading of any level. */
export function sectionsOf(markdown: string): { title: string; level: number; body: string }[] {
  const sections: { title: string; level: number; body: string }[] = [];
  let fenced = false;
  for (const line of markdown.split("\n")) {
    if (line.trimStart().startsWith("```")) fenced = !fenced;
    const heading = fenced ? null : /^(#+) (.+)$/.exec(line);
    const current = sections.at(-1);
    if (heading) sections.push({ title: heading[2] ?? "", level: heading[1]?.length ?? 0, body: "" });
    else if (current !== undefined) current.body += `${line}\n`;
  }
  return sections.map((section) => ({ ...section, body: section.body.trim() }));
}

/** The anchors that a Markdown page offers. */
export function anchorsOf(markdown: string): Set<string> {
  return new Set(sectionsOf(markdown).map(({ title }) => anchorOf(title)));
}

/** The targets of all links, without those in code. */
export function linksOf(markdown: string): string[] {
  const plain = markdown.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");
  return [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
}
