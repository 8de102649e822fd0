import { type RedisopsError, toRedisopsError } from "../errors.ts";
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

/** Tries to read every secret that the configuration refers to. */
export function unresolvedSecrets(config: Config): UnresolvedSecret[] {
  return secretsIn(config, "").flatMap(({ path, secret }) => {
    try {
      secret.reveal();
      return [];
    } catch (error) {
      return [{ path, error: toRedisopsError(error) }];
    }
  });
}
