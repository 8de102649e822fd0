/** Something that was found, and by what. */
export interface Finding {
  /** Dotted path in redisops.yaml: `roles.registry`. */
  readonly path: string;
  /** Why it stands there, for a reader; a comment in the file. Holds no key, user or secret. */
  readonly why: string;
}

/** Something that could not be found. */
export interface Todo {
  /** Dotted path in redisops.yaml. */
  readonly path: string;
  /** What is missing, and why. */
  readonly what: string;
  /** The option that says it, or what to do in its place. */
  readonly how: string;
  /** Lines of redisops.yaml to fill in. */
  readonly lines: readonly string[];
}

/** What is missing of something that nobody named. */
export const noAddress = "no address was given.";

/** A configuration in the making. */
export class Draft {
  readonly sections: Record<string, unknown> = {};
  readonly findings: Finding[] = [];
  readonly todos: Todo[] = [];

  /** Writes a value under a dotted path, with the reason. */
  set(path: string, value: unknown, why?: string): void {
    const names = path.split(".");
    let at: Record<string, unknown> = this.sections;
    for (const name of names.slice(0, -1)) {
      const next = at[name] ?? {};
      at[name] = next;
      at = next as Record<string, unknown>;
    }
    at[names.at(-1) ?? path] = value;
    if (why !== undefined) this.findings.push({ path, why });
  }

  /** Notes what could not be found. */
  todo(path: string, what: string, how: string, lines: readonly string[] = []): void {
    this.todos.push({ path, what, how, lines });
  }
}
