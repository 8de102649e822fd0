/** What stands for a value of the reader's in a command, with a value for the check. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/<(?:name|recovery)>/g, "bloom"],
  [/<mode>/g, "BloomCold"],
  [/<seconds>/g, "1"],
  [/<duration>/g, "1m"],
  [/<[^>\s]+>/g, "x"],
];

/** The commands of a shell block, one a line: without prompts, comments, variables before them and what they are run by. */
export function shellCommands(block: string): string[] {
  return block
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => withoutComment(line).split(/\s(?:&&|\|\||[|;&])(?:\s|$)/))
    .map((command) =>
      command
        .trim()
        .replace(/^\$ /, "")
        .replace(/^(?:[A-Z_][A-Z0-9_]*=(?:"[^"]*"|'[^']*'|\S*) )+/, "")
        .replace(/^(?:sudo |npx |exec |time |watch -n \d+ )+/, "")
        .trim(),
    )
    .filter((command) => command !== "");
}

const withoutComment = (line: string) => line.replace(/(^|\s)#.*$/, "");

/** A command with values for its placeholders, without what a shell does with its output; each word without blanks. */
export function concrete(command: string): string {
  const filled = placeholders.reduce((text, [pattern, value]) => text.replace(pattern, value), command);
  return filled
    .replace(/\s+(?:\d?>>?|<)\s*\S+/g, "")
    .replace(/"([^"]*)"|'([^']*)'/g, (_, double: string | undefined, single: string | undefined) =>
      (double ?? single ?? "").replaceAll(/\s/g, "_"),
    )
    .trim();
}
