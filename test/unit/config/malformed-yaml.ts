import type { Malformed } from "./malformed.ts";

const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
  .concat(
    ["b", "c", "d", "e"].map((name, index) => {
      const before = "abcde"[index];
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`;
    }),
  )
  .join("\n");

/** Text that is not YAML, or more YAML than a configuration needs. */
export const malformedYaml: readonly Malformed[] = [
  ["a quote that never ends", 'platform: "x\nroles: {}\n', "3:1", "not valid YAML here"],
  ["a bracket that never ends", "platform: x\nroles: {registry: [a\n", "3:1", "not indented like the lines"],
  ["a bracket too many", "platform: x\nroles: ]\n", "2:8", "a bracket"],
  ["a tab as indentation", "platform: x\nroles:\n\tregistry: {}\n", "3:1", "a tab cannot indent; use spaces"],
  ["two keys on one line", "platform: x: y\nroles: {}\n", "1:11", "cannot stand inside a value"],
  [
    "a colon in a plain value",
    "platform: x\nroles: {}\nstate_dir: C: d\n",
    "3:12",
    "or put the value in quotes",
  ],
  ["a key indented by chance", "platform: x\n roles: {}\n", "1:11", "cannot stand inside a value"],
  ["a value that begins with @", "platform: @x\nroles: {}\n", "1:11", "put it in quotes"],
  ["a value that begins with `", "platform: `x`\nroles: {}\n", "1:11", "put it in quotes"],
  ["a meaningless backslash", 'platform: "\\q"\nroles: {}\n', "1:12", "a backslash with no meaning"],
  ["a list among keys", "platform: x\n- y\n", "2:1", "give it its own line, indented like its neighbours"],
  ["a second document", "platform: x\nroles: {}\n---\nplatform: y\n", "3:1", "a second document begins here"],
  ["a key twice", "platform: x\nroles: {}\nplatform: y\n", "3:1", "this key is already there, above"],
  [
    "a key twice, quoted once",
    'platform: x\nroles: {}\n"platform": y\n',
    "3:1",
    "this key is already there, above",
  ],
  [
    "an inner key twice",
    "platform: x\nroles: {}\nexporter: {listen: a:1, listen: b:2}\n",
    "3:25",
    "already there",
  ],
  [
    "an alias without its anchor",
    "platform: *x\nroles: {}\n",
    "1:11",
    "a value that begins with * needs quotes",
  ],
  [
    "an alias before its anchor",
    "platform: *x\nstate_dir: &x y\nroles: {}\n",
    "1:11",
    "an alias without its anchor",
  ],
  ["an alias bomb", bomb, "2:8", "aliases of aliases"],
  [
    "hundreds of aliases",
    `a: &a x\nb: [${Array.from({ length: 200 }, () => "*a").join(", ")}]\n`,
    "2:405",
    "more than 100 aliases",
  ],
];
