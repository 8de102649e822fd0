import { RedisopsError, toRedisopsError } from "../errors.ts";
import type { Config } from "./schema.ts";
import { Secret } from "./secret.ts";

/** A secret of the configuration that cannot be read now. */
export interface UnresolvedSecret {
  /** Dotted path in redisops.yaml. */
  readonly path: string;
  readonly error: RedisopsError;
}

function secretsIn(value: unknown, path: string): { path: string; secret: Secret }[] {
  if (value instanceof Secret) return [{ path, secret: value }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    secretsIn(child, path === "" ? key : `${path}.${key}`),
  );
}

/** Tries to read every secret of a configuration, or of some of its sections. */
function unresolvedSecrets(sections: Partial<Config>): UnresolvedSecret[] {
  return secretsIn(sections, "").flatMap(({ path, secret }) => {
    try {
      secret.reveal();
      return [];
    } catch (error) {
      return [{ path, error: toRedisopsError(error) }];
    }
  });
}

/** SECRET_UNRESOLVED, for all secrets at once. */
class UnresolvedSecretsError extends RedisopsError {
  readonly problems: readonly { readonly path: string; readonly message: string }[];

  constructor(file: string, unresolved: readonly UnresolvedSecret[]) {
    const problems = unresolved.map(({ path, error }) => ({ path, message: error.message }));
    const count = problems.length === 1 ? "1 secret" : `${problems.length} secrets`;
    const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
    super("SECRET_UNRESOLVED", `${file} refers to ${count} that cannot be read:\n${lines.join("\n")}`);
    this.problems = problems;
  }

  override toJSON() {
    return { ...super.toJSON(), problems: this.problems };
  }
}

/**
 * Throws SECRET_UNRESOLVED with the path of every secret that cannot be read now. Takes a whole configuration, or the
 * sections that a command works with: what it does not need must not keep it from its work.
 */
export function requireSecrets(sections: Partial<Config>, file: string): void {
  const unresolved = unresolvedSecrets(sections);
  if (unresolved.length > 0) throw new UnresolvedSecretsError(file, unresolved);
}
