import { lexer, type Token, type Tokens } from "marked";
import { styled } from "../output.ts";

type Style = Parameters<typeof styled>[0];

/** A part of a line that is never broken. */
interface Word {
  readonly text: string;
  readonly style: Style | undefined;
  /** Whether it follows the word before without a blank. */
  readonly joined: boolean;
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&quot;": '"',
  "&#39;": "'",
};

const decode = (text: string) =>
  text.replace(/&(?:lt|gt|amp|quot|#39);/g, (entity) => entities[entity] ?? entity);

/** Words of a text; where it begins without a blank, its first word is joined to what stands before. */
function splitWords(text: string, style: Style | undefined): Word[] {
  return [...text.matchAll(/(\s*)(\S+)/g)].map(([, blank = "", word = ""], index) => ({
    text: word,
    style,
    joined: index === 0 && blank === "",
  }));
}

function wordsOf(tokens: readonly Token[], style?: Style): Word[] {
  const words: Word[] = [];
  let blankBefore = true;
  for (const token of tokens) {
    const own = wordsOfToken(token, style);
    const [first, ...others] = own;
    if (first !== undefined) words.push({ ...first, joined: first.joined && !blankBefore }, ...others);
    const raw = token.type === "text" || token.type === "escape" ? (token as Tokens.Text).text : "";
    if (raw !== "" || own.length > 0) blankBefore = /\s$/.test(raw);
  }
  return words;
}

function wordsOfToken(token: Token, style: Style | undefined): Word[] {
  switch (token.type) {
    case "strong":
      return wordsOf((token as Tokens.Strong).tokens, "bold");
    case "em":
      return wordsOf((token as Tokens.Em).tokens, style);
    case "link": {
      const { tokens, href } = token as Tokens.Link;
      const text = wordsOf(tokens, style).map((word, index) =>
        index === 0 ? { ...word, joined: true } : word,
      );
      return /^https?:/.test(href) ? [...text, { text: `(${href})`, style: "dim", joined: false }] : text;
    }
    // A command stays on one line, so that it can be copied.
    case "codespan":
      return [{ text: decode((token as Tokens.Codespan).text), style: style ?? "cyan", joined: true }];
    case "br":
      return [];
    case "html":
      return [];
    default:
      return splitWords(decode("text" in token ? String(token.text) : ""), style);
  }
}

/** Puts words on lines of at most `width` columns; a longer word has a line of its own. */
function fill(words: readonly Word[], width: number): string[] {
  // Words that belong together move to the next line together.
  const groups: Word[][] = [];
  for (const word of words) {
    const last = groups.at(-1);
    if (word.joined && last !== undefined) last.push(word);
    else groups.push([word]);
  }
  const lines: { text: string; columns: number }[] = [];
  for (const group of groups) {
    const columns = group.reduce((sum, { text }) => sum + text.length, 0);
    const text = group
      .map((word) => (word.style === undefined ? word.text : styled(word.style, word.text)))
      .join("");
    const last = lines.at(-1);
    if (last !== undefined && last.columns + 1 + columns <= width) {
      last.text += ` ${text}`;
      last.columns += 1 + columns;
    } else lines.push({ text, columns });
  }
  return lines.map(({ text }) => text);
}

const plain = (words: readonly Word[]) =>
  words.map(({ text, joined }, index) => (joined || index === 0 ? text : ` ${text}`)).join("");

function tableLines({ header, rows }: Tokens.Table, width: number): string[] {
  const cells = [header, ...rows].map((row) => row.map(({ tokens }) => wordsOf(tokens)));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => plain(row[column] ?? []).length)));
  if (widths.reduce((sum, each) => sum + each + 2, -2) <= width) {
    return cells.map((row, index) => {
      const line = row.map((cell, column) => plain(cell).padEnd(widths[column] ?? 0)).join("  ");
      return index === 0 ? styled("dim", line.trimEnd()) : line.trimEnd();
    });
  }
  // What does not fit beside each other stands below each other.
  const titles = (cells[0] ?? []).map(plain);
  const indent = Math.max(...titles.map(({ length }) => length)) + 2;
  return cells
    .slice(1)
    .flatMap((row, index) => [
      ...(index === 0 ? [] : [""]),
      ...row.flatMap((cell, column) =>
        fill(cell, width - indent).map((line, at) =>
          at === 0
            ? `${styled("dim", (titles[column] ?? "").padEnd(indent))}${line}`
            : `${" ".repeat(indent)}${line}`,
        ),
      ),
    ]);
}

function listLines({ items, ordered, start, loose }: Tokens.List, width: number): string[] {
  return items.flatMap((item, index) => {
    const marker = ordered ? `${Number(start || 1) + index}. ` : "- ";
    const lines = blockLines(item.tokens, width - marker.length);
    const gap = loose && index > 0 ? [""] : [];
    return [
      ...gap,
      ...lines.map((line, at) => (at === 0 ? marker : line === "" ? "" : " ".repeat(marker.length)) + line),
    ];
  });
}

/** Lines of one block; `undefined` for what is not shown. */
function linesOf(token: Token, width: number): string[] | undefined {
  switch (token.type) {
    case "heading": {
      const { tokens, depth } = token as Tokens.Heading;
      const text = plain(wordsOf(tokens));
      return fill(splitWords(depth === 1 ? text : text.toUpperCase(), "bold"), width);
    }
    case "code": {
      const { text, lang } = token as Tokens.Code;
      const style = lang === "sh" ? "cyan" : "dim";
      return text.split("\n").map((line) => (line === "" ? "" : `    ${styled(style, line)}`));
    }
    case "list":
      return listLines(token as Tokens.List, width);
    case "table":
      return tableLines(token as Tokens.Table, width);
    case "paragraph":
    case "text": {
      const { tokens, text } = token as Tokens.Paragraph;
      return fill(tokens === undefined ? splitWords(decode(text), undefined) : wordsOf(tokens), width);
    }
    default:
      return undefined;
  }
}

function blockLines(tokens: readonly Token[], width: number): string[] {
  const blocks = tokens.map((token) => linesOf(token, width)).filter((lines) => lines !== undefined);
  return blocks.flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

/**
 * Markdown for a terminal: wrapped to `width` columns (code is not, so that it can be copied), headings and strong words
 * bold, what a command prints dim; plain text where stdout is no terminal or NO_COLOR is set.
 */
export function terminalMarkdown(markdown: string, width: number): string[] {
  return blockLines(lexer(markdown), Math.max(width, 20));
}
