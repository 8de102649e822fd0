import { Document, isMap, isPair, isScalar, type Scalar } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import { version } from "../../core/version.ts";
import type { Draft, Todo } from "./draft.ts";

/** Columns of a comment. */
const columns = 100;

/** The order of the sections in the file. */
const order = [
  "platform",
  "roles",
  "postgres",
  "kafka",
  "providers",
  "prometheus",
  "alertmanager",
  "grafana",
  "recovery",
];

/** Breaks a sentence into lines; a comment's text begins with the blank after the `#`. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(` ${word}`);
  }
  return lines;
}

/** The node of a path's last name. */
function keyNode(document: Document, path: string): Scalar | undefined {
  const names = path.split(".");
  const parent = names.length === 1 ? document.contents : document.getIn(names.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(
    (item) => isPair(item) && isScalar(item.key) && item.key.value === names.at(-1),
  );
  return pair !== undefined && isScalar(pair.key) ? pair.key : undefined;
}

function todoLines({ path, what, how, lines }: Todo): string[] {
  return [...wrapped(`TODO ${path}: ${what} ${how}`), ...lines.map((line) => `   ${line}`)];
}

/**
 * The draft as redisops.yaml with the reasons as comments. Throws CONFIG_INVALID where it is none that redisops reads,
 * which would be a defect of the drafting.
 */
export function renderDraft({ sections, findings, todos }: Draft): string {
  const known = order.filter((name) => name in sections);
  const document = new Document(Object.fromEntries(known.map((name) => [name, sections[name]])));
  document.commentBefore = [
    ...wrapped(
      `Drafted by redisops init ${version}. Comments say what each guess rests on: read them, then run redisops config check and redisops doctor. docs/configuration.md has every key.`,
    ),
    ...(todos.length > 0
      ? ["", ...wrapped(`${todos.length} things could not be found: look for TODO below.`)]
      : []),
  ].join("\n");
  for (const { path, why } of findings) {
    const node = keyNode(document, path);
    if (node === undefined) continue;
    const lines = wrapped(why).join("\n");
    node.commentBefore = node.commentBefore == null ? lines : `${node.commentBefore}\n${lines}`;
  }
  document.comment = todos.map((todo) => todoLines(todo).join("\n")).join("\n\n") || null;
  const text = document.toString({ lineWidth: 0 });
  parseConfig(text, "the draft");
  return text;
}
