import { describe, expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { terminalMarkdown } from "../../../cli/runbook/terminal-markdown.ts";
import { renderRunbook } from "../../../runbooks/render.ts";

const shown = (markdown: string, width = 40) => terminalMarkdown(markdown, width).join("\n");

describe.each([60, 100])("every page in %i columns", (width) => {
  test.each(modes)("$id is wrapped, and nothing of Markdown is left", (mode) => {
    const lines = terminalMarkdown(renderRunbook(mode), width);
    const prose = lines.filter((line) => !line.startsWith("    ") && !/^ {3} {4}/.test(line));
    // What has no blank cannot be broken: a metric with its matchers, a configuration key.
    for (const line of prose)
      if (line.length > width) expect(line.trim(), line).toMatch(/redis-cli|redisops|thresholds\.|ALERTS/);
    expect(prose.join("\n")).not.toMatch(/\*\*|\]\(|^#|```|&lt;|<!--/m);
    expect(prose.join("\n")).not.toContain("\u001b");
  });
});

test.each([
  [
    "words are wrapped",
    "one two three four five six seven eight nine",
    "one two three four five six seven eight\nnine",
  ],
  ["emphasis and links are their text", "**Bold**: see [BloomCold](BloomCold.md).", "Bold: see BloomCold."],
  ["an address stays", "[Docs](https://x.example/)", "Docs (https://x.example/)"],
  [
    "a command stays on one line",
    "Please run this one now: `redisops recover bloom`.",
    "Please run this one now:\nredisops recover bloom.",
  ],
  ["escapes and entities are characters", "a &lt; b, \\*c\\* and \\[d\\]", "a < b, *c* and [d]"],
  [
    "lists hang",
    "- one two three four five six seven eight\n- nine",
    "- one two three four five six seven\n  eight\n- nine",
  ],
  ["code is not wrapped", `\`\`\`sh\n${"x ".repeat(30)}\n\`\`\``, `    ${"x ".repeat(30)}`],
  ["a table has columns", "| A | Bee |\n| - | - |\n| one | 2 |", "A    Bee\none  2"],
  [
    "a table that is too wide is put below each other",
    `| A | Bee |\n| - | - |\n| ${"one ".repeat(8)} | ${"two ".repeat(4)} |`,
    `A    ${"one ".repeat(8).trim()}\nBee  ${"two ".repeat(4).trim()}`,
  ],
])("%s", (_, markdown, expected) => {
  expect(shown(markdown)).toBe(expected);
});
