import type { Section } from "../../operations/oncall/answer-text.ts";
import { print, styled } from "../output.ts";

/** Columns of a line where stdout is no terminal, and at most elsewhere. */
const lineColumns = 100;
const indent = 2;

/** Words on lines of at most `width` columns; a longer word has a line of its own. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Prints an answer; a command stays on one line, so that it can be copied. */
export function showSections(sections: readonly Section[]): void {
  const columns = Math.min(lineColumns, process.stdout.columns ?? lineColumns);
  sections.forEach(({ heading, lines }, index) => {
    if (index > 0) print();
    for (const line of wrapped(heading, columns)) print(styled("bold", line));
    const labels = Math.max(0, ...lines.map(({ label }) => label.length));
    for (const { label, value, command } of lines) {
      const width = Math.max(20, columns - indent - labels - 2);
      const values = command === true ? [styled("cyan", value)] : wrapped(value, width);
      values.forEach((part, at) => {
        print(`${" ".repeat(indent)}${(at === 0 ? label : "").padEnd(labels)}  ${part}`);
      });
    }
  });
}
