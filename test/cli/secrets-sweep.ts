import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { descendants } from "../../lab/process-tree.ts";
import { waitUntil } from "../../lab/wait.ts";
import { patience } from "../fixtures/processes.ts";
import type { Outcome, RedisopsChild } from "../fixtures/redisops-child.ts";

/** The arguments of every process below this one, as any user of the machine sees them. */
function visibleArguments(): string {
  const pids = descendants(process.pid);
  if (process.platform !== "linux")
    return spawnSync("ps", ["-ww", "-o", "args=", "-p", pids.join(",")], { encoding: "utf8" }).stdout;
  return pids
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // it ended meanwhile
      }
    })
    .join("\n");
}

/** Collects what an outsider could see, and finds secrets in it. */
export class SecretsSweep {
  /** What was looked through, by a name. */
  readonly seen = new Map<string, string>();
  readonly #secrets: ReadonlyMap<string, string>;

  /** `secrets` by name; each is looked for as it is, in base64 and percent-encoded. */
  constructor(secrets: Readonly<Record<string, string>>) {
    this.#secrets = new Map(
      Object.entries(secrets).flatMap(([name, secret]) => [
        [name, secret],
        [`${name} in base64`, Buffer.from(secret).toString("base64").replace(/=+$/, "")],
        [`${name} percent-encoded`, encodeURIComponent(secret)],
      ]),
    );
  }

  /** Adds a text to what is looked through. */
  see(where: string, text: string): void {
    this.seen.set(where, `${this.seen.get(where) ?? ""}${text}\n`);
  }

  /** Waits for a run of the CLI to end; looks at the arguments of all processes meanwhile and at its output then. */
  async follow(name: string, child: RedisopsChild): Promise<Outcome> {
    await waitUntil(
      () => {
        this.see(`the arguments during ${name}`, visibleArguments());
        return !child.running;
      },
      { what: `${name} to end`, deadlineMs: patience, intervalMs: 50 },
    );
    const outcome = await child.outcome;
    this.see(`stdout of ${name}`, outcome.stdout);
    this.see(`stderr of ${name}`, outcome.stderr);
    return outcome;
  }

  /** Adds all files of a folder. */
  seeFiles(where: string, folder: string): void {
    for (const name of readdirSync(folder))
      this.see(`${where}/${name}`, readFileSync(join(folder, name), "utf8"));
  }

  /** Which secret is to be found where. */
  leaks(): string[] {
    return [...this.seen].flatMap(([where, text]) =>
      [...this.#secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => `${name} in ${where}`),
    );
  }
}
