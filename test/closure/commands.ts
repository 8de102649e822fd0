import type { DegradationMode } from "../../catalog/mode.ts";
import { commandLine } from "../../cli/command-line.ts";
import { messageOf } from "../../core/errors.ts";
import { pageCommands } from "../../runbooks/verified.ts";
import type { AlertRule } from "./committed.ts";

/** A command that a reader is told to run, and where. */
export interface NamedCommand {
  readonly where: string;
  readonly command: string;
}

/** The command was understood; thrown so that it does not run. */
class Understood extends Error {
  override readonly name = "Understood";
}

/** What the real command line has against a command; undefined when it would run. Nothing is run. */
export async function complaint(command: string): Promise<string | undefined> {
  const [program, ...words] = command.trim().split(/\s+/);
  if (program !== "redisops") return `it is no command of redisops`;
  const line = await commandLine(words, () => undefined);
  line.middleware(() => {
    throw new Understood();
  });
  try {
    await line.parseAsync();
    return "it would run nothing";
  } catch (error) {
    return error instanceof Understood ? undefined : messageOf(error);
  }
}

/** The commands in the shell blocks and the code spans of a page. */
export function commandsOnPage(name: string, page: string): NamedCommand[] {
  const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, body = ""]) => body.split("\n"));
  const spans = [...page.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, body = ""]) => body);
  return [...blocks, ...spans]
    .map((line) =>
      line
        .replace(/\s#.*$/, "")
        .replace(/^\s*watch -n \d+ /, "")
        .trim(),
    )
    .filter((line) => /^redisops\s/.test(line))
    .map((command) => ({ where: `runbooks/${name}`, command }));
}

/** The commands that the modes, the alerts and the runbook pages name. */
export function namedCommands(
  modes: readonly DegradationMode[],
  rules: readonly AlertRule[],
  pages: ReadonlyMap<string, string>,
): NamedCommand[] {
  return [
    ...modes.flatMap((mode) =>
      pageCommands(mode).map(({ command }) => ({ where: `catalog/modes/${mode.id}.ts`, command })),
    ),
    ...rules.map(({ alert, annotations }) => ({
      where: `the alert ${alert} (alerts/rules.ts)`,
      command: annotations.command ?? "",
    })),
    ...[...pages].flatMap(([name, page]) => commandsOnPage(name, page)),
  ];
}

/** Named commands that the command line does not understand. */
export async function commandGaps(commands: readonly NamedCommand[]): Promise<string[]> {
  const gaps: string[] = [];
  for (const { where, command } of commands) {
    const found = await complaint(command);
    if (found !== undefined) {
      gaps.push(`${where}: "${command}" does not parse: ${found}; correct it, or add the command to cli/`);
    }
  }
  return gaps;
}

/** Modes without a remedy, remedies that no recovery stands behind, and recoveries that no mode leads to. */
export function remedyGaps(modes: readonly DegradationMode[], recoveries: readonly string[]): string[] {
  const named = modes.flatMap(({ remedy }) =>
    remedy.kind === "command" ? [/^redisops recover (\S+)$/.exec(remedy.command)?.[1] ?? ""] : [],
  );
  return [
    ...modes
      .filter(({ remedy }) => remedy.kind === "none" && remedy.reason.trim() === "")
      .map(
        ({ id }) =>
          `${id}: neither a command nor a reason why there is none; add one to catalog/modes/${id}.ts`,
      ),
    ...named
      .filter((name) => !recoveries.includes(name))
      .map(
        (name) => `a mode's remedy names the recovery "${name}", which recovery/recoveries.ts does not have`,
      ),
    ...recoveries
      .filter((name) => !named.includes(name))
      .map((name) => `recover ${name}: no mode's remedy leads to it; name it in catalog/modes`),
  ];
}
