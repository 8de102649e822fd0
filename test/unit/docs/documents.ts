import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lexer, type Tokens, walkTokens } from "marked";
import { generatedFiles } from "../../../scripts/generated-files.ts";

/** The checkout's root folder. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Folders of Markdown beside the files at the top. */
const folders = ["docs", "runbooks"];

/** Pages that are read by users and contributors, by their path; of a generated one what is generated now. */
export function documents(): ReadonlyMap<string, string> {
  const generated = new Map(generatedFiles.map((file) => [file.path, file]));
  const paths = [
    ...readdirSync(root).map((name) => name),
    ...folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(folder, name),
      ),
    ),
    ...generated.keys(),
  ].filter((path) => path.endsWith(".md"));
  return new Map(
    [...new Set(paths)]
      .sort()
      .map((path) => [path, generated.get(path)?.content() ?? readFileSync(join(root, path), "utf8")]),
  );
}

/** A fenced block of a page. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, also those in lists. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  void walkTokens(lexer(markdown), (token) => {
    if (token.type !== "code") return;
    const { lang, text } = token as Tokens.Code;
    blocks.push({ language: lang ?? "", text });
  });
  return blocks;
}

/** The code spans of a page that are a command of redisops, as they are written. */
export function commandSpans(markdown: string): string[] {
  const plain = markdown.replace(/```[\s\S]*?```/g, "");
  return [...plain.matchAll(/`(redisops [^`\n]+)`/g)].map(([, text = ""]) => text);
}
