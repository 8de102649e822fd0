import { readFileSync } from "node:fs";
import { messageOf, RedisopsError } from "../errors.ts";

/** How a secret is written in redisops.yaml: a reference, never the secret itself. */
export const secretReferencePattern = /^(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:.+)$/;

/**
 * A secret as redisops.yaml names it. It is read at each use, so that a rotated file or variable counts without a
 * restart, and it never shows up when it is printed or serialised.
 */
export class Secret {
  readonly reference: string;

  constructor(reference: string) {
    this.reference = reference;
  }

  /** The secret's value. Throws SECRET_UNRESOLVED when the variable is unset or the file cannot be read. */
  reveal(): string {
    if (this.reference.startsWith("file:")) {
      const path = this.reference.slice("file:".length);
      try {
        return readFileSync(path, "utf8").replace(/\r?\n$/, "");
      } catch (error) {
        throw new RedisopsError(
          "SECRET_UNRESOLVED",
          `Cannot read the secret file ${path}: ${messageOf(error)}`,
        );
      }
    }
    const variable = this.reference.slice(2, -1);
    const value = process.env[variable];
    if (value === undefined || value === "") {
      throw new RedisopsError("SECRET_UNRESOLVED", `The environment variable ${variable} is not set`);
    }
    return value;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "***";
  }
}
